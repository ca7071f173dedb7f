//! Which rows are meant, and what is made of a cell: each different one is asked of SQLite once.

use aios_work::{ToolCall, Value};
use rusqlite::Connection;

use super::select::{Formula, Plain};
use crate::Error;
use crate::sql::QueryLimits;
use crate::sql::database::{self, sql_type};
use crate::sql::guard::{self, Started};
use crate::table::{Column, Read, Table};

/// Bytes of a row beside its value.
const ROOM: usize = 16;
/// Whole numbers below are the same as doubles.
const EXACT: i64 = 1 << 53;
/// Cells between two looks at the clock.
const CHECK_EVERY: usize = 4_096;
/// For whom a statement is asked, and how long.
pub(super) struct Asks<'c> {
    pub(super) limits: &'c QueryLimits,
    pub(super) call: &'c ToolCall,
    /// All that is asked for one statement has one time.
    pub(super) started: Started,
}

impl Asks<'_> {
    fn check(&self) -> Result<(), Error> {
        self.call.check()?;
        match self.started.is_over() {
            true => Err(self.started.too_long()),
            false => Ok(()),
        }
    }

    /// Nothing was made of it, for which a database has its own words; unless there is no more time or memory.
    pub(super) fn nothing<T>(&self, error: rusqlite::Error) -> Result<Option<T>, Error> {
        match self.started.ended(error) {
            Some(ended) => Err(ended),
            None => Ok(None),
        }
    }
}

/// Why something is not gathered here after all; SQLite is asked instead.
const UNFIT: &str = "a number is too large to be gathered";

pub(super) fn unfit() -> Error {
    Error::Sql(UNFIT.to_owned())
}

pub(super) fn is_unfit(error: &Error) -> bool {
    matches!(error, Error::Sql(says) if says == UNFIT)
}

/// What a formula makes of each different cell of its column, and of a missing one at the end. None where SQLite makes nothing of it.
pub(super) fn made(
    table: &Table,
    formula: &Formula,
    values: bool,
    asks: &Asks<'_>,
) -> Result<Option<Vec<Option<Value>>>, Error> {
    let mut connection = match Connection::open_in_memory() {
        Ok(connection) => connection,
        Err(error) => return asks.nothing(error),
    };
    let longest = match fill(&connection, table, formula, asks)? {
        Ok(longest) => longest,
        Err(error) => return asks.nothing(error),
    };
    let mut closed = guard::close(&mut connection, longest, asks.limits);
    closed = closed.and_then(|()| asks.started.watch(&mut connection));
    let asked = match values {
        true => formula.sql.clone(),
        false => format!("CASE WHEN {} THEN 1 END", formula.sql),
    };
    let made = closed.and_then(|()| {
        let mut asks = connection.prepare(&format!("SELECT {asked} FROM cells ORDER BY rowid"))?;
        let rows = asks.query_map([], |row| {
            let cell = row.get_ref(0)?;
            Ok(database::value(cell, "label").ok().flatten())
        })?;
        rows.collect()
    });
    made.map(Some).or_else(|error| asks.nothing(error))
}

/// Gives SQLite the different cells of a formula's column, and a missing one; gives the bytes of the longest.
fn fill(
    connection: &Connection,
    table: &Table,
    formula: &Formula,
    asks: &Asks<'_>,
) -> Result<rusqlite::Result<usize>, Error> {
    let column = formula.column.and_then(|at| table.columns.get(at));
    let (name, kind) = column.map_or(("\"value\"".to_owned(), ""), |column| {
        (column.profile.quoted(), sql_type(column))
    });
    let insert = guard::limit_memory(connection, asks.limits).and_then(|()| {
        connection.execute_batch(&format!("CREATE TABLE cells ({name} {kind})"))?;
        connection.prepare("INSERT INTO cells VALUES (?)")
    });
    let mut insert = match insert {
        Ok(insert) => insert,
        Err(error) => return Ok(Err(error)),
    };
    let cells = column.into_iter().flat_map(|column| {
        let cells = column.cells.different(table.source.characters());
        cells.map(|cell| column.typed.read(cell.text))
    });
    let mut longest = 0;
    for (at, cell) in cells.chain([None]).enumerate() {
        if at % CHECK_EVERY == 0 {
            asks.check()?;
        }
        longest = longest.max(cell.as_ref().map_or(0, database::bytes) + ROOM);
        if let Err(error) = insert.execute([database::Bound(cell.as_ref())]) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(longest))
}

