//! T37: one partition in a template for all.

use super::Rule;
use crate::Arn;
use crate::lint::finding::Severity;
use crate::lint::placeholder;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T37",
    severity: Severity::Note,
    title: "A template has the partition `aws` written into it",
    aws: "ARNs in China begin with arn:aws-cn:, in GovCloud with arn:aws-us-gov:. A policy with arn:aws: grants \
          nothing there, and no role is assumed across partitions.",
    mend: "Make the partition a part of what is filled in.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    let Some(root) = &scene.own.root else { return };
    let strings = root.strings();
    let arns = || strings.iter().filter(|at| at.as_text().and_then(Arn::parse).is_some());
    // A finished document names the partition that it is for.
    let template = strings.iter().any(|at| placeholder::of(at).is_some());
    if !template {
        return;
    }
    if let Some(at) =
        arns().find(|at| at.as_text().and_then(Arn::parse).is_some_and(|arn| arn.partition == "aws"))
    {
        report.find(at, "This ARN is for the partition `aws` only.");
    }
}
