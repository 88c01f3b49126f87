//! What an AccessDenied text of AWS means: which policy refused, who can change it, and what to ask for.
//!
//! AWS names the type of the policy in most of its messages, and in some its ARN
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>).
//!
//! ```
//! use firmhold_iam::explain::{Culprit, explain};
//!
//! let told = explain(
//!     "User: arn:aws:sts::111122223333:assumed-role/FirmholdBackend/s is not authorized to perform: s3:GetObject \
//!      on resource: \"arn:aws:s3:::acme-fw/firmhold/a\" with an explicit deny in a service control policy",
//!     &[],
//! );
//! assert_eq!((told.culprit, told.explicit), (Culprit::ServiceControl, Some(true)));
//! assert_eq!(told.action.as_deref(), Some("s3:GetObject"));
//! let exemption = told.ask[0].json.as_ref().unwrap();
//! assert_eq!(exemption["ArnNotEquals"]["aws:PrincipalArn"], "arn:aws:iam::111122223333:role/FirmholdBackend");
//! ```

mod ask;
mod culprit;
mod held;
mod text;

use serde::Serialize;

pub use ask::Ask;
pub use culprit::Culprit;
pub use held::HeldStatement;

use crate::lint::Document;

/// What a text says, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The type of policy that refused.
    pub culprit: Culprit,
    /// Whether a statement denied (`true`) or none allowed (`false`); `None` where the text does not say.
    pub explicit: Option<bool>,
    /// Who asked, if the text says.
    pub caller: Option<String>,
    /// What for.
    pub action: Option<String>,
    /// On what.
    pub resource: Option<String>,
    /// The policy, where the text names it.
    pub policy_arn: Option<String>,
    /// What happened, in a sentence or two.
    pub meaning: String,
    /// Who can change it.
    pub who: &'static str,
    /// What to ask for, the likeliest first.
    pub ask: Vec<Ask>,
    /// The statements at fault, in documents that were given.
    pub statements: Vec<HeldStatement>,
}

/// Explains a text, however it was cut or wrapped; `held` are documents in which the statement may stand.
///
/// What AWS does not say is not guessed: a bare `Access Denied` has [`Culprit::Unknown`], with the ways to find out.
pub fn explain(text: &str, held: &[Document]) -> Explanation {
    let read = text::read(text);
    let culprit = culprit::of(&read);
    let statements = held::find(&read, culprit, held);
    Explanation {
        culprit: culprit.culprit,
        explicit: culprit.explicit,
        meaning: culprit::meaning(&read, culprit),
        who: culprit.culprit.who(),
        ask: ask::of(&read, culprit),
        caller: read.caller,
        action: read.action,
        resource: read.resource,
        policy_arn: read.policy_arn,
        statements,
    }
}
