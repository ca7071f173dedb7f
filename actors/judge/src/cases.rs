//! Answers to judge, one a line, and how well a judge tells the good from the bad.

use aios_work::{Report, Status};
use serde::{Deserialize, Serialize};

/// A line of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// What it is called.
    pub id: String,
    /// What was asked.
    pub goal: String,
    /// The file the goal is about, from the folder of the batch; none for a goal without one.
    #[serde(default)]
    pub data_file: Option<String>,
    /// The answer.
    pub answer: String,
    /// What it is known to be: `good` or `bad`; none where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<String>,
    /// How bad that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A line that comes out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The case.
    pub id: String,
    /// What came of it.
    #[serde(flatten)]
    pub report: Report,
}

/// How well a judge tells good answers from bad ones; the positive is a bad answer found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Measured {
    /// Good answers.
    pub good: usize,
    /// Of these, those that were approved.
    pub good_passed: usize,
    /// Good answers that are hard to tell.
    pub borderline: usize,
    /// Of these, those that were approved.
    pub borderline_passed: usize,
    /// Bad answers.
    pub bad: usize,
    /// Of these, those that were not approved.
    pub bad_refused: usize,
    /// Bad answers with a critical defect that were approved.
    pub critical_approved: usize,
}

impl Measured {
    /// Counts one case.
    pub fn add(&mut self, case: &Case, status: Status) {
        let passed = status == Status::Approved;
        match case.label.as_deref() {
            Some("good") => {
                let borderline = case
                    .note
                    .as_deref()
                    .is_some_and(|note| note.starts_with("borderline"));
                let (all, some) = match borderline {
                    true => (&mut self.borderline, &mut self.borderline_passed),
                    false => (&mut self.good, &mut self.good_passed),
                };
                *all += 1;
                *some += usize::from(passed);
            }
            Some("bad") => {
                self.bad += 1;
                self.bad_refused += usize::from(!passed);
                self.critical_approved +=
                    usize::from(passed && case.severity.as_deref() == Some("critical"));
            }
            _ => {}
        }
    }

    /// Refused answers that are bad, of all refused ones.
    #[must_use]
    pub fn precision(&self) -> f64 {
        let wrongly = self.good - self.good_passed + self.borderline - self.borderline_passed;
        part(self.bad_refused, self.bad_refused + wrongly)
    }

    /// Bad answers that were refused, of all bad ones.
    #[must_use]
    pub fn recall(&self) -> f64 {
        part(self.bad_refused, self.bad)
    }

    /// Good answers that passed, of all good ones that are not hard to tell.
    #[must_use]
    pub fn good_share(&self) -> f64 {
        part(self.good_passed, self.good)
    }

    /// The same of those that are hard to tell.
    #[must_use]
    pub fn borderline_share(&self) -> f64 {
        part(self.borderline_passed, self.borderline)
    }
}

/// Of nothing everything holds.
fn part(some: usize, all: usize) -> f64 {
    if all == 0 {
        1.0
    } else {
        some as f64 / all as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_of_refusals_and_recall_of_bad_answers() {
        let mut measured = Measured::default();
        let case = |label: &str, note: &str| Case {
            id: String::new(),
            goal: String::new(),
            data_file: None,
            answer: String::new(),
            label: Some(label.to_owned()),
            defect: None,
            severity: Some("critical".to_owned()),
            note: Some(note.to_owned()),
        };
        for (label, note, status) in [
            ("good", "", Status::Approved),
            ("good", "", Status::Unverified),
            ("good", "borderline: x", Status::Approved),
            ("bad", "", Status::Rejected),
            ("bad", "", Status::Rejected),
            ("bad", "", Status::Approved),
        ] {
            measured.add(&case(label, note), status);
        }
        assert!((measured.precision() - 2.0 / 3.0).abs() < 1e-12);
        assert!((measured.recall() - 2.0 / 3.0).abs() < 1e-12);
        assert!((measured.good_share() - 0.5).abs() < 1e-12);
        assert_eq!(
            (measured.borderline_passed, measured.critical_approved),
            (1, 1)
        );
    }
}
