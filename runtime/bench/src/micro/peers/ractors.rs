//! ractor, the library our supervisors and shards are built on.

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::super::part::{Outcome, runtime};
use super::super::probe::Dice;
use super::{Peer, handled};

const MESSAGES: u64 = 500_000;

struct Sink;

impl Actor for Sink {
    type Msg = u64;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<u64>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<u64>,
        value: u64,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        handled(value);
        Ok(())
    }
}

pub(crate) fn measure(scale: u64) -> Outcome {
    let (agents, messages) = (20_000 / scale, MESSAGES / scale);
    runtime()?.block_on(async {
        let mut peer = Peer::begin("ractor", agents);
        let mut actors = Vec::new();
        for _ in 0..agents {
            actors.push(Actor::spawn(None, Sink, ()).await?.0);
        }
        peer.born().await;
        let mut dice = Dice(3);
        for _ in 0..messages {
            actors[dice.below(agents) as usize].send_message(1)?;
        }
        let found = peer.told(messages).await;
        actors.iter().for_each(|actor| actor.stop(None));
        Ok(found)
    })
}
