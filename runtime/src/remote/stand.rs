//! One agent in another process, as the node has it: its place among the agents, what is under way to it, who is connected, and the
//! actor that lives as long as its connection does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::is_private;
use aios_actors::outside::{Letter, StandIn};
use aios_control::remote::{Hello, Reach, ToAgent, Welcome};
use aios_control::{ControlError, ErrorKind};
use aios_orchestrator::crew::Member;
use aios_protocols::{AgentCard, PrincipalKind, Reason, ReasonKind, Sealed};
use aios_work::content::ontology;
use parking_lot::Mutex;
use ractor::ActorRef;
use tokio::sync::Notify;

use super::body::Msg;
use super::link::{Arrived, Link, Phase, Said, UNACKNOWLEDGED};
use super::often::Often;

/// Refusals that wait to be told; whoever provokes more is not told of each.
const TOLD: usize = 64;

/// See the module.
pub(crate) struct Stand {
    place: StandIn,
    member: Arc<Member>,
    /// Its charter as it was handed in, for the agent to read.
    charter: String,
    tenant: String,
    /// How long it may be away.
    window: Duration,
    inside: Mutex<Inside>,
    /// Rings for whoever carries: something else than a frame is to be said, or the connection is over.
    bell: Notify,
}

struct Inside {
    link: Link,
    reach: Reach,
    often: Often,
    /// To be told to who is connected.
    told: VecDeque<ToAgent>,
    /// Why the last connection was ended from here.
    bye: Option<ControlError>,
    body: Option<ActorRef<Msg>>,
}

impl Stand {
    pub(super) fn new(
        place: StandIn,
        member: Arc<Member>,
        charter: String,
        tenant: String,
        window: Duration,
        deliveries: u32,
    ) -> Self {
        Self {
            inside: Mutex::new(Inside {
                link: Link::new(deliveries),
                reach: Reach::Remote,
                often: Often::default(),
                told: VecDeque::new(),
                bye: None,
                body: None,
            }),
            place,
            member,
            charter,
            tenant,
            window,
            bell: Notify::new(),
        }
    }

    pub(super) fn place(&self) -> &StandIn {
        &self.place
    }

    pub(super) fn member(&self) -> &Arc<Member> {
        &self.member
    }

    pub(super) fn window(&self) -> Duration {
        self.window
    }

