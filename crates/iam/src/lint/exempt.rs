//! A statement that denies, with one principal spared.

use serde_json::json;

use super::document::Document;
use super::mend::{Mend, add_members};
use super::tree::Tree;
use super::view::statements;
use crate::Principal;

/// The document with `ArnNotEquals aws:PrincipalArn` in the Condition of a statement (its number from 1). `None` if
/// the caller has no ARN, or the statement compares principals already.
pub fn exempting(document: &Document, statement: usize, principal: &Principal) -> Option<Mend> {
    let arn = principal.principal_arn()?;
    let tree = Tree::read(document.text()).ok()?;
    let all = statements(&tree.root());
    let statement = all.get(statement.checked_sub(1)?)?;
    let exempt = json!({ "aws:PrincipalArn": arn });
    let edit = match statement.at.get("Condition") {
        Some(condition) if condition.get("ArnNotEquals").is_some() => return None,
        Some(condition) => add_members(&condition, &[("ArnNotEquals", exempt)]),
        None => add_members(&statement.at, &[("Condition", json!({ "ArnNotEquals": exempt }))]),
    };
    Some(Mend::edits("Spare this role in the statement that denies.", document.text(), vec![edit]))
}
