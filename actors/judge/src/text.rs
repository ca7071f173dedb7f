//! A stretch of text with everything the judge reads in it: names, numbers, times, meanings, clauses.

use std::collections::HashMap;

use aios_languages::{Folded, Lexicon, Sense, Tag, Tagged, folded};

use crate::column::Data;
use crate::grid::Grid;
use crate::moment::{MomentAt, moments};
use crate::numeral::{Bound, Number, Reading, numbers};
use crate::unit::Unit;

/// A text as it was read.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub raw: String,
    pub words: Vec<Folded>,
    pub tags: Vec<Tagged>,
    pub moments: Vec<MomentAt>,
    pub names: Vec<NameAt>,
    pub numbers: Vec<Number>,
    /// The stems of the words that carry meaning, each with its word.
    pub stems: Vec<(usize, String)>,
    /// Where clauses begin, as byte offsets; the first is 0.
    pub clauses: Vec<usize>,
}

/// A name from a table, where a text has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameAt {
    pub table: usize,
    pub column: usize,
    pub code: u32,
    pub start: usize,
    pub end: usize,
}

/// The names that tables hold, found by their first word.
#[derive(Default)]
pub(crate) struct Names {
    by_first: HashMap<String, Vec<Named>>,
    /// Names of one word by their first letters, for the adjectives that are made of them.
    by_head: HashMap<String, Vec<String>>,
    /// Of a language that puts words together: what a column of names is called, with its names of one word.
    kinds: Vec<(String, Vec<(String, NameAt)>)>,
}

/// Letters that an adjective shares with the name that it is made of: "Norwegian" and "Norway".
const HEAD: usize = 4;
/// How such adjectives end.
const ADJECTIVES: [&str; 5] = ["ian", "ish", "ese", "ean", "ern"];

/// Names of a column above which none is called by a part of it.
const CALLED: usize = 60;
/// Letters of a word that may stand for the name it is a part of.
const TELLING: usize = 4;

/// The words of names of several words that stand in no other name: "dairy" of "Dairy roof" and "Barn roof".
fn own_words<'v>(values: &'v [String], lexicon: &Lexicon) -> Vec<(u32, &'v str)> {
    let words: Vec<Vec<(String, &str)>> = values
        .iter()
        .map(|value| {
            let folded = folded(value).into_iter();
            folded
                .filter_map(|word| Some((word.text.clone(), value.get(word.start..word.end)?)))
                .collect()
        })
        .collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (word, _) in words.iter().flatten() {
        *counts.entry(word).or_default() += 1;
    }
    let mut out = Vec::new();
    for (code, own) in (0..).zip(&words) {
        if own.len() < 2 || own.len() > 4 {
            continue;
        }
        for (word, written) in own {
            let letters = word.chars().count() >= TELLING && word.chars().all(char::is_alphabetic);
            let tagged = !lexicon.tags(&folded(word)).is_empty();
            if letters && counts.get(word.as_str()) == Some(&1) && !lexicon.is_stop(word) && !tagged
            {
                out.push((code, *written));
            }
        }
    }
    out
}

struct Named {
    rest: Vec<String>,
    exact: Option<String>,
    /// The name of its column must stand before it: numbers are names there only.
    numeric: bool,
    table: usize,
    column: usize,
    code: u32,
}

impl Names {
    /// The names of these tables.
    pub(crate) fn of(grids: &[Grid], lexicon: &Lexicon) -> Self {
        let mut names = Self::default();
        for (table, grid) in grids.iter().enumerate() {
            for (column, found) in grid.columns.iter().enumerate() {
                let Data::Names { values, .. } = &found.data else {
                    continue;
                };
                if values.len() > 5_000 {
                    continue;
                }
                for (code, value) in (0..).zip(values) {
                    names.add(value, (table, column, code), lexicon);
                }
                // "Lindenhonig" is honey of the sort "Linde", as "Lackabteilung" is the department "Lackiererei".
                let kinds = grid.columns.iter().enumerate().filter(|(other, own)| {
                    *other == column || matches!(own.data, Data::Numbers(_))
                });
                if lexicon.code == "de" && values.len() <= CALLED {
                    for (_, own) in kinds {
                        names.add_kind(&own.name, values, (table, column));
                    }
                }
                if values.len() <= CALLED {
                    for (code, word) in own_words(values, lexicon) {
                        names.add(word, (table, column, code), lexicon);
                    }
                }
            }
        }
        names
    }

