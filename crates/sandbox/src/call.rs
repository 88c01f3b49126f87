//! A call of a service that takes and gives documents, in JSON 1.1 or in CBOR.

use bytes::Bytes;
use firmhold_core::Timestamp;
use firmhold_iam::ContextValue;
use http::request::Parts;
use http::{HeaderValue, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::authorize::{Ask, ask, refusal};
use crate::aws_error::AwsError;
use crate::caller::Caller;
use crate::cbor;
use crate::facts::guardduty;
use crate::query::{Params, internal_failure};
use crate::records::Home;
use crate::service::{Protocol, Service};

/// A tag in a document, as CloudWatch and EventBridge write it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// What a request says, read by the protocol of its service.
pub(crate) enum Form {
    Query(Params),
    Document { action: String, input: Value },
}

impl Form {
    /// Reads a request's action and input.
    pub(crate) fn read(protocol: Protocol, parts: &Parts, body: &[u8]) -> Result<Self, AwsError> {
        match protocol {
            Protocol::Rest | Protocol::Query { .. } => Ok(Self::Query(Params::read(parts.uri.query(), body))),
            Protocol::Ec2 { .. } => {
                let params = Params::read(parts.uri.query(), body);
                Self::document(Some(params.action()), Value::Object(Map::new()))
            }
            Protocol::RestJson => {
                let (action, input) = guardduty::read(parts).unzip();
                Self::document(action, input.unwrap_or_default())
            }
            Protocol::Json { target } => {
                let header = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
                let (named, action) = header.and_then(|header| header.rsplit_once('.')).unzip();
                // botocore writes more of the service's name before it than the other SDKs.
                let own = named.is_some_and(|named| named.rsplit('.').next() == Some(target));
                let action = action.filter(|_| own);
                let input = match body {
                    [] => Value::Object(Map::new()),
                    body => serde_json::from_slice(body).map_err(|_| not_read())?,
                };
                Self::document(action, input)
            }
            Protocol::Cbor { target } => {
                let path = parts.uri.path().strip_prefix("/service/");
                let action = path.and_then(|path| path.strip_prefix(target)?.strip_prefix("/operation/"));
                Self::document(action, cbor::read(body).ok_or_else(not_read)?)
            }
        }
    }

    fn document(action: Option<&str>, input: Value) -> Result<Self, AwsError> {
        let action = action.filter(|action| action.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        match (action, input) {
            (Some(action), input @ Value::Object(_)) => {
                Ok(Self::Document { action: action.to_owned(), input })
            }
            (None, _) => Err(AwsError::new(400, "UnknownOperationException", "")),
            (Some(_), _) => Err(not_read()),
        }
    }

    /// The operation, empty if none is named.
    pub(crate) fn action(&self) -> &str {
        match self {
            Self::Query(params) => params.action(),
            Self::Document { action, .. } => action,
        }
    }

    /// What the log calls the request's resource until the service says better.
    pub(crate) fn resource(&self) -> &str {
        const NAMES: [&str; 7] =
            ["RoleArn", "RoleName", "TopicArn", "KeyId", "AlarmName", "TrailName", "Name"];
        let named = |name| match self {
            Self::Query(params) => params.get(name),
            Self::Document { input, .. } => input.get(name).and_then(Value::as_str),
        };
        NAMES.into_iter().find_map(named).unwrap_or_default()
    }
}

fn not_read() -> AwsError {
    AwsError::new(400, "SerializationException", "The request's body cannot be read.")
}

/// One call: who asks for what, where and when.
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    pub(crate) caller: &'a Caller,
    pub(crate) home: Home<'a>,
    pub(crate) action: &'a str,
    pub(crate) input: &'a Value,
    pub(crate) now: Timestamp,
}

/// The output document; `Null` for none.
pub(crate) type Answer = Result<Value, AwsError>;

impl Call<'_> {
    /// The input as its operation knows it.
    pub(crate) fn input<T: DeserializeOwned>(&self) -> Result<T, AwsError> {
        T::deserialize(self.input).map_err(|error| {
            AwsError::new(400, "SerializationException", format!("The input cannot be read: {error}"))
        })
    }

    /// Decides on the call's own action.
    pub(crate) fn authorize(
        &self,
        resource: &str,
        policy: Option<&str>,
        keys: &[(String, ContextValue)],
    ) -> Result<(), AwsError> {
        self.authorize_as(self.action, resource, policy, keys)
    }

    /// Decides on an action of the call's service, by its bare name.
    pub(crate) fn authorize_as(
        &self,
        action: &str,
        resource: &str,
        policy: Option<&str>,
        keys: &[(String, ContextValue)],
    ) -> Result<(), AwsError> {
        self.caller.trace.operation(self.action, resource);
        let action = format!("{}:{action}", self.service.action_prefix());
        authorize(self.service, self.caller, &action, resource, self.home.account, policy, keys)
    }

    pub(crate) fn unknown(&self) -> AwsError {
        AwsError::new(400, "UnknownOperationException", format!("The sandbox has no {}.", self.action))
    }
}

