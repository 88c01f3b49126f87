//! One event, in CloudTrail's shape
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>).

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{CloudTrail, Trail, Who};
use crate::ids;
use crate::records::{Home, Line, Row};
use crate::region::GLOBAL_REGION;
use crate::service::Service;
use crate::storage::StorageError;

/// S3's calls about objects that name no key, or several.
const DATA_CALLS: [&str; 6] = [
    "DeleteObjects",
    "ListObjects",
    "ListObjectsV2",
    "ListObjectVersions",
    "ListMultipartUploads",
    "HeadBucket",
];
/// Calls that change nothing and are not called so.
const READS: [&str; 7] = [
    "AssumeRole",
    "LookupEvents",
    "Decrypt",
    "GenerateDataKey",
    "GenerateServiceLastAccessedDetails",
    "HeadObject",
    "HeadBucket",
];
/// Data events of CloudWatch and SNS, which no trail of the sandbox can take.
const UNTOLD: [(Service, &str); 5] = [
    (Service::CloudWatch, "PutMetricData"),
    (Service::CloudWatch, "GetMetricData"),
    (Service::CloudWatch, "GetMetricStatistics"),
    (Service::CloudWatch, "ListMetrics"),
    (Service::Sns, "Publish"),
];
/// S3's operations that CloudTrail calls by the name that they had first.
const RENAMED: [(&str, &str); 4] = [
    ("BucketLifecycleConfiguration", "BucketLifecycle"),
    ("BucketNotificationConfiguration", "BucketNotification"),
    ("PublicAccessBlock", "BucketPublicAccessBlock"),
    ("BucketAccelerateConfiguration", "AccelerateConfiguration"),
];

/// A call that was answered, as the front saw it.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) service: Service,
    /// As the service calls it.
    pub(crate) operation: String,
    pub(crate) who: Who,
    pub(crate) time: Timestamp,
    /// The region of its signature.
    pub(crate) region: String,
    pub(crate) source_ip: String,
    pub(crate) user_agent: String,
    pub(crate) request_id: String,
    pub(crate) parameters: Value,
    pub(crate) response: Value,
    /// Code and message.
    pub(crate) error: Option<(String, String)>,
    /// The ARN that was asked for.
    pub(crate) resource: String,
    /// The account that owns it, if it is not the caller's.
    pub(crate) owner: Option<String>,
    /// Whether S3 was asked about an object.
    pub(crate) about_object: bool,
}

/// An event, as one account is told it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) time: Timestamp,
    pub(crate) id: String,
    pub(crate) name: String,
    /// `s3.amazonaws.com`
    pub(crate) source: String,
    pub(crate) read_only: bool,
    pub(crate) management: bool,
    pub(super) user_name: Option<String>,
    pub(super) access_key_id: Option<String>,
    /// Of a data event, the object's ARN, or the bucket's with a slash.
    pub(super) object_arn: Option<String>,
    /// Types and names of what it is about.
    pub(super) resources: Vec<(String, String)>,
    /// The record itself.
    pub(crate) record: Value,
}

impl Row for Recorded {
    const KIND: &'static str = "cloudtrail-event";
}

impl Happening {
    /// The event as each account is told it: the caller's own, and that of another owner of what was asked for.
    pub(crate) fn record(&self) -> Vec<Recorded> {
        let caller = self.who.account.as_deref();
        // AWS tells a role's account nothing of those who were not let in.
        let untold = self.service == Service::Sts && self.error.is_some();
        let owner = self.owner.as_deref().filter(|owner| Some(*owner) != caller && !untold);
        let shared = caller.and(owner).map(|_| ids::request_id());
        let told: Vec<&str> = caller.into_iter().chain(owner).collect();
        told.into_iter()
            .map(|account| {
                let identity = match Some(account) == caller {
                    true => self.who.identity(),
                    false => self.who.foreign_identity(),
                };
                self.recorded(account, identity, shared.as_deref())
            })
            .collect()
    }

