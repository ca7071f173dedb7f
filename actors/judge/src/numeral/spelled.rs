//! Numbers in words.

use aios_languages::{Sense, Tag};

use super::scan::Scan;
use super::{Number, Reading};
use crate::unit::Unit;

impl Scan<'_> {
    /// Numbers in words.
    pub(super) fn spelled(&self, figures: &[Number]) -> Vec<Number> {
        let mut out = Vec::new();
        let (mut next, mut until) = (0, 0);
        for tag in self.tags {
            if tag.from < next {
                continue;
            }
            let start = self.words[tag.from].start;
            if start < until {
                continue;
            }
            if self.is_taken(start)
                || figures
                    .iter()
                    .any(|number| number.start <= start && start < number.end)
            {
                continue;
            }
            // "The second half of 2024" is a time and no part of anything.
            let placed = self
                .tags
                .iter()
                .any(|other| other.to == tag.from && matches!(other.tag, Tag::Ordinal(1 | 2)));
            if placed && tag.tag == Tag::Fraction(50.0) {
                continue;
            }
            let mut rough = 0.0;
            let (mut value, fraction) = match tag.tag {
                Tag::Number(value) => (value, false),
                Tag::Fraction(percent) => (percent, true),
                _ => continue,
            };
            let mut to = tag.to;
            let mut sum = 0.0;
            // "two hundred and five thousand" is as long as such a number gets.
            for _ in 0..8 {
                let gap_end = self
                    .words
                    .get(to)
                    .map_or(self.text.len(), |word| word.start);
                if fraction
                    || !matches!(
                        self.text.get(self.words[to - 1].end..gap_end),
                        Some(" " | "-")
                    )
                {
                    break;
                }
                let following = self
                    .tags
                    .iter()
                    .skip(self.tags.partition_point(|other| other.from < to));
                let following = following.take_while(|other| other.from == to);
                let more = following.into_iter().find_map(|other| match other.tag {
                    Tag::Number(more) if (more == 100.0 && value < 10.0) => {
                        Some((value * 100.0, 0.0))
                    }
                    Tag::Number(more)
                        if value % 100.0 >= 20.0 && value % 10.0 == 0.0 && more < 10.0 =>
                    {
                        Some((value + more, 0.0))
                    }
                    Tag::Number(more) if value >= 100.0 && value % 100.0 == 0.0 && more < 100.0 => {
                        Some((value + more, 0.0))
                    }
                    Tag::Scale(factor) if self.words[to].text.len() > 1 => {
                        Some((0.0, value.max(1.0) * factor))
                    }
                    _ => None,
                });
                let Some((now, scaled)) = more else { break };
                value = now;
                sum += scaled;
                to += 1;
            }
            value += sum;
            // "Two and a half", "five and a quarter".
            let joins = self
                .tags
                .iter()
                .any(|other| other.from == to && other.tag == Tag::Sense(Sense::And));
            let part = self.tags.iter().find_map(|other| match other.tag {
                Tag::Fraction(percent) if other.from == to + 1 => Some((percent, other.to)),
                _ => None,
            });
            if let Some((percent, end)) = part.filter(|_| joins && !fraction) {
                value += percent / 100.0;
                rough = percent / 200.0;
                to = end;
            }
            next = to;
            let end = self.words[to - 1].end;
            let mut number = Number {
                start,
                end,
                readings: vec![Reading {
                    value,
                    half: if fraction { value * 0.03 + 0.5 } else { rough },
                }],
                unit: fraction.then(|| Unit::named(aios_languages::UnitName::Percent)),
                signed: false,
                rough: false,
                bound: None,
                spelled: true,
                times: false,
                scale: 1.0,
                per: None,
            };
            if fraction {
                self.part_of_unit(&mut number);
            } else {
                self.trailing(&mut number);
                self.and_a_half(&mut number);
            }
            self.leading(&mut number);
            // "one" and "ein" are articles as often as numbers; "the half-year" is a name of a time.
            let article = value == 1.0 && number.unit.is_none() && tag.to - tag.from == 1;
            let hyphened = fraction
                && number.unit.as_ref().is_some_and(|unit| !unit.is_share())
                && self
                    .text
                    .get(start..number.end)
                    .is_some_and(|said| said.contains('-'));
            until = number.end;
            if !article && !hyphened {
                out.push(number);
            }
        }
        out
    }

    /// "Within a day": an article that counts.
    pub(super) fn single(&self, known: &[Number]) -> Vec<Number> {
        let articles = ["a", "an", "einer", "eines", "un", "une", "una"];
        let found = self.tags.iter().filter_map(|tag| {
            let Tag::Unit(name) = tag.tag else {
                return None;
            };
            let article = tag.from.checked_sub(1)?;
            let counted = articles.contains(&self.words[article].text.as_str());
            let within = self
                .tags
                .iter()
                .any(|other| other.to == article && other.tag == Tag::Sense(Sense::Within));
            let (start, end) = (self.words[article].start, self.words[tag.to - 1].end);
            let free = !known
                .iter()
                .any(|other| other.start < end && start < other.end);
            (counted && within && free).then(|| Number {
                start,
                end,
                readings: vec![Reading {
                    value: 1.0,
                    half: 0.0,
                }],
                unit: Some(Unit::named(name)),
                signed: false,
                rough: false,
                bound: None,
                spelled: true,
                times: false,
                scale: 1.0,
                per: None,
            })
        });
        found.collect()
    }

    /// "Un an et demi", "un año y medio": a part of the unit behind it.
    fn and_a_half(&self, number: &mut Number) {
        if number.unit.is_none() {
            return;
        }
        let next = self.word_at(number.end);
        let joins = self
            .tags
            .iter()
            .any(|tag| tag.from == next && tag.tag == Tag::Sense(Sense::And));
        let part = self.tags.iter().find_map(|tag| match tag.tag {
            Tag::Fraction(percent) if tag.from == next + 1 => Some((percent, tag.to)),
            _ => None,
        });
        if let Some((percent, to)) = part.filter(|_| joins) {
            for reading in &mut number.readings {
                reading.value += percent / 100.0;
                reading.half = reading.half.max(percent / 400.0);
            }
            number.end = self.words[to - 1].end;
        }
    }

    /// "Half a year" is a length of time and no part of a whole.
    fn part_of_unit(&self, number: &mut Number) {
        let next = self.word_at(number.end);
        for at in next..(next + 3).min(self.words.len()) {
            let unit = self.tags_from(at).find_map(|tag| match tag.tag {
                Tag::Unit(name) if name != aios_languages::UnitName::Percent => {
                    Some((name, tag.to))
                }
                _ => None,
            });
            if let Some((name, to)) = unit {
                let value = number.value() / 100.0;
                number.readings = vec![Reading { value, half: 0.001 }];
                number.unit = Some(Unit::named(name));
                number.end = self.words[to - 1].end;
                return;
            }
            if self.words[at].text.chars().count() > 3 {
                return;
            }
        }
    }
}
