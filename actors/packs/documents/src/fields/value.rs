//! A value of a type, read from the words of a document.

use serde_json::{Number, Value, json};

use crate::lexicon::{self, LANGUAGES, Lexicon};
use crate::words::words;

/// A value as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Read {
    /// The value in the schema's type.
    pub(crate) value: Value,
    /// The words that say so.
    pub(crate) raw: String,
    /// What stands behind a number: `EUR`, `%`.
    pub(crate) unit: Option<String>,
}

/// What a schema wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted<'s> {
    Number,
    Integer,
    Truth,
    Date,
    OneOf(&'s [Value]),
    Text,
    /// Nothing is said of it.
    Anything,
}

fn wanted(schema: &Value) -> Wanted<'_> {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return Wanted::OneOf(choices);
    }
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let format = schema.get("format").and_then(Value::as_str);
    match kinds.iter().find(|kind| **kind != "null") {
        Some(&"number") => Wanted::Number,
        Some(&"integer") => Wanted::Integer,
        Some(&"boolean") => Wanted::Truth,
        _ if format == Some("date") => Wanted::Date,
        None if schema.as_object().is_some_and(serde_json::Map::is_empty) => Wanted::Anything,
        _ => Wanted::Text,
    }
}

/// Whether values of this schema can be told within a sentence, and not behind a label alone.
pub(crate) fn stands_out(schema: &Value) -> bool {
    !matches!(wanted(schema), Wanted::Text | Wanted::Truth)
}

/// The first value of the schema's type in a text that is in this language; `whole` when the text is nothing but the value.
///
/// # Errors
/// Why what stands there can be read in two ways; nothing when there is none.
pub(crate) fn read_value(
    schema: &Value,
    text: &str,
    whole: bool,
    language: Option<&Lexicon>,
) -> Result<Option<Read>, String> {
    let text = text.trim();
    match wanted(schema) {
        Wanted::Number => Ok(number(text, language)),
        Wanted::Integer => {
            Ok(number(text, language).filter(|read| read.value.is_i64() || read.value.is_u64()))
        }
        Wanted::Truth => Ok(truth(text)),
        Wanted::Date => date(text, language),
        Wanted::OneOf(choices) => Ok(one_of(choices, text)),
        Wanted::Text | Wanted::Anything if whole && !text.is_empty() => Ok(Some(Read {
            value: json!(text),
            raw: text.to_owned(),
            unit: None,
        })),
        // Within a sentence only what stands out of it is a value: a day as it is written, or a number.
        Wanted::Anything => Ok(match date(text, language) {
            Ok(Some(day)) => Some(Read {
                value: json!(day.raw),
                ..day
            }),
            _ => number(text, language),
        }),
        Wanted::Text => Ok(None),
    }
}

fn one_of(choices: &[Value], text: &str) -> Option<Read> {
    let lower = text.to_lowercase();
    let same = |text: &str| text.to_lowercase().len() == text.len();
    choices.iter().filter_map(Value::as_str).find_map(|choice| {
        let wanted = choice.to_lowercase();
        // A word of its own.
        let (at, _) = lower.match_indices(&wanted).find(|(at, found)| {
            let before = lower.get(..*at).and_then(|head| head.chars().next_back());
            let behind = lower
                .get(at + found.len()..)
                .and_then(|rest| rest.chars().next());
            !before.is_some_and(char::is_alphanumeric) && !behind.is_some_and(char::is_alphanumeric)
        })?;
        let raw = if same(text) {
            text.get(at..at + wanted.len())?
        } else {
            text
        };
        Some(Read {
            value: json!(choice),
            raw: raw.to_owned(),
            unit: None,
        })
    })
}

fn truth(text: &str) -> Option<Read> {
    let (_, first) = words(text).next()?;
    let word = first.to_lowercase();
    let says = |at: usize| {
        LANGUAGES.iter().any(|language| {
            language
                .truth
                .get(at)
                .is_some_and(|list| list.contains(&word.as_str()))
        })
    };
    let value = match (says(0), says(1)) {
        (true, _) => true,
        (_, true) => false,
        _ => return None,
    };
    Some(Read {
        value: json!(value),
        raw: first.to_owned(),
        unit: None,
    })
}

