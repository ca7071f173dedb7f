//! What a mailbox promises: bounded, every refusal with a reason, nothing lost.

#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use aios_supervisor::{
    Admission, Admitted, Backlog, Counts, DeadLetters, Mailbox, Reason, Refused, TokioClock,
};
use proptest::prelude::*;

fn letters(capacity: usize) -> DeadLetters<u32> {
    DeadLetters::new(capacity, Arc::new(TokioClock::default()))
}

fn full(admission: Admission) -> Mailbox<u32> {
    let mailbox = Mailbox::new("box", 2, admission);
    assert_eq!(mailbox.try_push(1), Ok(Admitted::Queued));
    assert_eq!(mailbox.try_push(2), Ok(Admitted::Queued));
    mailbox
}

fn full_with_letters(admission: Admission) -> (Mailbox<u32>, DeadLetters<u32>) {
    let letters = letters(8);
    let mailbox = Mailbox::with_dead_letters("box", 2, admission, letters.clone());
    assert_eq!(mailbox.try_push(1), Ok(Admitted::Queued));
    assert_eq!(mailbox.try_push(2), Ok(Admitted::Queued));
    (mailbox, letters)
}

fn queued(mailbox: &Mailbox<u32>) -> Vec<u32> {
    std::iter::from_fn(|| mailbox.try_pop()).collect()
}

/// Rows: admission, the outcome of a third push into two places, what is queued then.
#[test]
fn a_full_mailbox_without_dead_letters_hands_back_whatever_it_cannot_keep() {
    let refused = || {
        Err(Refused {
            item: 3,
            reason: Reason::Full { capacity: 2 },
        })
    };
    let rows = [
        (Admission::Fail, refused(), vec![1, 2]),
        (Admission::DropNewest, refused(), vec![1, 2]),
        (Admission::DeadLetter, refused(), vec![1, 2]),
        (
            Admission::DropOldest,
            Ok(Admitted::Displaced(1)),
            vec![2, 3],
        ),
        (
            Admission::Wait(Duration::from_secs(1)),
            refused(),
            vec![1, 2],
        ),
    ];
    for (admission, outcome, left) in rows {
        let mailbox = full(admission);
        assert_eq!(mailbox.try_push(3), outcome, "{admission:?}");
        assert!(
            mailbox.counts().balance(),
            "{admission:?}: {:?}",
            mailbox.counts()
        );
        assert_eq!(queued(&mailbox), left, "{admission:?}");
    }
}

