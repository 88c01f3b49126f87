//! The platform's API as the commands see it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firmhold_core::problem::ErrorBody;
use firmhold_core::{Code, FieldErrors, OrganizationPrn, Problem, Secret};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api_key::ApiKey;
use crate::network::Network;
use crate::profile::Profile;

/// A server that has not answered once in this run is waited for no longer: it is more often a wrong URL than an outage.
const FIRST_CONTACT: Duration = Duration::from_secs(5);
/// An API call that takes longer has failed.
const CALL: Duration = Duration::from_secs(150);
/// The one that completes an upload: what the server gives the store for it, which may copy terabytes, and some more.
const COMPLETE: Duration = Duration::from_secs(660);
/// POSTs whose answers hold a secret: the server ignores their `Idempotency-Key` (API contract 1.8).
const SECRET: [&str; 3] = ["/api_keys", "/webhooks", "/oidc/exchange"];
/// Longest error answer that is read.
const ERROR_BODY_LIMIT: usize = 256 * 1024;
/// How long an error answer may take, once it has begun: what has come by then has to do.
const ERROR_BODY: Duration = Duration::from_secs(10);

/// A client of one server with one API key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: Arc<ApiKey>,
    network: Network,
    answered: Arc<AtomicBool>,
}

impl Client {
    /// The server and key of `profile`.
    ///
    /// # Errors
    /// [`Code::Usage`] if either is missing.
    pub fn new(profile: &Profile) -> Result<Self, Problem> {
        let url = profile.url.as_deref().ok_or_else(|| {
            Problem::new(Code::Usage, "no server given")
                .with_hint("set FIRMHOLD_URL, give --url, or write a profile")
        })?;
        let key = profile.api_key.clone().ok_or_else(|| {
            Problem::new(Code::Usage, "no API key given").with_hint(
                "set FIRMHOLD_API_KEY, or write a profile; `firmhold org create` makes the first key",
            )
        })?;
        Self::with(url, key, profile.ca_file.as_deref())
    }

