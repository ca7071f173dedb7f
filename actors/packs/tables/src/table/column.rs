//! From the cells of one column to typed values: which kind, which format, which cells do not fit.

use super::CHECK_EVERY;
use super::cells::{Cells, Characters, Different};
use super::date::{DateReading, Layout, Order};
use super::names;
use super::number::{Mark, NumberReading, Plain};
use crate::Error;
use aios_tools::Check;

/// How many cells speak for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Votes {
    /// Cells with a value.
    pub(crate) filled: u64,
    /// Cells that are a number only with a decimal point, only with a decimal comma, or both but not the same one.
    pub(crate) point: u64,
    pub(crate) comma: u64,
    pub(crate) either: u64,
    /// Cells that are the same number under both marks.
    pub(crate) plain: u64,
    /// Dates that no number looks like; eight-digit dates; years.
    pub(crate) dates: u64,
    pub(crate) compact: u64,
    pub(crate) years: u64,
    /// Numeric dates whose first (second) number is above 12.
    pub(crate) day_first: u64,
    pub(crate) month_first: u64,
    /// Amounts of money whose only mark groups their digits, where decimals have a point, and where they have a comma.
    pub(crate) money_point: u64,
    pub(crate) money_comma: u64,
    /// Amounts in euro.
    pub(crate) euros: u64,
    /// Cells without any figure.
    pub(crate) words: u64,
}

impl Votes {
    pub(crate) fn of(
        cells: &Cells,
        source: Characters<'_>,
        check: Check<'_>,
    ) -> Result<Self, Error> {
        let mut votes = Self::default();
        let (mut hundreds, mut thousand_point, mut thousand_comma) = (false, 0, 0);
        for (at, Different { text, count, .. }) in cells.different(source).enumerate() {
            if at % CHECK_EVERY == 0 {
                check()?;
            }
            votes.filled += count;
            // Either needs a digit; free text ends here.
            if !text.bytes().any(|byte| byte.is_ascii_digit()) {
                votes.words += if is_word(text) { count } else { 0 };
                continue;
            }
            // Four and eight digits may be a date.
            if let Some(plain) = Plain::of(text)
                && !plain.may_group()
                && !matches!(text.len(), 4 | 8)
            {
                if plain.decimals == 0 {
                    votes.plain += count;
                } else {
                    votes.point += count;
                }
                continue;
            }
            let number = NumberReading::of(text);
            match &number {
                NumberReading {
                    point: Some(point),
                    comma: Some(comma),
                } => {
                    if point.real() == comma.real() {
                        hundreds |= point.unit.is_some_and(super::units::is_currency)
                            && text.bytes().filter(u8::is_ascii_digit).count() == 3;
                        votes.plain += count
                    } else {
                        votes.either += count;
                        // Money has two decimals: where three digits stand behind the only mark of an amount, it groups. A price of a
                        // litre has three as well, and one digit before them.
                        let digits = text.bytes().filter(u8::is_ascii_digit).count();
                        if digits == 4 && point.unit.is_some_and(super::units::is_currency) {
                            if text.contains(',') {
                                thousand_point += count;
                            } else {
                                thousand_comma += count;
                            }
                        }
                        if digits > 4 && point.unit.is_some_and(super::units::is_currency) {
                            if text.contains(',') {
                                votes.money_point += count;
                            } else {
                                votes.money_comma += count;
                            }
                        }
                    }
                    votes.euros += if point.unit == Some("EUR") { count } else { 0 };
                }
                NumberReading {
                    point: Some(_),
                    comma: None,
                } => votes.point += count,
                NumberReading {
                    point: None,
                    comma: Some(comma),
                } => {
                    votes.comma += count;
                    votes.euros += if comma.unit == Some("EUR") { count } else { 0 };
                }
                NumberReading {
                    point: None,
                    comma: None,
                } => {}
            }
            // A number is a date too only as bare digits: a year, or year, month and day in one.
            if number.is_number() && !matches!(text.len(), 4 | 8) {
                continue;
            }
            if let Some(date) = DateReading::of(text) {
                match date.layout {
                    Layout::Compact => votes.compact += count,
                    Layout::Year => votes.years += count,
                    Layout::Numeric(_) => {
                        votes.dates += count;
                        let (first, second) = date.numbers();
                        votes.day_first += if first > 12 { count } else { 0 };
                        votes.month_first += if second > 12 { count } else { 0 };
                    }
                    _ => votes.dates += count,
                }
            }
        }
        // `$1,403` beside `$929`: hundreds without a mark say what the mark of thousands is.
        if hundreds {
            votes.money_point += thousand_point;
            votes.money_comma += thousand_comma;
        }
        Ok(votes)
    }

    /// The decimal mark that the cells prove, if they prove one.
    pub(crate) fn mark(&self) -> Option<Mark> {
        match self.point.cmp(&self.comma) {
            std::cmp::Ordering::Greater => Some(Mark::Point),
            std::cmp::Ordering::Less => Some(Mark::Comma),
            std::cmp::Ordering::Equal => match self.money_point.cmp(&self.money_comma) {
                std::cmp::Ordering::Greater => Some(Mark::Point),
                std::cmp::Ordering::Less => Some(Mark::Comma),
                std::cmp::Ordering::Equal => None,
            },
        }
    }

