//! The role that the platform assumes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_iam::types::Tag;
use firmhold_core::{Code, Problem};
use serde_json::Value;

use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Inventory, RoleFound, role_reads};
use crate::plan::Draft;
use crate::policy_text::same;
use crate::refusal::problem;
use crate::settle::read_back;
use crate::spec::{MARK, Spec, Trust};

/// INVARIANT: there is no moment in which the role trusts anyone else than the spec says. The guide makes it as "this
/// account" and mends it later (T17).
pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let Some(found) = draft.see(&inventory.role.role, &spec.role_arn()) else { return Ok(()) };
    let trust = spec.trust.document()?;
    let Some(role) = found else {
        let says = match &spec.trust {
            Trust::Nobody => "make it, trusting nobody until the platform is known",
            Trust::Platform { .. } | Trust::Document { .. } => "make it, with its final trust policy",
        };
        draft.add(
            Change::new(Verb::Create, Kind::Role, spec.role_arn(), says, Create { trust })
                .because("the platform reaches the bucket through this role, and in no other way")
                .needing(&["iam:GetRole", "iam:CreateRole", "iam:TagRole"]),
        );
        return Ok(());
    };
    if role.arn != spec.role_arn() {
        return Err(foreign(spec, &format!("it is {}", role.arn)));
    }
    diff_trust(spec, role, trust, draft)?;
    diff_settings(spec, role, draft);
    Ok(())
}

fn diff_trust(spec: &Spec, role: &RoleFound, trust: Value, draft: &mut Draft) -> Result<(), Problem> {
    let there = role.trust();
    if there.as_ref().is_some_and(|there| same(there, &trust)) {
        draft.keep(Kind::Role, spec.role_arn(), "trusts as it should");
        return Ok(());
    }
    if !is_ours(role, spec) {
        return Err(foreign(spec, "it has another trust policy and is not tagged as ours"));
    }
    if spec.trust == Trust::Nobody {
        draft.leave(
            Kind::Role,
            spec.role_arn(),
            "its trust policy stays: this plan knows of no platform to trust instead",
        );
        return Ok(());
    }
    let says = format!("replace the trust policy (was {})", role.trust);
    draft.add(
        Change::new(Verb::Change, Kind::Role, spec.role_arn(), says, ReplaceTrust { trust })
            .because("nobody else than the spec names may assume it")
            .needing(&["iam:GetRole", "iam:UpdateAssumeRolePolicy"]),
    );
    Ok(())
}

fn diff_settings(spec: &Spec, role: &RoleFound, draft: &mut Draft) {
    if !is_ours(role, spec) {
        return;
    }
    let mut differs = Vec::new();
    if role.description != spec.role.description {
        differs.push(format!("the description to {:?} (was {:?})", spec.role.description, role.description));
    }
    if role.max_session_seconds != spec.role.max_session_seconds {
        let (wanted, was) = (spec.role.max_session_seconds, role.max_session_seconds);
        differs.push(format!("the longest session to {wanted} s (was {was} s)"));
    }
    if !differs.is_empty() {
        let says = format!("set {}", differs.join(", "));
        draft.add(
            Change::new(Verb::Change, Kind::Role, spec.role_arn(), says, Update)
                .because("the spec says so")
                .needing(&["iam:GetRole", "iam:UpdateRole"]),
        );
    }
    let missing: BTreeMap<String, String> = spec
        .role
        .tags
        .iter()
        .filter(|(key, value)| role.tags.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !missing.is_empty() {
        let list: Vec<String> = missing.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let says = format!("tag it {}", list.join(", "));
        draft.add(
            Change::new(Verb::Change, Kind::Role, spec.role_arn(), says, AddTags { tags: missing })
                .because("the spec says so")
                .needing(&["iam:GetRole", "iam:TagRole"]),
        );
    }
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let Some(Some(role)) = draft.see(&inventory.role.role, &spec.role_arn()) else { return };
    if role.arn != spec.role_arn() || !is_ours(role, spec) {
        draft.leave(Kind::Role, role.arn.clone(), "it is not tagged as ours");
        return;
    }
    draft.add(
        Change::new(Verb::Remove, Kind::Role, spec.role_arn(), "remove it", Delete)
            .because("whom it trusts loses the way in")
            .needing(&["iam:GetRole", "iam:DeleteRole"]),
    );
}

pub(super) fn is_ours(role: &RoleFound, spec: &Spec) -> bool {
    role.tags.get(MARK) == Some(&spec.mark())
}

#[derive(Debug)]
struct Create {
    trust: Value,
}

#[async_trait]
impl Operation for Create {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let (spec, arn) = (at.spec, at.spec.role_arn());
        let mark = BTreeMap::from([(MARK.to_owned(), spec.mark())]);
        let request = at
            .owner
            .clients
            .iam
            .create_role()
            .role_name(&spec.role.name)
            .description(&spec.role.description)
            .max_session_duration(spec.role.max_session_seconds)
            .assume_role_policy_document(self.trust.to_string())
            .set_tags(Some(tags(spec.role.tags.iter().chain(&mark))?));
        request.send().await.map_err(|error| problem("iam:CreateRole", &arn, error))?;
        read_back("the role", || trusts(at, &self.trust)).await
    }
}

