//! Typed columns as an SQLite database in memory.

use std::collections::HashMap;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, ToSql};
use serde_json::json;

use super::{functions, guard};
use crate::table::{Check, Column, MISSING, Table};
use crate::{ColumnKind, Limits, ToolCall, ToolError, Value};

/// Rows loaded between two looks at the clock and the cancel flag.
const CHECK_EVERY: usize = 4_096;

/// Tables that can be queried and never change.
pub(crate) struct Database {
    connection: Connection,
    /// Units by column name.
    pub(crate) units: HashMap<String, String>,
    /// Table and column names, for a message that says what there is.
    schema: String,
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
    pub(crate) fn load(
        tables: &[(&str, &Table)],
        limits: &Limits,
        check: Check<'_>,
    ) -> Result<Self, ToolError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_in_memory_with_flags(flags).map_err(guard::failed)?;
        guard::limit_memory(&connection, limits).map_err(guard::failed)?;
        let (mut longest, mut units, mut schema) = (0, HashMap::new(), Vec::new());
        for (name, table) in tables {
            longest = insert(&mut connection, name, table, check)?.max(longest);
            for column in &table.columns {
                units.extend(
                    column
                        .profile
                        .unit
                        .clone()
                        .map(|unit| (column.profile.name.clone(), unit)),
                );
            }
            let columns: Vec<String> = table
                .columns
                .iter()
                .map(|column| column.profile.quoted())
                .collect();
            schema.push(format!("{name}({})", columns.join(", ")));
        }
        functions::register(&connection).map_err(guard::failed)?;
        guard::close(&mut connection, longest, limits).map_err(guard::failed)?;
        Ok(Self {
            connection,
            units,
            schema: schema.join(", "),
        })
    }

    /// Runs one statement, until the call or the limits end it.
    pub(crate) fn query(
        &mut self,
        statement: &str,
        limits: &Limits,
        call: &ToolCall<'_>,
    ) -> Result<QueryResult, ToolError> {
        let started =
            guard::start_clock(&mut self.connection, limits, call).map_err(guard::failed)?;
        let result = collect(&self.connection, statement, limits);
        guard::stop_clock(&mut self.connection).map_err(guard::failed)?;
        result.map_err(|error| started.explain(error, &self.schema))
    }
}

/// Creates and fills one table; gives the bytes of its longest row.
fn insert(
    connection: &mut Connection,
    name: &str,
    table: &Table,
    check: Check<'_>,
) -> Result<usize, ToolError> {
    let names: Vec<String> = table
        .columns
        .iter()
        .map(|column| column.profile.quoted())
        .collect();
    let typed: Vec<String> = table
        .columns
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
        for (row, line) in table.lines.iter().enumerate() {
            if row % CHECK_EVERY == 0 {
                check()?;
            }
            if id.is_some() {
                statement
                    .raw_bind_parameter(1, i64::try_from(*line).unwrap_or(i64::MAX))
                    .map_err(guard::failed)?;
            }
            let mut length = 0;
            for (at, column) in table.columns.iter().enumerate() {
                let value = cell(column, row);
                length += 9 + value.and_then(Value::as_str).map_or(0, str::len);
                statement
                    .raw_bind_parameter(first + at, Bound(value))
                    .map_err(guard::failed)?;
            }
            longest = longest.max(length);
            statement.raw_execute().map_err(guard::failed)?;
        }
    }
    transaction.commit().map_err(guard::failed)?;
    Ok(longest)
}

fn cell(column: &Column, row: usize) -> Option<&Value> {
    let code = column.codes.get(row).filter(|code| **code != MISSING)?;
    column.values.get(*code as usize)
}

fn sql_type(column: &Column) -> &'static str {
    match (column.values.first(), column.profile.kind) {
        (Some(Value::Integer(_)), _) => "INTEGER",
        (Some(Value::Real(_)), _) => "REAL",
        (Some(Value::Text(_)), _) | (None, ColumnKind::Date) => "TEXT",
        (None, _) => "",
    }
}

/// A cell on its way into SQLite.
struct Bound<'v>(Option<&'v Value>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            None => ValueRef::Null,
            Some(Value::Integer(number)) => ValueRef::Integer(*number),
            Some(Value::Real(number)) => ValueRef::Real(*number),
            Some(Value::Text(text)) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

fn collect(
    connection: &Connection,
    statement: &str,
    limits: &Limits,
) -> Result<QueryResult, guard::QueryError> {
    let mut prepared = guard::prepare(connection, statement)?;
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut cursor = prepared.raw_query();
    while let Some(row) = cursor.next()? {
        if rows.len() >= limits.rows {
            return Err(guard::QueryError::TooMuch(format!(
                "the query returns more than {} rows; add GROUP BY or LIMIT",
                limits.rows
            )));
        }
        let mut values = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            let value = value(row.get_ref(at)?, column)?;
            bytes += 16 + value.as_ref().and_then(Value::as_str).map_or(0, str::len);
            values.push(value);
        }
        if bytes > limits.result_bytes {
            return Err(guard::QueryError::TooMuch(format!(
                "the query returns more than {} bytes; select fewer rows or columns",
                limits.result_bytes
            )));
        }
        rows.push(values);
    }
    Ok(QueryResult { columns, rows })
}

fn value(cell: ValueRef<'_>, column: &str) -> Result<Option<Value>, guard::QueryError> {
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
