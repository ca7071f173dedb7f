//! What each word of a goal was taken for; no word has two readings.

use aios_languages::{Ask, Asked, Asking, UnitName};

use super::period::Said;
use super::schema::Schema;
use super::words::{Numeral, Words, canon};

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

    /// Leaves out things of several words that are none here.
    pub(super) fn retain_phrases(&self, words: &Words, schema: &Schema, asked: &mut Vec<&Asked>) {
        // "in stock" is a thing only where a column holds it.
        let nothing = |asked: &Asked| {
            matches!(asked.asking, Asking::Concept(concept) if schema.standing_for(concept).is_empty())
                && self.asked.iter().any(|other| {
                    (other.from, other.to, other.asking)
                        == (asked.from, asked.to, Asking::Ask(Ask::Filler))
                })
        };
        asked.retain(|asked| asked.to == asked.from + 1 || !nothing(asked));
        // "charge per code" of a column `charge`
        let each = |asked: &Asked| {
            let column = asked.from..asked.to.saturating_sub(1);
            asked.to == asked.from + 2
                && matches!(asked.asking, Asking::Concept(_))
                && self.ends_at(asked.to, Ask::Per)
                && schema.columns.iter().any(|known| {
                    let said = words.all.get(column.clone()).unwrap_or_default();
                    known.words.len() == said.len()
                        && known
                            .words
                            .iter()
                            .zip(said)
                            .all(|(word, said)| *word == canon(&said.text))
                })
        };
        asked.retain(|asked| !each(asked));
        // "attendance rate per day": a rate for one of something is a price only where a column holds one.
        let rate = |asked: &Asked| {
            asked.to > asked.from + 2
                && self.ends_at(asked.from + 1, Ask::Ratio)
                && matches!(asked.asking, Asking::Concept(concept) if schema.standing_for(concept).is_empty())
        };
        asked.retain(|asked| !rate(asked));
        // "did they take in total": the last word of a thing's name belongs to a longer word of asking that begins with it.
        let asks_on = |asked: &Asked| {
            self.asked.iter().any(|longer| {
                matches!(longer.asking, Asking::Ask(ask) if ask != Ask::Filler)
                    && longer.from + 1 == asked.to
                    && longer.to > asked.to
            })
        };
        asked.retain(|asked| {
            let phrase = asked.to > asked.from + 1 && matches!(asked.asking, Asking::Concept(_));
            !phrase || !asks_on(asked)
        });
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

/// Whether a word chooses the largest or the smallest.
pub(super) fn is_an_end(mark: &Mark) -> bool {
    matches!(
        mark.what,
        What::Superlative(..) | What::Ask(Ask::Highest | Ask::Lowest | Ask::Top | Ask::Bottom)
    )
}

/// Whether a word says nothing of its own.
pub(super) fn is_filler(mark: &Mark) -> bool {
    matches!(
        mark.what,
        What::Ask(Ask::Filler | Ask::And | Ask::From | Ask::To | Ask::There)
    )
}
