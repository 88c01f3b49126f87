//! Signed requests to services without an SDK in this workspace.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use crate::harness::Harness;

/// What is sent, besides to whom.
pub struct Raw<'a> {
    pub service: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a str,
}

impl Harness {
    /// Status and body of the answer.
    pub async fn raw(&self, credentials: &Credentials, raw: &Raw<'_>) -> (u16, String) {
        let url = format!("{}{}", self.sandbox.http_url(), raw.path);
        let identity = credentials.clone().into();
        let now: SystemTime = self.sandbox.clock().now().to_system_time();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-west-2")
            .name(raw.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let host = url.trim_start_matches("http://").split('/').next().unwrap();
        let headers = raw.headers.iter().copied().chain([("host", host)]);
        let body = SignableBody::Bytes(raw.body.as_bytes());
        let signable = SignableRequest::new(raw.method, &url, headers, body).unwrap();
        let (instructions, _) = sign(signable, &params.into()).unwrap().into_parts();
        let mut request = http::Request::builder().method(raw.method).uri(&url);
        for (name, value) in raw.headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(raw.body.to_owned()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        let (parts, body) = request.into_parts();
        let client = crate::s3_support::http();
        let sent = client.request(parts.method, url).headers(parts.headers).body(body).send().await.unwrap();
        (sent.status().as_u16(), sent.text().await.unwrap())
    }

    /// A call in JSON 1.1; the status and the document.
    pub async fn json(
        &self,
        credentials: &Credentials,
        service: &str,
        target: &str,
        body: Value,
    ) -> (u16, Value) {
        let body = body.to_string();
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let raw = Raw { service, method: "POST", path: "/", headers: &headers, body: &body };
        let (status, text) = self.raw(credentials, &raw).await;
        let document = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        (status, document)
    }

    /// A call in a service's query protocol: status and XML.
    pub async fn query(
        &self,
        credentials: &Credentials,
        service: &str,
        parameters: &[(&str, &str)],
    ) -> (u16, String) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let raw = Raw { service, method: "POST", path: "/", headers: &headers, body: &body };
        self.raw(credentials, &raw).await
    }
}

/// The text of an element.
pub fn element(xml: &str, name: &str) -> String {
    let inside =
        xml.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    inside.map(|(text, _)| text.to_owned()).unwrap_or_default()
}
