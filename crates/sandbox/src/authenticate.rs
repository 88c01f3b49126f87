//! From a request to its [`Caller`]: the key, the token, the time, the headers that were signed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use firmhold_core::Timestamp;
use firmhold_iam::{Context, Principal};
use http::request::Parts;

use crate::account::Accounts;
use crate::auth_failure::AuthFailure;
use crate::caller::Caller;
use crate::ids;
use crate::region::DEFAULT_REGION;
use crate::request_log::RequestTrace;
use crate::service::Service;
use crate::session::Session;
use crate::sigv4::{Carrier, Presented};

/// How far a request's time may be from ours.
const MAX_SKEW: Duration = Duration::from_secs(15 * 60);

/// How a request came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    /// `1.2` or `1.3`; `None` on plain HTTP.
    pub(crate) tls_version: Option<&'static str>,
    /// The negotiated suite, by its name at IANA; `None` on plain HTTP.
    pub(crate) cipher: Option<&'static str>,
}

/// A caller and the secret that its signature has to be made with.
pub(crate) struct Authenticated {
    pub(crate) caller: Caller,
    /// `None` for an unsigned request.
    pub(crate) secret: Option<String>,
}

/// Establishes callers.
pub(crate) struct Authenticator {
    pub(crate) accounts: Accounts,
    pub(crate) http_is_secure: bool,
}

/// Who a key belongs to.
struct Identity {
    account: String,
    principal: Principal,
    user_id: String,
    policies: BTreeMap<String, String>,
    /// `aws:PrincipalTag/…`: the role's, and before them those of the session.
    tags: BTreeMap<String, String>,
    session: Option<Session>,
    secret: String,
}

impl Authenticator {
    /// Checks all of a signature but the signature: that is [`Presented::verify`]'s, or s3s's.
    pub(crate) fn authenticate(
        &self,
        parts: &Parts,
        presented: Option<&Presented>,
        service: Service,
        connection: Connection,
        now: Timestamp,
        trace: RequestTrace,
    ) -> Result<Authenticated, AuthFailure> {
        let identity = match presented {
            None if service == Service::S3 => None,
            None => return Err(AuthFailure::Unsigned),
            Some(presented) => {
                let identity = self.identity(presented, now)?;
                check_time(presented, now)?;
                check_signed_headers(parts, presented, service)?;
                Some(identity)
            }
        };
        let mut context = self.context(parts, connection, service, now);
        if let Some(presented) = presented {
            signature_context(&mut context, presented, now);
        }
        Ok(self.caller(identity, presented, connection, context, trace))
    }

    fn identity(&self, presented: &Presented, now: Timestamp) -> Result<Identity, AuthFailure> {
        match presented.session_token.as_deref() {
            Some(token) => self.session_identity(presented, token, now),
            None => self.user_identity(&presented.access_key_id),
        }
    }

    fn user_identity(&self, access_key_id: &str) -> Result<Identity, AuthFailure> {
        let (account, user) = self.accounts.user_of_key(access_key_id).ok_or(AuthFailure::UnknownKey)?;
        Ok(Identity {
            principal: Principal::User {
                partition: "aws".to_owned(),
                account: account.clone(),
                path: "/".to_owned(),
                name: user.name,
            },
            account,
            user_id: user.id,
            policies: user.policies,
            tags: BTreeMap::new(),
            session: None,
            secret: user.secret_access_key,
        })
    }

    fn session_identity(
        &self,
        presented: &Presented,
        token: &str,
        now: Timestamp,
    ) -> Result<Identity, AuthFailure> {
        let session = self.accounts.seal().open(token).ok_or(AuthFailure::BadToken)?;
        if session.access_key_id != presented.access_key_id {
            return Err(AuthFailure::BadToken);
        }
        if now >= session.expires {
            return Err(AuthFailure::ExpiredToken);
        }
        // A session ends with its role, also if a namesake takes the role's place.
        let mut role = self
            .accounts
            .role(&session.account, &session.role)
            .filter(|role| role.id == session.role_id)
            .ok_or(AuthFailure::UnknownKey)?;
        let mut tags = std::mem::take(&mut role.tags);
        tags.extend(session.tags.clone());
        Ok(Identity {
            tags,
            principal: Principal::RoleSession {
                partition: "aws".to_owned(),
                account: session.account.clone(),
                path: Some(role.path.clone()),
                role: role.name.clone(),
                session: session.name.clone(),
            },
            account: session.account.clone(),
            user_id: format!("{}:{}", role.id, session.name),
            policies: self.accounts.effective().policies_of(&role),
            secret: self.accounts.seal().secret_access_key(&session.access_key_id),
            session: Some(session),
        })
    }

