//! What an auditor reads of an account: its summary, MFA devices, and which permissions are used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use firmhold_core::Timestamp;
use firmhold_iam::tables;
use serde_json::Value;

use super::managed::{MAX_ATTACHED, MAX_POLICIES};
use super::{Answer, Call, Iam, no_such_entity};
use crate::account::AccountsState;
use crate::aws_error::AwsError;
use crate::ids;
use crate::query::validation;
use crate::usage::LastUse;
use crate::xml::Xml;

/// Reports that are kept: one that is read so late that as many were asked for since is gone.
const MAX_REPORTS: usize = 1000;

/// A report of last uses that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    account: String,
    arn: String,
    by_action: bool,
    asked: Timestamp,
}

impl Iam {
    pub(super) fn get_account_summary(&self, call: &Call<'_>) -> Answer {
        call.authorize_on("*", &[])?;
        let state = self.accounts.read();
        let account = state.accounts.get(call.account);
        let count = |number: Option<usize>| number.unwrap_or(0);
        let devices = account.map(|account| account.users.values().map(|user| user.mfa_devices.len()).sum());
        let root_mfa = account.is_some_and(|account| account.root_has_mfa);
        let entries = [
            ("Users", count(account.map(|account| account.users.len()))),
            ("UsersQuota", 5000),
            ("Groups", 0),
            ("GroupsQuota", 300),
            ("Roles", count(account.map(|account| account.roles.len()))),
            ("RolesQuota", 1000),
            ("Policies", count(account.map(|account| account.policies.len()))),
            ("PoliciesQuota", MAX_POLICIES),
            ("AttachedPoliciesPerRoleQuota", MAX_ATTACHED),
            ("MFADevices", count(devices)),
            ("MFADevicesInUse", count(devices) + usize::from(root_mfa)),
            ("AccountMFAEnabled", usize::from(root_mfa)),
            ("AccountAccessKeysPresent", 0),
        ];
        call.respond(|xml| {
            xml.open("SummaryMap");
            for (key, value) in entries {
                xml.open("entry").text("key", key).text("value", &value.to_string()).close("entry");
            }
            xml.close("SummaryMap");
        })
    }

    pub(super) fn list_mfa_devices(&self, call: &Call<'_>) -> Answer {
        let name = call.user_name()?;
        call.authorize_on(&ids::user_arn(call.account, &name), &[])?;
        let state = self.accounts.read();
        let user = state.accounts.get(call.account).and_then(|account| account.users.get(&name));
        let user =
            user.ok_or_else(|| no_such_entity(format!("The user with name {name} cannot be found.")))?;
        call.respond(|xml| {
            xml.open("MFADevices");
            for serial in &user.mfa_devices {
                xml.open("member")
                    .text("UserName", &name)
                    .text("SerialNumber", serial)
                    .text("EnableDate", &user.created.to_string())
                    .close("member");
            }
            xml.close("MFADevices").text("IsTruncated", "false");
        })
    }

    pub(super) fn generate_last_accessed(&self, call: &Call<'_>) -> Answer {
        let arn = call.params.required("Arn")?;
        let by_action = match call.params.get("Granularity") {
            None | Some("SERVICE_LEVEL") => false,
            Some("ACTION_LEVEL") => true,
            Some(other) => {
                return Err(validation(format!(
                    "1 validation error detected: Value '{other}' at 'granularity' failed to satisfy constraint: \
                     Member must satisfy enum value set: [SERVICE_LEVEL, ACTION_LEVEL]"
                )));
            }
        };
        call.authorize_on(arn, &[])?;
        if granted(&self.accounts.read(), call.account, arn).is_none() {
            return Err(no_such_entity(format!("ARN {arn} does not exist")));
        }
        let report = Report {
            account: call.account.to_owned(),
            arn: arn.to_owned(),
            by_action,
            asked: self.clock.now(),
        };
        let id = ids::request_id();
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if reports.len() == MAX_REPORTS {
            reports.pop_front();
        }
        reports.push_back((id.clone(), report));
        drop(reports);
        call.respond(|xml| {
            xml.text("JobId", &id);
        })
    }

