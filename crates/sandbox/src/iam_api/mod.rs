//! IAM: roles with their inline and managed policies, and what an auditor reads
//! (<https://docs.aws.amazon.com/IAM/latest/APIReference/>).

mod facts;
mod managed;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;

use bytes::Bytes;
use firmhold_core::{Clock, Timestamp};
use firmhold_iam::ContextValue;
use http::Response;

use self::facts::Report;
use crate::account::{Account, Accounts, AccountsError, AccountsState};
use crate::authorize::{Ask, ask, refusal};
use crate::aws_error::AwsError;
use crate::caller::Caller;
use crate::iam_document as document;
use crate::ids;
use crate::query::{Params, internal_failure, is_name_char, respond, tag_keys, validation};
use crate::role::Role;
use crate::service::Service;
use crate::xml::Xml;

const DEFAULT_MAX_SESSION: u32 = 3600;
const LONGEST_MAX_SESSION: u32 = 43_200;
/// Bytes, without white space, of all inline policies of a role together.
const MAX_INLINE_POLICIES: usize = 10_240;

/// The service.
pub(crate) struct Iam {
    accounts: Accounts,
    clock: Clock,
    /// Reports of last uses by job id, oldest first. A restart forgets them: they are asked for again in no time.
    reports: Mutex<VecDeque<(String, Report)>>,
}

/// One call: who asks for what.
struct Call<'a> {
    caller: &'a Caller,
    params: &'a Params,
    account: &'a str,
    request_id: &'a str,
}

type Answer = Result<Response<Bytes>, AwsError>;

impl From<AccountsError> for AwsError {
    fn from(error: AccountsError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the accounts cannot be changed");
        internal_failure()
    }
}

impl Iam {
    pub(crate) fn new(accounts: Accounts, clock: Clock) -> Self {
        Self { accounts, clock, reports: Mutex::default() }
    }

    /// Answers one call.
    pub(crate) fn call(&self, caller: &Caller, params: &Params, request_id: &str) -> Answer {
        let account = caller.account.as_deref().unwrap_or_default();
        let call = Call { caller, params, account, request_id };
        match params.action() {
            "CreateRole" => self.create_role(&call),
            "GetRole" => self.get_role(&call),
            "UpdateRole" => self.update_role(&call),
            "UpdateRoleDescription" => self.update_role_description(&call),
            "UpdateAssumeRolePolicy" => self.update_assume_role_policy(&call),
            "DeleteRole" => self.delete_role(&call),
            "ListRoles" => self.list_roles(&call),
            "PutRolePolicy" => self.put_role_policy(&call),
            "GetRolePolicy" => self.get_role_policy(&call),
            "ListRolePolicies" => self.list_role_policies(&call),
            "DeleteRolePolicy" => self.delete_role_policy(&call),
            "TagRole" => self.tag_role(&call),
            "UntagRole" => self.untag_role(&call),
            "ListRoleTags" => self.list_role_tags(&call),
            "ListAttachedRolePolicies" => self.list_attached_role_policies(&call),
            "CreatePolicy" => self.create_policy(&call),
            "GetPolicy" => self.get_policy(&call),
            "DeletePolicy" => self.delete_policy(&call),
            "CreatePolicyVersion" => self.create_policy_version(&call),
            "GetPolicyVersion" => self.get_policy_version(&call),
            "ListPolicyVersions" => self.list_policy_versions(&call),
            "DeletePolicyVersion" => self.delete_policy_version(&call),
            "AttachRolePolicy" => self.attach_role_policy(&call),
            "DetachRolePolicy" => self.detach_role_policy(&call),
            "GetUser" => self.get_user(&call),
            "GetAccountSummary" => self.get_account_summary(&call),
            "ListMFADevices" => self.list_mfa_devices(&call),
            "GenerateServiceLastAccessedDetails" => self.generate_last_accessed(&call),
            "GetServiceLastAccessedDetails" => self.get_last_accessed(&call),
            _ => Err(params.unknown_action()),
        }
    }

