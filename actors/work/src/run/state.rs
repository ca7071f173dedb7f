//! Records folded into where everything stands. The same records give the same state, whoever folds them and however often.
//!
//! A record that does not fit what is known (a result of an operation that was never begun, say) changes nothing and is kept as an
//! [`Oddity`]: it is evidence, and it is never a reason to stop.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::{Blob, Cost, Held, Inquiry, Outcome, Record, Restart, RunId, Told};
use crate::{ContentHash, Decision, Effect, Verdict};

/// Most oddities that are kept; the first ones say most.
const ODDITIES_MAX: usize = 32;
/// How many of an agent's restarts and escalations are kept; the last ones say most.
const HISTORY_MAX: usize = 64;
/// How many checkpoints of an agent count.
const CHECKPOINTS_MAX: usize = 3;

/// Everything that records have said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct State {
    /// The runs.
    pub runs: BTreeMap<RunId, Run>,
    /// The agents, by tenant and name.
    pub agents: BTreeMap<(String, String), AgentState>,
    /// Accepted requests by tenant and idempotency key, with the goal that they became.
    pub requests: BTreeMap<(String, String), String>,
    /// What did not fit.
    pub oddities: Vec<Oddity>,
    /// The number of the last record.
    pub applied: u64,
}

/// A record that did not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oddity {
    /// Its number.
    pub sequence: u64,
    /// Why it changed nothing.
    pub why: String,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The number of the record that accepted it.
    pub accepted: u64,
    /// The number of the last record of it.
    pub changed: u64,
    /// What the asker called the request.
    pub idempotency_key: Option<String>,
    /// The hash of what was asked.
    pub content: ContentHash,
    /// The goal as it was asked.
    pub goal: Blob,
    /// Who asked.
    pub principal: String,
    /// Where it stands.
    pub status: RunStatus,
    /// The plan, once there is one; the newest.
    pub plan: Option<Plan>,
    /// Operations by their key.
    pub operations: BTreeMap<String, OperationState>,
    /// Questions by their name.
    pub approvals: BTreeMap<String, ApprovalState>,
    /// What is set aside and not settled, by reservation.
    pub reserved: BTreeMap<String, Cost>,
    /// What was spent.
    pub spent: Cost,
    /// The last verdict on each task, and under the empty name on the answer.
    pub verdicts: BTreeMap<String, (ContentHash, Verdict)>,
    /// How often the node fell while an operation of this run was under way and nothing was committed since.
    pub falls: Vec<Fall>,
}

/// A fall of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fall {
    /// The operation that was under way.
    pub operation: String,
    /// The opening of the journal that ended by it.
    pub epoch: u64,
    /// What is known of it.
    pub evidence: String,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It goes on.
    Running,
    /// It waits until somebody lets it go on.
    Paused,
    /// It was put aside.
    Parked {
        /// Why.
        why: String,
        /// What was seen.
        evidence: Vec<String>,
    },
    /// It ended without an answer.
    Cancelled {
        /// By whom.
        by: String,
    },
    /// It ended with an answer.
    Delivered {
        /// What the answer is worth.
        status: String,
        /// The answer.
        answer: Held,
    },
}

impl RunStatus {
    /// Whether nothing more happens to it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Cancelled { .. } | Self::Delivered { .. })
    }
}

/// The newest plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Counted from 1.
    pub version: u32,
    /// Its hash.
    pub hash: ContentHash,
    /// The plan.
    pub plan: Blob,
    /// Versions of packs and charters that it was made under.
    pub made_under: Vec<(String, String)>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationState {
    /// Which task.
    pub task: String,
    /// Which revision.
    pub revision: u32,
    /// The tool.
    pub tool: String,
    /// What it means to call it twice.
    pub effect: Effect,
    /// The hash of the arguments.
    pub arguments: ContentHash,
    /// Each time it was begun, the first first.
    pub attempts: Vec<Attempt>,
    /// Whether it is part of the run for good.
    pub committed: bool,
}

/// One time that an operation was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1.
    pub attempt: u32,
    /// The number of the record that says so.
    pub sequence: u64,
    /// How it ended, if anybody heard.
    pub outcome: Option<Outcome>,
    /// What its provider said when it was asked what became of it, the first first.
    pub inquiries: Vec<Inquiry>,
}

impl OperationState {
    /// The result that counts: that of the attempt that was carried out, as the tool gave it or its provider told it afterwards.
    #[must_use]
    pub fn result(&self) -> Option<&Held> {
        self.attempts.iter().rev().find_map(|attempt| {
            match (&attempt.outcome, attempt.inquiries.last()) {
                (Some(Outcome::Done(held)), _)
                | (None, Some(Inquiry::Happened(Told::Result(held)))) => Some(held),
                _ => None,
            }
        })
    }

