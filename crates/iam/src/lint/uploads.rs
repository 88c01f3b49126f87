//! Uploads with every encryption that S3 takes, decided by a document.

use serde_json::{Value, json};

use super::document::DocumentKind;
use super::mend::{Edit, add_members, remove, replace};
use super::probe;
use super::subject::Scene;
use super::view::{ConditionView, StatementView};
use crate::{Decision, Effect, Fit, Policy};

const ALGORITHM: &str = "s3:x-amz-server-side-encryption";
const KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";
const SOME_KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Whether a condition is on a header that chooses the encryption.
pub fn is_encryption(condition: &ConditionView<'_>) -> bool {
    condition.key.to_ascii_lowercase().starts_with(ALGORITHM)
}

/// What a document makes of uploads.
pub struct Uploads<'s, 'a> {
    statements: &'s [StatementView<'a>],
    /// The statement with a condition on encryption that speaks of uploads.
    subject: &'s StatementView<'a>,
    /// Without headers first, then the others.
    decisions: Vec<Decision>,
}

impl<'s, 'a> Uploads<'s, 'a> {
    /// `None` where the document has no say in how uploads are encrypted.
    pub fn of(scene: &Scene<'a>) -> Option<Self>
    where
        'a: 's,
    {
        let own: &'a _ = scene.own;
        let policy = own.valid()?;
        let speaks = |statement: &&StatementView<'a>| {
            statement.covers("s3:PutObject").is_some() && statement.conditions.iter().any(is_encryption)
        };
        let subject = own.statements.iter().find(speaks)?;
        let everything = probe::everything()?;
        let (identity, bucket): (Vec<&Policy>, _) = match own.kind() {
            DocumentKind::Identity => (vec![policy], None),
            DocumentKind::Bucket => (vec![&everything], Some(policy)),
            _ => return None,
        };
        let resource = probe::object_of(subject)?;
        // What else a statement asks for is met, so that encryption alone decides. A Deny is to be escaped.
        let rest = match subject.effect {
            Some(Effect::Allow) => probe::meeting(subject, is_encryption),
            _ => probe::over_tls(),
        };
        let decisions = variants(subject)
            .into_iter()
            .map(|headers| {
                let mut context = rest.clone();
                for (name, value) in headers {
                    context.set(name, value);
                }
                probe::as_role("s3:PutObject", &resource, context, identity.clone(), bucket)
            })
            .collect();
        Some(Self { statements: &own.statements, subject, decisions })
    }

    pub fn any_allowed(&self) -> bool {
        self.decisions.iter().any(Decision::is_allowed)
    }

    /// The statement that is to be mended.
    pub fn statement(&self) -> Option<&StatementView<'a>> {
        Some(self.subject)
    }

    /// What keeps an upload without encryption headers out.
    pub fn plain_is_denied_by(&self) -> Option<(&'s StatementView<'a>, &'s ConditionView<'a>)> {
        let plain = self.decisions.first().filter(|decision| !decision.is_allowed())?;
        let step = plain.deciding().or_else(|| plain.nearest())?;
        let statement = self.statements.get(step.statement.checked_sub(1)?)?;
        let unmet = match &step.fit {
            Fit::ConditionNotMet(label) => Some(&**label),
            _ => None,
        };
        let named = |condition: &&ConditionView<'a>| {
            let label = format!("{} {}", condition.operator_name, condition.key);
            is_encryption(condition) && unmet.is_none_or(|unmet| unmet == label)
        };
        let condition = statement.conditions.iter().find(named)?;
        Some((statement, condition))
    }

    /// The statement without its conditions on encryption; a Deny with `Null` beside them.
    pub fn without_encryption(&self) -> Option<Edit> {
        let condition = self.subject.at.get("Condition")?;
        if self.subject.denies() {
            if condition.get("Null").is_some() {
                return None;
            }
            let key = self.subject.conditions.iter().find(|condition| is_encryption(condition))?.key;
            return Some(add_members(&condition, &[("Null", json!({ key: "false" }))]));
        }
        let mut left = condition.to_json();
        let operators = left.as_object_mut()?;
        for operator in operators.values_mut().filter_map(Value::as_object_mut) {
            operator.retain(|key, _| !key.to_ascii_lowercase().starts_with(ALGORITHM));
        }
        operators.retain(|_, keys| keys.as_object().is_some_and(|keys| !keys.is_empty()));
        Some(if operators.is_empty() { remove(&condition) } else { replace(&condition, &left) })
    }
}

/// The headers of the uploads that S3 takes.
fn variants(statement: &StatementView<'_>) -> Vec<Vec<(&'static str, String)>> {
    let keys = statement.conditions.iter().filter(|condition| condition.key.eq_ignore_ascii_case(KEY));
    let named = keys.flat_map(|condition| &condition.values).filter_map(|value| value.as_text());
    let key = named.filter_map(probe::sample).next().unwrap_or_else(|| SOME_KEY.to_owned());
    let algorithm = |name: &str| (ALGORITHM, name.to_owned());
    vec![
        Vec::new(),
        vec![algorithm("AES256")],
        vec![algorithm("aws:kms")],
        vec![algorithm("aws:kms"), (KEY, key.clone())],
        vec![algorithm("aws:kms:dsse"), (KEY, key)],
    ]
}
