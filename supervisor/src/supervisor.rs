//! The actor around the deciding core: hears, lets [`crate::decision`] decide, and carries the plan out.
//!
//! No handler here ever waits. A start is polled once in place, which is all that most need, and goes on in a task that
//! reports by message; so does the wait for an exit that is announced but not complete. Stop orders, counts and
//! listings are therefore heard at any moment.

mod carry_out;
mod leave;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr,
    SupervisionEvent as RactorEvent, actor::ActorRuntime, concurrency::JoinHandle,
};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::{
    child_spec::{ChildSpec, StartContext, Started},
    counters::Counters,
    decision::{Action, Input, Key, Order, Outcome, Ticket},
    exit::{ExitReason, SHUTDOWN},
    fault::StartError,
    options::Options,
    order::OrderError,
    reference::SupervisorRef,
    shared::{IdMap, Live, Shared},
    spec::SupervisorSpec,
};

/// Starts trees.
#[derive(Clone, Copy, Debug)]
pub struct Supervisor;

impl Supervisor {
    /// Checks the tree, starts it, and returns when every child runs; when one does not start, those before it have
    /// been stopped again.
    pub async fn start(spec: SupervisorSpec) -> Result<SupervisorRef, StartError> {
        Self::start_with(spec, Options::default()).await
    }

    /// The same with a clock, a seed and capacities of one's own.
    pub async fn start_with(
        spec: SupervisorSpec,
        options: Options,
    ) -> Result<SupervisorRef, StartError> {
        let (supervisor, started) = Self::prepare(spec, options)?;
        started.await?;
        Ok(supervisor)
    }

    /// The same in two steps, for those who want to watch the start: the reference answers and its events flow before
    /// the future is first polled.
    pub fn prepare(
        spec: SupervisorSpec,
        options: Options,
    ) -> Result<
        (
            SupervisorRef,
            impl Future<Output = Result<(), StartError>> + Send,
        ),
        StartError,
    > {
        spec.check()?;
        let shared = Shared::root(&spec, options);
        let supervisor = SupervisorRef::new(Arc::clone(&shared));
        let started = async move {
            let (ready, outcome) = oneshot::channel();
            let arguments = Arguments {
                spec: Arc::new(spec),
                shared: Arc::clone(&shared),
                ready,
            };
            let spawned = ActorRuntime::spawn(None, SupervisorActor, arguments).await;
            let (actor, join) = match spawned {
                Ok(spawned) => spawned,
                Err(error) => return Err(why_not_spawned(error, outcome, &shared).await),
            };
            let stop_if_dropped = StopIfDropped(Some(actor.get_cell()));
            let result = until_ready(outcome, join, &shared).await.map(drop);
            stop_if_dropped.disarm();
            result
        };
        Ok((supervisor, started))
    }
}

/// Whoever starts a tree and loses interest half-way must not leave it behind.
struct StopIfDropped(Option<ActorCell>);

impl StopIfDropped {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for StopIfDropped {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            let _ = cell.send_message(Msg::Stop);
        }
    }
}

/// Starts a supervisor as a child of another.
pub(crate) async fn start_nested(
    spec: Arc<SupervisorSpec>,
    context: StartContext,
) -> Result<Started, StartError> {
    let nest = &context.nest;
    let shared = nest
        .previous
        .clone()
        .unwrap_or_else(|| nest.parent.nested(&context.id, &spec));
    let (ready, outcome) = oneshot::channel();
    let arguments = Arguments {
        spec,
        shared: Arc::clone(&shared),
        ready,
    };
    let spawned =
        ActorRuntime::spawn_linked(None, SupervisorActor, arguments, context.supervisor.clone())
            .await;
    let (actor, join) = match spawned {
        Ok(spawned) => spawned,
        Err(error) => {
            let error = why_not_spawned(error, outcome, &shared).await;
            nest.parent.forget(&shared);
            return Err(error);
        }
    };
    let cell = actor.get_cell();
    context.announce(cell.clone());
    let join = until_ready(outcome, join, &shared)
        .await
        // Children that ran before the start failed have used their generations.
        .inspect_err(|_| nest.parent.forget(&shared))?;
    Ok(Started {
        cell,
        join: Some(join),
        subtree: Some(shared),
    })
}

