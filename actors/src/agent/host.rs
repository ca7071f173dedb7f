//! The one ractor actor that carries any agent.
//!
//! It never runs the author's code: each turn of the agent is a task of its own that takes the agent along and gives it
//! back. So the host always hears: stop orders and kills, answers to the agent's own asks, deadlines. What a turn left
//! to report and what arrived lies in the cell; the only message to a host is [`Wake`].
//!
//! A panic, a turn past its deadline or a broken agent ends the incarnation with an error, and supervision decides. A
//! kill drops all of it where it stands. Either way the cell keeps what was not settled for the next incarnation.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aios_protocols::{AgentCard, ReasonKind};
use aios_supervisor::{Backlog, Reason};
use futures::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::backlog::{give_back, settle_all};
use super::cell::{Cell, Standing};
use super::context::panic_text;
use super::in_flight::{Entry, Inheritance, Ticket};
use super::incarnation::{Incarnation, Report};
use super::incoming::{keep_outcome, settle};
use super::mail::MailOutcome;
use super::notifier::Wake;
use super::outbox::Outbox;
use super::turn::{Maker, Turn, take_turn};
use super::unsaved::Unsaved;
use super::{Agent, AgentError, Context, Incoming, inbox, metric};
use crate::AgentSystem;
use crate::observer::Inherited;
use crate::timers::Due;

/// Frames verified before the host looks at its orders again: about a millisecond of work.
const FRAMES_PER_LOOK: usize = 32;
/// How long a successor waits for what its predecessor left running. Only a thread that blocks takes longer, and is
/// fenced off.
const LINGER: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Host;

pub(crate) struct HostArguments {
    pub(crate) system: AgentSystem,
    pub(crate) cell: Arc<Cell>,
    /// `None` for a principal's occupant: it asks and is answered, and takes nothing else.
    pub(crate) maker: Option<Maker>,
}

/// Why an incarnation ends early.
#[derive(Debug, thiserror::Error)]
enum Fall {
    #[error("the agent did not start: {0}")]
    NotStarted(String),
    #[error("the agent panicked: {0}")]
    Panicked(String),
    #[error("the agent is broken: {0}")]
    Broken(String),
    #[error("the agent hangs: its turn or job took longer than {} ms", .0.as_millis())]
    Hung(Duration),
}

/// Where the author's agent is.
enum Occupant {
    /// There is none: a principal's occupant, or the agent is not made yet, or gone.
    Empty,
    /// Here, and free.
    Idle(Box<dyn Agent>),
    /// Out on a turn.
    Busy(Errand),
}

/// What the agent is out for, as far as it matters when it is back.
#[derive(Clone, Copy)]
enum Errand {
    /// It may be another one afterwards.
    Work,
    /// It is saved.
    Saving,
    /// It begins.
    Begin,
}

pub(crate) struct HostState {
    outbox: Arc<Outbox>,
    maker: Option<Maker>,
    occupant: Occupant,
    card: Option<Arc<AgentCard>>,
    /// Taken, and to be handed over before anything new.
    queue: VecDeque<Ticket>,
    watch: Option<(Instant, AbortHandle)>,
    unsaved: Unsaved,
    /// Whether the agent has begun: a fall over what it is handed is no failed start.
    begun: bool,
    /// Whether what waits is left to a successor.
    leaving: bool,
}

impl Actor for Host {
    type Msg = Wake;
    /// Boxed: ractor moves its actors' state about, and leaves room for it in the task wherever it has been.
    type State = Box<HostState>;
    type Arguments = HostArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Wake>,
        arguments: HostArguments,
    ) -> Result<Box<HostState>, ActorProcessingErr> {
        let state = Box::new(HostState::enter(arguments, myself.clone()).await?);
        // Whatever waited in the mailbox is taken up as soon as the host runs.
        let _ = myself.send_message(Wake);
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Wake>,
        Wake: Wake,
        state: &mut Box<HostState>,
    ) -> Result<(), ActorProcessingErr> {
        Ok(state.look()?)
    }

    async fn post_stop(
        &self,
        _: ActorRef<Wake>,
        state: &mut Box<HostState>,
    ) -> Result<(), ActorProcessingErr> {
        Ok(state.leave().await?)
    }
}

