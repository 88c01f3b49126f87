//! A role that is assumed without an external ID.

use super::Rule;
use crate::lint::finding::Severity;
use crate::lint::limits::limits_within_account;
use crate::lint::subject::{Report, Scene};
use crate::lint::trusts::{is_external_id, is_whole_account, opening, opens_without_external_id};

pub static RULE: Rule = Rule {
    id: "external-id-missing",
    severity: Severity::Note,
    title: "The role can be assumed without an external ID",
    aws: "Within one company that is usual. A third party that assumes roles of many customers can be made to assume \
          yours on somebody else's behalf, unless each customer's role asks for an external ID of its own.",
    mend: "If the principal is a third party's, ask for the external ID that it gave you: \
           `\"StringEquals\": {\"sts:ExternalId\": …}`.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for statement in opening(scene) {
        let principal = statement.principals.iter().find(|(kind, at)| {
            // Anybody, and a whole account, are worse, and have rules of their own.
            let account = at.as_text().is_some_and(is_whole_account);
            *kind == "AWS" && at.as_text() != Some("*") && (!account || limits_within_account(statement))
        });
        let Some((_, at)) = principal else { continue };
        let asks = statement.conditions.iter().any(is_external_id);
        if asks || opens_without_external_id(scene, statement) == Some(false) {
            continue;
        }
        let severity = if scene.setting.backend_role { Severity::Error } else { Severity::Note };
        let name = at.as_text().unwrap_or_default();
        report.find(at, format!("`{name}` may assume the role without an external ID.")).severity(severity);
    }
}
