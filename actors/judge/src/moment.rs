//! Days, months, quarters, years and times as a text names them.

use aios_languages::{Folded, Tag, Tagged};

/// A time as far as it is named: `March` has a month only, `9 March 2025` year, month and day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub year: Option<i32>,
    pub quarter: Option<u8>,
    pub month: Option<u8>,
    pub day: Option<u8>,
    pub weekday: Option<u8>,
    /// Minutes since midnight.
    pub minute: Option<u16>,
}

/// A moment with its place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MomentAt {
    pub moment: Moment,
    pub start: usize,
    pub end: usize,
}

impl Moment {
    /// Reads ISO text, as tables give their dates.
    pub(crate) fn iso(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.splitn(3, '-');
        let year: i32 = parts.next()?.parse().ok()?;
        let month: u8 = parts.next()?.parse().ok().filter(|month| *month <= 12)?;
        if month == 0 {
            return Some(Self {
                year: Some(year),
                ..Self::default()
            });
        }
        let day = match parts.next() {
            Some(day) => Some(day.parse().ok().filter(|day| (1..=31).contains(day))?),
            None => None,
        };
        let minute = time.and_then(|time| {
            let mut parts = time.split(':');
            let hour: u16 = parts.next()?.parse().ok()?;
            let minute: u16 = parts.next()?.get(..2)?.parse().ok()?;
            Some(hour * 60 + minute)
        });
        Some(Self {
            year: (year > 0).then_some(year),
            quarter: Some((month - 1) / 3 + 1),
            month: Some(month),
            day,
            weekday: day.map(|day| weekday(year, month, day)),
            minute,
        })
    }

    /// The time that a column is called by, as tables give theirs: "Jan", "2024", "März 2024". A month without a year is one of no year.
    pub(crate) fn of_name(name: &str) -> Option<String> {
        let words = aios_languages::folded(name);
        let found = aios_languages::lexicons().iter().find_map(|lexicon| {
            let found = moments(name, &words, &lexicon.tags(&words), false, false);
            match found.as_slice() {
                [one] if one.start == 0 && one.end == name.trim_end().len() => Some(one.moment),
                _ => None,
            }
        })?;
        match (found.year, found.month, found.day, found.minute) {
            (Some(year), Some(month), None, None) => Some(format!("{year:04}-{month:02}")),
            (None, Some(month), None, None) => Some(format!("0000-{month:02}")),
            (Some(year), None, None, None) => Some(format!("{year:04}-00")),
            _ => None,
        }
    }

    /// Whether another moment, known in full, lies in this one.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        fn fits<T: PartialEq + Copy>(named: Option<T>, other: Option<T>) -> bool {
            named.is_none_or(|named| other == Some(named))
        }
        fits(self.year, other.year)
            && fits(self.quarter, other.quarter)
            && fits(self.month, other.month)
            && fits(self.day, other.day)
            && fits(self.weekday, other.weekday)
            && fits(self.minute, other.minute)
    }

    /// Whether it lies from one moment to another, as far as these are named.
    pub(crate) fn lies_between(&self, from: &Self, to: &Self) -> bool {
        let years = from.year.is_some() || to.year.is_some();
        let key = |moment: &Self, end: bool| {
            let year = if years {
                moment.year.or(to.year).or(from.year)
            } else {
                None
            };
            let month = match (moment.month, moment.quarter) {
                (Some(month), _) => month,
                (None, Some(quarter)) if end => quarter * 3,
                (None, Some(quarter)) => quarter * 3 - 2,
                (None, None) if end => 12,
                (None, None) => 1,
            };
            (year, month, moment.day.unwrap_or(if end { 31 } else { 1 }))
        };
        let own = key(self, false);
        key(from, false) <= own && own <= key(to, true)
    }

    /// Whether it names nothing.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// 1 for Monday to 7 for Sunday.
fn weekday(year: i32, month: u8, day: u8) -> u8 {
    let (y, m) = if month < 3 {
        (year - 1, i32::from(month) + 12)
    } else {
        (year, i32::from(month))
    };
    let h = (i32::from(day) + 13 * (m + 1) / 5 + y + y / 4 - y / 100 + y / 400).rem_euclid(7);
    // Zeller counts from Saturday.
    u8::try_from((h + 5) % 7 + 1).unwrap_or(1)
}

