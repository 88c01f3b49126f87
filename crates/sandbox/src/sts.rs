//! STS: AssumeRole and GetCallerIdentity
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use firmhold_core::{Clock, Timestamp};
use firmhold_iam::{Arn, ContextValue, Decision, Outcome, Policy, PolicyKind};
use http::Response;
use serde_json::json;

use crate::authenticate::Authenticator;
use crate::authorize::{Ask, ask, refusal};
use crate::aws_error::AwsError;
use crate::caller::Caller;
use crate::ids;
use crate::query::{Params, internal_failure, is_name_char, respond, tag_keys, validation};
use crate::role::Role;
use crate::service::Service;
use crate::session::Session;

/// Seconds that a session lasts unless asked otherwise.
const DEFAULT_DURATION: u32 = 3600;
/// Seconds that a session lasts at least.
const MIN_DURATION: u32 = 900;
/// Seconds that a session lasts at most when a role session asks for it.
const CHAINED_DURATION: u32 = 3600;
/// Characters of a session policy.
const MAX_POLICY: usize = 2048;

/// The service.
pub(crate) struct Sts {
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) clock: Clock,
}

/// A call of AssumeRole whose form is right.
struct AssumeRole<'a> {
    role_arn: &'a str,
    session_name: &'a str,
    external_id: Option<&'a str>,
    policy: Option<&'a str>,
    duration: Option<u32>,
    tags: BTreeMap<String, String>,
}

impl Sts {
    /// Answers one call.
    pub(crate) fn call(
        &self,
        caller: &Caller,
        params: &Params,
        request_id: &str,
    ) -> Result<Response<Bytes>, AwsError> {
        match params.action() {
            "AssumeRole" => self.assume_role(caller, &AssumeRole::read(params)?, request_id),
            "GetCallerIdentity" => Ok(get_caller_identity(caller, request_id)),
            _ => Err(params.unknown_action()),
        }
    }

    fn assume_role(
        &self,
        caller: &Caller,
        call: &AssumeRole<'_>,
        request_id: &str,
    ) -> Result<Response<Bytes>, AwsError> {
        // A role that is not there is refused like one that does not trust the caller: names are not told.
        let Some((account, role)) = self.find(call.role_arn) else {
            caller.trace.decision(format!("there is no role {}", call.role_arn));
            return Err(denied(caller, "sts:AssumeRole", call.role_arn));
        };
        authorize(caller, call, &account, &role)?;
        caller.trace.owner(&account);
        let duration = session_duration(caller, call, &role)?;
        let mut session = Session {
            access_key_id: String::new(),
            account: account.clone(),
            role: role.name.clone(),
            role_id: role.id.clone(),
            name: call.session_name.to_owned(),
            began: whole_seconds(self.clock.now()),
            expires: whole_seconds(self.clock.now()).plus(Duration::from_secs(u64::from(duration))),
            policy: call.policy.map(str::to_owned),
            tags: call.tags.clone(),
        };
        let keys = self.authenticator.issue(&mut session).ok_or_else(internal_failure)?;
        caller.trace.response(json!({
            "credentials": {
                "accessKeyId": keys.access_key_id,
                "expiration": session.expires.to_string(),
            },
            "assumedRoleUser": {
                "assumedRoleId": format!("{}:{}", role.id, session.name),
                "arn": ids::session_arn(&account, &role.name, &session.name),
            },
        }));
        Ok(respond(
            Service::Sts,
            "AssumeRole",
            request_id,
            Some(|xml: &mut crate::xml::Xml| {
                xml.open("AssumedRoleUser")
                    .text("AssumedRoleId", &format!("{}:{}", role.id, session.name))
                    .text("Arn", &ids::session_arn(&account, &role.name, &session.name))
                    .close("AssumedRoleUser")
                    .open("Credentials")
                    .text("AccessKeyId", &keys.access_key_id)
                    .text("SecretAccessKey", &keys.secret_access_key)
                    .text("SessionToken", &keys.token)
                    .text("Expiration", &session.expires.to_string())
                    .close("Credentials");
                if let Some(policy) = call.policy {
                    // AWS packs policy and tags into the token and tells the part of the room that they take.
                    let percent = (policy.chars().count() * 100).div_ceil(MAX_POLICY);
                    xml.text("PackedPolicySize", &percent.to_string());
                }
            }),
        ))
    }

    fn find(&self, role_arn: &str) -> Option<(String, Role)> {
        let arn = Arn::parse(role_arn)?;
        let name = arn.resource.strip_prefix("role/")?.rsplit('/').next()?;
        let role = self.authenticator.accounts.role(arn.account, name)?;
        (role.arn(arn.account) == role_arn).then(|| (arn.account.to_owned(), role))
    }
}

