//! A node whose tools fail as a test says, and whose work is counted by idempotency key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aios_runtime::{Config, Node, NodeBuilder};
use aios_tools::{
    Blocking, BlockingTool, Toolbox, Workspace, Workspaces, WriteError, WriteRequest, Writer,
};
use aios_work::{Stopped, ToolCall, ToolError, ToolOutput, ToolSpec};
use tokio::runtime::Handle;

/// Says whether a call fails, and how. It is given the operation without its goal: `totals`, `chart/simple`.
pub(crate) type Fault = Arc<dyn Fn(&str) -> Option<ToolError> + Send + Sync>;

/// Makes a result wrong, or leaves it as it is. It is given the operation as a fault is.
pub(crate) type Spoil = Arc<dyn Fn(&str, &mut ToolOutput) + Send + Sync>;

/// How often each operation was done in full.
pub(crate) type Effects = Arc<Mutex<BTreeMap<String, u32>>>;

struct Faulty {
    spec: ToolSpec,
    tools: Arc<Toolbox>,
    fault: Fault,
    spoil: Spoil,
    effects: Effects,
}

impl BlockingTool for Faulty {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn run(&self, call: &ToolCall, _: &Workspace) -> Result<ToolOutput, ToolError> {
        // The Critic computes again without an operation of its own.
        let operation = call.idempotency_key.split_once('/');
        if let Some((_, operation)) = operation
            && let Some(error) = (self.fault)(operation)
        {
            return Err(error);
        }
        let mut output = Handle::current().block_on(self.tools.call(
            &self.spec.name,
            &self.spec.needs,
            call.clone(),
        ))?;
        if let Some((_, operation)) = operation {
            (self.spoil)(operation, &mut output);
            let mut effects = self.effects.lock().unwrap();
            *effects.entry(call.idempotency_key.clone()).or_default() += 1;
        }
        Ok(output)
    }
}

/// Prose that needs no model.
struct Plain;

impl Writer for Plain {
    fn write(&self, _: &WriteRequest<'_>) -> Result<String, WriteError> {
        Ok("The tables above say where the revenue came from.".to_owned())
    }
}

/// A node to be started; its tools are the real ones behind the fault.
pub(crate) fn faulty(config: Config, fault: Fault) -> (NodeBuilder, Effects) {
    faulty_or_wrong(config, fault, Arc::new(|_, _| {}))
}

/// A node to be started; its tools are the real ones behind the fault, and some of what they give is wrong.
pub(crate) fn faulty_or_wrong(
    config: Config,
    fault: Fault,
    spoil: Spoil,
) -> (NodeBuilder, Effects) {
    let effects = Effects::default();
    let workspaces = Workspaces::default();
    let tools = Arc::new(
        Toolbox::standard(&workspaces, Some(Arc::new(Plain))).with(aios_tables::tools(&workspaces)),
    );
    let builder = tools
        .specs()
        .cloned()
        .fold(Node::builder().config(config), |builder, spec| {
            let one = Faulty {
                spec,
                tools: Arc::clone(&tools),
                fault: Arc::clone(&fault),
                spoil: Arc::clone(&spoil),
                effects: Arc::clone(&effects),
            };
            builder.tool(Blocking::shared(one, &workspaces))
        });
    (builder, effects)
}

/// A fault that may pass by itself.
pub(crate) fn late() -> Option<ToolError> {
    Some(Stopped::DeadlinePassed.into())
}

/// Settings under which nothing is tried twice, so that what follows is seen at once.
pub(crate) fn impatient() -> Config {
    let mut config = Config::default();
    for tool in [
        "read_document",
        "profile_table",
        "sql",
        "chart",
        "write_text",
    ] {
        config.recovery.of_mut(tool).retries = 0;
    }
    config
}
