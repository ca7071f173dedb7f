//! What people write by hand on bare ractor: a parent that spawns, and restarts in its supervision handler.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Notify, mpsc};

use super::{
    Fault,
    actors::{Herald, Idle, Started, restarts},
    stopwatch::Stopwatch,
};

pub(super) struct Parent;

#[derive(Clone, Default)]
pub(super) struct Duties {
    /// Keeps one herald alive that tells this channel.
    herald: Option<Started>,
    /// Children the parent has heard of.
    up: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    count: AtomicUsize,
    awaited: AtomicUsize,
    all: Notify,
}

impl Actor for Parent {
    type Msg = ();
    type State = Duties;
    type Arguments = Duties;

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        duties: Duties,
    ) -> Result<Duties, ActorProcessingErr> {
        if let Some(started) = &duties.herald {
            Actor::spawn_linked(None, Herald, started.clone(), me.get_cell()).await?;
        }
        Ok(duties)
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        duties: &mut Duties,
    ) -> Result<(), ActorProcessingErr> {
        match (event, &duties.herald) {
            (SupervisionEvent::ActorStarted(_), _) => {
                let count = duties.up.count.fetch_add(1, Ordering::Relaxed) + 1;
                if count == duties.up.awaited.load(Ordering::Relaxed) {
                    duties.up.all.notify_one();
                }
            }
            (_, Some(started)) => {
                Actor::spawn_linked(None, Herald, started.clone(), me.get_cell()).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Microseconds of each restart.
pub(super) async fn restart(count: usize) -> Result<Vec<f64>, Fault> {
    let (started, mut heralds) = mpsc::unbounded_channel();
    let duties = Duties {
        herald: Some(started),
        ..Duties::default()
    };
    let (parent, join) = Actor::spawn(None, Parent, duties).await?;
    let times = restarts(&mut heralds, count).await?;
    parent.kill();
    join.await?;
    Ok(times)
}

/// Microseconds to start a child, of many, linked to a parent that hears of every one.
pub(super) async fn start(count: usize) -> Result<f64, Fault> {
    let duties = Duties::default();
    duties.up.awaited.store(count, Ordering::Relaxed);
    let (parent, join) = Actor::spawn(None, Parent, duties.clone()).await?;
    let stopwatch = Stopwatch::start();
    for _ in 0..count {
        Actor::spawn_linked(None, Idle, (), parent.get_cell()).await?;
    }
    duties.up.all.notified().await;
    let took = stopwatch.seconds() * 1e6 / count as f64;
    parent.kill();
    join.await?;
    // ractor does not wait for the children of a killed parent; whoever is measured next must not pay for their end.
    while tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
        > 0
    {
        tokio::task::yield_now().await;
    }
    Ok(took)
}

/// Starts so many children and leaves them running.
pub(super) async fn populate(count: usize) -> Result<(), Fault> {
    let duties = Duties::default();
    duties.up.awaited.store(count, Ordering::Relaxed);
    let (parent, _) = Actor::spawn(None, Parent, duties.clone()).await?;
    for _ in 0..count {
        Actor::spawn_linked(None, Idle, (), parent.get_cell()).await?;
    }
    // An actor that has not run yet lacks the memory of its loop.
    duties.up.all.notified().await;
    Ok(())
}

/// Counts what it is told, and says when it has heard enough.
struct Counter;

impl Actor for Counter {
    type Msg = u64;
    type State = (u64, u64, Arc<Notify>);
    type Arguments = (u64, Arc<Notify>);

    async fn pre_start(
        &self,
        _: ActorRef<u64>,
        (until, done): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok((0, until, done))
    }

    async fn handle(
        &self,
        _: ActorRef<u64>,
        _: u64,
        (heard, until, done): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        *heard += 1;
        if heard == until {
            done.notify_one();
        }
        Ok(())
    }
}

/// One-way messages handled in a second.
pub(super) async fn throughput(messages: u64, batch: u64) -> Result<f64, Fault> {
    let done = Arc::new(Notify::new());
    let (actor, join) = Actor::spawn(None, Counter, (messages, Arc::clone(&done))).await?;
    let stopwatch = Stopwatch::start();
    for n in 0..messages {
        actor.send_message(n)?;
        // The queue is as deep as the bounded one's at most, so both use their memory alike.
        if n % batch == batch - 1 {
            tokio::task::yield_now().await;
        }
    }
    done.notified().await;
    let rate = messages as f64 / stopwatch.seconds();
    actor.kill();
    join.await?;
    Ok(rate)
}
