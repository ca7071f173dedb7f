//! Of a thing that stands in one place only no other is told: "S3 brought the least. It stands at the brook" where S3 stands at the quarry.

use aios_languages::Sense;
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::explain::same_column;
use crate::grid::{Grid, Pred};
use crate::reading::Reading;
use crate::scope::entities;

pub(super) fn look(reading: &Reading<'_>, table: usize, grid: &Grid, finding: &mut Finding) {
    let mut before: Option<(usize, Pred)> = None;
    for piece in reading.said() {
        let text = &reading.texts[piece];
        let names: Vec<Pred> = entities(text, table, grid)
            .into_iter()
            .map(|entity| entity.pred)
            .filter(|pred| matches!(pred, Pred::Is(..)))
            .collect();
        let block = reading.answer.pieces[piece].block;
        let said = match names.as_slice() {
            [one] if text.has(Sense::Back) => before
                .filter(|(own, _)| *own == block)
                .map(|(_, name)| (name, *one)),
            [one, other] => Some((*one, *other)),
            _ => None,
        };
        let plain = !text.has(Sense::Negation) && !text.has(Sense::Except);
        if let Some((one, other)) = said.filter(|(one, other)| plain && apart(grid, one, other)) {
            let mut issue = at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                "the table has these two in no row together",
                "Name what the row has",
            );
            let rows = [grid.shown(&one), grid.shown(&other)];
            issue.evidence = Some(rows.join(", "));
            finding.issues.push(issue);
            return;
        }
        before = match names.as_slice() {
            [one] if !text.has(Sense::Back) => Some((block, *one)),
            _ => before.filter(|_| names.is_empty()),
        };
    }
}

/// Whether two names of different columns share no row, and one of them has all its rows with one name of the column of the other.
fn apart(grid: &Grid, one: &Pred, other: &Pred) -> bool {
    if same_column(one, other) {
        return false;
    }
    let mut both = vec![*one, *other];
    both.sort_unstable();
    grid.rows_of(&both).is_empty() && (is_told(grid, one, other) || is_told(grid, other, one))
}

/// Whether each name of the column of one has one name of the other column alone, and there are more rows than names.
fn is_told(grid: &Grid, one: &Pred, other: &Pred) -> bool {
    let (Pred::Is(own, _), Pred::Is(theirs, _)) = (one, other) else {
        return false;
    };
    let names = grid.names(*own).len();
    let (kinds, many) = (grid.names(*theirs).len(), names > 1 && grid.rows > names);
    many && kinds < names && names <= NAMES && grid.tells(*own, *theirs)
}

/// Names of a column above which nobody looks for what each stands with.
const NAMES: usize = 200;
