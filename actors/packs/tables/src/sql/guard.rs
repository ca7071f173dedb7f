//! The walls around a statement: it reads the loaded tables, within limits, and does nothing else.
//!
//! Each wall stands alone: the authorizer refuses everything but reading while the statement is compiled, a statement that is not
//! read-only is not run, the connection is query-only and has no file, no attached database and no extension.

use std::time::{Duration, Instant};

use aios_work::{CancelFlag, Stopped, ToolCall};
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Batch, Connection, ErrorCode, Statement};

use super::QueryLimits;
use crate::Error;

/// Virtual machine steps between two looks at the clock: well below a millisecond.
const STEPS: i32 = 2_000;

/// The longest text a statement can make. A single step that searches one text in another cannot be interrupted, and its time grows with
/// the square of this.
const TEXT_BYTES: usize = 256 << 10;

const OUT_OF_MEMORY: &str =
    "not enough memory within the limit; load a smaller file or group earlier";

/// Why a statement gave nothing.
pub(crate) enum QueryError {
    Sqlite(rusqlite::Error),
    Refused(String),
    TooMuch(String),
}

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// SQLite's own failure, outside any statement of a caller.
pub(crate) fn failed(error: rusqlite::Error) -> Error {
    let out_of_memory = error.sqlite_error_code() == Some(ErrorCode::OutOfMemory);
    Error::Sql(if out_of_memory {
        OUT_OF_MEMORY.to_owned()
    } else {
        error.to_string()
    })
}

pub(crate) fn is_out_of_memory(error: &Error) -> bool {
    error.is_out_of_memory() || matches!(error, Error::Sql(says) if says == OUT_OF_MEMORY)
}

/// Refuses a statement for its length alone.
pub(crate) fn check_statement(statement: &str, limits: &QueryLimits) -> Result<(), Error> {
    let refuse = |says: String| Err(Error::Sql(says));
    match statement.len() {
        0 => refuse("the statement is empty".to_owned()),
        length if length > limits.statement_bytes => refuse(format!(
            "the statement has {length} bytes, at most {} are read",
            limits.statement_bytes
        )),
        _ if statement.contains('\0') => refuse("the statement contains a zero byte".to_owned()),
        _ => Ok(()),
    }
}

/// Keeps everything in memory, and bounds that memory.
pub(crate) fn limit_memory(connection: &Connection, limits: &QueryLimits) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(
        None,
        "hard_heap_limit",
        i64::try_from(limits.sqlite_bytes).unwrap_or(i64::MAX),
        |_| Ok(()),
    )?;
    // Sorting spills into memory, which is bounded, and not onto the disk, which is not.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))
}

/// Shuts a loaded connection: from here on it can only be read. `longest` is the longest row in bytes.
pub(crate) fn close(
    connection: &mut Connection,
    longest: usize,
    limits: &QueryLimits,
) -> rusqlite::Result<()> {
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // A quoted name that means nothing is a mistake, and no text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    let bytes = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    for (limit, most) in [
        (
            Limit::SQLITE_LIMIT_LENGTH,
            bytes(TEXT_BYTES.max(longest.saturating_mul(2))),
        ),
        (
            Limit::SQLITE_LIMIT_SQL_LENGTH,
            bytes(limits.statement_bytes),
        ),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 50),
        (Limit::SQLITE_LIMIT_VDBE_OP, 100_000),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 0),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 0),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, most)?;
    }
    connection.authorizer(Some(authorize))
}

/// Reading and computing are allowed, by name; whatever SQLite learns to do later is not.
fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        AuthAction::Function { function_name } => match function_name {
            "load_extension" | "fts3_tokenizer" => Authorization::Deny,
            _ => Authorization::Allow,
        },
        _ => Authorization::Deny,
    }
}

