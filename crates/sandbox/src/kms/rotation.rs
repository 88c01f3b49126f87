//! EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus. The sandbox keeps the setting; what rotates is the
//! material, which nobody sees.

use std::time::Duration;

use firmhold_core::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::key::Rotation;
use super::{Kms, invalid};
use crate::call::{Answer, Call, epoch};

const DAY: Duration = Duration::from_secs(86_400);
const DEFAULT_PERIOD: u32 = 365;
const PERIODS: std::ops::RangeInclusive<u32> = 90..=2560;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneKey {
    key_id: String,
    rotation_period_in_days: Option<u32>,
}

impl Kms {
    pub(super) fn enable_key_rotation(&self, call: &Call<'_>) -> Answer {
        let input: OneKey = call.input()?;
        let key = self.authorized(call, &input.key_id)?;
        let days = input.rotation_period_in_days.unwrap_or(DEFAULT_PERIOD);
        if !PERIODS.contains(&days) {
            return Err(invalid(format!(
                "RotationPeriodInDays must be between {} and {} days (inclusive)",
                PERIODS.start(),
                PERIODS.end()
            )));
        }
        self.change_key(&key, |key| {
            key.check_enabled()?;
            key.rotation = Some(Rotation { days, since: call.now });
            Ok(())
        })?;
        Ok(Value::Null)
    }

    pub(super) fn disable_key_rotation(&self, call: &Call<'_>) -> Answer {
        let input: OneKey = call.input()?;
        let key = self.authorized(call, &input.key_id)?;
        self.change_key(&key, |key| {
            key.check_enabled()?;
            key.rotation = None;
            Ok(())
        })?;
        Ok(Value::Null)
    }

    pub(super) fn get_key_rotation_status(&self, call: &Call<'_>) -> Answer {
        let input: OneKey = call.input()?;
        let key = self.authorized(call, &input.key_id)?;
        key.check_not_pending()?;
        // AWS rotates its own keys every year, and nobody can change that.
        let rotation = match key.aws_managed {
            true => Some(Rotation { days: DEFAULT_PERIOD, since: key.created }),
            false => key.rotation,
        };
        let mut status = json!({"KeyId": key.arn(), "KeyRotationEnabled": rotation.is_some()});
        if let Some(rotation) = rotation {
            status["RotationPeriodInDays"] = rotation.days.into();
            status["NextRotationDate"] = epoch(next(rotation, call.now));
        }
        Ok(status)
    }
}

/// The first end of a period that is still to come.
fn next(rotation: Rotation, now: Timestamp) -> Timestamp {
    let period = DAY * rotation.days;
    let passed = now.since(rotation.since).as_millis() / period.as_millis();
    rotation.since.plus(period * u32::try_from(passed + 1).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_rotation_is_to_come() {
        let rotation = Rotation { days: 90, since: Timestamp::EPOCH };
        let at = |days: u32| next(rotation, Timestamp::EPOCH.plus(DAY * days)).as_secs() / 86_400;
        assert_eq!((at(0), at(89), at(90), at(200)), (90, 90, 180, 270));
    }
}
