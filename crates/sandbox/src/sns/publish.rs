//! Publish: by a caller, or by a service that an alarm or a rule sends.

use firmhold_core::Timestamp;
use firmhold_iam::Principal;

use super::message::Notification;
use super::topic::Topic;
use super::{Answer, Sns, SnsCall, invalid};
use crate::authorize::{Ask, ask};
use crate::aws_error::AwsError;
use crate::caller::Caller;
use crate::ids;
use crate::query::internal_failure;
use crate::records::Line;
use crate::request_log::RequestTrace;

/// Bytes of a message.
const MAX_MESSAGE: usize = 256 * 1024;

/// What is published.
pub(crate) struct Publication<'a> {
    pub(crate) subject: Option<&'a str>,
    pub(crate) message: &'a str,
}

/// A service that publishes for one of its resources.
pub(crate) struct FromService<'a> {
    /// `cloudwatch.amazonaws.com`
    pub(crate) name: &'static str,
    /// The ARN of the alarm or rule.
    pub(crate) source: &'a str,
    /// The account of that resource.
    pub(crate) account: &'a str,
    /// Whether it comes in the name of its account, as CloudWatch does: the default policies of topics let it in then.
    pub(crate) as_owner: bool,
}

impl Sns {
    pub(super) fn publish(&self, call: &SnsCall<'_>) -> Answer {
        let parameter = if call.params.get("TargetArn").is_some() { "TargetArn" } else { "TopicArn" };
        let topic = self.authorized(call, parameter)?;
        let message = call.params.get("Message").unwrap_or_default();
        if message.is_empty() {
            return Err(invalid("Empty message"));
        }
        let subject = call.params.get("Subject");
        let publication = Publication { subject, message };
        let id = self.deliver(&topic, &call.caller.name(), &publication, call.now)?;
        call.respond(|xml| {
            xml.text("MessageId", &id);
        })
    }

    /// Publishes for a service, if the topic's policy lets it.
    pub(crate) fn publish_for(
        &self,
        from: &FromService<'_>,
        topic_arn: &str,
        publication: &Publication<'_>,
    ) -> Result<(), AwsError> {
        let topic = self.topic(topic_arn)?;
        let topic = topic.ok_or_else(|| AwsError::new(404, "NotFound", "Topic does not exist"))?;
        let mut context =
            vec![("aws:SourceArn", from.source.into()), ("aws:SourceAccount", from.account.into())];
        if from.as_owner {
            context.push(("aws:SourceOwner", from.account.into()));
        }
        let question = Ask {
            action: "SNS:Publish",
            resource: topic_arn,
            resource_account: Some(&topic.account),
            resource_policy: Some(&topic.policy),
            trust: None,
            context: &context,
        };
        let service = Principal::Service(from.name.to_owned());
        let caller =
            Caller::of_service(&self.accounts, None, service, self.clock.now(), RequestTrace::default());
        let decision = ask(&caller, &question).map_err(|error| {
            tracing::error!(%error, "a stored policy cannot be read");
            internal_failure()
        })?;
        if !decision.is_allowed() {
            let message = format!(
                "{} is not authorized to perform: SNS:Publish on resource: {topic_arn} {}",
                from.name,
                decision.aws_reason()
            );
            return Err(AwsError::new(403, "AuthorizationError", message));
        }
        self.deliver(&topic, from.name, publication, self.clock.now()).map(|_| ())
    }

    fn deliver(
        &self,
        topic: &Topic,
        publisher: &str,
        publication: &Publication<'_>,
        now: Timestamp,
    ) -> Result<String, AwsError> {
        if publication.message.len() > MAX_MESSAGE {
            return Err(invalid("Message too long"));
        }
        if publication.subject.is_some_and(|subject| subject.chars().count() > 100) {
            return Err(invalid("Subject"));
        }
        let confirmed = topic.subscriptions.iter().filter(|subscription| subscription.confirmed);
        let notification = Notification {
            topic_arn: topic.arn(),
            message_id: ids::request_id(),
            time: now,
            publisher: publisher.to_owned(),
            subject: publication.subject.map(str::to_owned),
            message: publication.message.to_owned(),
            endpoints: confirmed.map(|subscription| subscription.endpoint.clone()).collect(),
        };
        self.records.add(&[Line { home: topic.home(), time: now, row: &notification }])?;
        Ok(notification.message_id)
    }
}
