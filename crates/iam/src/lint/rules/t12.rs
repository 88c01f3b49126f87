//! T12: a replication role that nothing defines.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T12",
    severity: Severity::Error,
    title: "The replication role is named, and not defined",
    aws: "S3 assumes the role to copy. It must trust s3.amazonaws.com, read the source's configuration and versions \
          (s3:GetReplicationConfiguration, s3:ListBucket, s3:GetObjectVersionForReplication, …Acl, …Tagging) and \
          write the copies (s3:ReplicateObject, s3:ReplicateDelete, s3:ReplicateTags). Without any of it objects \
          stay at replication status FAILED, and nobody is told.",
    mend: "Create the role with both policies: `firmhold policy generate replication-trust` and \
           `replication-permissions` print them.",
    pages: &["https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.own.is(DocumentKind::Replication) {
        return;
    }
    let Some(root) = &scene.own.root else { return };
    let Some(role) = root.get("Role") else {
        report.find(root, "No role is named, and S3 refuses the configuration.");
        return;
    };
    let trusted = scene.of(DocumentKind::Trust).flat_map(|subject| &subject.statements).any(|statement| {
        let service = |at: &crate::lint::tree::At<'_>| at.as_text() == Some("s3.amazonaws.com");
        statement.allows() && statement.principals.iter().any(|(_, at)| service(at))
    });
    let copies = scene
        .of(DocumentKind::Identity)
        .flat_map(|subject| &subject.statements)
        .any(|statement| statement.allows() && statement.covers("s3:ReplicateObject").is_some());
    let name = role.as_text().unwrap_or_default();
    match (trusted && copies, scene.setting.complete) {
        (true, _) => {}
        (false, true) => {
            report.find(&role, format!("Nothing says what `{name}` trusts and may do."));
        }
        (false, false) => {
            let message = format!("What `{name}` trusts and may do is not among these documents.");
            report.find(&role, message).severity(Severity::Note);
        }
    }
}
