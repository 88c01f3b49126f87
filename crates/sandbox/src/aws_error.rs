//! An error in AWS's words, on the wire of each kind: S3's XML, the query protocol's, JSON and CBOR.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::cbor;
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

    /// As services write it that speak the query protocol; `namespace` is the service's.
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

    /// As EC2 writes it.
    pub(crate) fn ec2_response(&self, request_id: &str) -> Response<Bytes> {
        let mut xml = Xml::document();
        xml.open("Response")
            .open("Errors")
            .open("Error")
            .text("Code", &self.code)
            .text("Message", &self.message)
            .close("Error")
            .close("Errors")
            .text("RequestID", request_id)
            .close("Response");
        self.response(xml.into_bytes(), "text/xml")
    }

    /// As services write it that speak JSON.
    pub(crate) fn json_response(&self) -> Response<Bytes> {
        let body = json!({"__type": self.code, "message": self.message}).to_string();
        self.response(Bytes::from(body), "application/x-amz-json-1.1")
    }

    /// As CloudWatch writes it: in CBOR, and with the code that the query protocol had for it in a header.
    pub(crate) fn cbor_response(&self) -> Response<Bytes> {
        let fault = if self.status >= 500 { "Receiver" } else { "Sender" };
        let body = cbor::write(&json!({"__type": self.code, "message": self.message}));
        let mut response = self.response(body, "application/cbor");
        response.headers_mut().insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", self.code)) {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
        response
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
