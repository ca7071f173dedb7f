//! The shape that goal and criteria ask for: sentences, words, lines, a list, a haiku, JSON, the columns of a table.

mod keys;

pub(super) use keys::asks_keys;

use aios_languages::{Lexicon, Sense, Tag};
use aios_work::{Category, Issue, Severity};
use hypher::Lang;

use super::{Finding, Look};
use crate::answer::{Kind, item, unfenced};
use crate::criteria::{Criteria, Shape};
use crate::goal::Need;
use crate::numeral::Bound;
use crate::reading::Reading;

pub(crate) struct Form;

impl Look for Form {
    fn name(&self) -> &'static str {
        "form"
    }

    fn dimension(&self) -> Category {
        Category::Completeness
    }

    fn look(&self, reading: &Reading<'_>, criteria: &Criteria) -> Finding {
        let mut issues = Vec::new();
        let mut wrong = |what: String, advice: &str| {
            issues.push(Issue::new(
                Category::Completeness,
                Severity::Critical,
                what,
                advice,
            ));
        };
        let asked = &reading.ground.asked.text;
        let has = |sense| asked.has(sense);
        let mut shapes = criteria.form.clone();
        shapes.extend(asked_shapes(reading));
        for shape in &shapes {
            let (what, count) = counted(reading, shape);
            let (least, most) = (
                shape.least().unwrap_or(0),
                shape.most().unwrap_or(usize::MAX),
            );
            if count < least || count > most {
                let wanted = match (shape.least(), shape.most()) {
                    (Some(least), Some(most)) if least == most => format!("{least}"),
                    (Some(least), Some(most)) => format!("{least} to {most}"),
                    (Some(least), None) => format!("at least {least}"),
                    (_, Some(most)) => format!("at most {most}"),
                    _ => continue,
                };
                wrong(
                    format!("{wanted} {what} were asked for, there are {count}"),
                    "Keep to the form that was asked for",
                );
            }
        }
        if has(Sense::FormNumber) && words_beside(reading) > BESIDE {
            wrong(
                "a number alone was asked for".to_owned(),
                "Write the number and nothing else",
            );
        }
        if has(Sense::FormHaiku)
            && let Err(why) = haiku(reading)
        {
            wrong(why, "Write three lines of 5, 7 and 5 syllables");
        }
        if has(Sense::FormJson) || criteria.json {
            match serde_json::from_str::<serde_json::Value>(unfenced(reading.raw)) {
                Err(error) => wrong(
                    format!("it is no JSON: {error}"),
                    "Write one JSON value and nothing else",
                ),
                Ok(value) => {
                    if let Some(what) = keys::wrong(asked, &value) {
                        wrong(what, "Use the keys that were asked for");
                    }
                }
            }
        }
        if has(Sense::FormList) && !reading.raw.lines().any(|line| item(line.trim()).is_some()) {
            wrong(
                "a list was asked for and there is none".to_owned(),
                "Write a list, one item a line",
            );
        }
        if has(Sense::FormTable)
            && !reading
                .answer
                .pieces
                .iter()
                .any(|piece| piece.kind == Kind::Head)
        {
            wrong(
                "a table was asked for and there is none".to_owned(),
                "Write a table",
            );
        }
        for column in &criteria.columns {
            let wanted = aios_languages::fold(column);
            let there = reading.answer.pieces.iter().any(|piece| {
                piece.kind == Kind::Head && aios_languages::fold(&piece.text) == wanted
            });
            if !there {
                wrong(
                    format!("the table has no column {column:?}"),
                    "Add the column",
                );
            }
        }
        Finding::of(issues)
    }
}

/// Words that stand beside a number that was asked for alone: "There are 6 of them."
const BESIDE: usize = 5;

/// The words of an answer outside of its numbers.
fn words_beside(reading: &Reading<'_>) -> usize {
    let beside = reading.texts.iter().map(|text| {
        let inside = |place: usize| {
            let mut numbers = text.numbers.iter();
            numbers.any(|number| number.start <= place && place < number.end)
        };
        let words = text.words.iter();
        words.filter(|word| !inside(word.start)).count()
    });
    beside.sum()
}