    /// Whether its last attempt was begun and nobody heard how it ended.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        !self.committed
            && self
                .attempts
                .last()
                .is_some_and(|attempt| attempt.outcome.is_none())
    }
}

/// One question to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalState {
    /// The number of the record that asked.
    pub asked: u64,
    /// The operation it is about.
    pub operation: String,
    /// The question.
    pub question: String,
    /// Until when it can be decided, in microseconds since 1970.
    pub deadline_us: u64,
    /// What was decided.
    pub decision: Option<Decision>,
    /// By whom.
    pub by: Option<String>,
    /// The signed decision.
    pub signed: Blob,
    /// Whether what was allowed was begun.
    pub spent: bool,
}

/// One agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AgentState {
    /// The hash of its charter, if it has one.
    pub charter: Option<ContentHash>,
    /// Who made it.
    pub by: Option<String>,
    /// Why it was stopped, if it was.
    pub stopped: Option<String>,
    /// Messages that were accepted and not handled, in the order in which they came.
    pub unhandled: Vec<(String, Held)>,
    /// The last checkpoints, the newest last, each with its superstep.
    pub checkpoints: Vec<(ContentHash, u64)>,
    /// The last restarts.
    pub restarts: Vec<Restart>,
    /// The last escalations: to whom, and why.
    pub escalations: Vec<(String, String)>,
    /// Timers that are set.
    pub timers: BTreeMap<String, Timer>,
}

/// A timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// When, in microseconds since 1970.
    pub at_us: u64,
}

impl State {
    /// Folds the record with this number in. One that was folded in before changes nothing.
    pub fn apply(&mut self, sequence: u64, record: &Record) {
        if sequence <= self.applied {
            return;
        }
        self.applied = sequence;
        if let Err(why) = self.fold(sequence, record)
            && self.oddities.len() < ODDITIES_MAX
        {
            self.oddities.push(Oddity { sequence, why });
        }
    }

    /// Whether records of this run are still needed to go on: it is known and not over.
    #[must_use]
    pub fn needs(&self, run: &RunId) -> bool {
        self.runs.get(run).is_some_and(|run| !run.status.is_over())
    }

    /// Forgets the runs that are over and of which nothing was said since before this number, with the requests that they were; how many.
    /// The same request asked later is a new one.
    pub fn forget(&mut self, before: u64) -> usize {
        let known = self.runs.len();
        self.runs
            .retain(|_, run| !run.status.is_over() || run.changed >= before);
        let runs = &self.runs;
        self.requests.retain(|(tenant, _), goal| {
            runs.contains_key(&RunId {
                tenant: tenant.clone(),
                goal: goal.clone(),
            })
        });
        known - self.runs.len()
    }

    fn fold(&mut self, sequence: u64, record: &Record) -> Result<(), String> {
        if let Record::GoalAccepted {
            run,
            idempotency_key,
            content,
            goal,
            principal,
        } = record
        {
            if self.runs.contains_key(run) {
                return Err(format!("goal {} is accepted already", run.goal));
            }
            if let Some(key) = idempotency_key {
                self.requests
                    .insert((run.tenant.clone(), key.clone()), run.goal.clone());
            }
            let accepted = Run {
                accepted: sequence,
                changed: sequence,
                idempotency_key: idempotency_key.clone(),
                content: *content,
                goal: goal.clone(),
                principal: principal.clone(),
                status: RunStatus::Running,
                plan: None,
                operations: BTreeMap::new(),
                approvals: BTreeMap::new(),
                reserved: BTreeMap::new(),
                spent: Cost::default(),
                verdicts: BTreeMap::new(),
                falls: Vec::new(),
            };
            self.runs.insert(run.clone(), accepted);
            return Ok(());
        }
        match record.run() {
            Some(id) => {
                let run = self
                    .runs
                    .get_mut(id)
                    .ok_or_else(|| format!("goal {} was never accepted", id.goal))?;
                run.fold(sequence, record)?;
                run.changed = sequence;
                Ok(())
            }
            None => self.fold_agent(record),
        }
    }

    fn agent(&mut self, tenant: &str, agent: &str) -> &mut AgentState {
        self.agents
            .entry((tenant.to_owned(), agent.to_owned()))
            .or_default()
    }