/// Its children may have started before it could be linked, or failed to.
async fn why_not_spawned(
    error: SpawnErr,
    mut outcome: oneshot::Receiver<Result<(), StartError>>,
    shared: &Shared,
) -> StartError {
    shared.orphans_gone().await;
    match outcome.try_recv() {
        Ok(Err(error)) => error,
        _ => error.into(),
    }
}

/// A supervisor that could not start has left completely before anybody hears of it.
async fn until_ready(
    outcome: oneshot::Receiver<Result<(), StartError>>,
    join: JoinHandle<()>,
    shared: &Shared,
) -> Result<JoinHandle<()>, StartError> {
    let error = match outcome.await {
        Ok(Ok(())) => return Ok(join),
        Ok(Err(error)) => error,
        Err(_) => StartError::Failed("killed while starting its children".into()),
    };
    let _ = join.await;
    shared.orphans_gone().await;
    Err(error)
}

/// What a supervisor's mailbox takes.
pub(crate) enum Msg {
    /// Somebody asks for something.
    Ask { request: Request, reply: Reply },
    /// Somebody asks for many children at once; they are started a few at a time.
    StartMany(Batch),
    /// A start that went on in a task is over; its outcome lies in the slot.
    StartDone { key: Key, incarnation: u64 },
    /// An actor that is not linked to us has ended; ractor did not tell.
    Ended { actor: ActorId, exit: ExitReason },
    /// What a child that has ended left behind is gone.
    Gone { key: Key, incarnation: u64 },
    /// Something may be due.
    Tick,
    /// Stop every child in reverse order, then leave.
    Stop,
}

pub(crate) enum Request {
    Start(ChildSpec),
    Order(Order<Live>),
}

pub(crate) type OrderResult = Result<Key, OrderError>;

/// Who gets an answer.
pub(crate) enum Reply {
    One(oneshot::Sender<OrderResult>),
    /// One of a batch, and its place there.
    Many(Arc<Mutex<Answers>>, usize),
}

/// Children to be started together.
pub(crate) struct Batch {
    pub(crate) specs: std::vec::IntoIter<ChildSpec>,
    pub(crate) answers: Arc<Mutex<Answers>>,
}

/// The answers to a batch; whoever asked hears when the last of them is dropped or filled in.
pub(crate) struct Answers {
    pub(crate) list: Vec<OrderResult>,
    pub(crate) reply: Option<oneshot::Sender<Vec<OrderResult>>>,
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(std::mem::take(&mut self.list));
        }
    }
}

impl Reply {
    /// An asker whose deadline has passed does not listen any more.
    pub(crate) fn send(self, answer: OrderResult) {
        match self {
            Self::One(reply) => {
                let _ = reply.send(answer);
            }
            Self::Many(answers, at) => {
                if let Some(place) = answers.lock().list.get_mut(at) {
                    *place = answer;
                }
            }
        }
    }
}

/// Children of a batch started before the mailbox is looked at again.
const AT_A_TIME: usize = 128;

struct SupervisorActor;

struct Arguments {
    spec: Arc<SupervisorSpec>,
    shared: Arc<Shared>,
    ready: oneshot::Sender<Result<(), StartError>>,
}

/// What one incarnation of a supervisor needs while it runs.
struct State {
    shared: Arc<Shared>,
    me: ActorRef<Msg>,
    ready: Option<oneshot::Sender<Result<(), StartError>>>,
    asked: IdMap<Ticket, Reply>,
    next_ticket: u64,
    inputs: VecDeque<Input<Live>>,
    actions: Vec<Action<Live>>,
    /// Exits of actors not known yet: they ended before the start that made them was reported.
    early: HashMap<ActorId, ExitReason>,
    starts_in_tasks: usize,
    timer: Option<(Duration, JoinHandle<()>)>,
    tick_queued: bool,
    /// Something happened that watchers of the record want to know.
    changed: bool,
    counters: Counters,
    outcome: Option<Outcome>,
}

/// A supervisor that gave up; its parent's policy answers.
#[derive(Debug, Error)]
#[error("gave up: {0}")]
struct GaveUp(String);