    fn create_role(&self, call: &Call<'_>) -> Answer {
        let name = call.role_name()?;
        let path = call.path()?;
        let trust = document::read_trust(call.params.required("AssumeRolePolicyDocument")?)?;
        if let Some(boundary) = call.params.get("PermissionsBoundary") {
            return Err(no_such_entity(format!(
                "Scope ARN: {boundary} does not exist or is not attachable."
            )));
        }
        let role = Role {
            name: name.to_owned(),
            path: path.to_owned(),
            id: ids::unique_id("AROA").map_err(|_| internal_failure())?,
            description: call.description()?,
            max_session_duration: call.max_session_duration()?.unwrap_or(DEFAULT_MAX_SESSION),
            created: self.whole_now(),
            trust: trust.to_owned(),
            policies: BTreeMap::new(),
            attached: BTreeSet::new(),
            tags: call.params.tags()?,
        };
        let keys = tag_keys(&role.tags);
        call.authorize_on(&role.arn(call.account), &keys)?;
        if !role.tags.is_empty() {
            call.authorize("iam:TagRole", &role.arn(call.account), &keys)?;
        }
        document::check_principals(&self.accounts.effective(), trust)?;
        self.accounts.change(|state| {
            let account = account_mut(state, call.account)?;
            if account.roles.contains_key(name) {
                return Err(AwsError::new(
                    409,
                    "EntityAlreadyExists",
                    format!("Role with name {name} already exists."),
                ));
            }
            account.roles.insert(name.to_owned(), role.clone());
            Ok(())
        })?;
        call.respond(|xml| write_role(xml, &role, call.account, true))
    }

    fn get_role(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        let last = self.accounts.usage().last(&role.arn(call.account));
        call.respond(|xml| {
            xml.open("Role");
            write_role_fields(xml, &role, call.account, true);
            xml.open("RoleLastUsed");
            if let Some(last) = last {
                xml.text("LastUsedDate", &last.at.to_string()).text("Region", &last.region);
            }
            xml.close("RoleLastUsed").close("Role");
        })
    }

    fn update_role_description(&self, call: &Call<'_>) -> Answer {
        let name = self.authorized_role(call)?.name;
        let description = call.description()?.unwrap_or_default();
        let role = self.change_role(call, &name, |role| {
            role.description = Some(description);
            Ok(role.clone())
        })?;
        call.respond(|xml| write_role(xml, &role, call.account, true))
    }

    fn update_role(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        let (description, max_session) = (call.description()?, call.max_session_duration()?);
        self.change_role(call, &role.name, |role| {
            if let Some(description) = description {
                role.description = Some(description);
            }
            if let Some(seconds) = max_session {
                role.max_session_duration = seconds;
            }
            Ok(())
        })?;
        call.respond(|_| {})
    }

    fn update_assume_role_policy(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        let trust = document::read_trust(call.params.required("PolicyDocument")?)?;
        document::check_principals(&self.accounts.effective(), trust)?;
        self.change_role(call, &role.name, |role| {
            trust.clone_into(&mut role.trust);
            Ok(())
        })?;
        call.respond_empty()
    }

    fn delete_role(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        self.accounts.change(|state| {
            let account = account_mut(state, call.account)?;
            match account.roles.get(&role.name) {
                None => return Err(no_such_role(&role.name)),
                Some(role) if !role.policies.is_empty() => {
                    return Err(AwsError::new(
                        409,
                        "DeleteConflict",
                        "Cannot delete entity, must delete policies first.",
                    ));
                }
                Some(role) if !role.attached.is_empty() => {
                    return Err(AwsError::new(
                        409,
                        "DeleteConflict",
                        "Cannot delete entity, must detach all policies first.",
                    ));
                }
                Some(_) => account.roles.remove(&role.name),
            };
            Ok(())
        })?;
        // A role that is made anew under this name has done nothing yet.
        self.accounts.usage().forget(&role.arn(call.account));
        call.respond_empty()
    }