impl<'a> AssumeRole<'a> {
    fn read(params: &'a Params) -> Result<Self, AwsError> {
        params.required("RoleArn")?;
        params.required("RoleSessionName")?;
        let role_arn =
            params.checked("RoleArn", 20..=2048, "[\\u0009\\u000A\\u000D\\u0020-\\u007E]+", |_| true)?;
        let session_name = params.checked("RoleSessionName", 2..=64, "[\\w+=,.@-]*", is_name_char)?;
        let external_id = params.checked("ExternalId", 2..=1224, "[\\w+=,.@:\\/-]*", |c| {
            is_name_char(c) || matches!(c, ':' | '/')
        })?;
        let policy =
            params.checked("Policy", 1..=MAX_POLICY, "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+", |_| true)?;
        if let Some(text) = policy {
            Policy::parse("session-policy", text, PolicyKind::Session)
                .map_err(|error| AwsError::new(400, "MalformedPolicyDocument", error.to_string()))?;
        }
        if params.members("PolicyArns").next().is_some() || params.get("PolicyArns.member.1.arn").is_some() {
            return Err(validation(
                "The sandbox has no managed policies: PolicyArns cannot be used.".to_owned(),
            ));
        }
        let duration = params.number("DurationSeconds")?;
        if let Some(seconds) = duration.filter(|seconds| !(MIN_DURATION..=43_200).contains(seconds)) {
            let bound = if seconds < MIN_DURATION {
                format!("greater than or equal to {MIN_DURATION}")
            } else {
                "less than or equal to 43200".to_owned()
            };
            return Err(validation(format!(
                "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: \
                 Member must have value {bound}"
            )));
        }
        Ok(Self {
            role_arn: role_arn.unwrap_or_default(),
            session_name: session_name.unwrap_or_default(),
            external_id,
            policy,
            duration,
            tags: params.tags()?,
        })
    }

    fn context(&self) -> Vec<(String, ContextValue)> {
        let mut context = vec![("sts:RoleSessionName".to_owned(), self.session_name.into())];
        if let Some(external_id) = self.external_id {
            context.push(("sts:ExternalId".to_owned(), external_id.into()));
        }
        context.extend(tag_keys(&self.tags));
        context
    }
}

/// The caller's own policies and the role's trust policy have to let it in; tags need leave of their own.
fn authorize(caller: &Caller, call: &AssumeRole<'_>, account: &str, role: &Role) -> Result<(), AwsError> {
    let keys = call.context();
    let context: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let actions: &[&str] =
        if call.tags.is_empty() { &["sts:AssumeRole"] } else { &["sts:AssumeRole", "sts:TagSession"] };
    for action in actions {
        let question = Ask {
            action,
            resource: call.role_arn,
            resource_account: Some(account),
            resource_policy: None,
            trust: Some(&role.trust),
            context: &context,
        };
        let decision = ask(caller, &question).map_err(|error| {
            tracing::error!(%error, "a stored policy cannot be read");
            internal_failure()
        })?;
        if !decision.is_allowed() {
            return Err(match tells_why(caller, account, &decision) {
                true => {
                    let message = refusal(caller, action, call.role_arn, &decision);
                    AwsError::new(403, "AccessDenied", message)
                }
                false => denied(caller, action, call.role_arn),
            });
        }
    }
    Ok(())
}

/// AWS tells of an explicit deny on the caller's own side, and of any in its own account but the trust policy's.
fn tells_why(caller: &Caller, account: &str, decision: &Decision) -> bool {
    let Some(step) = decision.deciding().filter(|_| decision.outcome == Outcome::ExplicitDeny) else {
        return false;
    };
    match step.kind {
        PolicyKind::Trust => false,
        PolicyKind::ResourceControl => caller.account.as_deref() == Some(account),
        _ => true,
    }
}

/// AWS gives no reason here: it would tell a stranger what the trust policy says.
fn denied(caller: &Caller, action: &str, resource: &str) -> AwsError {
    let message =
        format!("User: {} is not authorized to perform: {action} on resource: {resource}", caller.name());
    AwsError::new(403, "AccessDenied", message)
}

fn session_duration(caller: &Caller, call: &AssumeRole<'_>, role: &Role) -> Result<u32, AwsError> {
    let Some(asked) = call.duration else {
        return Ok(DEFAULT_DURATION);
    };
    if caller.is_session && asked > CHAINED_DURATION {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
                .to_owned(),
        ));
    }
    if asked > role.max_session_duration {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".to_owned(),
        ));
    }
    Ok(asked)
}

/// Needs no permission and cannot be denied.
fn get_caller_identity(caller: &Caller, request_id: &str) -> Response<Bytes> {
    caller.trace.decision("sts:GetCallerIdentity needs no permission".to_owned());
    respond(
        Service::Sts,
        "GetCallerIdentity",
        request_id,
        Some(|xml: &mut crate::xml::Xml| {
            xml.text("Arn", &caller.name())
                .text("UserId", caller.user_id.as_deref().unwrap_or_default())
                .text("Account", caller.account.as_deref().unwrap_or_default());
        }),
    )
}

/// AWS's expirations have no fraction.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_secs(time.as_secs())
}
