//! The inbox under loom: every order in which its threads can meet, up to three preemptions.
//!
//! The same `inbox.rs`, compiled against loom's lock and wake-up. A wake-up that is lost in any of these orders is a thread
//! that sleeps for ever, which loom reports as a deadlock.

mod sync {
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
}

#[path = "inbox.rs"]
#[allow(dead_code, clippy::duplicate_mod)] // the same file on purpose, see above
mod inbox;

use std::collections::VecDeque;

use loom::sync::Arc;
use loom::thread;

use self::inbox::Inbox;
use crate::event::Event;
use crate::handle::Handle;

fn event(value: u32) -> Event {
    Event::inform(Handle::new(0, 0, 1).unwrap(), 0, value)
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Takes until sent away, or until `enough` events and orders have come.
fn serve(inbox: &Inbox<u8>, incarnation: u64, enough: usize) -> Vec<u32> {
    let (mut events, mut orders) = (Vec::new(), VecDeque::new());
    let (mut found, mut came) = (Vec::new(), 0);
    while came < enough && inbox.take(incarnation, &mut events, &mut orders, true) {
        came += events.len() + orders.len();
        found.extend(events.drain(..).map(|event| event.value));
        orders.clear();
    }
    found
}

#[test]
fn a_sleeping_shard_hears_every_teller_and_every_order() {
    check(|| {
        let inbox = Arc::new(Inbox::new(4, 4));
        inbox.begin(1);
        let teller = {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || {
                inbox.push(&[event(1)]).unwrap();
                inbox.push(&[event(2)]).unwrap();
            })
        };
        let population = {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || inbox.order(9).unwrap())
        };
        assert_eq!(
            serve(&inbox, 1, 3),
            [1, 2],
            "in order, nothing lost, nothing twice"
        );
        teller.join().unwrap();
        population.join().unwrap();
    });
}

#[test]
fn what_waits_when_a_shard_is_replaced_reaches_its_successor_and_nobody_sleeps_on() {
    check(|| {
        let inbox = Arc::new(Inbox::<u8>::new(4, 4));
        inbox.begin(1);
        let old = {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || serve(&inbox, 1, usize::MAX))
        };
        let teller = {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || {
                inbox.push(&[event(1)]).unwrap();
                inbox.push(&[event(2)]).unwrap();
            })
        };
        inbox.begin(2);
        inbox.dismiss(1); // comes late and must not send the new owner away
        let mut found = {
            let (mut events, mut orders) = (Vec::new(), VecDeque::new());
            assert!(inbox.take(2, &mut events, &mut orders, false));
            events
        };
        teller.join().unwrap();
        let (mut rest, mut orders) = (Vec::new(), VecDeque::new());
        assert!(inbox.take(2, &mut rest, &mut orders, false));
        let mut all = old.join().unwrap(); // returns only because it was sent away
        found.append(&mut rest);
        all.extend(found.iter().map(|event| event.value));
        assert_eq!(
            all,
            [1, 2],
            "the old one had the first of them, the new one the rest"
        );
    });
}

#[test]
fn a_successor_asleep_is_woken_though_its_predecessor_sleeps_too() {
    check(|| {
        let inbox = Arc::new(Inbox::<u8>::new(4, 4));
        inbox.begin(1);
        let old = {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || serve(&inbox, 1, usize::MAX))
        };
        inbox.begin(2);
        let teller = {
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || inbox.push(&[event(7)]).unwrap())
        };
        assert_eq!(serve(&inbox, 2, 1), [7]);
        assert!(old.join().unwrap().is_empty());
        teller.join().unwrap();
    });
}
