//! Managed policies, and their attachment to roles.

use std::collections::BTreeMap;

use firmhold_iam::ContextValue;

use super::{Answer, Call, Iam, account_mut, no_such_entity};
use crate::account::AccountsState;
use crate::aws_error::AwsError;
use crate::iam_document as document;
use crate::ids;
use crate::managed_policy::{self, ManagedPolicy, PolicyVersion};
use crate::query::{internal_failure, tag_keys};
use crate::xml::Xml;

/// Bytes, without white space, of one version.
const MAX_DOCUMENT: usize = 6144;
const MAX_VERSIONS: usize = 5;
/// Customer managed policies of an account.
pub(super) const MAX_POLICIES: usize = 1500;
/// Managed policies of a role.
pub(super) const MAX_ATTACHED: usize = 10;

impl Iam {
    pub(super) fn create_policy(&self, call: &Call<'_>) -> Answer {
        let (name, path) = (call.policy_name()?, call.path()?);
        let text = managed_document(call)?;
        let now = self.whole_now();
        let policy = ManagedPolicy {
            name: name.to_owned(),
            path: path.to_owned(),
            id: ids::unique_id("ANPA").map_err(|_| internal_failure())?,
            description: call.description()?,
            created: now,
            updated: now,
            versions: BTreeMap::from([(1, PolicyVersion { document: text.to_owned(), created: now })]),
            default: 1,
            next: 2,
            tags: call.params.tags()?,
        };
        let arn = policy.arn(call.account);
        call.authorize_on(&arn, &tag_keys(&policy.tags))?;
        self.accounts.change(|state| {
            let account = account_mut(state, call.account)?;
            if account.policies.contains_key(name) {
                return Err(AwsError::new(
                    409,
                    "EntityAlreadyExists",
                    format!("A policy called {name} already exists. Duplicate names are not allowed."),
                ));
            }
            if account.policies.len() >= MAX_POLICIES {
                let message = format!("Cannot exceed quota for PoliciesPerAccount: {MAX_POLICIES}");
                return Err(AwsError::new(409, "LimitExceeded", message));
            }
            account.policies.insert(name.to_owned(), policy.clone());
            Ok(())
        })?;
        call.respond(|xml| write_policy(xml, &policy, &arn, 0))
    }

    pub(super) fn get_policy(&self, call: &Call<'_>) -> Answer {
        let arn = call.params.required("PolicyArn")?;
        call.authorize_on(arn, &[])?;
        let state = self.accounts.read();
        let attached = attachments(&state, call.account, arn);
        if managed_policy::of_aws(arn).is_some() {
            return call.respond(|xml| write_policy(xml, &of_aws(arn), arn, attached));
        }
        let policy = own_policy(&state, call.account, arn)?;
        call.respond(|xml| write_policy(xml, policy, arn, attached))
    }

    pub(super) fn get_policy_version(&self, call: &Call<'_>) -> Answer {
        let (arn, id) = (call.params.required("PolicyArn")?, call.params.required("VersionId")?);
        call.authorize_on(arn, &[])?;
        let state = self.accounts.read();
        let aws = managed_policy::of_aws(arn).map(|_| of_aws(arn));
        let policy = match &aws {
            Some(policy) => policy,
            None => own_policy(&state, call.account, arn)?,
        };
        let (number, version) = version_of(policy, arn, id)?;
        call.respond(|xml| {
            xml.open("PolicyVersion").text("Document", &document::encode(&version.document));
            write_version(xml, policy, number, version);
            xml.close("PolicyVersion");
        })
    }

    pub(super) fn list_policy_versions(&self, call: &Call<'_>) -> Answer {
        let arn = call.params.required("PolicyArn")?;
        call.authorize_on(arn, &[])?;
        let state = self.accounts.read();
        let policy = own_policy(&state, call.account, arn)?;
        call.respond(|xml| {
            xml.open("Versions");
            for (number, version) in policy.versions.iter().rev() {
                xml.open("member");
                write_version(xml, policy, *number, version);
                xml.close("member");
            }
            xml.close("Versions").text("IsTruncated", "false");
        })
    }

