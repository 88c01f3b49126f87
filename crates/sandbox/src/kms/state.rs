//! EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::key::KeyState;
use super::{Kms, invalid};
use crate::call::{Answer, Call, epoch};

const DAY: Duration = Duration::from_secs(86_400);
/// Days that a key waits for its deletion.
const WINDOW: std::ops::RangeInclusive<u32> = 7..=30;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneKey {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduleKeyDeletion {
    key_id: String,
    pending_window_in_days: Option<u32>,
}

impl Kms {
    pub(super) fn enable_key(&self, call: &Call<'_>) -> Answer {
        self.set_state(call, KeyState::Enabled)
    }

    pub(super) fn disable_key(&self, call: &Call<'_>) -> Answer {
        self.set_state(call, KeyState::Disabled)
    }

    fn set_state(&self, call: &Call<'_>, state: KeyState) -> Answer {
        let input: OneKey = call.input()?;
        let key = self.authorized(call, &input.key_id)?;
        self.change_key(&key, |key| {
            key.check_not_pending()?;
            key.state = state;
            Ok(())
        })?;
        Ok(Value::Null)
    }

    pub(super) fn schedule_key_deletion(&self, call: &Call<'_>) -> Answer {
        let input: ScheduleKeyDeletion = call.input()?;
        let key = self.authorized(call, &input.key_id)?;
        let days = input.pending_window_in_days.unwrap_or(*WINDOW.end());
        if !WINDOW.contains(&days) {
            return Err(invalid(format!(
                "PendingWindowInDays must be between {} and {} days (inclusive)",
                WINDOW.start(),
                WINDOW.end()
            )));
        }
        let at = call.now.plus(DAY * days);
        self.change_key(&key, |key| {
            key.check_not_pending()?;
            key.state = KeyState::PendingDeletion { at };
            Ok(())
        })?;
        Ok(json!({
            "KeyId": key.arn(),
            "DeletionDate": epoch(at),
            "KeyState": "PendingDeletion",
            "PendingWindowInDays": days,
        }))
    }

    /// The key is disabled then.
    pub(super) fn cancel_key_deletion(&self, call: &Call<'_>) -> Answer {
        let input: OneKey = call.input()?;
        let key = self.authorized(call, &input.key_id)?;
        self.change_key(&key, |key| {
            if key.check_not_pending().is_ok() {
                let message = format!("{} is not pending deletion.", key.arn());
                return Err(crate::aws_error::AwsError::new(400, "KMSInvalidStateException", message));
            }
            key.state = KeyState::Disabled;
            Ok(())
        })?;
        Ok(json!({"KeyId": key.arn()}))
    }
}
