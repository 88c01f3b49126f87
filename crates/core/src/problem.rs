//! What went wrong, in three voices (design D7): a stable code for programs, a sentence and a hint for the person,
//! a chain for the log. [`Code`] is the catalogue.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose fault it is. Fail-over to a replica moves on only for [`Fault::Aws`] when retryable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The one who asked.
    Caller,
    /// The bucket owner's AWS account.
    Account,
    /// Firmhold itself, or how it is run.
    Platform,
    /// AWS, or the store.
    Aws,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $text:literal $status:literal $fault:ident $retry:literal $hint:literal;)*) => {
        /// The catalogue of problems: each code has an HTTP status, a fault, a verdict on retrying and a hint.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant),* }

        impl Code {
            /// Every code, for the reference page.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable text: header `firmhold-problem`.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),* } }

            /// The HTTP status of an answer with this code.
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status),* } }

            /// Whose fault it is.
            pub const fn fault(self) -> Fault { match self { $(Self::$variant => Fault::$fault),* } }

            /// Whether the same request may succeed later, unchanged.
            pub const fn retryable(self) -> bool { match self { $(Self::$variant => $retry),* } }

            /// What to do about it; empty if there is nothing to add.
            pub const fn hint(self) -> &'static str { match self { $(Self::$variant => $hint),* } }
        }
    };
}

