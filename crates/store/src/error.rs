//! What AWS says when something goes wrong, as a [`Problem`]: whose fault it is and whether to try again.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use firmhold_core::Problem;
use firmhold_core::problem::Code;
/// As one text: the errors themselves may hold requests, and those hold tokens.
pub(crate) use firmhold_core::problem::chain;

use crate::s3_error::{ErrorDocument, Meaning};

/// The error that AWS answered: the cause of a [`Problem`] of this crate. AWS's message names the action, the
/// resource and the kind of policy that refused (trap T35), so the checks read it; it goes to the log, not on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// HTTP status.
    pub status: u16,
    /// Such as `AccessDenied`. Answers to HEAD have none: then it is the status' own name.
    pub code: String,
    /// AWS's sentence.
    pub message: String,
    /// For AWS's support.
    pub request_id: Option<String>,
}

impl AwsError {
    /// What AWS answered, if that is what the problem is about.
    pub fn of(problem: &Problem) -> Option<&Self> {
        problem.source()?.downcast_ref()
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl StdError for AwsError {}

/// The error of a call to S3; `what` completes "the store did not …".
pub(crate) fn s3<E>(what: &str, error: SdkError<E, HttpResponse>) -> Problem
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer(error) {
        Ok(aws) => s3_answer(what, aws),
        Err(cause) => unanswered(Code::StoreFailed, &format!("the store did not {what}"), cause.as_ref()),
    }
}

/// The same, to be handed to `map_err`.
pub(crate) fn s3_of<E>(what: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> Problem
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    move |error| s3(what, error)
}

/// The error of a call to S3 that was made without the SDK.
pub(crate) fn s3_refusal(what: &str, status: u16, body: &str) -> Problem {
    let ErrorDocument { mut code, message, request_id } = ErrorDocument::read(body);
    if code.is_empty() {
        status_name(status).clone_into(&mut code);
    }
    s3_answer(what, AwsError { status, code, message, request_id })
}

/// The error of a call to STS; `what` completes "STS did not …". A refusal is `denied`.
pub(crate) fn sts<E>(what: &str, denied: Code, error: SdkError<E, HttpResponse>) -> Problem
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer(error) {
        Ok(aws) => {
            let code = match aws.code.as_str() {
                "AccessDenied" | "AccessDeniedException" => denied,
                "ExpiredToken"
                | "ExpiredTokenException"
                | "InvalidClientTokenId"
                | "UnrecognizedClientException"
                | "SignatureDoesNotMatch"
                | "MissingAuthenticationToken"
                | "AuthFailure" => Code::PlatformIdentity,
                "MalformedPolicyDocument" | "PackedPolicyTooLarge" | "ValidationError" => Code::Internal,
                _ => Code::StsFailed,
            };
            answered(code, format!("STS did not {what}"), aws)
        }
        Err(cause) => unanswered(Code::StsFailed, &format!("STS did not {what}"), cause.as_ref()),
    }
}

/// A copy, for those who wait for one and the same call.
pub(crate) fn copy(problem: &Problem) -> Problem {
    let suffix = problem.aws_code().map(|code| format!(" [{code}]")).unwrap_or_default();
    let detail = problem.detail();
    let mut copy = Problem::new(problem.code(), detail.strip_suffix(&suffix).unwrap_or(&detail));
    if let Some(code) = problem.aws_code() {
        copy = copy.with_aws_code(code);
    }
    if let Some(hint) = problem.hint() {
        copy = copy.with_hint(hint);
    }
    match (AwsError::of(problem), problem.source()) {
        (Some(aws), _) => copy.caused_by(aws.clone()),
        (None, Some(cause)) => copy.caused_by(chain(cause)),
        (None, None) => copy,
    }
}

/// The answer of AWS, or why there is none.
fn answer<E>(error: SdkError<E, HttpResponse>) -> Result<AwsError, Box<dyn StdError + Send + Sync>>
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let SdkError::ServiceError(service) = &error else { return Err(Box::new(error)) };
    let status = service.raw().status().as_u16();
    let metadata = service.err().meta();
    Ok(AwsError {
        status,
        code: metadata.code().unwrap_or(status_name(status)).to_owned(),
        message: metadata.message().unwrap_or_default().to_owned(),
        request_id: metadata.extra("aws_request_id").map(str::to_owned),
    })
}

