//! Signed requests to the sandbox, as any AWS client sends them.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use firmhold_core::{Clock, Problem};

/// A client of one endpoint.
pub struct Aws {
    http: reqwest::Client,
    endpoint: String,
    clock: Clock,
}

/// What came back.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The text of an XML element.
    pub fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    }

    /// Whether it was done.
    pub fn is_ok(&self) -> bool {
        self.status < 300
    }

    /// AWS's error code; of an answer without a body (HEAD) the status.
    pub fn error(&self) -> String {
        self.element("Code").map_or_else(|| self.status.to_string(), str::to_owned)
    }
}

/// A request to S3.
pub struct S3<'a> {
    pub method: http::Method,
    /// `/bucket/key?query`
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: &'a str,
}

impl Aws {
    pub fn new(endpoint: String, clock: Clock) -> Result<Self, Problem> {
        Ok(Self { http: crate::http_client::build(None)?, endpoint, clock })
    }

    /// A request to S3.
    pub async fn s3(&self, who: &Credentials, region: &str, request: S3<'_>) -> Result<Answer, Problem> {
        let url = format!("{}{}", self.endpoint, request.path);
        self.send(who, ("s3", region), request.method, &url, request.headers, request.body).await
    }

    /// A request to a service that takes forms: `iam`, `sts`.
    pub async fn query(
        &self,
        who: &Credentials,
        service: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Answer, Problem> {
        let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Version", version).extend_pairs(parameters);
        let form = form.finish();
        let headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        let url = format!("{}/", self.endpoint);
        self.send(who, (service, "us-east-1"), http::Method::POST, &url, headers, &form).await
    }

    async fn send(
        &self,
        who: &Credentials,
        (service, region): (&str, &str),
        method: http::Method,
        url: &str,
        headers: Vec<(String, String)>,
        body: &str,
    ) -> Result<Answer, Problem> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode =
            if service == "s3" { PercentEncodingMode::Single } else { PercentEncodingMode::Double };
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = who.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(self.clock.now().to_system_time())
            .settings(settings)
            .build()
            .map_err(Problem::internal)?
            .into();
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable =
            SignableRequest::new(method.as_str(), url, pairs, SignableBody::Bytes(body.as_bytes()))
                .map_err(Problem::internal)?;
        let (instructions, _) = sign(signable, &params).map_err(Problem::internal)?.into_parts();
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let mut request = request.body(body.to_owned()).map_err(Problem::internal)?;
        instructions.apply_to_request_http1x(&mut request);
        let request = reqwest::Request::try_from(request).map_err(Problem::internal)?;
        let response = self.http.execute(request).await.map_err(Problem::internal)?;
        let status = response.status().as_u16();
        Ok(Answer { status, body: response.text().await.map_err(Problem::internal)? })
    }
}
