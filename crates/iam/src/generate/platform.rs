//! The policy of the platform's own role.

use serde_json::{Value, json};

use super::Generated;

/// What the platform's role may do: assume roles in its customers' accounts, and nothing else
/// (`sts:GetCallerIdentity` needs no permission). Without `customer_accounts`, in any account: which roles let
/// it in is for their trust policies to say.
///
/// It asks for no external ID. Checks V3 and V4 call *without* the right one, and a refusal by our own policy
/// would pass for a refusal by the customer's.
///
/// ```
/// use firmhold_iam::platform_policy;
///
/// let document = platform_policy("aws", &["111122223333"]);
/// assert_eq!(document["Statement"][0]["Resource"][0], "arn:aws:iam::111122223333:role/*");
/// ```
pub fn platform_policy(partition: &str, customer_accounts: &[&str]) -> Value {
    let role = |account: &str| format!("arn:{partition}:iam::{account}:role/*");
    let resource = match customer_accounts {
        [] => json!(role("*")),
        accounts => json!(accounts.iter().map(|account| role(account)).collect::<Vec<_>>()),
    };
    Generated::Platform.document(vec![json!({
        "Sid": "FirmholdAssumeBackendRoles",
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": resource,
    })])
}
