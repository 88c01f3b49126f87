//! A session that AWS ends sooner than it said: the call that finds out is made again with a new one, unseen.

use std::sync::Arc;

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};

use crate::keeper::Keeper;

/// What S3 calls it.
const CODES: [&str; 3] = ["ExpiredToken", "InvalidToken", "TokenRefreshRequired"];

/// Has the keeper forget a session that AWS says is over, and the call tried again: each try is signed by the session
/// of its own moment. The bound is that of all retries.
#[derive(Debug)]
pub(crate) struct ExpiredSession(pub Arc<Keeper>);

impl ClassifyRetry for ExpiredSession {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let expired = context
            .response()
            .is_some_and(|answer| is_expired(answer.status().as_u16(), answer.body().bytes()));
        if !expired {
            return RetryAction::NoActionIndicated;
        }
        self.0.forget();
        RetryAction::transient_error()
    }

    fn name(&self) -> &'static str {
        "expired session"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// An answer to HEAD has no body, and S3 gives it this status for hardly anything else.
fn is_expired(status: u16, body: Option<&[u8]>) -> bool {
    if !matches!(status, 400 | 403) {
        return false;
    }
    match body {
        None | Some([]) => status == 400,
        Some(body) => {
            let text = String::from_utf8_lossy(body);
            let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
            code.is_some_and(|(code, _)| CODES.contains(&code))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_of_the_session_is_told_from_other_refusals() {
        let answer = |code: &str| format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        for (status, body, expected) in [
            (400, answer("ExpiredToken"), true),
            (403, answer("InvalidToken"), true),
            (400, String::new(), true),
            (403, String::new(), false),
            (403, answer("AccessDenied"), false),
            (200, answer("ExpiredToken"), false),
            (400, answer("BadDigest"), false),
        ] {
            assert_eq!(is_expired(status, Some(body.as_bytes())), expected, "{status} {body}");
        }
    }
}
