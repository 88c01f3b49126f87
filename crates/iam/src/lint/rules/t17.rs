//! T17: a role that a whole account may assume.

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::limits::limits_within_account;
use crate::lint::subject::{Report, Scene};
use crate::lint::trusts::{is_whole_account, opening};

pub static RULE: Rule = Rule {
    id: "T17",
    severity: Severity::Error,
    title: "A whole account may assume the role, on no condition that says who",
    aws: "A trust policy that names an account leaves it to the account who may: everybody in it with \
          sts:AssumeRole on `*`. A condition on what everybody there can fulfil (TLS, a region, the account itself) \
          changes nothing. That holds from the moment the role exists until somebody changes it, and nothing \
          reminds anybody to.",
    mend: "Create the role once, with its final trust policy. While the external ID is not known, trust nobody: a \
           statement that denies sts:AssumeRole to everybody is a good placeholder.",
    pages: &["https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html"],
    check,
};

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    for statement in opening(scene).into_iter().filter(|statement| !limits_within_account(statement)) {
        let account = statement
            .principals
            .iter()
            .find(|(kind, at)| *kind == "AWS" && at.as_text().is_some_and(is_whole_account));
        if let Some((_, at)) = account {
            let name = at.as_text().unwrap_or_default();
            report.find(at, format!("Everybody in `{name}` who may assume roles may assume this one."));
        }
    }
    prose(scene, report);
}

/// The console's way to the same policy, told in words.
fn prose(scene: &Scene<'_>, report: &mut Report<'_>) {
    if !scene.own.is(DocumentKind::Prose) {
        return;
    }
    let lines: Vec<(usize, String)> =
        scene.own.lines().map(|(n, line)| (n, line.to_ascii_lowercase())).collect();
    for (index, (number, line)) in lines.iter().enumerate() {
        let own_account =
            ["this account", "own account", "current account"].iter().any(|words| line.contains(words));
        let near = lines.get(index.saturating_sub(4)..(index + 3).min(lines.len())).unwrap_or_default();
        let about_trust = near.iter().any(|(_, line)| line.contains("trust"));
        if own_account && about_trust {
            let message = "A role made so can be assumed by everybody in the account who may assume roles, until \
                           its trust policy is replaced.";
            report.find_line(*number, 1, message);
        }
    }
}
