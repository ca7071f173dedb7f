//! How the rest of the world holds a supervisor and its children: handles that survive restarts.

use std::{fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use ractor::{ActorCell, ActorRef, Message};
use thiserror::Error;
use tokio::sync::{broadcast, oneshot};

use crate::{
    child_spec::ChildSpec,
    decision::{Key, Order},
    events::SupervisionEvent,
    order::OrderError,
    policy::Policy,
    shared::Shared,
    snapshot::{ChildCounts, ChildState, ChildView, SupervisorState, TreeView},
    spec::check_child,
    strategy::Strategy,
    supervisor::{Answers, Batch, Msg, Reply, Request},
};

/// Children a view lists per supervisor unless told otherwise.
const VIEW_LIMIT: usize = 1_000;

/// A supervisor, across its incarnations. Cheap to clone.
///
/// Reading (children, counts, views, handles) never waits; an order waits for its answer at most as long as
/// [`Options::ask_deadline`](crate::Options::ask_deadline) or [`SupervisorRef::with_deadline`] say.
#[derive(Clone)]
pub struct SupervisorRef {
    pub(crate) shared: Arc<Shared>,
    deadline: Duration,
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SupervisorRef")
            .field(&self.shared.path)
            .finish()
    }
}

impl SupervisorRef {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let deadline = shared.env.options.ask_deadline;
        Self { shared, deadline }
    }

    /// The same supervisor, with another deadline for orders.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Its names from the root down, joined by `/`.
    pub fn path(&self) -> &Arc<str> {
        &self.shared.path
    }

    /// Its actor, when it runs.
    pub fn cell(&self) -> Option<ActorCell> {
        self.shared.book.lock().cell.clone()
    }

    /// What it is doing.
    pub fn state(&self) -> SupervisorState {
        self.shared.book.lock().tree.state()
    }

    /// Adds a child and starts it. Under one_for_all and rest_for_one it starts after all that are before it.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<ChildHandle, OrderError> {
        if self.shared.strategy == Strategy::Dynamic {
            return Err(OrderError::WrongKind(
                "a dynamic supervisor starts children from its template; use `dynamic::<T>()`",
            ));
        }
        let fault = |what| crate::fault::SpecError::Child {
            supervisor: Arc::clone(&self.shared.path),
            id: Arc::clone(&spec.id),
            what,
        };
        check_child(&spec, self.shared.auto_shutdown)
            .map_err(|what| OrderError::Start(fault(what).into()))?;
        if let Some(nested) = spec.nested() {
            nested
                .check()
                .map_err(|error| OrderError::Start(error.into()))?;
        }
        self.order_start(spec).await
    }

    pub(crate) async fn order_start(&self, spec: ChildSpec) -> Result<ChildHandle, OrderError> {
        let id = Arc::clone(&spec.id);
        self.ask("start_child", Request::Start(spec)).await?;
        Ok(ChildHandle {
            shared: Arc::clone(&self.shared),
            id,
        })
    }

    /// Stops a child, by its shutdown ladder, and keeps it down; a temporary or dynamic child is forgotten. One that a
    /// dynamic supervisor does not know is not running, which is all that was asked for.
    pub async fn terminate_child(&self, id: &str) -> Result<(), OrderError> {
        let order = Request::Order(Order::Terminate { id: id.into() });
        match (
            self.ask("terminate_child", order).await,
            &self.shared.template,
        ) {
            (Err(OrderError::NotFound { .. }), Some(template)) if &*template.prefix == id => {
                Err(OrderError::WrongKind(
                    "that is the name of the template; terminate a child by its own id",
                ))
            }
            (Err(OrderError::NotFound { .. }), Some(_)) => Ok(()),
            (answer, _) => answer.map(drop),
        }
    }

    /// Starts a child that is down.
    pub async fn restart_child(&self, id: &str) -> Result<ChildHandle, OrderError> {
        if self.shared.strategy == Strategy::Dynamic {
            return Err(OrderError::WrongKind(
                "a dynamic supervisor forgets a child that is down; start a new one",
            ));
        }
        self.ask(
            "restart_child",
            Request::Order(Order::Restart { id: id.into() }),
        )
        .await?;
        Ok(ChildHandle {
            shared: Arc::clone(&self.shared),
            id: id.into(),
        })
    }

    /// Forgets a child that is down.
    pub async fn delete_child(&self, id: &str) -> Result<(), OrderError> {
        if self.shared.strategy == Strategy::Dynamic {
            return Err(OrderError::WrongKind(
                "a dynamic supervisor forgets a child that is down by itself",
            ));
        }
        self.ask(
            "delete_child",
            Request::Order(Order::Delete { id: id.into() }),
        )
        .await?;
        Ok(())
    }

    /// Kills a child as a fault would, and lets its policy answer. For chaos tests.
    pub async fn kill_child(&self, id: &str) -> Result<(), OrderError> {
        self.ask("kill_child", Request::Order(Order::Kill { id: id.into() }))
            .await?;
        Ok(())
    }

    /// Starts many children with one order; the answers come in the same order.
    pub(crate) async fn order_start_many(
        &self,
        specs: Vec<ChildSpec>,
    ) -> Vec<Result<ChildHandle, OrderError>> {
        let ids: Vec<Arc<str>> = specs.iter().map(|spec| Arc::clone(&spec.id)).collect();
        let not_running = || OrderError::NotRunning {
            supervisor: Arc::clone(&self.shared.path),
        };
        let (reply, answers) = oneshot::channel();
        let list = vec![Err(not_running()); specs.len()];
        let answers_to_be = Answers {
            list,
            reply: Some(reply),
        };
        let batch = Batch {
            specs: specs.into_iter(),
            answers: Arc::new(Mutex::new(answers_to_be)),
        };
        if let Some(cell) = self.cell() {
            // A refused message comes back and is dropped, and with it the answers are sent as they stand.
            let _ = cell.send_message(Msg::StartMany(batch));
        } else {
            drop(batch);
        }
        let answers = match tokio::time::timeout(self.deadline, answers).await {
            Ok(answers) => answers.unwrap_or_default(),
            Err(_) => {
                let late = OrderError::Deadline {
                    order: "start_many",
                    waited: self.deadline,
                };
                vec![Err(late); ids.len()]
            }
        };
        let handle = |id| ChildHandle {
            shared: Arc::clone(&self.shared),
            id,
        };
        ids.into_iter()
            .zip(answers)
            .map(|(id, answer)| answer.map(|_| handle(id)))
            .collect()
    }

    async fn ask(&self, order: &'static str, request: Request) -> Result<Key, OrderError> {
        let not_running = || OrderError::NotRunning {
            supervisor: Arc::clone(&self.shared.path),
        };
        let cell = self.cell().ok_or_else(not_running)?;
        let (reply, answer) = oneshot::channel();
        cell.send_message(Msg::Ask {
            request,
            reply: Reply::One(reply),
        })
        .map_err(|_| not_running())?;
        match tokio::time::timeout(self.deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(not_running()),
            Err(_) => Err(OrderError::Deadline {
                order,
                waited: self.deadline,
            }),
        }
    }

    /// Its children, in start order.
    pub fn which_children(&self) -> Vec<ChildView> {
        let now = self.shared.env.now();
        let book = self.shared.book.lock();
        book.tree
            .listed()
            .filter_map(|(key, _)| book.child_view(key, now))
            .collect()
    }

    /// How many children it has of each sort.
    pub fn count_children(&self) -> ChildCounts {
        self.shared.book.lock().tree.counts()
    }

    /// A handle to a child; `None` when there is no such child now.
    pub fn child(&self, id: &str) -> Option<ChildHandle> {
        let book = self.shared.book.lock();
        let key = book.tree.key_of(id)?;
        let id = Arc::clone(&book.tree.children.get(&key)?.id);
        Some(ChildHandle {
            shared: Arc::clone(&self.shared),
            id,
        })
    }

    /// A handle to a child of that id, of this supervisor or of one below it: the nearest to this one, where several have it.
    pub fn find(&self, id: &str) -> Option<ChildHandle> {
        let mut level = vec![self.clone()];
        while !level.is_empty() {
            if let Some(found) = level.iter().find_map(|one| one.child(id)) {
                return Some(found);
            }
            let below = level.iter().flat_map(|one| {
                let subtrees = one.shared.book.lock().subtrees();
                subtrees.into_iter().map(Self::new)
            });
            level = below.collect();
        }
        None
    }

    /// Whether this supervisor or one below it means to have a child of that id: it is up, or will be again.
    pub fn means_to_have(&self, id: &str) -> bool {
        let meant = |state| !matches!(state, ChildState::Stopped | ChildState::Finished);
        let mut level = vec![Arc::clone(&self.shared)];
        while !level.is_empty() {
            for shared in &level {
                let book = shared.book.lock();
                let child = book
                    .tree
                    .key_of(id)
                    .and_then(|key| book.tree.children.get(&key));
                if child.is_some_and(|child| meant(child.phase.shown())) {
                    return true;
                }
            }
            let below = level.iter().flat_map(|shared| {
                let book = shared.book.lock();
                let children = book.tree.children.values();
                let meant = children.filter(|child| meant(child.phase.shown()));
                let below = meant.filter_map(|child| child.live.subtree.clone());
                below.collect::<Vec<_>>()
            });
            level = below.collect();
        }
        false
    }

    /// The supervisor at a path of ids below this one, such as `workers/pool`.
    pub fn supervisor(&self, path: &str) -> Option<SupervisorRef> {
        let mut shared = Arc::clone(&self.shared);
        for id in path.split('/') {
            let book = shared.book.lock();
            let key = book.tree.key_of(id)?;
            let next = book.live(key)?.subtree.clone()?;
            drop(book);
            shared = next;
        }
        Some(Self {
            shared,
            deadline: self.deadline,
        })
    }

    /// This supervisor and all below it, at most 1,000 children of each.
    pub fn view(&self) -> TreeView {
        self.shared.view(VIEW_LIMIT)
    }

    /// The same with at most `limit` children of each.
    pub fn view_at_most(&self, limit: usize) -> TreeView {
        self.shared.view(limit)
    }

    /// What happens from now on in the whole tree this supervisor belongs to.
    pub fn events(&self) -> broadcast::Receiver<SupervisionEvent> {
        self.shared.env.events.subscribe()
    }

    /// Stops every child in reverse start order, then the supervisor; returns when all are gone. As long as the
    /// children's own deadlines allow, at most `within`: then everything that is left is killed.
    pub async fn stop_within(&self, within: Duration) -> Stopped {
        let Some(cell) = self.cell() else {
            self.shared.orphans_gone().await;
            return Stopped::InOrder;
        };
        // An actor that refuses the message is leaving already.
        let _ = cell.send_message(Msg::Stop);
        let in_order = tokio::time::timeout(within, self.gone()).await.is_ok();
        if !in_order {
            cell.kill();
            self.gone().await;
        }
        self.shared.orphans_gone().await;
        if in_order {
            Stopped::InOrder
        } else {
            Stopped::Killed
        }
    }

    /// [`SupervisorRef::stop_within`] one minute.
    pub async fn stop(&self) -> Stopped {
        self.stop_within(Duration::from_secs(60)).await
    }

    /// Returns when the supervisor is down, however it went down.
    pub async fn gone(&self) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.cell().is_none() {
                return;
            }
            changed.await;
        }
    }
}

