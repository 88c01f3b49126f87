//! The gate that s3s asks before it reads an operation's input: faults, the expected owner, and the policies.

use std::sync::Arc;
use std::time::Duration;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::account::Accounts;
use crate::authorize::{self, Ask, Gate};
use crate::caller::Caller;
use crate::fault::{FaultAction, Faults};
use crate::s3_action::{Needs, needs};
use crate::s3_ask::S3Ask;
use crate::sigv4::{Carrier, query_pairs};
use crate::storage::record::BucketFacts;

/// Gives s3s the secrets to check signatures with. The front has already looked at the key and its token.
pub(crate) struct SecretKeys {
    pub(crate) accounts: Accounts,
}

#[async_trait::async_trait]
impl S3Auth for SecretKeys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        // INVARIANT: only the front lets a request with an `ASIA` key come here, and only with the token of that key.
        if access_key.starts_with("ASIA") {
            return Ok(SecretKey::from(self.accounts.seal().secret_access_key(access_key)));
        }
        match self.accounts.user_of_key(access_key) {
            Some((_, user)) => Ok(SecretKey::from(user.secret_access_key)),
            None => Err(S3ErrorCode::InvalidAccessKeyId.into()),
        }
    }
}

/// Decides each S3 request.
pub(crate) struct S3Gate {
    pub(crate) gate: Arc<Gate>,
    pub(crate) faults: Arc<Faults>,
}

#[async_trait::async_trait]
impl S3Access for S3Gate {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        // INVARIANT: no S3 operation runs for a caller that the front has not established.
        let Some(caller) = cx.extensions_mut().get::<Caller>().cloned() else {
            return Err(S3Error::with_message(S3ErrorCode::AccessDenied, "Access Denied"));
        };
        if !signature_was_checked(&caller, cx) {
            return Err(S3ErrorCode::SignatureDoesNotMatch.into());
        }
        let path = cx.s3_path();
        let (bucket, key) = match path {
            S3Path::Root => (None, None),
            S3Path::Bucket { bucket } => (Some(&**bucket), None),
            S3Path::Object { bucket, key } => (Some(&**bucket), Some(&**key)),
        };
        // Whatever is done with it: a key with a NUL could match the rows of another in the index.
        key.map_or(Ok(()), crate::s3::check_key)?;
        let operation = cx.s3_op().name();
        let query = query_pairs(cx.uri().query().unwrap_or_default());
        let request = S3Ask { operation, bucket, key, query, headers: cx.headers() };
        caller.trace.operation(operation, &request.resource());
        caller.trace.parameters(request.parameters());
        caller.trace.part_number(request.query("partNumber").and_then(|number| number.parse().ok()));
        self.inject_fault(&request, &caller).await?;
        self.decide(&request, &caller)
    }
}

/// Whether the caller's signature has been checked: one in the query by the front, one in the header by s3s, which
/// says then whose it is.
// INVARIANT: who only names a key gets no further than here.
fn signature_was_checked(caller: &Caller, cx: &S3AccessContext<'_>) -> bool {
    match caller.carrier {
        None | Some(Carrier::Query { .. }) => true,
        Some(Carrier::Header) => {
            let checked = cx.credentials().map(|credentials| credentials.access_key.as_str());
            checked.is_some() && checked == caller.access_key_id.as_deref()
        }
    }
}

impl S3Gate {
    async fn inject_fault(&self, request: &S3Ask<'_>, caller: &Caller) -> S3Result<()> {
        match self.faults.strike("s3", request.operation, request.key.unwrap_or_default()) {
            None => Ok(()),
            Some(FaultAction::Delay(millis)) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Ok(())
            }
            Some(FaultAction::Status(status, code)) => {
                caller.trace.error(code);
                let code = code.parse().unwrap_or(S3ErrorCode::InternalError);
                let mut error = S3Error::with_message(code, "A fault that was asked for.");
                error.set_status_code(http::StatusCode::from_u16(status).unwrap_or_default());
                Err(error)
            }
            Some(FaultAction::ExpiredToken) => {
                caller.trace.error("ExpiredToken");
                Err(S3Error::with_message(S3ErrorCode::ExpiredToken, "The provided token has expired."))
            }
            Some(action) => {
                caller.trace.set_stream_fault(action);
                Ok(())
            }
        }
    }

    fn decide(&self, request: &S3Ask<'_>, caller: &Caller) -> S3Result<()> {
        let Some(bucket) = request.bucket else {
            return ask_without_bucket(request, caller);
        };
        if request.operation == "CreateBucket" {
            return ask_without_bucket(request, caller);
        }
        let facts = self.gate.storage().bucket_facts(bucket).ok_or_else(authorize::no_such_bucket)?;
        caller.trace.owner(&facts.owner_account);
        check_expected_owner(request, &facts, caller)?;
        let versioned = request.query("versionId").is_some();
        match needs(request.operation, versioned, |header| request.headers.contains_key(header)) {
            Needs::PerKey => Ok(()),
            Needs::Actions(actions) => {
                let keys = request.context(|| self.existing_tags(request, bucket));
                let context: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
                let resource = request.resource();
                actions
                    .iter()
                    .try_for_each(|action| self.gate.allow_in(caller, action, &resource, &facts, &context))
            }
        }
    }
}

impl S3Gate {
    fn existing_tags(&self, request: &S3Ask<'_>, bucket: &str) -> Vec<(String, String)> {
        match request.key {
            Some(key) => self.gate.storage().object_tags(bucket, key, request.query("versionId")),
            None => Vec::new(),
        }
    }
}

/// `x-amz-expected-bucket-owner`: a bucket of another account is refused, whatever the policies say.
fn check_expected_owner(request: &S3Ask<'_>, facts: &BucketFacts, caller: &Caller) -> S3Result<()> {
    match request.header("x-amz-expected-bucket-owner") {
        Some(expected) if expected != facts.owner_account => {
            caller.trace.error("AccessDenied");
            caller.trace.decision(format!("the bucket is not of the expected owner {expected}"));
            Err(S3Error::with_message(S3ErrorCode::AccessDenied, "Access Denied"))
        }
        _ => Ok(()),
    }
}

fn ask_without_bucket(request: &S3Ask<'_>, caller: &Caller) -> S3Result<()> {
    let Needs::Actions(actions) =
        needs(request.operation, false, |header| request.headers.contains_key(header))
    else {
        return Ok(());
    };
    let keys = request.context(Vec::new);
    let context: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let resource = request.resource();
    actions.iter().try_for_each(|action| {
        let question = Ask {
            action,
            resource: &resource,
            resource_account: caller.account.as_deref(),
            resource_policy: None,
            trust: None,
            context: &context,
        };
        authorize::answer(caller, &question)
    })
}