    /// Names of a column that is called by one word, as the beginning of a longer word: "Lackabteilung" of the Abteilung "Lackiererei".
    fn add_kind(&mut self, called: &str, values: &[String], (table, column): (usize, usize)) {
        // The unit of "Honig (kg)" calls nothing.
        let words = folded(called.split(['(', '[']).next().unwrap_or(called));
        let [kind] = words.as_slice() else { return };
        if kind.text.chars().count() < TELLING {
            return;
        }
        let own = (0..).zip(values).filter_map(|(code, value)| {
            let words = folded(value);
            let [word] = words.as_slice() else {
                return None;
            };
            let name = NameAt {
                table,
                column,
                code,
                start: 0,
                end: 0,
            };
            Some((word.text.clone(), name))
        });
        let own: Vec<(String, NameAt)> = own.collect();
        self.kinds.push((kind.text.clone(), own));
    }

    /// The one name that a word put together begins with, where it ends with what names of that kind are called.
    fn put_together(&self, word: &Folded) -> Option<NameAt> {
        self.kinds.iter().find_map(|(kind, own)| {
            let head = word.text.strip_suffix(kind.as_str())?;
            let head = head.strip_suffix('s').unwrap_or(head);
            if head.chars().count() < TELLING {
                return None;
            }
            // "Linden-", "Kirschen-": what joins two words.
            let all = aios_languages::lexicons();
            let joined = |name: &str| {
                let rest = head.strip_prefix(name);
                rest.is_some_and(|rest| all.iter().any(|own| own.is_joining(rest)))
            };
            let mut meant = own
                .iter()
                .filter(|(name, _)| name.starts_with(head) || joined(name));
            match (meant.next(), meant.next()) {
                (Some((_, name)), None) => Some(NameAt {
                    start: word.start,
                    end: word.end,
                    ..*name
                }),
                _ => None,
            }
        })
    }

    fn add(&mut self, value: &str, (table, column, code): (usize, usize, u32), lexicon: &Lexicon) {
        if value.len() > 80 {
            return;
        }
        let words = folded(value);
        let Some(first) = words.first() else { return };
        let numeric = words.len() == 1 && first.text.bytes().all(|byte| byte.is_ascii_digit());
        let alike = lexicon
            .tags(&words)
            .iter()
            .any(|tag| tag.to - tag.from == words.len() && !matches!(tag.tag, Tag::Concept(_)));
        let plain = words.len() == 1
            && (first.text.chars().count() <= 2 || lexicon.is_stop(&first.text) || alike);
        let named = Named {
            rest: words[1..].iter().map(|word| word.text.clone()).collect(),
            exact: plain.then(|| value.to_owned()),
            numeric,
            table,
            column,
            code,
        };
        if words.len() == 1
            && let Some(head) = first.text.get(..HEAD)
        {
            let heads = self.by_head.entry(head.to_owned()).or_default();
            if !heads.contains(&first.text) {
                heads.push(first.text.clone());
            }
        }
        self.by_first
            .entry(first.text.clone())
            .or_default()
            .push(named);
    }

