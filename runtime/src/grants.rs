//! Tools that a person gives to an agent beside those of its charter, or takes from it: from its next call on, and through restarts of the node.
//!
//! It is said of one agent by its whole name, so that nobody is meant who was not. What the node itself grants stays the limit.

use std::sync::Arc;

use aios_control::{AgentTools, ControlError, ErrorKind};
use aios_memory::{Store, StoreError};
use aios_orchestrator::crew::{Changes, Crew};
use aios_work::{AGENT_TOOLS, Charter, nearest};
use serde::{Deserialize, Serialize};

use crate::node::Node;

/// Where they lie in the store: `grants/{agent}`.
const PREFIX: &str = "grants/";
/// The form that is written, and the newest that is read.
const FORM: u16 = 1;
/// Records read at once.
const PAGE: usize = 256;

/// What was changed of one agent.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Changed {
    form: u16,
    tools: Changes,
}

fn key(agent: &str) -> Vec<u8> {
    [PREFIX, agent].concat().into_bytes()
}

/// Has a crew know what was changed before, ahead of anybody who is at work. A record that cannot be read is told of and passed over.
pub(crate) fn had(store: &dyn Store, crew: &Crew) -> Result<(), StoreError> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.scan_prefix(PREFIX.as_bytes(), after.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        for (key, bytes) in page {
            let agent = String::from_utf8_lossy(&key[PREFIX.len()..]).into_owned();
            match serde_json::from_slice::<Changed>(&bytes) {
                Ok(changed) if changed.form <= FORM => crew.change(&agent, changed.tools),
                Ok(_) => tracing::error!(
                    agent,
                    "what was given to this agent and taken from it was written by a newer version; it has the tools of its charter"
                ),
                Err(error) => tracing::error!(
                    %error, agent,
                    "what was given to this agent and taken from it cannot be read; it has the tools of its charter"
                ),
            }
        }
    }
}

impl Node {
    /// Gives an agent a tool.
    pub(crate) async fn grant_tool(
        &self,
        agent: &str,
        tool: &str,
    ) -> Result<AgentTools, ControlError> {
        let _turn = self.parts.spawning.lock().await;
        let charter = self.charter_named(agent)?;
        let tools = self.parts.services.tools();
        let shown = aios_protocols::Printable(tool);
        if tool.starts_with(AGENT_TOOLS) {
            let message =
                format!("{shown} is an agent, and whom an agent hands work to its charter says");
            return Err(
                ControlError::invalid(message).advise("name it in `delegates` of the charter")
            );
        }
        let Some(spec) = tools.spec(tool) else {
            let names: Vec<String> = tools.specs().map(|spec| spec.name.clone()).collect();
            let near = nearest(tool, names.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |name| format!("; nearest is {name}"));
            let message = format!("there is no tool {shown}{near}");
            return Err(ControlError::unknown(message)
                .advise("choose one of those that `aios tool list` shows"));
        };
        if let Err(error) = tools.granted(tool, &spec.needs) {
            let advice =
                "add the capability to tools.grants in the node's configuration, if you mean it";
            return Err(ControlError::new(ErrorKind::Forbidden, error.message()).advise(advice));
        }
        let mut changes = self.parts.services.crew().changes(agent);
        match charter.tools.iter().any(|name| name == tool) {
            true => changes.remove(tool),
            false => changes.insert(tool.to_owned(), true),
        };
        self.change(agent, &charter, changes)
    }

    /// Takes a tool from an agent.
    pub(crate) async fn revoke_tool(
        &self,
        agent: &str,
        tool: &str,
    ) -> Result<AgentTools, ControlError> {
        let _turn = self.parts.spawning.lock().await;
        let charter = self.charter_named(agent)?;
        let crew = self.parts.services.crew();
        let has = crew.tools_of(agent, &charter);
        if !has.iter().any(|name| name == tool) {
            let has = match has.as_slice() {
                [] => "none".to_owned(),
                has => has.join(", "),
            };
            let message = format!(
                "{agent} does not have the tool {}; it has {has}",
                aios_protocols::Printable(tool)
            );
            return Err(ControlError::new(ErrorKind::Conflict, message));
        }
        // One that was given beside the charter is marked as well: whoever is at work on something may hold it still.
        let mut changes = crew.changes(agent);
        changes.insert(tool.to_owned(), false);
        self.change(agent, &charter, changes)
    }

    /// A new agent has what its charter says, whoever had its name before.
    pub(crate) fn has_its_charter(&self, agent: &str) -> Result<(), StoreError> {
        let crew = self.parts.services.crew();
        if crew.changes(agent).is_empty() {
            return Ok(());
        }
        let store = self.system().store();
        store.delete(&key(agent))?;
        store.flush()?;
        crew.change(agent, Changes::new());
        Ok(())
    }

    /// On record first: a node that starts anew has it so too.
    fn change(
        &self,
        agent: &str,
        charter: &Charter,
        tools: Changes,
    ) -> Result<AgentTools, ControlError> {
        let changed = Changed {
            form: FORM,
            tools: tools.clone(),
        };
        let written = serde_json::to_vec(&changed).map_err(|error| StoreError::Io {
            reason: error.to_string(),
        });
        let store: &Arc<dyn Store> = self.system().store();
        let kept = written.and_then(|bytes| {
            store.put(&key(agent), &bytes)?;
            store.flush()
        });
        kept.map_err(|error| {
            ControlError::failed(format!("it could not be put on record: {error}"))
        })?;
        let crew = self.parts.services.crew();
        crew.change(agent, tools);
        Ok(AgentTools {
            agent: agent.to_owned(),
            tools: crew.tools_of(agent, charter),
        })
    }

    /// The charter of the agent of this whole name.
    fn charter_named(&self, agent: &str) -> Result<Charter, ControlError> {
        let shown = self.agent_shown(agent)?;
        if shown.line.agent != agent {
            let message = format!(
                "{} is no whole name of an agent; the nearest is {}",
                aios_protocols::Printable(agent),
                shown.line.agent
            );
            return Err(ControlError::unknown(message)
                .advise("`aios agent list` shows them; what is given or taken is one agent's"));
        }
        shown.follows.ok_or_else(|| {
            let message =
                format!("{agent} follows no charter here, and what it calls is not granted by one");
            ControlError::new(ErrorKind::Conflict, message)
                .advise("choose an agent that follows a charter; `aios agent list` shows which do")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_was_ever_written_is_read() {
        let read = |bytes: &[u8]| {
            let changed: Changed = serde_json::from_slice(bytes).ok()?;
            (changed.form <= FORM).then_some(changed)
        };
        let write = |changed: &Changed| serde_json::to_vec(changed).unwrap();
        crate::golden::holds("grants", FORM, read, write);
    }
}
