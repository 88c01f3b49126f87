//! T26: one statement for everything, over the whole bucket.

use serde_json::json;

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::mend::{Edit, set, split};
use crate::lint::subject::{Report, Scene};
use crate::lint::view::{StatementView, s3_resource};

pub static RULE: Rule = Rule {
    id: "T26",
    severity: Severity::Warning,
    title: "The role may delete, or do everything, in the whole bucket",
    aws: "It works. But who takes over the platform can wipe the bucket, versions included if they may be deleted; \
          and actions on objects beside actions on the bucket, with both ARNs, hide which needs which.",
    mend: "A statement for the bucket's actions, one for the objects below the firmware's prefix, and no delete of \
           firmware: give that to another role, or lock the objects.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/security_iam_service-with-iam.html"],
    check,
};

const DELETES: [&str; 2] = ["s3:DeleteObject", "s3:DeleteObjectVersion"];

fn is_of_bucket(action: &str) -> bool {
    let name = action.split_once(':').map_or(action, |(_, name)| name).to_ascii_lowercase();
    name.starts_with("listbucket") || name.starts_with("getbucket") || name.starts_with("putbucket")
}

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.is_backend_role() {
        return;
    }
    for statement in scene.own.statements.iter().filter(|statement| statement.allows()) {
        let arns: Vec<&str> = statement.resources.iter().filter_map(|at| at.as_text()).collect();
        let whole = arns.iter().any(|arn| {
            *arn == "*"
                || s3_resource(arn)
                    .is_some_and(|(_, key)| key == Some("*") || key.is_none() && arn.ends_with('*'))
        });
        let deletes = whole && statement.covers_any(&DELETES).is_some();
        let bucket = arns.iter().any(|arn| matches!(s3_resource(arn), Some((_, None))));
        let objects = arns.iter().any(|arn| matches!(s3_resource(arn), Some((_, Some(_)))));
        let (of_bucket, of_objects): (Vec<&str>, Vec<&str>) =
            statement.actions.iter().filter_map(|at| at.as_text()).partition(|action| is_of_bucket(action));
        let mixed = bucket && objects && !of_bucket.is_empty() && !of_objects.is_empty();
        let message = match (deletes, mixed) {
            (true, true) => "This statement may delete anything in the bucket, and mixes bucket and objects.",
            (true, false) => "This statement may delete anything in the bucket.",
            (false, true) => "This statement mixes actions on the bucket with actions on objects.",
            (false, false) => continue,
        };
        let edit = if mixed { apart(scene, statement, &of_bucket, &of_objects) } else { None };
        report.find(&statement.at, message).edits(edit.into_iter().collect());
    }
}

/// One statement for the bucket, one for the objects below the prefix, without deletion.
fn apart(
    scene: &Scene<'_>,
    statement: &StatementView<'_>,
    of_bucket: &[&str],
    of_objects: &[&str],
) -> Option<Edit> {
    let prefix = scene.setting.prefix.as_deref().unwrap_or("firmhold/");
    let name = statement.resources.iter().filter_map(|at| at.as_text()).find(|arn| !arn.contains('/'))?;
    let kept: Vec<&&str> =
        of_objects.iter().filter(|action| !action.to_ascii_lowercase().contains("delete")).collect();
    let mut bucket = statement.at.to_json();
    let mut objects = bucket.clone();
    set(&mut bucket, &["Action"], json!(of_bucket));
    set(&mut bucket, &["Resource"], json!(name));
    set(&mut objects, &["Action"], json!(kept));
    set(&mut objects, &["Resource"], json!(format!("{name}/{prefix}*")));
    if let Some(sid) = statement.sid {
        set(&mut bucket, &["Sid"], json!(format!("{sid}Bucket")));
        set(&mut objects, &["Sid"], json!(format!("{sid}Objects")));
    }
    Some(split(&statement.at, &[bucket, objects]))
}