    /// The server at `url` with `key`.
    ///
    /// # Errors
    /// [`Code::Usage`] if `url` is none.
    pub fn with(url: &str, key: Secret, ca_file: Option<&Path>) -> Result<Self, Problem> {
        let parsed = url::Url::parse(url).map_err(|error| {
            Problem::new(Code::Usage, format!("the server's address {url:?} is no URL")).caused_by(error)
        })?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(Problem::new(
                Code::Usage,
                format!("the server's address {url:?} must be http or https"),
            ));
        }
        Ok(Self {
            http: crate::http_client::build(ca_file)?,
            base: url.trim_end_matches('/').to_owned(),
            key: Arc::new(ApiKey::given(key)),
            network: Network::default(),
            answered: Arc::default(),
        })
    }

    /// The same client with a key that may be renewed.
    #[must_use]
    pub fn with_key(&self, key: Arc<ApiKey>) -> Self {
        Self { key, ..self.clone() }
    }

    /// The same client with another patience.
    #[must_use]
    pub fn with_network(&self, network: Network) -> Self {
        Self { network, ..self.clone() }
    }

    /// The same client, whose repeats count for themselves.
    #[must_use]
    pub fn counting_anew(&self) -> Self {
        let retry = self.network.retry.counting_anew();
        self.with_network(Network { retry, ..self.network.clone() })
    }

    /// How patient it is.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The HTTP client, for what is not the API: parts and downloads.
    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The organization that the key belongs to.
    ///
    /// # Errors
    /// As the API's.
    pub async fn organization(&self) -> Result<OrganizationPrn, Problem> {
        let answer = self.get("/api_keys/self", &[]).await?;
        member(answer, "api_key", "organization_prn")
    }

    /// GET, with query parameters.
    ///
    /// # Errors
    /// As the API's.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Problem> {
        self.send(Method::GET, path, query, None::<&()>).await
    }

    /// POST with a JSON body.
    ///
    /// # Errors
    /// As the API's.
    pub async fn post<T: Serialize>(&self, path: &str, body: &T) -> Result<Value, Problem> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// POST without a body.
    ///
    /// # Errors
    /// As the API's.
    pub async fn post_empty(&self, path: &str) -> Result<Value, Problem> {
        self.send(Method::POST, path, &[], None::<&()>).await
    }

    /// PUT with a JSON body.
    ///
    /// # Errors
    /// As the API's.
    pub async fn put<T: Serialize>(&self, path: &str, body: &T) -> Result<Value, Problem> {
        self.send(Method::PUT, path, &[], Some(body)).await
    }

    /// PATCH with a JSON body.
    ///
    /// # Errors
    /// As the API's.
    pub async fn patch<T: Serialize>(&self, path: &str, body: &T) -> Result<Value, Problem> {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    /// PATCH that completes an upload, which the store may take minutes for.
    ///
    /// # Errors
    /// As the API's.
    pub async fn patch_and_complete<T: Serialize>(&self, path: &str, body: &T) -> Result<Value, Problem> {
        self.send_within(COMPLETE, Method::PATCH, path, &[], Some(body)).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// As the API's.
    pub async fn delete(&self, path: &str) -> Result<(), Problem> {
        self.send(Method::DELETE, path, &[], None::<&()>).await.map(drop)
    }

    /// Every object of a list, page after page.
    ///
    /// # Errors
    /// As the API's.
    pub async fn list<T: DeserializeOwned>(
        &self,
        plural: &str,
        search: Option<&str>,
    ) -> Result<Vec<T>, Problem> {
        let mut all = Vec::new();
        let mut page: Option<String> = None;
        loop {
            let mut query = vec![("limit", "100")];
            query.extend(search.map(|search| ("search", search)));
            query.extend(page.as_deref().map(|page| ("page", page)));
            let mut answer = self.get(&format!("/{plural}"), &query).await?;
            let items: Vec<T> = parse(answer.get_mut(plural).map(Value::take).unwrap_or_default())?;
            all.extend(items);
            page = answer.get("next_page").and_then(Value::as_str).map(str::to_owned);
            if page.is_none() {
                return Ok(all);
            }
        }
    }

    fn address(&self, path: &str, query: &[(&str, &str)]) -> Result<url::Url, Problem> {
        let mut url: url::Url = format!("{}{path}", self.base).parse().map_err(Problem::internal)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn send<T: Serialize>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&T>,
    ) -> Result<Value, Problem> {
        self.send_within(CALL, method, path, query, body).await
    }

    async fn send_within<T: Serialize>(
        &self,
        limit: Duration,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&T>,
    ) -> Result<Value, Problem> {
        // A POST that creates may have been carried out although its answer was lost: the key makes the repeat safe.
        let idempotency = uuid::Uuid::new_v4().to_string();
        let url = self.address(path, query)?;
        let mut retries = self.network.retry.begin();
        let mut renewed = false;
        loop {
            let key = self.key.secret();
            let mut request =
                self.http.request(method.clone(), url.clone()).timeout(limit).bearer_auth(key.expose());
            if method == Method::POST {
                request = request.header("idempotency-key", &idempotency);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let problem = match answer(request).await {
                // An earlier try deleted it, and its answer was lost.
                Err(gone) if method == Method::DELETE && retries.again() && gone.code() == Code::NotFound => {
                    return Ok(Value::Null);
                }
                Err(problem) if problem.code() == Code::Unauthenticated && !renewed => {
                    self.key.renew(&key, problem).await?;
                    renewed = true;
                    continue;
                }
                Err(problem) => problem,
                answer => {
                    self.answered.store(true, Ordering::Relaxed);
                    return answer;
                }
            };
            if problem.code() != Code::Unreachable {
                self.answered.store(true, Ordering::Relaxed);
            } else if !self.answered.load(Ordering::Relaxed) {
                retries.at_most(FIRST_CONTACT);
            }
            if !may_repeat(&method, path, &problem) {
                return Err(problem);
            }
            retries.wait(problem).await?;
        }
    }
}

/// Whether a repeat does no harm, should the first request have been carried out although it seems to have failed.
fn may_repeat(method: &Method, path: &str, problem: &Problem) -> bool {
    // Actions are POSTs below an object; their keys count for nothing.
    let has_key = path.matches('/').count() == 1 && !SECRET.contains(&path);
    method != Method::POST || has_key || problem.code() != Code::Unreachable || never_left(problem)
}

/// Whether no connection was made, so that nothing can have been carried out.
fn never_left(problem: &Problem) -> bool {
    let cause = std::error::Error::source(problem);
    cause.and_then(|cause| cause.downcast_ref::<reqwest::Error>()).is_some_and(reqwest::Error::is_connect)
}

/// Sends a request and reads its JSON answer, or its error.
async fn answer(request: RequestBuilder) -> Result<Value, Problem> {
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    if status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    if status.is_success() {
        let body = response.bytes().await.map_err(unreachable)?;
        return serde_json::from_slice(&body).map_err(|error| {
            Problem::new(Code::BadAnswer, "the server's answer is not JSON").caused_by(error)
        });
    }
    Err(error_of(response).await)
}

fn unreachable(error: reqwest::Error) -> Problem {
    let host = error.url().and_then(|url| url.host_str()).unwrap_or("the server").to_owned();
    Problem::new(Code::Unreachable, format!("cannot reach {host}")).caused_by(error.without_url())
}

/// Whether an answer is a Firmhold server's, and no store's or proxy's.
pub fn is_ours(response: &reqwest::Response) -> bool {
    response.headers().contains_key("firmhold-problem")
}

/// Seconds that an answer asks to wait.
pub fn retry_after(response: &reqwest::Response) -> Option<u32> {
    response.headers().get("retry-after")?.to_str().ok()?.parse().ok()
}

/// The problem that an error answer tells of. Whatever answers is untrusted: it may not even be a Firmhold server.
pub async fn error_of(response: reqwest::Response) -> Problem {
    let status = response.status();
    let named =
        response.headers().get("firmhold-problem").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let retry_after = retry_after(&response);
    let body = read_limited(response).await;
    let mut problem = match serde_json::from_slice::<ErrorBody>(&body) {
        Ok(body) => from_body(status, body),
        Err(_) => {
            let code = named.as_deref().and_then(code_named).unwrap_or_else(|| code_of(status));
            Problem::new(code, format!("the server answered {status}"))
        }
    };
    if let Some(secs) = retry_after {
        problem = problem.retry_after(secs);
    }
    problem
}

/// The beginning of an error's body, or what of it comes in time.
pub async fn read_limited(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > ERROR_BODY_LIMIT {
                break;
            }
        }
    };
    // The status says the most, and that is known.
    let _ = tokio::time::timeout(ERROR_BODY, read).await;
    body
}

