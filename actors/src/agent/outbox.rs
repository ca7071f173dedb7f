//! The door out: every message is stamped, signed, checked against its own conversation and routed here.

use std::sync::Arc;
use std::time::Duration;

use aios_protocols::{
    AgentId, Content, ConversationId, Draft, Message, Party, Performative, Reason, ReasonKind,
    Sealed, Trusted,
};
use tokio::sync::mpsc;

use super::cell::{Cell, Lane};
use super::conversations::ReplySender;
use super::dialogue::{Dialogue, Line};
use super::error::outcome;
use super::in_flight::Entry;
use super::incarnation::Incarnation;
use super::{Address, AgentError, AskError, SendError};
use crate::AgentSystem;
use crate::observer::{MessageSeen, Step};
use crate::recovery::Waiter;
use crate::timers::Due;

/// What one leg of an ask can hold before the asker looks: an agree and the answer, twice over.
const ANSWERS: usize = 4;

/// An ask under way. Let go of before its answer is there, it is taken back, so that nobody works for nothing.
struct Asked(Option<Dialogue>);

impl Asked {
    fn conversation(&self) -> Option<ConversationId> {
        self.0.as_ref().map(Dialogue::id)
    }

    async fn hear(&mut self) -> Option<Trusted> {
        self.0.as_mut()?.hear().await
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // An agent that has fallen takes nothing back: its successor asks again and finds the work begun.
        if let Some(dialogue) = &self.0 {
            let _ = dialogue.cancel();
        }
    }
}

/// Speaks for one incarnation. When that is over it is mute.
pub(crate) struct Outbox {
    pub(crate) system: AgentSystem,
    pub(crate) cell: Arc<Cell>,
    pub(crate) incarnation: Arc<Incarnation>,
}

impl Outbox {
    pub(crate) fn find(&self, address: &Address) -> Result<Arc<Cell>, SendError> {
        let found = self.system.directory().find(address, self.cell.party());
        let found = found.or_else(|| match address {
            Address::Party(party) => self.system.wake(party.agent()?),
            Address::Role(_) => None,
        });
        found.ok_or_else(|| SendError::NoReceiver {
            address: address.to_string(),
        })
    }

    /// Whoever is on its way to sleep is left to it: what is said comes after, and wakes it.
    async fn let_sleep(&self, parties: impl IntoIterator<Item = &Party>) {
        let Some(dormitory) = self.system.dormitory() else {
            return;
        };
        for party in parties {
            dormitory.left(party).await;
        }
    }

    /// Whether nobody was reached because of an agent that fell asleep in that moment.
    fn fell_asleep(&self, error: &SendError) -> bool {
        match (self.system.dormitory(), error) {
            (Some(dormitory), SendError::NotTaking { to, .. }) => {
                dormitory.is_leaving(to) || self.system.directory().get(to).is_none()
            }
            _ => false,
        }
    }

    /// An agent has handled a timer.
    pub(crate) fn timer_done(&self, me: &AgentId, due: &Due) {
        let (timers, store) = (self.system.timers(), self.system.store());
        if let Err(error) = timers.done(store.as_ref(), me, &due.name, due.at_us) {
            tracing::warn!(agent = %me, timer = %due.name, %error, "a timer that was handled is still on record");
        }
    }

    /// Stamps and signs.
    pub(crate) fn seal(&self, draft: Draft) -> Result<(Message, Sealed), SendError> {
        if self.incarnation.is_over() {
            return Err(SendError::Over);
        }
        let (message, identity) = self.cell.stamp(draft, self.system.now())?;
        let frame = identity
            .seal(&message, self.cell.limits)
            .map_err(aios_protocols::SealError::from)?;
        Ok((message, frame))
    }

    /// Takes note of what goes out to these. Of a receiver that is not among them only the tiers are known, and it
    /// refuses itself what it is not open to.
    fn note(
        &self,
        message: &Message,
        reply_sender: Option<ReplySender>,
        to: &[Arc<Cell>],
    ) -> Result<aios_protocols::conversation::Step, SendError> {
        let open_to = |party: &Party| to.iter().find(|cell| cell.party() == party)?.open_to();
        self.cell.conversations.lock().send(
            self.cell.party(),
            message,
            self.system.now(),
            reply_sender,
            open_to,
        )
    }

