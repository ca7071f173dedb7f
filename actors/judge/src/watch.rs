//! Judging while a text grows: a writer that goes wrong is stopped early.

use aios_work::{CancelFlag, Report, Severity};

use crate::criteria::Criteria;
use crate::ground::Ground;
use crate::judge::judge_beginning;

/// Bytes of a text that stand over what is judged next: its headings.
const OVER: usize = 1_024;
/// Bytes of one piece above which it is judged though it has no end.
const PIECE: usize = 8_192;

/// Watches one text. Each finished piece is looked at once, so the whole costs what the text is long.
#[derive(Debug, Clone)]
pub struct Watch {
    ground: Ground,
    criteria: Criteria,
    /// Headings over what comes next.
    over: String,
    /// What has no end yet.
    open: String,
    stopped: bool,
}

impl Watch {
    /// Watches a text that is to answer this.
    #[must_use]
    pub fn new(ground: Ground, criteria: Criteria) -> Self {
        Self {
            ground,
            criteria,
            over: String::new(),
            open: String::new(),
            stopped: false,
        }
    }

    /// Takes what was written since, and says why the writer should stop, once.
    pub fn push(&mut self, more: &str) -> Option<Report> {
        if self.stopped {
            return None;
        }
        self.open.push_str(more);
        while let Some(end) = end_of_piece(&self.open) {
            let piece: String = self.open.drain(..end).collect();
            let text = format!("{}{piece}", self.over);
            let report = judge_beginning(&text, &self.ground, &self.criteria);
            if report
                .issues
                .iter()
                .any(|issue| issue.severity == Severity::Critical)
            {
                self.stopped = true;
                return Some(report);
            }
            self.keep_headings(&piece);
        }
        None
    }

    /// From now on pieces are looked at no further than until the flag is raised.
    pub fn until(&mut self, called_off: CancelFlag) {
        self.ground = self.ground.clone().until(called_off);
    }

    /// What it is watched by.
    #[must_use]
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    fn keep_headings(&mut self, piece: &str) {
        for line in piece.lines() {
            let bare = line.trim();
            if bare.starts_with('#') {
                self.over.clear();
            }
            if (bare.starts_with('#') || bare.ends_with(':')) && self.over.len() + bare.len() < OVER
            {
                self.over.push_str(bare);
                self.over.push_str("\n\n");
            }
        }
    }
}

/// Where the first finished piece ends: at an empty line, or where one is longer than a piece may be.
fn end_of_piece(open: &str) -> Option<usize> {
    if let Some(at) = open.find("\n\n") {
        return Some(at + 2);
    }
    if open.len() < PIECE {
        return None;
    }
    let cut = open.rfind(['.', '\n']).map_or(open.len(), |at| at + 1);
    Some(cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_work::{Document, Material};

    #[test]
    fn a_text_is_stopped_at_its_first_wrong_piece_however_it_comes() {
        let terms = Material::Document(Document {
            name: "terms.md".to_owned(),
            text: "# Terms\n\nThe contract runs for 12 months. It ends by notice in writing."
                .to_owned(),
        });
        let ground = Ground::new("How long does the contract run?", &[terms], Vec::new());
        let right = "The contract runs for 12 months.\n\nIt ends by notice in writing.\n\n";
        let wrong = "It runs for 18 months.\n\nThe contract runs for 12 months.\n\n";
        for step in [1, 7, 1_000] {
            for (text, stopped) in [(right.to_owned(), false), (format!("{right}{wrong}"), true)] {
                let mut watch = Watch::new(ground.clone(), Criteria::default());
                let mut reports = Vec::new();
                let chars: Vec<char> = text.chars().collect();
                for piece in chars.chunks(step) {
                    reports.extend(watch.push(&piece.iter().collect::<String>()));
                }
                assert_eq!(reports.len(), usize::from(stopped), "{step}: {reports:?}");
            }
        }
    }
}
