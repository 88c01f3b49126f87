//! Alarms change with time: each is looked at once a minute, also through minutes that a test skips
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>).

use std::sync::PoisonError;

use firmhold_core::Timestamp;
use serde_json::json;

use super::CloudWatch;
use super::alarm::{Alarm, State, TreatMissing};
use super::expression::Series;
use super::history::Item;
use crate::storage::StorageError;

const MINUTE: i64 = 60;
/// Minutes that are gone through one by one when the clock was turned far: a week.
const MAX_STEPS: i64 = 7 * 24 * 60;
/// Periods before those that count, where a missing one is made up from.
const FURTHER_PERIODS: i64 = 2;

/// How far the alarms have been looked at.
pub(super) struct Progress {
    /// The whole minute of the last look.
    minute: i64,
    /// The day up to which S3 has counted its objects.
    pub(super) storage_day: i64,
}

impl Progress {
    pub(super) fn new(now: Timestamp) -> Self {
        let minute = now.as_secs().div_euclid(MINUTE);
        Self { minute, storage_day: now.as_secs().div_euclid(86_400) }
    }
}

/// What counts of the values.
struct Look {
    /// The newest that there are, as many as the alarm looks at.
    real: Series,
    breaching: usize,
}

impl CloudWatch {
    /// Looks at all alarms, for each minute since the last time. Cheap while a minute lasts. Answers whether a day has
    /// begun.
    pub(crate) fn evaluate(&self) -> Result<bool, StorageError> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.storage.clock().now().as_secs().div_euclid(MINUTE);
        if now <= progress.minute {
            return Ok(false);
        }
        let new_day = self.count_storage(&mut progress, self.storage.clock().now())?;
        let first = (progress.minute + 1).max(now - MAX_STEPS);
        for alarm in self.records.everywhere::<Alarm>()? {
            self.evaluate_alarm(alarm, first, now)?;
        }
        progress.minute = now;
        Ok(new_day)
    }

    fn evaluate_alarm(&self, mut alarm: Alarm, first: i64, last: i64) -> Result<(), StorageError> {
        let (period, periods) = (alarm.period(), i64::from(alarm.evaluation_periods) + FURTHER_PERIODS);
        // All at once: a step only cuts its periods out.
        let from = (first * MINUTE).div_euclid(period) * period - periods * period;
        let values = alarm.values(&self.figures, from, last * MINUTE);
        let made = alarm.updated.as_secs().div_euclid(MINUTE);
        for minute in first.max(made)..=last {
            let end = (minute * MINUTE).div_euclid(period) * period;
            let span: Series =
                values.range(end - periods * period..end).map(|(at, value)| (*at, *value)).collect();
            let look = Look::at(&alarm, &span);
            if let Some(state) = look.state(&alarm).filter(|state| *state != alarm.state) {
                self.change_state(&mut alarm, &look, state, minute * MINUTE)?;
            }
        }
        Ok(())
    }

    /// `at`: the whole minute, in seconds.
    fn change_state(
        &self,
        alarm: &mut Alarm,
        look: &Look,
        state: State,
        at: i64,
    ) -> Result<(), StorageError> {
        let (before, now) = (alarm.state, Timestamp::from_secs(at));
        alarm.state = state;
        alarm.reason = reason(alarm, state, look);
        alarm.reason_data =
            Some(data(alarm, &look.real, at.div_euclid(alarm.period()) * alarm.period(), now));
        alarm.state_updated = now;
        // A change, not a write: the alarm may have been put anew, or deleted, in the meantime.
        self.records.change(alarm.home(), &alarm.name, |row: &mut Option<Alarm>| {
            if let Some(row) = row {
                row.state = alarm.state;
                row.reason.clone_from(&alarm.reason);
                row.reason_data.clone_from(&alarm.reason_data);
                row.state_updated = now;
            }
            Ok::<(), StorageError>(())
        })?;
        self.note(alarm, Item::changed(alarm, before, now))?;
        self.act(alarm, before, now)
    }
}