/// Whether a row is meant.
pub(super) enum Test<'t> {
    /// By the code of its cell; the last one is of a missing cell.
    Coded(&'t Column, Vec<bool>),
    /// By its number.
    Number(&'t Column, Range),
    Missing(&'t Column, bool),
    Always(bool),
}

/// Numbers from one to another, each among them or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    least: f64,
    greatest: f64,
    with_least: bool,
    with_greatest: bool,
}

impl Range {
    fn holds(self, number: f64) -> bool {
        let above = number > self.least || self.with_least && number == self.least;
        let below = number < self.greatest || self.with_greatest && number == self.greatest;
        above && below
    }

    fn of(plain: &Plain) -> Option<Self> {
        let number = |text: &str| {
            let number: f64 = text.parse().ok()?;
            (number.abs() < EXACT as f64).then_some(number)
        };
        let all = Self {
            least: f64::NEG_INFINITY,
            greatest: f64::INFINITY,
            with_least: true,
            with_greatest: true,
        };
        Some(match plain {
            Plain::Missing(_) => return None,
            Plain::Between(least, greatest) => Self {
                least: number(least)?,
                greatest: number(greatest)?,
                ..all
            },
            Plain::Compared(sign, than) => {
                let than = number(than)?;
                let (above, below) = (sign.starts_with('>'), sign.starts_with('<'));
                let with = sign.ends_with('=');
                Self {
                    least: if below { all.least } else { than },
                    greatest: if above { all.greatest } else { than },
                    with_least: below || with,
                    with_greatest: above || with,
                }
            }
        })
    }
}

pub(super) fn test<'t>(
    table: &'t Table,
    formula: &Formula,
    asks: &Asks<'_>,
) -> Result<Option<Test<'t>>, Error> {
    let is_true = |made: &Option<Value>| made.is_some();
    let Some(column) = formula.column.and_then(|at| table.columns.get(at)) else {
        let made = made(table, formula, false, asks)?.unwrap_or_default();
        return Ok(made.first().map(|made| Test::Always(is_true(made))));
    };
    if column.cells.coded().is_some() {
        let made = made(table, formula, false, asks)?;
        let held = made.map(|made| made.iter().map(is_true).collect());
        return Ok(held.map(|held| Test::Coded(column, held)));
    }
    Ok(match &formula.plain {
        Some(Plain::Missing(missing)) => Some(Test::Missing(column, *missing)),
        Some(plain) if column.typed.is_number() => {
            Range::of(plain).map(|range| Test::Number(column, range))
        }
        _ => None,
    })
}

impl Test<'_> {
    pub(super) fn holds(&self, row: usize, table: &Table) -> Result<bool, Error> {
        Ok(match self {
            Self::Always(held) => *held,
            Self::Coded(column, held) => {
                let code = column.cells.code(row).unwrap_or(held.len() - 1);
                held.get(code).copied().unwrap_or(false)
            }
            Self::Missing(column, missing) => {
                column.read(row, table.source.characters()).is_none() == *missing
            }
            Self::Number(column, range) => match column.read(row, table.source.characters()) {
                Some(Read::Integer(number)) if number.abs() >= EXACT => return Err(unfit()),
                Some(Read::Integer(number)) => range.holds(number as f64),
                Some(Read::Real(number)) => range.holds(number),
                _ => false,
            },
        })
    }
}
