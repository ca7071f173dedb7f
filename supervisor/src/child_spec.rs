//! A child as data: its name, how it starts, and what its supervisor promises it.
//!
//! A spec can be printed, checked and compared before one actor runs; only `start` is code.

use std::{
    fmt,
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorRef, actor::ActorRuntime, concurrency::JoinHandle};

use crate::{
    backoff::Backoff,
    fault::StartError,
    intensity::Intensity,
    mailbox::{Depth, Mailbox},
    policy::Policy,
    shared::{Nest, Shared},
    spec::SupervisorSpec,
    strategy::{Kind, Restart, Shutdown},
};

/// Starts one incarnation of a child. Dropping the future must undo the start; `spawn_linked` does.
///
/// It is polled once where the supervisor stands and moved to a task of its own when it is not ready by then, so it may
/// wait as long as it likes but must not block its thread.
pub type StartFn =
    Arc<dyn Fn(StartContext) -> BoxFuture<'static, Result<Started, StartError>> + Send + Sync>;

/// What a start is told.
#[derive(Clone)]
pub struct StartContext {
    /// The supervisor to link to (`spawn_linked(.., ctx.supervisor)`).
    pub supervisor: ActorCell,
    /// Id of the child being started.
    pub id: Arc<str>,
    /// Generation being started; it only grows, across restarts of the supervisor too.
    pub incarnation: u64,
    pub(crate) nest: Nest,
}

/// A child that runs.
pub struct Started {
    pub(crate) cell: ActorCell,
    pub(crate) join: Option<JoinHandle<()>>,
    pub(crate) subtree: Option<Arc<Shared>>,
}

impl From<ActorCell> for Started {
    fn from(cell: ActorCell) -> Self {
        Self {
            cell,
            join: None,
            subtree: None,
        }
    }
}

/// What `spawn_linked` returns. With the join handle, a restart also waits until the old actor's state is dropped.
impl<M> From<(ActorRef<M>, JoinHandle<()>)> for Started {
    fn from((actor, join): (ActorRef<M>, JoinHandle<()>)) -> Self {
        Self {
            cell: actor.into(),
            join: Some(join),
            subtree: None,
        }
    }
}

pub(crate) type WarmFn = Arc<dyn Fn() -> bool + Send + Sync>;
pub(crate) type DepthFn = Arc<dyn Fn() -> Depth + Send + Sync>;
pub(crate) type NoteFn = Arc<dyn Fn() -> String + Send + Sync>;

/// A child as data.
#[derive(Clone)]
pub struct ChildSpec {
    /// Its name among its siblings; unique there.
    pub id: Arc<str>,
    /// What its supervisor promises it.
    pub policy: Arc<Policy>,
    pub(crate) start: StartFn,
    pub(crate) extras: Option<Arc<Extras>>,
    /// The nested spec, kept so that the whole tree can be checked and printed before it starts.
    pub(crate) nested: Option<Arc<SupervisorSpec>>,
}

/// What few children have, kept out of the way of the many.
#[derive(Clone, Default)]
pub(crate) struct Extras {
    pub(crate) warm: Option<WarmFn>,
    pub(crate) depth: Option<DepthFn>,
    pub(crate) note: Option<NoteFn>,
}

/// The policy of children of which nothing is said, shared by all of them.
fn usual_policy() -> Arc<Policy> {
    static USUAL: OnceLock<Arc<Policy>> = OnceLock::new();
    Arc::clone(USUAL.get_or_init(Arc::default))
}

impl ChildSpec {
    /// Any ractor actor: `ChildSpec::worker("id", || (MyActor, my_arguments))`. The closure runs once per incarnation.
    pub fn worker<A, F>(id: impl Into<Arc<str>>, make: F) -> Self
    where
        A: Actor,
        F: Fn() -> (A, A::Arguments) + Send + Sync + 'static,
    {
        Self::with_start(
            id.into(),
            Arc::new(move |context| {
                let (actor, arguments) = make();
                Box::pin(spawn_linked(actor, arguments, context.supervisor))
            }),
        )
    }

