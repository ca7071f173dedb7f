//! kameo, with its bounded mailbox as it comes.

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::message::{Context, Message};

use super::super::part::{Outcome, runtime};
use super::super::probe::Dice;
use super::{Peer, handled};

const MESSAGES: u64 = 500_000;

struct Sink;
struct Told(u64);

impl Actor for Sink {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(sink: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(sink)
    }
}

impl Message<Told> for Sink {
    type Reply = ();

    async fn handle(&mut self, told: Told, _: &mut Context<Self, ()>) {
        handled(told.0);
    }
}

pub(crate) fn measure(scale: u64) -> Outcome {
    let (agents, messages) = (20_000 / scale, MESSAGES / scale);
    runtime()?.block_on(async {
        let mut peer = Peer::begin("kameo", agents);
        let actors: Vec<ActorRef<Sink>> = (0..agents).map(|_| Sink::spawn(Sink)).collect();
        peer.born().await;
        let mut dice = Dice(3);
        for _ in 0..messages {
            let actor = &actors[dice.below(agents) as usize];
            actor
                .tell(Told(1))
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok(peer.told(messages).await)
    })
}