impl Look {
    /// At the values of the periods that may count.
    fn at(alarm: &Alarm, values: &Series) -> Self {
        let wanted = alarm.evaluation_periods as usize;
        let real: Series = values.iter().rev().take(wanted).map(|(at, value)| (*at, *value)).collect();
        let breaches = |value: &&f64| alarm.comparison.breaches(**value, alarm.threshold);
        let breaching = real.values().filter(breaches).count();
        Self { real, breaching }
    }

    /// The state that they make, with what is missing filled; `None`: it stays.
    fn state(&self, alarm: &Alarm) -> Option<State> {
        let Self { real, breaching } = self;
        let filled = alarm.evaluation_periods as usize - real.len();
        let needed = alarm.needed() as usize;
        Some(match alarm.treat_missing {
            TreatMissing::Breaching => alarm_if(breaching + filled >= needed),
            TreatMissing::NotBreaching => alarm_if(*breaching >= needed),
            TreatMissing::Missing if real.is_empty() => State::InsufficientData,
            TreatMissing::Missing => alarm_if(*breaching >= needed.min(real.len())),
            TreatMissing::Ignore if *breaching >= needed => State::Alarm,
            TreatMissing::Ignore if breaching + filled < needed => State::Ok,
            TreatMissing::Ignore => return None,
        })
    }
}

fn alarm_if(breaching: bool) -> State {
    if breaching { State::Alarm } else { State::Ok }
}

fn reason(alarm: &Alarm, state: State, look: &Look) -> String {
    let Look { real, breaching } = look;
    let needed = alarm.needed() as usize;
    if real.is_empty() {
        let missing = alarm.evaluation_periods;
        let points = if missing == 1 { "datapoint was" } else { "datapoints were" };
        let treated = match (alarm.treat_missing, state) {
            (TreatMissing::Breaching, _) => " and 1 missing datapoint was treated as [Breaching]",
            (TreatMissing::NotBreaching, _) => " and 1 missing datapoint was treated as [NonBreaching]",
            _ => "",
        };
        return match treated {
            "" => format!("Insufficient Data: {missing} {points} unknown."),
            treated => format!(
                "Threshold Crossed: no datapoints were received for {missing} period{}{}.",
                if missing == 1 { "" } else { "s" },
                treated.replace("1 missing datapoint was", &format!("{missing} missing {points}"))
            ),
        };
    }
    let newest: Vec<String> =
        real.iter().rev().map(|(at, value)| format!("{value} ({})", when(*at))).collect();
    let verdict = if state == State::Alarm { "" } else { "not " };
    let (count, words) = match state {
        State::Alarm => (*breaching, alarm.comparison.words()),
        _ => (real.len() - breaching, alarm.comparison.words()),
    };
    let transition = if state == State::Alarm { "OK -> ALARM" } else { "ALARM -> OK" };
    let least = if state == State::Alarm { needed } else { alarm.evaluation_periods as usize - needed + 1 };
    format!(
        "Threshold Crossed: {count} out of the last {} datapoints [{}] {} {verdict}{words} the threshold ({}) (minimum \
         {least} datapoint{} for {transition} transition).",
        alarm.evaluation_periods,
        newest.join(", "),
        if count == 1 { "was" } else { "were" },
        alarm.threshold,
        if least == 1 { "" } else { "s" },
    )
}

/// `24/11/26 14:00:00`, as reasons have it.
fn when(at: i64) -> String {
    let text = Timestamp::from_secs(at).to_string();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    format!("{}/{}/{} {}", part(8..10), part(5..7), part(2..4), part(11..19))
}