/// How a supervisor that was told to stop went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every child left, or was killed by its own deadline, in reverse start order.
    InOrder,
    /// Time was up; what was left was killed at once.
    Killed,
}

/// A child, across its incarnations: resolves to the actor that runs now.
#[derive(Clone)]
pub struct ChildHandle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: Arc<str>,
}

impl fmt::Debug for ChildHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildHandle")
            .field("supervisor", &self.shared.path)
            .field("id", &self.id)
            .finish()
    }
}

/// Why a handle did not resolve.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HandleError {
    /// The child is down for good, or was forgotten.
    #[error("child `{id}` is not there any more")]
    Gone {
        /// The id.
        id: Arc<str>,
    },
    /// It was not up in time; it may come back later.
    #[error("child `{id}` was not running within {waited:?}")]
    Deadline {
        /// The id.
        id: Arc<str>,
        /// How long was waited.
        waited: Duration,
    },
}

impl ChildHandle {
    /// Its id.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The supervisor it stands under.
    pub fn above(&self) -> SupervisorRef {
        SupervisorRef::new(Arc::clone(&self.shared))
    }

    /// The generation that runs, or ran last; `None` when the child was forgotten.
    pub fn incarnation(&self) -> Option<u64> {
        let book = self.shared.book.lock();
        let key = book.tree.key_of(&self.id)?;
        Some(book.tree.children.get(&key)?.incarnation)
    }

