//! Decisions: every request is put to the policy engine with the policies that apply to it, and the statement that
//! decided goes into the request log.

use std::sync::Arc;

use firmhold_iam::{
    Arn, ContextValue, Decision, Outcome, Policies, Policy, PolicyError, PolicyKind, Principal, Request,
    decide,
};
use s3s::{S3Error, S3ErrorCode};

use crate::account::Accounts;
use crate::caller::Caller;
use crate::iam_document::unknown_principal;
use crate::organization::ControlPolicies;
use crate::s3::is_public;
use crate::storage::Storage;
use crate::storage::record::{BucketFacts, PublicAccessBlock};

/// A question to the policy engine.
pub(crate) struct Ask<'a> {
    /// `s3:GetObject`
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) resource_account: Option<&'a str>,
    pub(crate) resource_policy: Option<&'a str>,
    pub(crate) trust: Option<&'a str>,
    /// The condition keys of this operation.
    pub(crate) context: &'a [(&'a str, ContextValue)],
}

/// Puts a question and logs the answer. An error is a stored policy that cannot be read: nothing is allowed then.
pub(crate) fn ask(caller: &Caller, ask: &Ask<'_>) -> Result<Decision, PolicyError> {
    let identity: Vec<Policy> = caller
        .policies
        .iter()
        .map(|(name, text)| Policy::parse(name, text, PolicyKind::Identity))
        .collect::<Result<_, _>>()?;
    let parse = |name, text: Option<&str>, kind| text.map(|text| Policy::parse(name, text, kind)).transpose();
    let session = parse("session-policy", caller.session_policy.as_deref(), PolicyKind::Session)?;
    let resource = parse(resource_policy_name(ask.action), ask.resource_policy, PolicyKind::Resource)?;
    let trust = parse("trust-policy", ask.trust, PolicyKind::Trust)?;
    let control = caller.accounts.control();
    let control = control.as_deref();
    let service_control =
        control.zip(caller.account.as_deref()).map(|(control, account)| control.service_control(account));
    let resource_control =
        control.zip(ask.resource_account).map(|(control, account)| control.resource_control(account));
    let decision = decide(
        &request(caller, ask),
        &Policies {
            identity: identity.iter().collect(),
            resource: resource.as_ref(),
            trust: trust.as_ref(),
            session: session.as_ref(),
            service_control: service_control.unwrap_or_default(),
            resource_control: resource_control.unwrap_or_default(),
            management_account: control.map(ControlPolicies::management_account),
            ..Policies::default()
        },
    );
    if decision.is_allowed() {
        record_use(caller, ask.action);
    }
    caller.trace.decision(format!("{} on {}: {}", ask.action, ask.resource, decision.summary()));
    Ok(decision)
}

/// What the log calls the policy of an action's resource.
fn resource_policy_name(action: &str) -> &'static str {
    match action.split(':').next() {
        Some("kms") => "key-policy",
        Some("SNS") => "topic-policy",
        _ => "bucket-policy",
    }
}

fn record_use(caller: &Caller, action: &str) {
    if let Some(arn) = caller.principal.principal_arn() {
        caller.accounts.usage().record(&arn, action, &caller.region, caller.accounts.now());
    }
}

fn request(caller: &Caller, ask: &Ask<'_>) -> Request {
    let mut context = caller.context.clone();
    if let Some(control) = caller.accounts.control() {
        control.set_keys(&mut context, caller.account.as_deref(), ask.resource_account);
    }
    if let Some(account) = ask.resource_account {
        context.set("aws:ResourceAccount", account);
    }
    for (key, value) in ask.context {
        context.set(key, value.clone());
    }
    Request {
        principal: caller.principal.clone(),
        action: ask.action.to_owned(),
        resource: ask.resource.to_owned(),
        resource_account: ask.resource_account.map(str::to_owned),
        context,
    }
}

/// AWS's sentence for a refusal.
pub(crate) fn refusal(caller: &Caller, action: &str, resource: &str, decision: &Decision) -> String {
    format!(
        "User: {} is not authorized to perform: {action} on resource: {resource} {}",
        caller.name(),
        decision.aws_reason()
    )
}

/// Decisions on S3 requests.
pub struct Gate {
    storage: Storage,
    accounts: Accounts,
}

impl Gate {
    /// A gate in front of the buckets of `storage`.
    pub(crate) fn new(storage: Storage, accounts: Accounts) -> Arc<Self> {
        Arc::new(Self { storage, accounts })
    }

