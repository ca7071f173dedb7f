//! Typed columns as an SQLite database in memory.

use std::collections::{BTreeSet, HashMap};

use aios_work::{ToolCall, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use serde_json::json;

use super::gathered::Gathered;
use super::{QueryLimits, functions, guard};
use crate::table::{Column, Read, Table, Typed};
use crate::{ColumnKind, Error};
use aios_tools::{Check, Limits, Reserved, Workspace};

/// Rows loaded between two looks at the clock and the cancel flag.
const CHECK_EVERY: usize = 4_096;

/// What SQLite takes for a row beside its values: its place, its number, its length.
const ROW: u64 = 10;
/// Bytes of a page, and what a row that goes over several leaves free on the last one.
const PAGE: u64 = 4_096;
const OVERFLOW: u64 = 64;
/// Room for a database is set aside in steps of so many bytes.
const STEP: u64 = 256 << 10;
/// What a cell of a result takes at least.
const CELL: usize = 8;

/// Tables that can be queried and never change.
pub(crate) struct Database {
    connection: Connection,
    /// Units by column name.
    pub(crate) units: HashMap<String, String>,
    /// Table and column names, for a message that says what there is.
    schema: String,
    gathered: Gathered,
    /// Of each table its name, its columns, and those that are loaded.
    tables: Vec<(String, Vec<String>, BTreeSet<usize>)>,
    /// What it takes, set aside as long as it is held.
    _held: Vec<Reserved>,
}

/// What a query gave.
#[derive(Debug)]
pub(crate) struct QueryResult {
    pub(crate) columns: Vec<String>,
    /// `None` is NULL.
    pub(crate) rows: Vec<Vec<Option<Value>>>,
}

impl QueryResult {
    pub(crate) fn into_json(self) -> serde_json::Value {
        json!({"columns": self.columns, "rows": self.rows})
    }
}

impl Database {
    /// Loads the columns that a statement can reach: those of which its text holds the name. A table is read by few of its columns, and each
    /// costs as much as reading it. `before` are those that were loaded already.
    pub(crate) fn load(
        tables: &[(&str, &Table)],
        statement: &str,
        before: &Loaded,
        limits: &QueryLimits,
        check: Check<'_>,
    ) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_in_memory_with_flags(flags).map_err(guard::failed)?;
        guard::limit_memory(&connection, limits).map_err(guard::failed)?;
        let (mut longest, mut units, mut schema) = (0, HashMap::new(), Vec::new());
        let (mut held, mut loaded) = (Vec::new(), Vec::new());
        for (at, (name, table)) in tables.iter().enumerate() {
            let Some(mut room) = table.room() else {
                continue;
            };
            let names: Vec<String> = table
                .columns
                .iter()
                .map(|column| column.profile.name.clone())
                .collect();
            let mut wanted = reached(statement, name, &names);
            wanted.extend(before.get(at).into_iter().flatten());
            let columns: Vec<&Column> = table
                .columns
                .iter()
                .enumerate()
                .filter(|(at, _)| wanted.contains(at))
                .map(|(_, column)| column)
                .collect();
            longest =
                insert(&mut connection, name, table, &columns, &mut room, check)?.max(longest);
            held.push(room);
            loaded.push(((*name).to_owned(), names, wanted));
            units.extend(units_of(table));
            let columns: Vec<String> = table
                .columns
                .iter()
                .map(|column| column.profile.quoted())
                .collect();
            schema.push(format!("{name}({})", columns.join(", ")));
        }
        let gathered = Gathered::default();
        functions::register(&connection, &gathered).map_err(guard::failed)?;
        guard::close(&mut connection, longest, limits).map_err(guard::failed)?;
        Ok(Self {
            connection,
            units,
            schema: schema.join(", "),
            gathered,
            tables: loaded,
            _held: held,
        })
    }

    /// The columns that are loaded.
    pub(crate) fn loaded(&self) -> Loaded {
        self.tables
            .iter()
            .map(|(_, _, loaded)| loaded.clone())
            .collect()
    }

    /// Whether every column is loaded.
    pub(crate) fn is_whole(&self) -> bool {
        self.tables
            .iter()
            .all(|(_, names, loaded)| names.len() == loaded.len())
    }

    /// Whether all that a statement can reach is loaded.
    pub(crate) fn has(&self, statement: &str) -> bool {
        self.tables
            .iter()
            .all(|(name, names, loaded)| reached(statement, name, names).is_subset(loaded))
    }

    /// Runs one statement, until the call or the limits end it.
    pub(crate) fn query(
        &mut self,
        statement: &str,
        limits: &QueryLimits,
        workspace: &Workspace,
        call: &ToolCall,
    ) -> Result<QueryResult, Error> {
        let started =
            guard::start_clock(&mut self.connection, limits, call).map_err(guard::failed)?;
        self.gathered.begin(workspace.memory());
        let result = collect(&self.connection, statement, limits.rows, workspace.limits());
        let refused = self.gathered.end();
        guard::stop_clock(&mut self.connection).map_err(guard::failed)?;
        result.map_err(|error| match refused {
            Some(refused) => refused.into(),
            None => started.explain(error, &self.schema),
        })
    }
}

