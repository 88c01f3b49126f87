//! What is to be there in the owner's account.

use firmhold_core::backend::Encryption;
use firmhold_core::{Backend, Code, Prefix, Problem};
use firmhold_iam::{Policy, PolicyKind};
use serde_json::Value;

/// The name of the role's inline policy.
const POLICY_NAME: &str = "firmhold-bucket";
/// A session of a role that another role assumed lasts an hour whatever the role says, so more would be no use.
const MAX_SESSION_SECONDS: i32 = 3600;

/// A bucket and its role, with no choices left in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The owner's account, twelve digits. Credentials of another one are refused.
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Below which Firmhold works.
    pub prefix: Prefix,
    /// The bucket's default encryption.
    pub encryption: Encryption,
    /// The role's name.
    pub role_name: String,
    /// The role's description.
    pub role_description: String,
    /// Longest session of the role, in seconds (3,600 to 43,200); only used when the role is made.
    pub max_session_seconds: i32,
    /// The name of the role's inline policy.
    pub policy_name: String,
    /// The role's trust policy, from the platform.
    pub trust: Value,
    /// The role's inline policy.
    pub permission_policy: Value,
    /// Statements for the bucket's policy, each with its own `Sid`.
    pub bucket_policy: Value,
}

impl Spec {
    /// What a backend asks for, in `account`, with a role of this name.
    ///
    /// # Errors
    /// [`Code::Usage`] when the backend has no trust policy (it uses static keys), and as [`Spec::check`].
    pub fn of(backend: &Backend, account: &str, role_name: &str) -> Result<Self, Problem> {
        let trust = backend.trust_policy.clone().ok_or_else(|| {
            Problem::new(Code::Usage, format!("backend {} has no role, and so no trust policy", backend.name))
        })?;
        let spec = Self {
            partition: backend.partition.clone(),
            account: account.to_owned(),
            bucket: backend.bucket.clone(),
            region: backend.region.clone(),
            prefix: backend.prefix.clone(),
            encryption: backend.encryption.clone(),
            role_name: role_name.to_owned(),
            role_description: format!(
                "Lets Firmhold keep firmware in s3://{}/{}",
                backend.bucket, backend.prefix
            ),
            max_session_seconds: MAX_SESSION_SECONDS,
            policy_name: POLICY_NAME.to_owned(),
            trust,
            permission_policy: backend.permission_policy.clone(),
            bucket_policy: backend.bucket_policy.clone(),
        };
        spec.check()?;
        Ok(spec)
    }

    /// The role's ARN.
    pub fn role_arn(&self) -> String {
        format!("arn:{}:iam::{}:role/{}", self.partition, self.account, self.role_name)
    }

    /// Value of the tag `firmhold`, by which a role is known to be ours.
    pub(crate) fn role_tag(&self) -> String {
        format!("{}/{}", self.bucket, self.prefix)
    }

    /// Refuses what must not be applied to anyone's account, wherever it came from: the policies come over the wire
    /// from the platform, and the owner's credentials could carry out anything.
    ///
    /// # Errors
    /// [`Code::Usage`]: policies that do not parse, a role that strangers could assume or that could do more than use
    /// named buckets and keys, a bucket policy that would let everybody in or touch others' statements, names that
    /// AWS would not take.
    pub fn check(&self) -> Result<(), Problem> {
        if self.account.len() != 12 || !self.account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse("the account must be twelve digits"));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b);
        if self.role_name.is_empty() || self.role_name.len() > 64 || !self.role_name.bytes().all(plain) {
            return Err(refuse("the role's name must be 1 to 64 letters, digits and +=,.@_-"));
        }
        parse("trust policy", &self.trust, PolicyKind::Trust)?;
        parse("permission policy", &self.permission_policy, PolicyKind::Identity)?;
        for statement in statements(&self.trust) {
            refuse_open_trust(statement)?;
        }
        if !statements(&self.bucket_policy).is_empty() {
            parse("bucket policy", &self.bucket_policy, PolicyKind::Resource)?;
        }
        for statement in statements(&self.permission_policy) {
            refuse_far_reach(statement)?;
        }
        for statement in statements(&self.bucket_policy) {
            refuse_public(statement)?;
        }
        Ok(())
    }
}

