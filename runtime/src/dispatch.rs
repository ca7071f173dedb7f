//! The contract, as a node keeps it: each request becomes what the node does, and each of its errors a refusal that says what to do.

use std::sync::Arc;
use std::time::Duration;

use aios_actors::recovery::{self, ApprovalError};
use aios_actors::{AgentSystemError, ResendError, agent};
use aios_control::{
    Approval, Ask, Asked, Caller, Client, Control, ControlError, ErrorKind, Local, Request, Resent,
    Response, Spawn, Spawned, Written,
};
use aios_micro::{DoorError, Refusal};
use aios_protocols::{KeyError, PrincipalId, PublicKey, ReasonKind};
use aios_supervisor::OrderError;
use aios_work::Charter;
use async_trait::async_trait;
use serde::Serialize;

use crate::ask::AskError;
use crate::commanded::named;
use crate::crew;
use crate::gateway::GoalError;
use crate::lookout::{self, TreeWatcher, Watcher};
use crate::node::{Node, SpawnError, SpawnOptions};
use crate::remote::{RemoteError, RemoteOptions};
use crate::rights;
use crate::swarm::SwarmError;

#[async_trait]
impl Control for Node {
    async fn answer(&self, caller: &Caller, request: Request) -> Result<Response, ControlError> {
        let command = request.is_command().then(|| named(&request));
        // That a text is judged as it grows is on the trail since its first piece.
        let goes_on = matches!(&request, Request::JudgeMore(piece) if piece.begin.is_none());
        let outcome = self.carried_out(caller, request).await;
        let refused = outcome.as_ref().err().map(|error| error.kind);
        let command = command.filter(|_| !goes_on || refused.is_some());
        let principal = &caller.principal;
        let key = caller
            .rights
            .as_ref()
            .and_then(|rights| rights.key.as_deref());
        if let Some(command) = command {
            self.parts.lookout.commanded(principal, &command, refused);
            tracing::info!(%principal, key, command, ?refused, "a command");
        } else if refused == Some(ErrorKind::Forbidden) {
            tracing::warn!(%principal, key, "a query that is not allowed");
        }
        outcome
    }

    fn ready(&self) -> Result<(), ControlError> {
        let why = if self.is_stopping() {
            "the node stops".to_owned()
        } else {
            match self.missing() {
                None => return Ok(()),
                Some(missing) => format!("{missing} does not run"),
            }
        };
        Err(ControlError::new(ErrorKind::Unavailable, why))
    }

    fn lies_ready(&self, caller: &Caller, request: &Request) -> Option<Written> {
        if !matches!(request, Request::Goal { .. }) {
            return None;
        }
        // Whoever may not is told so the usual way, which writes it down.
        self.admit(caller, request).ok()?;
        match rights::meant(self.parts.owner_name.tenant(), caller, request.clone()) {
            Ok(Request::Goal { goal_id }) => {
                self.parts.goals.words(caller.principal.tenant(), &goal_id)
            }
            _ => None,
        }
    }

    fn goal_of_key(&self, key: &[u8; 32]) -> Option<String> {
        Some(rights::goal_of_key(&self.parts.owner, key))
    }

    fn metrics(&self, caller: &Caller) -> Result<Option<String>, ControlError> {
        // Figures are a picture of the node.
        self.admit(caller, &Request::View {})?;
        Ok(self.figures())
    }
}

impl Node {
    /// The node through the contract, in its owner's name: whoever holds the node in this process may do all that its owner may.
    pub fn control(&self) -> Client {
        self.control_as(self.parts.owner_name.clone())
    }

    /// The node through the contract, in somebody's name.
    pub fn control_as(&self, principal: PrincipalId) -> Client {
        Local::client(Arc::new(self.clone()), principal)
    }

    /// Whether somebody who sees the goals of this tenant alone, or all, sees this one.
    fn may_see(&self, only: Option<&str>, goal_id: &str) -> bool {
        only.is_none_or(|tenant| self.parts.goals.concerns(tenant, goal_id))
    }