impl HostState {
    /// Takes the cell over from the last incarnation and gets the agent started.
    async fn enter(arguments: HostArguments, host: ActorRef<Wake>) -> Result<Self, Fall> {
        let HostArguments {
            system,
            cell,
            maker,
        } = arguments;
        let (incarnation, last) = cell.begin();
        metrics::counter!(metric::INCARNATIONS_TOTAL, "role" => cell.tally.role().to_owned())
            .increment(1);
        let outbox = Arc::new(Outbox {
            system,
            cell,
            incarnation,
        });
        let mut state = Self {
            maker,
            occupant: Occupant::Empty,
            card: None,
            queue: VecDeque::new(),
            watch: None,
            unsaved: Unsaved::default(),
            begun: false,
            leaving: false,
            outbox,
        };
        if let Some(last) = last {
            last.end();
            if !last.ended(LINGER).await {
                tracing::warn!(agent = %state.cell().party(), "the last incarnation blocks a thread and is fenced off");
            }
        }
        state.cell().conversations.lock().hang_up_all();
        state.cell().notifier.answer();
        state.cell().notifier.attach(host);
        state.inherit();
        state.begin().await?;
        state.begun = true;
        state
            .cell()
            .set_standing(&state.outbox.incarnation, Standing::Active);
        Ok(state)
    }

    fn cell(&self) -> &Arc<Cell> {
        &self.outbox.cell
    }

    fn incarnation(&self) -> &Arc<Incarnation> {
        &self.outbox.incarnation
    }

    /// What the last incarnation had in its hands is handed over again, or given up.
    fn inherit(&mut self) {
        let inheritance = self
            .cell()
            .in_flight
            .lock()
            .inherit(self.cell().options.deliveries);
        self.tell(&inheritance);
        for entry in inheritance.poisonous {
            let reason = Reason::TooManyDeliveries {
                deliveries: entry.strikes,
            };
            let why = format!(
                "gave up after {} deliveries, each of which ended the agent",
                entry.strikes
            );
            keep_outcome(&self.outbox, &entry, MailOutcome::GivenUp(why.clone()));
            let sender = Some(entry.message.sender.as_str().into());
            self.outbox
                .system
                .dead_letter(entry.message.sealed().clone(), reason, sender);
            if entry.answer_due {
                self.outbox.conclude(&entry, &AgentError::failure(why));
            }
        }
        if !inheritance.again.is_empty() {
            let role = self.cell().tally.role().to_owned();
            metrics::counter!(metric::REDELIVERED_TOTAL, "role" => role)
                .increment(inheritance.again.len() as u64);
        }
        self.queue.extend(inheritance.again);
    }

    /// Tells whoever looks what becomes of what the last incarnation had in its hands.
    fn tell(&self, inheritance: &Inheritance) {
        let Some(observer) = self.outbox.system.observer() else {
            return;
        };
        let (again, given_up) = (&inheritance.again, &inheritance.poisonous);
        if again.is_empty() && given_up.is_empty() {
            return;
        }
        let told = Inherited::TOLD;
        let mut in_flight = self.cell().in_flight.lock();
        let kept = again.iter().take(told).filter_map(|ticket| {
            let entry = in_flight.get_mut(*ticket)?;
            Some(entry.in_hand())
        });
        let inherited = Inherited {
            again: kept.collect(),
            given_up: given_up.iter().take(told).map(Entry::in_hand).collect(),
            more: again.len().saturating_sub(told) + given_up.len().saturating_sub(told),
        };
        drop(in_flight);
        observer.inherited(self.cell().party(), inherited);
    }

