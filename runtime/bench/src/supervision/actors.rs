//! The actors that all subjects built on ractor share.

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc;

/// Does nothing; fails when it is told anything.
pub(super) struct Idle;

impl Actor for Idle {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        Err("asked to fail".into())
    }
}

/// Where a herald says that it has started.
pub(super) type Started = mpsc::UnboundedSender<ActorCell>;

/// Tells when it has started; fails when it is told anything.
pub(super) struct Herald;

impl Actor for Herald {
    type Msg = ();
    type State = ();
    type Arguments = Started;

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        started: Started,
    ) -> Result<(), ActorProcessingErr> {
        Ok(started.send(me.get_cell())?)
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        Err("asked to fail".into())
    }
}

/// Microseconds from the order to fail to the start of the next incarnation, so many times.
pub(super) async fn restarts(
    heralds: &mut mpsc::UnboundedReceiver<ActorCell>,
    count: usize,
) -> Result<Vec<f64>, super::Fault> {
    let mut child = heralds.recv().await.ok_or("no herald")?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        times.push(restart(&mut child, heralds).await?);
    }
    Ok(times)
}

/// One of them.
pub(super) async fn restart(
    child: &mut ActorCell,
    heralds: &mut mpsc::UnboundedReceiver<ActorCell>,
) -> Result<f64, super::Fault> {
    tokio::task::yield_now().await;
    let before = std::time::Instant::now();
    child.send_message(())?;
    *child = heralds.recv().await.ok_or("no herald")?;
    Ok(before.elapsed().as_secs_f64() * 1e6)
}