    fn find(
        &self,
        raw: &str,
        words: &[Folded],
        tags: &[Tagged],
        grids: &[Grid],
        lexicon: &Lexicon,
    ) -> Vec<NameAt> {
        // "The highest" is nobody who is called "high".
        let meant: std::collections::HashSet<usize> = tags
            .iter()
            .filter(|tag| {
                matches!(
                    tag.tag,
                    Tag::Sense(Sense::Highest | Sense::Lowest | Sense::Up | Sense::Down)
                )
            })
            .flat_map(|tag| tag.from..tag.to)
            .collect();
        let mut out: Vec<NameAt> = words
            .iter()
            .filter_map(|word| self.put_together(word))
            .collect();
        for (at, word) in words.iter().enumerate() {
            // "Adults", "children": a name with an ending of up to three letters.
            let most = if meant.contains(&at) { 1 } else { 4 };
            let endings = (1..most).filter_map(|cut| {
                let at = word.text.len().checked_sub(cut).filter(|at| *at > 3)?;
                let whole = word.text.is_char_boundary(at) && !lexicon.is_stop(&word.text);
                whole.then(|| &word.text[..at])
            });
            // "The Norwegian cities": of one country only.
            let adjective = lexicon.code == "en"
                && raw
                    .get(word.start..)
                    .is_some_and(|text| text.starts_with(char::is_uppercase))
                && ADJECTIVES.iter().any(|ending| word.text.ends_with(ending));
            let root = adjective
                .then(|| self.by_head.get(word.text.get(..HEAD)?))
                .flatten()
                .and_then(|heads| match heads.as_slice() {
                    [one] => self.by_first.get(one),
                    _ => None,
                });
            let entries = self
                .by_first
                .get(&word.text)
                .into_iter()
                .chain(endings.filter_map(|begin| self.by_first.get(begin)))
                .chain(root);
            for named in entries.flatten() {
                let to = at + 1 + named.rest.len();
                let fits = words.get(at + 1..to).is_some_and(|behind| {
                    behind.iter().zip(&named.rest).all(|(word, part)| {
                        word.text == *part
                            || (word.text.len() > 3 && word.text.strip_suffix('s') == Some(part))
                    })
                });
                let (start, end) = (
                    word.start,
                    words.get(to - 1).map_or(word.end, |last| last.end),
                );
                // What stands apart in the text may not be one name in the table: "Berlin. Nord".
                let together = raw.get(start..end).is_some_and(|text| {
                    !text.contains(['.', ';', '|', '\n', ':'])
                        || named.rest.is_empty()
                        || text.chars().filter(|c| !c.is_alphanumeric()).count() <= named.rest.len()
                });
                let exact = named.exact.as_deref().is_none_or(|exact| {
                    let said = raw.get(start..end).unwrap_or("");
                    said == exact || (begins(raw, start) && is_capital_of(said, exact))
                });
                let announced = !named.numeric || {
                    let column = &grids[named.table].columns[named.column];
                    at.checked_sub(1).is_some_and(|before| {
                        column.stems.contains(&lexicon.stem(&words[before].text))
                    })
                };
                if fits && together && exact && announced {
                    out.push(NameAt {
                        table: named.table,
                        column: named.column,
                        code: named.code,
                        start,
                        end,
                    });
                }
            }
        }
        // Of two names at one place the longer one is meant.
        let kept = out.clone();
        out.retain(|name| {
            !kept.iter().any(|other| {
                other.start <= name.start
                    && name.end <= other.end
                    && other.end - other.start > name.end - name.start
            })
        });
        out.sort_by_key(|name| name.start);
        out.dedup();
        out
    }
}

/// Whether a sentence or a part of one begins at a place: at the start, behind a colon or a semicolon.
fn begins(raw: &str, at: usize) -> bool {
    let head = raw.get(..at).unwrap_or("").trim_end();
    head.is_empty() || head.ends_with([':', ';', '.', '|'])
}

/// Whether a word is a name with a capital letter in place of its small one.
fn is_capital_of(said: &str, name: &str) -> bool {
    let (mut said, mut name) = (said.chars(), name.chars());
    let first = said.next().zip(name.next());
    let same = first.is_some_and(|(a, b)| b.is_lowercase() && b.to_uppercase().eq([a]));
    same && said.as_str() == name.as_str()
}