    async fn begin(&mut self) -> Result<(), Fall> {
        let (Some(maker), Some(me)) = (self.maker.clone(), self.cell().party().agent().cloned())
        else {
            return Ok(());
        };
        self.send_out(None, Turn::Begin { maker, me });
        // The bell rings for what happens; an agent that hangs makes nothing happen.
        self.watch()?;
        while !matches!(self.occupant, Occupant::Idle(_)) {
            self.cell().notifier.rung().await;
            self.look()?;
        }
        Ok(())
    }

    /// Does all there is to do now; on an error the incarnation is over.
    fn look(&mut self) -> Result<(), Fall> {
        self.try_look().inspect_err(|fall| {
            tracing::warn!(agent = %self.outbox.cell.party(), %fall, "incarnation ends");
            self.outbox
                .cell
                .failed(&self.outbox.incarnation, Some(fall.to_string()));
            self.outbox.incarnation.end();
        })
    }

    fn try_look(&mut self) -> Result<(), Fall> {
        self.cell().notifier.answer();
        self.read_reports()?;
        let mut budget = FRAMES_PER_LOOK;
        self.hear(&mut budget);
        self.turn_away_displaced();
        // Before the next is taken up: one that always finds something to do would never be saved.
        let due = self.save_due().is_some_and(|due| due <= Instant::now());
        if self.incarnation().checkpoint.swap(false, Ordering::AcqRel) || due {
            self.save();
        }
        self.take_up(&mut budget);
        if budget == 0 {
            self.cell().notifier.wake();
        }
        self.watch()
    }

    fn read_reports(&mut self) -> Result<(), Fall> {
        for report in self.incarnation().take_reports() {
            let (culprit, fall) = match report {
                Report::Back(agent, saved) => {
                    match std::mem::replace(&mut self.occupant, Occupant::Idle(agent)) {
                        Occupant::Busy(Errand::Work) => self.unsaved.turn(Instant::now()),
                        Occupant::Busy(Errand::Saving) if saved => self.unsaved.saved(),
                        Occupant::Busy(Errand::Saving) => {
                            self.unsaved.not_saved(Instant::now());
                        }
                        _ => {}
                    }
                    if self.card.is_none() {
                        self.card = self.cell().says();
                    }
                    continue;
                }
                Report::NotStarted(why) => return Err(Fall::NotStarted(why)),
                Report::Panicked { with, message } => (with, Fall::Panicked(message)),
                Report::Broken { with, message } => (with, Fall::Broken(message)),
            };
            self.blame(culprit);
            return Err(fall);
        }
        Ok(())
    }

    fn blame(&self, culprit: Option<Ticket>) {
        if let Some(culprit) = culprit {
            self.cell().in_flight.lock().blame(culprit);
        }
    }

    /// Takes in what goes on with conversations. It is never left waiting: somebody may be waiting for it.
    ///
    /// Only an agent that has not yet said whom it is open to is let alone: nobody waits for anything there, and what
    /// opens a conversation could not be refused.
    fn hear(&mut self, budget: &mut usize) {
        if self.maker.is_some() && self.cell().open_to().is_none() {
            return;
        }
        while *budget > 0
            && let Some(frame) = self.cell().next_reply()
        {
            *budget -= 1;
            if let Some(ticket) = inbox::receive(&self.outbox, self.card.as_deref(), frame) {
                self.keep(ticket);
            }
        }
    }

    /// Keeps what came by the door of answers and nobody waits for. That door takes whatever it is sent, an inform that
    /// answers nothing too, so the hands it fills are counted here.
    fn keep(&mut self, ticket: Ticket) {
        let options = &self.cell().options;
        let capacity = options.in_flight + options.replies;
        let surplus = {
            let mut in_flight = self.cell().in_flight.lock();
            (in_flight.len() > capacity)
                .then(|| {
                    in_flight
                        .get_mut(ticket)
                        .map(|entry| Arc::clone(&entry.message))
                })
                .flatten()
        };
        let Some(message) = surplus else {
            self.queue.push_back(ticket);
            return;
        };
        let sender = Some(message.sender.as_str().into());
        self.outbox
            .system
            .dead_letter(message.sealed().clone(), Reason::Full { capacity }, sender);
        let why = AgentError::refuse(ReasonKind::Overloaded, "the agent has its hands full");
        settle(&self.outbox, ticket, &why);
    }

