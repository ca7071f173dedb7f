//! Every message is handled, returned, dead-lettered or taken back by its sender: exactly one of these, whatever
//! happens to senders and consumers. Random lives from printed seeds; `AIOS_SEED` plays one again.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aios_supervisor::{Admission, Admitted, Backlog, DeadLetters, Mailbox, Reason, TokioClock};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::task::{JoinHandle, yield_now};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Handled,
    Returned,
    Dead,
    TakenBack,
}

/// What became of every message, by number.
#[derive(Clone, Default)]
struct Fates(Arc<Mutex<BTreeMap<u32, Vec<Fate>>>>);

impl Fates {
    fn note(&self, message: u32, fate: Fate) {
        let mut fates = self.0.lock().unwrap();
        fates.entry(message).or_default().push(fate);
    }
}

/// A message that tells when it is dropped by whoever held it, unless its fate was known already.
struct Message {
    number: u32,
    fates: Option<Fates>,
}

impl Message {
    fn meets(mut self, fate: Fate) {
        if let Some(fates) = self.fates.take() {
            fates.note(self.number, fate);
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        if let Some(fates) = self.fates.take() {
            fates.note(self.number, Fate::TakenBack);
        }
    }
}

struct Life {
    rng: SmallRng,
    mailbox: Mailbox<Message>,
    letters: DeadLetters<Message>,
    fates: Fates,
    senders: Vec<JoinHandle<()>>,
    consumers: Vec<JoinHandle<()>>,
    sent: u32,
}

impl Life {
    fn message(&mut self) -> Message {
        self.sent += 1;
        Message {
            number: self.sent,
            fates: Some(self.fates.clone()),
        }
    }

    fn send(&mut self) {
        let (message, mailbox) = (self.message(), self.mailbox.clone());
        self.senders.push(tokio::spawn(async move {
            meet(mailbox.push_from(message, Some("sender".into())).await);
        }));
    }

    fn try_send(&mut self) {
        let message = self.message();
        meet(self.mailbox.try_push(message));
    }

    fn consume(&mut self) {
        let mailbox = self.mailbox.clone();
        let appetite = self.rng.random_range(1..6);
        self.consumers.push(tokio::spawn(async move {
            for _ in 0..appetite {
                let Some(message) = mailbox.pop().await else {
                    return;
                };
                message.meets(Fate::Handled);
            }
        }));
    }

    fn end_one(&mut self, of_senders: bool) {
        let tasks = if of_senders {
            &mut self.senders
        } else {
            &mut self.consumers
        };
        if !tasks.is_empty() {
            let at = self.rng.random_range(0..tasks.len());
            tasks.swap_remove(at).abort();
        }
    }

    fn close(&mut self) {
        let backlog = [Backlog::Finish, Backlog::Return, Backlog::DeadLetter];
        let backlog = backlog[self.rng.random_range(0..3)];
        for message in self.mailbox.close(backlog) {
            message.meets(Fate::Returned);
        }
    }

    async fn step(&mut self) {
        match self.rng.random_range(0..40) {
            0..14 => self.send(),
            14..18 => self.try_send(),
            18..25 => self.consume(),
            25..28 => self.end_one(true),
            28..31 => self.end_one(false),
            31..36 => yield_now().await,
            36..39 => tokio::time::sleep(Duration::from_millis(self.rng.random_range(1..30))).await,
            _ if self.rng.random_range(0..8) == 0 => self.close(),
            _ => {
                if let Some(message) = self.mailbox.try_pop() {
                    message.meets(Fate::Handled);
                }
            }
        }
    }
}

fn meet(outcome: Result<Admitted<Message>, aios_supervisor::Refused<Message>>) {
    match outcome {
        Ok(Admitted::Queued | Admitted::DeadLettered) => {}
        Ok(Admitted::Displaced(oldest)) => oldest.meets(Fate::Returned),
        Err(refused) => refused.item.meets(Fate::Returned),
    }
}

async fn live(seed: u64, admission: Admission, with_letters: bool) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let place = format!("AIOS_SEED={seed}, {admission:?}, dead letters: {with_letters}");
    let letters = DeadLetters::new(10_000, Arc::new(TokioClock::default()));
    let capacity = rng.random_range(1..5);
    let mailbox = if with_letters {
        Mailbox::with_dead_letters("box", capacity, admission, letters.clone())
    } else {
        Mailbox::new("box", capacity, admission)
    };
    let mut life = Life {
        rng,
        mailbox: mailbox.clone(),
        letters,
        fates: Fates::default(),
        senders: Vec::new(),
        consumers: Vec::new(),
        sent: 0,
    };
    for _ in 0..150 {
        life.step().await;
        assert!(
            mailbox.counts().balance(),
            "{place}: {:?}",
            mailbox.counts()
        );
        assert!(mailbox.len() <= capacity, "{place}: bounded");
    }
    // Everybody is let go, and what is left is taken home.
    life.close();
    for task in life.senders.drain(..) {
        let _ = task.await;
    }
    for task in life.consumers.drain(..) {
        task.abort();
        let _ = task.await;
    }
    while let Some(message) = mailbox.pop().await {
        message.meets(Fate::Handled);
    }
    let counts = mailbox.counts();
    assert!(
        counts.balance() && counts.queued == 0 && counts.waiting == 0,
        "{place}: {counts:?}"
    );
    for letter in life.letters.drain() {
        assert!(
            matches!(
                letter.reason,
                Reason::Full { .. } | Reason::Displaced | Reason::LeftOver
            ),
            "{place}: {:?}",
            letter.reason
        );
        letter.item.meets(Fate::Dead);
    }
    let fates = life.fates.0.lock().unwrap();
    let count = |fate| {
        let met = fates.values().filter(|fates| fates.as_slice() == [fate]);
        u64::try_from(met.count()).unwrap()
    };
    assert!(
        fates.values().all(|fates| fates.len() == 1),
        "{place}: one fate each: {fates:?}"
    );
    assert_eq!(
        fates.len(),
        usize::try_from(life.sent).unwrap(),
        "{place}: nobody is forgotten"
    );
    assert_eq!(
        (
            count(Fate::Handled),
            count(Fate::Returned),
            count(Fate::Dead)
        ),
        (counts.popped, counts.returned, counts.dead_lettered),
        "{place}: the mailbox counts what happened"
    );
    // A sender that ended before it came to push has taken its message back without the mailbox ever seeing it.
    assert!(count(Fate::TakenBack) >= counts.withdrawn, "{place}");
    assert_eq!(
        u64::from(life.sent) - counts.pushed,
        count(Fate::TakenBack) - counts.withdrawn,
        "{place}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_message_is_handled_returned_dead_lettered_or_taken_back() {
    let seeds = match std::env::var("AIOS_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        Some(seed) => seed..seed + 1,
        None => 0..200_u64,
    };
    for seed in seeds {
        for admission in [
            Admission::Wait(Duration::from_millis(10)),
            Admission::Fail,
            Admission::DropOldest,
            Admission::DropNewest,
            Admission::DeadLetter,
        ] {
            for with_letters in [false, true] {
                live(seed, admission, with_letters).await;
            }
        }
    }
}
