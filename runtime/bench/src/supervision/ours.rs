//! The same under our supervisor.

use std::{sync::Arc, time::Duration};

use aios_supervisor::{
    Admission, ChildSpec, Mailbox, Shutdown, Strategy, Supervisor, SupervisorRef, SupervisorSpec,
    Template,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{Notify, mpsc};

use super::{
    Fault,
    actors::{self, Herald, Idle, restarts},
    stopwatch::Stopwatch,
};
use crate::meter::{grown_since, resident};

/// A limit that is never reached.
fn unlimited(spec: SupervisorSpec) -> SupervisorSpec {
    spec.intensity(u32::MAX, Duration::from_nanos(1))
}

/// Microseconds of each restart.
pub(super) async fn restart(count: usize) -> Result<Vec<f64>, Fault> {
    let (started, mut heralds) = mpsc::unbounded_channel();
    let child = ChildSpec::worker("herald", move || (Herald, started.clone()));
    let root = Supervisor::start(unlimited(SupervisorSpec::new("root")).child(child)).await?;
    let times = restarts(&mut heralds, count).await?;
    root.stop().await;
    Ok(times)
}

/// Bytes gained by so many restarts of one child under one supervisor, after a tenth as many to warm up.
pub(super) async fn growth(count: usize) -> Result<f64, Fault> {
    let (started, mut heralds) = mpsc::unbounded_channel();
    let herald = ChildSpec::worker("herald", move || (Herald, started.clone()));
    let root = Supervisor::start(unlimited(SupervisorSpec::new("root")).child(herald)).await?;
    let mut child = heralds.recv().await.ok_or("no herald")?;
    for _ in 0..count / 10 {
        actors::restart(&mut child, &mut heralds).await?;
    }
    let before = resident();
    for _ in 0..count {
        actors::restart(&mut child, &mut heralds).await?;
    }
    let grown = grown_since(before);
    root.stop().await;
    Ok(grown)
}

/// Microseconds for a group of so many to stop in reverse order and to start again.
pub(super) async fn one_for_all(count: usize) -> Result<f64, Fault> {
    const TIMES: usize = 20;
    let (started, mut heralds) = mpsc::unbounded_channel();
    let last = ChildSpec::worker("last", move || (Herald, started.clone()));
    let idle = (1..count).map(|n| ChildSpec::worker(format!("c{n}"), || (Idle, ())));
    let spec = unlimited(SupervisorSpec::new("root"))
        .strategy(Strategy::OneForAll)
        .children(idle)
        .child(last);
    let root = Supervisor::start(spec).await?;
    heralds.recv().await.ok_or("no last child")?;
    let victim = root.child(&format!("c{}", count / 2)).ok_or("no victim")?;
    let stopwatch = Stopwatch::start();
    for _ in 0..TIMES {
        victim.cell().ok_or("the victim is down")?.kill();
        heralds.recv().await.ok_or("no last child")?;
    }
    let took = stopwatch.seconds() * 1e6 / TIMES as f64;
    root.stop().await;
    Ok(took)
}

async fn pool(count: usize) -> Result<SupervisorRef, Fault> {
    let template = Template::worker("idle", |(): &()| (Idle, ())).shutdown(Shutdown::Infinity);
    let root = Supervisor::start(SupervisorSpec::dynamic("root", template)).await?;
    let door = root.dynamic::<()>().ok_or("not dynamic")?;
    for outcome in door.start_many((0..count).map(|_| ())).await {
        outcome?;
    }
    Ok(root)
}

/// Microseconds per child to start many and to stop them in order, supervisor last.
pub(super) async fn start_and_stop(count: usize) -> Result<(f64, f64), Fault> {
    let stopwatch = Stopwatch::start();
    let root = pool(count).await?;
    let start = stopwatch.seconds() * 1e6 / count as f64;
    let stopwatch = Stopwatch::start();
    root.stop_within(Duration::from_secs(600)).await;
    Ok((start, stopwatch.seconds() * 1e6 / count as f64))
}

/// Starts so many children and leaves them running.
pub(super) async fn populate(count: usize) -> Result<(), Fault> {
    std::mem::forget(pool(count).await?);
    Ok(())
}

/// Drinks its mailbox, which is bounded and outlives it.
struct Drinker;

struct Cup {
    mailbox: Mailbox<u64>,
    until: u64,
    done: Arc<Notify>,
}

impl Actor for Drinker {
    type Msg = ();
    type State = Arc<Cup>;
    type Arguments = Arc<Cup>;

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        cup: Arc<Cup>,
    ) -> Result<Arc<Cup>, ActorProcessingErr> {
        me.send_message(())?;
        Ok(cup)
    }

    async fn handle(
        &self,
        _: ActorRef<()>,
        (): (),
        cup: &mut Arc<Cup>,
    ) -> Result<(), ActorProcessingErr> {
        let mut heard = 0;
        while cup.mailbox.pop().await.is_some() {
            heard += 1;
            if heard == cup.until {
                cup.done.notify_one();
            }
        }
        Ok(())
    }
}

/// One-way messages handled in a second by a supervised actor with a bounded mailbox whose senders wait.
pub(super) async fn throughput(messages: u64, places: usize) -> Result<f64, Fault> {
    let done = Arc::new(Notify::new());
    let mailbox = Mailbox::new("drinker", places, Admission::Wait(Duration::from_secs(60)));
    let cup = Arc::new(Cup {
        mailbox: mailbox.clone(),
        until: messages,
        done: Arc::clone(&done),
    });
    let child = ChildSpec::worker("drinker", move || (Drinker, Arc::clone(&cup)));
    let root = Supervisor::start(SupervisorSpec::new("root").child(child)).await?;
    let stopwatch = Stopwatch::start();
    for n in 0..messages {
        mailbox
            .push(n)
            .await
            .map_err(|refused| refused.to_string())?;
    }
    done.notified().await;
    let rate = messages as f64 / stopwatch.seconds();
    mailbox.close(aios_supervisor::Backlog::Finish);
    root.stop().await;
    Ok(rate)
}
