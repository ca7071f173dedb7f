//! A shard as a supervised actor. The actor does nothing but stand for the thread that works: if the thread falls, the
//! actor fails and its supervisor starts a new one; if the actor is stopped or killed, the thread goes. The only async file
//! of this crate besides the answers of the population.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::arena::ArenaConfig;
use crate::kind::Kind;
use crate::port::Port;
use crate::step::{StepConfig, Stepper};
use crate::window::Window;
use crate::worker::{Clock, Worker};

/// Resources whose agents a shard brings to life whenever it starts.
pub(crate) type Births = Arc<dyn Fn() -> Box<dyn Iterator<Item = u64>> + Send + Sync>;

/// What a shard is started with; the same for every incarnation.
#[derive(Clone)]
pub(crate) struct ShardArguments {
    pub(crate) port: Arc<Port>,
    pub(crate) peers: Arc<[Arc<Port>]>,
    pub(crate) clock: Clock,
    pub(crate) config: StepConfig,
    pub(crate) window: Arc<Mutex<Window>>,
    pub(crate) births: Births,
}

pub(crate) struct Shard<K>(PhantomData<fn() -> K>);

impl<K> Shard<K> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

/// What the thread tells its actor.
pub(crate) enum Report {
    Fell,
}

/// Sends the thread away when the actor goes, however it goes.
pub(crate) struct Tenure {
    port: Arc<Port>,
    incarnation: u64,
}

impl Drop for Tenure {
    fn drop(&mut self) {
        self.port.dismiss(self.incarnation);
    }
}

impl<K: Kind> Actor for Shard<K> {
    type Msg = Report;
    type State = Tenure;
    type Arguments = ShardArguments;

    async fn pre_start(
        &self,
        me: ActorRef<Report>,
        with: ShardArguments,
    ) -> Result<Tenure, ActorProcessingErr> {
        let port = Arc::clone(&with.port);
        let Some((incarnation, first_generation, counts)) = port.begin() else {
            return Err(format!(
                "shard {} has used up its generations; restart the node",
                port.number
            )
            .into());
        };
        let tenure = Tenure { port, incarnation };
        let (ready, is_ready) = oneshot::channel();
        thread::Builder::new()
            .name(format!("micro-{}-{}", K::NAME, with.port.number))
            .spawn(move || {
                let work = AssertUnwindSafe(|| {
                    let arena = ArenaConfig {
                        first_generation,
                        ..with.config.arena
                    };
                    let config = StepConfig {
                        arena,
                        ..with.config.clone()
                    };
                    let mut stepper =
                        Stepper::<K>::sharing(with.port.number, &config, Arc::clone(&with.window));
                    stepper.counts = counts;
                    let ShardArguments {
                        port, peers, clock, ..
                    } = with.clone();
                    let mut worker = Worker {
                        port,
                        peers,
                        clock,
                        incarnation,
                        stepper,
                    };
                    worker.bear((with.births)());
                    let _ = ready.send(()); // nobody waits only if the start was called off, and then the port says so
                    worker.run();
                });
                if catch_unwind(work).is_err() {
                    let _ = me.send_message(Report::Fell);
                }
            })?;
        is_ready
            .await
            .map_err(|_| "the shard fell while its agents were born")?;
        Ok(tenure)
    }

    async fn handle(
        &self,
        _: ActorRef<Report>,
        report: Report,
        tenure: &mut Tenure,
    ) -> Result<(), ActorProcessingErr> {
        match report {
            Report::Fell => Err(format!("the thread of shard {} fell", tenure.port.number).into()),
        }
    }
}
