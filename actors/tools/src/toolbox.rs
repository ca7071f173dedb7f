//! All tools under one roof, each behind its capability.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::chart::Chart;
use crate::memory::WeakMemory;
use crate::profile_table::ProfileTable;
use crate::read_file::ReadFile;
use crate::sql::Sql;
use crate::tables::Tables;
use crate::write_text::WriteText;
use crate::{
    Capabilities, InputFile, Limits, Memory, Reserved, Tool, ToolCall, ToolError, ToolOutput,
    ToolSpec, Workspace, Writer,
};

/// The tools an executor has, and what their calls may use. Cheap to share behind an `Arc`; what it caches belongs to it, so two nodes
/// never share data.
#[derive(Clone)]
pub struct Toolbox {
    tools: BTreeMap<&'static str, Arc<dyn Tool>>,
    limits: Limits,
    /// What all goals together hold, databases that are kept for the next task included.
    memory: Memory,
    /// The part of it that is SQLite's: what it holds while it works is counted by itself, for the whole process.
    _sqlite: Option<Arc<Reserved>>,
    /// What each goal holds whose tools are at work.
    goals: Arc<Mutex<HashMap<(String, String), WeakMemory>>>,
}

impl Default for Toolbox {
    fn default() -> Self {
        let bare = Self {
            tools: BTreeMap::new(),
            limits: Limits::default(),
            memory: Memory::of(0),
            _sqlite: None,
            goals: Arc::default(),
        };
        bare.with_limits(Limits::default(), NODE_MEMORY)
    }
}

/// Bytes that all goals of a node may hold together unless it is told otherwise.
const NODE_MEMORY: u64 = 4 << 30;
/// Which part of that SQLite may take.
const SQLITE_SHARE: u64 = 4;

impl Toolbox {
    /// A box without tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tools of a node: `read_file`, `profile_table`, `sql`, `chart`, and `write_text` if there is somebody who writes.
    pub fn standard(writer: Option<Arc<dyn Writer>>) -> Self {
        let tables = Arc::new(Tables::default());
        let mut tools = Self::new();
        tools.register(Arc::new(ReadFile));
        tools.register(Arc::new(ProfileTable {
            tables: Arc::clone(&tables),
        }));
        tools.register(Arc::new(Sql::new(tables)));
        tools.register(Arc::new(Chart));
        if let Some(writer) = writer {
            tools.register(Arc::new(WriteText { writer }));
        }
        tools
    }

    /// The same tools with other limits for each call, and so many bytes for all goals together. SQLite gets a quarter of these, which is
    /// set aside for good, or what a goal may hold if that is less.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits, memory_bytes: u64) -> Self {
        let sqlite_bytes = limits
            .sqlite_bytes
            .min(limits.memory_bytes)
            .min(memory_bytes / SQLITE_SHARE);
        self.limits = Limits {
            sqlite_bytes,
            ..limits
        };
        self.memory = Memory::of(memory_bytes);
        // A part of what is free always fits.
        self._sqlite = self
            .memory
            .reserve("SQLite", sqlite_bytes)
            .ok()
            .map(Arc::new);
        self.goals = Arc::default();
        self
    }

    /// Walls around a goal's files and folder, with the limits of this box. All calls of a goal that are under way share its memory.
    pub fn workspace(
        &self,
        tenant: &str,
        goal: &str,
        inputs: Vec<InputFile>,
        out_dir: impl AsRef<Path>,
    ) -> Workspace {
        let mut goals = self.goals.lock().unwrap_or_else(PoisonError::into_inner);
        goals.retain(|_, memory| memory.is_held());
        let whose = (tenant.to_owned(), goal.to_owned());
        let known = goals.get(&whose).and_then(WeakMemory::held);
        let memory = known.unwrap_or_else(|| {
            let memory = self.memory.part(self.limits.memory_bytes);
            goals.insert(whose, memory.weak());
            memory
        });
        drop(goals);
        Workspace::of(inputs, out_dir)
            .with_limits(self.limits.clone())
            .with_memory(memory)
    }

    /// Adds a tool; one of the same name is replaced.
    pub fn register(&mut self, tool: Arc<dyn Tool>) {
        self.tools.insert(tool.spec().name, tool);
    }

    /// What each tool says of itself, by name.
    pub fn specs(&self) -> Vec<ToolSpec> {
        self.tools.values().map(|tool| tool.spec()).collect()
    }

    /// Runs the tool called `name`, if `granted` holds what it needs.
    pub fn call(
        &self,
        name: &str,
        granted: &Capabilities,
        call: &ToolCall<'_>,
    ) -> Result<ToolOutput, ToolError> {
        let Some(tool) = self.tools.get(name) else {
            let known = self.tools.keys().copied().collect::<Vec<_>>().join(", ");
            return Err(ToolError::UnknownTool {
                asked: name.to_owned(),
                known,
            });
        };
        let needs = tool.spec().capability;
        if !granted.contains(needs) {
            return Err(ToolError::NotGranted {
                tool: name.to_owned(),
                needs,
            });
        }
        call.check()?;
        let output = tool.run(call)?;
        let allowed = call.workspace.limits().result_bytes as u64;
        let asked = written(&output);
        if asked > allowed {
            return Err(ToolError::TooMuch {
                tool: name.to_owned(),
                asked,
                allowed,
            });
        }
        Ok(output)
    }
}

/// Bytes of a result as it travels.
fn written(output: &ToolOutput) -> u64 {
    struct Counted(u64);
    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counted = Counted(0);
    // Nothing that counts can fail, and what cannot be written does not travel.
    let _ = serde_json::to_writer(&mut counted, output);
    counted.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goals' names are their askers' words: two tenants may use the same one.
    #[test]
    fn a_goals_memory_is_its_tenants() {
        let tools = Toolbox::default();
        let of = |tenant, goal| tools.workspace(tenant, goal, Vec::new(), "out");
        let (one, again) = (of("acme", "g"), of("acme", "g"));
        let (other, next) = (of("globex", "g"), of("acme", "h"));
        let held = one.memory().reserve("a.csv", 70).unwrap();
        let sums = [&one, &again, &other, &next].map(|it| it.memory().held());
        assert_eq!(sums, [70, 70, 0, 0]);
        drop(held);
    }
}