codes! {
    /// The body is not JSON.
    NotJson "not_json" 400 Caller false "Send a JSON object.";
    /// A query parameter has a bad value.
    BadQuery "bad_query" 400 Caller false "";
    /// The page cursor is unknown, altered, or of another search.
    BadCursor "bad_cursor" 400 Caller false "Start the walk again without `page`.";
    /// The search text does not parse.
    BadSearch "bad_search" 400 Caller false "Write clauses such as target:'imx8' and join them with \" and \".";
    /// No key, or one that is unknown, expired or deleted.
    Unauthenticated "unauthenticated" 401 Caller false "Send a valid API key as `Authorization: Bearer KEY`.";
    /// The key does not cover the request.
    ScopeDenied "scope_denied" 403 Caller false "Use a key whose scope and products cover this request.";
    /// No such route or object; also another organization's object.
    NotFound "not_found" 404 Caller false "";
    /// The route exists, the method does not.
    MethodNotAllowed "method_not_allowed" 405 Caller false "";
    /// A name, version or id is taken.
    Duplicate "duplicate" 409 Caller false "Read the existing object, or choose another name.";
    /// The object's state forbids it.
    StateForbids "state_forbids" 409 Caller false "";
    /// The open upload's parts have another size.
    PartSizeDiffers "part_size_differs" 409 Caller false "Go on with the open upload's part size, or drop its parts first.";
    /// The first request with this `Idempotency-Key` has not ended.
    RequestRunning "request_running" 409 Caller true "Wait, then send the same request again.";
    /// Something else uses the object.
    InUse "in_use" 409 Caller false "";
    /// The backend takes no writes in its state.
    BackendNotWritable "backend_not_writable" 409 Account false "Run `firmhold backend verify` and mend what it names.";
    /// A verification of this backend is running.
    VerificationRunning "verification_running" 409 Caller true "Wait for the run to end.";
    /// `If-Match` does not hold.
    RevisionMismatch "revision_mismatch" 412 Caller false "Read the object again and repeat the change on its present revision.";
    /// A part went through the server without its length.
    LengthRequired "length_required" 411 Caller false "Send the part with a Content-Length.";
    /// What came of a part is not what was declared.
    PartMismatch "part_mismatch" 400 Caller true "Send the part again, as it was declared.";
    /// The body is over 2 MiB, or longer than the part that was declared.
    BodyTooLarge "body_too_large" 413 Caller false "";
    /// The body did not come in time.
    BodyTooSlow "body_too_slow" 408 Caller true "Send the request again, over a faster line.";
    /// The body is not `application/json`.
    WrongMediaType "wrong_media_type" 415 Caller false "Set `content-type: application/json`.";
    /// One or more fields are wrong.
    InvalidFields "invalid_fields" 422 Caller false "";
    /// The role can be assumed by strangers (design D5).
    RoleOpen "role_open" 422 Account false "Apply the trust policy in this answer to the role, then try again.";
    /// The signature does not verify.
    SignatureInvalid "signature_invalid" 422 Caller false "Sign the 32 raw bytes of the binary's SHA-256 (or its 64 hex digits) with Ed25519.";
    /// Too many requests.
    RateLimited "rate_limited" 429 Caller true "";
    /// A fault in Firmhold; nothing was changed.
    Internal "internal" 500 Platform true "The request id finds the cause in the server's log.";
    /// The object store refused or failed.
    StoreFailed "store_failed" 502 Aws true "";
    /// The role or a policy of the bucket's account refused.
    StoreDenied "store_denied" 502 Account false "Run `firmhold backend verify`: it names the permission that is missing.";
    /// The role cannot be assumed with the external ID.
    AssumeDenied "assume_denied" 502 Account false "Apply the backend's trust policy to the role.";
    /// STS cannot be reached or fails.
    StsFailed "sts_failed" 502 Aws true "";
    /// The platform has no AWS credentials, or they are not what they should be.
    PlatformIdentity "platform_identity" 502 Platform false "Check the server's AWS credentials and `aws.platform_role_arn`.";
    /// The key pair of an S3-compatible store is not among the organization's secrets, or cannot be opened.
    CredentialsMissing "credentials_missing" 502 Platform false "Put the key pair back: `firmhold secret put` on the server's host.";
    /// Database unavailable, or shutting down.
    Unavailable "unavailable" 503 Platform true "";
    /// The backend's state allows no reads.
    BackendNotReadable "backend_not_readable" 503 Account true "Run `firmhold backend verify` and mend what it names.";
    /// The content is not in the bucket, or not at once.
    ContentMissing "content_missing" 503 Account true "The object version that this binary names is not in the bucket.";
    /// The link is unknown or was altered.
    LinkUnknown "link_unknown" 404 Caller false "Ask for a new link.";
    /// The link's time is over.
    LinkExpired "link_expired" 410 Caller false "Ask for a new link.";
    /// The link was revoked.
    LinkRevoked "link_revoked" 410 Caller false "Ask for a new link.";
    /// The link's binary is destroyed or was reset.
    BinaryGone "binary_gone" 410 Caller false "";
    /// The device is quarantined.
    DeviceQuarantined "device_quarantined" 403 Caller false "";
    /// The range starts at or after the end.
    RangeUnsatisfiable "range_unsatisfiable" 416 Caller false "";
    /// A precondition of the download does not hold.
    PreconditionFailed "precondition_failed" 412 Caller false "";
    /// The bytes are not those that were promised.
    DigestMismatch "digest_mismatch" 502 Aws false "Do not use the file: it is not the one that was signed.";
    /// No signature by a trusted key.
    UntrustedSignature "untrusted_signature" 403 Caller false "Trust a key with --trust, or have the binary signed by one that you trust.";
    /// The file changed while it was read.
    ChangedWhileRead "changed_while_read" 409 Caller false "Push a file that nothing writes to.";
    /// A file on this machine cannot be read or written.
    LocalFile "local_file" 500 Caller false "";
    /// The server cannot be reached.
    Unreachable "unreachable" 503 Platform true "Check the URL (`--url` or FIRMHOLD_URL) and that the server runs.";
    /// The server's answer makes no sense.
    BadAnswer "bad_answer" 502 Platform false "Is this the URL of a Firmhold server, and of a fitting version?";
    /// A setting or argument is wrong.
    Usage "usage" 400 Caller false "";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Errors by field, nested fields with dots (`replicas.0.bucket`); in the order of names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldErrors(pub BTreeMap<String, Vec<String>>);

impl FieldErrors {
    /// No errors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn add(&mut self, field: impl Into<String>, text: impl Into<String>) {
        self.0.entry(field.into()).or_default().push(text.into());
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails with all of them, if there are any: all failing fields are reported together (API contract 1.6).
    ///
    /// # Errors
    /// [`Code::InvalidFields`].
    pub fn into_result(self) -> Result<(), Problem> {
        if self.is_empty() { Ok(()) } else { Err(Problem::fields(self)) }
    }
}

/// One thing that went wrong.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    detail: String,
    hint: Option<String>,
    fields: FieldErrors,
    aws_code: Option<String>,
    retry_after_secs: Option<u32>,
    extra: Option<serde_json::Value>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem with a sentence for the person.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            detail: detail.into(),
            hint: None,
            fields: FieldErrors::new(),
            aws_code: None,
            retry_after_secs: None,
            extra: None,
            cause: None,
        }))
    }

    /// Wrong fields of a body.
    pub fn fields(fields: FieldErrors) -> Self {
        let mut problem = Self::new(Code::InvalidFields, "some fields are wrong");
        problem.0.fields = fields;
        problem
    }

    /// One wrong field of a body.
    pub fn field(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut fields = FieldErrors::new();
        fields.add(name, text);
        Self::fields(fields)
    }

    /// The one answer for everything that does not exist for the caller.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "not found")
    }

    /// A fault in Firmhold. The detail that goes out says nothing of the cause; the log does.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "internal error").caused_by(cause)
    }

    /// With the error underneath, for the log only.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// With a hint that fits better than the catalogue's.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// With the error code that AWS gave; the detail then ends with it in brackets (API contract 2, 502).
    #[must_use]
    pub fn with_aws_code(mut self, code: impl Into<String>) -> Self {
        self.0.aws_code = Some(code.into());
        self
    }

    /// With the wrong fields, for codes other than [`Code::InvalidFields`] that are about fields.
    #[must_use]
    pub fn with_fields(mut self, fields: FieldErrors) -> Self {
        self.0.fields = fields;
        self
    }

    /// With seconds for `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, secs: u32) -> Self {
        self.0.retry_after_secs = Some(secs);
        self
    }

    /// With more to say at the end of its sentence.
    #[must_use]
    pub fn and(mut self, more: impl AsRef<str>) -> Self {
        self.0.detail.push_str(more.as_ref());
        self
    }

    /// Members that stand beside `errors` and `problem`, if there are any.
    pub fn extra(&self) -> Option<&serde_json::Value> {
        self.0.extra.as_ref()
    }

    /// With members to add to the error's JSON beside `errors` and `problem` (an object).
    #[must_use]
    pub fn with_extra(mut self, extra: serde_json::Value) -> Self {
        self.0.extra = Some(extra);
        self
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence, with AWS's code in brackets if there is one.
    pub fn detail(&self) -> String {
        match &self.0.aws_code {
            Some(code) => format!("{} [{code}]", self.0.detail),
            None => self.0.detail.clone(),
        }
    }

    /// AWS's code, if AWS gave one.
    pub fn aws_code(&self) -> Option<&str> {
        self.0.aws_code.as_deref()
    }

    /// The hint, if there is one.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref().or_else(|| Some(self.0.code.hint()).filter(|hint| !hint.is_empty()))
    }

    /// Seconds for `Retry-After`; retryable 503s and 429s always have some.
    pub fn retry_after_secs(&self) -> Option<u32> {
        self.0.retry_after_secs.or(match self.0.code.status() {
            429 => Some(1),
            503 => Some(5),
            _ => None,
        })
    }

    /// Seconds that the other side asked to wait, if it did.
    pub fn asked_retry_after(&self) -> Option<u32> {
        self.0.retry_after_secs
    }

    /// Fields that are wrong.
    pub fn field_errors(&self) -> &FieldErrors {
        &self.0.fields
    }

    /// Exit code of the CLI (design D7): 1 failed, 2 usage, 4 denied. 3 is for findings and is no problem.
    pub fn exit_code(&self) -> u8 {
        match self.0.code {
            Code::Usage => 2,
            Code::Unauthenticated | Code::ScopeDenied => 4,
            _ => 1,
        }
    }

    /// The JSON of an error answer (API contract 1.6).
    pub fn to_body(&self) -> ErrorBody {
        let errors = if self.0.fields.is_empty() {
            serde_json::json!({ "detail": self.detail() })
        } else {
            serde_json::json!(self.0.fields)
        };
        ErrorBody {
            errors,
            problem: ProblemBody {
                code: self.0.code.as_str().to_owned(),
                hint: self.hint().map(str::to_owned),
                fault: self.0.code.fault(),
                retryable: self.0.code.retryable(),
            },
            extra: match &self.0.extra {
                Some(serde_json::Value::Object(members)) => members.clone(),
                _ => serde_json::Map::new(),
            },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())?;
        for (field, texts) in &self.0.fields.0 {
            write!(f, "; {field}: {}", texts.join(", "))?;
        }
        Ok(())
    }
}