    fn list_roles(&self, call: &Call<'_>) -> Answer {
        let prefix = call.params.get("PathPrefix").unwrap_or("/");
        call.authorize_on(&format!("arn:aws:iam::{}:role{prefix}", call.account), &[])?;
        let state = self.accounts.read();
        let roles: Vec<&Role> = state
            .accounts
            .get(call.account)
            .map(|account| account.roles.values().filter(|role| role.path.starts_with(prefix)).collect())
            .unwrap_or_default();
        let page = call.page(&roles, |role| &role.name)?;
        call.respond(|xml| {
            xml.open("Roles");
            for role in &page.items {
                xml.open("member");
                write_role_fields(xml, role, call.account, false);
                xml.close("member");
            }
            xml.close("Roles");
            page.write_end(xml);
        })
    }

    fn put_role_policy(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        let policy_name = call.policy_name()?;
        let text = document::read_inline(call.params.required("PolicyDocument")?)?;
        self.change_role(call, &role.name, |role| {
            role.policies.insert(policy_name.to_owned(), text.to_owned());
            let size: usize = role.policies.values().map(|policy| document::size(policy)).sum();
            if size > MAX_INLINE_POLICIES {
                return Err(AwsError::new(
                    409,
                    "LimitExceeded",
                    format!(
                        "Maximum policy size of {MAX_INLINE_POLICIES} bytes exceeded for role {}",
                        role.name
                    ),
                ));
            }
            Ok(())
        })?;
        call.respond_empty()
    }

    fn get_role_policy(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        let policy_name = call.policy_name()?;
        let text = role.policies.get(policy_name).ok_or_else(|| no_such_policy(policy_name))?;
        call.respond(|xml| {
            xml.text("RoleName", &role.name)
                .text("PolicyName", policy_name)
                .text("PolicyDocument", &document::encode(text));
        })
    }

    fn list_role_policies(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        let names: Vec<&String> = role.policies.keys().collect();
        let page = call.page(&names, |name| name)?;
        call.respond(|xml| {
            xml.open("PolicyNames");
            for name in &page.items {
                xml.text("member", name);
            }
            xml.close("PolicyNames");
            page.write_end(xml);
        })
    }

    fn delete_role_policy(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        let policy_name = call.policy_name()?;
        self.change_role(call, &role.name, |role| match role.policies.remove(policy_name) {
            Some(_) => Ok(()),
            None => Err(no_such_policy(policy_name)),
        })?;
        call.respond_empty()
    }

    fn tag_role(&self, call: &Call<'_>) -> Answer {
        let tags = call.params.tags()?;
        let role = self.authorized_role_for(call, tag_keys(&tags))?;
        self.change_role(call, &role.name, |role| {
            role.tags.extend(tags);
            Ok(())
        })?;
        call.respond_empty()
    }

    fn untag_role(&self, call: &Call<'_>) -> Answer {
        let keys: Vec<String> = call.params.members("TagKeys").map(str::to_owned).collect();
        let role = self.authorized_role_for(call, vec![("aws:TagKeys".to_owned(), keys.into())])?;
        self.change_role(call, &role.name, |role| {
            for key in call.params.members("TagKeys") {
                role.tags.remove(key);
            }
            Ok(())
        })?;
        call.respond_empty()
    }

    fn list_role_tags(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        call.respond(|xml| {
            write_tags(xml, &role.tags);
            xml.text("IsTruncated", "false");
        })
    }

    fn get_user(&self, call: &Call<'_>) -> Answer {
        let name = call.user_name()?;
        let arn = ids::user_arn(call.account, &name);
        call.authorize_on(&arn, &[])?;
        let state = self.accounts.read();
        let user = state.accounts.get(call.account).and_then(|account| account.users.get(&name));
        let user =
            user.ok_or_else(|| no_such_entity(format!("The user with name {name} cannot be found.")))?;
        call.respond(|xml| {
            xml.open("User")
                .text("Path", "/")
                .text("UserName", &user.name)
                .text("UserId", &user.id)
                .text("Arn", &arn)
                .text("CreateDate", &user.created.to_string())
                .close("User");
        })
    }

    /// The role that the call names, if the caller may do to it what it asks.
    fn authorized_role(&self, call: &Call<'_>) -> Result<Role, AwsError> {
        self.authorized_role_for(call, Vec::new())
    }

