//! A policy as its statements stand there, also where AWS would refuse it.

use super::tree::At;
use crate::Effect;
use crate::pattern::{Case, fits, units};

/// Members of a statement that is a part of a policy.
#[derive(Debug)]
pub struct StatementView<'a> {
    pub at: At<'a>,
    pub sid: Option<&'a str>,
    pub effect: Option<Effect>,
    /// The `Action` member.
    pub action: Option<At<'a>>,
    pub actions: Vec<At<'a>>,
    pub resources: Vec<At<'a>>,
    /// Type (`AWS`, `Service`, …; `*` for anybody) and value.
    pub principals: Vec<(&'a str, At<'a>)>,
    pub conditions: Vec<ConditionView<'a>>,
}

/// An operator with a key and its values.
#[derive(Debug, Clone)]
pub struct ConditionView<'a> {
    pub operator: At<'a>,
    pub operator_name: &'a str,
    /// At the key.
    pub at: At<'a>,
    /// As written.
    pub key: &'a str,
    pub values: Vec<At<'a>>,
}

/// The statements of a policy.
pub fn statements<'a>(root: &At<'a>) -> Vec<StatementView<'a>> {
    let statements = root.get("Statement").map(|at| at.items()).unwrap_or_default();
    statements.into_iter().filter(At::is_object).map(StatementView::of).collect()
}

fn list<'a>(member: Option<&At<'a>>) -> Vec<At<'a>> {
    member.map(At::items).unwrap_or_default()
}

impl<'a> StatementView<'a> {
    fn of(at: At<'a>) -> Self {
        let effect = match at.text_of("Effect") {
            Some("Allow") => Some(Effect::Allow),
            Some("Deny") => Some(Effect::Deny),
            _ => None,
        };
        let (action, resource) = (at.get("Action"), at.get("Resource"));
        Self {
            sid: at.text_of("Sid").filter(|sid| !sid.is_empty()),
            effect,
            actions: list(action.as_ref()),
            resources: list(resource.as_ref()),
            action,
            principals: principals(&at),
            conditions: conditions(&at),
            at,
        }
    }

    pub fn allows(&self) -> bool {
        self.effect == Some(Effect::Allow)
    }

    pub fn denies(&self) -> bool {
        self.effect == Some(Effect::Deny)
    }

    /// The entry of `Action` that covers this action, wildcards included.
    pub fn covers(&self, action: &str) -> Option<&At<'a>> {
        self.actions.iter().find(|own| own.as_text().is_some_and(|own| matches(own, action)))
    }

    /// The same, for one of several actions.
    pub fn covers_any(&self, actions: &[&str]) -> Option<&At<'a>> {
        self.actions
            .iter()
            .find(|own| own.as_text().is_some_and(|own| actions.iter().any(|action| matches(own, action))))
    }

    /// Conditions on a key, whatever its case.
    pub fn conditions_on<'s>(&'s self, key: &'s str) -> impl Iterator<Item = &'s ConditionView<'a>> {
        self.conditions.iter().filter(move |condition| condition.key.eq_ignore_ascii_case(key))
    }

    /// What to call it: its `Sid`, or where it stands.
    pub fn label(&self) -> String {
        match self.sid {
            Some(sid) => format!("`{sid}`"),
            None => format!("`{}`", self.at.path()),
        }
    }
}

/// Who is named, one entry a value.
fn principals<'a>(statement: &At<'a>) -> Vec<(&'a str, At<'a>)> {
    let Some(principal) = statement.get("Principal") else { return Vec::new() };
    if principal.as_text().is_some() {
        return vec![("*", principal)];
    }
    principal
        .members()
        .flat_map(|(kind, values)| values.items().into_iter().map(move |value| (kind, value)))
        .collect()
}

fn conditions<'a>(statement: &At<'a>) -> Vec<ConditionView<'a>> {
    let Some(condition) = statement.get("Condition") else { return Vec::new() };
    let mut all = Vec::new();
    for (operator_name, operator) in condition.members() {
        for (key, at) in operator.members() {
            let values = at.items();
            all.push(ConditionView { operator: operator.clone(), operator_name, at, key, values });
        }
    }
    all
}

/// Whether a pattern of an action covers an action. Case does not count.
pub fn matches(pattern: &str, action: &str) -> bool {
    fits(&units(pattern), action, Case::Insensitive)
}

/// The bucket and the key pattern of an S3 ARN; the key is `None` for the bucket itself.
pub fn s3_resource(arn: &str) -> Option<(&str, Option<&str>)> {
    let arn = crate::Arn::parse(arn)?;
    if arn.service != "s3" || !arn.account.is_empty() {
        return None;
    }
    Some(match arn.resource.split_once('/') {
        Some((bucket, key)) => (bucket, Some(key)),
        None => (arn.resource, None),
    })
}