/// Compiles the one statement in `text`.
pub(crate) fn prepare<'c>(
    connection: &'c Connection,
    text: &str,
) -> Result<Statement<'c>, QueryError> {
    use rusqlite::fallible_iterator::FallibleIterator;
    let refuse = |says: &str| Err(QueryError::Refused(says.to_owned()));
    let mut batch = Batch::new(connection, text);
    let Some(statement) = batch.next()? else {
        return refuse("the statement is empty");
    };
    if batch.next()?.is_some() {
        return refuse("there is more than one statement; send one SELECT at a time");
    }
    if !statement.readonly() || statement.column_count() == 0 {
        return refuse("only reading is allowed; send one SELECT");
    }
    if statement.parameter_count() > 0 {
        return refuse("parameters such as ? or :name cannot be bound; write the value");
    }
    Ok(statement)
}

/// Until when one statement may run, and for whom.
pub(crate) struct Started {
    cancel: CancelFlag,
    end: Instant,
    deadline: Instant,
    query_ms: u64,
}

/// Lets SQLite look at the clock and the cancel flag while it works.
pub(crate) fn start_clock(
    connection: &mut Connection,
    limits: &QueryLimits,
    call: &ToolCall,
) -> rusqlite::Result<Started> {
    let started = Started::new(limits, call);
    started.watch(connection)?;
    Ok(started)
}

pub(crate) fn stop_clock(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.progress_handler(0, None::<fn() -> bool>)
}

impl Started {
    /// A statement starts now.
    pub(crate) fn new(limits: &QueryLimits, call: &ToolCall) -> Self {
        let end = Instant::now()
            .checked_add(Duration::from_millis(limits.query_ms))
            .map_or(call.deadline, |end| end.min(call.deadline));
        Self {
            cancel: call.cancel.clone(),
            end,
            deadline: call.deadline,
            query_ms: limits.query_ms,
        }
    }

    /// Lets a connection work for it, one of several.
    pub(crate) fn watch(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let (cancel, end) = (self.cancel.clone(), self.end);
        connection.progress_handler(
            STEPS,
            Some(move || cancel.is_cancelled() || Instant::now() >= end),
        )
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// What ended all of it, and not only what was tried: its time, its caller, or the memory there is.
    pub(crate) fn ended(&self, error: rusqlite::Error) -> Option<Error> {
        let code = error.sqlite_error_code();
        let ends = matches!(
            code,
            Some(ErrorCode::OperationInterrupted | ErrorCode::OutOfMemory)
        );
        ends.then(|| self.explain(error.into(), ""))
    }

    pub(crate) fn too_long(&self) -> Error {
        Error::Sql(format!(
            "the query ran longer than {} ms; read fewer rows or join less",
            self.query_ms
        ))
    }

    /// The error as the caller can use it. `schema` is what could have been asked for.
    pub(crate) fn explain(&self, error: QueryError, schema: &str) -> Error {
        let error = match error {
            QueryError::Refused(says) | QueryError::TooMuch(says) => return Error::Sql(says),
            QueryError::Sqlite(error) => error,
        };
        let says = match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) if self.cancel.is_cancelled() => {
                return Stopped::Cancelled.into();
            }
            Some(ErrorCode::OperationInterrupted) if Instant::now() >= self.deadline => {
                return Stopped::DeadlinePassed.into();
            }
            Some(ErrorCode::OperationInterrupted) => return self.too_long(),
            Some(ErrorCode::OutOfMemory) => OUT_OF_MEMORY.to_owned(),
            Some(ErrorCode::AuthorizationForStatementDenied) => {
                "only reading is allowed; send one SELECT".to_owned()
            }
            Some(ErrorCode::TooBig) => {
                "the query makes a text that is too long; select less of it".to_owned()
            }
            _ => {
                let says = message(&error);
                if says.starts_with("no such") {
                    format!("{says}; there is {schema}")
                } else {
                    says
                }
            }
        };
        Error::Sql(says)
    }
}

/// SQLite's own sentence without the statement and the codes around it.
fn message(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(says)) => says.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}
