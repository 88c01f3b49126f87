//! T21: a test of the role that reads its answer the wrong way round.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T21",
    severity: Severity::Warning,
    title: "The role is tested by assuming it without the external ID",
    aws: "With a right trust policy this is always AccessDenied for the owner: the role trusts the platform, and only \
          with the external ID. If it succeeds, the role is open to others.",
    mend: "Expect AccessDenied, and treat a success as a finding. Whether the role works is for the platform to prove.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let text = &scene.own.document.text;
    if scene.own.is(DocumentKind::Command)
        && text.contains("sts")
        && text.contains("assume-role ")
        && !text.contains("--external-id")
    {
        report
            .find_line(1, 1, "AccessDenied is the right answer to this command, not a fault to look for.")
            .refuses("AccessDenied", ["sts:AssumeRole"]);
    }
}
