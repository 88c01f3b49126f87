//! LookupEvents: management events of the last 90 days, newest first
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>).

use std::time::Duration;

use firmhold_core::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::CloudTrail;
use super::event::Recorded;
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, epoch, time};
use crate::storage::StorageError;

/// How long events are kept.
const KEPT: Duration = Duration::from_secs(90 * 86_400);
const PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LookupEvents {
    #[serde(default)]
    lookup_attributes: Vec<Attribute>,
    start_time: Option<f64>,
    end_time: Option<f64>,
    event_category: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_key: Key,
    attribute_value: String,
}

#[derive(Clone, Copy, Deserialize)]
enum Key {
    EventId,
    EventName,
    ReadOnly,
    Username,
    ResourceType,
    ResourceName,
    EventSource,
    AccessKeyId,
}

impl Attribute {
    fn fits(&self, event: &Recorded) -> bool {
        let wanted = self.attribute_value.as_str();
        match self.attribute_key {
            Key::EventId => event.id == wanted,
            Key::EventName => event.name == wanted,
            Key::ReadOnly => event.read_only.to_string() == wanted,
            Key::Username => event.user_name.as_deref() == Some(wanted),
            Key::ResourceType => event.resources.iter().any(|(kind, _)| kind == wanted),
            Key::ResourceName => {
                event.resources.iter().any(|(_, name)| name == wanted || last(name) == wanted)
            }
            Key::EventSource => event.source == wanted,
            Key::AccessKeyId => event.access_key_id.as_deref() == Some(wanted),
        }
    }
}

/// A role or bucket is found by its name, too.
fn last(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or(arn)
}

/// Where the next page starts: when the first one was asked for, and the last event that was told.
struct Token<'a> {
    end: Timestamp,
    last: &'a str,
}

impl<'a> Token<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (end, last) = text.split_once('.')?;
        Some(Self { end: Timestamp::from_millis(end.parse().ok()?), last })
    }

    fn write(&self) -> String {
        format!("{}.{}", self.end.as_millis(), self.last)
    }
}

impl CloudTrail {
    /// Forgets what is no longer told.
    pub(crate) fn forget(&self) -> Result<(), StorageError> {
        self.records.forget::<Recorded>(self.storage.clock().now().minus(KEPT))
    }

    pub(super) fn lookup_events(&self, call: &Call<'_>) -> Answer {
        let input: LookupEvents = call.input()?;
        call.authorize("*", None, &[])?;
        let refused = |code: &str, message: &str| AwsError::new(400, code, message);
        if input.lookup_attributes.len() > 1 {
            let message = "You can only use one lookup attribute.";
            return Err(refused("InvalidLookupAttributesException", message));
        }
        if input.event_category.is_some() {
            // The one category, insights, needs a trail that looks for them.
            return Err(refused(
                "InvalidEventCategoryException",
                "There are no insights events in the sandbox.",
            ));
        }
        let most = input.max_results.unwrap_or(PAGE);
        if !(1..=PAGE).contains(&most) {
            return Err(refused("InvalidMaxResultsException", "MaxResults is from 1 to 50."));
        }
        let token = match input.next_token.as_deref().map(Token::read) {
            Some(None) => return Err(refused("InvalidNextTokenException", "The token is not valid.")),
            token => token.flatten(),
        };
        let end = token.as_ref().map_or(call.now, |token| token.end);
        let (from, to) = span(&input, call.now, end)?;
        self.settle.settle();
        let events: Vec<Recorded> = self.records.lines(call.home, from, to)?;
        let fits = |event: &&Recorded| input.lookup_attributes.iter().all(|attribute| attribute.fits(event));
        // Newest first; what was told on the pages before is passed over.
        let mut rest = events.iter().rev().filter(fits);
        if let Some(token) = &token {
            rest.by_ref().find(|event| event.id == token.last);
        }
        let page: Vec<&Recorded> = rest.by_ref().take(most).collect();
        let mut answer = json!({"Events": page.iter().map(|event| described(event)).collect::<Vec<_>>()});
        if let (Some(last), Some(_)) = (page.last(), rest.next()) {
            answer["NextToken"] = Token { end, last: &last.id }.write().into();
        }
        Ok(answer)
    }
}

fn span(input: &LookupEvents, now: Timestamp, end: Timestamp) -> Result<(Timestamp, Timestamp), AwsError> {
    let from = input.start_time.map_or(Timestamp::EPOCH, time).max(now.minus(KEPT));
    // Both ends are within; times are kept to the millisecond and asked to the second.
    let to = input.end_time.map_or(end, |end_time| time(end_time).min(end)).plus(Duration::from_millis(1));
    match from <= to {
        true => Ok((from, to)),
        false => Err(AwsError::new(
            400,
            "InvalidTimeRangeException",
            "The start time has to be before the end time.",
        )),
    }
}

fn described(event: &Recorded) -> Value {
    let resources: Vec<Value> = event
        .resources
        .iter()
        .map(|(kind, name)| json!({"ResourceType": kind, "ResourceName": name}))
        .collect();
    let mut described = json!({
        "EventId": event.id,
        "EventName": event.name,
        "ReadOnly": event.read_only.to_string(),
        "EventTime": epoch(Timestamp::from_secs(event.time.as_secs())),
        "EventSource": event.source,
        "Resources": resources,
        "CloudTrailEvent": event.record.to_string(),
    });
    if let Some(name) = &event.user_name {
        described["Username"] = name.clone().into();
    }
    if let Some(key) = &event.access_key_id {
        described["AccessKeyId"] = key.clone().into();
    }
    described
}
