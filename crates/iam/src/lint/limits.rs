//! Conditions that limit who asks.

use super::view::{ConditionView, StatementView};
use crate::Arn;
use crate::principal::is_account;
use crate::value::Block;

/// Keys that say who asks, and what of a value has to be fixed for it to limit that. S3's own list of what makes a
/// policy not public, with the two of `kms:` that name the caller
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>).
const LIMITS: [(&str, Fixed); 16] = [
    ("aws:principalorgid", Fixed::Whole),
    ("aws:principalorgpaths", Fixed::Organization),
    ("aws:principalaccount", Fixed::Whole),
    ("aws:principalarn", Fixed::Account),
    ("aws:sourcearn", Fixed::Account),
    ("aws:sourceaccount", Fixed::Whole),
    ("aws:sourceowner", Fixed::Whole),
    ("aws:sourceip", Fixed::Block),
    ("aws:sourcevpc", Fixed::Whole),
    ("aws:sourcevpce", Fixed::Whole),
    ("aws:userid", Fixed::UniqueId),
    ("s3:dataaccesspointarn", Fixed::Account),
    ("s3:dataaccesspointaccount", Fixed::Whole),
    ("kms:calleraccount", Fixed::Whole),
    ("aws:sourceorgid", Fixed::Whole),
    ("aws:sourceorgpaths", Fixed::Organization),
];

/// Keys that part the identities of one account.
const WITHIN_ACCOUNT: [&str; 11] = [
    "aws:principalarn",
    "aws:userid",
    "aws:username",
    "aws:sourceip",
    "aws:vpcsourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourceidentity",
    "sts:sourceidentity",
    "aws:multifactorauthpresent",
    "aws:multifactorauthage",
];

/// What of a value has to be fixed. What is left open a stranger chooses: the name of a role of his own account, and
/// his own organization.
#[derive(Clone, Copy)]
enum Fixed {
    /// All of it.
    Whole,
    /// The account of an ARN; of an ARN that has none, as a bucket's, the name.
    Account,
    /// `o-…/` of a path.
    Organization,
    /// The `AROA…` of a session.
    UniqueId,
    /// More than the first few bits.
    Block,
}

/// Whether a statement for everybody is limited to some.
pub fn limits_who(statement: &StatementView<'_>) -> bool {
    statement.conditions.iter().any(|condition| {
        let key = condition.key.to_ascii_lowercase();
        let known = LIMITS.iter().find(|(own, _)| *own == key);
        known.is_some_and(|(_, fixed)| asks(condition) && all(condition, |text| fixed.is_in(text)))
    })
}

/// Whether a statement for an account is limited to some of its identities.
pub fn limits_within_account(statement: &StatementView<'_>) -> bool {
    statement.conditions.iter().any(|condition| {
        let key = condition.key.to_ascii_lowercase();
        // One that is not needed, or any will do, has a rule of its own.
        if key == "sts:externalid" {
            return true;
        }
        // That it is there at all says that the caller had a second factor.
        if key.starts_with("aws:multifactorauth") && condition.operator_name == "Null" {
            return all(condition, |text| text == "false");
        }
        let parts = WITHIN_ACCOUNT.contains(&key.as_str()) || key.starts_with("aws:principaltag/");
        parts && asks(condition) && all(condition, |text| !text.ends_with(":*") && text != "*")
    })
}

/// Whether it fails for a request without the key, or with another value.
fn asks(condition: &ConditionView<'_>) -> bool {
    let name = condition.operator_name;
    let lenient = name.ends_with("IfExists") || name.starts_with("ForAllValues:");
    !lenient && !name.contains("Not") && name != "Null"
}

fn all(condition: &ConditionView<'_>, holds: impl Fn(&str) -> bool) -> bool {
    !condition.values.is_empty() && condition.values.iter().all(|value| value.as_text().is_some_and(&holds))
}

impl Fixed {
    fn is_in(self, text: &str) -> bool {
        // A variable of the resource is the owner's; any other is the caller's own.
        if text.starts_with("${aws:Resource") {
            return true;
        }
        let open = |part: &str| part.contains(['*', '?']) || part.contains("${");
        let start = |part: &str| part.split(['*', '?', '$']).next().unwrap_or_default().len();
        match self {
            Self::Whole => !open(text),
            Self::Organization => start(text) > text.find('/').unwrap_or(text.len()).max(2),
            Self::UniqueId => start(text) >= 16,
            Self::Block => Block::parse(text).is_some_and(|block| !block.is_vast()),
            Self::Account => Arn::parse(text).is_some_and(|arn| match arn.account {
                "" => start(arn.resource) >= arn.resource.find('/').unwrap_or(arn.resource.len()).max(3),
                account => is_account(account) && !arn.resource.is_empty(),
            }),
        }
    }
}
