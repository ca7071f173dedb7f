//! Fact slots: a writer names figures, and code puts them in.
//!
//! A text with slots holds `{task.path.to.figure}` where a figure belongs and no digit anywhere else. So a figure in the finished text is
//! one that a tool gave, whatever the writer believes it to be.

use std::collections::BTreeMap;
use std::fmt;

use crate::schema::steps;
use crate::{Fact, shown};

/// Longest name of a slot that is read, in bytes.
const NAME: usize = 512;
/// Problems that one text is told of.
const PROBLEMS: usize = 8;

/// The slots of some facts.
#[derive(Debug, Clone, Default)]
pub struct Slots<'a> {
    by_name: BTreeMap<String, &'a Fact>,
    /// Their names in the order of the facts.
    order: Vec<String>,
}

/// What is wrong with a text with slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotProblem {
    /// A digit that is in no slot, with the words around it.
    Digit(String),
    /// A slot that is no figure's, and the nearest that is.
    Unknown {
        /// The name.
        name: String,
        /// The nearest there is.
        nearest: Option<String>,
    },
}

impl fmt::Display for SlotProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digit(words) => write!(f, "{words:?} has a digit outside a slot"),
            Self::Unknown {
                name,
                nearest: Some(nearest),
            } => write!(
                f,
                "no figure is called {{{name}}}, the nearest is {{{nearest}}}"
            ),
            Self::Unknown { name, .. } => write!(f, "no figure is called {{{name}}}"),
        }
    }
}

/// A piece of a text with slots.
enum Piece<'t> {
    Text(&'t str),
    Slot(&'t str),
}

impl<'a> Slots<'a> {
    /// One slot for each fact that says from which place of which task it comes.
    #[must_use]
    pub fn of(facts: &'a [Fact]) -> Self {
        let mut slots = Self::default();
        for fact in facts {
            let Some(name) = name(fact) else { continue };
            let mut unique = name.clone();
            // Two places whose names differ only in characters that no slot has.
            let mut more = 2;
            while slots.by_name.contains_key(&unique) {
                unique = format!("{name}-{more}");
                more += 1;
            }
            slots.order.push(unique.clone());
            slots.by_name.insert(unique, fact);
        }
        slots
    }

    /// Each slot's name with its fact, in the order of the facts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a Fact)> {
        let found = |name: &'_ String| self.by_name.get(name).copied();
        self.order
            .iter()
            .filter_map(move |name| Some((name.as_str(), found(name)?)))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Everything that is wrong with a text: digits outside slots, slots of no figure. The first few are told.
    #[must_use]
    pub fn problems(&self, text: &str) -> Vec<SlotProblem> {
        let mut problems = Vec::new();
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => problems.extend(digits(text)),
                Piece::Slot(name) if self.by_name.contains_key(name) => {}
                Piece::Slot(name) => problems.push(SlotProblem::Unknown {
                    name: name.chars().take(80).collect(),
                    nearest: self.nearest(name),
                }),
            }
            if problems.len() >= PROBLEMS {
                break;
            }
        }
        problems.truncate(PROBLEMS);
        problems
    }

    /// How many slots a text has.
    #[must_use]
    pub fn used(&self, text: &str) -> usize {
        let is_slot = |piece: &Piece<'_>| matches!(piece, Piece::Slot(_));
        pieces(text).iter().filter(|piece| is_slot(piece)).count()
    }

    /// The text with each slot replaced by its figure, as Markdown. A slot of no figure stays as it stands.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(&shown::markdown(text)),
                Piece::Slot(name) => match self.by_name.get(name) {
                    Some(fact) => out.push_str(&value(fact)),
                    None => out.push_str(&shown::markdown(&format!("{{{name}}}"))),
                },
            }
        }
        out
    }

    fn nearest(&self, name: &str) -> Option<String> {
        let known = self.order.iter().take(NAME).map(String::as_str);
        crate::nearest(name, known).map(str::to_owned)
    }
}

/// A fact's value with its unit, as Markdown.
#[must_use]
pub fn value(fact: &Fact) -> String {
    let unit = fact.unit.as_deref().map(|unit| format!(" {unit}"));
    shown::markdown(&format!("{}{}", fact.value, unit.unwrap_or_default()))
}

