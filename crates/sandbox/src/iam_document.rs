//! Policy documents as IAM takes and gives them.

use firmhold_iam::{Policy, PolicyKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::account::AccountsState;
use crate::aws_error::AwsError;

/// Bytes, without white space, of a trust policy.
const MAX_TRUST: usize = 2048;

/// RFC 3986, as AWS encodes documents in answers.
const DOCUMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Checks a trust policy.
pub(crate) fn read_trust(text: &str) -> Result<&str, AwsError> {
    Policy::parse("trust-policy", text, PolicyKind::Trust).map_err(|error| malformed(error.to_string()))?;
    if size(text) > MAX_TRUST {
        let message = format!("Cannot exceed quota for ACLSizePerRole: {MAX_TRUST}");
        return Err(AwsError::new(409, "LimitExceeded", message));
    }
    Ok(text)
}

/// Checks an inline policy.
pub(crate) fn read_inline(text: &str) -> Result<&str, AwsError> {
    Policy::parse("inline-policy", text, PolicyKind::Identity)
        .map_err(|error| malformed(error.to_string()))?;
    Ok(text)
}

/// Refuses a document that names a user or role which does not exist, as IAM does when it saves one: it turns each
/// into the principal's unique id.
pub(crate) fn check_principals(state: &AccountsState, text: &str) -> Result<(), AwsError> {
    match unknown_principal(state, text) {
        None => Ok(()),
        Some(arn) => Err(malformed(format!("Invalid principal in policy: \"AWS\":\"{arn}\""))),
    }
}

/// The first `AWS` principal of a document that is of one of our accounts and does not exist in it.
pub(crate) fn unknown_principal(state: &AccountsState, text: &str) -> Option<String> {
    let document: Value = serde_json::from_str(text).ok()?;
    let statements = one_or_many(document.get("Statement")?);
    let principals = statements
        .iter()
        .filter_map(|statement| {
            statement.get("Principal").or_else(|| statement.get("NotPrincipal"))?.get("AWS")
        })
        .flat_map(one_or_many);
    principals.filter_map(Value::as_str).find(|arn| !state.knows_principal(arn)).map(str::to_owned)
}

/// What counts against IAM's quotas.
pub(crate) fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).map(char::len_utf8).sum()
}

/// A document as it stands in an answer.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, DOCUMENT).to_string()
}

fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

fn malformed(message: String) -> AwsError {
    AwsError::new(400, "MalformedPolicyDocument", message)
}