/// Names of statuses that come without a body.
const fn status_name(status: u16) -> &'static str {
    match status {
        301 => "PermanentRedirect",
        304 => "NotModified",
        400 => "BadRequest",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        412 => "PreconditionFailed",
        416 => "InvalidRange",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "Error",
    }
}

fn s3_answer(what: &str, aws: AwsError) -> Problem {
    let code = match Meaning::of(aws.status, &aws.code, &aws.message) {
        Meaning::Missing | Meaning::UploadGone | Meaning::Archived => Code::ContentMissing,
        Meaning::BytesChanged => Code::DigestMismatch,
        Meaning::ConditionFailed => Code::PreconditionFailed,
        Meaning::RangeOutside => Code::RangeUnsatisfiable,
        Meaning::PartsRefused => Code::StateForbids,
        // After the first two the next call has another session, or another signature.
        Meaning::SessionOver | Meaning::SignatureOver | Meaning::Busy | Meaning::Passing => Code::StoreFailed,
        // What S3 says of a session that is over in answer to HEAD, which has no document.
        Meaning::Denied if aws.code == "BadRequest" => Code::StoreFailed,
        Meaning::Denied => Code::StoreDenied,
    };
    let problem = answered(code, format!("the store did not {what}"), aws);
    match problem.aws_code() {
        Some("NoSuchBucket") => {
            problem.with_hint("The bucket is not there: it was deleted, or its name is misspelt.")
        }
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
            problem.with_hint("The bucket lies in another region than the backend says.")
        }
        _ => problem,
    }
}

fn answered(code: Code, detail: String, aws: AwsError) -> Problem {
    Problem::new(code, detail).with_aws_code(aws.code.clone()).caused_by(aws)
}

/// No answer: our own credentials were not to be had (then that is the problem), or the line failed.
fn unanswered(code: Code, detail: &str, cause: &(dyn StdError + Send + Sync + 'static)) -> Problem {
    let mut next: Option<&(dyn StdError + 'static)> = Some(cause);
    while let Some(error) = next {
        if let Some(problem) = error.downcast_ref::<Problem>() {
            return copy(problem);
        }
        next = error.source();
    }
    Problem::new(code, detail).caused_by(chain(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> Problem {
        s3_answer(
            "read the object",
            AwsError { status, code: code.to_owned(), message: "m".to_owned(), request_id: None },
        )
    }

    #[test]
    fn says_whose_fault_it_is() {
        for (status, code, expected) in [
            (404, "NoSuchKey", Code::ContentMissing),
            (404, "NoSuchBucket", Code::StoreDenied),
            (403, "AccessDenied", Code::StoreDenied),
            (403, "InvalidObjectState", Code::ContentMissing),
            (400, "BadDigest", Code::DigestMismatch),
            (503, "SlowDown", Code::StoreFailed),
            (500, "InternalError", Code::StoreFailed),
            (400, "ExpiredToken", Code::StoreFailed),
            (400, "IncompleteBody", Code::StoreFailed),
            (412, "PreconditionFailed", Code::PreconditionFailed),
            (416, "InvalidRange", Code::RangeUnsatisfiable),
            (301, "PermanentRedirect", Code::StoreDenied),
            (501, "NotImplemented", Code::StoreDenied),
        ] {
            assert_eq!(answer(status, code).code(), expected, "{code}");
        }
        insta::assert_snapshot!(answer(503, "SlowDown"), @"the store did not read the object [SlowDown]");
    }

    #[test]
    fn a_copy_says_the_same() {
        let problem = answer(404, "NoSuchBucket");
        let copied = copy(&problem);
        assert_eq!(copied.to_string(), problem.to_string());
        assert_eq!(copied.hint(), problem.hint());
        assert_eq!(AwsError::of(&copied), AwsError::of(&problem));
    }
}
