//! Carrying a plan out, step by step, and hearing what came of it.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::future::BoxFuture;
use futures::{FutureExt, future::CatchUnwind};
use ractor::{ActorCell, ActorId};
use tokio::sync::oneshot;

use super::{Msg, State};
use crate::{
    child_spec::{StartContext, Started},
    decision::{Action, Input, Key},
    events::{EventKind, SupervisionEvent},
    exit::{ExitReason, SHUTDOWN},
    fault::StartError,
    shared::{Live, Nest, Pending, StartSlot, drop_foreign},
    strategy::Kind,
};

type Starting = CatchUnwind<AssertUnwindSafe<BoxFuture<'static, Result<Started, StartError>>>>;

impl State {
    /// Lets the core decide on everything heard and does what it says, until there is nothing left to do. Nothing in
    /// here waits: the only future polled is a start, and only once.
    pub(super) async fn carry_out(&mut self) {
        self.work().await;
        self.settle();
    }

    /// The plan itself; whoever calls it settles afterwards.
    pub(super) async fn work(&mut self) {
        loop {
            // Taken out so that an action may feed the next input; put back to keep its memory.
            let mut actions = std::mem::take(&mut self.actions);
            for action in actions.drain(..) {
                self.changed |= matches!(action, Action::Emit { .. });
                self.act(action).await;
            }
            self.actions = actions;
            let Some(input) = self.inputs.pop_front() else {
                break;
            };
            let now = self.shared.env.now();
            self.shared.step(input, now, &mut self.actions);
        }
    }

