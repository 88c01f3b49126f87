//! All figures, by the minute: in memory, and as lines of the records.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::metric::{Figure, Metric};
use crate::records::{Home, Line, Records, Row};
use crate::storage::StorageError;

const MINUTE: i64 = 60;

/// Account and region, metric, minute.
type Kept = BTreeMap<(String, String), BTreeMap<Metric, BTreeMap<i64, Figure>>>;

/// The figures. Clones share them.
#[derive(Clone)]
pub(super) struct Figures {
    records: Records,
    kept: Arc<RwLock<Kept>>,
}

/// What is added to the figure of a minute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) metric: Metric,
    /// Minutes since 1970.
    pub(super) minute: i64,
    pub(super) figure: Figure,
}

impl Row for Sample {
    const KIND: &'static str = "cloudwatch-sample";
}

impl Sample {
    pub(super) fn new(home: Home<'_>, metric: Metric, time: Timestamp, figure: Figure) -> Self {
        let (account, region) = (home.account.to_owned(), home.region.to_owned());
        Self { account, region, metric, minute: time.as_secs().div_euclid(MINUTE), figure }
    }
}

impl Figures {
    pub(super) fn open(records: Records) -> Result<Self, StorageError> {
        let mut kept = Kept::new();
        for sample in records.all_lines::<Sample>()? {
            merge(&mut kept, sample);
        }
        Ok(Self { records, kept: Arc::new(RwLock::new(kept)) })
    }

    /// Adds samples, durably. Those of the same metric and minute are one line.
    pub(super) fn add(&self, samples: Vec<Sample>) -> Result<(), StorageError> {
        if samples.is_empty() {
            return Ok(());
        }
        let mut joined: BTreeMap<(String, String, Metric, i64), Figure> = BTreeMap::new();
        for Sample { account, region, metric, minute, figure } in samples {
            joined
                .entry((account, region, metric, minute))
                .and_modify(|old| *old = old.join(figure))
                .or_insert(figure);
        }
        let samples: Vec<Sample> = joined
            .into_iter()
            .map(|((account, region, metric, minute), figure)| Sample {
                account,
                region,
                metric,
                minute,
                figure,
            })
            .collect();
        let lines: Vec<Line<'_, Sample>> = samples
            .iter()
            .map(|sample| Line {
                home: Home { account: &sample.account, region: &sample.region },
                time: Timestamp::from_secs(sample.minute * MINUTE),
                row: sample,
            })
            .collect();
        self.records.add(&lines)?;
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        for sample in samples {
            merge(&mut kept, sample);
        }
        Ok(())
    }

    /// The figures of a metric by periods of `period` seconds, which start at multiples of it: of those that start
    /// at `from` or later and before `to`, in seconds since 1970.
    pub(super) fn periods(
        &self,
        home: Home<'_>,
        metric: &Metric,
        period: i64,
        from: i64,
        to: i64,
    ) -> BTreeMap<i64, Figure> {
        let mut periods: BTreeMap<i64, Figure> = BTreeMap::new();
        let first = from.div_euclid(period) * period;
        let first = if first < from { first + period } else { first };
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let minutes = kept.get(&place(home)).and_then(|metrics| metrics.get(metric));
        let last = (to - 1).div_euclid(period) * period + period;
        let span = first.div_euclid(MINUTE)..last.div_euclid(MINUTE);
        if span.start >= span.end {
            return periods;
        }
        for (minute, figure) in minutes.into_iter().flat_map(|minutes| minutes.range(span.clone())) {
            let start = (minute * MINUTE).div_euclid(period) * period;
            periods.entry(start).and_modify(|old| *old = old.join(*figure)).or_insert(*figure);
        }
        periods
    }

    /// Forgets what is older than that.
    pub(super) fn forget(&self, before: Timestamp) -> Result<(), StorageError> {
        self.records.forget::<Sample>(before)?;
        let minute = before.as_secs().div_euclid(MINUTE);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        for metrics in kept.values_mut() {
            metrics.retain(|_, minutes| {
                *minutes = minutes.split_off(&minute);
                !minutes.is_empty()
            });
        }
        Ok(())
    }

    /// The metrics that have figures since then.
    pub(super) fn metrics_since(&self, home: Home<'_>, since: Timestamp) -> Vec<Metric> {
        let minute = since.as_secs().div_euclid(MINUTE);
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let metrics = kept.get(&place(home)).into_iter().flatten();
        metrics
            .filter(|(_, minutes)| minutes.range(minute..).next().is_some())
            .map(|(metric, _)| metric.clone())
            .collect()
    }
}

fn place(home: Home<'_>) -> (String, String) {
    (home.account.to_owned(), home.region.to_owned())
}

fn merge(kept: &mut Kept, sample: Sample) {
    let Sample { account, region, metric, minute, figure } = sample;
    let minutes = kept.entry((account, region)).or_default().entry(metric).or_default();
    minutes.entry(minute).and_modify(|old| *old = old.join(figure)).or_insert(figure);
}

#[cfg(test)]
mod tests {
    use super::super::metric::Statistic;
    use super::*;

    #[test]
    fn figures_come_by_periods_and_survive() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.redb");
        let home = Home { account: "111122223333", region: "us-west-2" };
        let metric = Metric::s3("AllRequests", "b", "FilterId", "f");
        let sample =
            |second| Sample::new(home, metric.clone(), Timestamp::from_secs(second), Figure::one(1.0));
        let figures = Figures::open(Records::open(&path).unwrap()).unwrap();
        figures.add(vec![sample(0), sample(59), sample(60), sample(299)]).unwrap();
        figures.add(vec![sample(300)]).unwrap();
        figures.forget(Timestamp::from_secs(-60)).unwrap();
        drop(figures);
        let figures = Figures::open(Records::open(&path).unwrap()).unwrap();
        let sums = |period, from, to| -> Vec<(i64, f64)> {
            let periods = figures.periods(home, &metric, period, from, to);
            periods.into_iter().map(|(start, figure)| (start, figure.get(Statistic::Sum))).collect()
        };
        assert_eq!(sums(60, 0, 600), [(0, 2.0), (60, 1.0), (240, 1.0), (300, 1.0)]);
        assert_eq!(sums(300, 0, 600), [(0, 4.0), (300, 1.0)]);
        assert_eq!(sums(300, 1, 301), [(300, 1.0)]);
        assert_eq!(sums(60, 60, 300), [(60, 1.0), (240, 1.0)]);
        assert_eq!(sums(60, 600, 0), []);
        assert_eq!(figures.metrics_since(home, Timestamp::from_secs(300)), std::slice::from_ref(&metric));
        assert!(figures.metrics_since(home, Timestamp::from_secs(360)).is_empty());
        figures.forget(Timestamp::from_secs(60)).unwrap();
        assert_eq!(sums(60, 0, 600), [(60, 1.0), (240, 1.0), (300, 1.0)]);
    }
}
