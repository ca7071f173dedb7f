//! `sql`: one read-only statement over the input files.
//!
//! `database` loads tables into SQLite in memory, `guard` lets a statement do nothing but read them, within limits, `exact` makes sums
//! exact, `functions` adds the few statistics SQLite lacks, `gathered` counts what both hold, `gather` answers of a large table without loading it,
//! and `facts` names the figures in a result.

mod database;
mod exact;
mod facts;
mod functions;
mod gather;
mod gathered;
mod guard;
mod limits;

use std::collections::HashMap;
use std::sync::Arc;

use aios_work::{Capability, Effect, InputFile, ToolCall, ToolError, ToolOutput, ToolSpec};
use serde::Deserialize;
use serde_json::json;

use self::database::{Database, Loaded, QueryResult};
use self::facts::Asked;
pub use self::limits::QueryLimits;
use crate::Error;
use crate::cache::Cache;
use crate::tables::{Key, Tables, key};
use aios_tools::{BlockingTool, Reserved, Workspace, Workspaces, args};

const NAME: &str = "sql";

/// Queries the input files. Keeps the last four databases, so that the tasks of a goal load each file once.
pub(crate) struct Sql {
    tables: Arc<Tables>,
    databases: Cache<Vec<(Key, String)>, Database>,
    limits: QueryLimits,
    /// What SQLite may hold is set aside for good, because it counts by itself, for the whole process.
    _sqlite: Option<Reserved>,
}

/// Which part of a node's memory SQLite may take.
const SQLITE_SHARE: u64 = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    file: Option<String>,
    #[serde(default)]
    files: Vec<String>,
    query: String,
    #[serde(default, alias = "name")]
    facts: Asked,
}

impl Sql {
    /// SQLite gets a quarter of the node's memory, or what a goal may hold if that is less.
    pub(crate) fn new(tables: Arc<Tables>, workspaces: &Workspaces, limits: QueryLimits) -> Self {
        let memory = workspaces.memory();
        let sqlite_bytes = limits
            .sqlite_bytes
            .min(workspaces.limits().memory_bytes)
            .min(memory.allowed() / SQLITE_SHARE);
        Self {
            tables,
            databases: Cache::new(4),
            limits: QueryLimits {
                sqlite_bytes,
                ..limits
            },
            // A part of what is free always fits, and a node makes its tools before it holds anything.
            _sqlite: memory.reserve("SQLite", sqlite_bytes).ok(),
        }
    }

