//! A plain HTTP client, as a device is one: it has no credentials.

use firmhold_core::problem::Code;
use firmhold_core::{Problem, Timestamp};
use reqwest::{Client, StatusCode};

use crate::error;

/// An answer, read to its end.
pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
    /// The `Date` header.
    pub date: Option<Timestamp>,
}

impl Answer {
    /// AWS's error code, if the body is an error.
    pub fn aws_code(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let start = text.find("<Code>")? + "<Code>".len();
        let end = text.get(start..)?.find("</Code>")?;
        text.get(start..start + end).map(str::to_owned)
    }
}

/// GETs a URL, which is not shown to anybody: it holds a session's token.
pub(super) async fn get(client: &Client, url: &str, range: Option<&str>) -> Result<Answer, Problem> {
    let failed = |cause: reqwest::Error| {
        Problem::new(Code::StoreFailed, "the presigned URL was not answered")
            .caused_by(error::chain(&cause.without_url()))
    };
    let mut request = client.get(url);
    if let Some(range) = range {
        request = request.header(reqwest::header::RANGE, range);
    }
    let answer = request.send().await.map_err(failed)?;
    let status = answer.status();
    let date =
        answer.headers().get(reqwest::header::DATE).and_then(|value| value.to_str().ok()).and_then(http_date);
    let body = answer.bytes().await.map_err(failed)?.to_vec();
    Ok(Answer { status, body, date })
}

fn http_date(text: &str) -> Option<Timestamp> {
    let date =
        aws_smithy_types::DateTime::from_str(text, aws_smithy_types::date_time::Format::HttpDate).ok()?;
    date.to_millis().ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_and_codes() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Timestamp::from_secs(784_111_777)));
        assert_eq!(http_date("yesterday"), None);
        let body = b"<Error><Code>AccessDenied</Code><Message>m</Message></Error>".to_vec();
        let answer = Answer { status: StatusCode::FORBIDDEN, body, date: None };
        assert_eq!(answer.aws_code().as_deref(), Some("AccessDenied"));
    }
}
