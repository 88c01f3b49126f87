//! AWS's errors as problems of the owner's run.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use firmhold_core::{Code, Problem};
use firmhold_iam::explain::{Culprit, explain};

use crate::inventory::Fact;

/// A failed call: `action` is what the owner's policy must allow for it, e.g. `s3:PutBucketPolicy`.
pub(crate) fn problem<E>(action: &str, resource: &str, error: SdkError<E, HttpResponse>) -> Problem
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let aws_code = error.code().map(str::to_owned);
    let status = status_of(&error);
    let message = error.message().map(str::to_owned);
    let problem = if is_denied(&error) {
        denied_as(action, resource, message.as_deref().unwrap_or_default())
    } else if status.is_none() {
        Problem::new(Code::StoreFailed, format!("{action} on {resource} was not answered")).with_hint(
            "Check the network, the region, the endpoint and the credentials; then run it again: it goes on where it stopped.",
        )
    } else {
        let detail = message.unwrap_or_else(|| format!("status {}", status.unwrap_or_default()));
        Problem::new(Code::StoreFailed, format!("{action} on {resource} failed: {detail}"))
            .with_hint("Run it again: it goes on where it stopped.")
    };
    let problem = match aws_code {
        Some(code) => problem.with_aws_code(code),
        None => problem,
    };
    problem.caused_by(error)
}

/// A refusal, by the action that is missing.
pub(crate) fn denied(action: &str, resource: &str) -> Problem {
    Problem::new(Code::StoreDenied, format!("AWS refused {action} on {resource}")).with_hint(format!(
        "Run this with credentials of the bucket's owner that allow `{action}`; `firmhold account installer-policy` prints all that is needed."
    ))
}

/// A refusal in AWS's own words: they name the action, which is not always that of the call (a role that is made with
/// tags needs `iam:TagRole`), and often the type of the policy, which is not always the caller's own.
pub(crate) fn denied_as(action: &str, resource: &str, message: &str) -> Problem {
    let told = explain(message, &[]);
    let missing = told.action.as_deref().unwrap_or(action);
    match told.culprit {
        Culprit::Identity | Culprit::Unknown | Culprit::Encoded => denied(missing, resource),
        culprit => Problem::new(
            Code::StoreDenied,
            format!("AWS refused {missing} on {resource}: {} is in the way", culprit.name()),
        )
        .with_hint(format!("{} Who can change it: {}.", told.meaning, told.who)),
    }
}

/// The HTTP status of a refusal, if there was an answer.
pub(crate) fn status_of<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Whether a policy is in the way. Wrong or expired credentials are refused with the same status, by other codes.
fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error.code() {
        Some(code) => code.starts_with("AccessDenied") || code == "UnauthorizedOperation",
        None => status_of(error) == Some(403),
    }
}

/// What a read came to: with one of `absent` as its code, there is nothing; refused, nobody knows.
pub(crate) fn fact<T, E>(
    absent: &[&str],
    action: &str,
    resource: &str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Fact<T>, Problem>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match answer {
        Ok(value) => Ok(Fact::Known(value)),
        Err(error) if error.code().is_some_and(|code| absent.contains(&code)) => Ok(Fact::Absent),
        Err(error) if is_denied(&error) => Ok(Fact::Denied(action.to_owned())),
        Err(error) => Err(problem(action, resource, error)),
    }
}

/// What was written does not read back: somebody else changes it at the same time, or the store lies.
pub(crate) fn not_as_written(what: &str) -> Problem {
    Problem::new(Code::StoreFailed, format!("{what} was written, but reads back differently"))
        .with_hint("Something else changes it at the same time. Find out what, then run it again.")
}

/// What was there when the plan was made is not what is there now.
pub(crate) fn moved(what: &str) -> Problem {
    Problem::new(
        Code::StateForbids,
        format!("{what} has changed since the plan was made; it was left as it is"),
    )
    .with_hint("Plan again, and look at what changed.")
}
