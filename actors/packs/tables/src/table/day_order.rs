//! Whether `03/07` is in July or in March, decided over a whole column.

use jiff::civil;

use super::column::{Hints, Votes};
use super::date::{DateReading, Layout, Order};

/// What the dates of a column that are only numbers say about the order of day and month.
pub(crate) struct Numeric {
    mark: Option<char>,
    /// Some have two different numbers.
    differ: bool,
    first_is_one: bool,
    second_is_one: bool,
    day_first: Rising,
    month_first: Rising,
}

/// Whether days come in order of time.
struct Rising {
    days: u64,
    last: Option<civil::Date>,
    rises: bool,
}

impl Default for Rising {
    fn default() -> Self {
        Self {
            days: 0,
            last: None,
            rises: true,
        }
    }
}

impl Rising {
    fn see(&mut self, day: Option<civil::Date>) {
        let Some(day) = day else { return };
        self.rises &= self.last.is_none_or(|last| last <= day);
        self.days += 1;
        self.last = Some(day);
    }

    fn holds(&self) -> bool {
        self.rises && self.days > 2
    }
}

impl Default for Numeric {
    fn default() -> Self {
        Self {
            mark: None,
            differ: false,
            first_is_one: true,
            second_is_one: true,
            day_first: Rising::default(),
            month_first: Rising::default(),
        }
    }
}

impl Numeric {
    pub(crate) fn see(&mut self, reading: &DateReading) {
        let Layout::Numeric(mark) = reading.layout else {
            return;
        };
        self.mark.get_or_insert(mark);
        let (first, second) = reading.numbers();
        self.differ |= first != second;
        self.first_is_one &= first == 1;
        self.second_is_one &= second == 1;
        self.day_first.see(reading.under(Order::DayFirst));
        self.month_first.see(reading.under(Order::MonthFirst));
    }

    /// Whether `03/07` is in July or in March, decided over the whole column.
    pub(crate) fn order(&self, votes: &Votes, hints: &Hints, say: &mut dyn FnMut(String)) -> Order {
        if let Some(proven) = votes.order() {
            return proven;
        }
        let Some(mark) = self.mark else {
            return Order::DayFirst;
        };
        if mark == '.' || !self.differ {
            return Order::DayFirst;
        }
        let (order, why) = match (self.first_is_one, self.second_is_one) {
            (true, false) => (Order::DayFirst, "so that each is the first of a month"),
            (false, true) => (Order::MonthFirst, "so that each is the first of a month"),
            _ => match (
                self.day_first.holds(),
                self.month_first.holds(),
                hints.order,
            ) {
                (true, false, _) => (Order::DayFirst, "so that the rows are in order of time"),
                (false, true, _) => (Order::MonthFirst, "so that the rows are in order of time"),
                (_, _, Some(order)) => (order, "like the other dates of the file"),
                _ if hints.european => (
                    Order::DayFirst,
                    "as is usual where semicolons, decimal commas or euros are",
                ),
                _ if mark == '-' => (Order::DayFirst, "as is usual with hyphens"),
                _ => (
                    Order::MonthFirst,
                    "as is usual with slashes in the United States",
                ),
            },
        };
        say(format!(
            "no date tells whether day or month comes first; read as {}, {why}",
            Layout::Numeric(mark).describe(order)
        ));
        order
    }
}
