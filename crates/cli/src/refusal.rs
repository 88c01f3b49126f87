//! Why a store, or the server in front of it, refused a transfer.

use firmhold_core::{Code, Problem};
use firmhold_store::s3_error::{ErrorDocument, Meaning};
use reqwest::{Response, StatusCode};

use crate::client;

/// The problem behind an answer that is no success. `what` begins the sentence: "the bucket refused part 3".
pub async fn problem_of(response: Response, what: &str) -> Problem {
    if client::is_ours(&response) {
        return client::error_of(response).await;
    }
    let status = response.status();
    let retry_after = client::retry_after(&response);
    let body = client::read_limited(response).await;
    let problem = judge(status, &ErrorDocument::read(&String::from_utf8_lossy(&body)), what);
    match retry_after {
        Some(seconds) => problem.retry_after(seconds),
        None => problem,
    }
}

fn judge(status: StatusCode, said: &ErrorDocument, what: &str) -> Problem {
    let code = match Meaning::of(status.as_u16(), &said.code, &said.message) {
        // A new URL comes with every try, and is for the upload that is open by then.
        Meaning::SessionOver | Meaning::SignatureOver | Meaning::UploadGone => Code::StoreFailed,
        Meaning::BytesChanged | Meaning::Busy | Meaning::Passing => Code::StoreFailed,
        Meaning::Missing
        | Meaning::Archived
        | Meaning::ConditionFailed
        | Meaning::RangeOutside
        | Meaning::PartsRefused
        | Meaning::Denied => Code::StoreDenied,
    };
    let problem = Problem::new(code, format!("{what} ({status})"));
    if said.code.is_empty() { problem } else { problem.with_aws_code(&said.code) }
}

/// Whether the store says that other bytes arrived than were sent.
pub fn bytes_were_changed(problem: &Problem) -> bool {
    means(problem, Meaning::BytesChanged)
}

/// Whether the multipart upload is not there: aborted, or completed by another push.
pub fn upload_is_gone(problem: &Problem) -> bool {
    means(problem, Meaning::UploadGone)
}

/// Whether the server says that the URL of a part that goes through it is over, or no longer its own: there is a new one
/// for the asking.
pub fn url_has_ended(problem: &Problem) -> bool {
    matches!(problem.code(), Code::LinkExpired | Code::LinkUnknown)
}

/// Whether the store's code says so by itself, whatever the status.
fn means(problem: &Problem, meaning: Meaning) -> bool {
    problem.aws_code().is_some_and(|code| Meaning::of(0, code, "") == meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(code: &str, message: &str) -> String {
        format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>")
    }

    #[test]
    fn what_a_new_url_or_another_try_mends_is_retryable() {
        for (status, body, retryable) in [
            (503, xml("SlowDown", "Please reduce your request rate."), true),
            (403, xml("AccessDenied", "Request has expired"), true),
            (403, xml("RequestTimeTooSkewed", "The difference is too large."), true),
            (400, xml("ExpiredToken", "The provided token has expired."), true),
            (400, xml("InvalidToken", "The provided token is malformed or otherwise invalid."), true),
            (400, xml("TokenRefreshRequired", "The provided token must be refreshed."), true),
            (400, xml("BadDigest", "The SHA256 you specified did not match."), true),
            (400, xml("XAmzContentChecksumMismatch", "The checksum did not match."), true),
            (400, xml("RequestTimeout", "Your socket connection was idle."), true),
            (404, xml("NoSuchUpload", "It may have been aborted or completed."), true),
            (502, "<html>Bad gateway</html>".to_owned(), true),
            (501, xml("NotImplemented", "A header means something else."), false),
            (403, xml("AccessDenied", "Access Denied"), false),
            (403, xml("SignatureDoesNotMatch", "Check your key."), false),
            (404, xml("NoSuchKey", "The specified key does not exist."), false),
            (400, String::new(), false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let problem = judge(status, &ErrorDocument::read(&body), "the bucket refused part 1");
            assert_eq!(problem.code().retryable(), retryable, "{status} {body}");
        }
        let slow = ErrorDocument::read(&xml("SlowDown", ""));
        let slow = judge(StatusCode::SERVICE_UNAVAILABLE, &slow, "the bucket refused part 1");
        assert!(crate::retry::asks_to_slow_down(&slow));
        assert_eq!(slow.detail(), "the bucket refused part 1 (503 Service Unavailable) [SlowDown]");
    }

    #[test]
    fn every_name_of_changed_bytes_is_known() {
        for code in ["BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"] {
            let said = ErrorDocument::read(&xml(code, ""));
            assert!(bytes_were_changed(&judge(StatusCode::BAD_REQUEST, &said, "refused")), "{code}");
        }
    }
}
