//! The period a goal asks for: "Q3", "July", "2024", "last month", "from .. to ..".

use serde::{Deserialize, Serialize};

use aios_languages::english::prose::{Word, words};
use aios_languages::english::{Mention, mentions};
use aios_work::{Grain, Span};

/// A period asked for, as it was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The days.
    pub span: Span,
    /// The goal's words for it.
    pub words: String,
    /// Whether something was assumed (a year, what "last" means).
    pub assumed: bool,
}

/// The period a goal asks for, given the days the data covers; none if it names none.
#[must_use]
pub fn asked(goal: &str, data: &Span) -> Option<Asked> {
    let found: Vec<Mention> = mentions(goal)
        .into_iter()
        // A bare four-digit number is a year if the data has that year; else it may be a quantity.
        .filter(|mention| {
            mention.certain || mention.named.span().is_some_and(|span| span.overlaps(data))
        })
        .collect();
    from_mentions(goal, &found, data).or_else(|| relative(goal, data))
}

fn from_mentions(goal: &str, found: &[Mention], data: &Span) -> Option<Asked> {
    let first = found.first()?;
    let last = found.last()?;
    let text = |start: usize, end: usize| goal.get(start..end).unwrap_or("").to_owned();
    let assumed = found.iter().any(|mention| mention.named.year().is_none());
    if let [only] = found {
        let span = only.named.within(data)?;
        let before = words(goal.get(..only.start).unwrap_or(""))
            .last()
            .map(Word::lower)
            .unwrap_or_default();
        let open = match before.as_str() {
            "since" | "from" => Some(Span {
                from: span.from,
                until: data.until.max(span.from),
            }),
            "after" => Some(Span {
                from: span.until.plus_days(1),
                until: data.until.max(span.until.plus_days(1)),
            }),
            "until" | "till" | "through" => Some(Span {
                from: data.from.min(span.until),
                until: span.until,
            }),
            "before" => Some(Span {
                from: data.from.min(span.from.plus_days(-1)),
                until: span.from.plus_days(-1),
            }),
            _ => None,
        };
        let words = if open.is_some() {
            format!("{before} {}", text(only.start, only.end))
        } else {
            text(only.start, only.end)
        };
        return Some(Asked {
            span: open.unwrap_or(span),
            words,
            assumed,
        });
    }
    // Several periods: from the first day of one to the last day of another. A year said once holds for all before it.
    let year = last.named.year();
    let resolve = |mention: &Mention| {
        let named = match (mention.named.year(), year) {
            (None, Some(year)) => {
                let within = Grain::Year.span_of(aios_work::Day::new(year, 1, 1)?);
                return mention.named.within(&within);
            }
            _ => mention.named,
        };
        named.within(data)
    };
    let mut span = resolve(first)?;
    for mention in found.iter().skip(1) {
        span = span.joined(&resolve(mention)?);
    }
    Some(Asked {
        span,
        words: text(first.start, last.end),
        assumed: assumed && year.is_none(),
    })
}

/// "last month", "previous quarter", "last 30 days", "this year", "year to date": counted from the data's last day.
fn relative(goal: &str, data: &Span) -> Option<Asked> {
    let found = words(goal);
    let lower: Vec<String> = found.iter().map(Word::lower).collect();
    let at = |index: usize| lower.get(index).map_or("", String::as_str);
    for index in 0..lower.len() {
        let said = |len: usize| match (found.get(index), found.get(index + len - 1)) {
            (Some(first), Some(last)) => goal.get(first.start..last.end).unwrap_or("").to_owned(),
            _ => String::new(),
        };
        if at(index) == "ytd"
            || (at(index) == "year" && at(index + 1) == "to" && at(index + 2) == "date")
        {
            let from = Grain::Year.span_of(data.until).from;
            return Some(Asked {
                span: Span {
                    from,
                    until: data.until,
                },
                words: said(if at(index) == "ytd" { 1 } else { 3 }),
                assumed: true,
            });
        }
        let (latest, previous) = match at(index) {
            "last" | "latest" | "past" | "recent" | "this" | "current" => (true, false),
            "previous" | "prior" | "preceding" => (false, true),
            _ => continue,
        };
        if let Some(grain) = grain_word(at(index + 1)) {
            let now = grain.span_of(data.until);
            let span = if previous && !latest {
                grain.span_of(now.from.plus_days(-1))
            } else {
                now
            };
            return Some(Asked {
                span,
                words: said(2),
                assumed: true,
            });
        }
        if let (Some(count), Some(grain)) = (count_word(at(index + 1)), grain_word(at(index + 2))) {
            let from = match grain {
                Grain::Day => data.until.plus_days(1 - count),
                Grain::Week => data.until.plus_days(1 - 7 * count),
                Grain::Month => data.until.plus_months(i32::try_from(1 - count).ok()?),
                Grain::Quarter => grain
                    .span_of(data.until)
                    .from
                    .plus_months(i32::try_from(3 - 3 * count).ok()?),
                Grain::Year => grain
                    .span_of(data.until)
                    .from
                    .plus_months(i32::try_from(12 - 12 * count).ok()?),
            };
            return Some(Asked {
                span: Span {
                    from,
                    until: data.until,
                },
                words: said(3),
                assumed: true,
            });
        }
    }
    None
}

