//! Step 2: our statements in the bucket's policy.

use firmhold_core::{Code, Problem};

use crate::Spec;
use crate::access::Clients;
use crate::policy_text::{Merge, merge};
use crate::refusal::{absent, not_as_written, problem};
use crate::spec::statements;
use crate::step::{Step, StepReport};

/// The largest bucket policy that S3 takes, in bytes.
const MAX_BYTES: usize = 20 * 1024;

/// Merges our statements in by `Sid`; everybody else's stay byte for byte.
pub(crate) async fn apply(clients: &Clients, spec: &Spec) -> Result<StepReport, Problem> {
    if statements(&spec.bucket_policy).is_empty() {
        return Ok(StepReport::of(Step::BucketPolicy, false, &[], "nothing to add"));
    }
    let found = read(clients, spec).await?;
    let (text, changes) = match &found {
        None => (spec.bucket_policy.to_string(), added(spec)),
        Some(there) => match merge(there, &spec.bucket_policy) {
            Merge::Nothing => {
                return Ok(StepReport::of(Step::BucketPolicy, false, &[], "our statements are there"));
            }
            Merge::Text { text, changes } => (text, changes),
            Merge::Unreadable => return Err(unreadable(spec)),
        },
    };
    write(clients, spec, text).await?;
    match read(clients, spec).await? {
        Some(now) if merge(&now, &spec.bucket_policy) == Merge::Nothing => {}
        _ => return Err(not_as_written("the bucket policy")),
    }
    Ok(StepReport::of(Step::BucketPolicy, found.is_none(), &changes, ""))
}

async fn read(clients: &Clients, spec: &Spec) -> Result<Option<String>, Problem> {
    let request = clients.s3.get_bucket_policy().bucket(&spec.bucket).expected_bucket_owner(&spec.account);
    let found = absent("NoSuchBucketPolicy", "s3:GetBucketPolicy", &spec.bucket, request.send().await)?;
    Ok(found.and_then(|answer| answer.policy))
}

async fn write(clients: &Clients, spec: &Spec, text: String) -> Result<(), Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::new(
            Code::StateForbids,
            format!(
                "with our statements the bucket policy has {} bytes, and S3 takes {MAX_BYTES}",
                text.len()
            ),
        )
        .with_hint("Remove statements that are no longer needed."));
    }
    let request = clients.s3.put_bucket_policy().bucket(&spec.bucket).expected_bucket_owner(&spec.account);
    request.policy(text).send().await.map_err(|error| problem("s3:PutBucketPolicy", &spec.bucket, error))?;
    Ok(())
}

fn added(spec: &Spec) -> Vec<String> {
    let sid =
        |statement: &serde_json::Value| statement.get("Sid")?.as_str().map(|sid| format!("added {sid}"));
    statements(&spec.bucket_policy).iter().filter_map(sid).collect()
}

fn unreadable(spec: &Spec) -> Problem {
    Problem::new(
        Code::StateForbids,
        format!(
            "the policy of bucket {} is not one that can be merged into; it was left as it is",
            spec.bucket
        ),
    )
    .with_hint("Look at it with `aws s3api get-bucket-policy`; add the statements by hand.")
}
