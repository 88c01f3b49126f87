//! firmhold
fn main() {}
