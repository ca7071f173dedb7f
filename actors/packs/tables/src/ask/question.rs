//! A question as it was understood, typed: what is computed, of which rows, for what, in which order, and what of the goal was not used.

use aios_work::{Grain, Span};
use serde::{Deserialize, Serialize};

/// A column of one of the tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Column {
    /// Which table, by its name in SQL.
    pub table: String,
    /// Its name in the file and in SQL.
    pub name: String,
    /// The unit of its numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether its numbers are years, which are written without marks between their digits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub year: bool,
}

/// What is measured of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// The rows themselves.
    Rows,
    /// The different values of a column.
    Distinct(Column),
    /// The different periods of a date that have rows.
    Periods(Column, Grain),
    /// The numbers of a column.
    Of(Column),
    /// Row by row one column times another: price and quantity.
    Product(Column, Column),
    /// Row by row one column less another: revenue and cost.
    Less(Column, Column),
    /// Row by row the sum of several columns, in which what is missing counts nothing.
    Plus(Vec<Column>),
    /// Row by row the days from one date to another.
    Elapsed(Column, Column),
    /// Row by row what lies between two times of a day, in units of so many seconds: 3600 for hours.
    Lasted(Column, Column, u32),
    /// Row by row the minutes from one time of day to the next other one, past midnight where that is later.
    Shift(Column, Column),
    /// Row by row a rate times what it is of, over how many of these it is for: litres per 100 km and kilometres.
    Rated(Column, Column, u32),
}

/// Of how many of what it is over a rate is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scale {
    /// Of one.
    One,
    /// Of a hundred, in percent.
    Percent,
    /// Of so many: loans per 1000 residents.
    Each(u32),
}

/// Which figure is made of a measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Make {
    /// A sum; of rows and different values their count.
    Total,
    /// A mean.
    Mean,
    /// The middle.
    Median,
    /// The largest.
    Greatest,
    /// The smallest.
    Least,
    /// Largest less smallest.
    Range,
    /// The standard deviation of a sample.
    Deviation,
    /// Its square.
    Variance,
    /// The value below which so many percent lie.
    Percentile(f64),
    /// A mean weighted by a column.
    Weighted(Column),
    /// The sum over the sum of another measure, and of how many of it.
    Over(Box<Measure>, Scale),
    /// How much a figure changed from some rows to others, of which it is made alike; in percent if that is what was asked.
    Moved {
        /// What is made of both.
        make: Box<Make>,
        /// What the first is called, and what its rows have.
        from: Box<(String, Filter)>,
        /// The second.
        to: Box<(String, Filter)>,
        /// Whether the change is told in percent of the first.
        percent: bool,
    },
    /// How much a figure of a period changed from the period before; in percent if that is what was asked.
    Step(Box<Make>, bool),
    /// The part of a whole, in percent; the whole is without the filters that make it a part.
    Share,
    /// How strongly it goes with another column, from -1 to 1.
    Correlation(Column),
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Which.
    pub make: Make,
    /// Of what.
    pub of: Measure,
    /// What people call it, where that is not the column's name: "profit", "conversion rate".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
}

/// A condition on rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Filter {
    /// Of which column.
    pub column: Column,
    /// What must hold.
    pub test: Test,
    /// Whether it must not.
    #[serde(default)]
    pub not: bool,
    /// Whether it is what makes the part of a share.
    #[serde(default)]
    pub part: bool,
}

/// An end of a stretch of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bound {
    /// The minute of the day.
    pub minute: u16,
    /// Whether the minute itself lies within.
    pub included: bool,
}

impl Filter {
    /// The values that it is about, as they are told.
    pub(crate) fn values(&self) -> String {
        match &self.test {
            Test::In(values) => values.join(", "),
            _ => String::new(),
        }
    }
}

impl Bound {
    /// As clocks show it.
    pub(crate) fn shown(self) -> String {
        format!("{:02}:{:02}", self.minute / 60, self.minute % 60)
    }
}