/// A slot's name: the task and the steps to the figure, with a dot between; what could end a slot is left out.
fn name(fact: &Fact) -> Option<String> {
    let task = fact.source.task.as_deref()?;
    let steps = steps(fact.source.at.as_deref()?)?;
    let plain = |step: &str| -> String {
        let kept = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        step.chars()
            .map(|c| if kept(c) { c } else { '_' })
            .collect()
    };
    let mut name = task.to_owned();
    for step in &steps {
        name.push('.');
        name.push_str(&plain(step));
    }
    (name.len() <= NAME).then_some(name)
}

/// A text, cut at its slots. Braces that hold no name are text.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.len() <= NAME
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(open) = rest.find('{') {
        let inside = &rest[open + 1..];
        let close = inside.find(['}', '{']).unwrap_or(inside.len());
        let name = inside[..close].trim();
        if inside[close..].starts_with('}') && is_name(name) {
            pieces.push(Piece::Text(&rest[..open]));
            pieces.push(Piece::Slot(name));
            rest = &inside[close + 1..];
        } else {
            pieces.push(Piece::Text(&rest[..=open]));
            rest = inside;
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The words with digits in them. Whatever counts as a number in any script is one.
fn digits(text: &str) -> Vec<SlotProblem> {
    text.split_whitespace()
        .filter(|word| word.contains(char::is_numeric))
        .take(PROBLEMS)
        .map(|word| SlotProblem::Digit(word.chars().take(40).collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::figures;

    fn facts() -> Vec<Fact> {
        let result = json!({
            "total": {"price": 12.5, "unit": "EUR"},
            "rows": [{"n": 3}],
            "a b": 1, "a_b": 2,
            "mark": "*7*"
        });
        figures("order", "shop", &result).0
    }

    #[test]
    fn figures_are_put_in_by_their_names() {
        let facts = facts();
        let slots = Slots::of(&facts);
        let names: Vec<&str> = slots.iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "order.total.price",
                "order.rows.0.n",
                "order.a_b",
                "order.a_b-2",
                "order.mark"
            ]
        );
        let cases = [
            ("It costs {order.total.price}.", "It costs 12.5 EUR."),
            ("{ order.rows.0.n } of them", "3 of them"),
            ("{order.a_b} and {order.a_b-2}", "1 and 2"),
            ("{{order.a_b}}", "{1}"),
            ("{} {x y} {", "{} {x y} {"),
            ("{order.mark}", "\\*7\\*"),
            ("*no* <b>", "\\*no\\* &lt;b&gt;"),
        ];
        for (text, expected) in cases {
            assert_eq!(slots.fill(text), expected, "{text}");
        }
    }

    #[test]
    fn a_digit_outside_a_slot_and_a_slot_of_no_figure_are_found() {
        let facts = facts();
        let slots = Slots::of(&facts);
        let digit = |words: &str| SlotProblem::Digit(words.to_owned());
        let unknown = |name: &str, nearest: &str| SlotProblem::Unknown {
            name: name.to_owned(),
            nearest: Some(nearest.to_owned()),
        };
        let cases = [
            ("It costs {order.total.price}, no less.", vec![]),
            ("It costs {order.total.price}, not 13.", vec![digit("13.")]),
            (
                "v2 and \u{663} and \u{bd}",
                vec![digit("v2"), digit("\u{663}"), digit("\u{bd}")],
            ),
            (
                "{order.totl.price}",
                vec![unknown("order.totl.price", "order.total.price")],
            ),
            ("{order.total price} 4", vec![digit("4")]),
            ("{4", vec![digit("4")]),
            ("{4}", vec![unknown("4", "order.a_b")]),
        ];
        for (text, expected) in cases {
            let found = slots.problems(text);
            if let ("{4}", [SlotProblem::Unknown { name, .. }]) = (text, found.as_slice()) {
                assert_eq!(name, "4");
                continue;
            }
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(slots.problems(&"1 ".repeat(1_000)).len(), PROBLEMS);
        let none = Slots::of(&[]);
        assert_eq!(
            none.problems("{x}")[0].to_string(),
            "no figure is called {x}"
        );
    }
}
