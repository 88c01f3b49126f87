//! GuardDuty: whether it watches, and whether S3 is among what it watches
//! (<https://docs.aws.amazon.com/guardduty/latest/APIReference/>).

use http::Method;
use http::request::Parts;
use serde_json::{Value, json};

use super::{Fact, Facts};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};

/// The action and the input of a request: they are in its method and path.
pub(crate) fn read(parts: &Parts) -> Option<(&'static str, Value)> {
    if parts.method != Method::GET {
        return None;
    }
    match parts.uri.path().strip_prefix("/detector")? {
        "" | "/" => Some(("ListDetectors", json!({}))),
        id => Some(("GetDetector", json!({"DetectorId": id.strip_prefix('/')?}))),
    }
}

impl Facts {
    pub(super) fn guardduty(&self, call: &Call<'_>) -> Answer {
        match call.action {
            "ListDetectors" => {
                call.authorize(&call.home.arn("guardduty", "detector/*"), None, &[])?;
                let ids: Vec<Value> = self
                    .get(call, Fact::Detectors)?
                    .iter()
                    .filter_map(|one| one.get("detectorId").cloned())
                    .collect();
                Ok(json!({"detectorIds": ids}))
            }
            "GetDetector" => {
                let id = call.input.get("DetectorId").and_then(Value::as_str).unwrap_or_default();
                call.authorize(&call.home.arn("guardduty", &format!("detector/{id}")), None, &[])?;
                let detectors = self.get(call, Fact::Detectors)?;
                let found = detectors.into_iter().find(|one| one.get("detectorId") == Some(&Value::from(id)));
                let mut found = found.ok_or_else(|| {
                    AwsError::new(
                        400,
                        "BadRequestException",
                        "The request is rejected because the input detectorId is not owned by the current account.",
                    )
                })?;
                if let Value::Object(fields) = &mut found {
                    fields.remove("detectorId");
                }
                Ok(found)
            }
            _ => Err(call.unknown()),
        }
    }
}