/// Decides on `action`; a refusal is the service's.
pub(crate) fn authorize(
    service: Service,
    caller: &Caller,
    action: &str,
    resource: &str,
    owner: &str,
    policy: Option<&str>,
    keys: &[(String, ContextValue)],
) -> Result<(), AwsError> {
    let context: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let question = Ask {
        action,
        resource,
        resource_account: Some(owner),
        resource_policy: policy,
        trust: None,
        context: &context,
    };
    let decision = ask(caller, &question).map_err(|error| {
        tracing::error!(%error, "a stored policy cannot be read");
        internal_failure()
    })?;
    if decision.is_allowed() {
        return Ok(());
    }
    Err(denial(service, refusal(caller, action, resource, &decision)))
}

/// A service's own "access denied".
pub(crate) fn denial(service: Service, message: String) -> AwsError {
    match service {
        Service::Sns => AwsError::new(403, "AuthorizationError", message),
        Service::Ec2 => {
            let message = format!("You are not authorized to perform this operation. {message}");
            AwsError::new(403, "UnauthorizedOperation", message)
        }
        Service::GuardDuty => AwsError::new(403, "AccessDeniedException", message),
        Service::Kms
        | Service::Events
        | Service::CloudTrail
        | Service::Organizations
        | Service::Config
        | Service::Budgets => AwsError::new(400, "AccessDeniedException", message),
        Service::S3 | Service::Sts | Service::Iam | Service::CloudWatch => {
            AwsError::new(403, "AccessDenied", message)
        }
    }
}

/// The answer of a service that gives documents.
pub(crate) fn respond(protocol: Protocol, output: &Value) -> Response<Bytes> {
    let (body, content_type) = match (protocol, output) {
        (Protocol::Cbor { .. }, Value::Null) => (cbor::write(&Value::Object(Map::new())), "application/cbor"),
        (Protocol::Cbor { .. }, output) => (cbor::write(output), "application/cbor"),
        (_, Value::Null) => (Bytes::new(), "application/x-amz-json-1.1"),
        (_, output) => (Bytes::from(output.to_string()), "application/x-amz-json-1.1"),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if content_type == "application/cbor" {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    response
}

/// The items behind `after`, at most `limit`, and the name of the last of them if there are more. Items come sorted by
/// name.
pub(crate) fn page<T>(
    items: Vec<T>,
    limit: usize,
    after: Option<&str>,
    name: impl Fn(&T) -> &String,
) -> (Vec<T>, Option<String>) {
    let mut rest = items.into_iter().filter(|item| after.is_none_or(|after| name(item).as_str() > after));
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let next = rest.next().and(page.last()).map(|item| name(item).clone());
    (page, next)
}

/// A time as documents carry it: seconds since 1970, with a fraction.
pub(crate) fn epoch(time: Timestamp) -> Value {
    // A double has all milliseconds of some hundred thousand years.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are enough for any time that can come up")]
    let seconds = time.as_millis() as f64 / 1000.0;
    Value::from(seconds)
}

/// A time from a document.
pub(crate) fn time(seconds: f64) -> Timestamp {
    #[allow(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    Timestamp::from_millis((seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(service: Service, request: http::request::Builder, body: &[u8]) -> Result<String, String> {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        match Form::read(service.protocol_of(&parts), &parts, body) {
            Ok(Form::Document { action, input }) => Ok(format!("{action} {input}")),
            Ok(Form::Query(params)) => Ok(params.action().to_owned()),
            Err(error) => Err(error.code),
        }
    }

    #[test]
    fn an_action_is_where_its_protocol_has_it() {
        let json = |target: &str, body| {
            read(Service::Kms, http::Request::post("/").header("X-Amz-Target", target), body)
        };
        assert_eq!(json("TrentService.ListKeys", b""), Ok("ListKeys {}".to_owned()));
        assert_eq!(json("TrentService.ListKeys", b"{\"Limit\":1}"), Ok("ListKeys {\"Limit\":1}".to_owned()));
        assert_eq!(json("AWSEvents.ListRules", b""), Err("UnknownOperationException".to_owned()));
        assert_eq!(json("com.amazonaws.TrentService.ListKeys", b""), Ok("ListKeys {}".to_owned()));
        let cloudwatch =
            http::Request::post("/").header("X-Amz-Target", "GraniteServiceVersion20100801.ListMetrics");
        assert_eq!(read(Service::CloudWatch, cloudwatch, b"{}"), Ok("ListMetrics {}".to_owned()));
        assert_eq!(json("TrentService.ListKeys", b"[]"), Err("SerializationException".to_owned()));
        assert_eq!(json("TrentService.ListKeys", b"{"), Err("SerializationException".to_owned()));
        let path = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
        assert_eq!(
            read(Service::CloudWatch, http::Request::post(path), b"\xbf\xff"),
            Ok("ListMetrics {}".to_owned())
        );
        assert_eq!(
            read(Service::Sns, http::Request::post("/"), b"Action=Publish&Message=a"),
            Ok("Publish".to_owned())
        );
    }

    #[test]
    fn times_keep_their_milliseconds() {
        let now = Timestamp::from_millis(1_764_000_000_123);
        assert_eq!(time(epoch(now).as_f64().unwrap()), now);
    }
}
