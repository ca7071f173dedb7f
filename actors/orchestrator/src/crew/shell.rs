//! Carries one question out: what `run` decides is thought (`thought`), called (`calls`), committed. Each thought and each call is a
//! durable step, so that a successor goes on where a fallen agent was and nothing that was done is done again.

use std::sync::Arc;

use aios_actors::agent::{AgentError, Context};
use aios_actors::recovery::Descent;
use aios_inference::Prompt;
use aios_work::content::{AgentAnswer, AgentOrder, NoAnswer};
use aios_work::{Looping, ToolSpec};
use serde_json::Value;

use super::act;
use super::ended::{Ended, failed, stopped};
use super::errand::Errand;
use super::judged::Word;
use super::record::{Outcome, RunRecord};
use super::run::{Next, Run};
use super::seen::Seen;
use super::thought::{Thought, session};
use super::{Crew, Inner, Member};
use crate::{Services, doubt};

/// Figures and files that one answer hands on.
const HANDED_ON: usize = 256;

/// Works on a question until it is answered, stopped or has failed.
pub(super) async fn pursue(
    member: &Member,
    order: &AgentOrder,
    services: &Arc<Services>,
    ctx: &Context,
) -> Result<AgentAnswer, Ended> {
    let crew = services.crew();
    let began = ctx.now();
    let record = |turns, spent, outcome| {
        let record = RunRecord {
            operation: order.operation.clone(),
            began,
            turns,
            spent,
            outcome,
        };
        crew.enter(ctx, record);
    };
    let _descent = admitted(member, order, crew, ctx).map_err(|by| {
        let none = NoAnswer::Stopped { by };
        let outcome = Outcome::Unanswered(none.clone());
        record(0, aios_work::Spent::default(), outcome);
        Ended::Unanswered(none)
    })?;
    let mut errand = Errand::new(member, order, services, ctx);
    let mut run = Run::new(member.charter().budget.turns);
    record(0, errand.budget.spent(), Outcome::AtWork);
    let due = tokio::time::Instant::from_std(errand.due);
    let worked = match tokio::time::timeout_at(due, errand.work(&mut run)).await {
        Ok(worked) => worked,
        Err(_) => Err(match errand.under_way.cut_short() {
            // Out of time is what it is; that something may have been done is what whoever asked must know.
            Some(tool) => Ended::Unanswered(NoAnswer::InDoubt {
                reason: doubt::doubt(&format!(
                    "its time was used up in the middle of a call of tool {tool}"
                )),
            }),
            None => stopped(errand.late()),
        }),
    };
    let outcome = match &worked {
        Ok(_) => Outcome::Answered,
        Err(Ended::Unanswered(none)) => Outcome::Unanswered(none.clone()),
        // A successor goes on with it, and with what is left.
        Err(Ended::Fault(AgentError::Broken(_))) => return worked,
        Err(Ended::Fault(error)) => Outcome::Unanswered(NoAnswer::Failed {
            reason: error.to_string(),
        }),
    };
    record(run.turns(), errand.budget.spent(), outcome);
    end(member, order, ctx);
    let tenant = ctx.tenant();
    services
        .budgets()
        .close(tenant, &order.operation, &errand.budget);
    worked
}

/// Lets an order in, unless it has come in a circle or its lineage reaches too far.
fn admitted(
    member: &Member,
    order: &AgentOrder,
    crew: &Crew,
    ctx: &Context,
) -> Result<Descent, aios_work::Ended> {
    if order.chain.contains(&member.charter().name) {
        return Err(aios_work::Ended::Looping(Looping {
            act: member.charter().tool_name(),
            times: 2,
            allowed: 1,
        }));
    }
    let depth = u32::try_from(order.chain.len()).unwrap_or(u32::MAX);
    let root = order.operation.split('/').next().unwrap_or_default();
    let Inner {
        lineages, reach, ..
    } = crew.0.as_ref();
    lineages.begin(root, depth, ctx.now(), reach)
}