    /// The order of day and month that the cells prove, if they prove one.
    pub(crate) fn order(&self) -> Option<Order> {
        match self.day_first.cmp(&self.month_first) {
            std::cmp::Ordering::Greater => Some(Order::DayFirst),
            std::cmp::Ordering::Less => Some(Order::MonthFirst),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// Whether every cell with a value is a number.
    pub(crate) fn all_numbers(&self) -> bool {
        self.plain + self.either + self.point.max(self.comma) == self.filled
    }

    /// Cells without any figure among those that are none of `good`.
    fn words_beside(&self, good: u64) -> u64 {
        self.words.min(self.filled.saturating_sub(good))
    }

    /// Whether some cells are neither numbers nor dates.
    pub(crate) fn has_texts(&self) -> bool {
        let numbers = self.plain + self.either + self.point + self.comma;
        numbers.max(self.dates) < self.filled
    }

    /// What the cells look like, most of all.
    pub(crate) fn shape(&self, name: &str) -> Shape {
        let compact = self.compact == self.filled || names::names_a_date(name);
        let dates = self.dates
            + if compact { self.compact } else { 0 }
            + if names::names_a_year(name) {
                self.years
            } else {
                0
            };
        let numbers = self.plain + self.either + self.point.max(self.comma);
        if self.filled == 0 {
            Shape::Empty
        } else if suffices(
            self.filled,
            self.filled - dates.min(self.filled) - self.words_beside(dates),
            self.words_beside(dates),
        ) {
            Shape::Dates
        } else if suffices(
            self.filled,
            self.filled - numbers - self.words_beside(numbers),
            self.words_beside(numbers),
        ) {
            Shape::Numbers
        } else {
            Shape::Texts {
                part: dates.max(numbers),
            }
        }
    }
}

/// What a column looks like before its cells are read for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Empty,
    Dates,
    Numbers,
    /// `part` of the cells are numbers or dates all the same.
    Texts {
        part: u64,
    },
}

/// Whether `good` cells of `filled` make the others mistakes: nine in ten, or all but one of a few.
pub(crate) fn carries(good: u64, filled: u64) -> bool {
    good > 0
        && (good.saturating_mul(10) >= filled.saturating_mul(9)
            || (filled - good == 1 && good >= 3))
}

/// Whether the rest of `filled` cells make a column, where some fit not and some are only words: words in place of a figure take none
/// away, so there may be more of them.
pub(crate) fn suffices(filled: u64, misfits: u64, words: u64) -> bool {
    let good = filled.saturating_sub(misfits + words);
    carries(good, filled)
        || (misfits == 0 && good > 2 && good.saturating_mul(10) >= filled.saturating_mul(7))
}

/// What the rest of the file says where a column alone leaves a choice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hints {
    /// The decimal mark that another column proves.
    pub(crate) mark: Option<Mark>,
    /// The order of day and month that another column proves.
    pub(crate) order: Option<Order>,
    /// Semicolons, decimal commas or euros.
    pub(crate) european: bool,
    /// A column of the table holds the places of its rows in an order.
    pub(crate) placed: bool,
}

impl Hints {
    pub(crate) fn of(votes: &[Votes], separator: u8) -> Self {
        let sum = |part: fn(&Votes) -> u64| {
            votes
                .iter()
                .filter(|v| part(v) * 2 > v.filled)
                .map(part)
                .sum()
        };
        let all = Votes {
            point: sum(|v| v.point),
            comma: sum(|v| v.comma),
            money_point: sum(|v| v.money_point),
            money_comma: sum(|v| v.money_comma),
            ..Votes::default()
        };
        let dates = Votes {
            day_first: votes.iter().map(|v| v.day_first).sum(),
            month_first: votes.iter().map(|v| v.month_first).sum(),
            ..Votes::default()
        };
        let mark = all.mark();
        let european =
            separator == b';' || mark == Some(Mark::Comma) || votes.iter().any(|v| v.euros > 0);
        Self {
            mark,
            order: dates.order(),
            european,
            placed: false,
        }
    }
}

/// A cell that does not fit its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadCell {
    pub(crate) row: usize,
    pub(crate) text: String,
    pub(crate) expected: String,
    /// How many more cells of the column do not fit.
    pub(crate) others: u64,
}

/// Gathers the cells of a column that do not fit.
#[derive(Default)]
pub(crate) struct Misfits<'t> {
    first: Option<(usize, &'t str)>,
    count: u64,
    plain: bool,
}

impl<'t> Misfits<'t> {
    pub(crate) fn add(&mut self, cell: &Different<'t>) {
        self.count += cell.count;
        let mixes = cell.text.chars().all(char::is_alphanumeric)
            && cell.text.contains(char::is_alphabetic)
            && cell.text.contains(|c: char| c.is_ascii_digit());
        self.plain |= !mixes;
        if self.first.is_none_or(|(row, _)| cell.row < row) {
            self.first = Some((cell.row, cell.text));
        }
    }

    /// Whether each looks like a code: `207a`, `C536379`.
    pub(crate) fn all_mix_letters_and_digits(&self) -> bool {
        !self.plain
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The first in the file, shortened.
    pub(crate) fn first(&self) -> Option<(usize, String)> {
        let (row, text) = self.first?;
        Some((row, shortened(text)))
    }

    pub(crate) fn bad_cell(&self, expected: String) -> Option<BadCell> {
        let (row, text) = self.first()?;
        Some(BadCell {
            row,
            text,
            expected,
            others: self.count - 1,
        })
    }
}

/// Whether a cell holds no figure at all, nor stands for one.
pub(super) fn is_word(text: &str) -> bool {
    let infinite = text
        .trim_start_matches(['-', '+'])
        .get(..3)
        .is_some_and(|head| head.eq_ignore_ascii_case("inf"));
    !infinite && !text.contains(|c: char| c.is_numeric()) && text.contains(char::is_alphabetic)
}

fn shortened(text: &str) -> String {
    if text.chars().count() > 60 {
        text.chars().take(57).chain("...".chars()).collect()
    } else {
        text.to_owned()
    }
}
