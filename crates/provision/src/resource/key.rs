//! The KMS key that encrypts the bucket: one that is given, here or in another account, or one that we make.

use async_trait::async_trait;
use aws_sdk_kms::types::Tag;
use firmhold_core::{Code, Problem};
use firmhold_iam::generate::{key_policy, key_statement_for_owner};

use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Inventory, KeyFound, key_reads};
use crate::plan::{Draft, Letter};
use crate::refusal::{not_as_written, problem};
use crate::settle::read_back;
use crate::spec::{Encryption, Key, MARK, Spec};

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let Encryption::SseKms { key, .. } = &spec.encryption else { return Ok(()) };
    match key {
        Key::Given { arn } if !spec.owns(arn) => {
            draft.write(letter(spec, arn));
            Ok(())
        }
        Key::Given { arn } => {
            let Some(found) = draft.see(&inventory.key, arn) else { return Ok(()) };
            let found = found.ok_or_else(|| no_such_key(arn))?;
            must_be_enabled(found)?;
            draft.keep(Kind::Key, arn.clone(), "is enabled");
            Ok(())
        }
        Key::Made { alias, rotation_days, .. } => diff_made(spec, inventory, alias, *rotation_days, draft),
    }
}

fn diff_made(
    spec: &Spec,
    inventory: &Inventory,
    alias: &str,
    rotation_days: i32,
    draft: &mut Draft,
) -> Result<(), Problem> {
    let target = spec.alias_arn(alias);
    let Some(found) = draft.see(&inventory.key, &target) else { return Ok(()) };
    if let Some(found) = found {
        must_be_enabled(found)?;
    } else {
        let policy = key_policy(&spec.shape()).to_string();
        draft.add(
            Change::new(
                Verb::Create,
                Kind::Key,
                target.clone(),
                "make a key for this bucket",
                Create { policy },
            )
            .because("whoever reads the bucket needs the key as well, and each use of it is recorded"),
        );
    }
    if found.is_none_or(|found| !found.has_alias) {
        let operation = Name { alias: alias.to_owned(), found: found.map(|found| found.arn.clone()) };
        draft.add(
            Change::new(Verb::Create, Kind::KeyAlias, target.clone(), format!("name it {alias}"), operation)
                .because("by its name it is found again")
                .needing(&["kms:CreateAlias"]),
        );
    }
    let Some(days) = found.map_or(Some(None), |found| draft.see(&found.rotation_days, &target)) else {
        return Ok(());
    };
    if days != Some(&rotation_days) {
        let was = days.map_or_else(|| "is off".to_owned(), |days| format!("is every {days} days"));
        let says = format!("let KMS rotate it every {rotation_days} days ({was})");
        let operation = Rotate { days: rotation_days, found: found.map(|found| found.arn.clone()) };
        draft.add(
            Change::new(Verb::Change, Kind::KeyRotation, target, says, operation)
                .because("the key keeps its ARN, and old firmware stays readable (T40)"),
        );
    } else if found.is_some_and(|found| found.has_alias) {
        draft.keep(Kind::Key, target, format!("is enabled, rotated every {rotation_days} days"));
    }
    Ok(())
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let Encryption::SseKms { key: Key::Made { .. }, .. } = &spec.encryption else { return };
    if let Some(found) = inventory.key.known() {
        let says = "a key is never removed: what it encrypted would be unreadable for ever. If nothing is: aws kms schedule-key-deletion --key-id ARN";
        draft.leave(Kind::Key, found.arn.clone(), says.replace("ARN", &found.arn));
    }
}

/// What the owner of a key in another account has to be sent: only they can change its policy.
fn letter(spec: &Spec, arn: &str) -> Letter {
    let account = arn.split(':').nth(4).unwrap_or_default();
    Letter {
        to: format!("the owner of account {account}"),
        about: format!("Add this statement to the policy of the key {arn}"),
        document: key_statement_for_owner(&spec.shape(), &spec.role_arn()),
    }
}

fn must_be_enabled(found: &KeyFound) -> Result<(), Problem> {
    if found.state == "Enabled" {
        return Ok(());
    }
    let mend = match found.state.as_str() {
        "PendingDeletion" => "aws kms cancel-key-deletion --key-id",
        _ => "aws kms enable-key --key-id",
    };
    let says = format!(
        "the key {} is {}: nothing can be put into the bucket or read from it",
        found.arn, found.state
    );
    Err(Problem::new(Code::StateForbids, says).with_hint(format!("{mend} {}", found.arn)))
}

fn no_such_key(arn: &str) -> Problem {
    Problem::new(Code::Usage, format!("there is no key {arn}"))
        .with_hint("Name another one in encryption.key, or let one be made: key = \"make\"")
}

#[derive(Debug)]
struct Create {
    policy: String,
}

#[async_trait]
impl Operation for Create {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let tag = |key: &str, value: &str| Tag::builder().tag_key(key).tag_value(value).build();
        let mark = at.spec.mark();
        let own = at.spec.bucket.tags.iter().map(|(key, value)| tag(key, value));
        let tags = own.chain([tag(MARK, &mark)]).collect::<Result<Vec<_>, _>>().map_err(Problem::internal)?;
        let request = at
            .owner
            .clients
            .kms
            .create_key()
            .description(format!("Encrypts firmware in s3://{mark}"))
            .policy(&self.policy)
            // It leaves the key to the account's administrators. Whoever makes it need not be one of them.
            .bypass_policy_lockout_safety_check(true)
            .set_tags(Some(tags));
        let arn = key_reads::create(at.owner, request).await?;
        at.note_key(&arn);
        read_back("the key", || async {
            let found = key_reads::describe(at.owner, &arn).await?.seen(&arn)?;
            Ok(found.is_some_and(|found| found.state == "Enabled"))
        })
        .await
    }
}

#[derive(Debug)]
struct Name {
    alias: String,
    found: Option<String>,
}

#[async_trait]
impl Operation for Name {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.key(self.found.as_deref())?;
        let call = at.owner.clients.kms.create_alias().alias_name(&self.alias).target_key_id(&arn);
        call.send()
            .await
            .map_err(|error| problem("kms:CreateAlias", &at.spec.alias_arn(&self.alias), error))?;
        read_back("the key's alias", || async {
            let found = key_reads::describe(at.owner, &self.alias).await?.seen(&arn)?;
            Ok(found.is_some_and(|found| found.arn == arn))
        })
        .await
    }
}

#[derive(Debug)]
struct Rotate {
    days: i32,
    found: Option<String>,
}

#[async_trait]
impl Operation for Rotate {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.key(self.found.as_deref())?;
        let call = at.owner.clients.kms.enable_key_rotation().key_id(&arn).rotation_period_in_days(self.days);
        call.send().await.map_err(|error| problem("kms:EnableKeyRotation", &arn, error))?;
        let Encryption::SseKms { key: Key::Made { alias, .. }, .. } = &at.spec.encryption else {
            return Err(not_as_written("the key's rotation"));
        };
        read_back("the key's rotation", || async {
            let found = key_reads::ours(at.owner, at.spec, alias).await?.seen(&arn)?;
            Ok(found.is_some_and(|found| found.rotation_days.known() == Some(&self.days)))
        })
        .await
    }
}
