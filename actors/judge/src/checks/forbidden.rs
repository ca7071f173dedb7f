//! What the criteria forbid is not said: word for word, whether in large letters or small.

use aios_work::{Category, Issue, Severity, quoted};

use super::{Finding, Look};
use crate::criteria::Criteria;
use crate::reading::Reading;

pub(crate) struct Forbidden;

/// Characters of a forbidden text that a report repeats.
const SHOWN: usize = 80;

impl Look for Forbidden {
    fn name(&self) -> &'static str {
        "forbidden"
    }

    fn dimension(&self) -> Category {
        Category::Tone
    }

    fn look(&self, reading: &Reading<'_>, criteria: &Criteria) -> Finding {
        if criteria.forbidden.is_empty() {
            return Finding::default();
        }
        let lines: Vec<String> = reading.raw.lines().map(str::to_lowercase).collect();
        let issues = criteria.forbidden.iter().filter_map(|text| {
            let wanted = text.to_lowercase();
            let line = lines.iter().position(|line| line.contains(&wanted))?;
            let mut issue = Issue::new(
                Category::Tone,
                Severity::Critical,
                format!("{} is forbidden", quoted(text, SHOWN)),
                "Leave it out",
            )
            .at(reading.raw.lines().nth(line).unwrap_or_default());
            issue.line = u32::try_from(line + 1).ok();
            Some(issue)
        });
        Finding::of(issues)
    }
}
