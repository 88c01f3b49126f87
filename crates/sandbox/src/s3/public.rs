//! Whether a bucket policy is public in the sense of the public-access block.
//!
//! "A policy is not public if it gives access only to fixed values (no wildcard, no policy variable)" of a
//! principal or of one of the condition keys below
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>, "The
//! meaning of public").

use serde_json::Value;

/// The condition keys that bind an anonymous principal down, in lower case.
const BINDING_KEYS: [&str; 13] = [
    "aws:sourcearn",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourceowner",
    "aws:sourceaccount",
    "aws:sourceip",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principalorgid",
    "aws:userid",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:dataaccesspointarn",
    "s3:dataaccesspointaccount",
];

/// Operators that compare a key with values for equality or membership.
const BINDING_OPERATORS: [&str; 7] = [
    "stringequals",
    "stringequalsignorecase",
    "stringlike",
    "arnequals",
    "arnlike",
    "ipaddress",
    "numericequals",
];

/// Whether any statement of a (valid) bucket policy lets everyone in.
pub fn is_public(policy: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Value>(policy) else { return false };
    let statements = document.get("Statement").map(many).unwrap_or_default();
    statements.into_iter().any(admits_everyone)
}

fn admits_everyone(statement: &Value) -> bool {
    if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
        return false;
    }
    // NotPrincipal with Allow admits everyone but a few.
    let open = statement.get("NotPrincipal").is_some() || statement.get("Principal").is_some_and(is_anyone);
    open && !statement.get("Condition").is_some_and(binds)
}

fn is_anyone(principal: &Value) -> bool {
    match principal {
        Value::String(name) => name == "*",
        Value::Object(kinds) => kinds
            .get("AWS")
            .is_some_and(|names| many(names).into_iter().any(|name| name.as_str() == Some("*"))),
        _ => false,
    }
}

fn binds(condition: &Value) -> bool {
    let Some(operators) = condition.as_object() else { return false };
    operators.iter().any(|(operator, keys)| {
        BINDING_OPERATORS.contains(&operator.to_ascii_lowercase().as_str())
            && keys.as_object().is_some_and(|keys| keys.iter().any(|(key, values)| fixes(key, values)))
    })
}

fn fixes(key: &str, values: &Value) -> bool {
    let key = key.to_ascii_lowercase();
    BINDING_KEYS.contains(&key.as_str())
        && many(values).into_iter().all(|value| value.as_str().is_some_and(|text| is_fixed(&key, text)))
}

fn is_fixed(key: &str, value: &str) -> bool {
    match key {
        // A range as wide as a /8 (IPv4) or /32 (IPv6) is as good as public.
        "aws:sourceip" => {
            let width = value.split_once('/').and_then(|(_, bits)| bits.parse::<u8>().ok());
            let narrow = if value.contains(':') { 32 } else { 8 };
            width.is_none_or(|width| width >= narrow)
        }
        // `AROA…:*` is one role's sessions.
        "aws:userid" => !value.starts_with('*') && !value.contains("${"),
        _ => !value.contains(['*', '?']) && !value.contains("${"),
    }
}

fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        single => vec![single],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(principal: Value, condition: Value) -> bool {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::b/*", "Condition": condition
            }]
        });
        is_public(&policy.to_string())
    }

    #[test]
    fn everyone_is_public_and_a_fixed_value_binds() {
        assert!(with(json!("*"), json!({})));
        assert!(with(json!({"AWS": ["*"]}), json!({})));
        assert!(!with(json!({"AWS": "arn:aws:iam::111122223333:root"}), json!({})));
        assert!(!with(json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-abc"}})));
        assert!(with(json!("*"), json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}})));
        assert!(with(json!("*"), json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-abc"}})));
        assert!(with(json!("*"), json!({"Bool": {"aws:SecureTransport": "true"}})));
        assert!(!with(json!("*"), json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})));
        assert!(with(json!("*"), json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})));
    }

    #[test]
    fn a_deny_is_never_public() {
        let policy =
            json!({"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}});
        assert!(!is_public(&policy.to_string()));
    }
}