/// The moments of a text, in order. `capital` says that the language writes months with a capital letter, `day_first` that it writes the
/// day before the month.
pub(crate) fn moments(
    text: &str,
    words: &[Folded],
    tags: &[Tagged],
    capital: bool,
    day_first: bool,
) -> Vec<MomentAt> {
    let mut out = numeric(text, day_first);
    // "9:30 pm": the hours that the word adds.
    for found in tags {
        let Tag::Clock(more @ 1..) = found.tag else {
            continue;
        };
        let place = words[found.from].start;
        if let Some(last) = out
            .iter_mut()
            .find(|other| other.end <= place && place - other.end <= 1)
            && let Some(minute) = last.moment.minute.filter(|minute| *minute < 720)
        {
            last.moment.minute = Some(minute + u16::from(more) * 60);
        }
    }
    let number = |at: usize, most: u32| -> Option<u32> {
        let word = words.get(at)?;
        let digits = word
            .text
            .trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let suffix = &word.text[digits.len()..];
        (digits.len() <= 4 && matches!(suffix, "" | "st" | "nd" | "rd" | "th" | "er"))
            .then(|| digits.parse().ok())
            .flatten()
            .filter(|value| *value <= most && *value > 0)
    };
    let year_at = |at: usize| {
        let value = number(at, 2100).filter(|year| *year >= 1900)?;
        i32::try_from(value).ok()
    };
    for found in tags {
        let (Some(first), Some(last)) = (words.get(found.from), words.get(found.to - 1)) else {
            continue;
        };
        let (mut start, mut end) = (first.start, last.end);
        let upper = text[start..].starts_with(char::is_uppercase);
        let mut moment = Moment::default();
        match found.tag {
            Tag::Month(month) if upper || !capital => {
                moment.month = Some(month);
                let mut next = found.to;
                let gap = |from: usize, to: usize| {
                    text.get(from..to)
                        .unwrap_or("")
                        .trim_matches(['.', ' ', ',', 'º'])
                        .len()
                };
                let before = found.from.checked_sub(1);
                // "9 March", "9. März", "9 de marzo".
                let day_word = before.filter(|at| number(*at, 31).is_some()).or_else(|| {
                    before
                        .filter(|at| words[*at].text == "de" || words[*at].text == "of")
                        .and_then(|at| at.checked_sub(1))
                        .filter(|at| number(*at, 31).is_some())
                });
                if let Some(at) = day_word.filter(|at| gap(words[*at].end, start) <= 2) {
                    moment.day = number(at, 31).and_then(|day| u8::try_from(day).ok());
                    start = words[at].start;
                } else if let Some(day) = number(next, 31).filter(|_| {
                    text.get(end..words[next].start)
                        .is_some_and(|gap| gap == " ")
                        && !text[words[next].end..].starts_with(['%', ':'])
                        && !text[words[next].end..].starts_with(['.', ','])
                        || text[words[next].end..].starts_with(", 2")
                }) {
                    moment.day = u8::try_from(day).ok();
                    end = words[next].end;
                    next += 1;
                }
                if words
                    .get(next)
                    .is_some_and(|word| word.text == "de" || word.text == "of")
                    && year_at(next + 1).is_some()
                {
                    next += 1;
                }
                if let Some(year) = year_at(next) {
                    moment.year = Some(year);
                    end = words[next].end;
                }
            }
            Tag::Quarter(quarter) => {
                moment.quarter = Some(quarter);
                if let Some(year) = year_at(found.to) {
                    moment.year = Some(year);
                    end = words[found.to].end;
                }
            }
            Tag::Clock(more) => {
                // "9 pm", "9.40 pm".
                let head = text.get(..start).unwrap_or("").trim_end();
                let bare = head.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                let run = &head[bare.len()..];
                let (hours, minutes) = run.split_once('.').unwrap_or((run, "00"));
                let pair = minutes.len() == 2;
                let (Ok(hour), Ok(minutes), true) =
                    (hours.parse::<u16>(), minutes.parse::<u16>(), pair)
                else {
                    continue;
                };
                if hour > 24 || minutes > 59 {
                    continue;
                }
                let more = if hour == 12 && more == 12 {
                    0
                } else {
                    u16::from(more)
                };
                moment.minute = Some((hour + more) * 60 + minutes);
                start = bare.len();
            }
            Tag::Weekday(day) if upper || !capital => moment.weekday = Some(day),
            _ => continue,
        }
        if !out
            .iter()
            .any(|other| other.start < end && start < other.end)
        {
            out.push(MomentAt { moment, start, end });
        }
    }
    let days: Vec<MomentAt> = out
        .iter()
        .filter_map(|found| earlier_day(text, words, found))
        .flat_map(|found| listed_days(text, words, found))
        .collect();
    for found in days {
        let apart = |other: &MomentAt| other.end <= found.start || found.end <= other.start;
        if out.iter().all(apart) {
            out.push(found);
        }
    }
    for (at, word) in words.iter().enumerate() {
        let free = |place: usize| {
            !out.iter()
                .any(|other| other.start <= place && place < other.end)
        };
        let Some(year) = year_at(at).filter(|_| word.text.len() == 4 && free(word.start)) else {
            continue;
        };
        let around = |c: Option<char>| {
            c.is_none_or(|c| {
                c.is_whitespace()
                    || matches!(
                        c,
                        ',' | '.' | ')' | '(' | ':' | ';' | '?' | '!' | '|' | '/' | '*'
                    )
            })
        };
        let behind = text[word.end..].chars().next();
        let grouped = matches!(behind, Some(',' | '.'))
            && text[word.end + 1..].starts_with(|c: char| c.is_ascii_digit());
        if around(text[..word.start].chars().next_back()) && around(behind) && !grouped {
            let moment = Moment {
                year: Some(year),
                ..Moment::default()
            };
            out.push(MomentAt {
                moment,
                start: word.start,
                end: word.end,
            });
        }
    }
    out.sort_by_key(|found| found.start);
    out
}