#[test]
fn dead_letters_keep_the_item_its_reason_and_its_sender() {
    let rows = [
        (
            Admission::DropNewest,
            3,
            Reason::Full { capacity: 2 },
            "ann",
        ),
        (
            Admission::DeadLetter,
            3,
            Reason::Full { capacity: 2 },
            "ann",
        ),
        (Admission::DropOldest, 1, Reason::Displaced, "box"),
    ];
    for (admission, item, reason, sender) in rows {
        let (mailbox, letters) = full_with_letters(admission);
        assert_eq!(
            mailbox.try_push_from(3, Some("ann".into())),
            Ok(Admitted::DeadLettered)
        );
        let letter = letters.list().pop().unwrap();
        assert_eq!(
            (letter.item, letter.reason, letter.sender.as_deref()),
            (item, reason, Some(sender))
        );
        assert!(mailbox.counts().balance());
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_sender_gets_the_first_free_place() {
    let mailbox = full(Admission::Wait(Duration::from_secs(1)));
    let sender = tokio::spawn({
        let mailbox = mailbox.clone();
        async move { mailbox.push(3).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(mailbox.counts().waiting, 1);
    assert_eq!(mailbox.pop().await, Some(1));
    assert_eq!(sender.await.unwrap(), Ok(Admitted::Queued));
    assert_eq!(queued(&mailbox), [2, 3]);
    assert!(mailbox.counts().balance());
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waited_in_vain_gets_its_item_back() {
    let mailbox = full(Admission::Wait(Duration::from_millis(1_500)));
    let refused = mailbox.push(3).await.unwrap_err();
    assert_eq!(
        refused,
        Refused {
            item: 3,
            reason: Reason::WaitedTooLong { waited_ms: 1_500 }
        }
    );
    assert!(mailbox.counts().balance());
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_gives_up_waiting_frees_its_turn() {
    let mailbox = full(Admission::Wait(Duration::from_secs(60)));
    let spawn = |item| {
        let mailbox = mailbox.clone();
        tokio::spawn(async move { mailbox.push(item).await })
    };
    let (first, second) = (spawn(3), spawn(4));
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(mailbox.pop().await, Some(1));
    assert_eq!(second.await.unwrap(), Ok(Admitted::Queued));
    assert_eq!(mailbox.counts().withdrawn, 1);
    assert!(mailbox.counts().balance());
}

#[tokio::test(start_paused = true)]
async fn closing_sends_the_backlog_where_it_was_told_to() {
    let mailbox = full(Admission::Fail);
    assert_eq!(mailbox.close(Backlog::Return), [1, 2]);
    assert_eq!(
        (mailbox.pop().await, mailbox.counts().balance()),
        (None, true)
    );

    let mailbox = full(Admission::Fail);
    assert!(mailbox.close(Backlog::Finish).is_empty());
    assert_eq!(
        [
            mailbox.pop().await,
            mailbox.pop().await,
            mailbox.pop().await
        ],
        [Some(1), Some(2), None]
    );
    assert!(mailbox.counts().balance());

    let (mailbox, letters) = full_with_letters(Admission::Fail);
    assert!(mailbox.close(Backlog::DeadLetter).is_empty());
    let left: Vec<_> = letters
        .drain()
        .into_iter()
        .map(|letter| (letter.item, letter.reason))
        .collect();
    assert_eq!(left, [(1, Reason::LeftOver), (2, Reason::LeftOver)]);
    assert!(mailbox.counts().balance());
}

#[tokio::test(start_paused = true)]
async fn closing_wakes_everybody_who_waits() {
    let mailbox = full(Admission::Wait(Duration::from_secs(60)));
    let sender = tokio::spawn({
        let mailbox = mailbox.clone();
        async move { mailbox.push(3).await }
    });
    tokio::task::yield_now().await;
    mailbox.close(Backlog::Return);
    assert_eq!(
        sender.await.unwrap(),
        Err(Refused {
            item: 3,
            reason: Reason::Closed
        })
    );

    let empty = Mailbox::<u32>::new("box", 2, Admission::Fail);
    let consumers: Vec<_> = (0..3)
        .map(|_| {
            let empty = empty.clone();
            tokio::spawn(async move { empty.pop().await })
        })
        .collect();
    tokio::task::yield_now().await;
    empty.close(Backlog::Finish);
    for consumer in consumers {
        assert_eq!(consumer.await.unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_dies_while_waiting_takes_nothing_with_it() {
    let mailbox = Mailbox::<u32>::new("box", 2, Admission::Fail);
    let consumer = tokio::spawn({
        let mailbox = mailbox.clone();
        async move { mailbox.pop().await }
    });
    tokio::task::yield_now().await;
    // Woken and killed in the same moment.
    mailbox.try_push(1).unwrap();
    consumer.abort();
    let _ = consumer.await;
    let next = tokio::time::timeout(Duration::from_secs(1), mailbox.pop()).await;
    assert_eq!(next.unwrap(), Some(1));
    assert!(mailbox.counts().balance());
}

#[test]
fn the_ring_of_dead_letters_forgets_the_oldest_but_keeps_counting() {
    let letters = letters(2);
    for item in 0..5 {
        letters.push(item, Reason::Closed, None);
    }
    assert_eq!(
        letters
            .list()
            .iter()
            .map(|letter| letter.item)
            .collect::<Vec<_>>(),
        [3, 4]
    );
    letters.drain();
    let counts = letters.counts();
    assert_eq!(
        (counts.total, counts.forgotten, counts.taken, counts.kept),
        (5, 3, 2, 0)
    );
    assert_eq!(counts.by_reason.get("closed"), Some(&5));
}

/// Several senders and consumers at once on real threads: the sum is right at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_between_threads() {
    let mailbox = Mailbox::<u32>::new("box", 4, Admission::Wait(Duration::from_secs(30)));
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let mailbox = mailbox.clone();
            tokio::spawn(async move {
                for n in 0..2_000 {
                    mailbox.push(sender * 2_000 + n).await.unwrap();
                }
            })
        })
        .collect();
    let consumers: Vec<_> = (0..3)
        .map(|_| {
            let mailbox = mailbox.clone();
            tokio::spawn(async move {
                let mut sum = 0_u64;
                while let Some(item) = mailbox.pop().await {
                    sum += u64::from(item);
                }
                sum
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    mailbox.close(Backlog::Finish);
    let mut sum = 0;
    for consumer in consumers {
        sum += consumer.await.unwrap();
    }
    assert_eq!(sum, (0..8_000).sum::<u64>());
    assert!(mailbox.counts().balance());
    assert_eq!(mailbox.counts().popped, 8_000);
}

#[derive(Clone, Debug)]
enum Step {
    Push,
    Pop,
    Close(u8),
}

proptest! {
    #[test]
    fn every_item_is_queued_handed_back_dead_lettered_or_handed_out(
        admission in 0_u8..5,
        capacity in 1_usize..4,
        with_letters in any::<bool>(),
        steps in proptest::collection::vec(
            prop_oneof![5 => Just(Step::Push), 3 => Just(Step::Pop), 1 => (0_u8..3).prop_map(Step::Close)], 0..60),
    ) {
        let admission = [
            Admission::Fail, Admission::DropOldest, Admission::DropNewest, Admission::DeadLetter,
            Admission::Wait(Duration::ZERO),
        ][usize::from(admission)];
        let letters = letters(1_000);
        let mailbox = if with_letters {
            Mailbox::with_dead_letters("box", capacity, admission, letters.clone())
        } else {
            Mailbox::new("box", capacity, admission)
        };
        let (mut pushed, mut back, mut popped) = (0_u32, 0_usize, Vec::new());
        for step in steps {
            match step {
                Step::Push => {
                    match mailbox.try_push(pushed) {
                        Ok(Admitted::Displaced(_)) | Err(_) => back += 1,
                        Ok(Admitted::Queued | Admitted::DeadLettered) => {}
                    }
                    pushed += 1;
                }
                Step::Pop => popped.extend(mailbox.try_pop()),
                Step::Close(how) => {
                    let backlog = [Backlog::Finish, Backlog::Return, Backlog::DeadLetter][usize::from(how)];
                    back += mailbox.close(backlog).len();
                }
            }
            prop_assert!(mailbox.counts().balance());
            prop_assert!(mailbox.len() <= capacity);
        }
        let dead = usize::try_from(letters.counts().total).unwrap();
        prop_assert_eq!(pushed as usize, popped.len() + back + dead + mailbox.len());
        prop_assert!(popped.is_sorted(), "first in, first out: {:?}", popped);
    }
}

#[test]
fn a_refusal_reads_as_its_reason_and_an_account_that_misses_an_item_does_not_balance() {
    let refused = full(Admission::Fail).try_push(9).unwrap_err();
    assert_eq!(refused.to_string(), refused.reason.to_string());
    assert!(
        refused.to_string().starts_with("mailbox is full"),
        "{refused}"
    );
    let fair = Counts {
        pushed: 21,
        popped: 1,
        queued: 2,
        returned: 3,
        dead_lettered: 4,
        withdrawn: 5,
        waiting: 6,
    };
    assert!(fair.balance());
    let missing = Counts { pushed: 22, ..fair };
    assert!(!missing.balance());
}

#[test]
fn what_a_mailbox_says_of_itself_follows_its_items() {
    let mailbox = Mailbox::new("m", 3, Admission::Fail);
    let says = |mailbox: &Mailbox<u32>| {
        let depth = mailbox.depth();
        assert_eq!(depth.queued, mailbox.len());
        assert_eq!(depth.capacity, mailbox.capacity());
        (mailbox.len(), mailbox.is_empty(), mailbox.is_closed())
    };
    assert_eq!(mailbox.capacity(), 3);
    assert_eq!(says(&mailbox), (0, true, false));
    for item in [1, 2] {
        mailbox.try_push(item).unwrap();
    }
    assert_eq!(says(&mailbox), (2, false, false));
    assert_eq!(
        format!("{mailbox:?}"),
        format!(
            r#"Mailbox {{ label: "m", depth: {:?}, admission: Fail }}"#,
            mailbox.depth()
        )
    );
    assert_eq!(mailbox.try_pop(), Some(1));
    mailbox.close(Backlog::Finish);
    assert_eq!(says(&mailbox), (1, false, true));
    assert_eq!(mailbox.try_pop(), Some(2));
    assert_eq!(says(&mailbox), (0, true, true));
    assert_eq!(Mailbox::<u32>::new("m", 0, Admission::Fail).capacity(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_closed_mailbox_with_places_left_lets_nobody_wait() {
    let mailbox = Mailbox::new("m", 3, Admission::Wait(Duration::from_secs(60)));
    mailbox.close(Backlog::Finish);
    let refused = mailbox.push(1).await.unwrap_err();
    assert_eq!((refused.item, refused.reason), (1, Reason::Closed));
    assert_eq!(mailbox.len(), 0);
    assert!(mailbox.counts().balance());
}