fn from_body(status: StatusCode, body: ErrorBody) -> Problem {
    let code = code_named(&body.problem.code).unwrap_or_else(|| code_of(status));
    let mut fields = FieldErrors::new();
    let mut detail = None;
    if let Value::Object(errors) = &body.errors {
        for (field, texts) in errors {
            match texts {
                Value::String(text) if field == "detail" => detail = Some(text.clone()),
                Value::Array(texts) => {
                    texts.iter().filter_map(Value::as_str).for_each(|text| fields.add(field.clone(), text));
                }
                _ => {}
            }
        }
    }
    let detail = detail.unwrap_or_else(|| "some fields are wrong".to_owned());
    let mut problem = Problem::new(code, detail).with_fields(fields);
    if let Some(hint) = body.problem.hint {
        problem = problem.with_hint(hint);
    }
    if body.extra.is_empty() { problem } else { problem.with_extra(Value::Object(body.extra)) }
}

fn code_named(text: &str) -> Option<Code> {
    Code::ALL.iter().copied().find(|code| code.as_str() == text)
}

fn code_of(status: StatusCode) -> Code {
    match status.as_u16() {
        401 => Code::Unauthenticated,
        403 => Code::ScopeDenied,
        404 => Code::NotFound,
        409 => Code::StateForbids,
        410 => Code::LinkExpired,
        416 => Code::RangeUnsatisfiable,
        429 => Code::RateLimited,
        500 => Code::Internal,
        // A proxy whose server is away.
        502 | 504 => Code::Unreachable,
        503 => Code::Unavailable,
        _ => Code::BadAnswer,
    }
}

/// `value` as a `T`, or the problem that the answer makes no sense.
///
/// # Errors
/// [`Code::BadAnswer`].
pub fn parse<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| {
        Problem::new(Code::BadAnswer, "the server's answer has an unexpected form").caused_by(error)
    })
}

/// The object called `noun` in an answer.
///
/// # Errors
/// [`Code::BadAnswer`].
pub fn object<T: DeserializeOwned>(mut answer: Value, noun: &str) -> Result<T, Problem> {
    parse(answer.get_mut(noun).map(Value::take).unwrap_or_default())
}

fn member<T: DeserializeOwned>(mut answer: Value, noun: &str, field: &str) -> Result<T, Problem> {
    parse(answer.get_mut(noun).and_then(|object| object.get_mut(field)).map(Value::take).unwrap_or_default())
}

/// `text` as a quoted value of the search language (API contract 1.5).
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_repeats_safely_is_repeated() {
        let lost = || Problem::new(Code::Unreachable, "the line broke");
        let down = Problem::new(Code::Unavailable, "shutting down");
        assert!(may_repeat(&Method::POST, "/binaries", &lost()));
        assert!(may_repeat(&Method::PATCH, "/binaries/prn:1", &lost()));
        for path in ["/api_keys", "/oidc/exchange", "/backends/prn:1/external_id/rotate"] {
            assert!(!may_repeat(&Method::POST, path, &lost()), "{path}");
            assert!(may_repeat(&Method::POST, path, &down), "{path}");
        }
    }

    #[test]
    fn search_values_are_quoted() {
        assert_eq!(quoted(r"it's a \ test"), r"'it\'s a \\ test'");
    }
}
