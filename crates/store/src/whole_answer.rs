//! Answers that end early although the line does not break: a proxy that cuts a body and says that this was its length.
//! The SDK's parser takes the end of such a document for the end of a list, and what a listing does not show would
//! count as gone.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Refuses such answers, and has the call tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WholeAnswer;

/// The answer has no end.
#[derive(Debug, thiserror::Error)]
#[error("the answer ended in the middle of its document")]
struct CutShort;

impl Intercept for WholeAnswer {
    fn name(&self) -> &'static str {
        "whole answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if is_cut(context.response()) { Err(CutShort.into()) } else { Ok(()) }
    }
}

impl ClassifyRetry for WholeAnswer {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(answer) if is_cut(answer) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "whole answer"
    }
}

/// The body of an object is not in memory, and is held to its length by who reads it.
fn is_cut(answer: &HttpResponse) -> bool {
    answer.status().is_success() && answer.body().bytes().is_some_and(|body| !is_whole(body))
}

/// Whether a document, if this is one, comes to its end.
fn is_whole(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    if body.first() != Some(&b'<') {
        return true;
    }
    let Some(element) = behind_declaration(body) else { return false };
    let name = element.strip_prefix(b"<").unwrap_or_default();
    let end = name.iter().position(|byte| matches!(byte, b' ' | b'>' | b'/' | b'\t' | b'\r' | b'\n'));
    let Some(name) = end.and_then(|end| name.get(..end)) else { return false };
    let Some(rest) = element.strip_suffix(b">") else { return false };
    // An element without content is its own end.
    let is_alone = rest.ends_with(b"/") && !rest.contains(&b'>');
    is_alone || rest.trim_ascii_end().strip_suffix(name).is_some_and(|rest| rest.ends_with(b"</"))
}

/// The document's element.
fn behind_declaration(body: &[u8]) -> Option<&[u8]> {
    let mut rest = body;
    while rest.starts_with(b"<?") {
        let end = rest.windows(2).position(|pair| pair == b"?>")?;
        rest = rest.get(end + 2..)?.trim_ascii_start();
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_ends_with_its_root() {
        let document = "<?xml version=\"1.0\"?>\n<ListPartsResult xmlns=\"x\"><Part><Size>1</Size></Part></ListPartsResult>";
        assert!(is_whole(document.as_bytes()));
        assert!(is_whole(format!("  {document}\n").as_bytes()));
        for end in 1..document.len() {
            assert!(!is_whole(&document.as_bytes()[..end]), "{}", &document[..end]);
        }
        for whole in ["", "<a/>", "<?xml version=\"1.0\"?><Tagging/>", "{\"a\":1}", "<a></a>"] {
            assert!(is_whole(whole.as_bytes()), "{whole}");
        }
    }
}
