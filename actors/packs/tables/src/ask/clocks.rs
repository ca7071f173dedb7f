//! Times of day as a goal says them: "after 6 pm", "before 8:30", "zwischen 9 und 12 Uhr".

use aios_languages::Ask;

use super::marks::What;
use super::question::{Bound, Filter, Test};
use super::resolve::Reader;
use super::words::Words;

/// The minute of the day that begins with this word, and behind it.
pub(super) fn clock_at(words: &Words, at: usize) -> Option<(usize, u16)> {
    let text = words.text(at);
    match text {
        "noon" | "midday" | "mittag" | "midi" | "mediodia" => return Some((at + 1, 12 * 60)),
        "midnight" | "mitternacht" | "minuit" | "medianoche" => return Some((at + 1, 0)),
        _ => {}
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, stuck) = text.split_at(digits);
    let hour: u16 = number.parse().ok().filter(|_| digits <= 2)?;
    let minute = stuck.is_empty().then(|| minute_behind(words, at)).flatten();
    let behind = at + 1 + usize::from(minute.is_some());
    let (half, to) = match stuck {
        "" => (words.text(behind), behind + 1),
        _ => (stuck, behind),
    };
    let (hour, to) = match half {
        "am" if (1..=12).contains(&hour) => (hour % 12, to),
        "pm" if (1..=12).contains(&hour) => (hour % 12 + 12, to),
        "uhr" | "oclock" | "heures" | "horas" => (hour, to),
        // "avant 9h": behind another word so many hours last.
        "h" if at > 0 && LEADING.contains(&words.text(at - 1)) => (hour, to),
        "o" if words.text(to) == "clock" => (hour, to + 1),
        _ => match (part_of_day(words, behind), stuck) {
            // "9 in the morning", "9 Uhr abends"
            (Some((later, to)), "") if (1..=12).contains(&hour) => {
                (if later { hour % 12 + 12 } else { hour % 12 }, to)
            }
            _ if minute.is_some() && stuck.is_empty() => (hour, behind),
            _ => return None,
        },
    };
    (hour < 24).then(|| (to, hour * 60 + minute.unwrap_or(0)))
}

/// Words of French and Spanish before a time of day that is written with an "h".
const LEADING: [&str; 9] = [
    "a", "avant", "apres", "des", "depuis", "vers", "entre", "et", "las",
];

/// "in the morning", "at night": whether that half of the day is the later one, and behind it.
fn part_of_day(words: &Words, at: usize) -> Option<(bool, usize)> {
    let said = [words.text(at), words.text(at + 1), words.text(at + 2)];
    match said {
        ["in", "the", "morning"] | ["de", "la", "manana"] => Some((false, at + 3)),
        ["in", "the", "afternoon" | "evening"] | ["de", "la", "tarde" | "noche"] => {
            Some((true, at + 3))
        }
        ["at", "night", _] => Some((true, at + 2)),
        ["du", "matin", _] => Some((false, at + 2)),
        ["du", "soir", _] => Some((true, at + 2)),
        ["morgens" | "vormittags", ..] => Some((false, at + 1)),
        ["abends" | "nachmittags", ..] => Some((true, at + 1)),
        _ => None,
    }
}

/// The minutes of "18:30": two digits right behind a colon.
fn minute_behind(words: &Words, at: usize) -> Option<u16> {
    let text = words.text(at + 1);
    let minute: u16 = text.parse().ok().filter(|minute| *minute < 60)?;
    (words.gap(at + 1) == ":" && text.len() == 2 && words.gap(at + 2) != ":").then_some(minute)
}

impl Reader<'_> {
    /// Times of day as conditions, on the column that holds some.
    pub(super) fn times_of_day(&mut self, from: usize, to: usize, out: &mut Vec<Filter>) {
        let clock = |reader: &Self, at: usize| match reader.mark(at)?.what {
            What::Clock(minute) => Some(minute),
            _ => None,
        };
        let mut columns = self
            .schema
            .columns
            .iter()
            .filter(|column| column.hours || column.clock);
        let (only, more) = (columns.next(), columns.next());
        let Some(column) = only
            .filter(|_| more.is_none())
            .map(|column| column.id.clone())
        else {
            return;
        };
        let mut at = from;
        while at < to {
            let Some(minute) = clock(self, at) else {
                at += 1;
                continue;
            };
            let Some(before) = self.previous(from, at).or_else(|| at.checked_sub(1)) else {
                at += 1;
                continue;
            };
            let bound = |minute: u16, included: bool| Some(Bound { minute, included });
            let is = |all: &[Ask]| all.iter().any(|ask| self.is_ask(before, *ask));
            // "nach 18 Uhr" says when, and not for each of what.
            let after = is(&[Ask::Per])
                && self
                    .mark(before)
                    .is_some_and(|mark| self.words.text(mark.from) == "nach");
            // "at 18:00 or later", "from 8 am on"
            let behind = |all: &[Ask]| all.iter().any(|ask| self.is_ask(at + 1, *ask));
            let bounded = behind(&[Ask::AtLeast, Ask::AtMost]);
            let joint = self.is_ask(at + 1, Ask::And)
                || self.is_ask(at + 1, Ask::Until)
                || self.is_ask(at + 1, Ask::To);
            let last = clock(self, at + 2).filter(|_| joint);
            // "from" carries no meaning of its own elsewhere.
            let leads = at
                .checked_sub(1)
                .is_some_and(|before| self.is_ask(before, Ask::From));
            let (lower, upper, end) = if let Some(last) = last {
                (bound(minute, true), bound(last, true), at + 2)
            } else if bounded {
                let (lowest, end) = (behind(&[Ask::AtLeast]), bound(minute, true));
                (end.filter(|_| lowest), end.filter(|_| !lowest), at + 1)
            } else if is(&[Ask::After, Ask::Above]) || after {
                (bound(minute, false), None, at)
            } else if is(&[Ask::Since, Ask::AtLeast]) || leads {
                (bound(minute, true), None, at)
            } else if is(&[Ask::Before, Ask::Below]) {
                (None, bound(minute, false), at)
            } else if is(&[Ask::Until, Ask::AtMost]) {
                (None, bound(minute, true), at)
            } else {
                at += 1;
                continue;
            };
            // What stands before "at 18:00 or later" has a meaning of its own.
            if !bounded || last.is_some() {
                self.take(before);
            }
            (at..=end).for_each(|at| self.take(at));
            out.push(Filter {
                column: column.clone(),
                test: Test::Clock(lower, upper),
                not: false,
                part: false,
            });
            at = end + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read_as_people_say_them() {
        for (text, wanted) in [
            ("6 pm", Some((2, 18 * 60))),
            ("6pm", Some((1, 18 * 60))),
            ("12 am", Some((2, 0))),
            ("18:30", Some((2, 18 * 60 + 30))),
            ("6:30 pm", Some((3, 18 * 60 + 30))),
            ("9 Uhr", Some((2, 9 * 60))),
            ("8 o'clock", Some((3, 8 * 60))),
            ("noon", Some((1, 12 * 60))),
            ("9 in the morning", Some((4, 9 * 60))),
            ("7 in the evening", Some((4, 19 * 60))),
            ("6 units", None),
            ("25:00", None),
            ("1:30:15", None),
        ] {
            let words = Words::read(text, "en", &[]);
            assert_eq!(clock_at(&words, 0), wanted, "{text}");
        }
    }
}
