//! What black-box tests start and drive: the built binary as child processes, and external clients.

pub mod aws;
pub mod child;
pub mod curl;
pub mod daemon;
pub mod issuer;
pub mod journey;
pub mod keyed_platform;
pub mod platform;
pub mod sandbox;
pub mod stores;
pub mod stub;
pub mod world;

use std::path::PathBuf;

/// The folder in which `cargo xtask test` installed the external clients.
pub fn tools() -> PathBuf {
    let tools = std::env::var_os("FIRMHOLD_TOOLS");
    PathBuf::from(tools.expect("this test needs external clients: run it by `cargo xtask test`"))
}

/// Bytes that no run of zeros or repetition makes easy: a part in the wrong place shows.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
