//! One question and everything it is carried out with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_actors::agent::Context;
use aios_actors::recovery::{Allowance, Budget};
use aios_work::content::AgentOrder;
use aios_work::{Artifact, Capabilities, Fact, OverBudget, Privacy, ToolSpec};

use super::Member;
use super::brief::{granted, instructions, tools};
use super::grounds::Grounds;
use super::seen::UnderWay;
use crate::Services;

/// One question and everything it is carried out with.
pub(super) struct Errand<'a> {
    pub(super) member: &'a Member,
    pub(super) order: &'a AgentOrder,
    pub(super) services: &'a Arc<Services>,
    /// Paid from the budget, so that what is kept private there stays so in what is sent.
    pub(super) ctx: Context,
    pub(super) budget: Budget,
    /// Whether the budget is new, and what earlier incarnations committed is still to be counted.
    pub(super) fresh: bool,
    pub(super) due: Instant,
    /// What it may call, its delegates included.
    pub(super) tools: Vec<ToolSpec>,
    pub(super) granted: Capabilities,
    /// Of what was given and taken: as of then.
    round: u64,
    pub(super) told: String,
    pub(super) facts: Vec<Fact>,
    pub(super) artifacts: Vec<Artifact>,
    pub(super) grounds: Grounds,
    pub(super) under_way: UnderWay,
}

impl<'a> Errand<'a> {
    pub(super) fn new(
        member: &'a Member,
        order: &'a AgentOrder,
        services: &'a Arc<Services>,
        ctx: &'a Context,
    ) -> Self {
        let charter = member.charter();
        let limits = &charter.budget;
        let asked = Duration::from_millis(order.deadline_ms);
        let allowance = Allowance {
            tokens: limits.tokens,
            money_micros: limits.money_micros.unwrap_or(u64::MAX),
            time: limits.time().min(asked),
            price_micros: services.settings().price_micros,
        };
        let budgets = services.budgets();
        let around = budgets.around(ctx.tenant(), &order.operation);
        let above = around.into_iter().chain(member.ceilings().iter().cloned());
        let (budget, fresh) = match budgets.of(ctx.tenant(), &order.operation) {
            Ok(there) => (there, false),
            Err(_) => {
                let budget = Budget::below(above, allowance, ctx.now());
                budgets.enter(ctx.tenant(), &order.operation, &budget, ctx.now());
                (budget, true)
            }
        };
        if charter.privacy == Privacy::Local || ctx.is_private() {
            budget.keep_private();
        }
        let due = Instant::now() + budget.time_left(ctx.now()).min(asked);
        // Before it is looked at, so that a change meanwhile is seen as one.
        let round = services.crew().0.grants.round();
        let me = ctx.me().as_str();
        let tools = tools(member, me, order, services);
        Self {
            granted: granted(member, me, services).within(&order.granted),
            round,
            told: instructions(member, &tools),
            tools,
            ctx: ctx.paid_from(&budget),
            budget,
            fresh,
            due,
            member,
            order,
            services,
            facts: Vec::new(),
            artifacts: Vec::new(),
            grounds: Grounds::default(),
            under_way: UnderWay::default(),
        }
    }

    pub(super) fn late(&self) -> aios_work::Ended {
        let limits = &self.member.charter().budget;
        let asked = Duration::from_millis(self.order.deadline_ms);
        let left = self.budget.time_left(self.ctx.now());
        aios_work::Ended::OverBudget(OverBudget::late(left, limits.time().min(asked)))
    }

    pub(super) fn left(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Whether something was given to it or taken from it since it was looked at last; then it goes on with what it has now.
    pub(super) fn looks_anew(&mut self) -> bool {
        let round = self.services.crew().0.grants.round();
        if round == self.round {
            return false;
        }
        let Self {
            member,
            order,
            services,
            ..
        } = *self;
        let me = self.ctx.me().as_str();
        let tools = tools(member, me, order, services);
        let changed = tools != self.tools;
        self.granted = granted(member, me, services).within(&order.granted);
        self.told = instructions(member, &tools);
        self.tools = tools;
        self.round = round;
        changed
    }

    /// Whether a tool was taken from it, in the middle of its work.
    pub(super) fn lost(&self, tool: &str) -> Option<String> {
        let grants = &self.services.crew().0.grants;
        let taken = grants.is_taken(self.ctx.me().as_str(), tool);
        taken.then(|| format!("the tool {tool:?} was taken from this agent, and is not called"))
    }

    /// Whether it may call a tool.
    pub(super) fn has(&self, tool: &str) -> Result<(), String> {
        if self.tools.iter().any(|spec| spec.name == tool) {
            return Ok(());
        }
        let names: Vec<&str> = self.tools.iter().map(|spec| spec.name.as_str()).collect();
        let tool = super::start(tool, 64);
        Err(match names.as_slice() {
            [] => format!("there is no tool {tool:?}, and none was granted; answer"),
            names => format!(
                "there is no tool {tool:?}; granted are {}",
                names.join(", ")
            ),
        })
    }

    pub(super) fn step(&self, what: &str, turn: u32) -> String {
        format!("{}/{what}-{turn}", self.order.operation)
    }
}