    /// Hands messages over while the agent is free.
    fn take_up(&mut self, budget: &mut usize) {
        loop {
            if matches!(self.occupant, Occupant::Empty) && self.maker.is_none() {
                self.refuse_all(budget);
                return;
            }
            if !self.begun
                || self.leaving
                || !matches!(self.occupant, Occupant::Idle(_))
                || self.cell().is_suspended()
                || !self.has_room()
            {
                return;
            }
            if let Some(ticket) = self.queue.pop_front() {
                self.hand_over(ticket);
                continue;
            }
            if let Some(due) = self.timer() {
                self.send_out(None, Turn::Timer(due));
                continue;
            }
            if *budget == 0 {
                return;
            }
            if self.take_up_left() {
                *budget -= 1;
                continue;
            }
            let Some(frame) = self.cell().next_request() else {
                return;
            };
            *budget -= 1;
            if let Some(ticket) = inbox::receive(&self.outbox, self.card.as_deref(), frame) {
                self.queue.push_back(ticket);
            }
        }
    }

    /// Takes up the next message that an earlier process left; whether there was one. One over which process after process ended is given up.
    fn take_up_left(&mut self) -> bool {
        // One that is parked does nothing: they stay for whoever can.
        let kept = (!self.cell().is_parked()).then(|| self.cell().next_left());
        let Some(kept) = kept.flatten() else {
            return false;
        };
        let Some(ticket) = inbox::receive_again(&self.outbox, self.card.as_deref(), &kept) else {
            return true;
        };
        let deliveries = self.cell().options.deliveries;
        if kept.given < deliveries {
            let role = self.cell().tally.role().to_owned();
            metrics::counter!(metric::REDELIVERED_TOTAL, "role" => role).increment(1);
            self.queue.push_back(ticket);
            return true;
        }
        tracing::error!(agent = %self.cell().party(), deliveries, "a message is given up: process after process ended over it");
        let reason = Reason::TooManyDeliveries { deliveries };
        let label = Some(self.cell().label());
        self.outbox
            .system
            .dead_letter(kept.frame.clone(), reason, label);
        let Some(entry) = self.cell().in_flight.lock().settle(ticket) else {
            return true;
        };
        let why = format!("gave up after {deliveries} deliveries, each of which ended the process");
        keep_outcome(&self.outbox, &entry, MailOutcome::GivenUp(why.clone()));
        if entry.answer_due {
            self.outbox.conclude(&entry, &AgentError::failure(why));
        }
        true
    }

    /// The next timer that is due. One that the agent has fallen over as often as over any message is given up, and said.
    fn timer(&self) -> Option<Due> {
        let me = self.cell().party().agent()?;
        loop {
            let due = self.outbox.system.timers().give(me)?;
            if due.given <= self.cell().options.deliveries {
                return Some(due);
            }
            tracing::error!(agent = %me, timer = %due.name, falls = due.given - 1, "a timer is given up: the agent falls over it again and again");
            self.outbox.timer_done(me, &due);
        }
    }

    /// Whether the agent may be sent out: jobs in its wake count, the turn itself does not.
    fn has_room(&self) -> bool {
        let options = &self.cell().options;
        self.incarnation().running() < options.jobs
            && self.cell().in_flight.lock().len() <= options.in_flight
    }

