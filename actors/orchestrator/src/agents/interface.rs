//! The interface: the only door for goals, in and out.
//!
//! In: it checks what was asked and opens the conversation with a planner. Out: it lets nothing pass that does not carry the Critic's signed
//! verdict over exactly these bytes.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use aios_protocols::{
    AgentCard, Draft, Limits, Party, Performative, PrincipalKind, ProtocolName, Reason, ReasonKind,
    Sealed, Timestamp, authenticate,
};
use async_trait::async_trait;

use aios_actors::agent::{Agent, AgentError, AskError, Context, Incoming, SendError};
use aios_work::content::{Answer, GoalRequest, GoalStatus, Judgement, ontology, unhex};
use aios_work::{Goal, PlanFile};

use crate::roles;

/// What one principal may ask in the sliding window.
const GOALS_PER_WINDOW: usize = 100;
/// The sliding window of the rate limit.
const WINDOW: Duration = Duration::from_secs(60);
/// Principals whose rate is remembered; the one silent for longest makes room.
const PRINCIPALS: usize = 1_024;

/// Takes goals from outside and hands out answers.
#[derive(Default)]
pub struct Interface {
    rate: Rate,
    front: Option<Party>,
}

impl Interface {
    /// An interface nobody has spoken to yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same behind somebody who has let in whoever asks through it: what accepted goals it hands in are not one asker's, and one that was
    /// accepted does not fail because others were too.
    pub fn behind(front: Option<Party>) -> Self {
        Self {
            rate: Rate::default(),
            front,
        }
    }

    fn admits(&mut self, who: &Party, now: Timestamp) -> bool {
        self.front.as_ref() == Some(who) || self.rate.admit(who, now)
    }
}

#[async_trait]
impl Agent for Interface {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["goal".to_owned()].into();
        card.open_to.add(PrincipalKind::User);
        card.open_to.add(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let asked = goal_or_plan(&incoming)?;
        // A goal that is handed over again after a crash was counted the first time.
        if incoming.deliveries() == 1 && !self.admits(&incoming.sender, ctx.now()) {
            return Err(AgentError::refuse(
                ReasonKind::Overloaded,
                format!(
                    "more than {GOALS_PER_WINDOW} goals in {} s; wait a little",
                    WINDOW.as_secs()
                ),
            ));
        }
        let request: GoalRequest = incoming.json()?;
        of_tenant(&request.goal, ctx)?;
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let deadline = Duration::from_millis(request.deadline_ms);
            // As it came: what was looked at is what is asked.
            let draft = Draft::new(Performative::Request, incoming.content.clone())
                .protocol(ProtocolName::FipaRequest)
                .ontology(asked);
            let reply = tokio::select! {
                reply = ctx.ask(roles::PLANNER, draft, deadline) => reply,
                () = incoming.cancelled() => return Ok(()),
            };
            let reply = reply.map_err(|error| match error {
                // What the planner gave as its reason is what the asker needs to hear.
                AskError::Refused { reason, .. } | AskError::Failed { reason, .. } => {
                    AgentError::Failed(reason)
                }
                other => unplanned(&other),
            })?;
            if asked == ontology::PLAN {
                // Nothing was done, so there is nothing that a critic could have judged; what is no plan does not leave.
                let _: PlanFile = reply.content.read_json()?;
                incoming.inform(reply.content.clone())?;
                return Ok(());
            }
            let answer: Answer = reply.content.read_json()?;
            release(&answer, &request.goal, &ctx)?;
            // As it came: what was looked at is what leaves.
            incoming.inform(reply.content.clone())?;
            Ok(())
        });
        Ok(())
    }
}

/// Why the planner said nothing. That it is away or has no room passes, and whoever asks hears so.
fn unplanned(error: &AskError) -> AgentError {
    use SendError::{MailboxFull, NoReceiver, NotTaking, TooManyAsks, TooManyConversations};
    let kind = match error {
        AskError::NotSent(NoReceiver { .. } | NotTaking { .. }) | AskError::AskerStopped { .. } => {
            ReasonKind::Unavailable
        }
        AskError::NotSent(
            MailboxFull { .. } | TooManyAsks { .. } | TooManyConversations { .. },
        ) => ReasonKind::Overloaded,
        AskError::Deadline { .. } => ReasonKind::DeadlinePassed,
        _ => ReasonKind::InternalError,
    };
    AgentError::Failed(Reason::new(kind, error.to_string()))
}

/// The ontology of a request for a goal's answer or for its plan.
pub(crate) fn goal_or_plan(incoming: &Incoming) -> Result<&'static str, AgentError> {
    let asked = incoming.ontology.as_deref().unwrap_or_default();
    let known = [ontology::GOAL, ontology::PLAN].into_iter();
    known
        .filter(|_| incoming.performative == Performative::Request)
        .find(|known| *known == asked)
        .ok_or_else(|| {
            AgentError::NotUnderstood(Reason::new(
                ReasonKind::UnsupportedFunction,
                "this agent takes requests of ontology aios.goal and aios.plan",
            ))
        })
}

