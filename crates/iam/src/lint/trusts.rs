//! Who may assume a role by its trust policy, and with what.

use super::document::DocumentKind;
use super::probe;
use super::subject::{Scene, Subject};
use super::view::{ConditionView, StatementView};
use crate::principal::is_account;
use crate::{Arn, Policies, Principal, Request, decide};

/// The statements of a trust policy that let somebody assume the role.
pub fn opening<'a>(scene: &Scene<'a>) -> Vec<&'a StatementView<'a>> {
    if !scene.own.is(DocumentKind::Trust) {
        return Vec::new();
    }
    let opens = |statement: &&'a StatementView<'a>| {
        statement.allows() && statement.covers("sts:AssumeRole").is_some()
    };
    let own: &'a Subject<'a> = scene.own;
    own.statements.iter().filter(opens).collect()
}

pub fn is_external_id(condition: &ConditionView<'_>) -> bool {
    condition.key.eq_ignore_ascii_case("sts:ExternalId")
}

/// Whether an account as a whole is named: as root, or by its number.
pub fn is_whole_account(principal: &str) -> bool {
    is_account(principal)
        || Arn::parse(principal).is_some_and(|arn| arn.service == "iam" && arn.resource == "root")
}

/// Whether somebody whom the statement names gets in without an external ID. `None` where the policy is not one
/// that AWS takes, or names nobody whom we can be.
pub fn opens_without_external_id(scene: &Scene<'_>, statement: &StatementView<'_>) -> Option<bool> {
    let policy = scene.own.valid()?;
    let named = statement.principals.iter().find_map(|(kind, at)| caller(kind, at.as_text()?))?;
    let account = named.account().unwrap_or("999999999999").to_owned();
    let role = format!("arn:aws:iam::{account}:role/Backend");
    let request = Request {
        principal: named,
        action: "sts:AssumeRole".to_owned(),
        resource: role,
        resource_account: Some(account),
        context: probe::meeting(statement, is_external_id),
    };
    let everything = probe::everything()?;
    let policies = Policies { identity: vec![&everything], trust: Some(policy), ..Policies::default() };
    Some(decide(&request, &policies).is_allowed())
}

/// Somebody who is named so.
fn caller(kind: &str, text: &str) -> Option<Principal> {
    match kind {
        "*" => Some(probe::session("999999999999")),
        "AWS" if text == "*" => Some(probe::session("999999999999")),
        "AWS" if is_account(text) => Some(probe::session(text)),
        "AWS" => match Principal::from_arn(text).ok()? {
            Principal::Root { account, .. } => Some(probe::session(&account)),
            other => Some(other),
        },
        _ => None,
    }
}
