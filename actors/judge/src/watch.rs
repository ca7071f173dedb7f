//! Judging while a text grows: a writer that goes wrong is stopped early.

use aios_work::{Report, Severity};

use crate::criteria::Criteria;
use crate::ground::Ground;
use crate::judge::judge_beginning;

/// Bytes of a text that stand over what is judged next: its headings.
const OVER: usize = 1_024;
/// Bytes of one piece above which it is judged though it has no end.
const PIECE: usize = 8_192;

/// Watches one text. Each finished piece is looked at once, so the whole costs what the text is long.
#[derive(Debug)]
pub struct Watch<'g> {
    ground: &'g Ground,
    criteria: &'g Criteria,
    /// Headings over what comes next.
    over: String,
    /// What has no end yet.
    open: String,
    stopped: bool,
}

impl<'g> Watch<'g> {
    /// Watches a text that is to answer this.
    #[must_use]
    pub fn new(ground: &'g Ground, criteria: &'g Criteria) -> Self {
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
            let report = judge_beginning(&text, self.ground, self.criteria);
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
