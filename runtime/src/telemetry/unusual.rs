//! What does not fit the last five minutes: the latest value of each figure against the median of those before it, in units of their
//! usual distance from it. Median and median distance are not moved by the very values that are looked for, and need no model of what is
//! usual here.

use std::collections::{HashMap, VecDeque};

use aios_control::Unusual;

use super::samples::{Sample, Sort};

/// Values kept of each figure: five minutes, one every ten seconds.
const KEPT: usize = 30;
/// Values before nothing is said: two minutes.
const LEAST: usize = 12;
/// Figures that are followed.
const FIGURES: usize = 4_096;
/// Distance at which a value does not fit. A normal distribution has one beyond it in some millions.
const FAR: f64 = 5.0;
/// What makes the median distance comparable with a standard deviation.
const SCALE: f64 = 1.4826;
/// The least distance that counts, as a share of the median and by itself: a figure that never moved may move a little.
const LEAST_SHARE: f64 = 0.05;
const LEAST_STEP: f64 = 0.5;

/// What was seen of a node's figures.
#[derive(Default)]
pub(crate) struct History {
    series: HashMap<Key, Series>,
    taken: u64,
}

type Key = (String, Vec<(String, String)>);

#[derive(Default)]
struct Series {
    /// What it was last, of those that only grow.
    last: Option<f64>,
    values: VecDeque<f64>,
    seen: u64,
}

impl History {
    /// Takes the figures of one moment. Of those that only grow it is the growth that is followed.
    pub(crate) fn take(&mut self, samples: &[Sample]) {
        self.taken += 1;
        for sample in samples {
            // A distribution is followed by how many there were and how long they took together, not by each bucket.
            if sample.name.ends_with("_bucket") || !sample.value.is_finite() {
                continue;
            }
            let key = (sample.name.clone(), sample.labels.clone());
            if self.series.len() >= FIGURES && !self.series.contains_key(&key) {
                continue;
            }
            let series = self.series.entry(key).or_default();
            series.seen = self.taken;
            let value = match sample.sort {
                Sort::Gauge => Some(sample.value),
                Sort::Counter | Sort::Histogram => {
                    let before = series.last.replace(sample.value);
                    // One that has become less began anew.
                    before.map(|before| (sample.value - before).max(0.0))
                }
            };
            if let Some(value) = value {
                if series.values.len() >= KEPT {
                    series.values.pop_front();
                }
                series.values.push_back(value);
            }
        }
        // What is not there any more is not unusual, it is gone.
        let now = self.taken;
        self.series.retain(|_, series| series.seen == now);
    }

    /// What does not fit, the farthest first.
    pub(crate) fn unusual(&self) -> Vec<Unusual> {
        let mut found: Vec<Unusual> = self
            .series
            .iter()
            .filter_map(|((name, labels), series)| judged(name, labels, &series.values))
            .collect();
        found.sort_by(|a, b| {
            let far = b.distance.abs().total_cmp(&a.distance.abs());
            far.then_with(|| (&a.metric, &a.labels).cmp(&(&b.metric, &b.labels)))
        });
        found
    }
}

fn judged(name: &str, labels: &[(String, String)], values: &VecDeque<f64>) -> Option<Unusual> {
    let (latest, before) = (values.back()?, values.len() - 1);
    if before < LEAST {
        return None;
    }
    let usual: Vec<f64> = values.iter().take(before).copied().collect();
    let median = median(usual.clone());
    let spread = self::median(usual.iter().map(|value| (value - median).abs()).collect());
    let least = (median.abs() * LEAST_SHARE).max(LEAST_STEP * f64::from(u8::from(counts(name))));
    let unit = (spread * SCALE).max(least).max(f64::EPSILON);
    let distance = (latest - median) / unit;
    (distance.abs() >= FAR).then(|| Unusual {
        metric: name.to_owned(),
        labels: labels.iter().cloned().collect(),
        value: *latest,
        median,
        spread: unit,
        distance: (distance * 10.0).round() / 10.0,
        values: values.iter().copied().collect(),
        every_ms: 10_000,
    })
}

/// Whether a figure counts things, which come one by one.
fn counts(name: &str) -> bool {
    !name.ends_with("_seconds_sum") && !name.ends_with("_ratio") && !name.ends_with("_score_sum")
}

/// The middle one; of an even number the mean of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (middle, even) = (values.len() / 2, values.len().is_multiple_of(2));
    match values.get(middle) {
        None => 0.0,
        Some(value) if !even => *value,
        Some(value) => (values[middle - 1] + value) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, value: f64, sort: Sort) -> Sample {
        Sample {
            name: name.to_owned(),
            labels: vec![("bus".to_owned(), "data".to_owned())],
            value,
            sort,
        }
    }

    /// Rows: values of a gauge one after another, whether the last one fits.
    #[test]
    fn a_value_is_unusual_by_what_was_usual_here() {
        let flat = vec![10.0; 20];
        let noisy: Vec<f64> = (0..20).map(|at| 100.0 + f64::from(at % 5)).collect();
        let spiked: Vec<f64> = (0..20)
            .map(|at| if at == 7 { 9_000.0 } else { 10.0 })
            .collect();
        for (mut values, last, fits) in [
            (flat.clone(), 10.0, true),
            (flat.clone(), 12.0, true),
            (flat.clone(), 30.0, false),
            (flat.clone(), 0.0, false),
            (noisy.clone(), 106.0, true),
            (noisy.clone(), 110.0, true),
            (noisy, 200.0, false),
            // One spike among the usual ones hides no other.
            (spiked, 300.0, false),
            (vec![0.0; 20], 1.0, true),
            (vec![0.0; 20], 50.0, false),
            // Not enough is known yet.
            (flat[..5].to_vec(), 900.0, true),
        ] {
            values.push(last);
            let mut history = History::default();
            for value in &values {
                history.take(&[sample("x", *value, Sort::Gauge)]);
            }
            let found = history.unusual();
            assert_eq!(found.is_empty(), fits, "{last} after {values:?}: {found:?}");
        }
    }

    #[test]
    fn what_only_grows_is_followed_by_its_growth_and_what_is_gone_is_forgotten() {
        let mut history = History::default();
        for at in 0..20 {
            history.take(&[sample("x_total", f64::from(at) * 7.0, Sort::Counter)]);
        }
        assert!(history.unusual().is_empty(), "it grows as it always did");
        // It began anew: that is no leap.
        history.take(&[sample("x_total", 3.0, Sort::Counter)]);
        history.take(&[sample("x_total", 903.0, Sort::Counter)]);
        let found = history.unusual();
        assert_eq!(
            (found.len(), found[0].median, found[0].value),
            (1, 7.0, 900.0)
        );
        assert_eq!(found[0].labels["bus"], "data");
        assert_eq!(found[0].values.len(), 21);
        for at in 0..100 {
            let value = 903.0 + f64::from(at) * 7.0;
            history.take(&[sample("x_total", value, Sort::Counter)]);
        }
        history.take(&[]);
        assert!(history.series.is_empty());
    }
}
