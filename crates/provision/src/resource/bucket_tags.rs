//! The bucket's tags: those of the spec, for costs, and our mark on a bucket that we made. S3 replaces the whole set,
//! so ours are merged in by key and everybody else's stay.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_s3::types::{Tag, Tagging};
use firmhold_core::Problem;

use crate::change::{Change, Kind, Operation, Site, Verb};
use crate::inventory::{Found, Inventory, bucket_reads};
use crate::plan::Draft;
use crate::refusal::{moved, problem};
use crate::settle::read_back;
use crate::spec::{MARK, Spec};

const NEEDS: &[&str] = &["s3:GetBucketTagging", "s3:PutBucketTagging"];

type Tags = BTreeMap<String, String>;

/// Ours. The mark says that `teardown` may remove the bucket when it is empty.
fn desired(spec: &Spec, inventory: &Inventory) -> Tags {
    let made = inventory.bucket.made_by_us || inventory.bucket.found == Found::Nothing;
    let mark = made.then(|| (MARK.to_owned(), spec.mark()));
    spec.bucket.tags.clone().into_iter().chain(mark).collect()
}

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    let Some(found) = draft.see(&inventory.bucket.tags, &spec.bucket_arn()) else { return };
    let found = found.cloned().unwrap_or_default();
    let desired = desired(spec, inventory);
    let missing: Vec<String> = desired
        .iter()
        .filter(|(key, value)| found.get(*key) != Some(value))
        .map(|(key, value)| match found.get(key) {
            Some(was) => format!("{key}={value} (was {was})"),
            None => format!("{key}={value}"),
        })
        .collect();
    if missing.is_empty() {
        if !desired.is_empty() {
            draft.keep(Kind::Tags, spec.bucket_arn(), "ours are there");
        }
        return;
    }
    let verb = if found.is_empty() { Verb::Create } else { Verb::Change };
    let says = format!("set {}", missing.join(", "));
    let operation = PutTags { base: found, ours: desired };
    draft.add(
        Change::new(verb, Kind::Tags, spec.bucket_arn(), says, operation)
            .because("one tag marks the bucket as ours; the others tell its costs apart")
            .needing(NEEDS),
    );
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) {
    // With the bucket its tags go; from one that stays, the mark must not: it still tells who made it.
    let Some(found) = draft.see(&inventory.bucket.tags, &spec.bucket_arn()) else { return };
    let ours =
        spec.bucket.tags.iter().filter(|(key, value)| found.and_then(|tags| tags.get(*key)) == Some(value));
    if ours.count() > 0 {
        draft.leave(
            Kind::Tags,
            spec.bucket_arn(),
            "cost tags stay: what was spent is still to be told apart",
        );
    }
}

#[derive(Debug)]
struct PutTags {
    base: Tags,
    ours: Tags,
}

#[async_trait]
impl Operation for PutTags {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        let arn = at.spec.bucket_arn();
        let there = bucket_reads::tags(at.owner, at.spec).await?.seen(&arn)?.unwrap_or_default();
        if there != self.base {
            return Err(moved("the set of the bucket's tags"));
        }
        let merged: Tags = there.into_iter().chain(self.ours.clone()).collect();
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let tags = merged.iter().map(tag).collect::<Result<Vec<_>, _>>().map_err(Problem::internal)?;
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(Problem::internal)?;
        let call = at.owner.clients.s3.put_bucket_tagging().bucket(&at.spec.bucket.name).tagging(tagging);
        let answer = call.expected_bucket_owner(&at.spec.account).send().await;
        answer.map_err(|error| problem("s3:PutBucketTagging", &arn, error))?;
        read_back("the bucket's tags", || async {
            Ok(bucket_reads::tags(at.owner, at.spec).await?.seen(&arn)?.as_ref() == Some(&merged))
        })
        .await
    }
}
