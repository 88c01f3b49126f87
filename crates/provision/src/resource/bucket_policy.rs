//! Our statements in the bucket's policy, merged in by `Sid`: everybody else's stay byte for byte.

use async_trait::async_trait;
use firmhold_core::{Code, Problem};
use firmhold_iam::bucket_policy;
use serde_json::Value;

use crate::change::{Change, Kind, Operation, Site, Switch, Verb};
use crate::inventory::{Fact, Inventory, bucket_reads};
use crate::plan::Draft;
use crate::policy_text::{Merge, merge};
use crate::refusal::{moved, problem};
use crate::settle::read_back;
use crate::spec::{Spec, statements};

/// The largest bucket policy that S3 takes, in bytes.
const MAX_BYTES: usize = 20 * 1024;
const NEEDS: &[&str] = &["s3:GetBucketPolicy", "s3:PutBucketPolicy"];
/// The `Sid`s of all statements that any spec of ours has: with SSE-KMS there are more. Left behind with another
/// encryption those would refuse every upload.
fn all_sids(spec: &Spec) -> Vec<String> {
    let mut shape = spec.shape();
    shape.kms_key_arn.get_or_insert_default();
    sids(&bucket_policy(&shape)).map(str::to_owned).collect()
}

fn desired(spec: &Spec) -> Value {
    bucket_policy(&spec.shape())
}

pub(super) fn diff(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let desired = desired(spec);
    let why = "these requests must fail whoever sends them and whatever else allows them";
    // Two of them refuse plain HTTP and old TLS, to whatever in the bucket.
    let switch = inventory.bucket.is_shared().then_some(Switch::Tls);
    let all = all_sids(spec);
    let stale: Vec<&str> =
        all.iter().map(String::as_str).filter(|sid| sids(&desired).all(|it| it != *sid)).collect();
    let change = merged(spec, &inventory.bucket.policy, &desired, &stale, draft)?;
    if let Some(change) = change {
        draft.add(Change { accept: switch, ..change.because(why) });
    }
    Ok(())
}

/// The step that puts `ours` into the policy, and takes those of `gone` out, if there is anything to do.
pub(super) fn merged(
    spec: &Spec,
    found: &Fact<String>,
    ours: &Value,
    gone: &[&str],
    draft: &mut Draft,
) -> Result<Option<Change>, Problem> {
    let Some(found) = draft.see(found, &spec.bucket_arn()) else { return Ok(None) };
    let (verb, text, changes) = match found {
        None if statements(ours).is_empty() => return Ok(None),
        None => (Verb::Create, Some(ours.to_string()), sids(ours).map(|sid| format!("add {sid}")).collect()),
        Some(there) => match merge(there, ours, gone) {
            Merge::Nothing => {
                if !statements(ours).is_empty() {
                    draft.keep(Kind::BucketPolicy, spec.bucket_arn(), "our statements are there");
                }
                return Ok(None);
            }
            Merge::Text { text, changes } => (Verb::Change, Some(text), changes),
            Merge::Emptied { changes } => (Verb::Remove, None, changes),
            Merge::Unreadable => return Err(unreadable(spec)),
        },
    };
    let says = changes.join(", ");
    let change = match text {
        Some(text) if text.len() > MAX_BYTES => return Err(too_long(&text)),
        Some(text) => {
            let operation = Put { base: found.cloned(), text };
            Change::new(verb, Kind::BucketPolicy, spec.bucket_arn(), says, operation).needing(NEEDS)
        }
        None => {
            let operation = Delete { base: found.cloned().unwrap_or_default() };
            Change::new(verb, Kind::BucketPolicy, spec.bucket_arn(), says, operation)
                .needing(&["s3:GetBucketPolicy", "s3:DeleteBucketPolicy"])
        }
    };
    Ok(Some(change))
}

pub(super) fn remove(spec: &Spec, inventory: &Inventory, draft: &mut Draft) -> Result<(), Problem> {
    let ours = all_sids(spec);
    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
    if let Some(change) = merged(spec, &inventory.bucket.policy, &Value::Null, &ours, draft)? {
        let why = match change.verb {
            Verb::Remove => "all of its statements are ours",
            Verb::Create | Verb::Change => "other statements stay byte for byte",
        };
        draft.add(change.because(why));
    }
    Ok(())
}

fn sids(policy: &Value) -> impl Iterator<Item = &str> {
    statements(policy).iter().filter_map(|statement| statement.get("Sid")?.as_str())
}

/// INVARIANT: the document that is replaced is the one that was merged into.
async fn must_be(at: &Site<'_>, base: Option<&str>) -> Result<(), Problem> {
    let there = bucket_reads::policy(at.owner, at.spec).await?.seen(&at.spec.bucket_arn())?;
    if there.as_deref() == base { Ok(()) } else { Err(moved("the bucket's policy")) }
}

#[derive(Debug)]
struct Put {
    base: Option<String>,
    text: String,
}

#[async_trait]
impl Operation for Put {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        must_be(at, self.base.as_deref()).await?;
        let (arn, text) = (at.spec.bucket_arn(), at.fill(&self.text)?);
        let call = at.owner.clients.s3.put_bucket_policy().bucket(&at.spec.bucket.name).policy(&text);
        let answer = call.expected_bucket_owner(&at.spec.account).send().await;
        answer.map_err(|error| problem("s3:PutBucketPolicy", &arn, error))?;
        let written: Value = serde_json::from_str(&text).map_err(Problem::internal)?;
        read_back("the bucket policy", || async {
            let now = bucket_reads::policy(at.owner, at.spec).await?.seen(&arn)?;
            // AWS may lay it out anew, but must not change what it says.
            let now: Option<Value> = now.and_then(|text| serde_json::from_str(&text).ok());
            Ok(now.is_some_and(|now| crate::policy_text::same(&now, &written)))
        })
        .await
    }
}

#[derive(Debug)]
struct Delete {
    base: String,
}

#[async_trait]
impl Operation for Delete {
    async fn run(&self, at: &Site<'_>) -> Result<(), Problem> {
        must_be(at, Some(&self.base)).await?;
        let call = at.owner.clients.s3.delete_bucket_policy().bucket(&at.spec.bucket.name);
        let answer = call.expected_bucket_owner(&at.spec.account).send().await;
        answer.map_err(|error| problem("s3:DeleteBucketPolicy", &at.spec.bucket_arn(), error))?;
        Ok(())
    }
}

fn too_long(text: &str) -> Problem {
    let says =
        format!("with our statements the bucket policy has {} bytes, and S3 takes {MAX_BYTES}", text.len());
    Problem::new(Code::StateForbids, says).with_hint("Remove statements that are no longer needed.")
}

fn unreadable(spec: &Spec) -> Problem {
    Problem::new(
        Code::StateForbids,
        format!(
            "the policy of bucket {} is not one that can be merged into; it was left as it is",
            spec.bucket.name
        ),
    )
    .with_hint("Look at it with `aws s3api get-bucket-policy`; add the statements by hand.")
}
