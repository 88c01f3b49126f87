//! The front: every request of every service comes in here. It establishes the caller, hands the request to the
//! service of its credential scope, and writes the log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use firmhold_core::{Clock, Timestamp};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use s3s::Body;
use s3s::service::S3Service;
use serde_json::Value;

use crate::access_log::AccessLog;
use crate::auth_failure::AuthFailure;
use crate::authenticate::{Authenticator, Connection};
use crate::aws_error::AwsError;
use crate::call::{self, Call, Form};
use crate::caller::Caller;
use crate::cloudtrail::{self, Happening, Who};
use crate::cloudwatch::S3Request;
use crate::control::Control;
use crate::facts::ec2;
use crate::fault::{FaultAction, Faults};
use crate::iam_api::Iam;
use crate::ids;
use crate::observer::{Observation, Settle};
use crate::query::internal_failure;
use crate::records::Home;
use crate::region;
use crate::request_log::{RequestLog, RequestTrace};
use crate::s3::StatusOverride;
use crate::s3_control::{self, S3Control};
use crate::s3_front;
use crate::service::{Protocol, Service};
use crate::sigv4::{self, Carrier, Presented, hex_sha256};
use crate::sns::{Sns, SnsCall};
use crate::storage::Storage;
use crate::stream::{Ending, RequestBody, ShortBody};
use crate::sts::Sts;

/// Bytes of a call to any service but S3 at most.
const MAX_CALL_BODY: usize = 256 * 1024;

/// The line is to be dropped without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut by a fault")]
pub(crate) struct Cut;

/// All that the front needs.
pub(crate) struct Front {
    pub(crate) clock: Clock,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) storage: Storage,
    pub(crate) s3: S3Service,
    pub(crate) sts: Sts,
    pub(crate) iam: Iam,
    pub(crate) sns: Sns,
    pub(crate) control: Control,
    pub(crate) s3_control: S3Control,
    pub(crate) access_log: Arc<AccessLog>,
    pub(crate) observer: Settle,
    pub(crate) faults: Arc<Faults>,
    pub(crate) log: Arc<RequestLog>,
}

/// One request on its way.
struct Visit {
    service: Service,
    protocol: Protocol,
    connection: Connection,
    now: Timestamp,
    /// The time by which what services keep ages.
    state_now: Timestamp,
    request_id: String,
    trace: RequestTrace,
    caller: String,
    /// Who it is, once that is proved.
    who: Option<Who>,
    /// The region that was signed for.
    region: String,
    user_agent: String,
    /// Bytes of the body, as it says.
    received: u64,
}