    /// Wakes whoever watches, and sees to it that what is due will be looked at.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.shared.changed.notify_waiters();
        }
        self.set_timer();
    }

    async fn act(&mut self, action: Action<Live>) {
        match action {
            Action::Start { key, incarnation } => self.start(key, incarnation).await,
            Action::Ask { key } => self.ask_to_leave(key),
            Action::Kill { key } => self.kill(key),
            Action::Abandon { key } => self.abandon(key),
            Action::Forget { live, .. } => {
                if let Some(below) = &live.subtree {
                    self.shared.forget(below);
                    below.speak_last();
                }
                drop_foreign(live);
            }
            Action::Discard(live) => drop_foreign(live),
            Action::Answer { ticket, answer } => {
                if let Some(reply) = self.asked.remove(&ticket) {
                    reply.send(answer);
                }
            }
            Action::Emit { id, kind } => self.emit(id, kind),
            Action::Ready(result) => {
                if let Some(ready) = self.ready.take() {
                    let _ = ready.send(result.map_err(|error| self.locate(error)));
                }
            }
            Action::Exit(outcome) => self.outcome = Some(outcome),
        }
    }

    /// The core does not know where in the tree it is.
    fn locate(&self, error: StartError) -> StartError {
        match error {
            StartError::Child { id, error, .. } => StartError::Child {
                supervisor: Arc::clone(&self.shared.path),
                id,
                error,
            },
            other => other,
        }
    }

    fn emit(&self, child: Option<Arc<str>>, kind: EventKind) {
        if let (Some(id), EventKind::Removed) = (&child, &kind) {
            self.shared.removed(id);
        }
        self.counters.count(&kind);
        let events = &self.shared.env.events;
        if events.receiver_count() > 0 {
            let supervisor = Arc::clone(&self.shared.path);
            // Fails only when the last listener has just left.
            let _ = events.send(SupervisionEvent {
                supervisor,
                child,
                kind,
                at: self.shared.env.now(),
            });
        }
    }

    async fn start(&mut self, key: Key, incarnation: u64) {
        let Some((start, context)) = self.start_context(key, incarnation) else {
            return;
        };
        let slot = context.nest.slot.clone();
        let begun = std::panic::catch_unwind(AssertUnwindSafe(|| start(context)));
        let mut starting: Starting = match begun {
            Ok(future) => AssertUnwindSafe(future).catch_unwind(),
            Err(panic) => return self.started(key, incarnation, Err(panicked(panic))),
        };
        match futures::poll!(&mut starting) {
            std::task::Poll::Ready(outcome) => self.started(key, incarnation, flatten(outcome)),
            std::task::Poll::Pending => {
                self.go_on_in_task(key, incarnation, starting, slot.unwrap_or_default())
            }
        }
    }

    fn start_context(&self, key: Key, incarnation: u64) -> Option<(crate::StartFn, StartContext)> {
        let book = self.shared.book.lock();
        let child = book.tree.children.get(&key)?;
        let live = &child.live;
        let slot = (child.policy.kind == Kind::Supervisor).then(Arc::<StartSlot>::default);
        let nest = Nest {
            parent: Arc::clone(&self.shared),
            previous: live.subtree.clone(),
            slot,
        };
        let context = StartContext {
            supervisor: self.me.get_cell(),
            id: Arc::clone(&child.id),
            incarnation,
            nest,
        };
        Some((Arc::clone(&live.start), context))
    }

    fn go_on_in_task(
        &mut self,
        key: Key,
        incarnation: u64,
        starting: Starting,
        slot: Arc<StartSlot>,
    ) {
        let (cancel, cancelled) = oneshot::channel::<()>();
        let me = self.me.clone();
        let result = Arc::clone(&slot);
        let task = tokio::spawn(async move {
            let mut starting = starting;
            let outcome = tokio::select! {
                biased;
                outcome = &mut starting => flatten(outcome),
                // Sent or dropped, both mean that the start is not wanted any more. An actor that is announced has
                // been told to leave, or is being killed with its supervisor: the start ends when it has gone.
                _ = cancelled => match result.announced() {
                    Some(_) => flatten(starting.await),
                    None => {
                        drop(starting);
                        Err(StartError::Cancelled)
                    }
                },
            };
            result.put(outcome);
            // When nobody reads messages any more, whoever waits for this task finds the outcome in the slot.
            let _ = me.send_message(Msg::StartDone { key, incarnation });
        });
        let pending = Pending {
            task,
            cancel: Some(cancel),
            slot: Some(slot),
        };
        if let Some(live) = self.shared.book.lock().live_mut(key) {
            live.pending = Some(Box::new(pending));
            self.starts_in_tasks += 1;
        }
    }

    pub(super) fn start_done(&mut self, key: Key, incarnation: u64) {
        let pending = self
            .shared
            .book
            .lock()
            .live_mut(key)
            .and_then(|live| live.pending.take());
        self.starts_in_tasks = self.starts_in_tasks.saturating_sub(1);
        let outcome = pending.and_then(|pending| pending.slot?.take());
        self.started(
            key,
            incarnation,
            outcome.unwrap_or(Err(StartError::Cancelled)),
        );
        if self.starts_in_tasks == 0 {
            self.early.clear();
        }
    }

    pub(super) fn started(
        &mut self,
        key: Key,
        incarnation: u64,
        outcome: Result<Started, StartError>,
    ) {
        let started = match outcome {
            Ok(started) => started,
            Err(error) => {
                return self.inputs.push_back(Input::StartFailed {
                    key,
                    incarnation,
                    error,
                });
            }
        };
        let cell = started.cell.clone();
        let actor = cell.get_id();
        let linked = self.link(&cell);
        {
            let mut book = self.shared.book.lock();
            let Some(live) = book.live_mut(key) else {
                // Its record went while it started; nobody will look after it, so it must not stay.
                drop(book);
                return cell.kill();
            };
            live.cell = Some(started.cell);
            live.join = started.join;
            live.subtree = started.subtree.or(live.subtree.take());
            book.by_actor.insert(actor, key);
        }
        self.inputs.push_back(Input::Started { key, incarnation });
        if let Some(exit) = self.early.remove(&actor) {
            self.exit_heard(actor, exit);
        } else if !linked {
            // It is already leaving and may have left before it was ours to watch.
            self.watch_unlinked(&cell, ExitReason::Cancelled);
        }
    }

    fn link(&self, cell: &ActorCell) -> bool {
        self.is_mine(cell) || {
            cell.link(self.me.get_cell());
            self.is_mine(cell)
        }
    }

    fn is_mine(&self, cell: &ActorCell) -> bool {
        cell.try_get_supervisor()
            .is_some_and(|parent| parent.get_id() == self.me.get_id())
    }

    /// A child that has cut its link is told to leave like the others, but ractor will not tell us that it has. If it
    /// did tell, that is heard first, and this finds nobody.
    fn watch_unlinked(&self, cell: &ActorCell, exit: ExitReason) {
        if self.is_mine(cell) {
            return;
        }
        let (me, cell) = (self.me.clone(), cell.clone());
        tokio::spawn(async move {
            let _ = cell.wait(None).await;
            let _ = me.send_message(Msg::Ended {
                actor: cell.get_id(),
                exit,
            });
        });
    }

    /// ractor says that an actor ended. The core decides on it now; when something of it is left, it hears later that
    /// this is gone, too.
    pub(super) fn exit_heard(&mut self, actor: ActorId, exit: ExitReason) {
        let mut book = self.shared.book.lock();
        let Some(key) = book.by_actor.remove(&actor) else {
            if self.starts_in_tasks > 0 {
                self.early.insert(actor, exit);
            }
            return;
        };
        let Some(child) = book.tree.children.get_mut(&key) else {
            return;
        };
        let (incarnation, live) = (child.incarnation, &mut child.live);
        let remains = live.take_remains();
        let warm = live.extras.as_ref().and_then(|extras| extras.warm.clone());
        let gone = remains.are_gone();
        if !gone {
            let (me, above) = (self.me.clone(), Arc::clone(&self.shared));
            let task = tokio::spawn(async move {
                remains.gone(&above).await;
                let _ = me.send_message(Msg::Gone { key, incarnation });
            });
            live.pending = Some(Box::new(Pending {
                task,
                cancel: None,
                slot: None,
            }));
        }
        drop(book);
        let warm = warm.is_some_and(|warm| {
            // A stranger's code: what it does wrong must not end the supervisor.
            std::panic::catch_unwind(AssertUnwindSafe(|| warm())).unwrap_or(false)
        });
        self.inputs.push_back(Input::Exited {
            key,
            incarnation,
            exit,
            warm,
            gone,
        });
    }

    /// What a child that has ended left behind is gone.
    pub(super) fn gone(&mut self, key: Key, incarnation: u64) {
        self.clear(key, incarnation);
        self.inputs.push_back(Input::Gone { key, incarnation });
    }

    /// Nothing of that incarnation is left to be waited for.
    pub(super) fn clear(&mut self, key: Key, incarnation: u64) {
        let mut book = self.shared.book.lock();
        let current = book
            .tree
            .children
            .get_mut(&key)
            .filter(|child| child.incarnation == incarnation);
        if let Some(live) = current.map(|child| &mut child.live) {
            live.pending = None;
            live.cell = None;
            live.join = None;
        }
    }

    fn ask_to_leave(&mut self, key: Key) {
        let mut book = self.shared.book.lock();
        let Some(live) = book.live_mut(key) else {
            return;
        };
        if let Some(cell) = &live.cell {
            self.watch_unlinked(cell, ExitReason::Shutdown(SHUTDOWN.into()));
            return ask(cell);
        }
        let Some(pending) = &mut live.pending else {
            return;
        };
        match pending.slot.as_ref().and_then(|slot| slot.announced()) {
            Some(cell) => ask(&cell),
            None => drop(pending.cancel.take()),
        }
    }

    fn kill(&mut self, key: Key) {
        let mut book = self.shared.book.lock();
        let Some(live) = book.live_mut(key) else {
            return;
        };
        if let Some(cell) = &live.cell {
            self.watch_unlinked(cell, ExitReason::Killed);
            return cell.kill();
        }
        let Some(pending) = &mut live.pending else {
            return;
        };
        match pending.slot.as_ref().and_then(|slot| slot.announced()) {
            Some(cell) => cell.kill(),
            None => drop(pending.cancel.take()),
        }
    }

    fn abandon(&mut self, key: Key) {
        self.shared.abandoned(key);
        let mut book = self.shared.book.lock();
        let Some(live) = book.live_mut(key) else {
            return;
        };
        let lost = live.take_remains();
        if let Some(cell) = &lost.cell {
            book.by_actor.remove(&cell.get_id());
        }
        drop(book);
        // Should it come loose one day, or its start come off, nothing of it may stay.
        let above = Arc::clone(&self.shared);
        tokio::spawn(async move { lost.gone(&above).await });
    }

    /// One timer for all that may be due. It is never moved back: waking up early only costs a look.
    fn set_timer(&mut self) {
        let Some(due) = self.shared.book.lock().tree.next_deadline() else {
            return;
        };
        let now = self.shared.env.now();
        if due <= now {
            if !self.tick_queued {
                self.tick_queued = self.me.send_message(Msg::Tick).is_ok();
            }
            return;
        }
        if let Some((at, timer)) = &self.timer {
            if *at <= due && *at > now && !timer.is_finished() {
                return;
            }
            timer.abort();
        }
        let me = self.me.clone();
        let wait = due - now;
        let timer = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = me.send_message(Msg::Tick);
        });
        self.timer = Some((due, timer));
    }
}

/// A supervisor is asked by a message of its own, so that it goes on hearing and answering while its children leave.
fn ask(cell: &ActorCell) {
    if cell.is_message_type_of::<Msg>() == Some(true) {
        // Refused only when it is leaving already.
        let _ = cell.send_message(Msg::Stop);
    } else {
        cell.stop(Some(SHUTDOWN.to_string()));
    }
}

fn flatten(
    outcome: Result<Result<Started, StartError>, Box<dyn std::any::Any + Send>>,
) -> Result<Started, StartError> {
    outcome.unwrap_or_else(|panic| Err(panicked(panic)))
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> StartError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("panicked without a message");
    StartError::Failed(text.to_string())
}