fn data(alarm: &Alarm, real: &Series, end: i64, now: Timestamp) -> String {
    let points: Vec<f64> = real.values().copied().collect();
    let start =
        real.keys().next().copied().unwrap_or(end - alarm.period() * i64::from(alarm.evaluation_periods));
    json!({
        "version": "1.0",
        "queryDate": now.to_string(),
        "startDate": Timestamp::from_secs(start).to_string(),
        "period": alarm.period(),
        "recentDatapoints": points,
        "threshold": alarm.threshold,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::alarm::{Comparison, Source};
    use super::super::metric::{Metric, Statistic};
    use super::*;

    fn alarm(needed: u32, treat_missing: TreatMissing) -> Alarm {
        Alarm {
            account: "111122223333".to_owned(),
            region: "us-west-2".to_owned(),
            name: "a".to_owned(),
            description: None,
            updated: Timestamp::EPOCH,
            actions_enabled: true,
            ok_actions: Vec::new(),
            alarm_actions: Vec::new(),
            insufficient_data_actions: Vec::new(),
            source: Source::Metric {
                metric: Metric::s3("4xxErrors", "b", "FilterId", "f"),
                period: 60,
                statistic: Statistic::Average,
            },
            unit: None,
            evaluation_periods: 3,
            datapoints_to_alarm: Some(needed),
            threshold: 0.5,
            comparison: Comparison::GreaterThan,
            treat_missing,
            state: State::InsufficientData,
            reason: String::new(),
            reason_data: None,
            state_updated: Timestamp::EPOCH,
            tags: BTreeMap::new(),
        }
    }

    /// `0` does not breach, `X` does, `-` is missing; the newest is last.
    fn states(periods: &str, needed: u32) -> String {
        let values: Series = periods
            .chars()
            .zip(0..)
            .filter(|(c, _)| *c != '-')
            .map(|(c, number)| (number * 60, if c == 'X' { 1.0 } else { 0.0 }))
            .collect();
        let kinds = [
            TreatMissing::Missing,
            TreatMissing::Ignore,
            TreatMissing::Breaching,
            TreatMissing::NotBreaching,
        ];
        let state = |kind| {
            let alarm = alarm(needed, kind);
            Look::at(&alarm, &values).state(&alarm).map_or("same", State::name)
        };
        kinds.map(state).join(" ")
    }

    /// The tables of AWS's page on missing data, three of three and two of three.
    #[test]
    fn missing_data_is_treated_as_aws_does() {
        assert_eq!(states("0-X-X", 3), "OK OK OK OK");
        assert_eq!(states("0----", 3), "OK OK OK OK");
        assert_eq!(states("-----", 3), "INSUFFICIENT_DATA same ALARM OK");
        assert_eq!(states("0XX-X", 3), "ALARM ALARM ALARM ALARM");
        assert_eq!(states("--X--", 3), "ALARM same ALARM OK");
        assert_eq!(states("0-X-X", 2), "ALARM ALARM ALARM ALARM");
        assert_eq!(states("00X0X", 2), "ALARM ALARM ALARM ALARM");
        assert_eq!(states("-----", 2), "INSUFFICIENT_DATA same ALARM OK");
    }

    #[test]
    fn reasons_read_like_those_of_aws() {
        let values = Series::from([(0, 0.25), (60, 0.75), (120, 1.0)]);
        let reason_of = |needed, kind, values: &Series| {
            let alarm = alarm(needed, kind);
            let look = Look::at(&alarm, values);
            reason(&alarm, look.state(&alarm).unwrap(), &look)
        };
        assert_eq!(
            reason_of(2, TreatMissing::Missing, &values),
            "Threshold Crossed: 2 out of the last 3 datapoints [1 (01/01/70 00:02:00), 0.75 (01/01/70 00:01:00), 0.25 \
             (01/01/70 00:00:00)] were greater than the threshold (0.5) (minimum 2 datapoints for OK -> ALARM \
             transition)."
        );
        assert_eq!(
            reason_of(3, TreatMissing::NotBreaching, &Series::new()),
            "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as \
             [NonBreaching]."
        );
    }
}