impl StdError for Problem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

/// An error and its causes as one text, outermost first: the third voice, for the log only.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// The body of an error answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorBody {
    /// `{"detail": text}`, or texts by field.
    pub errors: serde_json::Value,
    /// For programs.
    pub problem: ProblemBody,
    /// Further members, by problem (such as `trust_policy` for [`Code::RoleOpen`]).
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// Member `problem` of an error answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProblemBody {
    /// [`Code::as_str`].
    pub code: String,
    /// What to do.
    pub hint: Option<String>,
    /// Whose fault.
    pub fault: Fault,
    /// Whether to try again.
    pub retryable: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_plain() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            assert!((400..600).contains(&code.status()));
        }
    }

    #[test]
    fn the_body_is_the_contracts() {
        let problem =
            Problem::new(Code::StoreFailed, "the bucket did not take the part").with_aws_code("SlowDown");
        insta::assert_snapshot!(serde_json::to_string(&problem.to_body()).unwrap(), @r#"{"errors":{"detail":"the bucket did not take the part [SlowDown]"},"problem":{"code":"store_failed","hint":null,"fault":"aws","retryable":true}}"#);
        let mut fields = FieldErrors::new();
        fields.add("size", "must be at least 1");
        fields.add("hash", "is missing");
        insta::assert_snapshot!(serde_json::to_string(&Problem::fields(fields).to_body()).unwrap(), @r#"{"errors":{"hash":["is missing"],"size":["must be at least 1"]},"problem":{"code":"invalid_fields","hint":null,"fault":"caller","retryable":false}}"#);
    }
}
