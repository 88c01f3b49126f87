//! AWS's errors as problems of the owner's run.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use firmhold_core::{Code, Problem};

/// A failed call: `action` is what the owner's policy must allow for it, e.g. `s3:PutBucketPolicy`.
pub(crate) fn problem<E>(action: &str, resource: &str, error: SdkError<E, HttpResponse>) -> Problem
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let aws_code = error.code().map(str::to_owned);
    let status = status_of(&error);
    let message = error.message().map(str::to_owned);
    let denied = status == Some(403);
    let problem = if denied {
        Problem::new(Code::StoreDenied, format!("AWS refused {action} on {resource}"))
            .with_hint(format!("Run this with credentials of the bucket's owner that allow `{action}`."))
    } else if status.is_none() {
        Problem::new(Code::StoreFailed, format!("{action} on {resource} was not answered")).with_hint(
            "Check the network, the region and the endpoint; then run it again: it goes on where it stopped.",
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

/// The HTTP status of a refusal, if there was an answer.
pub(crate) fn status_of<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// `None` for an answer with `code`, which says that there is nothing there yet; else as [`problem`].
pub(crate) fn absent<T, E>(
    code: &str,
    action: &str,
    resource: &str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<T>, Problem>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code() == Some(code) => Ok(None),
        Err(error) => Err(problem(action, resource, error)),
    }
}

/// What was written does not read back: somebody else changes it at the same time, or the store lies.
pub(crate) fn not_as_written(what: &str) -> Problem {
    Problem::new(Code::StoreFailed, format!("{what} was written, but reads back differently"))
        .with_hint("Something else changes it at the same time. Find out what, then run it again.")
}