    async fn deliver(
        &self,
        to: &Cell,
        opened: bool,
        message: &Message,
        frame: &Sealed,
    ) -> Result<(), SendError> {
        let lane = if opened { Lane::Request } else { Lane::Reply };
        to.offer(lane, frame.clone(), Some(self.cell.label()))
            .await?;
        self.sent(message, to.party());
        Ok(())
    }

    fn sent(&self, message: &Message, receiver: &Party) {
        self.cell.tally.sent();
        if let Some(observer) = self.system.looking() {
            let now = self.system.now();
            observer.message(MessageSeen::of(message, receiver, Step::Sent, now));
        }
    }

    /// Sends to all the draft names. What reaches nobody is an error and was never said.
    pub(crate) async fn tell(&self, draft: Draft) -> Result<(), SendError> {
        self.let_sleep(draft.receivers()).await;
        let told = self.told(draft.clone()).await;
        match told {
            Err(error) if self.fell_asleep(&error) => {
                self.let_sleep(draft.receivers()).await;
                self.told(draft).await
            }
            told => told,
        }
    }

    async fn told(&self, draft: Draft) -> Result<(), SendError> {
        let mut to = Vec::with_capacity(draft.receivers().len());
        for party in draft.receivers() {
            to.push(self.find(&party.into())?);
        }
        let (message, frame) = self.seal(draft)?;
        let step = self.note(&message, None, &to)?;
        let mut result = Ok(());
        let mut unreached = Vec::new();
        for cell in &to {
            if let Err(error) = self.deliver(cell, step.opened, &message, &frame).await {
                unreached.push(cell.party().clone());
                result = Err(error);
            }
        }
        if !unreached.is_empty() && step.opened {
            self.cell.conversations.lock().unsay(&step.key, &unreached);
        }
        if unreached.len() < to.len() {
            Ok(())
        } else {
            result
        }
    }

    /// Opens a conversation, or goes on with one, and listens to what the others say in it.
    pub(crate) async fn open(
        self: &Arc<Self>,
        draft: Draft,
        places: usize,
    ) -> Result<Dialogue, SendError> {
        self.let_sleep(draft.receivers()).await;
        let opened = self.opened(draft.clone(), places).await;
        match opened {
            Err(error) if self.fell_asleep(&error) => {
                self.let_sleep(draft.receivers()).await;
                self.opened(draft, places).await
            }
            opened => opened,
        }
    }

    async fn opened(self: &Arc<Self>, draft: Draft, places: usize) -> Result<Dialogue, SendError> {
        let mut to = Vec::with_capacity(draft.receivers().len());
        for party in draft.receivers() {
            to.push(self.find(&party.into())?);
        }
        let (message, frame) = self.seal(draft)?;
        let (reply_sender, heard) = mpsc::channel(places.max(1));
        let step = self.note(&message, Some(reply_sender), &to)?;
        let line = Line::new(Arc::clone(&self.cell), step.key.clone());
        let mut unreached = Vec::new();
        for cell in &to {
            if let Err(error) = self.deliver(cell, step.opened, &message, &frame).await {
                unreached.push((cell.party().clone(), error));
            }
        }
        if !unreached.is_empty() && step.opened {
            let parties: Vec<Party> = unreached.iter().map(|(party, _)| party.clone()).collect();
            line.unsay(&parties);
        }
        if unreached.len() == to.len() {
            // What was said before goes on; an opening that reached nobody is unsaid already.
            line.let_go();
            return Err(match unreached.pop() {
                Some((_, error)) => error,
                None => SendError::NoReceiver {
                    address: String::new(),
                },
            });
        }
        Ok(Dialogue::new(
            Arc::clone(self),
            line,
            heard,
            message,
            unreached,
        ))
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        to: &Address,
        draft: Draft,
        deadline: Duration,
        waiter: Option<Waiter>,
    ) -> Result<Trusted, AskError> {
        let receiver = self.find(to)?.party().clone();
        let draft = draft.to(&receiver);
        if draft.receivers().len() != 1 {
            return Err(SendError::NotOneReceiver {
                asked: draft.receivers().len(),
            }
            .into());
        }
        let draft = match draft.latest_reply() {
            Some(_) => draft,
            None => draft.reply_by(self.system.now() + deadline),
        };
        let answered = tokio::time::timeout(deadline, async {
            let mut asked = Asked(Some(self.open(draft, ANSWERS).await?));
            // Ends with the ask, however that ends.
            let _waiting = waiter
                .zip(asked.conversation())
                .map(|(waiter, conversation)| {
                    let system = &self.system;
                    system
                        .waits()
                        .begin(waiter, &receiver, conversation, system.now(), deadline)
                });
            loop {
                match asked.hear().await {
                    // A promise; the answer is still to come.
                    Some(said) if said.performative == Performative::Agree => {}
                    Some(said) => {
                        // A proposal, for one, leaves something to be said.
                        if let Some(dialogue) = asked.0.take() {
                            dialogue.let_go();
                        }
                        return outcome(said);
                    }
                    None => {
                        asked.0 = None;
                        return Err(AskError::AskerStopped {
                            to: receiver.clone(),
                        });
                    }
                }
            }
        })
        .await;
        answered.unwrap_or_else(|_| {
            Err(AskError::Deadline {
                to: receiver,
                after: deadline,
            })
        })
    }

