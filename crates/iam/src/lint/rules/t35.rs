//! T35: a Deny by network that devices run into.

use serde_json::{Value, json};

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::mend::add_members;
use crate::lint::probe;
use crate::lint::subject::{Report, Scene};
use crate::lint::view::{ConditionView, StatementView};
use crate::{Fit, Policies, Principal, Request, decide};

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
    for (index, statement) in scene.own.statements.iter().enumerate() {
        match (scene.own.kind(), statement.denies()) {
            (DocumentKind::Bucket, true) => deny(scene, index, statement, report),
            (DocumentKind::Identity, _) if scene.is_backend_role() => {
                if let Some(condition) = refusing(scene, index, statement) {
                    report
                        .find(&condition.at, format!("No device meets `{}`.", condition.key))
                        .refuses("AccessDenied", ["s3:GetObject"]);
                }
            }
            _ => {}
        }
    }
}

/// An address that is in no block which people put into policies: of those for tests between networks (RFC 2544).
const DEVICE: &str = "198.18.0.7";

/// How a statement meets a device's request by a presigned link: by query, from the open Internet, of the role.
fn met(scene: &Scene<'_>, index: usize, statement: &StatementView<'_>) -> Option<Fit> {
    let policy = scene.own.valid()?;
    let resource = match statement.resources.is_empty() {
        false => probe::object_of(statement)?,
        // NotResource: some object that it does not name.
        true => "arn:aws:s3:::acme-fw/firmhold/x".to_owned(),
    };
    let role = scene.setting.role_arn.as_deref().and_then(|arn| Principal::from_arn(arn).ok());
    let account = statement.principals.iter().find_map(|(_, at)| account_of(at.as_text()?));
    let principal = role.unwrap_or_else(|| probe::session(account.as_deref().unwrap_or("111122223333")));
    let mut context = probe::meeting(statement, |condition| is_network(condition) || statement.denies());
    context
        .set("aws:SourceIp", DEVICE)
        .set("aws:ViaAWSService", false)
        .set("s3:authType", "REST-QUERY-STRING")
        .set("s3:signatureversion", "AWS4-HMAC-SHA256")
        .set("s3:signatureAge", 60_000);
    // The role is of the organization that the statement is about.
    for condition in statement.conditions_on("aws:PrincipalOrgID") {
        if let Some(own) = condition.values.first().and_then(|value| value.as_text()) {
            context.set("aws:PrincipalOrgID", own);
        }
    }
    let account = principal.account().map(str::to_owned);
    let request = Request {
        principal,
        action: "s3:GetObject".to_owned(),
        resource,
        resource_account: account,
        context,
    };
    let policies = match scene.own.kind() {
        DocumentKind::Bucket => Policies { resource: Some(policy), ..Policies::default() },
        _ => Policies { identity: vec![policy], ..Policies::default() },
    };
    let steps = decide(&request, &policies).trace.steps;
    steps.into_iter().find(|step| step.statement == index + 1).map(|step| step.fit)
}

fn account_of(principal: &str) -> Option<String> {
    Principal::from_arn(principal).ok()?.account().map(str::to_owned)
}

/// The condition on the network by which a statement keeps a device out: a Deny that applies to it, or an Allow that
/// only for this does not.
fn refusing<'s, 'a>(
    scene: &Scene<'_>,
    index: usize,
    statement: &'s StatementView<'a>,
) -> Option<&'s ConditionView<'a>> {
    let first = statement.conditions.iter().find(|condition| is_network(condition))?;
    match (met(scene, index, statement)?, statement.denies()) {
        (Fit::Applies, true) => Some(first),
        (Fit::ConditionNotMet(label), false) => statement.conditions.iter().find(|condition| {
            is_network(condition) && *label == format!("{} {}", condition.operator_name, condition.key)
        }),
        _ => None,
    }
}

fn deny(scene: &Scene<'_>, index: usize, statement: &StatementView<'_>, report: &mut Report<'_>) {
    // Where nobody said which role is the backend's, one that is spared is taken for it.
    if scene.setting.role_arn.is_none() && statement.conditions.iter().any(spares) {
        return;
    }
    let by_network = refusing(scene, index, statement);
    let by_organization = || {
        let key = |condition: &&ConditionView<'_>| condition.key.eq_ignore_ascii_case("aws:PrincipalOrgID");
        statement.covers("s3:GetObject").and(statement.conditions.iter().find(key))
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
        report.find(&condition.at, message).refuses("AccessDenied", ["s3:GetObject"]).edits(exemption(role));
    } else if let Some(condition) = by_organization() {
        let message = format!(
            "{} denies reads by others than one organization's: links work while the role's account is in it, a CDN's \
             and another organization's reads never do.",
            statement.label()
        );
        report.find(&condition.at, message).severity(Severity::Note).edits(exemption(role));
    }
}
