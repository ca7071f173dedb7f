//! All tools under one roof, each behind its capability.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chart::Chart;
use crate::profile_table::ProfileTable;
use crate::read_file::ReadFile;
use crate::sql::Sql;
use crate::tables::Tables;
use crate::write_text::WriteText;
use crate::{Capabilities, Tool, ToolCall, ToolError, ToolOutput, ToolSpec, Writer};

/// The tools an executor has. Cheap to share behind an `Arc`; what it caches belongs to it, so two nodes never share data.
#[derive(Clone, Default)]
pub struct Toolbox {
    tools: BTreeMap<&'static str, Arc<dyn Tool>>,
}

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
        tool.run(call)
    }
}