    /// The actor that runs now; `None` between incarnations.
    pub fn cell(&self) -> Option<ActorCell> {
        let book = self.shared.book.lock();
        let key = book.tree.key_of(&self.id)?;
        book.live(key)?.cell.clone()
    }

    /// The actor that runs now, typed; `None` between incarnations or when it takes another type of message.
    pub fn actor<M: Message>(&self) -> Option<ActorRef<M>> {
        let cell = self.cell()?;
        (cell.is_message_type_of::<M>() != Some(false)).then(|| cell.into())
    }

    /// What it is doing.
    pub fn view(&self) -> Option<ChildView> {
        let now = self.shared.env.now();
        let book = self.shared.book.lock();
        book.child_view(book.tree.key_of(&self.id)?, now)
    }

    /// What its supervisor promised it (OTP's `get_childspec`); `None` when the child was forgotten.
    pub fn policy(&self) -> Option<Arc<Policy>> {
        let book = self.shared.book.lock();
        let key = book.tree.key_of(&self.id)?;
        Some(Arc::clone(&book.tree.children.get(&key)?.policy))
    }

    /// The supervisor it is, if it is one.
    pub fn supervisor(&self) -> Option<SupervisorRef> {
        let book = self.shared.book.lock();
        let key = book.tree.key_of(&self.id)?;
        let subtree = book.live(key)?.subtree.clone()?;
        Some(SupervisorRef::new(subtree))
    }

