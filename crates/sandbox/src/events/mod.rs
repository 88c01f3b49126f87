//! EventBridge: rules of the default bus, and topics as their targets
//! (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/>).

mod bus;
mod pattern;
mod rule;
mod target;

use self::rule::Rule;
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};
use crate::records::Records;
use crate::sns::Sns;

/// The service.
#[derive(Clone)]
pub(crate) struct Events {
    records: Records,
    sns: Sns,
}

impl Events {
    pub(crate) fn new(records: Records, sns: Sns) -> Self {
        Self { records, sns }
    }

    /// Answers one call.
    pub(crate) fn call(&self, call: &Call<'_>) -> Answer {
        check_bus(call)?;
        match call.action {
            "PutRule" => self.put_rule(call),
            "DescribeRule" => self.describe_rule(call),
            "ListRules" => self.list_rules(call),
            "DeleteRule" => self.delete_rule(call),
            "EnableRule" => self.enable_rule(call),
            "DisableRule" => self.disable_rule(call),
            "PutTargets" => self.put_targets(call),
            "ListTargetsByRule" => self.list_targets_by_rule(call),
            "RemoveTargets" => self.remove_targets(call),
            "TagResource" => self.tag_resource(call),
            "ListTagsForResource" => self.list_tags_for_resource(call),
            _ => Err(call.unknown()),
        }
    }

    /// The rule of a name, if the caller may do with it what it asks.
    fn authorized(&self, call: &Call<'_>, name: &str) -> Result<Rule, AwsError> {
        call.authorize(&call.home.arn("events", &format!("rule/{name}")), None, &[])?;
        let rule: Option<Rule> = self.records.get(call.home, name)?;
        rule.ok_or_else(|| no_such_rule(name))
    }
}

fn no_such_rule(name: &str) -> AwsError {
    let message = format!("Rule {name} does not exist on EventBus default.");
    AwsError::new(400, "ResourceNotFoundException", message)
}

/// There is one bus, by its name or its ARN.
fn check_bus(call: &Call<'_>) -> Result<(), AwsError> {
    match call.input.get("EventBusName").and_then(serde_json::Value::as_str) {
        None | Some("default") => Ok(()),
        Some(name) if name == call.home.arn("events", "event-bus/default") => Ok(()),
        Some(name) => {
            Err(AwsError::new(400, "ResourceNotFoundException", format!("Event bus {name} does not exist.")))
        }
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "ValidationException", message)
}