impl Front {
    /// Answers one request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Connection,
    ) -> Result<Response<Body>, Cut> {
        let _under_way = self.log.arrival();
        let (parts, body) = request.into_parts();
        // Of the target only the path: the query may hold a signature and a session token.
        let path = parts.uri.path().to_owned();
        let presented = sigv4::read(&parts);
        let service = service_of(&parts, presented.as_ref().ok().and_then(Option::as_ref));
        let mut visit = Visit {
            service,
            protocol: service.protocol_of(&parts),
            connection,
            now: self.clock.now(),
            state_now: self.storage.clock().now(),
            request_id: ids::request_id(),
            trace: RequestTrace::default(),
            caller: "unknown".to_owned(),
            who: None,
            region: region::DEFAULT_REGION.to_owned(),
            user_agent: header(&parts, "user-agent").unwrap_or_default().to_owned(),
            received: received(&parts),
        };
        let noted = match &presented {
            Ok(presented) if visit.service == Service::S3 => {
                self.access_log.note(&parts, presented.as_ref(), connection)
            }
            _ => None,
        };
        let answer = match presented {
            Err((carrier, malformed)) => Err(AuthFailure::Malformed(carrier, malformed).error(visit.service)),
            Ok(presented) if visit.service == Service::S3 && s3_control::is_for(&parts) => {
                Ok(self.answer_s3_control(&mut visit, parts, body, presented.as_ref()).await)
            }
            Ok(presented) if visit.service == Service::S3 => {
                let body = RequestBody::new(body, visit.trace.clone());
                self.answer_s3(&mut visit, parts, body, presented.as_ref()).await
            }
            Ok(presented) => self.answer_call(&mut visit, parts, body, presented.as_ref()).await,
        };
        let response = answer.unwrap_or_else(|error| visit.refuse(&error));
        let response = visit.finish(response);
        let status = response.status().as_u16();
        let entry = visit.trace.entry(visit.now, visit.service.name(), visit.caller.clone(), &path, status);
        if let Some(noted) = noted {
            self.access_log.write(&noted, &entry, &visit.request_id, &response);
        }
        self.log.push(entry);
        self.observe(&visit, &response);
        if visit.trace.request_was_cut() { Err(Cut) } else { Ok(response) }
    }

    /// Tells the observer what was answered.
    fn observe(&self, visit: &Visit, response: &Response<Body>) {
        let Some(who) = visit.who.clone() else { return };
        let seen = visit.trace.seen();
        if seen.operation.is_empty() {
            return;
        }
        let status = response.status().as_u16();
        let parameter = |name: &str| seen.parameters.get(name).and_then(Value::as_str).map(str::to_owned);
        let s3 = parameter("bucketName").filter(|_| visit.service == Service::S3).map(|bucket| S3Request {
            bucket,
            key: parameter("key"),
            operation: seen.operation.clone(),
            status,
            time: visit.state_now,
            received: visit.received,
            sent: length(response),
            millis: u64::try_from(self.clock.now().since(visit.now).as_millis()).unwrap_or(u64::MAX),
        });
        let about_object = s3.as_ref().is_some_and(|request| request.key.is_some());
        let error = match (status >= 400, visit.service) {
            (false, _) => None,
            (true, Service::S3) => s3_front::error_of(response).or(seen.error),
            (true, _) => seen.error,
        };
        let happening = Happening {
            service: visit.service,
            operation: seen.operation,
            who,
            time: visit.state_now,
            region: visit.region.clone(),
            source_ip: visit.connection.peer.ip().to_string(),
            user_agent: visit.user_agent.clone(),
            request_id: visit.request_id.clone(),
            parameters: seen.parameters,
            response: seen.response,
            // Most services leave the word away in what they record.
            error: error
                .map(|(code, message)| (code.replace("AccessDeniedException", "AccessDenied"), message)),
            resource: seen.resource,
            owner: seen.owner,
            about_object,
        };
        self.observer.tell(Observation { happening: Some(happening), s3 });
    }

    async fn answer_s3(
        &self,
        visit: &mut Visit,
        mut parts: Parts,
        body: RequestBody,
        presented: Option<&Presented>,
    ) -> Result<Response<Body>, AwsError> {
        s3_front::refuse_forms(&parts)?;
        let (caller, secret) = self.establish(visit, &parts, presented)?;
        let mut payload_hash = None;
        if let Some(presented) = presented {
            s3_front::check_region(&parts, presented, &self.storage)?;
            if let (Carrier::Query { .. }, Some(secret)) = (presented.carrier, &secret) {
                payload_hash = s3_front::open_presigned(&mut parts, presented, secret)
                    .map_err(|failure| failure.error(Service::S3))?;
            }
        }
        // Of headers s3s checks the signature: a request that fails there has no operation, and is not told.
        visit.prove(&caller);
        parts.extensions.insert(caller);
        let body = Body::http_body_unsync(body.expecting(payload_hash));
        let request = Request::from_parts(parts, body);
        self.s3.call(request).await.map_err(|error| {
            tracing::error!(?error, "s3s gave no answer");
            AwsError::new(500, "InternalError", "We encountered an internal error. Please try again.")
        })
    }

    /// S3 Control is signed as S3 is, and refuses in its own form.
    async fn answer_s3_control(
        self: &Arc<Self>,
        visit: &mut Visit,
        parts: Parts,
        body: Incoming,
        presented: Option<&Presented>,
    ) -> Response<Body> {
        let answer = async {
            let body = read_call(body).await?;
            let operation = s3_control::operation(&parts)?;
            visit.trace.operation(operation.name(), "*");
            let caller = self.verified_caller(visit, &parts, &body, presented)?;
            self.inject_fault(visit, operation.name(), "*").await?;
            let front = Arc::clone(self);
            let carry_out = move || front.s3_control.call(operation, &caller, &parts, &body);
            tokio::task::spawn_blocking(carry_out).await.map_err(|_| internal_failure())?
        };
        let response = answer.await.unwrap_or_else(|error| {
            visit.trace.error(&error.code);
            visit.trace.message(&error.message);
            error.query_response(s3_control::NAMESPACE, &visit.request_id)
        });
        response.map(Body::from)
    }

    async fn answer_call(
        self: &Arc<Self>,
        visit: &mut Visit,
        parts: Parts,
        body: Incoming,
        presented: Option<&Presented>,
    ) -> Result<Response<Body>, AwsError> {
        let body = read_call(body).await?;
        let form = Form::read(visit.protocol, &parts, &body)?;
        let resource = form.resource().to_owned();
        visit.trace.operation(form.action(), &resource);
        visit.trace.parameters(cloudtrail::parameters(&match &form {
            Form::Query(params) => params.plain(),
            Form::Document { input, .. } => input.clone(),
        }));
        let caller = self.verified_caller(visit, &parts, &body, presented)?;
        self.inject_fault(visit, form.action(), &resource).await?;
        self.dispatch(visit, caller, form).await
    }

    /// The caller of a call whose body is there: its signature is checked, and its scope.
    fn verified_caller(
        &self,
        visit: &mut Visit,
        parts: &Parts,
        body: &[u8],
        presented: Option<&Presented>,
    ) -> Result<Caller, AwsError> {
        let (caller, secret) = self.establish(visit, parts, presented)?;
        let verified = match (presented, &secret) {
            (Some(presented), Some(secret)) => presented.verify(parts, &hex_sha256(body), secret),
            _ => false,
        };
        if !verified {
            return Err(AuthFailure::BadSignature.error(visit.service));
        }
        visit.prove(&caller);
        check_scope(presented)?;
        Ok(caller)
    }

    fn establish(
        &self,
        visit: &mut Visit,
        parts: &Parts,
        presented: Option<&Presented>,
    ) -> Result<(Caller, Option<String>), AwsError> {
        let authenticated = self
            .authenticator
            .authenticate(parts, presented, visit.service, visit.connection, visit.now, visit.trace.clone())
            .map_err(|failure| failure.error(visit.service))?;
        visit.caller = authenticated.caller.name();
        Ok((authenticated.caller, authenticated.secret))
    }

    /// Most calls wait for the disk, so they run on a thread that may.
    async fn dispatch(
        self: &Arc<Self>,
        visit: &Visit,
        caller: Caller,
        form: Form,
    ) -> Result<Response<Body>, AwsError> {
        let (front, request_id) = (Arc::clone(self), visit.request_id.clone());
        let (service, protocol) = (visit.service, visit.protocol);
        let now = visit.state_now;
        let carry_out = move || match &form {
            Form::Query(params) => match service {
                Service::Iam => front.iam.call(&caller, params, &request_id),
                Service::Sns => {
                    let account = caller.account.as_deref().unwrap_or_default();
                    let home = Home { account, region: &caller.region };
                    front.sns.call(&SnsCall { caller: &caller, params, home, request_id: &request_id, now })
                }
                _ => front.sts.call(&caller, params, &request_id),
            },
            Form::Document { action, input } => {
                let account = caller.account.as_deref().unwrap_or_default();
                let home = Home { account, region: &caller.region };
                let call = Call { service, caller: &caller, home, action, input, now };
                let output = front.control.call(&call)?;
                Ok(match protocol {
                    Protocol::Ec2 { namespace } => ec2::respond(action, namespace, &request_id, &output),
                    _ => call::respond(protocol, &output),
                })
            }
        };
        let response = tokio::task::spawn_blocking(carry_out).await.map_err(|_| internal_failure())??;
        Ok(response.map(Body::from))
    }

    async fn inject_fault(&self, visit: &Visit, action: &str, resource: &str) -> Result<(), AwsError> {
        match self.faults.strike(visit.service.name(), action, resource) {
            None => Ok(()),
            Some(FaultAction::Delay(millis)) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Ok(())
            }
            Some(FaultAction::Status(status, code)) => {
                Err(AwsError::new(status, code, "A fault that was asked for."))
            }
            Some(FaultAction::ExpiredToken) => Err(AuthFailure::ExpiredToken.error(visit.service)),
            Some(action) => {
                visit.trace.set_stream_fault(action);
                Ok(())
            }
        }
    }
}

