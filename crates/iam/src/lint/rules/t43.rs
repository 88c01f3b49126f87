//! T43: a listing of the whole bucket.

use serde_json::json;

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::mend::{Edit, set, split};
use crate::lint::probe;
use crate::lint::subject::{Report, Scene, Subject};
use crate::lint::view::{ConditionView, StatementView, s3_resource};
use crate::{Fit, Policy};

pub static RULE: Rule = Rule {
    id: "T43",
    severity: Severity::Warning,
    title: "The role may list every key of the bucket",
    aws: "s3:ListBucket is about the bucket. Without a condition on s3:prefix it shows every key in it, whatever the \
          role may read. A condition that also holds without a prefix, or for any, limits nothing.",
    mend: "Add `\"StringLike\": {\"s3:prefix\": \"PREFIX*\"}` in a statement for listing alone.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/walkthrough1.html"],
    check,
};

const LISTS: [&str; 2] = ["s3:ListBucket", "s3:ListBucketVersions"];

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.is_backend_role() {
        return;
    }
    // What one role is denied, another that holds the same policy may do.
    let roles: Vec<Vec<&Policy>> = scene
        .roles()
        .filter_map(|role| role.policies())
        .map(|policies| policies.into_iter().filter_map(Subject::valid).collect())
        .collect();
    for (index, statement) in scene.own.statements.iter().enumerate().filter(|(_, it)| it.allows()) {
        let shown = || roles.iter().any(|policies| shows_all(scene, policies, index, statement));
        let Some(at) = statement.covers_any(&LISTS).filter(|_| shown()) else { continue };
        let edit = apart(scene, statement);
        report.find(at, "Nothing limits which keys are listed.").edits(edit.into_iter().collect());
    }
}

/// Whether a listing without a prefix, or below one that is nobody's, gets through by this statement.
fn shows_all(scene: &Scene<'_>, policies: &[&Policy], index: usize, statement: &StatementView<'_>) -> bool {
    let is_prefix = |condition: &ConditionView<'_>| condition.key.eq_ignore_ascii_case("s3:prefix");
    let arns = || statement.resources.iter().filter_map(|at| at.as_text());
    let about_s3 = |arn: &str| arn == "*" || s3_resource(arn).is_some();
    let buckets = arns().filter_map(|arn| match s3_resource(arn) {
        Some((_, None)) => probe::sample(arn),
        Some((bucket, Some(_))) if bucket.ends_with('*') => None,
        _ => (arn == "*").then(|| "arn:aws:s3:::acme-fw".to_owned()),
    });
    let mut buckets = buckets.peekable();
    if scene.own.valid().is_none() || buckets.peek().is_none() {
        // Not decided: then as it stands there.
        return arns().any(about_s3) && !statement.conditions.iter().any(is_prefix);
    }
    let lists = LISTS.into_iter().filter(|list| statement.covers(list).is_some());
    let mut asked = buckets.flat_map(|bucket| lists.clone().map(move |list| (list, bucket.clone())));
    asked.any(|(list, bucket)| {
        let mut anywhere = probe::meeting(statement, is_prefix);
        let all = anywhere.clone();
        anywhere.set("s3:prefix", "somewhere-else/");
        [all, anywhere].into_iter().any(|context| {
            let decision = probe::as_role(list, &bucket, context, policies.to_vec(), None);
            let own = decision
                .trace
                .steps
                .iter()
                .find(|step| *step.policy == *scene.own.document.name && step.statement == index + 1);
            decision.is_allowed() && own.is_some_and(|step| step.fit == Fit::Applies)
        })
    })
}

/// Listing in a statement of its own.
fn apart(scene: &Scene<'_>, statement: &StatementView<'_>) -> Option<Edit> {
    let is_list = |action: &&str| LISTS.iter().any(|list| list.eq_ignore_ascii_case(action));
    let actions = statement.actions.iter().filter_map(|at| at.as_text());
    let (lists, rest): (Vec<&str>, Vec<&str>) = actions.partition(is_list);
    let bucket = statement
        .resources
        .iter()
        .filter_map(|at| at.as_text())
        .find(|arn| matches!(s3_resource(arn), Some((_, None))))?;
    if lists.is_empty() {
        return None;
    }
    let prefix = scene.setting.prefix.as_deref().unwrap_or("firmhold/");
    let mut listing = statement.at.to_json();
    let mut other = listing.clone();
    set(&mut listing, &["Action"], json!(lists));
    set(&mut listing, &["Resource"], json!(bucket));
    set(&mut listing, &["Condition", "StringLike", "s3:prefix"], json!(format!("{prefix}*")));
    if let Some(sid) = statement.sid {
        set(&mut listing, &["Sid"], json!(format!("{sid}List")));
    }
    set(&mut other, &["Action"], json!(rest));
    let both = if rest.is_empty() { vec![listing] } else { vec![other, listing] };
    Some(split(&statement.at, &both))
}
