//! What agents and their world tell as it passes by.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aios_actors::agent::AuditEntry;
use aios_actors::recovery::Approval;
use aios_actors::{Inherited, MessageSeen, Observer, Remains, SpanSeen, Spending, Step};
use aios_control::{
    ApprovalHappened, BudgetHappened, EventKind, Happened, Held, InHand, MessageHappened,
};
use aios_protocols::Party;
use aios_supervisor::DeadLetter;

use super::choice::Choice;
use super::{HEIRS, Lookout, letters};

/// A message as it passes by, and the goal that it is said for.
#[derive(Debug)]
pub(crate) struct Passing {
    seen: MessageSeen,
    goal: Option<Arc<str>>,
}

impl Passing {
    /// Whether a watch asks for it, found out without putting it into words.
    pub(super) fn is_wanted(&self, choice: &Choice) -> bool {
        let Self { seen, goal } = self;
        let watch = &choice.watch;
        watch.wants(EventKind::Message)
            && { watch.goal_id.as_deref() }.is_none_or(|wanted| goal.as_deref() == Some(wanted))
            && choice.has_conversation(&seen.conversation)
            && watch.wants_any_of([seen.receiver.as_str(), seen.sender.as_str()])
    }
}

impl From<&Passing> for MessageHappened {
    fn from(passing: &Passing) -> Self {
        let Passing { seen, goal } = passing;
        Self {
            at: seen.at.to_string(),
            what: match seen.step {
                Step::Sent => "sent",
                Step::Verified => "verified",
            }
            .to_owned(),
            message: Some(seen.id.to_string()),
            act: Some(seen.act.as_str().to_owned()),
            sender: Some(seen.sender.to_string()),
            receiver: seen.receiver.to_string(),
            conversation: Some(seen.conversation.to_string()),
            protocol: seen.protocol.map(|protocol| protocol.as_str().to_owned()),
            reply_by: seen.reply_by.map(|at| at.to_string()),
            content_bytes: seen.content_bytes as u64,
            trace_id: seen.trace.map(|trace| hex(trace.trace_id())),
            goal_id: goal.as_ref().map(ToString::to_string),
            label: None,
            why: None,
        }
    }
}

impl Observer for Lookout {
    fn looks(&self) -> bool {
        self.on.load(Ordering::Relaxed) && self.notes()
    }

    fn message(&self, seen: MessageSeen) {
        if self.rests() {
            return;
        }
        let goal = self.goal_of(seen.trace.as_ref());
        let passing = Passing { seen, goal };
        // In a flood only what somebody looks for is noted.
        if self.is_flooded() && !self.rings().is_looked_for(&passing) {
            self.let_pass.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.pass(passing);
    }

    fn inherited(&self, agent: &Party, inherited: Inherited) {
        let told = in_hand(inherited);
        let mut heirs = self.heirs.lock();
        if heirs.len() < HEIRS {
            heirs.insert(agent.to_string(), told);
        }
    }

    fn dead_letter(&self, letter: &DeadLetter<Remains>) {
        self.note(Happened::DeadLetter(letters::in_passing(letter)));
    }

    fn audited(&self, entry: &AuditEntry) {
        let line = self.trail.lock().refuse(entry);
        self.entered();
        if let Some(message) = &entry.message
            && self.on.load(Ordering::Relaxed)
        {
            self.note(Happened::Message(MessageHappened {
                at: entry.at.to_string(),
                what: "refused".to_owned(),
                message: Some(message.id.to_string()),
                act: Some(message.performative.as_str().to_owned()),
                sender: entry.from.as_ref().map(ToString::to_string),
                receiver: entry.by.to_string(),
                conversation: Some(message.conversation.to_string()),
                protocol: None,
                reply_by: None,
                content_bytes: 0,
                trace_id: None,
                goal_id: None,
                label: Some(entry.label.to_owned()),
                why: Some(entry.reason.clone()),
            }));
        }
        self.note(Happened::Audit(line));
    }

    fn approval(&self, approval: &Approval) {
        self.note(Happened::Approval(ApprovalHappened {
            at: self.at(),
            approval: approval.id.clone(),
            goal_id: approval.goal.clone(),
            question: approval.question.clone(),
            status: approval.status.as_str().to_owned(),
            decided_by: approval.decided_by.clone(),
        }));
    }

    fn traces(&self) -> bool {
        self.is_traced()
    }

    fn span(&self, span: SpanSeen) {
        self.handed_in(span);
    }

    fn spent(&self, spending: &Spending<'_>) {
        let Spending {
            agent,
            operation,
            status,
            spent,
        } = *spending;
        self.note(Happened::Budget(BudgetHappened {
            at: self.at(),
            agent: agent.to_owned(),
            operation: operation.to_owned(),
            status: status.to_owned(),
            tokens: spent.tokens,
            money_micros: spent.money_micros,
            calls: spent.calls,
        }));
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn in_hand(inherited: Inherited) -> InHand {
    let held = |one: aios_actors::InHand| Held {
        message: one.id.to_string(),
        act: one.act.as_str().to_owned(),
        sender: one.sender.to_string(),
        conversation: one.conversation.to_string(),
        deliveries: one.deliveries,
    };
    InHand {
        again: inherited.again.into_iter().map(held).collect(),
        given_up: inherited.given_up.into_iter().map(held).collect(),
        more: inherited.more as u64,
    }
}
