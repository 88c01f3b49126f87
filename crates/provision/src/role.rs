//! Steps 3 and 4: the role with its final trust, and its inline policy.

use std::future::Future;
use std::time::Duration;

use aws_sdk_iam::types::{Role, Tag};
use firmhold_core::{Code, Problem};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::Spec;
use crate::access::Clients;
use crate::policy_text::same;
use crate::refusal::{absent, not_as_written, problem};
use crate::step::{Step, StepReport};

/// By which a role is known to be ours; its value is the bucket with the prefix.
const TAG: &str = "firmhold";
/// How long a write may take to be seen: IAM is eventually consistent.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes the role with its final trust, or gives ours its trust back.
///
/// INVARIANT: there is no moment in which the role trusts anyone else. The guide creates it as "this account" and
/// mends it later (T17).
pub(crate) async fn apply_role(clients: &Clients, spec: &Spec) -> Result<StepReport, Problem> {
    let Some(role) = find(clients, spec).await? else {
        create(clients, spec).await?;
        let detail = format!("made {} with its final trust policy", spec.role_arn());
        return Ok(StepReport::of(Step::Role, true, &[detail], ""));
    };
    if role.arn() != spec.role_arn() {
        return Err(foreign(spec, &format!("it is {}", role.arn())));
    }
    let there = trust_of(&role);
    if there.as_ref().is_some_and(|there| same(there, &spec.trust)) {
        return Ok(StepReport::of(Step::Role, false, &[], &format!("{} trusts as it should", role.arn())));
    }
    if !is_ours(&role, spec) {
        return Err(foreign(spec, "it has another trust policy and is not tagged as ours"));
    }
    clients
        .iam
        .update_assume_role_policy()
        .role_name(&spec.role_name)
        .policy_document(spec.trust.to_string())
        .send()
        .await
        .map_err(|error| problem("iam:UpdateAssumeRolePolicy", &spec.role_arn(), error))?;
    read_back("the trust policy", || trusts(clients, spec)).await?;
    let was = there.map_or_else(|| "unreadable".to_owned(), |there| there.to_string());
    Ok(StepReport::of(Step::Role, false, &[format!("replaced the trust policy (was {was})")], ""))
}

/// Gives the role its inline policy.
pub(crate) async fn apply_inline_policy(clients: &Clients, spec: &Spec) -> Result<StepReport, Problem> {
    let found = inline_policy(clients, spec).await?;
    if found.as_ref().is_some_and(|there| same(there, &spec.permission_policy)) {
        let as_it_is = format!("{} is as it should be", spec.policy_name);
        return Ok(StepReport::of(Step::InlinePolicy, false, &[], &as_it_is));
    }
    clients
        .iam
        .put_role_policy()
        .role_name(&spec.role_name)
        .policy_name(&spec.policy_name)
        .policy_document(spec.permission_policy.to_string())
        .send()
        .await
        .map_err(|error| problem("iam:PutRolePolicy", &spec.role_arn(), error))?;
    read_back("the inline policy", || async {
        Ok(inline_policy(clients, spec).await?.is_some_and(|there| same(&there, &spec.permission_policy)))
    })
    .await?;
    let change = match &found {
        Some(was) => format!("replaced {} (was {was})", spec.policy_name),
        None => format!("added {}", spec.policy_name),
    };
    Ok(StepReport::of(Step::InlinePolicy, found.is_none(), &[change], ""))
}

async fn find(clients: &Clients, spec: &Spec) -> Result<Option<Role>, Problem> {
    let answer = clients.iam.get_role().role_name(&spec.role_name).send().await;
    let found = absent("NoSuchEntity", "iam:GetRole", &spec.role_arn(), answer)?;
    Ok(found.and_then(|answer| answer.role))
}

async fn create(clients: &Clients, spec: &Spec) -> Result<(), Problem> {
    let tag = Tag::builder().key(TAG).value(spec.role_tag()).build().map_err(Problem::internal)?;
    let request = clients
        .iam
        .create_role()
        .role_name(&spec.role_name)
        .description(&spec.role_description)
        .max_session_duration(spec.max_session_seconds)
        .assume_role_policy_document(spec.trust.to_string())
        .tags(tag);
    request.send().await.map_err(|error| problem("iam:CreateRole", &spec.role_arn(), error))?;
    read_back("the role", || trusts(clients, spec)).await
}

async fn trusts(clients: &Clients, spec: &Spec) -> Result<bool, Problem> {
    let role = find(clients, spec).await?;
    Ok(role.as_ref().and_then(trust_of).is_some_and(|there| same(&there, &spec.trust)))
}

async fn inline_policy(clients: &Clients, spec: &Spec) -> Result<Option<Value>, Problem> {
    let request = clients.iam.get_role_policy().role_name(&spec.role_name).policy_name(&spec.policy_name);
    let found = absent("NoSuchEntity", "iam:GetRolePolicy", &spec.role_arn(), request.send().await)?;
    Ok(found.map(|answer| document(answer.policy_document()).unwrap_or(Value::Null)))
}

fn trust_of(role: &Role) -> Option<Value> {
    role.assume_role_policy_document().and_then(document)
}

/// IAM answers documents percent-encoded (RFC 3986).
fn document(encoded: &str) -> Option<Value> {
    let text = percent_decode_str(encoded).decode_utf8().ok()?;
    serde_json::from_str(&text).ok()
}

fn is_ours(role: &Role, spec: &Spec) -> bool {
    role.tags().iter().any(|tag| tag.key() == TAG && tag.value() == spec.role_tag())
}

fn foreign(spec: &Spec, why: &str) -> Problem {
    Problem::new(
        Code::Duplicate,
        format!("a role {} exists in {} that is not ours: {why}", spec.role_name, spec.account),
    )
    .with_hint(format!(
        "Choose another role name. If this role is meant for s3://{0}, say so with: aws iam tag-role --role-name {1} --tags Key={TAG},Value={0}",
        spec.role_tag(),
        spec.role_name
    ))
}

/// Waits until a write is seen.
async fn read_back<F, Fut>(what: &str, mut seen: F) -> Result<(), Problem>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<bool, Problem>>,
{
    let until = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(100);
    loop {
        if seen().await? {
            return Ok(());
        }
        if Instant::now() + pause > until {
            return Err(not_as_written(what));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(4));
    }
}