    fn recorded(&self, account: &str, identity: Value, shared: Option<&str>) -> Recorded {
        let management = !self.is_data();
        let source = format!("{}.amazonaws.com", self.service.name());
        let region = if self.service == Service::Iam { GLOBAL_REGION } else { &self.region };
        let (id, name, read_only) = (ids::request_id(), self.name(), self.is_read());
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": identity,
            "eventTime": Timestamp::from_secs(self.time.as_secs()).to_string(),
            "eventSource": source,
            "eventName": name,
            "awsRegion": region,
            "sourceIPAddress": self.source_ip,
            "userAgent": self.user_agent,
        });
        if let Some((code, message)) = &self.error {
            record["errorCode"] = code.clone().into();
            record["errorMessage"] = message.clone().into();
        }
        record["requestParameters"] = self.parameters.clone();
        record["responseElements"] = self.response.clone();
        record["requestID"] = self.request_id.clone().into();
        record["eventID"] = id.clone().into();
        record["readOnly"] = read_only.into();
        let resources = self.resources();
        if !resources.is_empty() {
            let owner = self.owner.as_deref().or(self.who.account.as_deref());
            let written =
                |(kind, name): &(String, String)| json!({"accountId": owner, "type": kind, "ARN": name});
            record["resources"] = resources.iter().map(written).collect::<Vec<_>>().into();
        }
        record["eventType"] = "AwsApiCall".into();
        record["managementEvent"] = management.into();
        record["recipientAccountId"] = account.into();
        if let Some(shared) = shared {
            record["sharedEventID"] = shared.into();
        }
        record["eventCategory"] = if management { "Management" } else { "Data" }.into();
        let told_all = Some(account) == self.who.account.as_deref();
        Recorded {
            account: account.to_owned(),
            region: region.to_owned(),
            time: self.time,
            id,
            name,
            source,
            read_only,
            management,
            user_name: self.who.name().filter(|_| told_all).map(str::to_owned),
            access_key_id: self.who.access_key_id.clone().filter(|_| told_all),
            object_arn: self.is_data().then(|| match self.about_object {
                true => self.resource.clone(),
                false => format!("{}/", self.resource),
            }),
            resources,
            record,
        }
    }

    fn is_untold(&self) -> bool {
        UNTOLD.iter().any(|(service, name)| *service == self.service && *name == self.operation)
    }

    fn is_data(&self) -> bool {
        self.service == Service::S3 && (self.about_object || DATA_CALLS.contains(&self.operation.as_str()))
    }

    fn is_read(&self) -> bool {
        let first = ["Get", "List", "Describe"].iter().any(|prefix| self.operation.starts_with(prefix));
        first || READS.contains(&self.operation.as_str())
    }

    fn name(&self) -> String {
        if self.service != Service::S3 {
            return self.operation.clone();
        }
        if self.operation == "ListObjectsV2" {
            return "ListObjects".to_owned();
        }
        for verb in ["Get", "Put", "Delete"] {
            let noun = self.operation.strip_prefix(verb);
            if let Some((_, noun)) = noun.and_then(|noun| RENAMED.iter().find(|(old, _)| *old == noun)) {
                return format!("{verb}{noun}");
            }
        }
        self.operation.clone()
    }

    fn resources(&self) -> Vec<(String, String)> {
        let kind = match (self.service, self.about_object) {
            _ if !self.resource.starts_with("arn:") => return Vec::new(),
            (Service::S3, true) => {
                let bucket = self.resource.split('/').next().unwrap_or_default();
                return vec![
                    ("AWS::S3::Object".to_owned(), self.resource.clone()),
                    ("AWS::S3::Bucket".to_owned(), bucket.to_owned()),
                ];
            }
            (Service::S3, false) => "AWS::S3::Bucket",
            (Service::Sts, _) => "AWS::IAM::Role",
            (Service::Iam, _) if self.resource.contains(":user/") => "AWS::IAM::User",
            (Service::Iam, _) if self.resource.contains(":policy/") => "AWS::IAM::Policy",
            (Service::Iam, _) => "AWS::IAM::Role",
            (Service::Kms, _) if self.resource.contains(":alias/") => "AWS::KMS::Alias",
            (Service::Kms, _) => "AWS::KMS::Key",
            (Service::CloudWatch, _) => "AWS::CloudWatch::Alarm",
            (Service::Sns, _) => "AWS::SNS::Topic",
            (Service::Events, _) => "AWS::Events::Rule",
            (Service::CloudTrail, _) => "AWS::CloudTrail::Trail",
            (
                Service::Organizations
                | Service::GuardDuty
                | Service::Config
                | Service::Ec2
                | Service::Budgets,
                _,
            ) => return Vec::new(),
        };
        vec![(kind.to_owned(), self.resource.clone())]
    }
}

impl CloudTrail {
    /// The events of what happened; those of objects only where there are trails, which alone might want them.
    pub(crate) fn record<'a>(
        &self,
        happened: impl Iterator<Item = &'a Happening>,
    ) -> Result<Vec<Recorded>, StorageError> {
        let mut happened = happened.peekable();
        if happened.peek().is_none() {
            return Ok(Vec::new());
        }
        let trails = !self.records.everywhere::<Trail>()?.is_empty();
        let told = |one: &&Happening| !one.is_untold() && (trails || !one.is_data());
        Ok(happened.filter(told).flat_map(Happening::record).collect())
    }

    /// Keeps management events; answers which of the events some trail takes.
    pub(crate) fn take<'a>(&self, events: &'a [Recorded]) -> Result<Vec<&'a Recorded>, StorageError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let lines: Vec<Line<'_, Recorded>> = events
            .iter()
            .filter(|event| event.management)
            .map(|event| {
                let home = Home { account: &event.account, region: &event.region };
                Line { home, time: event.time, row: event }
            })
            .collect();
        if !lines.is_empty() {
            self.records.add(&lines)?;
        }
        let trails: Vec<Trail> = self.records.everywhere()?;
        let taken = |event: &&Recorded| {
            let global = event.source == "iam.amazonaws.com";
            let takes = |trail: &Trail| {
                trail.account == event.account
                    && trail.covers(&event.region, global, event.time)
                    && trail.selectors.take(event)
            };
            trails.iter().any(takes)
        };
        Ok(events.iter().filter(taken).collect())
    }
}

/// A call's input as an event has it: names start small.
pub(crate) fn parameters(input: &Value) -> Value {
    match input {
        Value::Object(map) if !map.is_empty() => {
            Value::Object(map.iter().map(|(name, value)| (small(name), nested(value))).collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

fn nested(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, value)| (small(name), nested(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(nested).collect()),
        other => other.clone(),
    }
}

fn small(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}