    pub(super) fn create_policy_version(&self, call: &Call<'_>) -> Answer {
        let arn = call.params.required("PolicyArn")?;
        let text = managed_document(call)?;
        let default = call.params.get("SetAsDefault") == Some("true");
        call.authorize_on(arn, &[])?;
        let created = self.whole_now();
        let changed = self.change_policy(call, arn, |policy| {
            if policy.versions.len() >= MAX_VERSIONS {
                return Err(AwsError::new(
                    409,
                    "LimitExceeded",
                    "A managed policy can have up to 5 versions. Before you create a new version, you must delete an \
                     existing version.",
                ));
            }
            let number = policy.next;
            policy.next += 1;
            policy.updated = created;
            policy.versions.insert(number, PolicyVersion { document: text.to_owned(), created });
            if default {
                policy.default = number;
            }
            Ok((number, policy.clone()))
        })?;
        let (number, policy) = changed;
        call.respond(|xml| {
            xml.open("PolicyVersion");
            if let Some(version) = policy.versions.get(&number) {
                write_version(xml, &policy, number, version);
            }
            xml.close("PolicyVersion");
        })
    }

    pub(super) fn delete_policy_version(&self, call: &Call<'_>) -> Answer {
        let (arn, id) = (call.params.required("PolicyArn")?, call.params.required("VersionId")?);
        call.authorize_on(arn, &[])?;
        self.change_policy(call, arn, |policy| {
            let (number, _) = version_of(policy, arn, id)?;
            if number == policy.default {
                return Err(conflict("Cannot delete the default version of a policy."));
            }
            policy.versions.remove(&number);
            Ok(())
        })?;
        call.respond_empty()
    }

    pub(super) fn delete_policy(&self, call: &Call<'_>) -> Answer {
        let arn = call.params.required("PolicyArn")?;
        call.authorize_on(arn, &[])?;
        self.accounts.change(|state| {
            let name = own_policy(state, call.account, arn)?.name.clone();
            if attachments(state, call.account, arn) > 0 {
                return Err(conflict("Cannot delete a policy attached to entities."));
            }
            let account = account_mut(state, call.account)?;
            if account.policies.get(&name).is_some_and(|policy| policy.versions.len() > 1) {
                return Err(conflict(
                    "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                     versions. The default version is deleted with the policy.",
                ));
            }
            account.policies.remove(&name);
            Ok(())
        })?;
        call.respond_empty()
    }

    pub(super) fn attach_role_policy(&self, call: &Call<'_>) -> Answer {
        let arn = call.params.required("PolicyArn")?;
        let role = self.authorized_role_for(call, policy_key(arn))?;
        self.accounts.change(|state| {
            // Another account's policy cannot be attached, whoever knows its ARN.
            if managed_policy::of_aws(arn).is_none() && own_policy(state, call.account, arn).is_err() {
                return Err(no_such_entity(format!("Policy {arn} does not exist or is not attachable.")));
            }
            let role = super::role_mut(state, call.account, &role.name)?;
            role.attached.insert(arn.to_owned());
            if role.attached.len() > MAX_ATTACHED {
                let message = format!("Cannot exceed quota for PoliciesPerRole: {MAX_ATTACHED}");
                return Err(AwsError::new(409, "LimitExceeded", message));
            }
            Ok(())
        })?;
        call.respond_empty()
    }

    pub(super) fn detach_role_policy(&self, call: &Call<'_>) -> Answer {
        let arn = call.params.required("PolicyArn")?;
        let role = self.authorized_role_for(call, policy_key(arn))?;
        self.change_role(call, &role.name, |role| match role.attached.remove(arn) {
            true => Ok(()),
            false => Err(no_such_entity(format!("Policy {arn} was not found."))),
        })?;
        call.respond_empty()
    }

    pub(super) fn list_attached_role_policies(&self, call: &Call<'_>) -> Answer {
        let role = self.authorized_role(call)?;
        let arns: Vec<&String> = role.attached.iter().collect();
        let page = call.page(&arns, |arn| arn)?;
        call.respond(|xml| {
            xml.open("AttachedPolicies");
            for arn in &page.items {
                let name = arn.rsplit('/').next().unwrap_or(arn);
                xml.open("member").text("PolicyName", name).text("PolicyArn", arn).close("member");
            }
            xml.close("AttachedPolicies");
            page.write_end(xml);
        })
    }