    fn caller(
        &self,
        identity: Option<Identity>,
        presented: Option<&Presented>,
        connection: Connection,
        mut context: Context,
        trace: RequestTrace,
    ) -> Authenticated {
        let secure = self.http_is_secure || connection.tls_version.is_some();
        let region = presented.map_or(DEFAULT_REGION, |presented| &presented.region).to_owned();
        let Some(identity) = identity else {
            let caller = Caller {
                account: None,
                principal: Principal::Anonymous,
                access_key_id: None,
                carrier: None,
                region,
                secure,
                user_id: None,
                is_session: false,
                session_began: None,
                policies: BTreeMap::new(),
                session_policy: None,
                context,
                accounts: self.accounts.clone(),
                trace,
            };
            return Authenticated { caller, secret: None };
        };
        context.set("aws:userid", identity.user_id.as_str()).set("aws:RequestedRegion", region.as_str());
        if let Some(session) = &identity.session {
            // What revokes a role's sessions asks for it.
            context.set("aws:TokenIssueTime", session.began.to_string());
        }
        for (key, value) in &identity.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value);
        }
        let caller = Caller {
            account: Some(identity.account),
            principal: identity.principal,
            access_key_id: presented.map(|presented| presented.access_key_id.clone()),
            carrier: presented.map(|presented| presented.carrier),
            region,
            secure,
            user_id: Some(identity.user_id),
            is_session: identity.session.is_some(),
            session_began: identity.session.as_ref().map(|session| session.began),
            policies: identity.policies,
            session_policy: identity.session.and_then(|session| session.policy),
            context,
            accounts: self.accounts.clone(),
            trace,
        };
        Authenticated { caller, secret: Some(identity.secret) }
    }

    /// The condition keys that every request has
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>).
    fn context(&self, parts: &Parts, connection: Connection, service: Service, now: Timestamp) -> Context {
        let secure = self.http_is_secure || connection.tls_version.is_some();
        let mut context = Context::new();
        context
            .set("aws:SecureTransport", secure)
            .set("aws:SourceIp", connection.peer.ip().to_string())
            .set("aws:CurrentTime", now.to_string())
            .set("aws:EpochTime", now.as_secs())
            .set("aws:ViaAWSService", false)
            .set("aws:PrincipalIsAWSService", false);
        if service == Service::S3 {
            // Plain HTTP that counts as secure counts as the newest TLS, or a minimum-version deny would bite.
            if let Some(version) = connection.tls_version.or(secure.then_some("1.3")) {
                context.set("s3:TlsVersion", version);
            }
        }
        for (header, key) in [("user-agent", "aws:UserAgent"), ("referer", "aws:Referer")] {
            if let Some(value) = parts.headers.get(header).and_then(|value| value.to_str().ok()) {
                context.set(key, value);
            }
        }
        context
    }
}

/// The condition keys that tell how an S3 request was signed. Other services have none of them, and no policy for
/// them names them.
fn signature_context(context: &mut Context, presented: &Presented, now: Timestamp) {
    let auth_type = match presented.carrier {
        Carrier::Header => "REST-HEADER",
        Carrier::Query { .. } => "REST-QUERY-STRING",
    };
    let age = i64::try_from(now.since(presented.signed_at).as_millis()).unwrap_or(i64::MAX);
    context
        .set("s3:signatureversion", crate::sigv4::ALGORITHM)
        .set("s3:authType", auth_type)
        .set("s3:signatureAge", age);
}

fn check_time(presented: &Presented, now: Timestamp) -> Result<(), AuthFailure> {
    let early = presented.signed_at.since(now) > MAX_SKEW;
    match presented.carrier {
        Carrier::Header => {
            if early || now.since(presented.signed_at) > MAX_SKEW {
                return Err(AuthFailure::Skewed { signed_at: presented.signed_at, now });
            }
        }
        Carrier::Query { expires } => {
            if early {
                return Err(AuthFailure::NotYetValid);
            }
            let good_for = Duration::from_secs(u64::try_from(expires).unwrap_or(0));
            let at = presented.signed_at.plus(good_for);
            if now > at {
                return Err(AuthFailure::Expired { after: expires, at, now });
            }
        }
    }
    Ok(())
}

fn check_signed_headers(parts: &Parts, presented: &Presented, service: Service) -> Result<(), AuthFailure> {
    if matches!(presented.carrier, Carrier::Query { .. })
        && parts.headers.contains_key(http::header::AUTHORIZATION)
    {
        return Err(AuthFailure::TwoMechanisms);
    }
    let signed = |name: &str| presented.signed_headers.iter().any(|signed| signed == name);
    // INVARIANT: the host is signed, or a request could be sent to another server than it was made for.
    if !signed("host") {
        return Err(AuthFailure::BadSignature);
    }
    if service != Service::S3 {
        return Ok(());
    }
    let unsigned: Vec<String> = parts
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && !signed(name))
        .map(str::to_owned)
        .collect();
    if unsigned.is_empty() { Ok(()) } else { Err(AuthFailure::HeadersNotSigned(unsigned)) }
}

/// A new session of a role, sealed: its keys and its token.
pub(crate) struct SessionKeys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) token: String,
}

impl Authenticator {
    /// Gives a session its keys.
    pub(crate) fn issue(&self, session: &mut Session) -> Option<SessionKeys> {
        session.access_key_id = ids::unique_id("ASIA").ok()?;
        let seal = self.accounts.seal();
        Some(SessionKeys {
            secret_access_key: seal.secret_access_key(&session.access_key_id),
            token: seal.token(session).ok()?,
            access_key_id: session.access_key_id.clone(),
        })
    }
}
