//! T43: a listing of the whole bucket.

use serde_json::json;

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::mend::{Edit, set, split};
use crate::lint::subject::{Report, Scene};
use crate::lint::view::{StatementView, s3_resource};

pub static RULE: Rule = Rule {
    id: "T43",
    severity: Severity::Warning,
    title: "The role may list every key of the bucket",
    aws: "s3:ListBucket is about the bucket. Without a condition on s3:prefix it shows every key in it, whatever the \
          role may read.",
    mend: "Add `\"StringLike\": {\"s3:prefix\": \"PREFIX*\"}` in a statement for listing alone.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/walkthrough1.html"],
    check,
};

const LISTS: [&str; 2] = ["s3:ListBucket", "s3:ListBucketVersions"];

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.is_backend_role() {
        return;
    }
    for statement in scene.own.statements.iter().filter(|statement| statement.allows()) {
        let about_s3 = statement
            .resources
            .iter()
            .filter_map(|at| at.as_text())
            .any(|arn| arn == "*" || s3_resource(arn).is_some());
        let limited = statement.conditions_on("s3:prefix").next().is_some();
        let Some(at) = statement.covers_any(&LISTS).filter(|_| about_s3 && !limited) else { continue };
        let edit = apart(scene, statement);
        report.find(at, "Nothing limits which keys are listed.").edits(edit.into_iter().collect());
    }
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