/// The units of a table's columns by their names.
pub(super) fn units_of(table: &Table) -> impl Iterator<Item = (String, String)> {
    let columns = table.columns.iter().map(|column| &column.profile);
    columns.filter_map(|profile| Some((profile.name.clone(), profile.unit.clone()?)))
}

/// Of each table the places of its columns that are loaded.
pub(crate) type Loaded = Vec<BTreeSet<usize>>;

/// The columns of a table that a statement can reach: a name that does not stand in it is reached by a star alone.
fn reached(statement: &str, table: &str, names: &[String]) -> BTreeSet<usize> {
    let text = statement.to_lowercase();
    if names_all(&text, &table.to_lowercase()) {
        return (0..names.len()).collect();
    }
    let mut all: BTreeSet<usize> = names
        .iter()
        .enumerate()
        .filter(|(_, name)| {
            let name = name.to_lowercase();
            text.contains(&name) || text.contains(&name.replace('"', "\"\""))
        })
        .map(|(at, _)| at)
        .collect();
    // A table has a column, if only to have its rows counted.
    if all.is_empty() && !names.is_empty() {
        all.insert(0);
    }
    all
}

/// Whether a statement, in small letters, takes all columns of a table: a star that is no `count(*)` and no product, unless it is one over
/// a statement of its own.
fn names_all(text: &str, table: &str) -> bool {
    text.match_indices('*').any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().trim_end();
        let behind = text.get(at + 1..).unwrap_or_default().trim_start();
        let of_all = before.ends_with(['.', ','])
            || ["select", "distinct", "all"]
                .iter()
                .any(|word| before.ends_with(word));
        if !of_all {
            return false;
        }
        let Some(from) = behind.strip_prefix("from") else {
            return true;
        };
        let from = from.trim_start();
        if from.starts_with('(') {
            return false;
        }
        let from = from.trim_start_matches('"');
        // Another table of the statement has columns of its own; one of its own making has those that it names.
        from.starts_with(table) || text.contains(" join ") || before.ends_with(['.', ','])
    }) || text.contains(" natural ")
}