    pub(super) fn get_last_accessed(&self, call: &Call<'_>) -> Answer {
        let id = call.params.required("JobId")?;
        call.authorize_on("*", &[])?;
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |(known, report): &&(String, Report)| known == id && report.account == call.account;
        let report = reports.iter().find(own).map(|(_, report)| report.clone());
        drop(reports);
        let report = report.ok_or_else(|| no_such_entity(format!("Job {id} does not exist")))?;
        let actions = granted(&self.accounts.read(), call.account, &report.arn).unwrap_or_default();
        let uses = self.accounts.usage().actions(&report.arn);
        call.respond(|xml| {
            let level = if report.by_action { "ACTION_LEVEL" } else { "SERVICE_LEVEL" };
            xml.text("JobStatus", "COMPLETED")
                .text("JobType", level)
                .text("JobCreationDate", &report.asked.to_string())
                .text("JobCompletionDate", &report.asked.to_string())
                .open("ServicesLastAccessed");
            for (service, names) in &actions {
                write_service(xml, &report, service, names, &uses);
            }
            xml.close("ServicesLastAccessed").text("IsTruncated", "false");
        })
    }
}

/// The actions that the policies of a user or role allow, by service; `None` if there is no such user or role.
fn granted(state: &AccountsState, account: &str, arn: &str) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let own = state.accounts.get(account)?;
    let name = arn.rsplit('/').next()?;
    let role = own.roles.get(name).filter(|role| role.arn(account) == arn);
    let user = own.users.get(name).filter(|user| ids::user_arn(account, &user.name) == arn);
    let documents: Vec<String> = match (role, user) {
        (Some(role), _) => state.policies_of(role).into_values().collect(),
        (None, Some(user)) => user.policies.values().cloned().collect(),
        (None, None) => return None,
    };
    let mut actions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pattern in documents.iter().flat_map(|document| allowed_patterns(document)) {
        for action in tables::actions_matching(&pattern) {
            if let Some((service, name)) = action.full_name().split_once(':') {
                actions.entry(service.to_owned()).or_default().insert(name.to_owned());
            }
        }
    }
    Some(actions)
}

fn allowed_patterns(document: &str) -> Vec<String> {
    let many = |value: &Value| -> Vec<Value> {
        match value {
            Value::Array(values) => values.clone(),
            one => vec![one.clone()],
        }
    };
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let statements = document.get("Statement").map(many).unwrap_or_default();
    let allows = statements.iter().filter(|statement| statement.get("Effect") == Some(&Value::from("Allow")));
    let actions = allows.filter_map(|statement| statement.get("Action")).flat_map(many);
    actions.filter_map(|action| action.as_str().map(str::to_owned)).collect()
}

/// IAM follows the actions on buckets and accounts; reads and writes of objects it does not.
fn is_followed(service: &str, name: &str) -> bool {
    let action = tables::action(&format!("{service}:{name}"));
    !(service == "s3"
        && action.is_some_and(|action| action.resource_types.iter().any(|used| used.name == "object")))
}

fn write_service(
    xml: &mut Xml,
    report: &Report,
    service: &str,
    names: &BTreeSet<String>,
    uses: &BTreeMap<String, LastUse>,
) {
    let use_of = |name: &String| uses.get(&format!("{service}:{name}"));
    let last = names.iter().filter_map(use_of).max_by_key(|last| last.at);
    xml.open("member").text("ServiceName", service).text("ServiceNamespace", service);
    xml.text("TotalAuthenticatedEntities", if last.is_some() { "1" } else { "0" });
    if let Some(last) = last {
        xml.text("LastAuthenticated", &last.at.to_string())
            .text("LastAuthenticatedEntity", &report.arn)
            .text("LastAuthenticatedRegion", &last.region);
    }
    if report.by_action {
        xml.open("TrackedActionsLastAccessed");
        for name in names.iter().filter(|name| is_followed(service, name)) {
            xml.open("member").text("ActionName", name);
            if let Some(last) = use_of(name) {
                xml.text("LastAccessedEntity", &report.arn)
                    .text("LastAccessedTime", &last.at.to_string())
                    .text("LastAccessedRegion", &last.region);
            }
            xml.close("member");
        }
        xml.close("TrackedActionsLastAccessed");
    }
    xml.close("member");
}

/// An error for what a caller without a user's name asks.
pub(super) fn needs_user() -> AwsError {
    validation("Must specify userName when calling with non-User credentials".to_owned())
}