    async fn carried_out(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<Response, ControlError> {
        self.admit(caller, &request)?;
        let request = rights::meant(self.parts.owner_name.tenant(), caller, request)?;
        let request = self.within(caller, request).await?;
        let response = self.dispatch(caller, request).await?;
        Ok(response)
    }

    async fn dispatch(&self, caller: &Caller, request: Request) -> Result<Response, ControlError> {
        let goals = &self.parts.goals;
        let tenant = caller.principal.tenant();
        // The node's owner sees whatever is done on it; whoever came by a key sees what is of its tenant.
        let only = caller.rights.as_ref().map(|_| tenant);
        match request {
            Request::Submit(goal) => value(goals.submit(self, caller, goal).await?),
            Request::Plan(goal) => value(goals.plan(self, caller, goal).await?),
            Request::Cancel { goal_id } => value(goals.cancel(tenant, &goal_id).await?),
            Request::Pause { goal_id } => value(goals.pause(tenant, &goal_id).await?),
            Request::Resume { goal_id } => value(goals.resume(self, tenant, &goal_id).await?),
            Request::Retry { goal_id, task } => {
                value(goals.retry(self, tenant, &goal_id, &task).await?)
            }
            Request::Fork(fork) => value(goals.fork(self, tenant, fork).await?),
            Request::Undo { goal_id } => value(goals.undo(self, tenant, &goal_id).await?),
            Request::Import { run, new_id } => {
                value(goals.import(self, tenant, run, new_id).await?)
            }
            Request::Replay { goal_id } => value(goals.replay(self, tenant, &goal_id).await?),
            Request::Spawn(agent) => value(self.spawn_asked(agent).await?),
            Request::Ask(question) => value(self.ask_agent(question).await?),
            Request::CallTool(call) => {
                let confined = self.confined(caller).is_some();
                value(self.call_tool(caller.place, call, confined).await?)
            }
            Request::Generate(asked) => self.generate(caller, asked).await,
            Request::Embed(texts) => value(self.embed(caller, texts).await?),
            Request::Judge(text) => value(self.judge(caller, text).await?),
            Request::JudgeMore(piece) => value(self.judge_more(caller, piece).await?),
            Request::LoadModel(asked) => value(self.load_model(asked).await?),
            Request::UnloadModel(asked) => value(self.unload_model(asked).await?),
            Request::SwapModel(asked) => value(self.swap_model(asked).await?),
            Request::Kill { agent } => value(self.kill(&agent).await?),
            Request::Stop { agent } => value(self.stop_agent(&agent).await?),
            Request::Decide {
                id,
                decision,
                reason,
            } => {
                let decided = self.decide(&id, decision, &reason, self.owner());
                value(shown(decided.map_err(undecided)?))
            }
            Request::Suspend { agent } => value(self.suspend_agent(&agent)?),
            Request::ResumeAgent { agent } => value(self.resume_agent(&agent)?),
            Request::GrantTool { agent, tool } => value(self.grant_tool(&agent, &tool).await?),
            Request::RevokeTool { agent, tool } => value(self.revoke_tool(&agent, &tool).await?),
            Request::Resend { number } => {
                let resent = self.parts.system.resend(number).await;
                let receivers = resent.map_err(|error| lookout::refusal(&error))?;
                let receivers = receivers.iter().map(ToString::to_string).collect();
                value(Resent { receivers })
            }
            Request::Discard { number } => {
                let taken = self.parts.system.dead_letters().take(number);
                let taken = taken.ok_or(ResendError::Unknown { number });
                value(taken.map(drop).map_err(|error| lookout::refusal(&error))?)
            }
            Request::ApproveTools { server, list } => {
                value(self.parts.servers.approve(&server, &list)?)
            }
            Request::ToolServers {} => value(self.parts.servers.view()),
            Request::Agents {} => value(self.agent_lines()),
            Request::Agent { agent } => value(self.agent_shown(&agent)?),
            Request::View {} => value(self.view()),
            Request::Swarm { about } => value(self.swarm_answer(about).await?),
            Request::Approvals {} => {
                let mut approvals = self.approvals().map_err(undecided)?;
                approvals.retain(|approval| goals.concerns(tenant, &approval.goal));
                value(approvals.into_iter().map(shown).collect::<Vec<_>>())
            }
            Request::Goals {} => value(goals.list(tenant)?),
            Request::Goal { goal_id } => value(goals.state(tenant, &goal_id)?),
            Request::History(events) => value(goals.history(tenant, &events)?),
            Request::Explain { goal_id } => value(goals.explain(self, tenant, &goal_id)?),
            Request::GoalPlan { goal_id } => value(goals.planned(self, tenant, &goal_id)?),
            Request::Diff { goal_id, with } => value(goals.diff(self, tenant, &goal_id, &with)?),
            Request::Export { goal_id } => value(goals.export(self, tenant, &goal_id)?),
            Request::Tools {} => value(self.tools()),
            Request::Engines {} => value(self.engine_lines().await),
            Request::Tree(asked) => value(self.tree_page(&asked)?),
            Request::Ended {} => value(self.parts.lookout.ended()),
            Request::Conversations(asked) => {
                let (lookout, system) = (&self.parts.lookout, &self.parts.system);
                let seen = |goal: &str| self.may_see(only, goal);
                value(lookout.conversations(system, &asked, &seen))
            }
            Request::Conversation { conversation } => {
                let (lookout, system) = (&self.parts.lookout, &self.parts.system);
                let seen = |goal: &str| self.may_see(only, goal);
                value(lookout.conversation(system, &conversation, &seen)?)
            }
            Request::DeadLetters {} => value(lookout::list(&self.parts.system)),
            Request::DeadLetter { number } => {
                value(lookout::one(&self.parts.system, number, tenant)?)
            }
            Request::Breakers {} => {
                let breakers = self.parts.system.breakers().view().into_iter();
                value(breakers.map(lookout::breaker).collect::<Vec<_>>())
            }
            Request::Budgets {} => value(lookout::budgets(&self.parts.services, only)),
            Request::Figures(asked) => value(self.figures_of(&asked.prefix)),
            Request::Unusual {} => value(self.parts.telemetry.unusual()),
            Request::Audit(asked) => value(self.parts.lookout.audit(&asked, only)),
            Request::Config {} => value(self.config()),
            Request::Watch(watch) => {
                let watcher = Watcher::new(Arc::clone(&self.parts.lookout), watch).only(only);
                Ok(Response::Watch(self.of_tenant(watcher, tenant)))
            }
            Request::WatchTree(asked) => {
                Ok(Response::Watch(Box::new(TreeWatcher::new(self, asked)?)))
            }
            Request::Events(events) => Ok(Response::Watch(goals.watch(tenant, &events)?)),
        }
    }

    async fn spawn_asked(&self, agent: Spawn) -> Result<Spawned, ControlError> {
        let Spawn {
            role,
            charter,
            under,
            restart,
            durable,
            key,
            away_ms,
        } = agent;
        if let Some(text) = charter {
            if !role.is_empty() {
                return Err(ControlError::invalid(
                    "an agent has a role or a charter, whose role it then has; name one of them",
                ));
            }
            let mut charter =
                Charter::parse(&text).map_err(|error| ControlError::invalid(error.to_string()))?;
            charter.restart = restart.unwrap_or(charter.restart);
            charter.durable |= durable;
            if let Some(key) = key {
                let key: PublicKey = key
                    .parse()
                    .map_err(|error: KeyError| ControlError::invalid(error.to_string()))?;
                if charter.durable {
                    return Err(ControlError::invalid(
                        "an agent in another process is not durable here: what is said to it is kept where it runs",
                    )
                    .advise("leave `durable` out, or `key`"));
                }
                let usual = RemoteOptions::default();
                let options = RemoteOptions {
                    under,
                    restart: crew::restart(charter.restart),
                    window: away_ms.map_or(usual.window, Duration::from_millis),
                };
                let agent = self.spawn_remote(&text, charter, key, options).await?;
                return Ok(Spawned {
                    agent: agent.to_string(),
                });
            }
            let agent = self.spawn_charter(charter, under.as_deref()).await?;
            return Ok(Spawned {
                agent: agent.to_string(),
            });
        }
        if key.is_some() || away_ms.is_some() {
            return Err(ControlError::invalid(
                "a key and a time away are of an agent in another process, which has a charter; hand that in too",
            ));
        }
        let usual = SpawnOptions::default();
        let options = SpawnOptions {
            under: under.unwrap_or(usual.under),
            restart: crew::restart(restart.unwrap_or_default()),
            agent: agent::AgentOptions {
                durable,
                ..usual.agent
            },
        };
        let agent = self.spawn(&role, options).await?.to_string();
        Ok(Spawned { agent })
    }
}

impl Node {
    /// The node asks in the name of its own service, as it does for goals: an agent is asked if its card is open to services.
    async fn ask_agent(&self, question: Ask) -> Result<Asked, ControlError> {
        let Ask {
            agent,
            content,
            deadline_ms,
        } = question;
        let allowed = Ask::DEADLINE_MS_MAX;
        if !(1..=allowed).contains(&deadline_ms) {
            return Err(ControlError::invalid(format!(
                "deadline_ms is {deadline_ms}, allowed is 1 to {allowed}"
            )));
        }
        let deadline = Duration::from_millis(deadline_ms);
        let said = self.ask(&self.meant(&agent), content, deadline).await?;
        let Some(content) = said.content.as_str() else {
            return Err(ControlError::failed(format!(
                "{} answered with bytes that are no text",
                said.sender
            )));
        };
        Ok(Asked {
            agent: said.sender.to_string(),
            act: said.performative.to_string(),
            content: content.to_owned(),
        })
    }
}

fn value(answer: impl Serialize) -> Result<Response, ControlError> {
    serde_json::to_value(answer)
        .map(Response::Value)
        .map_err(|error| ControlError::failed(format!("the answer cannot be written: {error}")))
}

fn shown(approval: recovery::Approval) -> Approval {
    approval.with_times(|at| at.to_string())
}

/// A refusal in the words of the error it comes from.
fn refusal(kind: ErrorKind, error: &impl ToString) -> ControlError {
    ControlError::new(kind, error.to_string())
}

fn undecided(error: ApprovalError) -> ControlError {
    use ApprovalError::{
        AlreadyDecided, AlreadySpent, Expired, Full, NoOwner, NotADecision, NotAccepted, NotProven,
        NotTheAsker, NotTheOwner, OtherTenant, Refused, Replayed, Store, TooManyOfOne, Unknown,
        Unsigned,
    };
    let kind = match &error {
        Unknown { .. } => ErrorKind::Unknown,
        OtherTenant { .. } | NotTheOwner { .. } | NotTheAsker { .. } | Refused(_) => {
            ErrorKind::Forbidden
        }
        AlreadySpent { .. }
        | NotAccepted { .. }
        | AlreadyDecided { .. }
        | Replayed { .. }
        | Expired { .. } => ErrorKind::Conflict,
        NotADecision { .. } => ErrorKind::Invalid,
        Full { .. } | TooManyOfOne { .. } => ErrorKind::Busy,
        NotProven { .. } | NoOwner | Unsigned(_) | Store(_) => ErrorKind::Failed,
    };
    refusal(kind, &error)
}

fn unseen(error: &DoorError) -> ErrorKind {
    use DoorError::{
        Busy, Closed, Elsewhere, Fell, ForeignHandles, Full, Identity, Late, NoHandle, NoSuchKind,
        Refused, WrongKind,
    };
    match error {
        NoSuchKind { .. } | WrongKind { .. } | Elsewhere { .. } => ErrorKind::Unknown,
        Refused(refusal) => match refusal {
            Refusal::Stale(_) | Refusal::Unknown(_) | Refusal::StillBorn(_) => ErrorKind::Unknown,
            Refusal::Suspended(_) => ErrorKind::Conflict,
            Refusal::Exhausted { .. } => ErrorKind::Busy,
        },
        NoHandle(_) | Identity(_) | ForeignHandles(..) => ErrorKind::Invalid,
        Busy { .. } | Full { .. } => ErrorKind::Busy,
        Closed { .. } => ErrorKind::Forbidden,
        Late(_) => ErrorKind::Late,
        Fell => ErrorKind::Unavailable,
    }
}

fn disobeyed(error: &OrderError) -> ErrorKind {
    match error {
        OrderError::NotFound { .. } => ErrorKind::Unknown,
        OrderError::NotRunning { .. } | OrderError::Stopping => ErrorKind::Unavailable,
        OrderError::Deadline { .. } => ErrorKind::Late,
        OrderError::AlreadyStarted { .. }
        | OrderError::AlreadyPresent { .. }
        | OrderError::Running { .. }
        | OrderError::Restarting { .. }
        | OrderError::NotAlive { .. } => ErrorKind::Conflict,
        _ => ErrorKind::Failed,
    }
}

impl From<SpawnError> for ControlError {
    fn from(error: SpawnError) -> Self {
        let kind = match &error {
            SpawnError::UnknownSupervisor { .. }
            | SpawnError::UnknownAgent(_)
            | SpawnError::AgentSystem(AgentSystemError::UnknownRole { .. }) => ErrorKind::Unknown,
            SpawnError::Charter(crew::CharterRefused::Taken { .. }) => ErrorKind::Conflict,
            SpawnError::Name(_)
            | SpawnError::Charter(_)
            | SpawnError::AgentSystem(AgentSystemError::Name(_)) => ErrorKind::Invalid,
            SpawnError::Remote(RemoteError::Kept { .. } | RemoteError::Window { .. }) => {
                ErrorKind::Invalid
            }
            SpawnError::Remote(RemoteError::Full) => ErrorKind::Busy,
            SpawnError::Remote(RemoteError::KeyInUse(_))
            | SpawnError::AgentSystem(AgentSystemError::NameTaken(_)) => ErrorKind::Conflict,
            SpawnError::Order(order)
            | SpawnError::AgentSystem(AgentSystemError::NotStarted(order)) => disobeyed(order),
            SpawnError::AgentSystem(_) | SpawnError::Unwritten(_) => ErrorKind::Failed,
        };
        refusal(kind, &error)
    }
}

/// Why a question did not go out: nobody is there, there is no room, or the node has a fault.
fn unsent(error: &agent::SendError) -> ErrorKind {
    use agent::SendError::{MailboxFull, NoReceiver, NotTaking, TooManyAsks, TooManyConversations};
    match error {
        NoReceiver { .. } => ErrorKind::Unknown,
        NotTaking { .. } => ErrorKind::Unavailable,
        MailboxFull { .. } | TooManyAsks { .. } | TooManyConversations { .. } => ErrorKind::Busy,
        _ => ErrorKind::Failed,
    }
}

/// What passes by itself, of the reasons an agent gives.
fn passing(reason: ReasonKind) -> Option<ErrorKind> {
    match reason {
        ReasonKind::Unavailable => Some(ErrorKind::Unavailable),
        _ => None,
    }
}

/// Whose fault it is that a goal was not taken or not planned: what was asked cannot be done as it was asked, or something gave way.
fn refused_goal(reason: ReasonKind) -> ErrorKind {
    use ReasonKind::{
        DeadlinePassed, MissingArgument, MissingParameter, Overloaded, Unauthorised, Unavailable,
        UnrecognisedParameterValue, UnrecognisedValue, UnsupportedFunction, UnsupportedValue,
    };
    match reason {
        UnsupportedValue
        | UnrecognisedValue
        | UnsupportedFunction
        | MissingArgument
        | MissingParameter
        | UnrecognisedParameterValue => ErrorKind::Invalid,
        Unauthorised => ErrorKind::Forbidden,
        Overloaded => ErrorKind::Busy,
        Unavailable => ErrorKind::Unavailable,
        DeadlinePassed => ErrorKind::Late,
        _ => ErrorKind::Failed,
    }
}

impl From<AskError> for ControlError {
    fn from(error: AskError) -> Self {
        let kind = match &error {
            AskError::NoSuchAgent { .. } => ErrorKind::Unknown,
            AskError::NotOpen(_) => ErrorKind::Forbidden,
            AskError::Stopping => ErrorKind::Unavailable,
            AskError::Unanswered(why) => match why {
                agent::AskError::Refused { reason, .. } => {
                    passing(reason.kind).unwrap_or(ErrorKind::Conflict)
                }
                agent::AskError::Failed { reason, .. } => {
                    passing(reason.kind).unwrap_or(ErrorKind::Failed)
                }
                agent::AskError::NotUnderstood { .. } => ErrorKind::Invalid,
                agent::AskError::Deadline { .. } => ErrorKind::Late,
                agent::AskError::AskerStopped { .. } => ErrorKind::Unavailable,
                agent::AskError::NotSent(error) => unsent(error),
            },
        };
        let advice = match &error {
            AskError::NotOpen(_) => "ask another agent, or let its card be open to `service`",
            _ => kind.advice(),
        };
        refusal(kind, &error).advise(advice)
    }
}

impl From<GoalError> for ControlError {
    fn from(error: GoalError) -> Self {
        let kind = match &error {
            GoalError::Goal(_)
            | GoalError::File(_)
            | GoalError::Path(_)
            | GoalError::Content(_) => ErrorKind::Invalid,
            GoalError::Stopping => ErrorKind::Unavailable,
            // Who would have taken it up is gone, as all are when the node stops.
            GoalError::Unanswered(agent::AskError::NotSent(error)) => match unsent(error) {
                ErrorKind::Unknown => ErrorKind::Unavailable,
                kind => kind,
            },
            GoalError::Unanswered(agent::AskError::AskerStopped { .. }) => ErrorKind::Unavailable,
            GoalError::Unanswered(agent::AskError::Deadline { .. }) => ErrorKind::Late,
            GoalError::Cancelled => ErrorKind::Conflict,
            GoalError::Refused(reason) => refused_goal(reason.kind),
            GoalError::Unwatched(_) | GoalError::Unanswered(_) | GoalError::NoRandomness => {
                ErrorKind::Failed
            }
        };
        refusal(kind, &error)
    }
}

impl From<SwarmError> for ControlError {
    fn from(error: SwarmError) -> Self {
        let kind = match &error {
            SwarmError::Door(error) => unseen(error),
            SwarmError::Unwritable(_) => ErrorKind::Failed,
        };
        refusal(kind, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_kills_what_does_not_run_made_a_mistake_and_the_node_has_no_fault() {
        let id = || "macro.executor.001@local".into();
        for error in [
            OrderError::NotAlive { id: id() },
            OrderError::Restarting { id: id() },
        ] {
            assert_eq!(disobeyed(&error), ErrorKind::Conflict, "{error}");
        }
    }
}
