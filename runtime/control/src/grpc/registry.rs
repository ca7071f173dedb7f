//! `aios.registry`: who is there and what they can do.

use std::collections::BTreeMap;
use std::time::Duration;

use aios_wire::generated::registry as wire;
use futures::stream::unfold;
use tonic::{Request as Asked, Response as Answered, Status};

use super::door::{Asker, Door, Streamed, gone};
use super::translate;
use crate::{AgentLine, AgentShown, ControlError, Request, Spawned};

/// How often a watcher's node is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Agents by their names.
type Seen = BTreeMap<String, wire::AgentCapability>;

impl Door {
    async fn agents_there_are(&self, asker: &Asker) -> Result<Vec<AgentLine>, Status> {
        self.typed(asker, Request::Agents {}).await
    }

    async fn seen(&self, asker: &Asker) -> Result<Seen, Status> {
        let lines = self.agents_there_are(asker).await?;
        let named = lines.iter().filter_map(|line| {
            let capability = translate::capability(line)?;
            Some((line.agent.clone(), capability))
        });
        Ok(named.collect())
    }
}

/// What has changed between two looks, by the event's name.
fn changes(before: &Seen, now: &Seen) -> Vec<(&'static str, wire::AgentCapability)> {
    let failed = i32::from(wire::AgentStatus::Failed);
    let mut changes = Vec::new();
    for (name, agent) in now {
        match before.get(name) {
            None => changes.push(("registered", agent.clone())),
            Some(last) if last.status == agent.status => {}
            Some(_) if agent.status == failed => changes.push(("failed", agent.clone())),
            Some(_) => changes.push(("status_changed", agent.clone())),
        }
    }
    let gone = before.iter().filter(|(name, _)| !now.contains_key(*name));
    changes.extend(gone.map(|(_, agent)| ("deregistered", agent.clone())));
    changes
}

#[tonic::async_trait]
impl wire::registry_service_server::RegistryService for Door {
    async fn register(
        &self,
        asked: Asked<wire::AgentCapability>,
    ) -> Result<Answered<wire::RegisterResponse>, Status> {
        let asker = self.asker(&asked)?;
        let spawn =
            translate::register(asked.into_inner()).map_err(|error| self.invalid(&error))?;
        let spawned: Spawned = self.typed(&asker, Request::Spawn(spawn)).await?;
        Ok(Answered::new(wire::RegisterResponse {
            success: true,
            assigned_id: spawned.agent,
        }))
    }

    async fn deregister(
        &self,
        asked: Asked<wire::DeregisterRequest>,
    ) -> Result<Answered<wire::DeregisterResponse>, Status> {
        let asker = self.asker(&asked)?;
        let agent = translate::name(asked.into_inner().agent_id.as_ref())
            .map_err(|error| self.invalid(&error))?;
        self.value(&asker, Request::Stop { agent }).await?;
        Ok(Answered::new(wire::DeregisterResponse { success: true }))
    }

    async fn heartbeat(
        &self,
        asked: Asked<wire::HeartbeatRequest>,
    ) -> Result<Answered<wire::HeartbeatResponse>, Status> {
        let asker = self.asker(&asked)?;
        let agent = translate::name(asked.into_inner().agent_id.as_ref())
            .map_err(|error| self.invalid(&error))?;
        let shown: AgentShown = self.typed(&asker, Request::Agent { agent }).await?;
        Ok(Answered::new(wire::HeartbeatResponse {
            acknowledged: translate::is_alive(&shown.line),
        }))
    }

    async fn find_agents(
        &self,
        asked: Asked<wire::CapabilityQuery>,
    ) -> Result<Answered<wire::FindAgentsResponse>, Status> {
        let asker = self.asker(&asked)?;
        let query = asked.into_inner();
        if !query.semantic_query.is_empty()
            || query.min_qos != 0
            || !query.preferred_domains.is_empty()
        {
            let error = ControlError::invalid(
                "agents are found by their skills here, and not by meaning, domain or class of service",
            )
            .advise("ask with `required_skills` alone, or ask the agent meso.registry by its own messages");
            return Err(self.invalid(&error));
        }
        let lines = self.agents_there_are(&asker).await?;
        let found = lines
            .iter()
            .filter(|line| translate::is_looked_for(line, &query))
            .filter_map(translate::capability);
        let most = match query.max_results {
            0 => usize::MAX,
            most => most as usize,
        };
        let agents = found.take(most).collect();
        Ok(Answered::new(wire::FindAgentsResponse { agents }))
    }

    async fn get_agent(
        &self,
        asked: Asked<wire::GetAgentRequest>,
    ) -> Result<Answered<wire::AgentCapability>, Status> {
        let asker = self.asker(&asked)?;
        let agent = translate::name(asked.into_inner().agent_id.as_ref())
            .map_err(|error| self.invalid(&error))?;
        let shown: AgentShown = self.typed(&asker, Request::Agent { agent }).await?;
        let capability = translate::capability(&shown.line);
        capability.map(Answered::new).ok_or_else(|| {
            self.invalid(&ControlError::failed("the agent's name has not four parts"))
        })
    }

    type WatchAgentsStream = Streamed<wire::AgentEvent>;

    async fn watch_agents(
        &self,
        asked: Asked<wire::WatchRequest>,
    ) -> Result<Answered<Self::WatchAgentsStream>, Status> {
        let asker = self.asker(&asked)?;
        let wanted = asked.into_inner().event_types;
        // Whoever may not look hears so at once.
        self.seen(&asker).await?;
        let begun = Some((self.clone(), asker, Seen::new(), Vec::new(), wanted));
        let told = unfold(begun, |begun| async move {
            let (door, asker, mut before, mut waiting, wanted) = begun?;
            let mut going = door.going();
            loop {
                if let Some((event_type, agent)) = waiting.pop() {
                    let event = wire::AgentEvent {
                        event_type,
                        agent: Some(agent),
                        timestamp: None,
                    };
                    return Some((Ok(event), Some((door, asker, before, waiting, wanted))));
                }
                if !before.is_empty() {
                    tokio::select! {
                        () = tokio::time::sleep(LOOK) => {}
                        () = gone(&mut going) => return None,
                    }
                }
                let now = match door.seen(&asker).await {
                    Ok(now) => now,
                    Err(status) => return Some((Err(status), None)),
                };
                let told = changes(&before, &now).into_iter().rev();
                let told = told.filter(|(name, _)| {
                    wanted.is_empty() || wanted.iter().any(|want| want == name)
                });
                waiting.extend(told.map(|(name, agent)| (name.to_owned(), agent)));
                before = now;
            }
        });
        Ok(Answered::new(Box::pin(told)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_between_two_looks_is_told_and_nothing_else() {
        let agent = |status: wire::AgentStatus| wire::AgentCapability {
            status: status.into(),
            ..Default::default()
        };
        use wire::AgentStatus::{Active, Busy, Failed};
        let seen = |agents: &[(&str, wire::AgentStatus)]| -> Seen {
            let named = agents
                .iter()
                .map(|(name, status)| ((*name).to_owned(), agent(*status)));
            named.collect()
        };
        let before = seen(&[("a", Active), ("b", Active), ("c", Active)]);
        let now = seen(&[("a", Active), ("b", Busy), ("d", Failed)]);
        let told: Vec<&str> = changes(&before, &now)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(told, ["status_changed", "registered", "deregistered"]);
        let fallen = seen(&[("a", Failed)]);
        assert_eq!(changes(&seen(&[("a", Active)]), &fallen)[0].0, "failed");
        assert!(changes(&fallen, &fallen).is_empty());
    }
}
