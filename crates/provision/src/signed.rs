//! The few calls for which there is no SDK here, or whose documents must be kept byte for byte: signed by hand
//! (`aws-sigv4`), sent once more when AWS is busy, bounded in size.

use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use firmhold_core::{Clock, Code, Problem};
use reqwest::{Method, StatusCode};

use crate::access::OwnerAccess;
use crate::inventory::Fact;
use crate::refusal::denied_as;

/// The largest answer that is read.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Tries of a call that AWS was too busy for, with growing pauses between them.
const TRIES: u32 = 4;

/// What signs and sends.
pub(crate) struct Signed {
    http: reqwest::Client,
    credentials: SharedCredentialsProvider,
    clock: Clock,
    region: String,
    /// Instead of AWS's hosts.
    endpoint: Option<String>,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    /// The IAM action that it needs.
    pub(crate) action: &'a str,
    /// On what, for errors.
    pub(crate) target: &'a str,
    /// As the signature names the service.
    pub(crate) service: &'a str,
    /// AWS's host for it.
    pub(crate) host: String,
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(str::to_owned)
    }

    /// AWS's code of an error, in XML or JSON.
    fn code(&self) -> Option<String> {
        let xml = || self.text.split_once("<Code>")?.1.split_once("</Code>").map(|(code, _)| code.to_owned());
        let json = || {
            let body: serde_json::Value = serde_json::from_str(&self.text).ok()?;
            let code =
                body.get("__type").or_else(|| body.get("Code")).or_else(|| body.get("code"))?.as_str()?;
            Some(code.rsplit('#').next().unwrap_or(code).to_owned())
        };
        let plain =
            |code: &String| code.len() <= 80 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
        xml().or_else(json).filter(plain)
    }
}

impl Signed {
    pub(crate) fn open(
        access: &OwnerAccess,
        config: &aws_config::SdkConfig,
        ca_bundle: Option<&[u8]>,
    ) -> Result<Self, Problem> {
        // An error means that the process has chosen one already, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = ca_bundle {
            for certificate in reqwest::Certificate::from_pem_bundle(pem).map_err(Problem::internal)? {
                http = http.add_root_certificate(certificate);
            }
        }
        let credentials = config.credentials_provider().ok_or_else(|| {
            Problem::new(Code::Usage, "no AWS credentials were found")
                .with_hint("Name a profile: --aws-profile NAME")
        })?;
        Ok(Self {
            http: http.build().map_err(Problem::internal)?,
            credentials,
            clock: access.clock.clone(),
            region: access.region.clone(),
            endpoint: config.endpoint_url().map(|url| url.trim_end_matches('/').to_owned()),
        })
    }

    /// A call on a bucket's sub-resource, such as `lifecycle`.
    pub(crate) fn bucket<'a>(&self, bucket: &str, sub: &str, action: &'a str, target: &'a str) -> Call<'a> {
        let (host, path) = match &self.endpoint {
            Some(_) => (String::new(), format!("/{bucket}?{sub}")),
            None => {
                let suffix =
                    if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                (format!("{bucket}.s3.{}.{suffix}", self.region), format!("/?{sub}"))
            }
        };
        Call {
            action,
            target,
            service: "s3",
            host,
            method: Method::GET,
            path,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// A read: with one of `absent` as AWS's code there is nothing.
    pub(crate) async fn read(&self, call: Call<'_>, absent: &[&str]) -> Result<Fact<Answer>, Problem> {
        let answer = self.send(&call).await?;
        if answer.status.is_success() {
            return Ok(Fact::Known(answer));
        }
        match answer.code().as_deref() {
            Some(code) if absent.contains(&code) => Ok(Fact::Absent),
            Some(code) if code.starts_with("AccessDenied") => Ok(Fact::Denied(call.action.to_owned())),
            _ => Err(refused(&call, &answer)),
        }
    }

    /// A write.
    pub(crate) async fn write(&self, call: Call<'_>) -> Result<Answer, Problem> {
        let answer = self.send(&call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(refused(&call, &answer)) }
    }

    async fn send(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let mut pause = Duration::from_millis(200);
        for _ in 1..TRIES {
            match self.send_once(call).await {
                Ok(answer) if !is_busy(&answer) => return Ok(answer),
                Ok(_) | Err(_) => tokio::time::sleep(pause).await,
            }
            pause *= 3;
        }
        self.send_once(call).await
    }

    async fn send_once(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let base = self.endpoint.clone().unwrap_or_else(|| format!("https://{}", call.host));
        let url = format!("{base}{}", call.path);
        let unanswered = |error: &dyn fmt::Display| {
            Problem::new(
                Code::StoreFailed,
                format!("{} on {} was not answered: {error}", call.action, call.target),
            )
            .with_hint("Check the network, the region and the endpoint; then run it again.")
        };
        let signature = self.signature(call, &url).await?;
        let mut request = self.http.request(call.method.clone(), &url);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        for (name, value) in signature {
            request = request.header(name, value);
        }
        let sent = request.body(call.body.clone()).send().await;
        let mut response = sent.map_err(|error| unanswered(&error.without_url()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unanswered(&error.without_url()))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(unanswered(&"the answer is too long"));
            }
        }
        Ok(Answer { status, headers, text: String::from_utf8_lossy(&body).into_owned() })
    }

    async fn signature(&self, call: &Call<'_>, url: &str) -> Result<Vec<(String, String)>, Problem> {
        let credentials = self.credentials.provide_credentials().await.map_err(|error| {
            Problem::new(Code::Usage, "the AWS credentials cannot be used").caused_by(error)
        })?;
        let mut settings = SigningSettings::default();
        // S3 signs paths as they are sent.
        settings.percent_encoding_mode =
            if call.service == "s3" { PercentEncodingMode::Single } else { PercentEncodingMode::Double };
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(call.service)
            .time(self.clock.now().to_system_time())
            .settings(settings)
            .build()
            .map_err(Problem::internal)?;
        let signed = call.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(call.body.as_bytes());
        let request =
            SignableRequest::new(call.method.as_str(), url, signed, body).map_err(Problem::internal)?;
        let (instructions, _) = sign(request, &params.into()).map_err(Problem::internal)?.into_parts();
        let (headers, _) = instructions.into_parts();
        Ok(headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
    }
}

fn is_busy(answer: &Answer) -> bool {
    answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS
}

fn refused(call: &Call<'_>, answer: &Answer) -> Problem {
    let code = answer.code();
    let problem = if code.as_deref().is_some_and(|code| code.starts_with("AccessDenied")) {
        denied_as(call.action, call.target, &answer.text)
    } else {
        let status = answer.status;
        Problem::new(Code::StoreFailed, format!("{} on {} failed ({status})", call.action, call.target))
            .with_hint("Run it again: it goes on where it stopped.")
    };
    match code {
        Some(code) => problem.with_aws_code(code),
        None => problem,
    }
}