    /// Waits until it runs, through restarts and backoffs.
    pub async fn running(&self, within: Duration) -> Result<ActorCell, HandleError> {
        self.newer_than(0, within).await
    }

    /// Waits until a generation later than `incarnation` runs: the one after a crash that was just caused or seen.
    pub async fn newer_than(
        &self,
        incarnation: u64,
        within: Duration,
    ) -> Result<ActorCell, HandleError> {
        let wait = self.when_changed(|handle| match handle.look(incarnation) {
            Look::Runs(cell) => Some(Ok(cell)),
            Look::Gone => Some(Err(HandleError::Gone {
                id: Arc::clone(&handle.id),
            })),
            Look::NotYet => None,
        });
        match tokio::time::timeout(within, wait).await {
            Ok(outcome) => outcome,
            Err(_) => Err(HandleError::Deadline {
                id: Arc::clone(&self.id),
                waited: within,
            }),
        }
    }

    /// Looks whenever something has changed, until there is an answer.
    async fn when_changed<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(answer) = look(self) {
                return answer;
            }
            changed.await;
        }
    }

    fn look(&self, incarnation: u64) -> Look {
        use crate::ChildState::{Finished, Running, Stopped};
        let book = self.shared.book.lock();
        if matches!(
            book.tree.state(),
            SupervisorState::Down | SupervisorState::Stopping
        ) {
            // Its supervisor may be about to be restarted; the deadline decides.
            return Look::NotYet;
        }
        let child = book
            .tree
            .key_of(&self.id)
            .and_then(|key| book.tree.children.get(&key));
        let Some(child) = child else {
            return Look::Gone;
        };
        match child.phase.shown() {
            Running if child.incarnation > incarnation => match child.live.cell.clone() {
                Some(cell) => Look::Runs(cell),
                None => Look::NotYet,
            },
            Stopped | Finished => Look::Gone,
            _ => Look::NotYet,
        }
    }
}

enum Look {
    Runs(ActorCell),
    NotYet,
    Gone,
}
