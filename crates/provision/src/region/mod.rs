//! Where the bucket should lie, decided offline: the countries of the devices and a residency rule give a primary and
//! a secondary region with the reasons, the distances and the list prices.
//!
//! The guide calls one region cheapest and most available of all (T38). Nothing supports that, so nothing here says it:
//! a region is chosen for its distance, and a price decides only between two that are nearly as far.

mod choice;
mod country;
mod country_table;
mod distance;
mod region_table;
mod residency;

pub use choice::{Candidate, Choice, Fleet, Question, choose};
pub use country::{Country, countries, country};
pub use distance::{Place, kilometres};
pub use region_table::{Region, partition, region, regions};
pub use residency::Residency;
