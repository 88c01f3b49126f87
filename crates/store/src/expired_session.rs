//! A session that AWS ends sooner than it said: the call that finds out is made again with a new one, unseen.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use firmhold_core::Problem;

use crate::keeper::Keeper;
use crate::s3_error::{ErrorDocument, Meaning};

/// Has the keeper forget a session that AWS says is over, and the call tried again: each try is signed by the session
/// of its own moment. The bound is that of all retries.
#[derive(Debug, Clone)]
pub(crate) struct ExpiredSession(pub Arc<Keeper>);

/// The access key's id that a try was signed with.
#[derive(Debug)]
struct SignedBy(String);

impl Storable for SignedBy {
    type Storer = StoreReplace<Self>;
}

impl Intercept for ExpiredSession {
    fn name(&self) -> &'static str {
        "expired session"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(key) = signed_by(context.request()) {
            bag.interceptor_state().store_put(SignedBy(key.to_owned()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().is_some_and(tells_of_an_end)
            && let Some(SignedBy(key)) = bag.load::<SignedBy>()
        {
            self.0.forget(key);
        }
        Ok(())
    }
}

impl ClassifyRetry for ExpiredSession {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(answer) if tells_of_an_end(answer) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "expired session"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether the problem of a call that was made without the SDK says that its session is over.
pub(crate) fn is_over(problem: &Problem) -> bool {
    problem.aws_code().is_some_and(|code| Meaning::of(0, code, "") == Meaning::SessionOver)
}

fn signed_by(request: &HttpRequest) -> Option<&str> {
    let (_, credential) = request.headers().get("authorization")?.split_once("Credential=")?;
    credential.split_once('/').map(|(key, _)| key)
}

fn tells_of_an_end(answer: &HttpResponse) -> bool {
    is_expired(answer.status().as_u16(), answer.body().bytes())
}

/// An answer to HEAD has no body, and S3 gives it this status for hardly anything else.
fn is_expired(status: u16, body: Option<&[u8]>) -> bool {
    if !matches!(status, 400 | 403) {
        return false;
    }
    match body {
        None | Some([]) => status == 400,
        Some(body) => {
            let ErrorDocument { code, message, .. } = ErrorDocument::read(&String::from_utf8_lossy(body));
            Meaning::of(status, &code, &message) == Meaning::SessionOver
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

    #[test]
    fn who_signed_is_read_from_the_signature() {
        let mut request = HttpRequest::empty();
        assert_eq!(signed_by(&request), None);
        let value =
            "AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20260301/us-west-2/s3/aws4_request, Signature=00";
        request.headers_mut().insert("authorization", value);
        assert_eq!(signed_by(&request), Some("ASIAEXAMPLE"));
    }
}
