//! What a backend costs in a month, without a network.
//!
//! Prices stand in a committed table ([`PriceTable::committed`], `prices.toml`), each with the text it rests on and the
//! day on which that text was read. A file of the same form takes precedence row by row.
//!
//! INVARIANT: a price is never made up. Where no text with a price was found the line of the bill says "no price", and
//! the total says that it is not whole.
//!
//! Three ways in: a [`Scenario`] (what the fleet will do) becomes a [`Usage`] by [`Scenario::usage`]; figures that were
//! measured are a [`Usage`] already; [`bill`] makes money of it. [`what_if`] compares two scenarios, [`observe`] finds
//! in a month what makes it dear, and names the device that downloads the same thing forty times.

mod bill;
mod class;
mod item;
mod observation;
mod price;
mod record;
mod scenario;
mod table;
mod usage;
mod what_if;

pub use bill::{Bill, Line, bill};
pub use class::StorageClass;
pub use item::Item;
pub use observation::{Observation, observe};
pub use price::{Price, Source, Tier};
pub use record::{Record, records};
pub use scenario::{Profile, Scenario};
pub use table::PriceTable;
pub use usage::{Cdn, Early, Held, Moved, Requests, Retrieved, Stored, Transfer, Usage};
pub use what_if::{Change, Comparison, Difference, what_if};

/// What S3 calls a GB is 2^30 bytes (<https://aws.amazon.com/s3/pricing/>).
pub const GB: f64 = 1_073_741_824.0;

/// Bytes as S3's GB.
pub fn gb(bytes: u64) -> f64 {
    // Exact up to 2^53 bytes, and far finer than any price beyond.
    bytes as f64 / GB
}
