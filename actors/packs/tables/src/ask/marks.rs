//! What each word of a goal was taken for; no word has two readings.

use aios_languages::{Ask, Asked, Asking, UnitName};

use super::period::Said;
use super::words::Numeral;

/// What a stretch of a goal was taken for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A word of asking.
    Ask(Ask),
    /// A thing that data are often about, and no column is called so.
    Concept(u32),
    /// Most or least of a thing.
    Superlative(Ask, u32),
    /// The second, the third.
    Ordinal(u32),
    /// One of these columns, best first; whether all of its name is there.
    Column(Vec<usize>, bool),
    /// Columns that a word hints at and does not name: a word of one family with theirs, or their unit.
    Kin(Vec<usize>),
    /// Values of the data, with their columns.
    Value(Vec<(usize, String)>, bool),
    /// A period.
    Period(Said),
    /// A minute of the day.
    Clock(u16),
    /// A number.
    Number(Numeral),
    /// The unit of the number before it.
    Unit(Option<UnitName>),
    /// What the table's file is called: its rows.
    File,
    /// Nothing that is known.
    Unknown,
}

/// A stretch of a goal with what it was taken for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    pub from: usize,
    pub to: usize,
    pub what: What,
}

/// All of a goal's words, each in one mark.
#[derive(Debug)]
pub(super) struct Marks {
    pub asked: Vec<Asked>,
    pub all: Vec<Mark>,
    /// Remarks in brackets that ask nothing.
    pub asides: Vec<String>,
    /// Words that were read as another one, with that.
    pub spelled: Vec<(String, String)>,
}

impl Marks {
    /// Where a word of asking that begins here ends; the longest.
    pub(super) fn ask_at(&self, at: usize, ask: Ask) -> Option<usize> {
        let of = self
            .asked
            .iter()
            .filter(|asked| asked.from == at && asked.asking == Asking::Ask(ask));
        of.map(|asked| asked.to).max()
    }

    /// Whether a word of asking ends here.
    pub(super) fn ends_at(&self, to: usize, ask: Ask) -> bool {
        self.asked
            .iter()
            .any(|asked| asked.to == to && asked.asking == Asking::Ask(ask))
    }

    /// Whether a word can be one without meaning.
    pub(super) fn is_filler(&self, at: usize) -> bool {
        self.can_be(at, at + 1, |asking| asking == Asking::Ask(Ask::Filler))
    }

    /// Whether the words can be one of asking.
    pub(super) fn can_be(&self, from: usize, to: usize, is: impl Fn(Asking) -> bool) -> bool {
        self.asked
            .iter()
            .any(|asked| asked.from == from && asked.to == to && is(asked.asking))
    }
}

/// Words of asking that also name what a column can hold.
pub(super) fn names_a_thing(ask: Ask) -> bool {
    matches!(
        ask,
        Ask::Day
            | Ask::Week
            | Ask::Month
            | Ask::Quarter
            | Ask::Year
            | Ask::Weekday
            | Ask::Hour
            | Ask::Filler
            | Ask::First
            | Ask::Last
            | Ask::Rank
            | Ask::BelowZero
            | Ask::AboveZero
    )
}
