//! The owner's credentials, as people have them.
//!
//! aws-config knows how to get them: keys, `sso-session`, `credential_process`, web identity, `source_profile`. Ours is
//! to choose ([`trace`] reads which way a profile leads), to ask for an MFA code, which the SDK does not, and to say in
//! one sentence which link of the chain broke and what mends it ([`resolve`]).

mod chain;
mod held;
mod profile_file;
mod refusal;
mod resolve;

pub use chain::{Base, Chain, RoleLink, trace};
pub use profile_file::ProfileFiles;
pub use resolve::{AskCode, Identity, NoTerminal, Resolved, resolve};
