//! StartLogging, StopLogging, GetTrailStatus.

use serde::Deserialize;
use serde_json::{Value, json};

use super::trail::Trail;
use super::{CloudTrail, not_found};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call, epoch};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

impl CloudTrail {
    pub(super) fn start_logging(&self, call: &Call<'_>) -> Answer {
        let input: Named = call.input()?;
        let trail = self.authorized_at_home(call, &input.name)?;
        self.change_trail(&trail, |trail| {
            if !trail.is_logging() {
                trail.started = Some(call.now);
                trail.stopped = None;
            }
        })
    }

    pub(super) fn stop_logging(&self, call: &Call<'_>) -> Answer {
        let input: Named = call.input()?;
        let trail = self.authorized_at_home(call, &input.name)?;
        self.change_trail(&trail, |trail| {
            if trail.is_logging() {
                trail.stopped = Some(call.now);
            }
        })
    }

    pub(super) fn get_trail_status(&self, call: &Call<'_>) -> Answer {
        let input: Named = call.input()?;
        let trail = self.authorized(call, &input.name)?;
        let mut status = json!({"IsLogging": trail.is_logging()});
        if let Some(started) = trail.started {
            status["StartLoggingTime"] = epoch(started);
            status["TimeLoggingStarted"] = started.to_string().into();
        }
        if let Some(stopped) = trail.stopped {
            status["StopLoggingTime"] = epoch(stopped);
            status["TimeLoggingStopped"] = stopped.to_string().into();
        }
        Ok(status)
    }

    pub(super) fn change_trail(&self, trail: &Trail, change: impl FnOnce(&mut Trail)) -> Answer {
        self.records.change(trail.home(), &trail.name, |row: &mut Option<Trail>| match row {
            Some(trail) => {
                change(trail);
                Ok::<_, AwsError>(Value::Null)
            }
            None => Err(not_found(&trail.arn(), &trail.account)),
        })
    }
}
