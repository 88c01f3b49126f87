//! What the role may do: its inline policy, one document of ours with its version in it.

use async_trait::async_trait;
use firmhold_core::Problem;
use firmhold_iam::permission_policy;
use serde_json::Value;

use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Inventory, role_reads};
use crate::plan::Draft;
use crate::policy_text::same;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::Spec;

fn desired(spec: &Spec) -> Value {
    permission_policy(&spec.shape())
}

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    diff_with(spec, inventory, &desired(spec), draft);
}

/// The same for a role with other permissions.
pub(super) fn diff_with(spec: &Spec, inventory: &Inventory, desired: &Value, draft: &mut Draft) {
    let Some(found) = draft.see(&inventory.role.policy, &spec.role_arn()) else { return };
    let there: Option<Value> = found.and_then(|text| serde_json::from_str(text).ok());
    if there.as_ref().is_some_and(|there| same(there, desired)) {
        draft.keep(
            Kind::RolePolicy,
            spec.role_arn(),
            format!("{} is as it should be", spec.role.policy_name),
        );
        return;
    }
    let (verb, says) = match (found, &there) {
        (None, _) => (Verb::Create, format!("add {}", spec.role.policy_name)),
        (Some(_), Some(there)) => {
            let sentences = firmhold_iam::generate::changes(there, desired).sentences();
            (Verb::Change, format!("replace {}: {}", spec.role.policy_name, sentences.join("; ")))
        }
        (Some(text), None) => (Verb::Change, format!("replace {} (was {text})", spec.role.policy_name)),
    };
    draft.add(
        Change::new(verb, Kind::RolePolicy, spec.role_arn(), says, Put { document: desired.to_string() })
            .because("the role may keep firmware below the prefix, and nothing else")
            .needing(&["iam:GetRolePolicy", "iam:PutRolePolicy"]),
    );
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let ours = inventory.role.role.known().is_some_and(|role| super::role::is_ours(role, spec));
    let Some(Some(_)) = draft.see(&inventory.role.policy, &spec.role_arn()) else { return };
    if !ours {
        return;
    }
    let says = format!("remove {}", spec.role.policy_name);
    draft.add(
        Change::new(Verb::Remove, Kind::RolePolicy, spec.role_arn(), says, Delete)
            .because("a role goes only without policies")
            .needing(&["iam:DeleteRolePolicy"]),
    );
}

#[derive(Debug)]
struct Put {
    document: String,
}

#[async_trait]
impl Operation for Put {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let (spec, arn) = (at.spec, at.spec.role_arn());
        let text = &at.fill(&self.document)?;
        let call = at.owner.clients.iam.put_role_policy().role_name(&spec.role.name);
        let answer = call.policy_name(&spec.role.policy_name).policy_document(text).send().await;
        answer.map_err(|error| problem("iam:PutRolePolicy", &arn, error))?;
        let written: Value = serde_json::from_str(text).map_err(Problem::internal)?;
        read_back("the role's policy", || async {
            let now = role_reads::policy(at.owner, spec).await?.seen(&arn)?;
            let now: Option<Value> = now.and_then(|text| serde_json::from_str(&text).ok());
            Ok(now.is_some_and(|now| same(&now, &written)))
        })
        .await
    }
}

#[derive(Debug)]
struct Delete;

#[async_trait]
impl Operation for Delete {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let call = at.owner.clients.iam.delete_role_policy().role_name(&at.spec.role.name);
        let answer = call.policy_name(&at.spec.role.policy_name).send().await;
        answer.map_err(|error| problem("iam:DeleteRolePolicy", &at.spec.role_arn(), error))?;
        Ok(())
    }
}