    fn change_policy<T>(
        &self,
        call: &Call<'_>,
        arn: &str,
        change: impl FnOnce(&mut ManagedPolicy) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        self.accounts.change(|state| {
            let name = own_policy(state, call.account, arn)?.name.clone();
            let policy = account_mut(state, call.account)?.policies.get_mut(&name);
            change(policy.ok_or_else(|| no_such_managed(arn))?)
        })
    }
}

fn managed_document<'a>(call: &'a Call<'_>) -> Result<&'a str, AwsError> {
    let text = document::read_inline(call.params.required("PolicyDocument")?)?;
    match document::size(text) <= MAX_DOCUMENT {
        true => Ok(text),
        false => Err(AwsError::new(
            409,
            "LimitExceeded",
            format!("Cannot exceed quota for PolicySize: {MAX_DOCUMENT}"),
        )),
    }
}

fn policy_key(arn: &str) -> Vec<(String, ContextValue)> {
    vec![("iam:PolicyARN".to_owned(), arn.into())]
}

fn own_policy<'a>(state: &'a AccountsState, account: &str, arn: &str) -> Result<&'a ManagedPolicy, AwsError> {
    let policies = state.accounts.get(account).map(|account| &account.policies);
    let found = policies.and_then(|policies| policies.get(arn.rsplit('/').next()?));
    found.filter(|policy| policy.arn(account) == arn).ok_or_else(|| no_such_managed(arn))
}

fn no_such_managed(arn: &str) -> AwsError {
    no_such_entity(format!("Policy {arn} was not found."))
}

fn conflict(message: &str) -> AwsError {
    AwsError::new(409, "DeleteConflict", message)
}

/// How many roles of the account have a policy.
fn attachments(state: &AccountsState, account: &str, arn: &str) -> usize {
    let roles = state.accounts.get(account).into_iter().flat_map(|account| account.roles.values());
    roles.filter(|role| role.attached.contains(arn)).count()
}

/// A policy of AWS's own, as the API shows it.
fn of_aws(arn: &str) -> ManagedPolicy {
    let name = arn.rsplit('/').next().unwrap_or(arn).to_owned();
    // The day of the first managed policies.
    let created = firmhold_core::Timestamp::from_secs(1_423_180_800);
    let document = managed_policy::of_aws(arn).unwrap_or_default().to_owned();
    ManagedPolicy {
        id: format!(
            "ANPA{}",
            hex::encode(name.as_bytes()).to_ascii_uppercase().chars().take(16).collect::<String>()
        ),
        name,
        path: "/".to_owned(),
        description: None,
        created,
        updated: created,
        versions: BTreeMap::from([(1, PolicyVersion { document, created })]),
        default: 1,
        next: 2,
        tags: BTreeMap::new(),
    }
}

fn version_of<'a>(
    policy: &'a ManagedPolicy,
    arn: &str,
    id: &str,
) -> Result<(u32, &'a PolicyVersion), AwsError> {
    let number = id.strip_prefix('v').and_then(|number| number.parse::<u32>().ok());
    let found = number.and_then(|number| Some((number, policy.versions.get(&number)?)));
    found.ok_or_else(|| {
        no_such_entity(format!("Policy {arn} version {id} does not exist or is not attachable."))
    })
}

fn write_policy(xml: &mut Xml, policy: &ManagedPolicy, arn: &str, attached: usize) {
    xml.open("Policy")
        .text("PolicyName", &policy.name)
        .text("PolicyId", &policy.id)
        .text("Arn", arn)
        .text("Path", &policy.path)
        .text("DefaultVersionId", &format!("v{}", policy.default))
        .text("AttachmentCount", &attached.to_string())
        .text("PermissionsBoundaryUsageCount", "0")
        .text("IsAttachable", "true")
        .text("CreateDate", &policy.created.to_string())
        .text("UpdateDate", &policy.updated.to_string());
    if let Some(description) = &policy.description {
        xml.text("Description", description);
    }
    super::write_tags(xml, &policy.tags);
    xml.close("Policy");
}

fn write_version(xml: &mut Xml, policy: &ManagedPolicy, number: u32, version: &PolicyVersion) {
    xml.text("VersionId", &format!("v{number}"))
        .text("IsDefaultVersion", if number == policy.default { "true" } else { "false" })
        .text("CreateDate", &version.created.to_string());
}