    fn fold_agent(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::AgentSpawned {
                tenant,
                agent,
                charter,
                by,
            } => {
                let state = self.agent(tenant, agent);
                state.charter = Some(*charter);
                state.by.clone_from(by);
                state.stopped = None;
            }
            Record::AgentStopped { tenant, agent, why } => {
                self.agent(tenant, agent).stopped = Some(why.clone());
            }
            Record::MessageAccepted {
                tenant,
                agent,
                message,
                frame,
            } => {
                let state = self.agent(tenant, agent);
                if state.unhandled.iter().any(|(known, _)| known == message) {
                    return Err(format!("message {message} is accepted already"));
                }
                state.unhandled.push((message.clone(), frame.clone()));
            }
            Record::MessageHandled {
                tenant,
                agent,
                message,
            } => {
                let state = self.agent(tenant, agent);
                let before = state.unhandled.len();
                state.unhandled.retain(|(known, _)| known != message);
                if state.unhandled.len() == before {
                    return Err(format!("message {message} does not wait"));
                }
            }
            Record::Restarted {
                tenant,
                agent,
                restart,
            } => last(
                &mut self.agent(tenant, agent).restarts,
                restart.clone(),
                HISTORY_MAX,
            ),
            Record::Escalated {
                tenant,
                agent,
                to,
                why,
            } => {
                let escalation = (to.clone(), why.clone());
                last(
                    &mut self.agent(tenant, agent).escalations,
                    escalation,
                    HISTORY_MAX,
                );
            }
            Record::CheckpointSaved {
                tenant,
                agent,
                hash,
                superstep,
            } => {
                let checkpoint = (*hash, *superstep);
                last(
                    &mut self.agent(tenant, agent).checkpoints,
                    checkpoint,
                    CHECKPOINTS_MAX,
                );
            }
            Record::TimerSet {
                tenant,
                agent,
                timer,
                at_us,
            } => {
                let timers = &mut self.agent(tenant, agent).timers;
                timers.insert(timer.clone(), Timer { at_us: *at_us });
            }
            Record::TimerDone {
                tenant,
                agent,
                timer,
            } => {
                if self.agent(tenant, agent).timers.remove(timer).is_none() {
                    return Err(format!("timer {timer} is not set"));
                }
            }
            // Those of runs are folded there.
            _ => return Err("it belongs to a run".to_owned()),
        }
        Ok(())
    }
}

/// Keeps the last few.
fn last<T>(kept: &mut Vec<T>, new: T, most: usize) {
    if kept.len() >= most {
        kept.remove(0);
    }
    kept.push(new);
}

impl Run {
    fn fold(&mut self, sequence: u64, record: &Record) -> Result<(), String> {
        if self.status.is_over() {
            // What a tool still did when its goal was over is evidence; it changes nothing.
            return Err("the goal is over".to_owned());
        }
        match record {
            Record::Planned {
                version,
                hash,
                plan,
                made_under,
                ..
            } => {
                self.plan = Some(Plan {
                    version: *version,
                    hash: *hash,
                    plan: plan.clone(),
                    made_under: made_under.clone(),
                });
            }
            Record::Intended { .. } => return self.intended(sequence, record),
            Record::Resulted {
                operation, outcome, ..
            } => {
                let state = self.operation(operation)?;
                if state.committed {
                    return Err(format!("operation {operation} is committed already"));
                }
                match state.attempts.last_mut() {
                    Some(attempt) if attempt.outcome.is_none() => {
                        attempt.outcome = Some(outcome.clone());
                    }
                    _ => return Err(format!("no attempt of operation {operation} is under way")),
                }
            }
            Record::Committed { operation, .. } => {
                let state = self.operation(operation)?;
                if state.committed {
                    return Err(format!("operation {operation} is committed already"));
                }
                if state.result().is_none() {
                    return Err(format!("operation {operation} has no result to commit"));
                }
                state.committed = true;
                // The run has come further, so it was not what felled the node.
                self.falls.clear();
            }
            Record::Judged {
                task, of, verdict, ..
            } => {
                let name = task.clone().unwrap_or_default();
                self.verdicts.insert(name, (*of, *verdict));
            }
            Record::ApprovalAsked { .. }
            | Record::ApprovalDecided { .. }
            | Record::ApprovalSpent { .. } => return self.approval(sequence, record),
            Record::BudgetReserved {
                reservation, cost, ..
            } => {
                if self.reserved.contains_key(reservation) {
                    return Err(format!("reservation {reservation} is made already"));
                }
                self.reserved.insert(reservation.clone(), *cost);
            }
            Record::BudgetSpent {
                reservation, cost, ..
            } => {
                if self.reserved.remove(reservation).is_none() {
                    return Err(format!("reservation {reservation} was never made"));
                }
                self.spent = self.spent.plus(*cost);
            }
            Record::GoalPaused { .. } => self.status = RunStatus::Paused,
            Record::GoalResumed { .. } => {
                self.status = RunStatus::Running;
                // Somebody has looked at it and wants it to go on.
                self.falls.clear();
            }
            Record::GoalCancelled { by, .. } => {
                self.status = RunStatus::Cancelled { by: by.clone() };
            }
            Record::GoalParked { why, evidence, .. } => {
                self.status = RunStatus::Parked {
                    why: why.clone(),
                    evidence: evidence.clone(),
                };
            }
            Record::GoalDelivered { status, answer, .. } => {
                self.status = RunStatus::Delivered {
                    status: status.clone(),
                    answer: answer.clone(),
                };
            }
            Record::Inquired {
                operation, found, ..
            } => {
                let state = self.operation(operation)?;
                // What is part of the run for good is not changed by what its provider says later.
                if state.committed {
                    return Err(format!("operation {operation} is committed already"));
                }
                let attempt = state.attempts.last_mut();
                attempt
                    .ok_or_else(|| format!("operation {operation} was never begun"))?
                    .inquiries
                    .push(found.clone());
            }
            Record::NodeFell {
                operation,
                epoch,
                evidence,
                ..
            } => {
                self.operation(operation)?;
                // A fall is told once, however many of the run's operations were under way.
                if self.falls.iter().all(|fall| fall.epoch != *epoch) {
                    self.falls.push(Fall {
                        operation: operation.clone(),
                        epoch: *epoch,
                        evidence: evidence.clone(),
                    });
                }
            }
            _ => return Err("it belongs to no run".to_owned()),
        }
        Ok(())
    }

