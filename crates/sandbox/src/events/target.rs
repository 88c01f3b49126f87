//! PutTargets, ListTargetsByRule, RemoveTargets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Events;
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, page};

/// Targets of one rule.
const MAX_TARGETS: usize = 5;

/// Bytes of a constant input, and of a template.
const MAX_INPUT: usize = 8192;
/// Names of a template.
const MAX_PATHS: usize = 100;
/// Bytes of a filled template: what a topic takes.
const MAX_FILLED: usize = 256 * 1024;

/// Where a rule sends what fits it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) arn: String,
    /// What is sent instead of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    /// A template, and where in the event its values are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input_transformer: Option<Transformer>,
}

/// `<NAME>` in the template stands for the value at the path of that name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Transformer {
    #[serde(default)]
    input_paths_map: BTreeMap<String, String>,
    input_template: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutTargets {
    rule: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListTargetsByRule {
    rule: String,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RemoveTargets {
    rule: String,
    ids: Vec<String>,
}

impl Target {
    /// What the target gets for an event.
    pub(super) fn message(&self, event: &Value) -> String {
        match (&self.input, &self.input_transformer) {
            (Some(input), _) => input.clone(),
            (None, Some(transformer)) => transformer.apply(event),
            (None, None) => event.to_string(),
        }
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        if !self.arn.starts_with("arn:") || self.arn.split(':').count() < 6 {
            let message = format!(
                "Parameter {} is not valid. Reason: Provided Arn is not in correct format.",
                self.arn
            );
            return Err(("ValidationException", message));
        }
        if !self.arn.contains(":sns:") {
            return Err(("ValidationException", "The sandbox has topics of SNS as targets.".to_owned()));
        }
        let template = self.input_transformer.as_ref();
        let texts = [self.input.as_ref(), template.map(|template| &template.input_template)];
        if texts.into_iter().flatten().any(|text| text.len() > MAX_INPUT)
            || template.is_some_and(|template| template.input_paths_map.len() > MAX_PATHS)
        {
            let message = format!("The input of target {} is too long.", self.id);
            return Err(("ValidationException", message));
        }
        Ok(())
    }
}

impl Transformer {
    fn apply(&self, event: &Value) -> String {
        let (mut text, mut rest) = (String::new(), self.input_template.as_str());
        // In one pass, so that a value that has such a name in it stays a value.
        while let Some((before, behind)) = rest.split_once('<') {
            text.push_str(before);
            let named =
                behind.split_once('>').and_then(|(name, behind)| Some((self.value(name, event)?, behind)));
            match named {
                Some((value, behind)) if text.len() + value.len() <= MAX_FILLED => {
                    text.push_str(&value);
                    rest = behind;
                }
                // No topic takes as much: the rest is not made.
                Some(_) => return text,
                None => {
                    text.push('<');
                    rest = behind;
                }
            }
        }
        text.push_str(rest);
        // A template that is one string is sent without its quotes.
        serde_json::from_str::<String>(&text).unwrap_or(text)
    }

    /// What stands for a name; nothing where the event has no such field.
    fn value(&self, name: &str, event: &Value) -> Option<String> {
        let path = self.input_paths_map.get(name)?;
        let found = path
            .strip_prefix("$.")
            .and_then(|path| path.split('.').try_fold(event, |value, name| value.get(name)));
        Some(match found {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        })
    }
}

impl Events {
    pub(super) fn put_targets(&self, call: &Call<'_>) -> Answer {
        let input: PutTargets = call.input()?;
        let rule = self.authorized(call, &input.rule)?;
        let (mut good, mut failed) = (Vec::new(), Vec::new());
        for target in input.targets {
            match target.check() {
                Ok(()) => good.push(target),
                Err((code, message)) => failed.push(json!({
                    "TargetId": target.id, "ErrorCode": code, "ErrorMessage": message,
                })),
            }
        }
        let ids: Vec<String> = good.iter().map(|target| target.id.clone()).collect();
        let kept = rule.targets.iter().filter(|old| !ids.contains(&old.id)).count();
        if kept + good.len() > MAX_TARGETS {
            return Err(AwsError::new(
                400,
                "LimitExceededException",
                "The requested resource exceeds the maximum number allowed.",
            ));
        }
        self.change_rule(&rule, |rule| {
            rule.targets.retain(|old| !ids.contains(&old.id));
            rule.targets.extend(good);
            rule.targets.sort_by(|a, b| a.id.cmp(&b.id));
        })?;
        Ok(json!({"FailedEntryCount": failed.len(), "FailedEntries": failed}))
    }

    pub(super) fn list_targets_by_rule(&self, call: &Call<'_>) -> Answer {
        let input: ListTargetsByRule = call.input()?;
        let rule = self.authorized(call, &input.rule)?;
        let limit = input.limit.unwrap_or(100).clamp(1, 100);
        let (targets, next) = page(rule.targets, limit, input.next_token.as_deref(), |target| &target.id);
        let mut answer = json!({"Targets": targets});
        if let Some(next) = next {
            answer["NextToken"] = next.into();
        }
        Ok(answer)
    }

    pub(super) fn remove_targets(&self, call: &Call<'_>) -> Answer {
        let input: RemoveTargets = call.input()?;
        let rule = self.authorized(call, &input.rule)?;
        self.change_rule(&rule, |rule| rule.targets.retain(|target| !input.ids.contains(&target.id)))?;
        Ok(json!({"FailedEntryCount": 0, "FailedEntries": []}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled() {
        let transformer = |template: &str| Transformer {
            input_paths_map: BTreeMap::from([
                ("call".to_owned(), "$.detail.eventName".to_owned()),
                ("none".to_owned(), "$.detail.x.y".to_owned()),
            ]),
            input_template: template.to_owned(),
        };
        let event = json!({"detail": {"eventName": "DisableKey", "readOnly": false}});
        assert_eq!(transformer("\"<call> was called<none>\"").apply(&event), "DisableKey was called");
        assert_eq!(transformer("1 < 2 <other> <call>").apply(&event), "1 < 2 <other> DisableKey");
        assert_eq!(transformer("{\"call\": \"<call>\"}").apply(&event), "{\"call\": \"DisableKey\"}");
    }
}
