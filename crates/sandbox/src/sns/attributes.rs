//! GetTopicAttributes, SetTopicAttributes.

use firmhold_iam::{Policy, PolicyKind};
use serde_json::Value;

use super::topic::Topic;
use super::{Answer, Sns, SnsCall, invalid};
use crate::account::AccountsState;
use crate::aws_error::AwsError;
use crate::iam_document::unknown_principal;

/// Attributes that are kept, and change nothing here.
const KEPT: [&str; 3] = ["DisplayName", "KmsMasterKeyId", "SignatureVersion"];
/// Bytes of a topic's policy.
const MAX_POLICY: usize = 30 * 1024;

impl Sns {
    pub(super) fn get_topic_attributes(&self, call: &SnsCall<'_>) -> Answer {
        let topic = self.authorized(call, "TopicArn")?;
        let confirmed = topic.subscriptions.iter().filter(|subscription| subscription.confirmed).count();
        let pending = topic.subscriptions.len() - confirmed;
        let mut entries = vec![
            ("TopicArn", topic.arn()),
            ("Owner", topic.account.clone()),
            ("Policy", topic.policy.clone()),
            ("SubscriptionsConfirmed", confirmed.to_string()),
            ("SubscriptionsPending", pending.to_string()),
            ("SubscriptionsDeleted", "0".to_owned()),
        ];
        if !topic.attributes.contains_key("DisplayName") {
            entries.push(("DisplayName", String::new()));
        }
        entries.extend(topic.attributes.iter().map(|(name, value)| (name.as_str(), value.clone())));
        call.respond(|xml| {
            xml.open("Attributes");
            for (name, value) in &entries {
                xml.open("entry").text("key", name).text("value", value).close("entry");
            }
            xml.close("Attributes");
        })
    }

    pub(super) fn set_topic_attributes(&self, call: &SnsCall<'_>) -> Answer {
        let topic = self.authorized(call, "TopicArn")?;
        let name = call.params.get("AttributeName").unwrap_or_default().to_owned();
        let value = call.params.get("AttributeValue").unwrap_or_default().to_owned();
        check_attribute(&name)?;
        if name == "Policy" {
            check_policy(&self.accounts.effective(), &topic.arn(), &value)?;
        }
        self.records.change(topic.home(), &topic.name, |row: &mut Option<Topic>| {
            let topic = row.as_mut().ok_or_else(|| AwsError::new(404, "NotFound", "Topic does not exist"))?;
            match name.as_str() {
                "Policy" => topic.policy = value,
                _ => {
                    topic.attributes.insert(name, value);
                }
            }
            Ok::<(), AwsError>(())
        })?;
        call.respond_empty()
    }
}

pub(super) fn check_attribute(name: &str) -> Result<(), AwsError> {
    match name == "Policy" || KEPT.contains(&name) {
        true => Ok(()),
        false => Err(invalid("AttributeName")),
    }
}

/// A document that SNS would take as the policy of this topic.
pub(super) fn check_policy(accounts: &AccountsState, arn: &str, text: &str) -> Result<(), AwsError> {
    let refused = |what: &str| Err(invalid(&format!("Policy Error: {what}")));
    if text.len() > MAX_POLICY {
        return refused("the policy is longer than 30 KiB");
    }
    if Policy::parse("topic-policy", text, PolicyKind::Resource).is_err() {
        return refused("null");
    }
    if unknown_principal(accounts, text).is_some() {
        return refused("PrincipalNotFound");
    }
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    for statement in many(&document["Statement"]) {
        let of_sns = |action: &Value| {
            action.as_str().is_some_and(|name| name == "*" || name.to_ascii_lowercase().starts_with("sns:"))
        };
        if !many(&statement["Action"]).into_iter().all(of_sns) {
            return refused("Policy statement action out of service scope!");
        }
        if many(&statement["Resource"]).into_iter().any(|resource| resource != arn && resource != "*") {
            return refused("Invalid statement: the resource is not this topic");
        }
    }
    Ok(())
}

fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        single => vec![single],
    }
}
