//! PutEventSelectors, GetEventSelectors: which calls a trail takes
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html>).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::CloudTrail;
use super::event::Recorded;
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};

/// Selectors of one trail.
const MAX_SELECTORS: usize = 5;

/// What a trail takes. Without either kind: all management events, and no others.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Selectors {
    basic: Vec<Basic>,
    advanced: Vec<Advanced>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Basic {
    #[serde(default)]
    read_write_type: ReadWrite,
    #[serde(default = "yes")]
    include_management_events: bool,
    #[serde(default)]
    data_resources: Vec<DataResource>,
    #[serde(default)]
    exclude_management_event_sources: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum ReadWrite {
    #[default]
    All,
    ReadOnly,
    WriteOnly,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataResource {
    r#type: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Advanced {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    field_selectors: Vec<Field>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Field {
    field: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    equals: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    starts_with: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ends_with: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    not_equals: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    not_starts_with: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    not_ends_with: Vec<String>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEventSelectors {
    trail_name: String,
    #[serde(default)]
    event_selectors: Vec<Basic>,
    #[serde(default)]
    advanced_event_selectors: Vec<Advanced>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetEventSelectors {
    trail_name: String,
}

impl ReadWrite {
    fn takes(self, read_only: bool) -> bool {
        match self {
            Self::All => true,
            Self::ReadOnly => read_only,
            Self::WriteOnly => !read_only,
        }
    }
}

impl Basic {
    fn takes(&self, event: &Recorded) -> bool {
        if !self.read_write_type.takes(event.read_only) {
            return false;
        }
        if event.management {
            return self.include_management_events
                && !self.exclude_management_event_sources.contains(&event.source);
        }
        let arn = event.object_arn.as_deref().unwrap_or_default();
        let names = |value: &String| value == "arn:aws:s3" || arn.starts_with(value.as_str());
        self.data_resources
            .iter()
            .any(|resource| resource.r#type == "AWS::S3::Object" && resource.values.iter().any(names))
    }
}

impl Field {
    fn holds(&self, event: &Recorded) -> bool {
        let value = match self.field.as_str() {
            "eventCategory" => Some(if event.management { "Management" } else { "Data" }),
            "readOnly" => Some(if event.read_only { "true" } else { "false" }),
            "eventName" => Some(event.name.as_str()),
            "eventSource" => Some(event.source.as_str()),
            "resources.type" => event.object_arn.as_ref().map(|_| "AWS::S3::Object"),
            "resources.ARN" => event.object_arn.as_deref(),
            _ => None,
        };
        let Some(value) = value else { return false };
        let equals = |list: &[String]| list.iter().any(|item| value == item);
        let starts = |list: &[String]| list.iter().any(|item| value.starts_with(item.as_str()));
        let ends = |list: &[String]| list.iter().any(|item| value.ends_with(item.as_str()));
        (self.equals.is_empty() || equals(&self.equals))
            && (self.starts_with.is_empty() || starts(&self.starts_with))
            && (self.ends_with.is_empty() || ends(&self.ends_with))
            && !equals(&self.not_equals)
            && !starts(&self.not_starts_with)
            && !ends(&self.not_ends_with)
    }
}

impl Selectors {
    /// Whether somebody chose them.
    pub(super) fn are_custom(&self) -> bool {
        !self.basic.is_empty() || !self.advanced.is_empty()
    }

    /// Whether the trail takes an event.
    pub(super) fn take(&self, event: &Recorded) -> bool {
        if !self.are_custom() {
            return event.management;
        }
        self.basic.iter().any(|selector| selector.takes(event))
            || self.advanced.iter().any(|one| one.field_selectors.iter().all(|field| field.holds(event)))
    }

    fn check(&self) -> Result<(), AwsError> {
        let refused = |message: &str| Err(AwsError::new(400, "InvalidEventSelectorsException", message));
        match (self.basic.len(), self.advanced.len()) {
            (0, 0) => refused("Specify event selectors or advanced event selectors."),
            (basic, 0) if basic > MAX_SELECTORS => refused("A trail has at most 5 event selectors."),
            (_, 0) => self.check_basic(),
            (0, _) => self.check_advanced(),
            _ => refused("Use event selectors or advanced event selectors, not both."),
        }
    }

    fn check_basic(&self) -> Result<(), AwsError> {
        let refused = |message: String| Err(AwsError::new(400, "InvalidEventSelectorsException", message));
        for resource in self.basic.iter().flat_map(|selector| &selector.data_resources) {
            if resource.r#type != "AWS::S3::Object" {
                return refused(format!("The sandbox has no data events of {}.", resource.r#type));
            }
            // The end of a bucket's name has to be told, or the value would be for its namesakes, too.
            let whole = |value: &&String| {
                *value == "arn:aws:s3" || (value.starts_with("arn:aws:s3:::") && value.contains('/'))
            };
            if let Some(value) = resource.values.iter().find(|value| !whole(value)) {
                return refused(format!("Value {value} for DataResources.Values is invalid."));
            }
        }
        Ok(())
    }

    fn check_advanced(&self) -> Result<(), AwsError> {
        let has_category =
            |one: &Advanced| one.field_selectors.iter().any(|field| field.field == "eventCategory");
        match self.advanced.iter().all(has_category) {
            true => Ok(()),
            false => Err(AwsError::new(
                400,
                "InvalidEventSelectorsException",
                "Each advanced event selector has to say an eventCategory.",
            )),
        }
    }
}

impl CloudTrail {
    pub(super) fn put_event_selectors(&self, call: &Call<'_>) -> Answer {
        let input: PutEventSelectors = call.input()?;
        let trail = self.authorized_at_home(call, &input.trail_name)?;
        let selectors = Selectors { basic: input.event_selectors, advanced: input.advanced_event_selectors };
        selectors.check()?;
        let answer = described(&trail.arn(), &selectors);
        self.change_trail(&trail, |trail| trail.selectors = selectors)?;
        Ok(answer)
    }

    pub(super) fn get_event_selectors(&self, call: &Call<'_>) -> Answer {
        let input: GetEventSelectors = call.input()?;
        let trail = self.authorized(call, &input.trail_name)?;
        Ok(described(&trail.arn(), &trail.selectors))
    }
}

fn described(arn: &str, selectors: &Selectors) -> Value {
    if !selectors.advanced.is_empty() {
        return json!({"TrailARN": arn, "AdvancedEventSelectors": selectors.advanced});
    }
    let all = Basic {
        read_write_type: ReadWrite::All,
        include_management_events: true,
        data_resources: Vec::new(),
        exclude_management_event_sources: Vec::new(),
    };
    let basic = if selectors.basic.is_empty() { vec![all] } else { selectors.basic.clone() };
    json!({"TrailARN": arn, "EventSelectors": basic})
}