    pub(super) fn welcome(&self) -> Welcome {
        Welcome {
            agent: self.place.id().to_string(),
            tenant: self.tenant.clone(),
            window_ms: u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX),
            unacknowledged: UNACKNOWLEDGED,
            charter: self.charter.clone(),
        }
    }

    /// What it shows in the tree.
    pub(super) fn note(&self) -> String {
        let inside = self.inside.lock();
        let held = inside.link.held();
        match inside.link.phase() {
            Phase::Here(_) => format!("in another process, connected, {held} under way"),
            Phase::Away => format!("in another process, away, {held} under way"),
            Phase::Gone => "in another process, gone".to_owned(),
        }
    }

    /// The agent has come, and has proven to be it. Returns the number of its connection.
    pub(super) fn arrive(&self, hello: &Hello, reach: Reach) -> Result<u64, ControlError> {
        let mut inside = self.inside.lock();
        if let Err(wait) = inside.often.take(tokio::time::Instant::now()) {
            return Err(ControlError::new(
                ErrorKind::Busy,
                format!("{} comes and goes too often", self.place.id()),
            )
            .advise(format!("come again in {} s", wait.as_secs() + 1)));
        }
        let Some(arrived) = inside.link.arrive(hello.resumes) else {
            return Err(gone(&self.place));
        };
        let Arrived {
            session,
            displaced,
            given_up,
        } = arrived;
        inside.reach = reach;
        // Before anything is handed out: whom it is open to is asked of every frame.
        self.place.introduce(card(&self.place, &self.member, hello));
        inside.told.clear();
        inside.bye = None;
        // A process that begins anew is another life; one that only took another connection goes on.
        let tell = match (displaced, hello.resumes) {
            (Some(last), None) => Msg::Lost(last),
            _ => Msg::Here(session),
        };
        if let Some(body) = &inside.body {
            let _ = body.send_message(tell);
        }
        drop(inside);
        self.bell.notify_waiters();
        for letter in given_up {
            let why = "it was handed over as often as it may be, and each time its receiver fell";
            self.place
                .not_delivered(&letter, Reason::new(ReasonKind::InternalError, why));
        }
        Ok(session)
    }

    /// The actor that lives for it now; returns the connection that there is, if there is one.
    pub(super) fn embody(&self, body: ActorRef<Msg>) -> Option<u64> {
        let mut inside = self.inside.lock();
        inside.body = Some(body);
        let session = session(&inside.link);
        if session.is_some() {
            self.place.up();
        }
        session
    }

    /// The agent is active as long as it is there.
    pub(super) fn look(&self) {
        let inside = self.inside.lock();
        if session(&inside.link).is_some() {
            self.place.up();
        }
    }

    /// A connection is lost.
    pub(super) fn lost(&self, session: u64) {
        let inside = &mut *self.inside.lock();
        if inside.link.lose(session) {
            self.place.down("its connection is lost");
            if let Some(body) = &inside.body {
                let _ = body.send_message(Msg::Lost(session));
            }
        }
    }

    /// The actor has ended: so has the connection that it lived for.
    pub(super) fn disembody(&self, session: Option<u64>, why: &str) {
        let inside = &mut *self.inside.lock();
        if let Some(session) = session
            && inside.link.lose(session)
        {
            inside.bye =
                Some(ControlError::new(ErrorKind::Unavailable, why).advise(
                    "come again; what you were handed and have not answered is still yours",
                ));
        }
        self.place.down(why);
        self.bell.notify_waiters();
    }

    /// It was away for too long: whoever waits for it hears so, and nothing waits any more.
    pub(super) fn give_up(&self) {
        let letters = self.inside.lock().link.give_up();
        let sentence = format!(
            "{} runs in another process and was not connected within {} ms",
            self.place.id(),
            self.window.as_millis()
        );
        let waiting = self.place.waiting();
        self.refuse(letters, waiting, &sentence);
    }

    /// It will not come any more.
    pub(super) fn end(&self) {
        let letters = {
            let inside = &mut *self.inside.lock();
            inside.bye = Some(gone(&self.place));
            inside.body = None;
            inside.link.end().1
        };
        self.bell.notify_waiters();
        let sentence = format!("{} will not come back", self.place.id());
        // Left first, so that nothing comes in behind what is handed out.
        let waiting = self.place.leave();
        self.refuse(letters, waiting, &sentence);
    }

    fn refuse(&self, letters: Vec<Letter>, waiting: Vec<Sealed>, sentence: &str) {
        let why = || Reason::new(ReasonKind::Unavailable, sentence);
        for letter in letters {
            self.place.not_delivered(&letter, why());
        }
        for frame in waiting {
            self.place.returned(&frame, why());
        }
    }

    /// What is to be said over a connection next; none when that is over.
    pub(super) async fn next(&self, own: u64, over: &mut bool) -> Option<ToAgent> {
        loop {
            // Before the look, so that nothing that happens in between is missed.
            let mut rung = std::pin::pin!(self.bell.notified());
            rung.as_mut().enable();
            if *over {
                return None;
            }
            if let Some(said) = self.now(own, over) {
                if *over {
                    // What woke this one may have been meant for the one that took its place.
                    self.bell.notify_waiters();
                }
                return Some(said);
            }
            tokio::select! {
                () = rung.as_mut() => {}
                () = self.place.rung() => {}
            }
        }
    }

    fn now(&self, own: u64, over: &mut bool) -> Option<ToAgent> {
        let mut inside = self.inside.lock();
        if inside.link.phase() != Phase::Here(own) {
            *over = true;
            let displaced = || {
                let sentence = "another connection of this agent has taken the place of this one";
                ControlError::new(ErrorKind::Conflict, sentence)
            };
            // What is said to the last one is meant for it, unless there is another by now.
            let bye = match inside.link.phase() {
                Phase::Here(_) => displaced(),
                Phase::Away | Phase::Gone => inside.bye.clone().unwrap_or_else(displaced),
            };
            return Some(ToAgent::Bye(bye));
        }
        if let Some(told) = inside.told.pop_front() {
            return Some(told);
        }
        let now = self.place.now();
        for letter in inside.link.expire(now) {
            self.place.expired(&letter);
        }
        loop {
            if let Some((number, letter)) = inside.link.next() {
                return Some(ToAgent::Frame {
                    number,
                    frame: letter.frame,
                    key: letter.key,
                });
            }
            if !inside.link.has_room() {
                return None;
            }
            let letter = self.place.next()?;
            if inside.reach == Reach::Remote && is_private(&letter.message) {
                let why = "what it says may not leave this machine, and its receiver is on another";
                self.place
                    .not_delivered(&letter, Reason::new(ReasonKind::Unauthorised, why));
                continue;
            }
            inside.link.offer(letter, now);
        }
    }

    /// The agent has frames.
    pub(super) fn ack(&self, own: u64, number: u64) {
        let mut inside = self.inside.lock();
        if inside.link.phase() != Phase::Here(own) {
            return;
        }
        if !inside.link.ack(number) {
            drop(inside);
            let message = format!("frame {number} was never sent and cannot be acknowledged");
            self.refused("bad-ack", ControlError::invalid(message));
            return;
        }
        drop(inside);
        // There may be room again.
        self.bell.notify_waiters();
    }

    /// The agent says something.
    pub(super) async fn heard(&self, own: u64, frame: Sealed) {
        let message = match self.place.heard(&frame) {
            Ok(message) => message,
            Err(refusal) => {
                let error = ControlError::new(ErrorKind::Invalid, refusal.to_string());
                self.tell(refusal.label(), error);
                return;
            }
        };
        let said = {
            let mut inside = self.inside.lock();
            if inside.link.phase() != Phase::Here(own) {
                return;
            }
            inside.link.heard(&message)
        };
        let opens = match said {
            Said::Opens => true,
            Said::GoesOn => false,
            Said::Again => {
                let message = format!("message {} was said before", message.id());
                self.refused("replayed", ControlError::new(ErrorKind::Conflict, message));
                return;
            }
        };
        for unreached in self.place.hand_over(&message, &frame, opens).await {
            let error = ControlError::new(ErrorKind::Unknown, unreached.why.to_string());
            self.tell("not-delivered", error);
        }
        // What was answered makes room.
        self.bell.notify_waiters();
    }

    /// Counts and tells.
    pub(super) fn refused(&self, label: &'static str, error: ControlError) {
        self.place.refused(label, error.message.clone());
        self.tell(label, error);
    }

    fn tell(&self, label: &str, error: ControlError) {
        let mut inside = self.inside.lock();
        if inside.told.len() < TOLD {
            inside.told.push_back(ToAgent::Refused {
                label: label.to_owned(),
                error,
            });
        }
        drop(inside);
        self.bell.notify_waiters();
    }
}

