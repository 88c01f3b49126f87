//! Why a store, or the server in front of it, refused a transfer.

use firmhold_core::{Code, Problem};
use reqwest::{Response, StatusCode};

use crate::client;

/// The problem behind an answer that is no success. `what` begins the sentence: "the bucket refused part 3".
pub async fn problem_of(response: Response, what: &str) -> Problem {
    if client::is_ours(&response) {
        return client::error_of(response).await;
    }
    let status = response.status();
    let retry_after = client::retry_after(&response);
    let body = String::from_utf8_lossy(&client::read_limited(response).await).into_owned();
    let problem = judge(status, &body, what);
    match retry_after {
        Some(seconds) => problem.retry_after(seconds),
        None => problem,
    }
}

/// Reads S3's error document (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>). What answers is
/// untrusted, and may be a proxy with a page of its own.
fn judge(status: StatusCode, body: &str, what: &str) -> Problem {
    let named = between(body, "<Code>", "</Code>");
    let aws_code = named.filter(|code| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric()));
    // What a store does not know it will not know the next time.
    let passing = (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
        || is_mended_by_a_new_url(aws_code, body)
        || was_cut_or_changed(aws_code)
        || aws_code == Some("NoSuchUpload");
    let code = if passing { Code::StoreFailed } else { Code::StoreDenied };
    let problem = Problem::new(code, format!("{what} ({status})"));
    match aws_code {
        Some(aws_code) => problem.with_aws_code(aws_code),
        None => problem,
    }
}

/// A URL or session that ended, or a clock that was off when it was signed.
fn is_mended_by_a_new_url(aws_code: Option<&str>, body: &str) -> bool {
    match aws_code {
        Some("ExpiredToken" | "RequestTimeTooSkewed" | "RequestExpired") => true,
        Some("AccessDenied") => {
            between(body, "<Message>", "</Message>").is_some_and(|message| message.contains("expired"))
        }
        _ => false,
    }
}

/// The bytes did not arrive as they were sent.
fn was_cut_or_changed(aws_code: Option<&str>) -> bool {
    matches!(
        aws_code,
        Some(
            "RequestTimeout" | "IncompleteBody" | "BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest"
        )
    )
}

/// Whether the store says that other bytes arrived than were sent.
pub fn bytes_were_changed(problem: &Problem) -> bool {
    matches!(problem.aws_code(), Some("BadDigest" | "XAmzContentSHA256Mismatch"))
}

/// Whether the multipart upload is not there: aborted, or completed by another push.
pub fn upload_is_gone(problem: &Problem) -> bool {
    problem.aws_code() == Some("NoSuchUpload")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
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
            (400, xml("BadDigest", "The SHA256 you specified did not match."), true),
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
            let problem = judge(status, &body, "the bucket refused part 1");
            assert_eq!(problem.code().retryable(), retryable, "{status} {body}");
        }
        let slow = judge(StatusCode::SERVICE_UNAVAILABLE, &xml("SlowDown", ""), "the bucket refused part 1");
        assert!(crate::retry::asks_to_slow_down(&slow));
        assert_eq!(slow.detail(), "the bucket refused part 1 (503 Service Unavailable) [SlowDown]");
    }

    #[test]
    fn a_code_from_who_knows_where_is_not_repeated() {
        let long = judge(StatusCode::FORBIDDEN, &xml(&"A".repeat(65), ""), "refused");
        let odd = judge(StatusCode::FORBIDDEN, &xml("x\u{1b}[31m", ""), "refused");
        assert_eq!((long.aws_code(), odd.aws_code()), (None, None));
    }
}
