//! The actor that owns a device thread.
//!
//! Calls do not travel through the actor's mailbox: they wait in the engine's queue, which outlives a crash. The actor
//! is the engine's life: it starts the thread, hears of its end, watches for a hang, and fails so that its supervisor
//! builds a new engine from the factory. A thread that hangs cannot be killed; it is left behind, can take no further
//! call, and ends when its call does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_supervisor::{Backoff, ChildSpec};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;

use super::LocalEngine;
use super::queue::Queue;
use super::thread::{DeviceThread, panic_text};
use crate::EnginePhase;
use crate::{EngineFactory, EngineHandle, metric};

/// The numbers of one engine.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineConfig {
    /// Its name in metrics and in the thread's name.
    pub name: String,
    /// Calls that may wait: at some 2 s each, 16 are half a minute.
    pub queue: usize,
    /// Time for a call that states none.
    pub deadline: Duration,
    /// Time to build an engine or to load a model.
    pub load_deadline: Duration,
    /// How far past its deadline a call may run before the engine counts as hung.
    pub hang_grace: Duration,
    /// New tokens that one call may have.
    pub max_tokens: u32,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            name: "local".into(),
            queue: 16,
            deadline: Duration::from_secs(60),
            load_deadline: Duration::from_secs(120),
            hang_grace: Duration::from_secs(10),
            max_tokens: 4096,
        }
    }
}

/// What the device thread and the watchdog tell the actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineMessage {
    /// The engine is gone: it could not be built, panicked, or lost its device.
    Failed {
        /// What ended it.
        reason: String,
    },
    /// A call runs past its deadline and its grace.
    Hung {
        /// The kind of call.
        call: String,
        /// For how long it has been running, in milliseconds.
        running_ms: u64,
    },
}

/// The life of one engine under a supervisor.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineActor;

/// What is running while the actor lives.
pub struct EngineState {
    queue: Arc<Queue>,
    incarnation: u64,
    watchdog: JoinHandle<()>,
}

impl EngineState {
    fn end(&self, phase: EnginePhase) {
        self.watchdog.abort();
        self.queue.end(self.incarnation, phase);
    }
}

impl Drop for EngineState {
    /// A killed actor runs no `post_stop`; the device thread must still end.
    fn drop(&mut self) {
        self.end(EnginePhase::Down {
            reason: "its actor was killed".into(),
        });
    }
}

impl EngineActor {
    /// Starts an engine without a supervisor; for tests and small programs. It stays down once it fails.
    pub async fn spawn(
        config: EngineConfig,
        factory: EngineFactory,
    ) -> Result<(EngineHandle, ActorRef<EngineMessage>), ractor::SpawnErr> {
        let engine = LocalEngine::new(config);
        let (actor, _) = Actor::spawn(None, Self, (engine.clone(), factory)).await?;
        Ok((engine.handle(), actor))
    }

    /// The engine as a child of a supervisor: permanent, and restarted after a wait that grows from 50 ms to 10 s. Every incarnation serves the same engine.
    pub fn child_spec(id: &str, engine: &LocalEngine, factory: EngineFactory) -> ChildSpec {
        let engine = engine.clone();
        let backoff = Backoff {
            first: Duration::from_millis(50),
            max: Duration::from_secs(10),
            ..Backoff::default()
        };
        ChildSpec::worker(id, move || (Self, (engine.clone(), factory.clone()))).backoff(backoff)
    }
}

impl Actor for EngineActor {
    type Msg = EngineMessage;
    type State = EngineState;
    type Arguments = (LocalEngine, EngineFactory);

    /// Returns at once: building takes seconds, and a supervisor must not wait for it. Calls wait in the queue, and
    /// [`EngineHandle::ready`] tells when it is there.
    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (engine, factory): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let queue = engine.queue.clone();
        let incarnation = queue.begin();
        if incarnation > 1 {
            metrics::counter!(metric::RESTARTS_TOTAL, "engine" => engine.config.name.clone())
                .increment(1);
        }
        let watchdog = tokio::spawn(watch(
            queue.clone(),
            engine.config.hang_grace,
            myself.clone(),
        ));
        let state = EngineState {
            queue: queue.clone(),
            incarnation,
            watchdog,
        };
        let name = engine.config.name.clone();
        std::thread::Builder::new()
            .name(format!("engine-{name}"))
            .spawn(move || {
                let device = DeviceThread {
                    queue: &queue,
                    incarnation,
                    name,
                };
                // A panic outside a call (in the factory, in a drop) ends up here.
                let end = catch_unwind(AssertUnwindSafe(|| device.run(&factory)))
                    .unwrap_or_else(|panic| Err(panic_text(&*panic)));
                if let Err(reason) = end {
                    queue.end(
                        incarnation,
                        EnginePhase::Down {
                            reason: reason.clone(),
                        },
                    );
                    // Without an actor nobody is left to tell.
                    let _ = myself.send_message(EngineMessage::Failed { reason });
                }
            })?;
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let reason = match message {
            EngineMessage::Failed { reason } => reason,
            EngineMessage::Hung { call, running_ms } => {
                format!("{call} hung for {running_ms} ms past all deadlines")
            }
        };
        tracing::error!(%reason, "engine failed");
        state.end(EnginePhase::Down {
            reason: reason.clone(),
        });
        Err(reason.into())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.end(EnginePhase::Stopped);
        Ok(())
    }
}

/// Tells the actor when a call runs past its deadline and grace.
async fn watch(queue: Arc<Queue>, grace: Duration, actor: ActorRef<EngineMessage>) {
    let mut running = queue.running.subscribe();
    loop {
        let current = *running.borrow_and_update();
        let Some(call) = current else {
            if running.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            changed = running.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until((call.deadline + grace).into()) => {
                let running_ms = Instant::now().saturating_duration_since(call.since).as_millis() as u64;
                let _ = actor.send_message(EngineMessage::Hung { call: call.call.to_owned(), running_ms });
                return;
            }
        }
    }
}