    /// A child whose start is more than a spawn: `ChildSpec::from_fn("id", |context| async move { .. })`.
    pub fn from_fn<F, Fut, S>(id: impl Into<Arc<str>>, start: F) -> Self
    where
        F: Fn(StartContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, StartError>> + Send + 'static,
        S: Into<Started>,
    {
        Self::with_start(
            id.into(),
            Arc::new(move |context| {
                let starting = start(context);
                Box::pin(async move { starting.await.map(Into::into) })
            }),
        )
    }

    /// A supervisor as a child, under the name its spec has.
    pub fn supervisor(spec: SupervisorSpec) -> Self {
        let spec = Arc::new(spec);
        let id = Arc::clone(&spec.name);
        let nested = Arc::clone(&spec);
        let mut child = Self::with_start(
            id,
            Arc::new(move |context| {
                Box::pin(crate::supervisor::start_nested(Arc::clone(&spec), context))
            }),
        );
        child.policy = Arc::new(Policy {
            shutdown: Shutdown::Infinity,
            kind: Kind::Supervisor,
            ..Policy::default()
        });
        child.nested = Some(nested);
        child
    }

    pub(crate) fn with_start(id: Arc<str>, start: StartFn) -> Self {
        Self {
            id,
            policy: usual_policy(),
            start,
            extras: None,
            nested: None,
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(Arc::make_mut(&mut self.policy));
        self
    }

    fn add(mut self, add: impl FnOnce(&mut Extras)) -> Self {
        let extras = self.extras.get_or_insert_with(Arc::default);
        add(Arc::make_mut(extras));
        self
    }

    /// When it comes back (permanent unless said).
    pub fn restart(self, restart: Restart) -> Self {
        self.change(|policy| policy.restart = restart)
    }

    /// Short for `.restart(Restart::Transient)`.
    pub fn transient(self) -> Self {
        self.restart(Restart::Transient)
    }

    /// Short for `.restart(Restart::Temporary)`.
    pub fn temporary(self) -> Self {
        self.restart(Restart::Temporary)
    }

    /// How it is asked to leave (5 s for a worker, without limit for a supervisor, unless said).
    pub fn shutdown(self, shutdown: Shutdown) -> Self {
        self.change(|policy| policy.shutdown = shutdown)
    }

    /// Its end can end the supervisor, see [`crate::AutoShutdown`].
    pub fn significant(self) -> Self {
        self.change(|policy| policy.significant = true)
    }

    /// Wait between restarts (none unless said).
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.change(|policy| policy.backoff = Some(backoff))
    }

    /// A restart limit of its own beside the supervisor's.
    pub fn intensity(self, restarts: u32, within: Duration) -> Self {
        self.change(|policy| policy.intensity = Some(Intensity::new(restarts, within)))
    }

    /// A start that takes longer is called off and counts as failed.
    pub fn start_within(self, limit: Duration) -> Self {
        self.change(|policy| policy.start_within = Some(limit))
    }

    /// Asked before each restart: true means the child will resume from a checkpoint, which shortens its backoff to
    /// [`Backoff::warm`] of the usual. Runs in the supervisor, so it must only look.
    pub fn warm_when(self, warm: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.add(|extras| extras.warm = Some(Arc::new(warm)))
    }

    /// Shows the depth of this mailbox beside the child.
    pub fn shows_mailbox<T: Send + 'static>(self, mailbox: &Mailbox<T>) -> Self {
        let mailbox = mailbox.clone();
        self.shows_depth(move || mailbox.depth())
    }

    /// The same of whatever waits for the child elsewhere. Called under the tree's lock whenever somebody looks, so it must only read what is
    /// there.
    pub fn shows_depth(self, depth: impl Fn() -> Depth + Send + Sync + 'static) -> Self {
        self.add(|extras| extras.depth = Some(Arc::new(depth)))
    }

    /// Shows a line of its own beside the child: what it holds, in numbers. Called under the tree's lock whenever somebody
    /// looks, so it must only read what is there.
    pub fn shows_note(self, note: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.add(|extras| extras.note = Some(Arc::new(note)))
    }

    /// The spec of the supervisor this child is, if it is one.
    pub fn nested(&self) -> Option<&SupervisorSpec> {
        self.nested.as_deref()
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("ChildSpec");
        out.field("id", &self.id).field("policy", &self.policy);
        if let Some(nested) = &self.nested {
            out.field("nested", nested);
        }
        out.finish_non_exhaustive()
    }
}

/// Spawns an actor under its supervisor. Unnamed: ractor's names are shared by the whole process, and two trees must
/// fit in one.
pub(crate) async fn spawn_linked<A: Actor>(
    actor: A,
    arguments: A::Arguments,
    supervisor: ActorCell,
) -> Result<Started, StartError> {
    Ok(
        ActorRuntime::spawn_linked(None, actor, arguments, supervisor)
            .await?
            .into(),
    )
}

impl StartContext {
    /// Tells the supervisor which actor this start will end in, so that a stop order that comes meanwhile reaches it.
    pub(crate) fn announce(&self, cell: ActorCell) {
        if let Some(slot) = &self.nest.slot {
            slot.announce(cell);
        }
    }
}

impl fmt::Debug for StartContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartContext")
            .field("id", &self.id)
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}
