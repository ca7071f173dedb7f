//! What of a goal is written beside its question or written wrongly: remarks in brackets, what they explain, misspelt words.

use aios_languages::{Ask, Asking, Hint, UnitName, asks, hints, is_misspelt};

use super::marks::{Mark, Marks, What};
use super::schema::Schema;
use super::units::has_unit;
use super::words::Words;

impl Marks {
    /// "(SAP puts the minus at the end)": what names no column, value, period or number asks nothing. "alumnos suspendieron (nota menor que
    /// 5)", "order value (wert)": what does says what the words before it mean.
    pub(super) fn set_aside(&mut self, words: &Words, schema: &Schema) {
        let mut rest = 0;
        while let Some((open, close)) = brackets(&words.raw, rest) {
            rest = close;
            let within = |mark: &Mark| {
                let start = words.all.get(mark.from).map_or(0, |word| word.start);
                (open..close).contains(&start)
            };
            let Some(first) = self.all.iter().position(within) else {
                continue;
            };
            let count = self
                .all
                .iter()
                .skip(first)
                .take_while(|mark| within(mark))
                .count();
            let inside = self.all.get(first..first + count).unwrap_or_default();
            let units = inside
                .iter()
                .all(|mark| matches!(mark.what, What::Unit(_) | What::Kin(_)));
            // A word that is only a part of a column's name beside words that nothing answers to is one of a remark.
            let loose = inside.iter().any(|mark| mark.what == What::Unknown);
            let names = inside.iter().any(|mark| {
                matches!(
                    mark.what,
                    What::Column(_, true) | What::Value(..) | What::Period(_) | What::Number(_)
                ) || matches!(mark.what, What::Column(..)) && !loose
            });
            if units {
                continue;
            }
            if !names {
                let said = words.raw.get(open + 1..close).unwrap_or_default();
                self.asides.push(said.trim().to_owned());
                self.all
                    .iter_mut()
                    .skip(first)
                    .take(count)
                    .for_each(|mark| mark.what = What::Ask(Ask::Filler));
                continue;
            }
            // A column's name alone says which column the words before it mean.
            let column = matches!(
                inside,
                [Mark {
                    what: What::Column(_, true),
                    ..
                }]
            );
            for mark in self.all.iter_mut().take(first).rev() {
                let explained = match &mark.what {
                    What::Unknown => true,
                    What::Concept(concept) => column && schema.standing_for(*concept).is_empty(),
                    What::Ask(Ask::Filler) => column,
                    _ => false,
                };
                if !explained {
                    break;
                }
                mark.what = What::Ask(Ask::Filler);
            }
        }
    }

    /// "temprature": a long word that nothing answers to and that is one letter away from one thing only is read as that.
    pub(super) fn spell(&mut self, words: &Words, schema: &Schema) {
        for mark in &mut self.all {
            let said = words.text(mark.from);
            // "leaving the sheep aside" is no "leading".
            let known = hints(Hint::Apart, said);
            if known || mark.what != What::Unknown || mark.to != mark.from + 1 {
                continue;
            }
            let mut columns: Vec<usize> = Vec::new();
            let mut meant = String::new();
            for (at, column) in schema.columns.iter().enumerate() {
                let spoken = super::words::spaced(&column.id.name);
                let near = spoken.iter().find(|word| is_misspelt(said, &word.text));
                if let Some(near) = near {
                    columns.push(at);
                    meant.clone_from(&near.text);
                }
            }
            let what =
                match columns.as_slice() {
                    [] => asks(&words.language).and_then(|asks| asks.near(said)).map(
                        |(known, asking)| {
                            meant = known;
                            match asking {
                                Asking::Ask(ask) => What::Ask(ask),
                                Asking::Superlative(ask, concept) => {
                                    What::Superlative(ask, concept)
                                }
                                Asking::Ordinal(number) => What::Ordinal(number),
                                Asking::Concept(concept) => What::Concept(concept),
                            }
                        },
                    ),
                    [_] => Some(What::Column(columns, false)),
                    _ => None,
                };
            if let Some(what) = what {
                let written = words.written(mark.from, mark.to).to_owned();
                self.spelled.push((written, meant));
                mark.what = what;
            }
        }
    }

    /// "overtime hours" of `ot_hrs`: behind a hint at a column its unit is that, and no time.
    pub(super) fn units_behind(&mut self, schema: &Schema) {
        for at in 1..self.all.len() {
            let columns = match self.all.get(at - 1).map(|mark| &mark.what) {
                Some(What::Column(all, _) | What::Kin(all)) => all.clone(),
                _ => continue,
            };
            let Some(mark) = self.all.get_mut(at) else {
                continue;
            };
            let unit = match mark.what {
                What::Ask(Ask::Hour) => UnitName::Hour,
                What::Ask(Ask::Day) => UnitName::Day,
                What::Ask(Ask::Week) => UnitName::Week,
                What::Ask(Ask::Month) => UnitName::Month,
                _ => continue,
            };
            let mut columns = columns.iter().filter_map(|at| schema.columns.get(*at));
            if columns.any(|column| column.is_measure() && has_unit(column, unit)) {
                mark.what = What::Unit(Some(unit));
            }
        }
    }

    /// "phone number of Marta": behind a column's name the word numbers, and counts nothing.
    pub(super) fn numbers_of(&mut self, words: &Words) {
        for at in 1..self.all.len() {
            let named = self
                .all
                .get(at - 1)
                .is_some_and(|mark| matches!(mark.what, What::Column(..)));
            if let Some(mark) = self.all.get_mut(at).filter(|_| named)
                && mark.what == What::Ask(Ask::Count)
                && ["number", "no", "nummer", "numero"].contains(&words.text(mark.from))
            {
                mark.what = What::Ask(Ask::Filler);
            }
        }
    }
}

/// The next brackets of a text, as the places of both.
fn brackets(text: &str, from: usize) -> Option<(usize, usize)> {
    let open = from + text.get(from..)?.find('(')?;
    let close = open + text.get(open..)?.find(')')?;
    Some((open, close))
}