/// "From 14 to 21 June", "du 14 au 21 juin": the day before a day and month that is one of the same month.
fn earlier_day(text: &str, words: &[Folded], found: &MomentAt) -> Option<MomentAt> {
    const JOINS: [&str; 9] = ["to", "and", "bis", "und", "au", "et", "al", "y", "until"];
    let later = found.moment.day.filter(|_| found.moment.month.is_some())?;
    let behind = words.partition_point(|word| word.start < found.start);
    let mut at = behind.checked_sub(1)?;
    // "Vom 18. bis zum 20. Mai".
    let article = words[at].text.len() <= 3 && words[at].text.chars().all(char::is_alphabetic);
    let before = at.checked_sub(1).and_then(|at| words.get(at));
    let join = |word: &Folded| JOINS.contains(&word.text.as_str());
    let skipped = article && !join(&words[at]) && before.is_some_and(join);
    if skipped {
        at = at.checked_sub(1)?;
    }
    let joined = join(&words[at]);
    if joined {
        at = at.checked_sub(1)?;
    }
    let word = &words[at];
    let gap = text.get(word.end..found.start)?;
    let dash = matches!(gap.trim(), "-" | "–");
    let tight = gap.len() <= 12 && !gap.contains([',', ';', ':', '(', '%']);
    // "Boxes 1 to 9 until the 30. April": what is no day has no point of its own.
    let pointed = |end: usize| text.get(end..).is_some_and(|rest| rest.starts_with('.'));
    let digits = words[behind].end;
    if skipped && pointed(digits) && !pointed(word.end) {
        return None;
    }
    let day: u8 = word.text.parse().ok()?;
    let before = text.get(..word.start)?.chars().next_back();
    let free = before.is_none_or(|c| c.is_whitespace() || c == '(');
    ((joined && tight) || dash)
        .then_some(())
        .filter(|()| free && day > 0 && day < later && found.moment.minute.is_none())
        .map(|()| MomentAt {
            moment: Moment {
                day: Some(day),
                weekday: None,
                ..found.moment
            },
            start: word.start,
            end: word.end,
        })
}

/// A day and those before it in a list of days of one month: "4, 5 and 12 August", "4., 5. und 12. August".
fn listed_days(text: &str, words: &[Folded], last: MomentAt) -> Vec<MomentAt> {
    let mut out = vec![last];
    let mut at = words.partition_point(|word| word.start < last.start);
    while let (Some(word), Some(next)) = (
        at.checked_sub(1).and_then(|before| words.get(before)),
        out.last().copied(),
    ) {
        let gap = text.get(word.end..next.start).unwrap_or("");
        let head = text
            .get(..word.start)
            .and_then(|head| head.chars().next_back());
        let free = head.is_none_or(|c| c.is_whitespace() || c == '(');
        let day = word
            .text
            .parse()
            .ok()
            .filter(|day: &u8| *day > 0 && next.moment.day.is_some_and(|next| *day < next));
        let Some(day) = day.filter(|_| free && matches!(gap, ", " | "., ")) else {
            break;
        };
        out.push(MomentAt {
            moment: Moment {
                day: Some(day),
                weekday: None,
                ..last.moment
            },
            start: word.start,
            end: word.end,
        });
        at -= 1;
    }
    out
}

