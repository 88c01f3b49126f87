//! GetKeyPolicy, PutKeyPolicy, and the policies of keys that nobody gave one.

use firmhold_iam::{Policy, PolicyKind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Kms;
use super::key::Key;
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};
use crate::iam_document::unknown_principal;
use crate::records::Home;

/// Bytes of a key policy (32 KiB).
const MAX_POLICY: usize = 32 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetKeyPolicy {
    key_id: String,
    policy_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutKeyPolicy {
    key_id: String,
    policy_name: Option<String>,
    policy: String,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
}

impl Kms {
    pub(super) fn get_key_policy(&self, call: &Call<'_>) -> Answer {
        let input: GetKeyPolicy = call.input()?;
        let key = self.authorized(call, &input.key_id)?;
        check_name(input.policy_name.as_deref())?;
        Ok(json!({"Policy": key.policy, "PolicyName": "default"}))
    }

    pub(super) fn put_key_policy(&self, call: &Call<'_>) -> Answer {
        let input: PutKeyPolicy = call.input()?;
        let key = self.authorized(call, &input.key_id)?;
        check_name(input.policy_name.as_deref())?;
        key.check_not_pending()?;
        self.check_policy(call, &key, &input.policy, input.bypass_policy_lockout_safety_check)?;
        self.change_key(&key, |key| {
            key.policy = input.policy;
            Ok(())
        })?;
        Ok(Value::Null)
    }

    /// Refuses what KMS would not save as a key's policy: what is none, names somebody who is not there, or would
    /// lock the caller out.
    pub(super) fn check_policy(
        &self,
        call: &Call<'_>,
        key: &Key,
        text: &str,
        bypass: bool,
    ) -> Result<(), AwsError> {
        if text.len() > MAX_POLICY {
            return Err(AwsError::new(
                400,
                "LimitExceededException",
                "The key policy is longer than 32 KiB.",
            ));
        }
        Policy::parse("key-policy", text, PolicyKind::Resource)
            .map_err(|error| malformed(error.to_string()))?;
        if unknown_principal(&self.accounts.read(), text).is_some() {
            return Err(malformed("Policy contains a statement with one or more invalid principals."));
        }
        let candidate = Key { policy: text.to_owned(), ..key.clone() };
        if !bypass && self.allow(call.caller, "PutKeyPolicy", &candidate, None, &[]).is_err() {
            return Err(malformed(
                "The new key policy will not allow you to update the key policy in the future.",
            ));
        }
        Ok(())
    }
}

/// A key has one policy, and that is its name.
fn check_name(name: Option<&str>) -> Result<(), AwsError> {
    match name {
        None | Some("default") => Ok(()),
        Some(other) => Err(AwsError::new(400, "NotFoundException", format!("No such policy: {other}"))),
    }
}

fn malformed(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "MalformedPolicyDocumentException", message)
}

/// The policy of a key that was made without one: the account's own policies decide
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>).
pub(super) fn default_policy(account: &str) -> String {
    let policy = json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
            "Action": "kms:*",
            "Resource": "*"
        }]
    });
    format!("{policy:#}")
}

/// The policy of `aws/s3`: whoever of the account may use S3, by way of S3 only. It cannot be changed, which follows
/// from itself (<https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk>).
pub(super) fn s3_policy(home: Home<'_>) -> String {
    let policy = json!({
        "Version": "2012-10-17",
        "Id": "auto-s3-2",
        "Statement": [{
            "Sid": "Allow access through S3 for all principals in the account that are authorized to use S3",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
            "Resource": "*",
            "Condition": {"StringEquals": {
                "kms:ViaService": format!("s3.{}.amazonaws.com", home.region),
                "kms:CallerAccount": home.account
            }}
        }, {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{}:root", home.account)},
            "Action": ["kms:Describe*", "kms:Get*", "kms:List*"],
            "Resource": "*"
        }]
    });
    format!("{policy:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_that_are_made_are_policies() {
        let home = Home { account: "111122223333", region: "us-west-2" };
        for text in [default_policy(home.account), s3_policy(home)] {
            Policy::parse("key-policy", &text, PolicyKind::Resource).unwrap();
        }
    }
}
