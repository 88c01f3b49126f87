//! The nouns of Firmhold. Pure: no IO, no async, and the time only from [`Clock`].

pub mod clock;

pub use clock::{Clock, Timestamp};
