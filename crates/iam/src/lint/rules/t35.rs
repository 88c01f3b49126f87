//! T35: a Deny by network that devices run into.

use serde_json::{Value, json};

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::mend::add_members;
use crate::lint::subject::{Report, Scene};
use crate::lint::view::{ConditionView, StatementView};

pub static RULE: Rule = Rule {
    id: "T35",
    severity: Severity::Warning,
    title: "Downloads are denied by where the device is",
    aws: "A presigned link is a request of the role that signed it, sent from the device's own address, through no \
          VPC endpoint of yours. A Deny on aws:SourceIp, aws:SourceVpc or aws:SourceVpce, and an Allow that wants \
          one of them, keep every device out, and the error names the policy's type only.",
    mend: "Exempt the backend's role from the Deny: `\"ArnNotEquals\": {\"aws:PrincipalArn\": ROLE_ARN}` in the same \
           Condition.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"],
    check,
};

const NETWORK: [&str; 6] = [
    "aws:sourceip",
    "aws:vpcsourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:sourcevpcarn",
    "aws:vpceaccount",
];

fn is_network(condition: &ConditionView<'_>) -> bool {
    NETWORK.contains(&condition.key.to_ascii_lowercase().as_str())
}

/// Whether a condition spares a principal that it names, or what is not of the organization.
fn spares(condition: &ConditionView<'_>) -> bool {
    let key = condition.key.to_ascii_lowercase();
    let by_name = ["aws:principalarn", "aws:userid", "aws:principaltag", "aws:principalaccount"];
    condition.operator_name.contains("Not") && by_name.iter().any(|name| key.starts_with(name))
}

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for (number, line) in scene.own.lines() {
        let lower = line.to_ascii_lowercase();
        if lower.contains("bucket policy") && lower.contains("conflict") {
            let message = "What conflicts is a Deny by network or organization, here or in an SCP or RCP, and the \
                           error text says in which: `firmhold policy explain` reads it.";
            report.find_line(number, 1, message);
        }
    }
    for statement in &scene.own.statements {
        if statement.covers("s3:GetObject").is_none() {
            continue;
        }
        match (scene.own.kind(), statement.denies()) {
            (DocumentKind::Bucket, true) => deny(scene, statement, report),
            (DocumentKind::Identity, _) if scene.is_backend_role() => {
                if let Some(condition) = statement.conditions.iter().find(|condition| is_network(condition)) {
                    report.find(&condition.at, format!("No device meets `{}`.", condition.key));
                }
            }
            _ => {}
        }
    }
}

fn deny(scene: &Scene<'_>, statement: &StatementView<'_>, report: &mut Report<'_>) {
    if statement.conditions.iter().any(spares) {
        return;
    }
    let by_network = statement.conditions.iter().find(|condition| is_network(condition));
    let by_organization = || {
        let key = |condition: &&ConditionView<'_>| condition.key.eq_ignore_ascii_case("aws:PrincipalOrgID");
        statement.conditions.iter().find(key)
    };
    let exemption = |role: &str| -> Vec<_> {
        let Some(all) = statement.at.get("Condition").filter(|all| all.get("ArnNotEquals").is_none()) else {
            return Vec::new();
        };
        let exempt: Value = json!({ "aws:PrincipalArn": role });
        vec![add_members(&all, &[("ArnNotEquals", exempt)])]
    };
    let role = scene.setting.role_arn.as_deref().unwrap_or("arn:aws:iam::ACCOUNT_ID:role/BACKEND_ROLE");
    if let Some(condition) = by_network {
        let message =
            format!("{} denies reads by `{}`, and devices are anywhere.", statement.label(), condition.key);
        report.find(&condition.at, message).edits(exemption(role));
    } else if let Some(condition) = by_organization() {
        let message = format!(
            "{} denies reads by others than one organization's: links work while the role's account is in it, a CDN's \
             and another organization's reads never do.",
            statement.label()
        );
        report.find(&condition.at, message).severity(Severity::Note).edits(exemption(role));
    }
}
