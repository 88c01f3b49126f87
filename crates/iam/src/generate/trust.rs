//! The trust policy of a backend's role.

use serde_json::{Value, json};

use super::parts::literal;
use super::{Generated, TrustShape};

/// How the trust policy names the platform's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TrustForm {
    /// The platform's account, narrowed to the role by `aws:PrincipalArn`: survives the role's being re-created,
    /// where a role named as principal is turned into the unique id of the one that was deleted (T24).
    #[default]
    AccountWithPrincipalArn,
    /// The platform's role as principal. It must exist when the policy is saved.
    RoleArn,
}

/// The trust policy of a backend's role: nobody but the platform's role gets in, and only with an external ID.
///
/// ```
/// use firmhold_iam::{TrustForm, TrustShape, trust_policy};
///
/// let shape = TrustShape {
///     partition: "aws".to_owned(),
///     platform_account: "999999999999".to_owned(),
///     platform_role_arn: "arn:aws:iam::999999999999:role/firmhold-platform".to_owned(),
///     external_ids: vec!["9d1f0c3e".to_owned()],
/// };
/// let document = trust_policy(&shape, TrustForm::AccountWithPrincipalArn);
/// assert_eq!(document["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"], "9d1f0c3e");
/// ```
pub fn trust_policy(shape: &TrustShape, form: TrustForm) -> Value {
    let external_id = match shape.external_ids.as_slice() {
        [one] => json!(one),
        many => json!(many),
    };
    let mut condition = json!({ "StringEquals": { "sts:ExternalId": external_id } });
    let principal = match form {
        TrustForm::AccountWithPrincipalArn => {
            if let Some(condition) = condition.as_object_mut() {
                let role = json!({ "aws:PrincipalArn": literal(&shape.platform_role_arn) });
                condition.insert("ArnEquals".to_owned(), role);
            }
            format!("arn:{}:iam::{}:root", shape.partition, shape.platform_account)
        }
        TrustForm::RoleArn => shape.platform_role_arn.clone(),
    };
    Generated::Trust.document(vec![json!({
        "Sid": "FirmholdAssume",
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": { "AWS": principal },
        "Condition": condition,
    })])
}