    /// Which file becomes which SQL table: a single one is `data`, several are called by their names without ending.
    fn sources<'w>(
        workspace: &'w Workspace,
        args: &Args,
    ) -> Result<Vec<(&'w InputFile, String)>, ToolError> {
        match (args.files.as_slice(), args.file.as_deref()) {
            // Arithmetic needs no table.
            ([], None) if workspace.inputs().is_empty() => Ok(Vec::new()),
            ([], file) => Ok(vec![(
                args::input(NAME, workspace, file)?,
                "data".to_owned(),
            )]),
            (_, Some(_)) => Err(ToolError::invalid_arguments(
                NAME,
                "file and files cannot both be given",
            )),
            (files, None) if files.len() > 8 => Err(ToolError::invalid_arguments(
                NAME,
                format!(
                    "{} files are given, at most 8 are loaded together",
                    files.len()
                ),
            )),
            (files, None) => {
                let mut sources: Vec<(&InputFile, String)> = Vec::with_capacity(files.len());
                for file in files {
                    let input = workspace.input(file)?;
                    let name = table_name(&input.name);
                    if sources.iter().any(|(_, other)| *other == name) {
                        return Err(ToolError::invalid_arguments(
                            NAME,
                            format!("two files would both be the table {name}"),
                        ));
                    }
                    sources.push((input, name));
                }
                Ok(sources)
            }
        }
    }

    fn load(
        &self,
        sources: &[(&InputFile, String)],
        statement: &str,
        before: &Loaded,
        call: &ToolCall,
        workspace: &Workspace,
    ) -> Result<Database, Error> {
        let tables = sources
            .iter()
            .map(|(input, name)| Ok((name.as_str(), self.tables.load(input, call, workspace)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let borrowed: Vec<_> = tables
            .iter()
            .map(|(name, table)| (*name, table.as_ref()))
            .collect();
        Database::load(&borrowed, statement, before, &self.limits, &|| call.check())
    }
}

/// What a statement gave, and the units of the columns it was asked of.
type Given = (QueryResult, HashMap<String, String>);

impl Sql {
    /// What is answered without a database, unless there is one already.
    fn gathered(
        &self,
        sources: &[(&InputFile, String)],
        statement: &str,
        loaded: bool,
        call: &ToolCall,
        workspace: &Workspace,
    ) -> Result<Option<Given>, Error> {
        let [(input, name)] = sources else {
            return Ok(None);
        };
        if loaded {
            return Ok(None);
        }
        let table = self.tables.load(input, call, workspace)?;
        if !gather::is_large(&table) {
            return Ok(None);
        }
        let answer = || gather::answer(&table, name, statement, &self.limits, workspace, call);
        let result = answer().or_else(|error| {
            // The other databases may take the room that this needs.
            if !guard::is_out_of_memory(&error) {
                return Err(error);
            }
            self.databases.clear();
            answer()
        })?;
        Ok(result.map(|result| (result, database::units_of(&table).collect())))
    }

    /// What a database gives, loaded where it lacks something.
    fn queried(
        &self,
        sources: &[(&InputFile, String)],
        statement: &str,
        key: &Vec<(Key, String)>,
        held: &mut Option<Database>,
        call: &ToolCall,
        workspace: &Workspace,
    ) -> Result<Given, Error> {
        let limits = &self.limits;
        let has = held
            .as_ref()
            .is_some_and(|database| database.has(statement));
        if !has {
            // What is there stays there: statements of one goal come in turns.
            let before = held.take().map(|database| database.loaded());
            let before = before.unwrap_or_default();
            let load = || self.load(sources, statement, &before, call, workspace);
            let loaded = load().or_else(|error| {
                // The other databases may take the room that this one needs.
                if !guard::is_out_of_memory(&error) {
                    return Err(error);
                }
                self.databases.clear();
                self.tables.clear();
                load()
            })?;
            // Held twice it would take the room of two; of a few columns another one may be asked for next.
            if loaded.is_whole() {
                for (input, _) in sources {
                    self.tables.forget(input);
                }
            }
            *held = Some(loaded);
        }
        let Some(database) = held.as_mut() else {
            return Err(Error::Sql("the database is gone".to_owned()));
        };
        let result = database
            .query(statement, limits, workspace, call)
            .or_else(|error| {
                // The other databases may take the room that this statement needs.
                if !guard::is_out_of_memory(&error) || !self.databases.keep_only(key) {
                    return Err(error);
                }
                database.query(statement, limits, workspace, call)
            })?;
        Ok((result, database.units.clone()))
    }
}

impl BlockingTool for Sql {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Runs one read-only SQLite statement over an input file loaded as table data: dates are ISO text, numbers INTEGER or \
                          REAL, missing cells NULL, rowid is the line in the file. Adds median(x), quantile(x, p), stddev(x) and sqrt(x).".to_owned(),
            needs: [Capability::DATA_QUERY, Capability::FILES_READ].into(),
            effect: Effect::Pure,
            output: json!({
                "type": "object",
                "properties": {
                    "columns": {"type": "array", "items": {"type": "string"}},
                    "rows": {"type": "array", "items": {"type": "array", "items": {"type": ["integer", "number", "string", "null"]}}}
                },
                "required": ["columns", "rows"]
            }),
            input: json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string", "description": "input file that becomes the table data; may be left out if there is only one"},
                    "files": {"type": "array", "items": {"type": "string"}, "description": "several input files, each a table called like the file without ending"},
                    "query": {"type": "string", "description": "one SELECT; integer columns divide as integers"},
                    "facts": {"description": "how to name the figures of the result: 'revenue in {region}', or {name, value, unit}, or a list of them; {column} stands for the row's cell, value is the column of the figure"},
                    "name": {"description": "another name for facts"}
                },
                "required": ["query"],
                "additionalProperties": false
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(NAME, call)?;
        let limits = &self.limits;
        guard::check_statement(&args.query, limits)?;
        let sources = Self::sources(workspace, &args)?;
        let key: Vec<(Key, String)> = sources
            .iter()
            .map(|(input, name)| (key(input), name.clone()))
            .collect();
        let entry = self.databases.entry(key.clone());
        let mut turn = entry.take(&|| call.check())?;
        let has = turn
            .as_ref()
            .is_some_and(|database| database.has(&args.query));
        let (result, units) = match self.gathered(&sources, &args.query, has, call, workspace)? {
            Some(gathered) => gathered,
            None => self.queried(&sources, &args.query, &key, &mut turn, call, workspace)?,
        };
        let names: Vec<&str> = sources
            .iter()
            .map(|(input, _)| input.name.as_str())
            .collect();
        let (names, statement) = (names.join(", "), one_line(&args.query));
        let (source, from) = match names.as_str() {
            "" => (statement, "no table"),
            names => (format!("{names}: {statement}"), names),
        };
        let facts = args.facts.name(&result, &units, &source)?;
        let log = format!("{NAME}: {} rows from {from}", result.rows.len());
        Ok(ToolOutput {
            value: result.into_json(),
            facts,
            artifacts: Vec::new(),
            log,
        })
    }
}

/// A file's name as the name of a table: `Q3 sales.csv` is `q3_sales`.
pub(crate) fn table_name(file: &str) -> String {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    let name: String = stem
        .chars()
        .map(|c| {
            if c.is_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        format!("t_{name}")
    } else {
        name
    }
}

/// A statement as it is shown: on one line, not endless.
fn one_line(statement: &str) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 400 {
        line.chars().take(397).chain("...".chars()).collect()
    } else {
        line
    }
}

#[cfg(test)]
mod tests;