    /// The same, with condition keys that the call itself brings.
    fn authorized_role_for(
        &self,
        call: &Call<'_>,
        mut keys: Vec<(String, ContextValue)>,
    ) -> Result<Role, AwsError> {
        let name = call.role_name()?;
        let role = self.accounts.written_role(call.account, name);
        // The decision comes first: who may not look is not told whether there is anything to see.
        let arn = role.as_ref().map_or_else(
            || format!("arn:aws:iam::{}:role/{name}", call.account),
            |role| role.arn(call.account),
        );
        let tags = role.iter().flat_map(|role| &role.tags);
        keys.extend(tags.map(|(key, value)| (format!("aws:ResourceTag/{key}"), value.into())));
        call.authorize_on(&arn, &keys)?;
        role.ok_or_else(|| no_such_role(name))
    }

    fn change_role<T>(
        &self,
        call: &Call<'_>,
        name: &str,
        change: impl FnOnce(&mut Role) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        self.accounts.change(|state| change(role_mut(state, call.account, name)?))
    }

    /// AWS's dates of creation have no fraction.
    fn whole_now(&self) -> Timestamp {
        Timestamp::from_secs(self.clock.now().as_secs())
    }
}

impl Call<'_> {
    /// Decides on the call's own action.
    fn authorize_on(&self, resource: &str, keys: &[(String, ContextValue)]) -> Result<(), AwsError> {
        self.authorize(&format!("iam:{}", self.params.action()), resource, keys)
    }

    fn authorize(
        &self,
        action: &str,
        resource: &str,
        keys: &[(String, ContextValue)],
    ) -> Result<(), AwsError> {
        let context: Vec<_> = keys.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        self.caller.trace.operation(self.params.action(), resource);
        let question = Ask {
            action,
            resource,
            resource_account: Some(self.account),
            resource_policy: None,
            trust: None,
            context: &context,
        };
        let decision = ask(self.caller, &question).map_err(|error| {
            tracing::error!(%error, "a stored policy cannot be read");
            internal_failure()
        })?;
        if decision.is_allowed() {
            return Ok(());
        }
        Err(AwsError::new(403, "AccessDenied", refusal(self.caller, action, resource, &decision)))
    }

    /// The user that is named, else the caller.
    fn user_name(&self) -> Result<String, AwsError> {
        match (self.params.get("UserName"), &self.caller.principal) {
            (Some(name), _) => Ok(name.to_owned()),
            (None, firmhold_iam::Principal::User { name, .. }) => Ok(name.clone()),
            (None, _) => Err(facts::needs_user()),
        }
    }

    fn role_name(&self) -> Result<&str, AwsError> {
        self.params.required("RoleName")?;
        Ok(self.params.checked("RoleName", 1..=64, "[\\w+=,.@-]+", is_name_char)?.unwrap_or_default())
    }

    fn policy_name(&self) -> Result<&str, AwsError> {
        self.params.required("PolicyName")?;
        Ok(self.params.checked("PolicyName", 1..=128, "[\\w+=,.@-]+", is_name_char)?.unwrap_or_default())
    }

    fn path(&self) -> Result<&str, AwsError> {
        let path =
            self.params.checked("Path", 1..=512, "(/)|(/[!-~]+/)", |c| c.is_ascii_graphic())?.unwrap_or("/");
        let whole = path == "/" || (path.starts_with('/') && path.ends_with('/') && path.len() > 2);
        if whole && !path.contains("//") {
            return Ok(path);
        }
        Err(validation(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
             characters and/or / characters."
                .to_owned(),
        ))
    }

    fn description(&self) -> Result<Option<String>, AwsError> {
        let printable = |c: char| matches!(c, '\t' | '\n' | '\r') || !c.is_control();
        Ok(self
            .params
            .checked("Description", 0..=1000, "[\\p{L}\\p{M}\\p{Z}\\p{S}\\p{N}\\p{P}]*", printable)?
            .map(str::to_owned))
    }

    fn max_session_duration(&self) -> Result<Option<u32>, AwsError> {
        let seconds = self.params.number("MaxSessionDuration")?;
        match seconds {
            Some(seconds) if !(DEFAULT_MAX_SESSION..=LONGEST_MAX_SESSION).contains(&seconds) => {
                let bound = if seconds < DEFAULT_MAX_SESSION {
                    format!("greater than or equal to {DEFAULT_MAX_SESSION}")
                } else {
                    format!("less than or equal to {LONGEST_MAX_SESSION}")
                };
                Err(validation(format!(
                    "1 validation error detected: Value '{seconds}' at 'maxSessionDuration' failed to satisfy \
                     constraint: Member must have value {bound}"
                )))
            }
            other => Ok(other),
        }
    }

    /// The page of a list that `Marker` and `MaxItems` ask for. A marker is the name of the last item before the page.
    fn page<'i, T: Copy>(
        &self,
        items: &'i [T],
        name: impl Fn(&'i T) -> &'i str,
    ) -> Result<Page<T>, AwsError> {
        let most = self.params.number("MaxItems")?.unwrap_or(100).clamp(1, 1000) as usize;
        let after = self.params.get("Marker").unwrap_or_default();
        let mut rest = items.iter().filter(|item| name(item) > after).peekable();
        let mut page = Page { items: Vec::new(), marker: None };
        for item in rest.by_ref().take(most) {
            page.items.push(*item);
            page.marker = Some(name(item).to_owned());
        }
        if rest.peek().is_none() {
            page.marker = None;
        }
        Ok(page)
    }

    fn respond(&self, write: impl FnOnce(&mut Xml)) -> Answer {
        Ok(respond(Service::Iam, self.params.action(), self.request_id, Some(write)))
    }

    fn respond_empty(&self) -> Answer {
        Ok(respond(Service::Iam, self.params.action(), self.request_id, None::<fn(&mut Xml)>))
    }
}

