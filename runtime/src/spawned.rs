//! Agents that were spawned while a node ran: on record, so that the next node over the same store has them again, under their names.

use std::sync::Arc;

use aios_actors::agent::AgentOptions;
use aios_memory::{Store, StoreError};
use aios_protocols::{AgentId, Party};
use aios_work::{Charter, RestartRule};
use serde::{Deserialize, Serialize};
use tokio::task::{JoinError, JoinSet};

use crate::crew;
use crate::node::{Node, SpawnError, SpawnOptions};

/// Where they lie in the store: `spawned/{agent}`.
const PREFIX: &str = "spawned/";
/// The form that is written, and the newest that is read.
const FORM: u16 = 1;
/// Records read at once.
const PAGE: usize = 256;
/// Agents that are started again at once: each is waited for, and most of that is others' work.
const AT_ONCE: usize = 16;

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Spawned {
    form: u16,
    /// The supervisor it stands under.
    under: String,
    /// When it is restarted.
    restart: RestartRule,
    /// Who it is, of one that follows a charter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    charter: Option<Charter>,
    /// Whether it is durable, of one of a role; a charter says it itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    durable: bool,
    /// What its constructor is given.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    config: serde_json::Value,
}

fn key(agent: &str) -> Vec<u8> {
    [PREFIX, agent].concat().into_bytes()
}

/// An agent as it is on record.
///
/// # Errors
/// Why it cannot be read.
fn read(bytes: &[u8]) -> Result<Spawned, String> {
    let spawned: Spawned = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match spawned.form {
        form if form > FORM => Err(format!(
            "it was written down in form {form}, and this version reads up to {FORM}"
        )),
        _ => Ok(spawned),
    }
}

/// Writes down that an agent was spawned. One that is never restarted is not.
fn write(store: &Arc<dyn Store>, agent: &AgentId, spawned: &Spawned) -> Result<(), StoreError> {
    if spawned.restart == RestartRule::Temporary {
        return Ok(());
    }
    let bytes = serde_json::to_vec(spawned).map_err(|error| StoreError::Io {
        reason: format!("agent {agent} cannot be written down: {error}"),
    })?;
    store.put(&key(agent.as_str()), &bytes)?;
    store.flush()
}

/// Whether an agent is here again; if it is not, why not is said.
fn is_here(started: Result<(String, Result<(), SpawnError>), JoinError>) -> bool {
    match started {
        Ok((agent, Ok(()))) => {
            tracing::debug!(agent, "it was spawned before, and is here again");
            true
        }
        Ok((agent, Err(error))) => {
            tracing::error!(%error, agent, "an agent that was spawned before cannot be started");
            false
        }
        Err(error) => {
            tracing::error!(%error, "an agent that was spawned before cannot be started");
            false
        }
    }
}

impl Node {
    /// Takes down that an agent of a role was spawned.
    pub(crate) fn spawned(
        &self,
        agent: &AgentId,
        options: &SpawnOptions,
    ) -> Result<(), StoreError> {
        let spawned = Spawned {
            form: FORM,
            under: options.under.clone(),
            restart: crew::rule(options.restart),
            charter: None,
            durable: options.agent.durable,
            config: options.agent.config.clone(),
        };
        write(self.system().store(), agent, &spawned)
    }

    /// The same of one that follows a charter.
    pub(crate) fn spawned_by(
        &self,
        agent: &AgentId,
        charter: &Charter,
        under: &str,
    ) -> Result<(), StoreError> {
        let spawned = Spawned {
            form: FORM,
            under: under.to_owned(),
            restart: charter.restart,
            charter: Some(charter.clone()),
            durable: charter.durable,
            config: serde_json::Value::Null,
        };
        write(self.system().store(), agent, &spawned)
    }

    /// An agent was stopped for good.
    pub(crate) fn unspawned(&self, agent: &str) {
        let store = self.system().store();
        if let Err(error) = store.delete(&key(agent)).and_then(|_| store.flush()) {
            tracing::error!(%error, agent, "an agent that was stopped is still on record; the next node has it again");
        }
    }

    /// Spawns the agents that are on record again. One that cannot be stays on record, and why is said.
    pub(crate) async fn have_again(&self) -> Result<(), StoreError> {
        let store = Arc::clone(self.system().store());
        let mut after: Option<Vec<u8>> = None;
        let mut starting = JoinSet::new();
        let mut here = 0_u64;
        loop {
            let page = store.scan_prefix(PREFIX.as_bytes(), after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else {
                while let Some(started) = starting.join_next().await {
                    here += u64::from(is_here(started));
                }
                if here > 0 {
                    tracing::info!(
                        agents = here,
                        "they were spawned before, and are here again"
                    );
                }
                return Ok(());
            };
            after = Some(last.clone());
            for (key, bytes) in page {
                let name = String::from_utf8_lossy(&key[PREFIX.len()..]).into_owned();
                match read(&bytes) {
                    Ok(spawned) => {
                        if starting.len() >= AT_ONCE
                            && let Some(started) = starting.join_next().await
                        {
                            here += u64::from(is_here(started));
                        }
                        let node = self.clone();
                        starting.spawn(async move {
                            let started = node.again(&name, spawned).await;
                            (name, started)
                        });
                    }
                    Err(why) => tracing::error!(
                        why,
                        agent = name,
                        "an agent that was spawned before is not started"
                    ),
                }
            }
        }
    }

    async fn again(&self, name: &str, spawned: Spawned) -> Result<(), SpawnError> {
        let id: AgentId = name.parse()?;
        if let Some(charter) = spawned.charter {
            return self
                .spawn_charter_as(charter, &spawned.under, Some(id))
                .await
                .map(drop);
        }
        let supervisor = self.supervisor(&spawned.under)?;
        let options = AgentOptions {
            durable: spawned.durable,
            config: spawned.config,
            ..AgentOptions::default()
        };
        let spec = self.system().child_spec(&id, options)?;
        let spec = spec.restart(crew::restart(spawned.restart));
        if let Err(error) = supervisor.start_child(spec).await {
            self.system().leave(&Party::from(&id));
            return Err(error.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_was_ever_written_is_read() {
        let read = |bytes: &[u8]| read(bytes).ok();
        let write = |spawned: &Spawned| serde_json::to_vec(spawned).unwrap();
        crate::golden::holds("spawned", FORM, read, write);
    }
}
