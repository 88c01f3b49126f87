//! Names, without a keyboard and without a network: the bucket's, the role's, the session's.
//!
//! [`propose`] makes a bucket name by one of the guide's patterns or one's own, with a random ending unless that is
//! refused (T36: a name that can be guessed can be taken by somebody else, before us or after us). [`rules`] is AWS's
//! table of what a general purpose bucket may be called; [`check`] names every rule that a name breaks.

mod pattern;
mod proposal;
mod role;
mod rule;
mod short_name;
mod suffix;

pub use pattern::{Parts, Pattern};
pub use proposal::{Proposal, propose};
pub use role::{check_description, check_role_name, check_session_name, check_tag, session_name};
pub use rule::{Broken, Rule, Use, check, rules};
pub use short_name::{MAX_SHORT_NAME, check_short_name};
pub use suffix::Suffix;
