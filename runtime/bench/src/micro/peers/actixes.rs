//! actix: actors on the current thread.

use actix::{Actor, Addr, Context, Handler, Message, System};

use super::super::part::Outcome;
use super::super::probe::Dice;
use super::{Peer, handled, until_handled};

const MESSAGES: u64 = 1_000_000;

struct Sink;
struct Told(u64);

impl Message for Told {
    type Result = ();
}

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<Told> for Sink {
    type Result = ();

    fn handle(&mut self, told: Told, _: &mut Context<Self>) {
        handled(told.0);
    }
}

pub(crate) fn measure(scale: u64) -> Outcome {
    let (agents, messages) = (200_000 / scale, MESSAGES / scale);
    System::new().block_on(async {
        let mut peer = Peer::begin("actix", agents);
        let actors: Vec<Addr<Sink>> = (0..agents).map(|_| Sink.start()).collect();
        peer.born().await;
        let mut dice = Dice(3);
        for number in 1..=messages {
            actors[dice.below(agents) as usize].do_send(Told(1));
            if number % 10_000 == 0 {
                until_handled(number).await; // it has one thread, which must get its turn
            }
        }
        Ok(peer.told(messages).await)
    })
}