fn grain_word(word: &str) -> Option<Grain> {
    match word.strip_suffix('s').unwrap_or(word) {
        "day" => Some(Grain::Day),
        "week" => Some(Grain::Week),
        "month" => Some(Grain::Month),
        "quarter" => Some(Grain::Quarter),
        "year" => Some(Grain::Year),
        _ => None,
    }
}

fn count_word(word: &str) -> Option<i64> {
    const WORDS: [&str; 13] = [
        "", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    let spelled = WORDS
        .iter()
        .position(|known| !known.is_empty() && *known == word)
        .and_then(|at| i64::try_from(at).ok());
    spelled
        .or_else(|| word.parse().ok())
        .filter(|count| (1..=1000).contains(count))
}

/// The grain a goal asks for by name: "per week", "daily", "monthly".
#[must_use]
pub fn asked_grain(goal: &str) -> Option<Grain> {
    let lower: Vec<String> = words(goal).iter().map(Word::lower).collect();
    lower
        .iter()
        .enumerate()
        .find_map(|(index, word)| match word.as_str() {
            "daily" => Some(Grain::Day),
            "weekly" => Some(Grain::Week),
            "monthly" => Some(Grain::Month),
            "quarterly" => Some(Grain::Quarter),
            "yearly" | "annual" | "annually" => Some(Grain::Year),
            _ => {
                let before = index
                    .checked_sub(1)
                    .and_then(|at| lower.get(at))
                    .map_or("", String::as_str);
                if matches!(before, "per" | "by" | "each" | "every") {
                    grain_word(word)
                } else {
                    None
                }
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_work::Day;

    #[test]
    fn the_period_asked_for_is_understood_relative_to_the_data() {
        let data = Span {
            from: Day::new(2024, 2, 1).unwrap(),
            until: Day::new(2025, 9, 28).unwrap(),
        };
        let cases = [
            (
                "Analyze Q3 sales",
                Some(("2025-07-01 to 2025-09-30", "Q3", true)),
            ),
            (
                "sales in 2024",
                Some(("2024-01-01 to 2024-12-31", "2024", false)),
            ),
            (
                "2025 sales",
                Some(("2025-01-01 to 2025-12-31", "2025", false)),
            ),
            ("the 1999 biggest orders", None),
            (
                "last month",
                Some(("2025-09-01 to 2025-09-30", "last month", true)),
            ),
            (
                "the previous month",
                Some(("2025-08-01 to 2025-08-31", "previous month", true)),
            ),
            (
                "last 30 days",
                Some(("2025-08-30 to 2025-09-28", "last 30 days", true)),
            ),
            (
                "past three months",
                Some(("2025-07-01 to 2025-09-28", "past three months", true)),
            ),
            (
                "last two quarters",
                Some(("2025-04-01 to 2025-09-28", "last two quarters", true)),
            ),
            (
                "year to date",
                Some(("2025-01-01 to 2025-09-28", "year to date", true)),
            ),
            (
                "from 2024-03-01 to 2024-05-31",
                Some((
                    "2024-03-01 to 2024-05-31",
                    "2024-03-01 to 2024-05-31",
                    false,
                )),
            ),
            (
                "between July and September 2024",
                Some(("2024-07-01 to 2024-09-30", "July and September 2024", false)),
            ),
            (
                "since March 2025",
                Some(("2025-03-01 to 2025-09-28", "since March 2025", false)),
            ),
            (
                "before May 2024",
                Some(("2024-02-01 to 2024-04-30", "before May 2024", false)),
            ),
            ("Analyze the sales", None),
        ];
        for (goal, expected) in cases {
            let found = asked(goal, &data);
            let shown = found
                .as_ref()
                .map(|asked| (asked.span.to_string(), asked.words.clone(), asked.assumed));
            assert_eq!(
                shown,
                expected.map(|(span, words, assumed)| (span.to_owned(), words.to_owned(), assumed)),
                "{goal}"
            );
        }
    }

    #[test]
    fn a_grain_asked_for_by_name_is_found() {
        for (goal, expected) in [
            ("sales per week", Some(Grain::Week)),
            ("daily sales", Some(Grain::Day)),
            ("by quarter", Some(Grain::Quarter)),
            ("last month", None),
        ] {
            assert_eq!(asked_grain(goal), expected, "{goal}");
        }
    }
}
