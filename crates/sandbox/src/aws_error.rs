//! An error in AWS's words, on the wire of either kind: S3's XML, or the query protocol's of STS and IAM.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};

use crate::xml::Xml;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwsError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// More elements of S3's error document.
    pub(crate) details: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl AwsError {
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As S3 writes it.
    pub(crate) fn s3_response(&self, request_id: &str) -> Response<Bytes> {
        let mut xml = Xml::document();
        xml.open("Error").text("Code", &self.code).text("Message", &self.message);
        for (name, value) in &self.details {
            xml.text(name, value);
        }
        xml.text("RequestId", request_id).close("Error");
        self.response(xml.into_bytes(), "application/xml")
    }

    /// As STS and IAM write it; `namespace` is the service's.
    pub(crate) fn query_response(&self, namespace: &str, request_id: &str) -> Response<Bytes> {
        let fault = if self.status >= 500 { "Receiver" } else { "Sender" };
        let mut xml = Xml::bare();
        xml.open_in("ErrorResponse", namespace)
            .open("Error")
            .text("Type", fault)
            .text("Code", &self.code)
            .text("Message", &self.message)
            .close("Error")
            .text("RequestId", request_id)
            .close("ErrorResponse");
        self.response(xml.into_bytes(), "text/xml")
    }

    fn response(&self, body: Bytes, content_type: &'static str) -> Response<Bytes> {
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(*name, value);
            }
        }
        response
    }
}