    fn hand_over(&mut self, ticket: Ticket) {
        let delivered = {
            let mut in_flight = self.cell().in_flight.lock();
            in_flight
                .deliver(ticket)
                .map(|entry| Incoming::new(entry, ticket, Arc::clone(&self.outbox)))
        };
        let Some(incoming) = delivered else {
            return;
        };
        let message = incoming.message();
        if message.performative.is_directive() && message.is_past_reply_by(self.outbox.system.now())
        {
            // It was in time when it was first taken; its sender has given up since.
            let sender = Some(message.sender.as_str().into());
            self.outbox
                .system
                .dead_letter(message.sealed().clone(), Reason::Expired, sender);
            settle(
                &self.outbox,
                ticket,
                &AgentError::failure("its reply-by has passed"),
            );
            return;
        }
        self.send_out(Some(ticket), Turn::Handle(incoming));
    }

    /// When it is to be saved though it has not asked for it.
    fn save_due(&self) -> Option<Instant> {
        let tier = self.cell().party().agent()?.tier();
        self.unsaved.due(tier).filter(|_| self.begun)
    }

    fn save(&mut self) {
        if matches!(self.occupant, Occupant::Idle(_)) {
            self.send_out(None, Turn::Checkpoint);
        } else if matches!(self.occupant, Occupant::Busy(_)) {
            // Asked for within a turn: it is done when the agent is back.
            self.incarnation().checkpoint.store(true, Ordering::Release);
        }
    }

    /// Sends the agent out on a turn.
    fn send_out(&mut self, ticket: Option<Ticket>, turn: Turn) {
        let Some(me) = self.cell().party().agent().cloned() else {
            return;
        };
        let context = Context::new(me, Arc::clone(&self.outbox));
        let errand = match &turn {
            Turn::Begin { .. } => Errand::Begin,
            Turn::Handle(_) | Turn::Timer(_) => Errand::Work,
            Turn::Checkpoint | Turn::Stop => Errand::Saving,
        };
        let agent = match std::mem::replace(&mut self.occupant, Occupant::Busy(errand)) {
            Occupant::Idle(agent) => Some(agent),
            Occupant::Empty | Occupant::Busy(_) => None,
        };
        let options = &self.cell().options;
        let allowed = match &turn {
            Turn::Begin { .. } => options.start_deadline,
            Turn::Handle(_) | Turn::Timer(_) | Turn::Checkpoint | Turn::Stop => {
                options.handler_deadline
            }
        };
        let outbox = Arc::clone(&self.outbox);
        let incarnation = Arc::clone(self.incarnation());
        incarnation.run(ticket, allowed, async move {
            let mut agent = agent;
            let took = AssertUnwindSafe(take_turn(&mut agent, turn, &context, &outbox))
                .catch_unwind()
                .await;
            let incarnation = &outbox.incarnation;
            match (took, agent) {
                (Ok(Ok(saved)), Some(agent)) => incarnation.report(Report::Back(agent, saved)),
                (Ok(Ok(_)), None) => {}
                (Ok(Err(report)), _) => incarnation.report(report),
                (Err(panic), agent) => {
                    // Before the agent is dropped: what it kept is for its successor, not for a failure.
                    incarnation.end();
                    incarnation.report(Report::Panicked {
                        with: ticket,
                        message: panic_text(&*panic),
                    });
                    drop(agent);
                }
            }
        });
    }

    /// Tells the senders of requests that gave way to newer ones.
    fn turn_away_displaced(&mut self) {
        let displaced = std::mem::take(&mut *self.cell().displaced.lock());
        for frame in displaced {
            if let Some(ticket) = inbox::receive(&self.outbox, self.card.as_deref(), frame) {
                let why =
                    AgentError::refuse(ReasonKind::Overloaded, "displaced by a newer message");
                settle(&self.outbox, ticket, &why);
            }
        }
    }

    /// A principal takes no requests.
    fn refuse_all(&mut self, budget: &mut usize) {
        let no = AgentError::refuse(
            ReasonKind::UnsupportedFunction,
            "principals are only answered",
        );
        while let Some(ticket) = self.queue.pop_front() {
            settle(&self.outbox, ticket, &no);
        }
        while *budget > 0
            && let Some(frame) = self.cell().next_request()
        {
            *budget -= 1;
            if let Some(ticket) = inbox::receive(&self.outbox, None, frame) {
                settle(&self.outbox, ticket, &no);
            }
        }
    }

