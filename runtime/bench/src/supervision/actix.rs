//! actix: a supervised actor is restarted in place, without losing its address or mailbox.

use actix::{Actor, ActorContext, Context, Handler, Message, Supervised, Supervisor, System};
use tokio::sync::mpsc;

use super::Fault;
use crate::meter::{grown_since, resident};

#[derive(Clone, Default)]
struct Herald(Option<mpsc::UnboundedSender<()>>);

impl Actor for Herald {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        if let Some(started) = &self.0 {
            let _ = started.send(());
        }
    }
}

impl Supervised for Herald {}

#[derive(Message)]
#[rtype(result = "()")]
struct Fail;

impl Handler<Fail> for Herald {
    type Result = ();

    fn handle(&mut self, _: Fail, context: &mut Context<Self>) {
        // It knows no error; what its supervisor answers is a stopped context.
        context.stop();
    }
}

/// Microseconds of each restart.
pub(super) fn restart(count: usize) -> Result<Vec<f64>, Fault> {
    System::new().block_on(async {
        let (started, mut heralds) = mpsc::unbounded_channel();
        let herald = Supervisor::start(|_| Herald(Some(started)));
        heralds.recv().await.ok_or("no herald")?;
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            tokio::task::yield_now().await;
            let before = std::time::Instant::now();
            herald.do_send(Fail);
            heralds.recv().await.ok_or("no herald")?;
            times.push(before.elapsed().as_secs_f64() * 1e6);
        }
        Ok(times)
    })
}

/// Resident bytes of one idle supervised actor, of many.
pub(super) fn bytes_per_actor(count: usize) -> Result<f64, Fault> {
    System::new().block_on(async {
        let before = resident();
        let mut actors = Vec::with_capacity(count);
        for _ in 0..count {
            actors.push(Supervisor::start(|_| Herald::default()));
        }
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let figure = grown_since(before) / count as f64;
        std::mem::forget(actors);
        Ok(figure)
    })
}
