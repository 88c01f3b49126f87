//! Config: its rules, and whether it records (<https://docs.aws.amazon.com/config/latest/APIReference/>).

use serde_json::{Value, json};

use super::{Fact, Facts};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};

impl Facts {
    pub(super) fn config(&self, call: &Call<'_>) -> Answer {
        match call.action {
            "DescribeConfigRules" => {
                call.authorize("*", None, &[])?;
                let rules = self.get(call, Fact::ConfigRules)?;
                Ok(json!({"ConfigRules": named(call, rules)?}))
            }
            "DescribeConfigurationRecorderStatus" => {
                call.authorize("*", None, &[])?;
                Ok(json!({"ConfigurationRecordersStatus": self.get(call, Fact::ConfigRecorders)?}))
            }
            _ => Err(call.unknown()),
        }
    }
}

/// Those that the call names, or all.
fn named(call: &Call<'_>, rules: Vec<Value>) -> Result<Vec<Value>, AwsError> {
    let Some(names) = call.input.get("ConfigRuleNames").and_then(Value::as_array) else { return Ok(rules) };
    let find = |name: &Value| rules.iter().find(|rule| rule.get("ConfigRuleName") == Some(name)).cloned();
    let found = names.iter().map(|name| {
        find(name).ok_or_else(|| {
            let message =
                "The ConfigRule provided in the request is invalid. Please check the configRule name";
            AwsError::new(400, "NoSuchConfigRuleException", message)
        })
    });
    found.collect()
}
