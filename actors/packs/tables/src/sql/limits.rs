/// How much a statement may read, give and hold. Each number is the most one statement may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryLimits {
    /// Rows a query may return.
    pub rows: usize,
    /// Bytes of an SQL statement.
    pub statement_bytes: usize,
    /// Milliseconds a query may run, if the call's deadline does not come first.
    pub query_ms: u64,
    /// Bytes that SQLite may hold, databases and what statements sort or group. SQLite counts per process, not per connection: the lowest
    /// limit that any node of the process has set holds for all, for good. It is lowered to what fits the node's memory.
    pub sqlite_bytes: u64,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            rows: 10_000,
            statement_bytes: 16 << 10,
            query_ms: 20_000,
            sqlite_bytes: 1 << 30,
        }
    }
}