/// The statements of a policy; one alone may stand without a list.
pub(crate) fn statements(policy: &Value) -> &[Value] {
    match policy.get("Statement") {
        Some(Value::Array(list)) => list,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

fn refuse(detail: impl Into<String>) -> Problem {
    Problem::new(Code::Usage, detail).with_hint("Nothing was changed.")
}

fn parse(name: &str, policy: &Value, kind: PolicyKind) -> Result<(), Problem> {
    Policy::parse(name, &policy.to_string(), kind)
        .map(drop)
        .map_err(|error| refuse(format!("the {name} is no policy of its kind: {error}")))
}

fn allows(statement: &Value) -> bool {
    statement.get("Effect").and_then(Value::as_str) != Some("Deny")
}

fn names_everybody(statement: &Value) -> bool {
    let star = |value: &Value| match value {
        Value::String(text) => text == "*",
        Value::Array(list) => list.iter().any(|entry| entry == "*"),
        _ => false,
    };
    match statement.get("Principal") {
        Some(Value::Object(kinds)) => kinds.values().any(star),
        Some(principal) => star(principal),
        None => true,
    }
}

/// INVARIANT: a role is never given a trust policy that lets anyone in without an external ID (design D5).
fn refuse_open_trust(statement: &Value) -> Result<(), Problem> {
    if !allows(statement) {
        return Ok(());
    }
    let id = statement.pointer("/Condition/StringEquals/sts:ExternalId");
    let filled = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let bound = match id {
        Some(Value::Array(ids)) => !ids.is_empty() && ids.iter().all(filled),
        Some(one) => filled(one),
        None => false,
    };
    if !bound || names_everybody(statement) {
        return Err(refuse(
            "the trust policy would let others in: a statement allows without `StringEquals` on `sts:ExternalId`, or for everybody",
        ));
    }
    Ok(())
}

/// INVARIANT: the role can use S3 and KMS only, and there only what is named: no bucket and no key by a wildcard.
fn refuse_far_reach(statement: &Value) -> Result<(), Problem> {
    if !allows(statement) {
        return Ok(());
    }
    let each = |member: &str, holds: fn(&str) -> bool| match statement.get(member) {
        Some(Value::Array(list)) => list.iter().all(|entry| entry.as_str().is_some_and(holds)),
        Some(one) => one.as_str().is_some_and(holds),
        None => false,
    };
    let of_s3_or_kms = |action: &str| {
        let service = action.split_once(':').map(|(service, _)| service.to_ascii_lowercase());
        matches!(service.as_deref(), Some("s3" | "kms"))
    };
    if each("Action", of_s3_or_kms) && each("Resource", names_one) {
        return Ok(());
    }
    Err(refuse("the permission policy would allow more than to use named buckets and keys"))
}

/// Whether an ARN names its bucket, or its key, in plain letters. What follows the bucket's name may be a pattern.
fn names_one(arn: &str) -> bool {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, service @ ("s3" | "kms"), region, account, resource] = fields.as_slice() else {
        return false;
    };
    let name = if service == "s3" { resource.split('/').next().unwrap_or_default() } else { resource };
    !name.is_empty() && [partition, region, account, name].iter().all(|part| !part.contains(['*', '?', '$']))
}

/// How the `Sid` of every statement of ours begins.
const OUR_SID: &str = "Firmhold";

/// INVARIANT: our statements in a bucket policy have names to be found by, which are nobody else's, and never widen
/// public access.
fn refuse_public(statement: &Value) -> Result<(), Problem> {
    if !statement.get("Sid").and_then(Value::as_str).is_some_and(|sid| sid.starts_with(OUR_SID)) {
        return Err(refuse(
            "a statement for the bucket policy has no `Sid` of ours, so it could take the place of another's",
        ));
    }
    if allows(statement) && (statement.get("NotPrincipal").is_some() || names_everybody(statement)) {
        return Err(refuse("a statement for the bucket policy would let everybody in"));
    }
    Ok(())
}