/// The first number of a text, with what it is a number of.
fn number(text: &str, language: Option<&Lexicon>) -> Option<Read> {
    let mut from = 0;
    loop {
        let begin = from + text.get(from..)?.find(|c: char| c.is_ascii_digit())?;
        let digits = |c: char| {
            c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | '\u{2019}' | '\u{a0}' | '\u{202f}')
        };
        let rest = text.get(begin..)?;
        let end = begin + rest.find(|c| !digits(c)).unwrap_or(rest.len());
        let body = text
            .get(begin..end)?
            .trim_end_matches(|c: char| !c.is_ascii_digit());
        let end = begin + body.len();
        from = end.max(begin + 1);
        let before = text.get(..begin).and_then(|head| head.chars().next_back());
        let behind = text.get(end..).and_then(|rest| rest.chars().next());
        // A part of a code or of a day is no number.
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '_'))
            || behind.is_some_and(|c| {
                c.is_alphanumeric() && !c.is_alphabetic() || matches!(c, '/' | '_')
            })
            || (behind == Some('-')
                && text
                    .get(end + 1..)
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))
        {
            continue;
        }
        let Some(plain) = plain(body, language) else {
            continue;
        };
        let minus = matches!(before, Some('-' | '\u{2212}'))
            && text.get(..begin).is_some_and(|head| {
                head.chars()
                    .rev()
                    .nth(1)
                    .is_none_or(|c| c.is_whitespace() || c == '(')
            });
        let signed = if minus { format!("-{plain}") } else { plain };
        let value: Number = serde_json::from_str(&signed).ok()?;
        let start = if minus {
            text.get(..begin)?.char_indices().next_back()?.0
        } else {
            begin
        };
        return Some(Read {
            value: Value::Number(value),
            raw: text.get(start..end)?.to_owned(),
            unit: unit(text.get(..start)?, text.get(end..)?),
        });
    }
}

/// Digits without what groups them, and a point before decimals.
fn plain(body: &str, language: Option<&Lexicon>) -> Option<String> {
    let body: String = body
        .chars()
        .filter(|c| !matches!(c, '\'' | '\u{2019}' | '\u{a0}' | '\u{202f}'))
        .collect();
    let (points, commas) = (body.matches('.').count(), body.matches(',').count());
    let last = body.rfind(['.', ',']);
    let decimals = last.map_or(0, |at| body.len() - at - 1);
    let english = language.is_none_or(|language| language.code == "en");
    let decimal = match (points, commas) {
        (0, 0) => None,
        // Both: the last one parts the decimals.
        (1.., 1..) => last.and_then(|at| body.get(at..=at)),
        (1, 0) if decimals == 3 && !english => None,
        (1, 0) => Some("."),
        (0, 1) if decimals == 3 && english => None,
        (0, 1) => Some(","),
        // One sign several times groups.
        _ => None,
    };
    let mut out = String::new();
    let mut after = false;
    for (at, c) in body.char_indices() {
        match c {
            c if c.is_ascii_digit() => out.push(c),
            _ if Some(at) == last && decimal.is_some() => {
                after = true;
                out.push('.');
            }
            // Groups of three, and none behind the point.
            _ if after => return None,
            _ => {}
        }
    }
    let whole = out.trim_start_matches('0');
    let kept = if whole.is_empty() || whole.starts_with('.') {
        format!("0{whole}")
    } else {
        whole.to_owned()
    };
    Some(kept)
}

/// Signs that stand for units, before or behind a number.
const SIGNS: [(&str, &str); 7] = [
    ("\u{20ac}", "EUR"),
    ("$", "USD"),
    ("\u{a3}", "GBP"),
    ("\u{a5}", "JPY"),
    ("%", "%"),
    ("\u{2030}", "\u{2030}"),
    ("\u{b0}C", "\u{b0}C"),
];

fn unit(before: &str, behind: &str) -> Option<String> {
    let (before, behind) = (before.trim_end(), behind.trim_start());
    if let Some((_, name)) = SIGNS
        .iter()
        .find(|(sign, _)| behind.starts_with(sign) || before.ends_with(sign))
    {
        return Some((*name).to_owned());
    }
    let word = |text: &str| -> Option<String> {
        let code: String = text
            .chars()
            .take_while(|c| c.is_ascii_uppercase())
            .collect();
        (code.len() == 3 && !text.get(3..)?.starts_with(char::is_alphanumeric)).then_some(code)
    };
    let first = before
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default();
    word(behind).or_else(|| word(first)).or_else(|| {
        // A short word in small letters: kg, euros, Tonnen.
        let next: String = behind.chars().take_while(|c| c.is_alphabetic()).collect();
        let measures = next.chars().count() <= 3
            && !lexicon::is_stop(&next.to_lowercase())
            && !next.is_empty();
        measures.then_some(next)
    })
}