    /// The first principal that a policy names of one of the sandbox's accounts and that does not exist: S3 and IAM
    /// refuse to save such a policy.
    pub fn unknown_principal(&self, policy: &str) -> Option<String> {
        unknown_principal(&self.accounts.effective(), policy)
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Whether `caller` may do `action` on a resource of `bucket`. `extra` are condition keys beside those that every
    /// request has.
    ///
    /// # Errors
    /// `AccessDenied` in AWS's words, `NoSuchBucket`, or `InternalError` for a stored policy that cannot be read.
    pub fn allow(
        &self,
        caller: &Caller,
        action: &str,
        resource_arn: &str,
        bucket: &str,
        extra: &[(&str, ContextValue)],
    ) -> Result<(), S3Error> {
        let facts = self.storage.bucket_facts(bucket).ok_or_else(no_such_bucket)?;
        self.allow_in(caller, action, resource_arn, &facts, extra)
    }

    /// The answer for a key that is not there: 404 for a caller that may list the bucket, else 403, so that a key's
    /// absence is not told to everyone
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>, "Permissions"). Whether it may list is
    /// asked as a list of that very key: AWS does not document it, but Ceph's gateway does so to be like AWS
    /// (ceph/ceph pull request 68577), and the least policy that Terraform documents for its S3 backend needs it.
    pub fn missing_key(&self, caller: &Caller, bucket: &str, key: &str) -> S3Error {
        let sought = [("s3:prefix", ContextValue::from(key))];
        match self.allow(caller, "s3:ListBucket", &bucket_arn(bucket), bucket, &sought) {
            Ok(()) => S3Error::with_message(S3ErrorCode::NoSuchKey, "The specified key does not exist."),
            Err(error) => error,
        }
    }

    /// Whether `caller` may hand a role to an AWS service
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>).
    ///
    /// # Errors
    /// As [`allow`](Self::allow).
    pub(crate) fn allow_pass_role(&self, caller: &Caller, role: &str, service: &str) -> Result<(), S3Error> {
        let account = Arn::parse(role).map(|arn| arn.account.to_owned());
        let question = Ask {
            action: "iam:PassRole",
            resource: role,
            resource_account: account.as_deref(),
            resource_policy: None,
            trust: None,
            context: &[("iam:PassedToService", ContextValue::from(service))],
        };
        answer(caller, &question)
    }

    /// What of public access is blocked: by the bucket, or by its account.
    pub(crate) fn block_of(&self, facts: &BucketFacts) -> PublicAccessBlock {
        let own = facts.public_access_block.unwrap_or_default();
        own.or(self.accounts.public_access_block(&facts.owner_account).unwrap_or_default())
    }

    /// `RestrictPublicBuckets`: a public policy lets in nobody from outside the owner's account but AWS's services.
    fn restricts(&self, caller: &Caller, facts: &BucketFacts) -> bool {
        caller.account.as_deref() != Some(&facts.owner_account)
            && !matches!(caller.principal, Principal::Service(_))
            && facts.policy.as_deref().is_some_and(is_public)
            && self.block_of(facts).restrict_public_buckets
    }

    pub(crate) fn allow_in(
        &self,
        caller: &Caller,
        action: &str,
        resource_arn: &str,
        facts: &BucketFacts,
        extra: &[(&str, ContextValue)],
    ) -> Result<(), S3Error> {
        if self.restricts(caller, facts) {
            caller.trace.error("AccessDenied");
            caller.trace.decision(format!("{action}: the public-access block restricts {}", facts.name));
            return Err(S3Error::with_message(S3ErrorCode::AccessDenied, "Access Denied"));
        }
        let mut context = vec![("s3:ResourceAccount", ContextValue::from(&facts.owner_account))];
        context.extend(extra.iter().cloned());
        let question = Ask {
            action,
            resource: resource_arn,
            resource_account: Some(&facts.owner_account),
            resource_policy: facts.policy.as_deref(),
            trust: None,
            context: &context,
        };
        answer(caller, &question)
    }
}

/// Puts a question on S3 and turns a refusal into S3's error.
pub(crate) fn answer(caller: &Caller, question: &Ask<'_>) -> Result<(), S3Error> {
    let decision = ask(caller, question).map_err(|error| {
        tracing::error!(%error, "a stored policy cannot be read");
        S3Error::with_message(S3ErrorCode::InternalError, "We encountered an internal error.")
    })?;
    if decision.outcome == Outcome::Allow {
        return Ok(());
    }
    caller.trace.error("AccessDenied");
    // AWS gives reasons only to callers of the resource's own account.
    let own = caller.account.is_some() && caller.account.as_deref() == question.resource_account;
    let message = if own {
        refusal(caller, question.action, &format!("\"{}\"", question.resource), &decision)
    } else {
        "Access Denied".to_owned()
    };
    Err(S3Error::with_message(S3ErrorCode::AccessDenied, message))
}

pub(crate) fn no_such_bucket() -> S3Error {
    S3Error::with_message(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist")
}

pub(crate) fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

pub(crate) fn object_arn(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}