/// What the goal's words ask of the form: "in two sentences at most", "three bullet points".
fn asked_shapes(reading: &Reading<'_>) -> Vec<Shape> {
    let asked = &reading.ground.asked;
    let text = &asked.text;
    let mut out = Vec::new();
    for tag in &text.tags {
        let Tag::Sense(sense) = tag.tag else { continue };
        let place = text.words[tag.from].start;
        // The number right before the word; "one" is no article here.
        let number = text.numbers.iter().find(|number| {
            number.end <= place
                && place - number.end <= 12
                && text
                    .raw
                    .get(number.end..place)
                    .is_some_and(|gap| !gap.contains([',', '.', ';', '?', '!']))
        });
        let single = text
            .tags
            .iter()
            .any(|other| other.to == tag.from && other.tag == Tag::Number(1.0));
        let count = match (number, single) {
            (Some(number), _) if number.unit.is_none() => number.value(),
            (None, true) => 1.0,
            _ => continue,
        };
        if !(1.0..=100_000.0).contains(&count) {
            continue;
        }
        let count = count as usize;
        let bound = number.and_then(|number| number.bound);
        let most = bound == Some(Bound::Below) || text.has(Sense::AtMost);
        let least = bound == Some(Bound::Above) || text.has(Sense::AtLeast);
        // "One bullet per station": so many for each of what the data knows and the words do not.
        // So does "je ein Wort", whose count stands between.
        let each = text.tags.iter().any(|other| {
            let behind = other.from >= tag.to && other.from <= tag.to + 1;
            let before = other.to < tag.from && tag.from - other.to == 1;
            other.tag == Tag::Sense(Sense::Per) && (behind || before)
        });
        if each && sense != Sense::FormWord {
            continue;
        }
        let of = |what: &str| Shape::of(what, (!most).then_some(count), (!least).then_some(count));
        match sense {
            Sense::FormSentence => out.push(of("sentences")),
            Sense::FormLine => out.push(of("lines")),
            Sense::FormBullet => out.push(of("items")),
            Sense::FormParagraph => out.push(of("paragraphs")),
            Sense::FormWord => {
                // "One word each": so many for every point.
                let points = asked
                    .pairs
                    .len()
                    .max(
                        asked
                            .points
                            .iter()
                            .filter(|point| point.need != Need::Topic)
                            .count(),
                    )
                    .max(1);
                out.push(match each {
                    true => Shape::of("words", None, Some(count * points * 4)),
                    // Writers of "about 50 words" count as they like.
                    false if most || least || count <= 3 => of("words"),
                    false => Shape::of("words", Some(count * 8 / 10), Some(count * 12 / 10 + 1)),
                });
            }
            _ => {}
        }
    }
    out
}

fn counted<'s>(reading: &Reading<'_>, shape: &'s Shape) -> (&'s str, usize) {
    let raw = reading.raw;
    let count = match shape.what.as_str() {
        "sentences" => reading
            .said()
            .filter(|piece| !matches!(reading.answer.pieces[*piece].kind, Kind::Cell))
            .count(),
        "lines" => raw.lines().filter(|line| !line.trim().is_empty()).count(),
        "items" => raw
            .lines()
            .filter(|line| item(line.trim()).is_some())
            .count(),
        "paragraphs" => raw
            .split("\n\n")
            .filter(|part| part.chars().any(char::is_alphanumeric))
            .count(),
        _ => raw
            .split_whitespace()
            .filter(|word| word.chars().any(char::is_alphanumeric))
            .count(),
    };
    (&shape.what, count)
}

fn haiku(reading: &Reading<'_>) -> Result<(), String> {
    let lines: Vec<&str> = reading
        .raw
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.len() != 3 {
        return Err(format!("a haiku has 3 lines, this has {}", lines.len()));
    }
    for (line, wanted) in lines.iter().zip([5, 7, 5]) {
        let (least, most) = syllables(line, &reading.lexicon);
        if wanted < least || wanted > most {
            let shown = if least == most {
                format!("{least}")
            } else {
                format!("{least} to {most}")
            };
            return Err(format!(
                "a line has {shown} syllables in place of {wanted}: {line}"
            ));
        }
    }
    Ok(())
}

/// The fewest and the most syllables that a line can be read with: a hyphenation leaves some out, groups of vowels count some twice.
fn syllables(line: &str, lexicon: &Lexicon) -> (usize, usize) {
    let lang = match lexicon.code.as_str() {
        "de" => Lang::German,
        "fr" => Lang::French,
        "es" => Lang::Spanish,
        _ => Lang::English,
    };
    let (mut least, mut most) = (0, 0);
    for word in line
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
    {
        let hyphenated = hypher::hyphenate(word, lang).count();
        let folded = aios_languages::fold(word);
        let mut vowels = 0;
        let mut before = false;
        for c in folded.chars() {
            let vowel = matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
            vowels += usize::from(vowel && !before);
            before = vowel;
        }
        let silent =
            matches!(lexicon.code.as_str(), "en" | "fr") && folded.ends_with('e') && vowels > 1;
        let vowels = vowels.max(1);
        least += hyphenated.min(vowels - usize::from(silent)).max(1);
        most += hyphenated.max(vowels);
    }
    (least, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_languages::lexicon;

    #[test]
    fn syllables_are_counted_by_the_language() {
        let rows = [
            ("en", "An old silent pond", 5),
            ("en", "A frog jumps into the pond", 7),
            ("en", "Splash! Silence again", 5),
            ("de", "Der Frühling kommt bald", 5),
            ("es", "La luna llena", 5),
        ];
        for (code, line, wanted) in rows {
            let (least, most) = syllables(line, &lexicon(code).unwrap());
            assert!((least..=most).contains(&wanted), "{line}: {least}..{most}");
        }
        let (least, _) = syllables(
            "Supervision is a tree of processes that restart",
            &lexicon("en").unwrap(),
        );
        assert!(least > 7);
    }
}
