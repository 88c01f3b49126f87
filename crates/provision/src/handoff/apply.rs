//! Puts a reviewed trust policy on the role.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use firmhold_core::{Code, Problem, Timestamp};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::review::{Review, review};
use crate::inventory::role_reads;
use crate::owner::Owner;
use crate::policy_text::same;
use crate::refusal::problem;
use crate::settle::read_back;

/// A trust policy that was given for a role.
#[derive(Debug, Clone)]
pub struct Given<'a> {
    /// The role's name.
    pub role: &'a str,
    /// What to call the document in findings.
    pub name: &'a str,
    /// The document.
    pub text: &'a str,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Applied {
    /// The role.
    pub role_arn: String,
    /// What was found, and what changes.
    pub review: Review,
    /// How it ended.
    pub outcome: Outcome,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The document must not be applied.
    Refused,
    /// The role trusts so already.
    Unchanged,
    /// Whoever was asked said no, or nobody was to be.
    Declined,
    /// The role trusts so now: it was read back.
    Applied,
}

/// A line of the journal: written and synced before the change, and again after it.
#[derive(Serialize)]
struct Entry<'a> {
    at: Timestamp,
    role_arn: &'a str,
    by: &'a str,
    /// SHA-256 of each document, so that the journal shows which and holds no external ID.
    before: Option<String>,
    after: String,
    /// `begun` or `applied`.
    step: &'static str,
}

/// Reviews the document beside what the role has, asks `agree`, writes, and reads back.
///
/// # Errors
/// [`Code::StateForbids`] when there is no such role, or its trust policy changed while it was looked at;
/// [`Code::StoreDenied`] and [`Code::StoreFailed`] as AWS has it; [`Code::LocalFile`] when the journal cannot be kept:
/// then nothing was changed; and the error of `agree`.
pub async fn apply_trust(
    given: &Given<'_>,
    owner: &Owner,
    journal: &Path,
    agree: impl FnOnce(&Review) -> Result<bool, Problem>,
) -> Result<Applied, Problem> {
    let Some((role_arn, current)) = read(owner, given.role).await? else {
        return Err(Problem::new(
            Code::StateForbids,
            format!("there is no role {} in this account", given.role),
        )
        .with_hint(
            "The role's name is not the backend's short name. `firmhold account apply` makes the role.",
        ));
    };
    let review = review(given.name, given.text, &role_arn, current.as_ref());
    let outcome = |outcome, review| Ok(Applied { role_arn: role_arn.clone(), review, outcome });
    if !review.is_sound() {
        return outcome(Outcome::Refused, review);
    }
    let Some(document) = review.document.clone().filter(|_| !review.is_there()) else {
        return outcome(Outcome::Unchanged, review);
    };
    if !agree(&review)? {
        return outcome(Outcome::Declined, review);
    }
    // INVARIANT: what is replaced is what was shown.
    let now = read(owner, given.role).await?.and_then(|(_, now)| now);
    if now.as_ref().map(ToString::to_string) != current.as_ref().map(ToString::to_string) {
        return Err(Problem::new(
            Code::StateForbids,
            format!("the trust policy of {} changed while you were looking at it", given.role),
        )
        .with_hint("Run it again, and look at the new difference."));
    }
    let entry = |step| Entry {
        at: owner.now(),
        role_arn: &role_arn,
        by: &owner.arn,
        before: current.as_ref().map(digest),
        after: digest(&document),
        step,
    };
    keep(journal, &entry("begun"))?;
    write(owner, given.role, &role_arn, &document).await?;
    keep(journal, &entry("applied"))?;
    outcome(Outcome::Applied, review)
}

/// The role's ARN and its trust policy, if there is such a role.
async fn read(owner: &Owner, role: &str) -> Result<Option<(String, Option<Value>)>, Problem> {
    let found = role_reads::by_name(owner, role, role).await?.seen(role)?;
    Ok(found.map(|role| (role.arn.clone(), role.trust())))
}

async fn write(owner: &Owner, role: &str, role_arn: &str, document: &Value) -> Result<(), Problem> {
    let call = owner.clients.iam.update_assume_role_policy().role_name(role);
    let answer = call.policy_document(document.to_string()).send().await;
    answer.map_err(|error| problem("iam:UpdateAssumeRolePolicy", role_arn, error))?;
    read_back("the trust policy", || async {
        let now = read(owner, role).await?.and_then(|(_, now)| now);
        Ok(now.is_some_and(|now| same(&now, document)))
    })
    .await
}

fn digest(document: &Value) -> String {
    hex::encode(Sha256::digest(document.to_string()))
}

/// Adds a line, and waits until it is on the disk.
fn keep(path: &Path, entry: &Entry<'_>) -> Result<(), Problem> {
    let line = serde_json::to_string(entry).map_err(Problem::internal)?;
    let written = OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| {
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| {
        Problem::new(Code::LocalFile, format!("cannot write the journal {}", path.display())).caused_by(error)
    })
}