/// Nobody waits for the answer any more: its budget ends.
pub(super) fn leave(member: &Member, order: &AgentOrder, services: &Services, ctx: &Context) {
    let budgets = services.budgets();
    if let Ok(budget) = budgets.of(ctx.tenant(), &order.operation) {
        let crew = services.crew();
        let record = RunRecord {
            operation: order.operation.clone(),
            began: ctx.now(),
            turns: 0,
            spent: budget.spent(),
            outcome: Outcome::Left,
        };
        crew.enter(ctx, record);
        budgets.close(ctx.tenant(), &order.operation, &budget);
    }
    forget(member, order, services, ctx);
}

/// The model is not asked about a question again.
fn end(member: &Member, order: &AgentOrder, ctx: &Context) {
    // A world without an engine has nobody who remembers anything.
    if let Ok(engine) = ctx.engine() {
        engine.close_session(&session(member, order, ctx));
    }
}

/// The steps of a question that is over serve nobody: neither its own nor those of whoever worked for it.
pub(super) fn forget(member: &Member, order: &AgentOrder, services: &Services, ctx: &Context) {
    end(member, order, ctx);
    let mut roles = vec![member.charter().role.clone()];
    if !member.charter().delegates.is_empty() {
        let members = services.crew().members();
        roles.extend(members.iter().map(|member| member.charter().role.clone()));
        roles.sort_unstable();
        roles.dedup();
    }
    let steps = ctx.system().step_log();
    for role in roles {
        let operations = format!("{}/{role}/{}/", ctx.tenant(), order.operation);
        if let Err(error) = steps.forget(&operations) {
            tracing::warn!(%error, operations, "steps of an answered question stay until they are old");
        }
    }
}

impl Errand<'_> {
    async fn work(&mut self, run: &mut Run) -> Result<AgentAnswer, Ended> {
        let asked = match &self.order.input {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let member = self.member;
        let grammar =
            |tools: &[ToolSpec]| act::grammar(tools, member.charter().output.as_ref()).to_string();
        let mut choices = grammar(&self.tools);
        loop {
            let turn = run.turn().map_err(stopped)?;
            if self.looks_anew() {
                choices = grammar(&self.tools);
            }
            let chat = Prompt::Chat(run.transcript.chat(&self.told, &asked));
            let Thought { said, cut_off, .. } = self.think(turn, chat, &choices).await?;
            // What was called already stays called, whatever was taken since: a successor goes the same way.
            let called = self.ctx.done::<Seen>(&self.step("act", turn))?.is_some();
            let granted = |tool: &str| match called {
                true => Ok(()),
                false => self.has(tool),
            };
            let fits = |answer: &Value| self.member.gives(answer);
            let mut next = run.said(&said, cut_off, granted, fits);
            let mut judged = None;
            if let Next::Done(answer) = &next {
                match self.judged(turn, &asked, answer).await? {
                    Some(Word::Bad(why)) => next = run.refused(&why),
                    Some(Word::Good(status)) => judged = Some(status),
                    None => {}
                }
            }
            match next {
                Next::Again => {}
                Next::Stop(by) => return Err(stopped(by)),
                Next::Fail(reason) => return Err(failed(reason)),
                Next::Call { tool, args } => {
                    let seen = self.act(turn, &tool, args).await?;
                    run.saw(&tool, &seen.outcome);
                    if let Ok(value) = &seen.outcome {
                        self.grounds.add(turn, &tool, value, &seen.facts);
                    }
                    self.hand_on(seen);
                }
                Next::Done(value) => {
                    return Ok(AgentAnswer {
                        operation: self.order.operation.clone(),
                        value,
                        facts: std::mem::take(&mut self.facts),
                        artifacts: std::mem::take(&mut self.artifacts),
                        turns: run.turns(),
                        spent: self.budget.spent(),
                        agent: self.ctx.me().to_string(),
                        judged,
                    });
                }
            }
        }
    }

    fn hand_on(&mut self, seen: Seen) {
        self.facts.extend(seen.facts);
        self.facts.truncate(HANDED_ON);
        self.artifacts.extend(seen.artifacts);
        self.artifacts.truncate(HANDED_ON);
    }
}
