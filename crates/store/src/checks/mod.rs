//! The checks V1 to V13 of a backend (API contract 12.6): live tests through the platform's own role that a bucket can
//! be used and that nobody else gets in.
//!
//! [`verify`] runs all of them and never fails itself: whatever goes wrong is a check. A *success* of an intrusion
//! proves the hole by itself; a *refusal* counts only when the right way in works before and after (design D5).
//! [`root_cause`] finds the failed check that explains the others.

mod anonymous;
mod cause;
mod cleanup;
mod download;
mod finding;
mod fix;
mod identity;
mod ledger;
mod lifetime;
mod objects;
mod open_role;
mod owner;
mod prefix;
mod region;
mod replica;
mod report;
mod trust;
mod verify;
mod written;

pub use cause::{by_cause, root_cause};
pub use open_role::{Intrusion, OpenRole, role_is_open};
pub use report::{OwnerFinding, Report};
pub use verify::{VerifyOptions, verify};