/// Creates and fills one table; gives the bytes of its longest row.
fn insert(
    connection: &mut Connection,
    name: &str,
    table: &Table,
    columns: &[&Column],
    room: &mut Reserved,
    check: Check<'_>,
) -> Result<usize, Error> {
    let names: Vec<String> = columns
        .iter()
        .map(|column| column.profile.quoted())
        .collect();
    let typed: Vec<String> = columns
        .iter()
        .zip(&names)
        .map(|(column, name)| format!("{name} {}", sql_type(column)))
        .collect();
    // The row id is the line in the file, unless columns have taken all its names.
    let taken = |id: &&str| {
        !table
            .columns
            .iter()
            .any(|column| column.profile.name.eq_ignore_ascii_case(id))
    };
    let id = ["rowid", "_rowid_", "oid"].into_iter().find(taken);
    // Several rows of one line cannot share an id, but a column of that name takes its place.
    let mut typed = typed;
    if table.profile.unpivoted.is_some()
        && let Some(id) = id
    {
        typed.insert(0, format!("{id} INTEGER"));
    }
    let transaction = connection.transaction().map_err(guard::failed)?;
    transaction
        .execute_batch(&format!("CREATE TABLE \"{name}\" ({})", typed.join(", ")))
        .map_err(guard::failed)?;
    let mut longest = 0;
    {
        let into: Vec<&str> = id
            .into_iter()
            .chain(names.iter().map(String::as_str))
            .collect();
        let marks = vec!["?"; into.len()].join(", ");
        let mut statement = transaction
            .prepare(&format!(
                "INSERT INTO \"{name}\" ({}) VALUES ({marks})",
                into.join(", ")
            ))
            .map_err(guard::failed)?;
        let first = into.len() - names.len() + 1;
        // Of a column with codes each different cell is read once.
        let source = table.source.characters();
        let mut values = Vec::with_capacity(columns.len());
        let mut read = room.beside();
        for column in columns {
            let coded = column.cells.coded().unwrap_or(0);
            read.grow((coded * size_of::<Option<Read<'_>>>()) as u64)?;
            let mut known = Vec::with_capacity(coded);
            if coded > 0 {
                known.extend(
                    column
                        .cells
                        .different(source)
                        .map(|cell| column.typed.read(cell.text)),
                );
            }
            values.push(known);
        }
        let mut stored = 0_u64;
        for row in 0..table.lines.len() {
            let line = table.lines.get(row).unwrap_or_default();
            if row % CHECK_EVERY == 0 {
                check()?;
            }
            if id.is_some() {
                statement
                    .raw_bind_parameter(1, i64::try_from(line).unwrap_or(i64::MAX))
                    .map_err(guard::failed)?;
            }
            let mut length = 0;
            for (at, (column, known)) in columns.iter().zip(&values).enumerate() {
                let own;
                let value = match column.cells.code(row) {
                    Some(code) => known.get(code).and_then(Option::as_ref),
                    None => {
                        let text = column.cells.text(row, source);
                        own = text.and_then(|text| column.typed.read(text));
                        own.as_ref()
                    }
                };
                length += 1 + value.map_or(0, bytes);
                statement
                    .raw_bind_parameter(first + at, Bound(value))
                    .map_err(guard::failed)?;
            }
            longest = longest.max(length + 8 * names.len());
            stored += ROW + length as u64 + length as u64 / PAGE * OVERFLOW;
            if stored > room.bytes() {
                room.grow((stored - room.bytes()).max(STEP))?;
            }
            statement.raw_execute().map_err(guard::failed)?;
        }
    }
    transaction.commit().map_err(guard::failed)?;
    Ok(longest)
}

/// Bytes that SQLite takes for a value beside its type.
pub(super) fn bytes(value: &Read<'_>) -> usize {
    match value {
        Read::Integer(number) => match number.unsigned_abs() {
            0..=1 => 0,
            2..=0x7f => 1,
            0x80..=0x7fff => 2,
            0x8000..=0x7f_ffff => 3,
            0x80_0000..=0x7fff_ffff => 4,
            0x8000_0000..=0x7fff_ffff_ffff => 6,
            _ => 8,
        },
        Read::Real(_) => 8,
        // A long text has a longer type.
        Read::Text(text) => text.len() + if text.len() > 57 { 4 } else { 0 },
    }
}

pub(super) fn sql_type(column: &Column) -> &'static str {
    match (column.typed, column.profile.kind) {
        (_, ColumnKind::Empty) => "",
        (Typed::Integer(_) | Typed::Clock, _) => "INTEGER",
        (Typed::Real(_) | Typed::Seconds | Typed::InUnit(..), _) => "REAL",
        (
            Typed::Text
            | Typed::Date { .. }
            | Typed::Serial { .. }
            | Typed::Unix { .. }
            | Typed::Unit(_),
            _,
        ) => "TEXT",
    }
}

/// A cell on its way into SQLite.
pub(super) struct Bound<'v>(pub(super) Option<&'v Read<'v>>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            None => ValueRef::Null,
            Some(Read::Integer(number)) => ValueRef::Integer(*number),
            Some(Read::Real(number)) => ValueRef::Real(*number),
            Some(Read::Text(text)) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// A value that came of others, on its way into SQLite.
pub(super) struct Given<'v>(pub(super) Option<&'v Value>);

impl Given<'_> {
    /// Bytes that it takes at most, beside its type.
    pub(super) fn bytes(&self) -> usize {
        match self.0 {
            Some(Value::Text(text)) => text.len() + CELL,
            _ => CELL,
        }
    }
}

impl ToSql for Given<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            None => ValueRef::Null,
            Some(Value::Integer(number)) => ValueRef::Integer(*number),
            Some(Value::Real(number)) => ValueRef::Real(*number),
            Some(Value::Text(text)) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

pub(super) fn collect(
    connection: &Connection,
    statement: &str,
    most: usize,
    limits: &Limits,
) -> Result<QueryResult, guard::QueryError> {
    let mut prepared = guard::prepare(connection, statement)?;
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut cursor = prepared.raw_query();
    while let Some(row) = cursor.next()? {
        if rows.len() >= most {
            return Err(guard::QueryError::TooMuch(format!(
                "the query returns more than {} rows; add GROUP BY or LIMIT",
                most
            )));
        }
        let mut values = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            let cell = row.get_ref(at)?;
            // Looked at before it is copied: a cell may be as long as its file.
            bytes += CELL
                + cell
                    .as_bytes_or_null()
                    .ok()
                    .flatten()
                    .map_or(0, <[u8]>::len);
            if bytes > limits.result_bytes {
                return Err(guard::QueryError::TooMuch(format!(
                    "the query returns more than {} bytes; select fewer rows or columns",
                    limits.result_bytes
                )));
            }
            values.push(value(cell, column)?);
        }
        rows.push(values);
    }
    Ok(QueryResult { columns, rows })
}

pub(super) fn value(cell: ValueRef<'_>, column: &str) -> Result<Option<Value>, guard::QueryError> {
    Ok(Some(match cell {
        ValueRef::Null => return Ok(None),
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) if number.is_finite() => Value::Real(number + 0.0),
        ValueRef::Real(_) => {
            return Err(guard::QueryError::TooMuch(format!(
                "column {column} is infinite; check the division or the sum"
            )));
        }
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(_) => {
            return Err(guard::QueryError::TooMuch(format!(
                "column {column} is binary; select text or numbers"
            )));
        }
    }))
}