fn session(link: &Link) -> Option<u64> {
    match link.phase() {
        Phase::Here(session) => Some(session),
        Phase::Away | Phase::Gone => None,
    }
}

fn gone(place: &StandIn) -> ControlError {
    ControlError::unknown(format!("{} is not expected any more", place.id()))
        .advise("have an operator spawn it again, with `aios agent spawn FILE --key KEY`")
}

/// What is said of it to others: what its charter says, and of its code what it says itself.
fn card(place: &StandIn, member: &Member, hello: &Hello) -> AgentCard {
    let charter = member.charter();
    let mut card = AgentCard::new(place.id().clone());
    card.description = charter.description.clone();
    card.skills = charter.skills().map(str::to_owned).collect();
    card.domains = charter.domains.iter().cloned().collect();
    card.ontologies = [ontology::AGENT.to_owned()].into();
    card.open_to.add(PrincipalKind::User);
    card.open_to.add(PrincipalKind::Service);
    if !hello.version.is_empty() {
        card.version = hello.version.clone();
    }
    card.models = hello.models.iter().cloned().collect();
    // What an agent says of itself is checked when it comes; what is wrong is not said of it.
    if card.check().is_err() {
        card.version = AgentCard::new(place.id().clone()).version;
        card.models.clear();
    }
    card
}
