//! kameo's own supervision.

use std::time::Duration;

use kameo::{
    Actor,
    actor::{ActorRef, Spawn},
    error::Infallible,
    message::{Context, Message},
    supervision::RestartPolicy,
};
use tokio::sync::mpsc;

use super::{Fault, stopwatch::Stopwatch};

#[derive(Clone)]
struct Overseer;

impl Actor for Overseer {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

type Started = mpsc::UnboundedSender<ActorRef<Herald>>;

struct Herald;

impl Actor for Herald {
    type Args = Option<Started>;
    type Error = Infallible;

    async fn on_start(started: Option<Started>, me: ActorRef<Self>) -> Result<Self, Infallible> {
        if let Some(started) = started {
            let _ = started.send(me);
        }
        Ok(Self)
    }
}

struct Fail;

impl Message<Fail> for Herald {
    type Reply = Result<(), String>;

    async fn handle(&mut self, _: Fail, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        Err("asked to fail".into())
    }
}

/// Microseconds of each restart.
pub(super) async fn restart(count: usize) -> Result<Vec<f64>, Fault> {
    let (started, mut heralds) = mpsc::unbounded_channel();
    let overseer = Overseer::spawn(());
    Herald::supervise(&overseer, Some(started))
        .restart_policy(RestartPolicy::Permanent)
        .restart_limit(u32::MAX, Duration::from_nanos(1))
        .spawn()
        .await;
    let mut child = heralds.recv().await.ok_or("no herald")?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        tokio::task::yield_now().await;
        let before = std::time::Instant::now();
        child.tell(Fail).await.map_err(|error| error.to_string())?;
        let next = tokio::time::timeout(Duration::from_secs(5), heralds.recv()).await;
        let Ok(Some(next)) = next else {
            return Err(format!("kameo gave its child up after {} restarts", times.len()).into());
        };
        child = next;
        times.push(before.elapsed().as_secs_f64() * 1e6);
    }
    overseer.kill();
    Ok(times)
}

/// Microseconds to start a supervised child, of many.
pub(super) async fn start(count: usize) -> Result<f64, Fault> {
    let overseer = Overseer::spawn(());
    let stopwatch = Stopwatch::start();
    let mut children = Vec::with_capacity(count);
    for _ in 0..count {
        children.push(Herald::supervise(&overseer, None).spawn().await);
    }
    for child in &children {
        child.wait_for_startup().await;
    }
    let took = stopwatch.seconds() * 1e6 / count as f64;
    overseer.kill();
    for child in &children {
        child.kill();
        child.wait_for_shutdown().await;
    }
    Ok(took)
}

/// Starts so many supervised children and leaves them running.
pub(super) async fn populate(count: usize) -> Result<(), Fault> {
    let overseer = Overseer::spawn(());
    for _ in 0..count {
        std::mem::forget(Herald::supervise(&overseer, None).spawn().await);
    }
    std::mem::forget(overseer);
    Ok(())
}