/// What a cell is tested for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Test {
    /// It is one of these, as the file writes them.
    In(Vec<String>),
    /// It is one of these numbers.
    Number(f64),
    /// It lies above, or at it too.
    Above(f64, bool),
    /// It lies below, or at it too.
    Below(f64, bool),
    /// It lies between, both ends included.
    Between(f64, f64),
    /// It is of one of these stretches of days.
    Days(Vec<Span>),
    /// It is of this month, 1 to 12, in any year.
    Month(u8),
    /// It is the name of this month, 1 to 12, in any language.
    MonthName(u8),
    /// It is of these days of the week, 1 (Monday) to 7.
    Weekdays(Vec<u8>),
    /// It lies above another column of the same row, or at it too.
    Over(Column, bool),
    /// It lies below another column of the same row, or at it too.
    Under(Column, bool),
    /// It is written with these letters at its beginning.
    Begins(String),
    /// The same at its end.
    Ends(String),
    /// It has no value.
    Missing,
    /// Its time of day lies from one minute of the day to another.
    Clock(Option<Bound>, Option<Bound>),
    /// It is one that has a row of which all of these hold.
    Has(Vec<Filter>),
    /// One of these holds, each of its own column.
    Either(Vec<Filter>),
}

/// What rows are put together by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Group {
    /// The values of a column.
    By(Column),
    /// Periods of a date.
    Each(Column, Grain),
    /// Days of the week of a date.
    Weekday(Column),
    /// Hours of the day of a time.
    Hour(Column),
}

/// What stands first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Whether the largest does.
    pub largest: bool,
    /// How many are asked for; all without it.
    pub limit: Option<u32>,
    /// How many are passed over: the second largest.
    pub skip: u32,
}

/// Two that are set against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Versus {
    /// What the first is called, and what its rows have.
    pub from: (String, Filter),
    /// The second.
    pub to: (String, Filter),
    /// Whether the change is asked for in percent.
    pub percent: bool,
}

/// What is asked, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    /// Figures, of all rows or for each group.
    Figures(Vec<Figure>),
    /// The row with the largest or smallest value.
    Row {
        /// Of which column.
        measure: Column,
        /// Columns that tell which row it is.
        by: Vec<Column>,
    },
    /// The different values of a column.
    Values(Column),
    /// A figure here against the same there.
    Versus(Figure, Box<Versus>),
}

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// What is wanted.
    pub wanted: Wanted,
    /// Of which rows.
    pub filters: Vec<Filter>,
    /// For each of what.
    pub groups: Vec<Group>,
    /// In which order, and how many.
    pub order: Option<Order>,
    /// What the figure of a group must be.
    pub having: Option<Test>,
}

/// Which tables are asked, and how they hang together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tables {
    /// File and name in SQL of each, the one whose rows are counted first.
    pub all: Vec<(String, String)>,
    /// For the second and later ones: the column of the first, and its own, that must be equal.
    pub keys: Vec<(Column, Column)>,
    /// Whether they are of one form and are read as one, one below the other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stacked: bool,
}

/// A goal as it was understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Understood {
    /// The code of the language it is answered in.
    pub language: String,
    /// What is asked.
    pub questions: Vec<Question>,
    /// Which tables are asked.
    pub tables: Tables,
    /// What was assumed, in sentences.
    pub assumed: Vec<String>,
    /// Words that were not used, as they stand in the goal.
    pub unused: Vec<String>,
    /// What was asked for and is not in the data, in sentences.
    pub absent: Vec<String>,
    /// What each of the goal's words was taken for.
    pub taken: Vec<(String, String)>,
}

impl Question {
    /// Whether its answer is several figures that can be drawn.
    pub(crate) fn has_groups(&self) -> bool {
        !self.groups.is_empty() && matches!(self.wanted, Wanted::Figures(_))
    }
}