impl Actor for SupervisorActor {
    type Msg = Msg;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        me: ActorRef<Msg>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments {
            spec,
            shared,
            ready,
        } = arguments;
        shared.open(&spec, me.get_cell());
        let mut state = State {
            counters: Counters::new(&shared.path),
            shared,
            me,
            ready: Some(ready),
            asked: IdMap::default(),
            next_ticket: 0,
            inputs: VecDeque::new(),
            actions: Vec::new(),
            early: HashMap::new(),
            starts_in_tasks: 0,
            timer: None,
            tick_queued: false,
            changed: false,
            outcome: None,
        };
        if boots_in_place(&state.shared.path) {
            state.boot().await;
            // Nobody is up and nobody has to be waited for: the start has failed here and now.
            if let Some(failure) = state.outcome.as_ref().and_then(Outcome::failure) {
                return Err(Box::new(GaveUp(failure)));
            }
        }
        Ok(state)
    }

    async fn post_start(
        &self,
        _: ActorRef<Msg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if !boots_in_place(&state.shared.path) {
            state.boot().await;
        }
        state.leave_if_done()
    }

    async fn handle(
        &self,
        _: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Ask { request, reply } => state.hear(request, reply),
            Msg::StartMany(batch) => {
                state.start_some(batch).await;
                return state.leave_if_done();
            }
            Msg::StartDone { key, incarnation } => state.start_done(key, incarnation),
            Msg::Ended { actor, exit } => state.exit_heard(actor, exit),
            Msg::Gone { key, incarnation } => state.gone(key, incarnation),
            Msg::Tick => {
                state.tick_queued = false;
                state.inputs.push_back(Input::Tick);
            }
            Msg::Stop => state.inputs.push_back(Input::Stop),
        }
        state.carry_out().await;
        state.leave_if_done()
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Msg>,
        event: RactorEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some((actor, exit)) = ExitReason::read(event) {
            state.exit_heard(actor, exit);
            state.carry_out().await;
        }
        state.leave_if_done()
    }

    /// Reached with children still alive only when somebody stopped this actor by ractor's own means.
    async fn post_stop(
        &self,
        _: ActorRef<Msg>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.leave_by_hand().await;
        state.shared.shut();
        Ok(())
    }
}

/// Whether a supervisor starts its children where its own parent starts it: then a tree whose starts are quick is up
/// before the parent does anything else, as in OTP. Each level needs some of the thread's stack, so very deep down a
/// supervisor starts them from its own task.
fn boots_in_place(path: &str) -> bool {
    path.matches('/').count() < 32
}

impl State {
    async fn boot(&mut self) {
        self.inputs.push_back(Input::Boot);
        self.carry_out().await;
    }

    fn hear(&mut self, request: Request, reply: Reply) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.asked.insert(ticket, reply);
        let order = match request {
            Request::Start(spec) => Order::Start {
                id: Arc::clone(&spec.id),
                policy: Arc::clone(&spec.policy),
                live: Live::new(spec),
            },
            Request::Order(order) => order,
        };
        self.inputs.push_back(Input::Order { order, ticket });
    }

    async fn start_some(&mut self, mut batch: Batch) {
        let total = batch.answers.lock().list.len();
        if batch.specs.len() == total {
            self.shared.book.lock().reserve(total);
        }
        for _ in 0..AT_A_TIME {
            let at = total - batch.specs.len();
            let Some(spec) = batch.specs.next() else {
                break;
            };
            self.hear(
                Request::Start(spec),
                Reply::Many(Arc::clone(&batch.answers), at),
            );
            self.work().await;
        }
        self.settle();
        if batch.specs.len() > 0 {
            let _ = self.me.send_message(Msg::StartMany(batch));
        }
    }

    fn leave_if_done(&mut self) -> Result<(), ActorProcessingErr> {
        match self.outcome.take().map(|outcome| outcome.failure()) {
            None => Ok(()),
            Some(None) => {
                self.me.stop(Some(SHUTDOWN.to_string()));
                Ok(())
            }
            Some(Some(failure)) => Err(Box::new(GaveUp(failure))),
        }
    }
}

impl Drop for State {
    /// However the actor went, killed included, what is left is on record and no asker waits in vain.
    fn drop(&mut self) {
        if let Some((_, timer)) = self.timer.take() {
            timer.abort();
        }
        self.shared.shut();
    }
}