/// Dates and times in figures: `2025-03-09`, `09.03.2025`, `3/9/2025`, `14:30`.
fn numeric(text: &str, day_first: bool) -> Vec<MomentAt> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit()
            || (at > 0
                && (bytes[at - 1].is_ascii_alphanumeric()
                    || matches!(bytes[at - 1], b'.' | b',' | b'_')))
        {
            at += 1;
            continue;
        }
        let run: &str = {
            let len = bytes[at..]
                .iter()
                .take(25)
                .take_while(|byte| {
                    byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'/' | b':' | b'T')
                })
                .count();
            text.get(at..at + len)
                .unwrap_or("")
                .trim_end_matches(['-', '.', '/', ':', 'T'])
        };
        // "6:30-21:00" are two times.
        let run = match (run.find(':'), run.find('-')) {
            (Some(colon), Some(dash)) if colon < dash => &run[..dash],
            _ => run,
        };
        if let Some(moment) = figures(run, day_first) {
            out.push(MomentAt {
                moment,
                start: at,
                end: at + run.len(),
            });
        }
        at += run.len().max(1);
        while at < bytes.len() && bytes[at].is_ascii_digit() {
            at += 1;
        }
    }
    out
}

fn figures(run: &str, day_first: bool) -> Option<Moment> {
    if let Some(moment) =
        Moment::iso(run).filter(|moment| moment.year.is_some_and(|year| year >= 1000))
    {
        return Some(Moment {
            quarter: None,
            weekday: None,
            ..moment
        });
    }
    if let Some((hour, minute)) = run.split_once(':') {
        let hour: u16 = hour.parse().ok().filter(|hour| *hour < 25)?;
        let minute = minute.get(..2).filter(|digits| digits.len() == 2)?;
        let minute: u16 = minute.parse().ok().filter(|minute| *minute < 60)?;
        return Some(Moment {
            minute: Some(hour * 60 + minute),
            ..Moment::default()
        });
    }
    let parts: Vec<&str> = run.split(['.', '/']).collect();
    let [one, other, year] = parts.as_slice() else {
        return None;
    };
    if !matches!(year.len(), 2 | 4) || one.len() > 2 || other.len() > 2 {
        return None;
    }
    let (one, other): (u8, u8) = (one.parse().ok()?, other.parse().ok()?);
    let year: i32 = year.parse().ok()?;
    let year = if year < 100 { 2000 + year } else { year };
    let month_first = run.contains('/') && (other > 12 || (one <= 12 && !day_first));
    let (day, month) = if month_first && one <= 12 {
        (other, one)
    } else {
        (one, other)
    };
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day);
    fits.then(|| Moment {
        year: Some(year),
        month: Some(month),
        day: Some(day),
        ..Moment::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_languages::{folded, lexicon};

    #[test]
    fn moments_are_read_as_languages_write_them() {
        let of = |year: i32, month: u8, day: u8| Moment {
            year: (year > 0).then_some(year),
            month: (month > 0).then_some(month),
            day: (day > 0).then_some(day),
            ..Moment::default()
        };
        let rows = [
            ("en", "on 9 March 2025", vec![of(2025, 3, 9)]),
            ("en", "on March 9, 2025", vec![of(2025, 3, 9)]),
            (
                "en",
                "from January to February",
                vec![of(0, 1, 0), of(0, 2, 0)],
            ),
            ("en", "it may march on", vec![]),
            ("en", "in 2024 it was 2,024", vec![of(2024, 0, 0)]),
            ("de", "am 9. März 2025", vec![of(2025, 3, 9)]),
            ("de", "am 09.03.2025", vec![of(2025, 3, 9)]),
            ("es", "el 9 de marzo de 2025", vec![of(2025, 3, 9)]),
            ("fr", "le 9 mars 2025", vec![of(2025, 3, 9)]),
            ("en", "2025-03-09", vec![of(2025, 3, 9)]),
            ("en", "EUR 19,700.76", vec![]),
        ];
        for (code, text, wanted) in rows {
            let words = folded(text);
            let tags = lexicon(code).unwrap().tags(&words);
            let found: Vec<Moment> = moments(
                text,
                &words,
                &tags,
                matches!(code, "en" | "de"),
                code != "en",
            )
            .into_iter()
            .map(|found| found.moment)
            .collect();
            assert_eq!(found, wanted, "{text}");
        }
        assert_eq!(Moment::iso("2025-03-09").unwrap().weekday, Some(7));
        assert_eq!(Moment::iso("2025-06-03T14:30").unwrap().minute, Some(870));
        assert!(
            Moment {
                month: Some(3),
                ..Moment::default()
            }
            .holds(&Moment::iso("2025-03-09").unwrap())
        );
    }
}
