//! Statements over a large table that need no database of it.
//!
//! SQLite takes longer to be given a million rows, and to sort them into groups, than the file takes to be read. What a statement asks of rows
//! is mostly simple: which of them, told apart by what, how many and how much. That is gathered here from the columns as they were read, each
//! condition and label asked of SQLite once for each different cell; SQLite then runs the statement over the table of the groups, with all that
//! stands around it: orders, limits, quotients, windows. A statement that asks for more is left to the database of the whole table.
//!
//! `tokens` takes a statement apart, `select` finds what it gathers, `outside` looks at what is left, `conditions` tells which rows are meant
//! and `rows` gathers them.

mod conditions;
mod outside;
mod rows;
mod select;
mod tokens;

use aios_work::ToolCall;
use rusqlite::Connection;

use self::conditions::Asks;
use self::rows::Groups;
use super::database::{self, QueryResult};
use super::gathered::Gathered;
use super::{QueryLimits, functions, guard};
use crate::Error;
use crate::table::Table;
use aios_tools::Workspace;

/// Rows from which a table is large.
const ROWS: usize = 50_000;
/// How tables of groups and their columns are called.
const NAMED: &str = "gathered_";
/// Selections in one statement.
const SELECTIONS: usize = 8;

/// Whether a table is so large that it is worth it.
pub(super) fn is_large(table: &Table) -> bool {
    table.lines.len() >= ROWS
}

/// What a statement gives of a table, called `name` in it; none where it is to be asked of a database.
pub(super) fn answer(
    table: &Table,
    name: &str,
    statement: &str,
    limits: &QueryLimits,
    workspace: &Workspace,
    call: &ToolCall,
) -> Result<Option<QueryResult>, Error> {
    let mut statement = statement.to_owned();
    let mut selections = Vec::new();
    loop {
        let next = {
            let Some(tokens) = tokens::tokens(&statement) else {
                return Ok(None);
            };
            // Names of ours are nobody else's.
            if selections.is_empty() && tokens.iter().any(outside::is_ours) {
                return Ok(None);
            }
            match select::place(&tokens, name) {
                Some(place) => {
                    let called = format!("{NAMED}{}", selections.len());
                    select::read(&tokens, place, table, &called)
                }
                None if tokens.iter().any(|token| token.is_word(name)) => return Ok(None),
                None if selections.is_empty() || !outside::is_whole(&tokens, name) => {
                    return Ok(None);
                }
                None => break,
            }
        };
        let Some((selection, rewritten)) = next.filter(|_| selections.len() < SELECTIONS) else {
            return Ok(None);
        };
        selections.push(selection);
        statement = rewritten;
    }
    let asks = Asks {
        limits,
        call,
        started: guard::Started::new(limits, call),
    };
    let mut gathered = Vec::new();
    for selection in &selections {
        match rows::gather(table, selection, &asks) {
            Ok(Some(groups)) => gathered.push(groups),
            Ok(None) => return Ok(None),
            // What SQLite has to say of it, it says itself.
            Err(error) if conditions::is_unfit(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    query(&statement, &gathered, &asks, workspace)
}

/// Runs a statement over groups. What fails here is asked of a database, which says why; unless there is no more time or memory.
fn query(
    statement: &str,
    gathered: &[Groups],
    asks: &Asks<'_>,
    workspace: &Workspace,
) -> Result<Option<QueryResult>, Error> {
    let limits = asks.limits;
    let held = Gathered::default();
    let made = || -> rusqlite::Result<Connection> {
        let mut connection = Connection::open_in_memory()?;
        guard::limit_memory(&connection, limits)?;
        let mut longest = 0;
        for (at, groups) in gathered.iter().enumerate() {
            longest = insert(&mut connection, at, groups)?.max(longest);
        }
        functions::register(&connection, &held)?;
        guard::close(&mut connection, longest, limits)?;
        asks.started.watch(&mut connection)?;
        Ok(connection)
    };
    let connection = match made() {
        Ok(connection) => connection,
        Err(error) => return asks.nothing(error),
    };
    held.begin(workspace.memory());
    let result = database::collect(&connection, statement, limits.rows, workspace.limits());
    match (result, held.end()) {
        (Ok(result), _) => Ok(Some(result)),
        (Err(_), Some(refused)) => Err(refused.into()),
        (Err(guard::QueryError::Sqlite(error)), None) => asks.nothing(error),
        (Err(_), None) => Ok(None),
    }
}

/// Makes a table of groups; gives the bytes of its longest row.
fn insert(connection: &mut Connection, at: usize, groups: &Groups) -> rusqlite::Result<usize> {
    let labels = groups.types.iter().enumerate();
    let names: Vec<String> = labels
        .map(|(label, kind)| format!("{NAMED}{at}_label{label} {kind}"))
        .chain((0..groups.figures).map(|figure| format!("{NAMED}{at}_figure{figure}")))
        .collect();
    let transaction = connection.transaction()?;
    transaction.execute_batch(&format!("CREATE TABLE {NAMED}{at} ({})", names.join(", ")))?;
    let mut longest = 0;
    {
        let marks = vec!["?"; names.len()].join(", ");
        let mut statement =
            transaction.prepare(&format!("INSERT INTO {NAMED}{at} VALUES ({marks})"))?;
        for (labels, figures) in &groups.rows {
            let mut length = 0;
            for (at, value) in labels.iter().chain(figures).enumerate() {
                length += database::Given(value.as_ref()).bytes();
                statement.raw_bind_parameter(at + 1, database::Given(value.as_ref()))?;
            }
            longest = longest.max(length);
            statement.raw_execute()?;
        }
    }
    transaction.commit()?;
    Ok(longest)
}

#[cfg(test)]
mod tests;
