//! What S3 says when it refuses, and what that means: one table for the server, which calls it, and for the command
//! line, which sends it parts. <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

/// Longest code that is believed.
const LONGEST_CODE: usize = 64;
/// Longest text of another element that is.
const LONGEST_TEXT: usize = 1024;

/// What a refusal comes to, whoever it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The object or version is not there.
    Missing,
    /// The multipart upload is not there: aborted, or completed.
    UploadGone,
    /// The object is there, but not at once (trap T07).
    Archived,
    /// Other bytes arrived than were sent.
    BytesChanged,
    /// A condition of the request does not hold.
    ConditionFailed,
    /// The range begins after the end.
    RangeOutside,
    /// The parts are not those that the upload has.
    PartsRefused,
    /// The session that signed is over, sooner than it said or because its region is behind: another one is needed.
    SessionOver,
    /// The URL has ended, or a clock was off when it was signed: a new signature is needed.
    SignatureOver,
    /// There is too much at once.
    Busy,
    /// The store failed, or the request was cut: the same again may do.
    Passing,
    /// It is refused, and the same again will be too.
    Denied,
}

impl Meaning {
    /// Of an answer with this status. `code` and `message` are those of its document; both are empty if it has none.
    pub fn of(status: u16, code: &str, message: &str) -> Self {
        match code {
            "NoSuchUpload" => Self::UploadGone,
            "NoSuchKey" | "NoSuchVersion" | "NotFound" => Self::Missing,
            // How a delete marker answers.
            "MethodNotAllowed" if status == 405 => Self::Missing,
            "InvalidObjectState" => Self::Archived,
            "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" => {
                Self::BytesChanged
            }
            "PreconditionFailed" | "ConditionalRequestConflict" => Self::ConditionFailed,
            "InvalidRange" => Self::RangeOutside,
            "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" => Self::PartsRefused,
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => Self::SessionOver,
            "RequestTimeTooSkewed" | "RequestExpired" => Self::SignatureOver,
            // How S3 says it of a presigned URL.
            "AccessDenied" if message.contains("expired") => Self::SignatureOver,
            "SlowDown"
            | "ServiceUnavailable"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "Throttling"
            | "ThrottlingException" => Self::Busy,
            "RequestTimeout" | "IncompleteBody" | "OperationAborted" | "InternalError" => Self::Passing,
            _ => match status {
                429 | 503 => Self::Busy,
                408 => Self::Passing,
                // What a store does not know it will not know the next time.
                300..=499 | 501 => Self::Denied,
                _ => Self::Passing,
            },
        }
    }
}

/// S3's error document. Whatever answers is untrusted, and may be a proxy with a page of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorDocument {
    /// Such as `AccessDenied`; empty if it has none that could be S3's.
    pub code: String,
    /// S3's sentence.
    pub message: String,
    /// For the store's support.
    pub request_id: Option<String>,
}

impl ErrorDocument {
    /// Reads the body of an answer.
    pub fn read(body: &str) -> Self {
        let element = |name: &str| {
            let (_, rest) = body.split_once(&format!("<{name}>"))?;
            let (text, _) = rest.split_once(&format!("</{name}>"))?;
            (text.len() <= LONGEST_TEXT).then(|| text.to_owned())
        };
        let is_code = |code: &String| {
            code.len() <= LONGEST_CODE && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
        };
        Self {
            code: element("Code").filter(is_code).unwrap_or_default(),
            message: element("Message").unwrap_or_default(),
            request_id: element("RequestId"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_mean_the_same_to_all() {
        for (status, code, message, expected) in [
            (404, "NoSuchUpload", "", Meaning::UploadGone),
            (404, "NoSuchKey", "", Meaning::Missing),
            (405, "MethodNotAllowed", "", Meaning::Missing),
            (501, "NotImplemented", "", Meaning::Denied),
            (400, "XAmzContentChecksumMismatch", "", Meaning::BytesChanged),
            (403, "InvalidToken", "", Meaning::SessionOver),
            (400, "TokenRefreshRequired", "", Meaning::SessionOver),
            (403, "AccessDenied", "Request has expired", Meaning::SignatureOver),
            (403, "AccessDenied", "Access Denied", Meaning::Denied),
            (503, "SlowDown", "", Meaning::Busy),
            (503, "", "", Meaning::Busy),
            (400, "IncompleteBody", "", Meaning::Passing),
            (502, "", "", Meaning::Passing),
            (413, "", "", Meaning::Denied),
        ] {
            assert_eq!(Meaning::of(status, code, message), expected, "{status} {code} {message}");
        }
    }

    #[test]
    fn a_document_is_read_and_a_page_is_none() {
        let read = ErrorDocument::read(
            "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please wait</Message></Error>",
        );
        assert_eq!(
            (read.code.as_str(), read.message.as_str(), read.request_id),
            ("SlowDown", "Please wait", None)
        );
        let long = "A".repeat(LONGEST_CODE + 1);
        for page in ["", "<html>no</html>", "<Code>x\u{1b}[31m</Code>", &format!("<Code>{long}</Code>")] {
            assert_eq!(ErrorDocument::read(page).code, "", "{page}");
        }
    }
}
