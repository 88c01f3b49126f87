//! CreateTopic, DeleteTopic, ListTopics.

use std::collections::BTreeMap;

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::attributes::{check_attribute, check_policy};
use super::subscription::Subscription;
use super::{Answer, Sns, SnsCall, invalid};
use crate::aws_error::AwsError;
use crate::call::page;
use crate::query::tag_keys;
use crate::records::{Home, Row};

const PAGE: usize = 100;

/// A topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Topic {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
    pub(super) created: Timestamp,
    /// The policy as it was put, or [`default_policy`].
    pub(super) policy: String,
    /// What else was set, by name.
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) subscriptions: Vec<Subscription>,
}

impl Row for Topic {
    const KIND: &'static str = "sns-topic";
}

impl Topic {
    pub(super) fn home(&self) -> Home<'_> {
        Home { account: &self.account, region: &self.region }
    }

    pub(super) fn arn(&self) -> String {
        self.home().arn("sns", &self.name)
    }
}

impl Sns {
    /// Makes a topic; one that is there already with the same attributes and tags is answered as it is.
    pub(super) fn create_topic(&self, call: &SnsCall<'_>) -> Answer {
        let name = call.params.get("Name").unwrap_or_default();
        check_name(name)?;
        let arn = call.home.arn("sns", name);
        let tags = call.params.tags()?;
        call.authorize(&arn, call.home.account, None, &tag_keys(&tags))?;
        let mut attributes = call.params.entries("Attributes");
        for attribute in attributes.keys() {
            check_attribute(attribute)?;
        }
        let policy = attributes.remove("Policy");
        if let Some(policy) = &policy {
            check_policy(&self.accounts.effective(), &arn, policy)?;
        }
        let policy = policy.unwrap_or_else(|| default_policy(call.home.account, &arn));
        self.records.change(call.home, name, |row: &mut Option<Topic>| match row {
            Some(topic) if topic.tags != tags && !tags.is_empty() => {
                Err(invalid("Tags Reason: Topic already exists with different tags"))
            }
            Some(topic)
                if attributes.iter().any(|(name, value)| topic.attributes.get(name) != Some(value)) =>
            {
                Err(invalid("Attributes Reason: Topic already exists with different attributes"))
            }
            Some(_) => Ok(()),
            None => {
                *row = Some(Topic {
                    account: call.home.account.to_owned(),
                    region: call.home.region.to_owned(),
                    name: name.to_owned(),
                    created: call.now,
                    policy,
                    attributes,
                    tags,
                    subscriptions: Vec::new(),
                });
                Ok(())
            }
        })?;
        call.respond(|xml| {
            xml.text("TopicArn", &arn);
        })
    }

    /// What is not there is deleted already.
    pub(super) fn delete_topic(&self, call: &SnsCall<'_>) -> Answer {
        match self.authorized(call, "TopicArn") {
            Ok(topic) => {
                self.records.remove::<Topic>(topic.home(), &topic.name)?;
            }
            Err(error) if error.code == "NotFound" => {}
            Err(error) => return Err(error),
        }
        call.respond_empty()
    }

    pub(super) fn list_topics(&self, call: &SnsCall<'_>) -> Answer {
        call.authorize(&call.home.arn("sns", "*"), call.home.account, None, &[])?;
        let topics: Vec<Topic> = self.records.all(call.home)?;
        let (topics, next) = page(topics, PAGE, call.params.get("NextToken"), |topic| &topic.name);
        call.respond(|xml| {
            xml.open("Topics");
            for topic in &topics {
                xml.open("member").text("TopicArn", &topic.arn()).close("member");
            }
            xml.close("Topics");
            if let Some(next) = next {
                xml.text("NextToken", &next);
            }
        })
    }
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match (1..=256).contains(&name.len()) && name.chars().all(fits) {
        true => Ok(()),
        false => Err(invalid("Topic Name")),
    }
}

/// The policy of a topic that was made without one: everything for its account. CloudWatch publishes in the name of
/// its account, and gets in; EventBridge does not
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html>).
fn default_policy(account: &str, arn: &str) -> String {
    json!({
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": [
                "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission",
                "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish"
            ],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": account}}
        }]
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use firmhold_iam::{Policy, PolicyKind};

    use super::*;

    #[test]
    fn the_default_policy_is_one() {
        let policy = default_policy("111122223333", "arn:aws:sns:us-west-2:111122223333:t");
        Policy::parse("topic-policy", &policy, PolicyKind::Resource).unwrap();
    }
}