impl Text {
    /// Reads a text.
    pub(crate) fn read(raw: &str, lexicon: &Lexicon, names: &Names, grids: &[Grid]) -> Self {
        let words = folded(raw);
        let tags = longest(lexicon.tags(&words));
        let names = names.find(raw, &words, &tags, grids, lexicon);
        let capital = matches!(lexicon.code.as_str(), "en" | "de");
        let mut moments = moments(raw, &words, &tags, capital, lexicon.code != "en");
        moments
            .iter_mut()
            .for_each(|found| quarter_of_year(raw, found));
        moments.retain(|moment| {
            !names
                .iter()
                .any(|name| name.start < moment.end && moment.start < name.end)
        });
        let mut taken: Vec<(usize, usize)> = names
            .iter()
            .map(|name| (name.start, name.end))
            .chain(moments.iter().map(|moment| (moment.start, moment.end)))
            .collect();
        taken.sort_unstable();
        let mut numbers = numbers(raw, &words, &tags, &taken, lexicon.code != "en");
        let mut tags = tags;
        turn_denied_limits(raw, &words, &mut tags, &mut numbers);
        only_apart(&mut tags);
        // "38 min" is no least, "5 m" no million: what a number took as its own means nothing else.
        let tags: Vec<Tagged> = tags
            .into_iter()
            .filter(|tag| {
                let place = words[tag.from].start;
                let inside = |number: &Number| {
                    !number.spelled && number.start <= place && place < number.end
                };
                !matches!(tag.tag, Tag::Sense(_)) || !numbers.iter().any(inside)
            })
            .collect();
        let stems = words
            .iter()
            .enumerate()
            .filter(|(_, word)| {
                !lexicon.is_stop(&word.text) && word.text.chars().any(char::is_alphabetic)
            })
            .map(|(at, word)| (at, lexicon.stem(&word.text)))
            .collect();
        let clauses = clauses(raw, &words, &tags);
        Self {
            raw: raw.to_owned(),
            words,
            tags,
            moments,
            names,
            numbers,
            stems,
            clauses,
        }
    }

    /// Reads "22:45" and "1:34:00" as lengths of time in place of times of day: minutes and seconds, or hours and minutes.
    pub(crate) fn clocks_last(&mut self) {
        for (start, end, parts) in lengths(&self.raw) {
            self.moments
                .retain(|moment| moment.end <= start || end <= moment.start);
            self.numbers
                .retain(|number| number.end <= start || end <= number.start);
            let readings: Vec<(f64, f64)> = match parts.as_slice() {
                [one, other] => vec![
                    (one * 60.0 + other, 0.5),
                    (one * 3600.0 + other * 60.0, 30.0),
                ],
                [one, other, third] => vec![(one * 3600.0 + other * 60.0 + third, 0.5)],
                _ => continue,
            };
            let readings = readings
                .into_iter()
                .map(|(value, half)| Reading { value, half });
            self.numbers.push(Number {
                start,
                end,
                readings: readings.collect(),
                unit: Some(Unit::named(aios_languages::UnitName::Second)),
                signed: false,
                rough: false,
                bound: None,
                spelled: false,
                times: false,
                scale: 1.0,
                per: None,
            });
        }
        self.numbers.sort_by_key(|number| number.start);
    }

    /// "Three." where so many weeks are asked for: a number and nothing else is in the unit of the question.
    pub(crate) fn bare_number_in(&mut self, unit: &Unit) {
        let [number] = self.numbers.as_mut_slice() else {
            return;
        };
        let inside = |place: usize| number.start <= place && place < number.end;
        let alone = self.words.iter().all(|word| inside(word.start));
        if alone && number.unit.is_none() && !unit.is_share() {
            number.unit = Some(unit.clone());
        }
    }

    /// Whether a word of this meaning stands in it.
    pub(crate) fn has(&self, sense: Sense) -> bool {
        self.senses().any(|(found, _)| found == sense)
    }

    /// The same outside of times: "the first quarter" ranks nobody first.
    pub(crate) fn has_beside_times(&self, sense: Sense) -> bool {
        self.senses().any(|(found, place)| {
            let mut times = self.moments.iter();
            found == sense && !times.any(|time| time.start <= place && place < time.end)
        })
    }

    /// Whether a word limits a number behind it: "under 38 %".
    pub(crate) fn limits(&self, tag: &Tagged) -> bool {
        self.limited(tag).is_some()
    }

    /// The number behind a word that limits it.
    pub(crate) fn limited(&self, tag: &Tagged) -> Option<&Number> {
        self.numbers.iter().find(|number| {
            let next = self.words.partition_point(|word| word.start < number.start);
            number.bound.is_some() && next >= tag.to && next - tag.to < LIMIT
        })
    }

