//! The whole journey on one machine: what `firmhold demo` shows.

mod attacks;
mod device;
mod journey;
mod story;
mod world;

pub use journey::{Journey, tell};
pub use story::Story;
pub use world::{Places, World};
