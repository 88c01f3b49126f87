//! The KMS key that encrypts the bucket.

use firmhold_core::Problem;
use serde::Serialize;

use super::Fact;
use crate::owner::Owner;
use crate::spec::{Encryption, Key, Spec};

/// What the reads need on a key.
pub(crate) const LOOKS: &[&str] = &["kms:DescribeKey", "kms:GetKeyRotationStatus", "kms:ListResourceTags"];

/// A key that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyFound {
    /// Its ARN.
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` and their like.
    pub state: String,
    /// Of a key of ours: whether its alias leads to it.
    pub has_alias: bool,
    /// Of a key of ours: days between rotations; absent when they are off.
    pub rotation_days: Fact<i32>,
}

/// The key of the spec. One of another account is not looked at: only its owner can show it.
pub(crate) async fn read(owner: &Owner, spec: &Spec) -> Result<Fact<KeyFound>, Problem> {
    match &spec.encryption {
        Encryption::SseS3 => Ok(Fact::Absent),
        Encryption::SseKms { key: Key::Given { arn }, .. } if !spec.owns(arn) => Ok(Fact::Absent),
        Encryption::SseKms { key: Key::Given { arn }, .. } => reads::describe(owner, arn).await,
        Encryption::SseKms { key: Key::Made { alias, .. }, .. } => reads::ours(owner, spec, alias).await,
    }
}

/// The reads, one by one.
pub(crate) mod reads {
    use firmhold_core::Code;

    use super::{Fact, KeyFound, Owner, Problem, Spec};
    use crate::refusal::{fact, problem};
    use crate::spec::MARK;

    /// Keys that are looked at for our mark.
    const MOST_KEYS: usize = 1000;

    /// By ARN or alias.
    pub(crate) async fn describe(owner: &Owner, key: &str) -> Result<Fact<KeyFound>, Problem> {
        let answer = owner.clients.kms.describe_key().key_id(key).send().await;
        let found = fact(&["NotFoundException"], "kms:DescribeKey", key, answer)?;
        Ok(found.and_then(|answer| answer.key_metadata).and_then(|key| {
            Some(KeyFound {
                arn: key.arn?,
                state: key.key_state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
                has_alias: false,
                rotation_days: Fact::Absent,
            })
        }))
    }

    /// The key that an earlier run made: by its alias, or, if that run ended before it had one, by its tag.
    pub(crate) async fn ours(owner: &Owner, spec: &Spec, alias: &str) -> Result<Fact<KeyFound>, Problem> {
        let found = match describe(owner, alias).await? {
            Fact::Known(key) => match is_ours(owner, spec, &key.arn).await? {
                Fact::Denied(action) => return Ok(Fact::Denied(action)),
                Fact::Known(true) => KeyFound { has_alias: true, ..key },
                Fact::Known(false) | Fact::Absent => return Err(foreign(alias, &key.arn)),
            },
            Fact::Denied(action) => return Ok(Fact::Denied(action)),
            Fact::Absent => match tagged(owner, spec).await? {
                Fact::Known(key) => key,
                other => return Ok(other),
            },
        };
        let answer = owner.clients.kms.get_key_rotation_status().key_id(&found.arn).send().await;
        let rotation = fact(&[], "kms:GetKeyRotationStatus", &found.arn, answer)?;
        let rotation_days = rotation.and_then(|answer| {
            answer.key_rotation_enabled.then(|| answer.rotation_period_in_days.unwrap_or_default())
        });
        Ok(Fact::Known(KeyFound { rotation_days, ..found }))
    }

    async fn tagged(owner: &Owner, spec: &Spec) -> Result<Fact<KeyFound>, Problem> {
        let kms = &owner.clients.kms;
        let (mut marker, mut seen) = (None, 0);
        while seen < MOST_KEYS {
            let answer = kms.list_keys().limit(100).set_marker(marker).send().await;
            let page = match fact(&[], "kms:ListKeys", "*", answer)? {
                Fact::Known(page) => page,
                Fact::Absent => break,
                Fact::Denied(action) => return Ok(Fact::Denied(action)),
            };
            for arn in page.keys.unwrap_or_default().into_iter().filter_map(|key| key.key_arn) {
                seen += 1;
                // A key whose policy hides its tags is somebody else's.
                if is_ours(owner, spec, &arn).await? == Fact::Known(true) {
                    match describe(owner, &arn).await? {
                        Fact::Known(key) if key.state == "PendingDeletion" => {}
                        found => return Ok(found),
                    }
                }
            }
            marker = page.next_marker;
            if marker.is_none() {
                break;
            }
        }
        Ok(Fact::Absent)
    }

    /// Whether a key is tagged as the one of this bucket; backends below other prefixes of it share the key.
    async fn is_ours(owner: &Owner, spec: &Spec, arn: &str) -> Result<Fact<bool>, Problem> {
        let answer = owner.clients.kms.list_resource_tags().key_id(arn).send().await;
        let tags = fact(&["NotFoundException"], "kms:ListResourceTags", arn, answer)?;
        Ok(tags.map(|answer| {
            let marks = answer.tags.iter().flatten().filter(|tag| tag.tag_key == MARK);
            let buckets = marks.filter_map(|tag| tag.tag_value.split('/').next());
            buckets.into_iter().any(|bucket| bucket == spec.bucket.name)
        }))
    }

    fn foreign(alias: &str, arn: &str) -> Problem {
        Problem::new(Code::Duplicate, format!("{alias} leads to {arn}, which is not tagged as ours"))
            .with_hint("Name that key in encryption.key if it is meant; else give the alias to another key, or remove it.")
    }

    /// Makes the key; answers its ARN.
    pub(crate) async fn create(
        owner: &Owner,
        request: aws_sdk_kms::operation::create_key::builders::CreateKeyFluentBuilder,
    ) -> Result<String, Problem> {
        let answer = request.send().await.map_err(|error| problem("kms:CreateKey", &owner.account, error))?;
        answer.key_metadata.and_then(|key| key.arn).ok_or_else(|| Problem::internal("a key without an ARN"))
    }
}