    /// Every meaning with the place of its first word.
    pub(crate) fn senses(&self) -> impl Iterator<Item = (Sense, usize)> + '_ {
        self.tags.iter().filter_map(|tag| match tag.tag {
            Tag::Sense(sense) => Some((sense, self.words[tag.from].start)),
            _ => None,
        })
    }

    /// The number of the clause at a place.
    pub(crate) fn clause(&self, place: usize) -> usize {
        self.clauses
            .partition_point(|start| *start <= place)
            .saturating_sub(1)
    }

    /// The text of a stretch of words.
    pub(crate) fn of(&self, tag: &Tagged) -> &str {
        let end = self.words[tag.to - 1].end;
        self.raw.get(self.words[tag.from].start..end).unwrap_or("")
    }

    /// What its words are about.
    pub(crate) fn concepts(&self) -> impl Iterator<Item = u32> + '_ {
        self.tags.iter().filter_map(|tag| match tag.tag {
            Tag::Concept(concept) => Some(concept),
            _ => None,
        })
    }

    /// Whether anything is read in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

/// Digits parted by colons, "22:45", with their places.
fn lengths(raw: &str) -> Vec<(usize, usize, Vec<f64>)> {
    let mut out = Vec::new();
    let mut start = 0;
    for run in raw.split(|c: char| !c.is_ascii_digit() && c != ':') {
        let end = start + run.len();
        let bare = run.trim_end_matches(':');
        let parts: Vec<&str> = bare.split(':').collect();
        let pairs = parts
            .iter()
            .skip(1)
            .all(|part| part.len() == 2 && part.parse::<u8>().is_ok_and(|part| part < 60));
        let first = parts
            .first()
            .is_some_and(|part| (1..=3).contains(&part.len()));
        if (2..=3).contains(&parts.len()) && pairs && first {
            let values = parts.iter().filter_map(|part| part.parse().ok()).collect();
            out.push((start, start + bare.len(), values));
        }
        start = end + raw[end..].chars().next().map_or(1, char::len_utf8);
    }
    out
}

/// Words between the two halves of a word for "only" that is said in two.
const ONLY: usize = 5;

/// "Il n'est rendu que pour ...": what looks like a denial says "only", where no other denial stands between.
fn only_apart(tags: &mut Vec<Tagged>) {
    let is = |tag: &Tagged, sense: Sense| tag.tag == Tag::Sense(sense);
    let opens: Vec<Tagged> = tags
        .iter()
        .filter(|tag| is(tag, Sense::OnlyOpens))
        .copied()
        .collect();
    for open in opens {
        let near = open.to..open.to + ONLY;
        let Some(close) = tags
            .iter()
            .find(|tag| is(tag, Sense::OnlyCloses) && near.contains(&tag.from))
            .copied()
        else {
            continue;
        };
        let denied = tags
            .iter()
            .any(|tag| is(tag, Sense::Negation) && (open.to..close.from).contains(&tag.from));
        if denied {
            continue;
        }
        tags.retain(|tag| !(is(tag, Sense::Negation) && tag.from == open.from));
        let at = tags.partition_point(|tag| tag.from < open.from);
        let tag = Tag::Sense(Sense::Only);
        tags.insert(at, Tagged { tag, ..open });
    }
}

/// Words behind a word of limit in which its number begins.
const LIMIT: usize = 2;

/// Words between a denial and the comparison that it turns round.
const DENIED: usize = 1;

