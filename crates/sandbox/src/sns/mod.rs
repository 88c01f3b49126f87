//! SNS: topics, their policies and subscriptions, and what was published
//! (<https://docs.aws.amazon.com/sns/latest/api/>).

mod attributes;
mod message;
mod publish;
mod subscription;
mod tags;
mod topic;

use bytes::Bytes;
use firmhold_core::Timestamp;
use firmhold_iam::{Arn, ContextValue};
use http::Response;

pub use self::message::Notification;
pub(crate) use self::publish::{FromService, Publication};
use self::topic::Topic;
use crate::account::Accounts;
use crate::aws_error::AwsError;
use crate::call::authorize;
use crate::caller::Caller;
use crate::query::{Params, respond};
use crate::records::{Home, Records};
use crate::service::Service;
use crate::state_clock::StateClock;
use crate::storage::StorageError;
use crate::xml::Xml;

/// The service.
#[derive(Clone)]
pub(crate) struct Sns {
    records: Records,
    accounts: Accounts,
    clock: StateClock,
}

/// One call: who asks for what.
pub(crate) struct SnsCall<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) params: &'a Params,
    pub(crate) home: Home<'a>,
    pub(crate) request_id: &'a str,
    pub(crate) now: Timestamp,
}

type Answer = Result<Response<Bytes>, AwsError>;

impl Sns {
    pub(crate) fn new(records: Records, accounts: Accounts, clock: StateClock) -> Self {
        Self { records, accounts, clock }
    }

    /// Answers one call.
    pub(crate) fn call(&self, call: &SnsCall<'_>) -> Answer {
        match call.params.action() {
            "CreateTopic" => self.create_topic(call),
            "DeleteTopic" => self.delete_topic(call),
            "ListTopics" => self.list_topics(call),
            "GetTopicAttributes" => self.get_topic_attributes(call),
            "SetTopicAttributes" => self.set_topic_attributes(call),
            "Subscribe" => self.subscribe(call),
            "Unsubscribe" => self.unsubscribe(call),
            "ListSubscriptionsByTopic" => self.list_subscriptions_by_topic(call),
            "Publish" => self.publish(call),
            "TagResource" => self.tag_resource(call),
            "ListTagsForResource" => self.list_tags_for_resource(call),
            _ => Err(call.params.unknown_action()),
        }
    }

    /// The topic of an ARN, wherever it is.
    fn topic(&self, arn: &str) -> Result<Option<Topic>, StorageError> {
        match place(arn) {
            Some((home, name)) => self.records.get(home, name),
            None => Ok(None),
        }
    }

    /// The topic that the parameter names, if the caller may do with it what it asks.
    fn authorized(&self, call: &SnsCall<'_>, parameter: &str) -> Result<Topic, AwsError> {
        self.authorized_with(call, parameter, &[])
    }

    fn authorized_with(
        &self,
        call: &SnsCall<'_>,
        parameter: &str,
        keys: &[(String, ContextValue)],
    ) -> Result<Topic, AwsError> {
        let arn = call.params.get(parameter).unwrap_or_default();
        let (home, _) = place(arn).ok_or_else(|| {
            invalid(&format!(
                "{parameter} Reason: An ARN must have at least 6 elements, not {}",
                arn.split(':').count()
            ))
        })?;
        if home.region != call.home.region {
            return Err(invalid(parameter));
        }
        let topic = self.topic(arn)?;
        let policy = topic.as_ref().map(|topic| topic.policy.as_str());
        call.authorize(arn, home.account, policy, keys)?;
        topic.ok_or_else(|| AwsError::new(404, "NotFound", "Topic does not exist"))
    }
}

impl SnsCall<'_> {
    fn authorize(
        &self,
        resource: &str,
        owner: &str,
        policy: Option<&str>,
        keys: &[(String, ContextValue)],
    ) -> Result<(), AwsError> {
        self.caller.trace.operation(self.params.action(), resource);
        self.caller.trace.owner(owner);
        let mut keys = keys.to_vec();
        // The old name of the caller's account, which default policies of topics still ask for.
        keys.push(("aws:SourceOwner".to_owned(), self.home.account.into()));
        let action = format!("SNS:{}", self.params.action());
        authorize(Service::Sns, self.caller, &action, resource, owner, policy, &keys)
    }

    fn respond(&self, write: impl FnOnce(&mut Xml)) -> Answer {
        Ok(respond(Service::Sns, self.params.action(), self.request_id, Some(write)))
    }

    fn respond_empty(&self) -> Answer {
        Ok(respond(Service::Sns, self.params.action(), self.request_id, None::<fn(&mut Xml)>))
    }
}

/// Where the topic of an ARN is, and its name.
fn place(arn: &str) -> Option<(Home<'_>, &str)> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "sns" && !arn.resource.contains(':'))?;
    Some((Home { account: arn.account, region: arn.region }, arn.resource))
}

fn invalid(what: &str) -> AwsError {
    AwsError::new(400, "InvalidParameter", format!("Invalid parameter: {what}"))
}
