//! All tools under one roof, each behind what it needs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use aios_work::{Capabilities, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec};

use crate::read_file::ReadFile;
use crate::write_text::WriteText;
use crate::{Blocking, Workspaces, Writer, schema, size};

/// The tools an executor has. Cheap to share behind an `Arc`; what a tool caches belongs to it, so two nodes never share data.
#[derive(Clone)]
pub struct Toolbox {
    tools: BTreeMap<String, Entry>,
    /// Bytes of what a call gives back.
    result_bytes: u64,
}

#[derive(Clone)]
struct Entry {
    spec: Arc<ToolSpec>,
    tool: Arc<dyn Tool>,
}

/// Why a call did not reach its tool, or its result not the caller.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there is no tool called {asked:?}; there are: {known}")]
    UnknownTool { asked: String, known: String },
    #[error("tool {tool} needs the capability {needs}, which was not granted")]
    NotGranted { tool: String, needs: String },
    #[error("tool {tool} gives {}, a message carries {}; ask for less at once", size(*.asked), size(*.allowed))]
    TooMuch {
        tool: String,
        asked: u64,
        allowed: u64,
    },
}

impl From<Refused> for ToolError {
    fn from(refused: Refused) -> Self {
        let kind = match refused {
            Refused::UnknownTool { .. } => ToolErrorKind::NotFound,
            Refused::NotGranted { .. } => ToolErrorKind::Permission,
            Refused::TooMuch { .. } => ToolErrorKind::InvalidArguments,
        };
        Self::new(kind, refused.to_string())
    }
}

impl Default for Toolbox {
    fn default() -> Self {
        Self::new(&Workspaces::default())
    }
}

impl Toolbox {
    /// A box without tools, whose results are as large as the walls allow.
    #[must_use]
    pub fn new(workspaces: &Workspaces) -> Self {
        Self {
            tools: BTreeMap::new(),
            result_bytes: workspaces.limits().result_bytes as u64,
        }
    }

    /// The general tools: `read_file`, and `write_text` if there is somebody who writes. A pack's tools are registered beside them.
    #[must_use]
    pub fn standard(workspaces: &Workspaces, writer: Option<Arc<dyn Writer>>) -> Self {
        let mut tools = Self::new(workspaces);
        tools.register(Blocking::shared(ReadFile, workspaces));
        if let Some(writer) = writer {
            tools.register(Blocking::shared(WriteText { writer }, workspaces));
        }
        tools
    }

    /// Adds a tool; one of the same name is replaced.
    pub fn register(&mut self, tool: Arc<dyn Tool>) {
        let spec = Arc::new(tool.spec());
        self.tools.insert(spec.name.clone(), Entry { spec, tool });
    }

    /// The same box with these tools in it.
    #[must_use]
    pub fn with(mut self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        for tool in tools {
            self.register(tool);
        }
        self
    }

    /// What each tool says of itself, by name.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.tools.values().map(|entry| entry.spec.as_ref())
    }

    /// What the tool called `name` says of itself.
    #[must_use]
    pub fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.tools.get(name).map(|entry| entry.spec.as_ref())
    }

    /// All that the tools need, for a caller who may use each of them.
    #[must_use]
    pub fn needs(&self) -> Capabilities {
        self.specs()
            .flat_map(|spec| spec.needs.iter().cloned())
            .collect()
    }

    /// Calls the tool called `name`, if `granted` covers what it needs and the arguments fit its schema.
    ///
    /// # Errors
    /// What the tool says, or that it was not called or gave too much.
    pub async fn call(
        &self,
        name: &str,
        granted: &Capabilities,
        call: ToolCall,
    ) -> Result<ToolOutput, ToolError> {
        let Some(Entry { spec, tool }) = self.tools.get(name) else {
            let known: Vec<&str> = self.tools.keys().map(String::as_str).collect();
            return Err(Refused::UnknownTool {
                asked: name.to_owned(),
                known: known.join(", "),
            }
            .into());
        };
        if let Some(needs) = granted.missing(&spec.needs) {
            return Err(Refused::NotGranted {
                tool: name.to_owned(),
                needs: needs.to_string(),
            }
            .into());
        }
        call.check()?;
        schema::check(&spec.input, &call.args)
            .map_err(|reason| ToolError::invalid_arguments(name, reason))?;
        let output = tool.call(call).await?;
        let (asked, allowed) = (written(&output), self.result_bytes);
        if asked > allowed {
            return Err(Refused::TooMuch {
                tool: name.to_owned(),
                asked,
                allowed,
            }
            .into());
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