/// "Must not be bigger than 8", "never more than 6": at most so many. Such a denial denies nothing else.
fn turn_denied_limits(raw: &str, words: &[Folded], tags: &mut Vec<Tagged>, numbers: &mut [Number]) {
    let mut turned_at: Option<(usize, Bound)> = None;
    for number in numbers.iter_mut() {
        let Some(bound) = number.bound else { continue };
        // "Must not weigh more than 25 or measure more than 60".
        let goes_on = turned_at.filter(|(end, before)| {
            let gap = raw.get(*end..number.start).unwrap_or(";");
            let joins = [" or ", " nor ", " oder ", " ou ", " o "];
            bound == *before
                && !gap.contains([',', ';', '.'])
                && joins.iter().any(|word| gap.contains(word))
        });
        if goes_on.is_some() {
            number.bound = Some(match bound {
                Bound::Above => Bound::Below,
                Bound::Below => Bound::Above,
            });
            turned_at = Some((number.end, bound));
            continue;
        }
        let next = words.partition_point(|word| word.start < number.start);
        let compares = match bound {
            Bound::Above => Sense::Above,
            Bound::Below => Sense::Below,
        };
        let Some(limit) = tags
            .iter()
            .find(|tag| tag.tag == Tag::Sense(compares) && tag.to == next)
            .copied()
        else {
            continue;
        };
        let most = if limit.to - limit.from > 1 { DENIED } else { 0 };
        let denial = tags.iter().find(|tag| {
            tag.tag == Tag::Sense(Sense::Negation)
                && tag.to <= limit.from
                && limit.from - tag.to <= most
        });
        let Some(denial) = denial.copied() else {
            continue;
        };
        let (turned, sense) = match bound {
            Bound::Above => (Bound::Below, Sense::AtMost),
            Bound::Below => (Bound::Above, Sense::AtLeast),
        };
        number.bound = Some(turned);
        turned_at = Some((number.end, bound));
        tags.retain(|tag| {
            let inside = denial.from <= tag.from && tag.to <= limit.to;
            !inside || !matches!(tag.tag, Tag::Sense(_))
        });
        let at = tags.partition_point(|tag| tag.from < denial.from);
        tags.insert(
            at,
            Tagged {
                from: denial.from,
                to: limit.to,
                tag: Tag::Sense(sense),
            },
        );
    }
}

/// "2025-Q3": the year of a quarter that is written by its key.
fn quarter_of_year(raw: &str, found: &mut MomentAt) {
    let head = raw
        .get(..found.start)
        .and_then(|head| head.strip_suffix('-'));
    let from = head.map_or(0, |head| head.len().saturating_sub(4));
    let digits = head.and_then(|head| head.get(from..)).unwrap_or("");
    let written = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if let (true, Some(_), None) = (written, found.moment.quarter, found.moment.year)
        && let Ok(year) = digits.parse()
    {
        found.moment.year = Some(year);
        found.start = from;
    }
}

/// Without meanings of words that mean something else together: "at least" is no lowest.
fn longest(mut tags: Vec<Tagged>) -> Vec<Tagged> {
    let spans: Vec<(usize, usize)> = tags
        .iter()
        .filter(|tag| tag.to - tag.from > 1 && matches!(tag.tag, Tag::Sense(_) | Tag::Fraction(_)))
        // "Each of the two pays 8" counts two.
        .filter(|tag| tag.tag != Tag::Sense(Sense::OfTwo))
        .map(|tag| (tag.from, tag.to))
        .collect();
    tags.retain(|tag| {
        let sense = matches!(tag.tag, Tag::Sense(_) | Tag::Number(_));
        !sense
            || !spans.iter().any(|(from, to)| {
                *from <= tag.from && tag.to <= *to && to - from > tag.to - tag.from
            })
    });
    tags
}

/// Where clauses begin: behind a semicolon, a comma or a dash with a space, and at words that join.
fn clauses(raw: &str, words: &[Folded], tags: &[Tagged]) -> Vec<usize> {
    let mut out = vec![0];
    for (at, c) in raw.char_indices() {
        let behind = at + c.len_utf8();
        let space = raw[behind..].starts_with(' ');
        let dash = c == '-' && space && raw[..at].ends_with(' ');
        if matches!(c, ';' | '—') || (matches!(c, ',' | '–') && space) || dash {
            out.push(behind);
        }
    }
    for tag in tags {
        if tag.tag == Tag::Sense(Sense::And) {
            // "between July and August" is one thought.
            let between = tags.iter().any(|other| {
                other.tag == Tag::Sense(Sense::Between)
                    && other.from < tag.from
                    && tag.from - other.from <= 4
            });
            if !between {
                out.push(words[tag.from].start);
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}
