//! `aios.supervision.v1`: agents as children of supervisors.

use std::time::Duration;

use aios_wire::generated::supervision::v1 as wire;
use futures::stream::unfold;
use tonic::{Request as Asked, Response as Answered, Status};

use super::door::{Door, Streamed, gone};
use super::translate;
use crate::{Request, Spawned};

/// How often a watcher's node is looked at.
const LOOK: Duration = Duration::from_millis(500);

#[tonic::async_trait]
impl wire::supervision_service_server::SupervisionService for Door {
    async fn spawn_agent(
        &self,
        asked: Asked<wire::SpawnAgentRequest>,
    ) -> Result<Answered<wire::SpawnAgentResponse>, Status> {
        let asker = self.asker(&asked)?;
        let spawn = translate::spawn(asked.into_inner()).map_err(|error| self.invalid(&error))?;
        let spawned: Spawned = self.typed(&asker, Request::Spawn(spawn)).await?;
        Ok(Answered::new(wire::SpawnAgentResponse {
            agent: spawned.agent,
        }))
    }

    async fn stop_agent(
        &self,
        asked: Asked<wire::AgentRequest>,
    ) -> Result<Answered<wire::AgentResponse>, Status> {
        let asker = self.asker(&asked)?;
        let agent = asked.into_inner().agent;
        self.value(&asker, Request::Stop { agent }).await?;
        Ok(Answered::new(wire::AgentResponse {}))
    }

    async fn kill_agent(
        &self,
        asked: Asked<wire::AgentRequest>,
    ) -> Result<Answered<wire::AgentResponse>, Status> {
        let asker = self.asker(&asked)?;
        let agent = asked.into_inner().agent;
        self.value(&asker, Request::Kill { agent }).await?;
        Ok(Answered::new(wire::AgentResponse {}))
    }

    async fn suspend_agent(
        &self,
        asked: Asked<wire::AgentRequest>,
    ) -> Result<Answered<wire::AgentResponse>, Status> {
        let asker = self.asker(&asked)?;
        let agent = asked.into_inner().agent;
        self.value(&asker, Request::Suspend { agent }).await?;
        Ok(Answered::new(wire::AgentResponse {}))
    }

    async fn resume_agent(
        &self,
        asked: Asked<wire::AgentRequest>,
    ) -> Result<Answered<wire::AgentResponse>, Status> {
        let asker = self.asker(&asked)?;
        let agent = asked.into_inner().agent;
        self.value(&asker, Request::ResumeAgent { agent }).await?;
        Ok(Answered::new(wire::AgentResponse {}))
    }

    async fn tree(
        &self,
        asked: Asked<wire::TreeRequest>,
    ) -> Result<Answered<wire::TreeSnapshot>, Status> {
        let asker = self.asker(&asked)?;
        let view = self.value(&asker, Request::View {}).await?;
        Ok(Answered::new(translate::tree(&view)))
    }

    type WatchTreeStream = Streamed<wire::TreeSnapshot>;

    async fn watch_tree(
        &self,
        asked: Asked<wire::TreeRequest>,
    ) -> Result<Answered<Self::WatchTreeStream>, Status> {
        let asker = self.asker(&asked)?;
        // Whoever may not look hears so at once.
        let first = translate::tree(&self.value(&asker, Request::View {}).await?);
        let begun = Some((self.clone(), asker, None, Some(first)));
        let told = unfold(begun, |begun| async move {
            let (door, asker, last, first) = begun?;
            let mut going = door.going();
            let mut next = first;
            loop {
                if let Some(now) = next.take()
                    && last.as_ref() != Some(&now)
                {
                    return Some((Ok(now.clone()), Some((door, asker, Some(now), None))));
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = gone(&mut going) => return None,
                }
                next = match door.value(&asker, Request::View {}).await {
                    Ok(view) => Some(translate::tree(&view)),
                    Err(status) => return Some((Err(status), None)),
                };
            }
        });
        Ok(Answered::new(Box::pin(told)))
    }

    async fn dead_letters(
        &self,
        asked: Asked<wire::DeadLettersRequest>,
    ) -> Result<Answered<wire::DeadLettersResponse>, Status> {
        let asker = self.asker(&asked)?;
        let view = self.value(&asker, Request::View {}).await?;
        let total = view["dead_letters"].as_u64().unwrap_or_default();
        Ok(Answered::new(wire::DeadLettersResponse { total }))
    }

    async fn breakers(
        &self,
        asked: Asked<wire::BreakersRequest>,
    ) -> Result<Answered<wire::BreakersResponse>, Status> {
        let asker = self.asker(&asked)?;
        let view = self.value(&asker, Request::View {}).await?;
        Ok(Answered::new(translate::breakers(&view)))
    }
}