    /// Ends the incarnation if something hangs; else makes sure to look again when the next deadline strikes.
    fn watch(&mut self) -> Result<(), Fall> {
        let now = Instant::now();
        let hangs = match self.incarnation().hung(now) {
            Ok(next) => next,
            Err(hung) => {
                self.blame(hung.ticket);
                return Err(Fall::Hung(hung.allowed));
            }
        };
        // Of one that is out it is looked at when it is back.
        let idle = matches!(self.occupant, Occupant::Idle(_));
        let saves = self.save_due().filter(|_| idle);
        // Nothing ticks for an agent that rests and has nothing to lose.
        let Some(next) = hangs.into_iter().chain(saves).min() else {
            self.unwatch();
            return Ok(());
        };
        // One timer watches all; it is early for most and is set again when it rings.
        if let Some((at, timer)) = &self.watch {
            if *at > now && *at <= next {
                return Ok(());
            }
            timer.abort();
        }
        let notifier = Arc::clone(&self.cell().notifier);
        let timer = tokio::spawn(async move {
            tokio::time::sleep_until(next).await;
            notifier.wake();
        });
        self.watch = Some((next, timer.abort_handle()));
        Ok(())
    }

    fn unwatch(&mut self) {
        if let Some((_, timer)) = self.watch.take() {
            timer.abort();
        }
    }

    /// An orderly stop: what runs is finished, what waits goes where the options say, the agent says goodbye.
    async fn leave(&mut self) -> Result<(), Fall> {
        self.cell()
            .set_standing(self.incarnation(), Standing::Draining);
        let backlog = self.cell().options.backlog;
        // What was said to a durable agent is for its successor, whoever is that.
        let keeps = self.cell().is_durable();
        self.leaving = keeps && backlog != Backlog::Finish;
        if backlog != Backlog::Finish && !keeps {
            self.give_back(backlog);
        }
        loop {
            self.look()?;
            let waits = backlog == Backlog::Finish
                && self.maker.is_some()
                && (!self.queue.is_empty() || self.cell().waits());
            if !waits
                && self.incarnation().running() == 0
                && !matches!(self.occupant, Occupant::Busy(_))
            {
                break;
            }
            self.cell().notifier.rung().await;
        }
        if matches!(self.occupant, Occupant::Idle(_)) {
            self.send_out(None, Turn::Stop);
            self.watch()?;
            while matches!(self.occupant, Occupant::Busy(_)) {
                self.cell().notifier.rung().await;
                self.look()?;
            }
        }
        if let Some(mail) = self.cell().mail() {
            mail.rest();
            self.cell().in_flight.lock().forgive();
            // Before the agent is dropped: what it kept to answer later stays on record.
            self.incarnation().end();
        }
        // What the agent kept to answer later is answered now, by letting go of it.
        self.occupant = Occupant::Empty;
        if !keeps {
            self.give_back(backlog);
            settle_all(&self.outbox, &stopped());
        }
        self.cell()
            .set_standing(self.incarnation(), Standing::Offline);
        self.incarnation().end();
        Ok(())
    }

    fn give_back(&mut self, backlog: Backlog) {
        let taken = self.queue.drain(..).collect();
        give_back(&self.outbox, taken, backlog, &stopped());
    }
}

fn stopped() -> AgentError {
    AgentError::refuse(
        ReasonKind::InternalError,
        "the agent stopped before it took this up",
    )
}

impl Drop for HostState {
    fn drop(&mut self) {
        // First of all: what is dropped from now on was not let go of by the author.
        self.outbox.incarnation.end();
        self.outbox.cell.failed(&self.outbox.incarnation, None);
        self.unwatch();
    }
}