/// The body of a call, as far as one may be long.
async fn read_call(body: Incoming) -> Result<Bytes, AwsError> {
    let body = Limited::new(body, MAX_CALL_BODY).collect().await.map_err(|_| {
        AwsError::new(413, "RequestEntityTooLarge", "The request is too large, or it broke off.")
    })?;
    Ok(body.to_bytes())
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}

/// The length of the body, without the signatures of its chunks.
fn received(parts: &Parts) -> u64 {
    let length = header(parts, "x-amz-decoded-content-length").or_else(|| header(parts, "content-length"));
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

/// The length of an answer's body, as far as it is known.
fn length(response: &Response<Body>) -> u64 {
    let said = response.headers().get(http::header::CONTENT_LENGTH);
    let said = said.and_then(|length| length.to_str().ok()?.parse().ok());
    said.or(response.body().size_hint().exact()).unwrap_or(0)
}

/// By credential scope; an unsigned request is one to S3 unless it has the form of a query call.
fn service_of(parts: &Parts, presented: Option<&Presented>) -> Service {
    if let Some(presented) = presented {
        // A scope of a service that is not here is refused as a query service refuses it.
        return Service::of_scope(&presented.service).unwrap_or(Service::Sts);
    }
    let content_type =
        parts.headers.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let form = content_type.starts_with(b"application/x-www-form-urlencoded");
    let action =
        parts.uri.query().is_some_and(|query| query.starts_with("Action=") || query.contains("&Action="));
    if parts.uri.path() == "/" && (action || (parts.method == Method::POST && form)) {
        Service::Sts
    } else {
        Service::S3
    }
}

/// The scope of a call: a service of the sandbox, and a region that exists.
fn check_scope(presented: Option<&Presented>) -> Result<(), AwsError> {
    let Some(presented) = presented else {
        return Ok(());
    };
    let wrong = |what: String| Err(AwsError::new(403, "SignatureDoesNotMatch", what));
    if Service::of_scope(&presented.service).is_none() {
        return wrong(format!(
            "Credential should be scoped to a service of the sandbox, not '{}'.",
            presented.service
        ));
    }
    if !region::exists(&presented.region) {
        return wrong(format!("Credential should be scoped to a valid region, not '{}'.", presented.region));
    }
    Ok(())
}

impl Visit {
    /// The caller is who it says.
    fn prove(&mut self, caller: &Caller) {
        self.who = Some(Who::of(caller));
        self.region.clone_from(&caller.region);
    }

    fn refuse(&self, error: &AwsError) -> Response<Body> {
        self.trace.error(&error.code);
        self.trace.message(&error.message);
        let response: Response<Bytes> = match self.protocol {
            Protocol::Rest => error.s3_response(&self.request_id),
            Protocol::Query { namespace } => error.query_response(namespace, &self.request_id),
            Protocol::Ec2 { .. } => error.ec2_response(&self.request_id),
            Protocol::Json { .. } | Protocol::RestJson => error.json_response(),
            Protocol::Cbor { .. } => error.cbor_response(),
        };
        response.map(Body::from)
    }

    /// Headers that every answer has, and the faults that are worked on it.
    fn finish(&self, mut response: Response<Body>) -> Response<Body> {
        let request_id_header = match self.service {
            Service::S3 => "x-amz-request-id",
            _ => "x-amzn-requestid",
        };
        if let Some(StatusOverride(status)) = response.extensions().get() {
            let status = *status;
            *response.status_mut() = status;
        }
        if let Ok(value) = HeaderValue::from_str(&self.request_id) {
            response.headers_mut().insert(request_id_header, value);
        }
        // The sandbox's time, not the machine's: SDKs correct their clock by this header.
        if let Ok(value) = HeaderValue::from_str(&http_date(self.now)) {
            response.headers_mut().insert(http::header::DATE, value);
        }
        match self.trace.answer_fault() {
            Some(FaultAction::Reset(after)) => response.map(|body| short(body, after, Ending::Cut)),
            Some(FaultAction::Stall(after)) => response.map(|body| short(body, after, Ending::Silence)),
            Some(FaultAction::TruncateBody(length)) => truncate(response, length),
            Some(FaultAction::WrongChecksum) => wrong_checksum(response),
            _ => response,
        }
    }
}

fn short(body: Body, left: u64, ending: Ending) -> Body {
    Body::http_body_unsync(ShortBody::new(body, left, ending))
}

fn truncate(response: Response<Body>, length: u64) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let said = parts.headers.get(http::header::CONTENT_LENGTH);
    let whole = said.and_then(|value| value.to_str().ok()?.parse().ok()).or(body.size_hint().exact());
    if whole.is_none_or(|whole: u64| whole > length) {
        parts.headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, short(body, length, Ending::Clean))
}

/// Turns each checksum into that of other bytes: its first base64 character becomes another one.
fn wrong_checksum(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in response.headers_mut() {
        let checksum = name.as_str().starts_with("x-amz-checksum-") && name != "x-amz-checksum-type";
        if let (true, Ok(text)) = (checksum, value.to_str()) {
            let first = if text.starts_with('A') { 'B' } else { 'A' };
            let other: String = std::iter::once(first).chain(text.chars().skip(1)).collect();
            if let Ok(other) = HeaderValue::from_str(&other) {
                *value = other;
            }
        }
    }
    response
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn http_date(time: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let weekday = usize::try_from(time.as_secs().div_euclid(86_400).rem_euclid(7)).unwrap_or(0);
    let text = Timestamp::from_secs(time.as_secs()).to_string();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().unwrap_or(1).clamp(1, 12);
    format!("{}, {} {} {} {} GMT", DAYS[weekday], part(8..10), MONTHS[month - 1], part(0..4), part(11..19))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(http_date(Timestamp::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(Timestamp::EPOCH), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