/// Whether a goal is of the tenant in whose name it is asked: nobody has one worked on for somebody else.
pub(crate) fn of_tenant(goal: &Goal, ctx: &Context) -> Result<(), AgentError> {
    if goal.tenant() == ctx.tenant().as_str() {
        return Ok(());
    }
    let detail = format!(
        "the goal is of tenant {}, and it is asked in the name of {}",
        goal.tenant(),
        ctx.tenant()
    );
    Err(AgentError::refuse(ReasonKind::UnsupportedValue, detail))
}

/// Whether an answer may leave: the verdict's frame is a critic's, its signature holds, and it is about exactly
/// this answer to exactly this goal.
pub(crate) fn release(answer: &Answer, goal: &Goal, ctx: &Context) -> Result<(), AgentError> {
    // A failed goal delivers no answer, so there is nothing to judge; its reason goes out.
    if answer.status == GoalStatus::Failed && answer.answer.is_empty() && answer.facts.is_empty() {
        return Ok(());
    }
    let held = |why: &str| AgentError::failure(format!("the answer is held back: {why}"));
    let frame = unhex(&answer.verdict)
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| held("it carries no verdict"))?;
    let verdict = authenticate(
        &Sealed::from_bytes(frame),
        ctx.system().key_registry().as_ref(),
        &Limits::CONTROL,
        ctx.now(),
    )
    .map_err(|refusal| held(&format!("its verdict is refused: {refusal}")))?;
    let from_critic = matches!(&verdict.sender, Party::Agent(id) if id.role() == roles::CRITIC);
    if !from_critic || verdict.performative != Performative::Inform {
        return Err(held(&format!(
            "its verdict comes from {}, not from a critic",
            verdict.sender
        )));
    }
    let judgement: Judgement = verdict.content.read_json()?;
    if judgement.digest != answer.digest() || judgement.goal_id != answer.goal_id {
        return Err(held("its verdict is about another answer"));
    }
    if judgement.goal_digest != goal.digest() {
        return Err(held("its verdict is about another question"));
    }
    if !judgement.deliverable
        || (answer.status == GoalStatus::Approved
            && !(judgement.verdict.passes() && judgement.checked))
    {
        return Err(held(&format!(
            "the critic says {}",
            judgement.verdict.as_str()
        )));
    }
    Ok(())
}

/// When each principal asked, within the window.
#[derive(Debug, Default)]
struct Rate {
    asked: HashMap<Party, VecDeque<Timestamp>>,
}

impl Rate {
    fn admit(&mut self, who: &Party, now: Timestamp) -> bool {
        if !self.asked.contains_key(who) && self.asked.len() >= PRINCIPALS {
            let silent = self
                .asked
                .iter()
                .min_by_key(|(_, times)| times.back().copied())
                .map(|(who, _)| who.clone());
            if let Some(silent) = silent {
                self.asked.remove(&silent);
            }
        }
        let times = self.asked.entry(who.clone()).or_default();
        while times
            .front()
            .is_some_and(|first| now.since(*first) >= WINDOW)
        {
            times.pop_front();
        }
        if times.len() >= GOALS_PER_WINDOW {
            return false;
        }
        times.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(1_000_000 + seconds))
    }

    fn party(name: &str) -> Party {
        format!("user:{name}@local").parse().unwrap()
    }

    #[test]
    fn the_window_slides_and_each_principal_has_its_own() {
        let mut rate = Rate::default();
        let (ann, bob) = (party("ann"), party("bob"));
        for _ in 0..GOALS_PER_WINDOW {
            assert!(rate.admit(&ann, at(0)));
        }
        assert!(!rate.admit(&ann, at(59)), "one over the limit");
        assert!(rate.admit(&bob, at(59)), "somebody else");
        assert!(rate.admit(&ann, at(60)), "the window has passed");
    }

    #[test]
    fn whoever_hands_in_the_goals_of_many_is_not_one_asker() {
        let (front, ann) = (party("front"), party("ann"));
        let mut interface = Interface::behind(Some(front.clone()));
        for _ in 0..=GOALS_PER_WINDOW {
            assert!(interface.admits(&front, at(0)));
        }
        let taken = (0..=GOALS_PER_WINDOW).filter(|_| interface.admits(&ann, at(0)));
        assert_eq!(taken.count(), GOALS_PER_WINDOW);
    }

    #[test]
    fn the_table_of_principals_is_bounded() {
        let mut rate = Rate::default();
        for at_second in 0..PRINCIPALS as u64 + 10 {
            rate.admit(&party(&format!("p{at_second}")), at(at_second));
        }
        assert_eq!(rate.asked.len(), PRINCIPALS);
    }
}
