//! From an error text or a figure to its causes, in the order in which to look: each with the test that decides, and
//! the remedy as a command.
//!
//! A symptom is a file below `symptoms`; the troubleshooting page is made from them ([`page`]), so the two cannot
//! differ. Which type of policy refused is read by the policy engine's explainer: what the text says itself comes first.

mod catalogue;
mod diagnosis;
mod facts;
mod page;
mod symptom;

pub use catalogue::symptoms;
pub use diagnosis::{Diagnosis, Suspect, diagnose};
pub use facts::{FIGURES, Facts, Figure, Names};
pub use page::page;
pub use symptom::{Area, Cause, Symptom, Who};
