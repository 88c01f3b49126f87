//! T04: a string operator on an ARN.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::mend::rename;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T04",
    severity: Severity::Note,
    title: "A string operator compares an ARN",
    aws: "It works. But a wildcard of StringLike reaches over the colons of an ARN into account and resource, and \
          IAM does not ask whether the key or role that is named exists.",
    mend: "Use ArnEquals, or ArnLike with wildcards: they compare an ARN part by part.",
    pages: &[
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN",
    ],
    check,
};

/// Keys whose values are ARNs.
const ARNS: [&str; 4] = [
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "aws:principalarn",
    "aws:sourcearn",
    "s3:dataaccesspointarn",
];

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for condition in scene.own.statements.iter().flat_map(|statement| &statement.conditions) {
        let key = condition.key.to_ascii_lowercase();
        let arns = condition.values.iter().filter_map(|value| value.as_text());
        let all_arns = || arns.clone().count() > 0 && arns.clone().all(|text| text.starts_with("arn:"));
        if !condition.operator_name.contains("StringLike")
            && !condition.operator_name.contains("StringNotLike")
            || !ARNS.contains(&key.as_str())
            || !all_arns()
        {
            continue;
        }
        let wild = arns.clone().any(|text| text.contains(['*', '?']));
        let name = match (condition.operator_name.contains("Not"), wild) {
            (false, false) => "ArnEquals",
            (false, true) => "ArnLike",
            (true, false) => "ArnNotEquals",
            (true, true) => "ArnNotLike",
        };
        let name = condition.operator_name.replace("StringNotLike", name).replace("StringLike", name);
        let message =
            format!("`{}` is an ARN, and `{}` compares text.", condition.key, condition.operator_name);
        let alone = condition.operator.members().count() == 1;
        let edit = alone.then(|| rename(&condition.operator, &name));
        report.find(&condition.at, message).edits(edit.into_iter().collect());
    }
}
