//! Subscribe, Unsubscribe, ListSubscriptionsByTopic.

use serde::{Deserialize, Serialize};

use super::topic::Topic;
use super::{Answer, Sns, SnsCall, invalid, place};
use crate::aws_error::AwsError;
use crate::ids;
use crate::records::Home;
use crate::storage::StorageError;

/// Who is to get what a topic gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subscription {
    /// The last part of its ARN.
    pub(super) id: String,
    pub(super) protocol: String,
    pub(super) endpoint: String,
    pub(super) owner: String,
    /// Whether whoever reads there has agreed.
    pub(super) confirmed: bool,
}

impl Subscription {
    fn arn(&self, topic: &Topic) -> String {
        match self.confirmed {
            true => format!("{}:{}", topic.arn(), self.id),
            false => "PendingConfirmation".to_owned(),
        }
    }
}

impl Sns {
    /// A mail or web address has to agree first; a queue of one's own need not, and gets nothing in the sandbox.
    pub(super) fn subscribe(&self, call: &SnsCall<'_>) -> Answer {
        let topic = self.authorized(call, "TopicArn")?;
        let (protocol, endpoint) = (call.params.get("Protocol"), call.params.get("Endpoint"));
        let endpoint = endpoint.filter(|endpoint| !endpoint.is_empty()).ok_or_else(|| invalid("Endpoint"))?;
        let confirmed = match protocol {
            Some("email" | "email-json") if endpoint.contains('@') => false,
            Some("email" | "email-json") => return Err(invalid("Email address")),
            Some("http" | "https") => false,
            Some("sqs") if endpoint.starts_with("arn:") => true,
            Some("sqs") => return Err(invalid("SQS endpoint ARN")),
            other => {
                let name = other.unwrap_or("null");
                return Err(invalid(&format!("Amazon SNS does not support this protocol string: {name}")));
            }
        };
        let new = Subscription {
            id: ids::request_id(),
            protocol: protocol.unwrap_or_default().to_owned(),
            endpoint: endpoint.to_owned(),
            owner: call.home.account.to_owned(),
            confirmed,
        };
        let subscription = self.change_topic(&topic, |topic| {
            let same = |old: &&Subscription| old.protocol == new.protocol && old.endpoint == new.endpoint;
            match topic.subscriptions.iter().find(same) {
                Some(old) => old.clone(),
                None => {
                    topic.subscriptions.push(new.clone());
                    new
                }
            }
        })?;
        let arn = match subscription.confirmed {
            true => subscription.arn(&topic),
            false => "pending confirmation".to_owned(),
        };
        call.respond(|xml| {
            xml.text("SubscriptionArn", &arn);
        })
    }

    pub(super) fn unsubscribe(&self, call: &SnsCall<'_>) -> Answer {
        let arn = call.params.get("SubscriptionArn").unwrap_or_default();
        let (topic_arn, id) = arn.rsplit_once(':').ok_or_else(|| invalid("SubscriptionArn"))?;
        let (home, _) = place(topic_arn).ok_or_else(|| invalid("SubscriptionArn"))?;
        call.authorize(topic_arn, home.account, None, &[])?;
        if let Some(topic) = self.topic(topic_arn)? {
            self.change_topic(&topic, |topic| topic.subscriptions.retain(|old| old.id != id))?;
        }
        call.respond_empty()
    }

    pub(super) fn list_subscriptions_by_topic(&self, call: &SnsCall<'_>) -> Answer {
        let topic = self.authorized(call, "TopicArn")?;
        call.respond(|xml| {
            xml.open("Subscriptions");
            for subscription in &topic.subscriptions {
                xml.open("member")
                    .text("TopicArn", &topic.arn())
                    .text("Protocol", &subscription.protocol)
                    .text("SubscriptionArn", &subscription.arn(&topic))
                    .text("Owner", &subscription.owner)
                    .text("Endpoint", &subscription.endpoint)
                    .close("member");
            }
            xml.close("Subscriptions");
        })
    }

    /// As if whoever reads at `endpoint` had followed the link in the first message; whether anybody waited for that.
    pub(crate) fn confirm(&self, topic_arn: &str, endpoint: &str) -> Result<bool, StorageError> {
        let Some((home, name)) = place(topic_arn) else { return Ok(false) };
        self.records.change(home, name, |row: &mut Option<Topic>| {
            let subscriptions = row.iter_mut().flat_map(|topic| &mut topic.subscriptions);
            let mut was = false;
            for subscription in subscriptions.filter(|one| one.endpoint == endpoint) {
                subscription.confirmed = true;
                was = true;
            }
            Ok(was)
        })
    }

    fn change_topic<T>(&self, topic: &Topic, change: impl FnOnce(&mut Topic) -> T) -> Result<T, AwsError> {
        let home: Home<'_> = topic.home();
        self.records.change(home, &topic.name, |row: &mut Option<Topic>| match row {
            Some(topic) => Ok(change(topic)),
            None => Err(AwsError::new(404, "NotFound", "Topic does not exist")),
        })
    }
}