/// A day, as ISO 8601 has it.
fn date(text: &str, language: Option<&Lexicon>) -> Result<Option<Read>, String> {
    let parts: Vec<(usize, &str)> = pieces(text);
    for (at, (begin, first)) in parts.iter().enumerate() {
        let next = |by: usize| parts.get(at + by).map(|(at, part)| (*at, *part));
        let (Some((_, second)), Some((third_at, third))) = (next(1), next(2)) else {
            break;
        };
        let digits = |part: &str| part.parse::<u32>().ok();
        let end = third_at + third.len();
        let raw = text.get(*begin..end).unwrap_or_default();
        let told = |year: u32, month: u32, day: u32| {
            let year = if year < 100 { 2_000 + year } else { year };
            is_day(year, month, day).then(|| Read {
                value: json!(format!("{year:04}-{month:02}-{day:02}")),
                raw: raw.to_owned(),
                unit: None,
            })
        };
        let found = match (digits(first), digits(second), digits(third)) {
            // 2025-03-03
            (Some(year), Some(month), Some(day)) if first.len() == 4 => told(year, month, day),
            (Some(one), Some(two), Some(year))
                if third.len() == 4 || (third.len() == 2 && raw.contains('.')) =>
            {
                if one > 12 || raw.contains('.') || one == two {
                    told(year, two, one)
                } else if two > 12 {
                    told(year, one, two)
                } else if language.is_some_and(|language| language.code != "en") {
                    told(year, two, one)
                } else if is_day(year, one, two) {
                    return Err(format!("{raw:?} can be read as two days"));
                } else {
                    None
                }
            }
            // 3 March 2025
            (Some(day), None, Some(year)) if third.len() == 4 => {
                lexicon::month(second).and_then(|month| told(year, month, day))
            }
            // March 3, 2025
            (None, Some(day), Some(year)) if third.len() == 4 => {
                lexicon::month(first).and_then(|month| told(year, month, day))
            }
            _ => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Runs of digits and of letters that are not small words: `3 de marzo de 2025` has three.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let mut out: Vec<(usize, &str)> = Vec::new();
    let mut from = None;
    let kind = |c: char| {
        if c.is_ascii_digit() {
            1
        } else if c.is_alphabetic() {
            2
        } else {
            0
        }
    };
    let mut last = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let now = kind(c);
        if now != last {
            if let Some(from) = from.take() {
                let piece = text.get(from..at).unwrap_or_default();
                let joins = ["de", "del", "th", "st", "nd", "rd", "er", "of"];
                if !joins.contains(&piece.to_lowercase().as_str()) {
                    out.push((from, piece));
                }
            }
            if now != 0 {
                from = Some(at);
            }
            last = now;
        }
    }
    out
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    let part = |number: u32| i8::try_from(number).ok();
    let date = || jiff::civil::Date::new(year.try_into().ok()?, part(month)?, part(day)?).ok();
    (1_000..=9_999).contains(&year) && date().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(schema: Value, text: &str, code: &str) -> (Value, String) {
        let language = lexicon::of_code(code);
        match read_value(&schema, text, true, Some(language)) {
            Ok(Some(read)) => (read.value, read.unit.unwrap_or_default()),
            Ok(None) => (Value::Null, String::new()),
            Err(why) => (Value::Null, why),
        }
    }

    #[test]
    fn a_number_is_read_as_its_language_writes_it() {
        for (text, code, value, unit) in [
            ("18,400 euros", "en", json!(18400), ""),
            ("1.234,56 \u{20ac}", "de", json!(1234.56), "EUR"),
            ("18.400", "de", json!(18400), ""),
            ("18.400", "en", json!(18.4), ""),
            ("3,5 %", "fr", json!(3.5), "%"),
            ("CHF 1'200.50", "en", json!(1200.5), "CHF"),
            ("-4 kg", "en", json!(-4), "kg"),
            ("1,234,567", "en", json!(1_234_567), ""),
            ("$ 007", "en", json!(7), "USD"),
            ("A4711", "en", Value::Null, ""),
            ("none", "en", Value::Null, ""),
        ] {
            let (read, found) = read(json!({"type": "number"}), text, code);
            assert_eq!(read, value, "{text}");
            assert!(unit.is_empty() || found == unit, "{text}: {found}");
        }
        assert_eq!(read(json!({"type": "integer"}), "2.5", "en").0, Value::Null);
    }

    #[test]
    fn a_day_is_read_where_it_can_be_no_other() {
        for (text, code, value) in [
            ("3 March 2025", "en", "2025-03-03"),
            ("March 3rd, 2025", "en", "2025-03-03"),
            ("3. M\u{e4}rz 2025", "de", "2025-03-03"),
            ("3 de marzo de 2025", "es", "2025-03-03"),
            ("le 3 mars 2025", "fr", "2025-03-03"),
            ("2025-03-03", "en", "2025-03-03"),
            ("03.04.2025", "de", "2025-04-03"),
            ("03/04/2025", "fr", "2025-04-03"),
            ("13/04/2025", "en", "2025-04-13"),
            ("04/13/2025", "en", "2025-04-13"),
        ] {
            assert_eq!(
                read(json!({"type": "string", "format": "date"}), text, code).0,
                json!(value),
                "{text}"
            );
        }
        let (value, why) = read(json!({"format": "date"}), "03/04/2025", "en");
        assert_eq!(
            (value, why.contains("two days")),
            (Value::Null, true),
            "{why}"
        );
        assert_eq!(
            read(json!({"format": "date"}), "31.02.2025", "de").0,
            Value::Null
        );
    }

    #[test]
    fn a_choice_and_a_truth_are_words_of_their_own() {
        let choice = json!({"enum": ["paid", "open"]});
        assert_eq!(read(choice.clone(), "It is Paid.", "en").0, json!("paid"));
        assert_eq!(read(choice, "unpaid", "en").0, Value::Null);
        for (text, value) in [
            ("Yes", json!(true)),
            ("nein", json!(false)),
            ("maybe", Value::Null),
        ] {
            assert_eq!(read(json!({"type": "boolean"}), text, "en").0, value);
        }
    }
}
