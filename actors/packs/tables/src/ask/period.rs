//! Periods as a goal says them: days, months, quarters, years, and what is counted from the end of the data.

use aios_languages::Ask;
use aios_work::{Day, Grain, Span};

/// A period as a goal says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// These days.
    Days(Span),
    /// A month, quarter or week without its year; a part of a year itself is a half.
    Part(Grain, u8),
    /// From one day of a month to another, without the year.
    InMonth(u8, u8, u8),
    /// These days of the week, as bits from Monday on.
    Weekdays(u8),
    /// The last so many periods of the data.
    Last(Grain, i64),
    /// The period before the last one.
    Previous(Grain),
    /// The first so many of the data.
    First(Grain, i64),
    /// The first or last so many of a year: "the first week of 2025".
    OfYear(Grain, i64, bool, i32),
    /// From the beginning of the data's last year on.
    YearToDate,
}

/// What the days of a period are in the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolved {
    /// One stretch of days.
    Days(Span),
    /// A month of several years.
    EveryYear(u8),
    /// These days of the week.
    Weekdays(Vec<u8>),
}

/// The last half years end with these months.
fn half(year: i32, second: bool) -> Option<Span> {
    let (from, until) = if second { (7, 12) } else { (1, 6) };
    Some(Span {
        from: Day::new(year, from, 1)?,
        until: Grain::Month.span_of(Day::new(year, until, 1)?).until,
    })
}

/// A part of a year: month 3, quarter 2, half 1, week 23.
pub(super) fn part_of(year: i32, grain: Grain, number: u8) -> Option<Span> {
    match grain {
        Grain::Month => Some(Grain::Month.span_of(Day::new(year, number, 1)?)),
        Grain::Quarter => {
            let month = number.checked_sub(1)?.checked_mul(3)?.checked_add(1)?;
            Some(Grain::Quarter.span_of(Day::new(year, month, 1)?))
        }
        // Week 1 is the one with the fourth of January.
        Grain::Week => {
            let first = Grain::Week.span_of(Day::new(year, 1, 4)?).from;
            let from = first.plus_days(7 * (i64::from(number) - 1));
            Some(Span {
                from,
                until: from.plus_days(6),
            })
        }
        Grain::Year => half(year, number == 2),
        Grain::Day => None,
    }
}

/// From one day of a month to another.
fn in_month(year: i32, month: u8, first: u8, last: u8) -> Option<Span> {
    Some(Span {
        from: Day::new(year, month, first)?,
        until: Day::new(year, month, last)?,
    })
}

impl Said {
    /// The days that are meant in data that covers these. None where the data cannot tell.
    pub(super) fn within(self, data: Span) -> Option<Resolved> {
        Some(Resolved::Days(match self {
            Self::Days(span) => span,
            Self::Weekdays(bits) => {
                let days = (1..=7).filter(|day| bits & (1 << (day - 1)) != 0).collect();
                return Some(Resolved::Weekdays(days));
            }
            Self::Part(grain, number) => {
                let years = data.from.year()..=data.until.year();
                let spans: Vec<Span> = years
                    .filter_map(|year| part_of(year, grain, number))
                    .filter(|span| span.overlaps(&data))
                    .collect();
                match (spans.as_slice(), grain) {
                    ([], _) => part_of(data.until.year(), grain, number)?,
                    ([_, _, ..], Grain::Month) => return Some(Resolved::EveryYear(number)),
                    ([.., last], _) => *last,
                }
            }
            Self::InMonth(month, first, last) => {
                let years = data.from.year()..=data.until.year();
                let mut spans = years.filter_map(|year| in_month(year, month, first, last));
                spans
                    .rfind(|span| span.overlaps(&data))
                    .or_else(|| in_month(data.until.year(), month, first, last))?
            }
            Self::Last(Grain::Day, count) => Span {
                from: data.until.plus_days(1 - count),
                until: data.until,
            },
            Self::Last(Grain::Week, count) if count > 1 => Span {
                from: data.until.plus_days(1 - 7 * count),
                until: data.until,
            },
            Self::Last(grain, count) => {
                let mut from = grain.span_of(data.until).from;
                for _ in 1..count.min(1_000) {
                    from = grain.span_of(from.plus_days(-1)).from;
                }
                Span {
                    from,
                    until: grain.span_of(data.until).until,
                }
            }
            Self::Previous(grain) => grain.span_of(grain.span_of(data.until).from.plus_days(-1)),
            Self::First(Grain::Day, count) => Span {
                from: data.from,
                until: data.from.plus_days(count - 1),
            },
            Self::First(Grain::Week, count) if count > 1 => Span {
                from: data.from,
                until: data.from.plus_days(7 * count - 1),
            },
            Self::First(grain, count) => {
                let mut until = grain.span_of(data.from).until;
                for _ in 1..count.min(1_000) {
                    until = grain.span_of(until.plus_days(1)).until;
                }
                Span {
                    from: grain.span_of(data.from).from,
                    until,
                }
            }
            Self::OfYear(grain, count, first, year) => {
                let whole = Grain::Year.span_of(Day::new(year, 1, 1)?);
                let days = match grain {
                    Grain::Day => Some(count),
                    Grain::Week => Some(7 * count),
                    _ => None,
                };
                match (days, first) {
                    (Some(days), true) => Span {
                        from: whole.from,
                        until: whole.from.plus_days(days - 1),
                    },
                    (Some(days), false) => Span {
                        from: whole.until.plus_days(1 - days),
                        until: whole.until,
                    },
                    (None, true) => {
                        let mut until = grain.span_of(whole.from).until;
                        for _ in 1..count.min(12) {
                            until = grain.span_of(until.plus_days(1)).until;
                        }
                        Span {
                            from: whole.from,
                            until,
                        }
                    }
                    (None, false) => {
                        let mut from = grain.span_of(whole.until).from;
                        for _ in 1..count.min(12) {
                            from = grain.span_of(from.plus_days(-1)).from;
                        }
                        Span {
                            from,
                            until: whole.until,
                        }
                    }
                }
            }
            Self::YearToDate => Span {
                from: Grain::Year.span_of(data.until).from,
                until: data.until,
            },
        }))
    }

    /// The period with a year that is said elsewhere.
    pub(super) fn in_year(self, year: i32) -> Self {
        match self {
            Self::Part(grain, number) => part_of(year, grain, number).map_or(self, Self::Days),
            Self::InMonth(month, first, last) => {
                in_month(year, month, first, last).map_or(self, Self::Days)
            }
            _ => self,
        }
    }

    /// The year it lies in, if it says one.
    pub(super) fn year(self) -> Option<i32> {
        match self {
            Self::Days(span) if span.from.year() == span.until.year() => Some(span.from.year()),
            _ => None,
        }
    }
}

/// The grain that a word names.
pub(super) fn grain_of(ask: Ask) -> Option<Grain> {
    Some(match ask {
        Ask::Day => Grain::Day,
        Ask::Week => Grain::Week,
        Ask::Month => Grain::Month,
        Ask::Quarter => Grain::Quarter,
        Ask::Year => Grain::Year,
        _ => return None,
    })
}
