//! How many threads a node's tools share.

use std::num::NonZero;
use std::thread::available_parallelism;

/// On machines with few cores: some tools wait for a model, and others are to go on meanwhile.
const LEAST: usize = 16;
const FOR_EACH_CORE: usize = 4;

/// Threads for what blocks, to be given to the runtime a node runs in: its tools, what judges their results, and reading files.
///
/// More would not be quicker, and each holds a table and what its allocator keeps for it; what finds none free waits for one.
#[must_use]
pub fn tool_threads() -> usize {
    let cores = available_parallelism().map_or(1, NonZero::get);
    LEAST.max(cores * FOR_EACH_CORE)
}