    /// Goes on with a conversation at once, without waiting for a place. What cannot be delivered is a dead letter.
    pub(crate) fn answer(&self, draft: Draft) -> Result<(), SendError> {
        self.answer_once(draft, |_| Ok(()))
    }

    /// The same, with something to be done between the moment from which it counts as said and the moment in which it leaves. On an error
    /// of that nothing leaves.
    pub(crate) fn answer_once(
        &self,
        draft: Draft,
        before: impl FnOnce(&Self) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let (message, frame) = self.seal(draft)?;
        self.note(&message, None, &[])?;
        before(self)?;
        self.hand_over(&message, &frame)
    }

    /// Says why a message was not admitted. It stands outside of conversations, since the refused one never was part
    /// of any.
    pub(crate) fn protest(&self, draft: Draft) {
        if let Ok((message, frame)) = self.seal(draft) {
            let _ = self.hand_over(&message, &frame);
        }
    }

    fn hand_over(&self, message: &Message, frame: &Sealed) -> Result<(), SendError> {
        let mut result = Ok(());
        for party in &message.receivers {
            let handed = match self.find(&party.into()) {
                Ok(cell) => cell.offer_reply(frame.clone(), Some(self.cell.label())),
                Err(nobody) => {
                    self.system.dead_letter(
                        frame.clone(),
                        aios_supervisor::Reason::Closed,
                        Some(self.cell.label()),
                    );
                    Err(nobody)
                }
            };
            match handed {
                Ok(()) => self.sent(message, party),
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Ends this agent's part in a conversation with bad news, by the act that fits and is allowed there.
    pub(crate) fn conclude(&self, entry: &Entry, error: &AgentError) {
        use Performative::{Failure, NotUnderstood, Refuse, RejectProposal};
        let (first, reason) = match error {
            AgentError::Refused(reason) => (Refuse, reason.clone()),
            AgentError::Failed(reason) => (Failure, reason.clone()),
            AgentError::NotUnderstood(reason) => (NotUnderstood, reason.clone()),
            AgentError::Broken(why) => {
                (Failure, Reason::new(ReasonKind::InternalError, why.clone()))
            }
        };
        let content = Content::from(reason);
        let (message, key) = (&entry.message, &entry.conversation);
        for act in [first, Failure, Refuse, RejectProposal, NotUnderstood] {
            let allowed = self
                .cell
                .conversations
                .lock()
                .expects(key, self.cell.party(), act);
            if allowed {
                if let Err(error) = self.answer(message.reply(act, content)) {
                    tracing::debug!(agent = %self.cell.party(), %error, "bad news did not reach the sender");
                }
                return;
            }
        }
    }
}