#[derive(Debug)]
struct ReplaceTrust {
    trust: Value,
}

#[async_trait]
impl Operation for ReplaceTrust {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let call = at.owner.clients.iam.update_assume_role_policy().role_name(&at.spec.role.name);
        let answer = call.policy_document(self.trust.to_string()).send().await;
        answer.map_err(|error| problem("iam:UpdateAssumeRolePolicy", &at.spec.role_arn(), error))?;
        read_back("the trust policy", || trusts(at, &self.trust)).await
    }
}

async fn trusts(at: &Site<'_>, trust: &Value) -> Result<bool, Problem> {
    let role = role_reads::role(at.owner, at.spec).await?.seen(&at.spec.role_arn())?;
    Ok(role.and_then(|role| role.trust()).is_some_and(|there| same(&there, trust)))
}

#[derive(Debug)]
struct Update;

#[async_trait]
impl Operation for Update {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let (wanted, arn) = (&at.spec.role, at.spec.role_arn());
        let call = at.owner.clients.iam.update_role().role_name(&wanted.name);
        let call = call.description(&wanted.description).max_session_duration(wanted.max_session_seconds);
        call.send().await.map_err(|error| problem("iam:UpdateRole", &arn, error))?;
        read_back("the role's settings", || async {
            let role = role_reads::role(at.owner, at.spec).await?.seen(&arn)?;
            Ok(role.is_some_and(|role| {
                role.description == wanted.description
                    && role.max_session_seconds == wanted.max_session_seconds
            }))
        })
        .await
    }
}

#[derive(Debug)]
struct AddTags {
    tags: BTreeMap<String, String>,
}

#[async_trait]
impl Operation for AddTags {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.role_arn();
        let call = at.owner.clients.iam.tag_role().role_name(&at.spec.role.name);
        let answer = call.set_tags(Some(tags(&self.tags)?)).send().await;
        answer.map_err(|error| problem("iam:TagRole", &arn, error))?;
        read_back("the role's tags", || async {
            let role = role_reads::role(at.owner, at.spec).await?.seen(&arn)?;
            Ok(role
                .is_some_and(|role| self.tags.iter().all(|(key, value)| role.tags.get(key) == Some(value))))
        })
        .await
    }
}

#[derive(Debug)]
struct Delete;

#[async_trait]
impl Operation for Delete {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let answer = at.owner.clients.iam.delete_role().role_name(&at.spec.role.name).send().await;
        answer.map_err(|error| problem("iam:DeleteRole", &at.spec.role_arn(), error))?;
        Ok(())
    }
}

fn tags<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Result<Vec<Tag>, Problem> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.into_iter().map(tag).collect::<Result<_, _>>().map_err(Problem::internal)
}

fn foreign(spec: &Spec, why: &str) -> Problem {
    Problem::new(
        Code::Duplicate,
        format!("a role {} exists in {} that is not ours: {why}", spec.role.name, spec.account),
    )
    .with_hint(format!(
        "Choose another role name. If this role is meant for s3://{0}, say so with: aws iam tag-role --role-name {1} --tags Key={MARK},Value={0}",
        spec.mark(),
        spec.role.name
    ))
}
