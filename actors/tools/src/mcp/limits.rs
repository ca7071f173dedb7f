//! What is let in from a server that nobody here wrote. Each number bounds one thing that a server could otherwise have without end.

use std::time::Duration;

/// Bytes of one message. A result that a message between agents carries is a tenth of it, a picture beside it the rest.
pub(crate) const MESSAGE_BYTES: usize = 4 << 20;
/// Bytes kept of an answer that is no message: a page of an error.
pub(crate) const ERROR_BYTES: usize = 4 << 10;
/// Tools of one server.
pub(crate) const TOOLS: usize = 256;
/// Pages in which it may list them.
pub(crate) const PAGES: usize = 64;
/// Bytes of one schema, as JSON.
pub(crate) const SCHEMA_BYTES: usize = 64 << 10;
/// How deep a schema may be nested.
pub(crate) const SCHEMA_DEPTH: usize = 32;
/// Bytes of everything that is kept of a list.
pub(crate) const LIST_BYTES: usize = 1 << 20;
/// Characters of a description that a planner or a model is shown.
pub(crate) const DESCRIPTION: usize = 1_000;
/// Characters of a tool's full name, `server__tool`: what models take as the name of a function.
pub(crate) const NAME: usize = 64;
/// Bytes of a name as the server writes it.
pub(crate) const FOREIGN_NAME: usize = 256;
/// Calls that one server has at once; more wait.
pub(crate) const CALLS: usize = 32;
/// Questions whose answers are waited for on one connection: calls, and those that nobody waits for any more.
pub(crate) const ASKED: usize = 256;
/// How long a server may take from its start until its tools are listed. The first start of one that is fetched takes its time.
pub(crate) const START: Duration = Duration::from_secs(60);
/// How long one message may take to be written: a server that does not read is not waited for.
pub(crate) const WRITE: Duration = Duration::from_secs(10);
/// How long a call waits for a server that is starting or coming back.
pub(crate) const COMES_BACK: Duration = Duration::from_secs(15);
/// How long a server has had at least that left a call unanswered, where its own time is longer.
pub(crate) const LONG: Duration = Duration::from_secs(10);
/// Calls in a row that a connection may leave unanswered until it is begun anew.
pub(crate) const UNANSWERED: u32 = 3;
/// How long a process is given at each rung when it is stopped: its input is closed, then it is asked to end, then it is killed.
pub(crate) const RUNG: Duration = Duration::from_secs(1);
/// Characters of its own words that are told when a server ends.
pub(crate) const LAST_WORDS: usize = 200;
/// Characters of an error of a tool.
pub(crate) const ERROR_WORDS: usize = 1_000;
/// What a server may send without being asked, in bytes: so many at once, and so many more each second.
pub(crate) const UNASKED_BURST: u64 = 16 << 20;
/// The same each second.
pub(crate) const UNASKED_RATE: u64 = 2 << 20;
/// What one message counts at least, however short it is.
pub(crate) const UNASKED_LEAST: u64 = 4 << 10;
/// Files that one call may leave.
pub(crate) const FILES: usize = 8;
