//! A task with a bounded channel: the least that can be called an actor on tokio.

use tokio::sync::mpsc;

use super::super::part::{Outcome, runtime};
use super::super::probe::Dice;
use super::{Peer, handled};

const MESSAGES: u64 = 2_000_000;

pub(crate) fn measure(scale: u64) -> Outcome {
    let (agents, messages) = (200_000 / scale, MESSAGES / scale);
    runtime()?.block_on(async {
        let mut peer = Peer::begin("tokio_task", agents);
        let senders: Vec<mpsc::Sender<u64>> = (0..agents)
            .map(|_| {
                let (sender, mut inbox) = mpsc::channel(4);
                tokio::spawn(async move {
                    while let Some(value) = inbox.recv().await {
                        handled(value);
                    }
                });
                sender
            })
            .collect();
        peer.born().await;
        let mut dice = Dice(3);
        for _ in 0..messages {
            senders[dice.below(agents) as usize].send(1).await?;
        }
        Ok(peer.told(messages).await)
    })
}