    fn operation(&mut self, operation: &str) -> Result<&mut OperationState, String> {
        self.operations
            .get_mut(operation)
            .ok_or_else(|| format!("operation {operation} was never begun"))
    }

    fn intended(&mut self, sequence: u64, record: &Record) -> Result<(), String> {
        let Record::Intended {
            task,
            revision,
            attempt,
            operation,
            tool,
            effect,
            arguments,
            ..
        } = record
        else {
            return Ok(());
        };
        let state = self
            .operations
            .entry(operation.clone())
            .or_insert_with(|| OperationState {
                task: task.clone(),
                revision: *revision,
                tool: tool.clone(),
                effect: *effect,
                arguments: *arguments,
                attempts: Vec::new(),
                committed: false,
            });
        if state.committed {
            return Err(format!(
                "operation {operation} is committed and was begun again"
            ));
        }
        if state.arguments != *arguments || state.tool != *tool {
            return Err(format!(
                "operation {operation} was begun before with other work"
            ));
        }
        state.attempts.push(Attempt {
            attempt: *attempt,
            sequence,
            outcome: None,
            inquiries: Vec::new(),
        });
        Ok(())
    }

    fn approval(&mut self, sequence: u64, record: &Record) -> Result<(), String> {
        match record {
            Record::ApprovalAsked {
                approval,
                operation,
                question,
                deadline_us,
                ..
            } => {
                if self.approvals.contains_key(approval) {
                    return Err(format!("{approval} is asked already"));
                }
                self.approvals.insert(
                    approval.clone(),
                    ApprovalState {
                        asked: sequence,
                        operation: operation.clone(),
                        question: question.clone(),
                        deadline_us: *deadline_us,
                        decision: None,
                        by: None,
                        signed: Blob::default(),
                        spent: false,
                    },
                );
            }
            Record::ApprovalDecided {
                approval,
                decision,
                by,
                signed,
                ..
            } => {
                let state = known(&mut self.approvals, approval)?;
                if state.decision.is_some() {
                    return Err(format!("{approval} is decided already"));
                }
                state.decision = Some(*decision);
                state.by = Some(by.clone());
                state.signed = signed.clone();
            }
            Record::ApprovalSpent { approval, .. } => {
                let state = known(&mut self.approvals, approval)?;
                if state.decision != Some(Decision::Accept) || state.spent {
                    return Err(format!("{approval} allows nothing"));
                }
                state.spent = true;
            }
            _ => {}
        }
        Ok(())
    }
}

fn known<'a>(
    approvals: &'a mut BTreeMap<String, ApprovalState>,
    approval: &str,
) -> Result<&'a mut ApprovalState, String> {
    approvals
        .get_mut(approval)
        .ok_or_else(|| format!("{approval} was never asked"))
}

impl Cost {
    /// Both together; what would pass the largest number stays there.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            money_micros: self.money_micros.saturating_add(other.money_micros),
            time_ms: self.time_ms.saturating_add(other.time_ms),
        }
    }
}
