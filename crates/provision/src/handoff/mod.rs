//! The hand-off to a platform whose operator sends the trust policy by hand: what it has to be told, filled in and
//! checked ([`Request`]), the check of what comes back ([`review`]), and the way onto the role ([`apply_trust`]).
//!
//! Three things of the guide are done otherwise. The backend's short name has ten characters at most, also in the
//! example, and is not the role's name (T25). No external ID stands in the message, and the platform is asked to make
//! one at random instead of taking the organization's (T18). What comes back is not pasted into the role, but read.

mod apply;
mod message;
mod request;
mod review;

pub use apply::{Applied, Given, Outcome, apply_trust};
pub use message::message;
pub use request::Request;
pub use review::{Refusal, Review, review};