/// A part of a list.
struct Page<T> {
    items: Vec<T>,
    marker: Option<String>,
}

impl<T> Page<T> {
    fn write_end(&self, xml: &mut Xml) {
        match &self.marker {
            None => xml.text("IsTruncated", "false"),
            Some(marker) => xml.text("IsTruncated", "true").text("Marker", marker),
        };
    }
}

fn write_role(xml: &mut Xml, role: &Role, account: &str, with_tags: bool) {
    xml.open("Role");
    write_role_fields(xml, role, account, with_tags);
    xml.close("Role");
}

fn write_role_fields(xml: &mut Xml, role: &Role, account: &str, with_tags: bool) {
    xml.text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.id)
        .text("Arn", &role.arn(account))
        .text("CreateDate", &role.created.to_string())
        .text("AssumeRolePolicyDocument", &document::encode(&role.trust))
        .text("MaxSessionDuration", &role.max_session_duration.to_string());
    if let Some(description) = &role.description {
        xml.text("Description", description);
    }
    if with_tags && !role.tags.is_empty() {
        write_tags(xml, &role.tags);
    }
}

fn write_tags(xml: &mut Xml, tags: &BTreeMap<String, String>) {
    xml.open("Tags");
    for (key, value) in tags {
        xml.open("member").text("Key", key).text("Value", value).close("member");
    }
    xml.close("Tags");
}

fn account_mut<'a>(state: &'a mut AccountsState, account: &str) -> Result<&'a mut Account, AwsError> {
    state.accounts.get_mut(account).ok_or_else(internal_failure)
}

fn role_mut<'a>(state: &'a mut AccountsState, account: &str, name: &str) -> Result<&'a mut Role, AwsError> {
    account_mut(state, account)?.roles.get_mut(name).ok_or_else(|| no_such_role(name))
}

fn no_such_entity(message: String) -> AwsError {
    AwsError::new(404, "NoSuchEntity", message)
}

fn no_such_role(name: &str) -> AwsError {
    no_such_entity(format!("The role with name {name} cannot be found."))
}

fn no_such_policy(name: &str) -> AwsError {
    no_such_entity(format!("The role policy with name {name} cannot be found."))
}
