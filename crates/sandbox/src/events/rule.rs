//! PutRule, DescribeRule, ListRules, DeleteRule, EnableRule, DisableRule and a rule's tags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pattern::Pattern;
use super::target::Target;
use super::{Events, invalid, no_such_rule};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, Tag, page};
use crate::query::tag_keys;
use crate::records::{Home, Row};

/// Rules of one region.
const MAX_RULES: usize = 300;

/// A rule of the default bus.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// The pattern as it was put.
    pub(super) pattern: String,
    pub(super) state: State,
    pub(super) targets: Vec<Target>,
    pub(super) tags: BTreeMap<String, String>,
}

impl Row for Rule {
    const KIND: &'static str = "events-rule";
}

/// Which events it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    #[serde(rename = "ENABLED")]
    Enabled,
    #[serde(rename = "DISABLED")]
    Disabled,
    /// Also calls that only read.
    #[serde(rename = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")]
    EnabledWithReads,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRule {
    name: String,
    event_pattern: Option<String>,
    schedule_expression: Option<String>,
    state: Option<State>,
    description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListRules {
    name_prefix: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct TagResource {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(rename = "Tags", default)]
    tags: Vec<Tag>,
}

impl Rule {
    pub(super) fn home(&self) -> Home<'_> {
        Home { account: &self.account, region: &self.region }
    }

    pub(super) fn arn(&self) -> String {
        self.home().arn("events", &format!("rule/{}", self.name))
    }

    fn described(&self) -> Value {
        let mut rule = json!({
            "Name": self.name,
            "Arn": self.arn(),
            "EventPattern": self.pattern,
            "State": self.state,
            "EventBusName": "default",
        });
        if let Some(description) = &self.description {
            rule["Description"] = description.clone().into();
        }
        rule
    }
}

impl Events {
    /// Makes a rule, or replaces all of it but its targets and tags.
    pub(super) fn put_rule(&self, call: &Call<'_>) -> Answer {
        let input: PutRule = call.input()?;
        check_name(&input.name)?;
        let tags: BTreeMap<String, String> = input.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        let arn = call.home.arn("events", &format!("rule/{}", input.name));
        call.authorize(&arn, None, &tag_keys(&tags))?;
        if input.schedule_expression.is_some() {
            return Err(invalid("The sandbox has no scheduled rules."));
        }
        let pattern = input.event_pattern.filter(|pattern| !pattern.is_empty());
        let pattern = pattern
            .ok_or_else(|| invalid("Parameter(s) EventPattern or ScheduleExpression must be specified."))?;
        Pattern::parse(&pattern).map_err(|reason| {
            let message = format!("Event pattern is not valid. Reason: {reason}");
            AwsError::new(400, "InvalidEventPatternException", message)
        })?;
        let others = self.records.all::<Rule>(call.home)?;
        if others.len() >= MAX_RULES && others.iter().all(|other| other.name != input.name) {
            return Err(AwsError::new(
                400,
                "LimitExceededException",
                "The requested resource exceeds the maximum number allowed.",
            ));
        }
        self.records.change(call.home, &input.name, |row: &mut Option<Rule>| {
            let (targets, tags) = match row.take() {
                Some(old) => (old.targets, old.tags),
                None => (Vec::new(), tags),
            };
            *row = Some(Rule {
                account: call.home.account.to_owned(),
                region: call.home.region.to_owned(),
                name: input.name.clone(),
                description: input.description,
                pattern,
                state: input.state.unwrap_or(State::Enabled),
                targets,
                tags,
            });
            Ok::<(), AwsError>(())
        })?;
        Ok(json!({"RuleArn": arn}))
    }

    pub(super) fn describe_rule(&self, call: &Call<'_>) -> Answer {
        let input: Named = call.input()?;
        Ok(self.authorized(call, &input.name)?.described())
    }

    pub(super) fn list_rules(&self, call: &Call<'_>) -> Answer {
        let input: ListRules = call.input()?;
        call.authorize(&call.home.arn("events", "rule/*"), None, &[])?;
        let mut rules: Vec<Rule> = self.records.all(call.home)?;
        rules.retain(|rule| rule.name.starts_with(input.name_prefix.as_deref().unwrap_or_default()));
        let limit = input.limit.unwrap_or(100).clamp(1, 100);
        let (rules, next) = page(rules, limit, input.next_token.as_deref(), |rule| &rule.name);
        let mut answer = json!({"Rules": rules.iter().map(Rule::described).collect::<Vec<_>>()});
        if let Some(next) = next {
            answer["NextToken"] = next.into();
        }
        Ok(answer)
    }

    /// A rule that is not there is deleted already; one that has targets is not deleted.
    pub(super) fn delete_rule(&self, call: &Call<'_>) -> Answer {
        let input: Named = call.input()?;
        let rule = match self.authorized(call, &input.name) {
            Err(error) if error.code == "ResourceNotFoundException" => return Ok(Value::Null),
            rule => rule?,
        };
        if !rule.targets.is_empty() {
            return Err(invalid("Rule can't be deleted since it has targets."));
        }
        self.records.remove::<Rule>(call.home, &input.name)?;
        Ok(Value::Null)
    }

    pub(super) fn enable_rule(&self, call: &Call<'_>) -> Answer {
        self.set_state(call, State::Enabled)
    }

    pub(super) fn disable_rule(&self, call: &Call<'_>) -> Answer {
        self.set_state(call, State::Disabled)
    }

    fn set_state(&self, call: &Call<'_>, state: State) -> Answer {
        let input: Named = call.input()?;
        let rule = self.authorized(call, &input.name)?;
        self.change_rule(&rule, |rule| rule.state = state)?;
        Ok(Value::Null)
    }

    pub(super) fn tag_resource(&self, call: &Call<'_>) -> Answer {
        let input: TagResource = call.input()?;
        let rule = self.authorized(call, name_of(&input.arn)?)?;
        let tags = input.tags.into_iter().map(|tag| (tag.key, tag.value));
        self.change_rule(&rule, |rule| rule.tags.extend(tags))?;
        Ok(Value::Null)
    }

    pub(super) fn list_tags_for_resource(&self, call: &Call<'_>) -> Answer {
        let input: TagResource = call.input()?;
        let rule = self.authorized(call, name_of(&input.arn)?)?;
        let tags: Vec<Value> =
            rule.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        Ok(json!({"Tags": tags}))
    }

    pub(super) fn change_rule(&self, rule: &Rule, change: impl FnOnce(&mut Rule)) -> Result<(), AwsError> {
        self.records.change(rule.home(), &rule.name, |row: &mut Option<Rule>| match row {
            Some(rule) => {
                change(rule);
                Ok(())
            }
            None => Err(no_such_rule(&rule.name)),
        })
    }
}

fn name_of(arn: &str) -> Result<&str, AwsError> {
    let name = arn.split_once(":rule/").map(|(_, name)| name);
    name.ok_or_else(|| {
        invalid(format!("Parameter {arn} is not valid. Reason: Provided Arn is not in correct format."))
    })
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (1..=64).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [\\.\\-_A-Za-z0-9]+"
    )))
}
