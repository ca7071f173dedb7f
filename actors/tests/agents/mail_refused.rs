//! Durable agents and what they do not take: what somebody else put on record, what an earlier version left unsigned, and what is refused as it
//! comes, which costs no sync and no place among the outcomes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aios_actors::agent::{Agent, AgentError, Context, Incoming, MailOutcome};
use aios_actors::async_trait;
use aios_memory::Store;
use aios_protocols::{AgentCard, AgentId, Draft, Performative, PublicKey, Sealed, Timestamp};

use crate::door::{Forger, post};
use crate::house::{Book, House};
use crate::mail::{Mortal, clerk, durable, house, owner};

const PLANNER: &str = "macro.planner.009@global";

/// A record as the first version wrote it: it names the key that its frame is verified with, and nobody has signed that.
fn unsigned(key: PublicKey, frame: &Sealed) -> Vec<u8> {
    let mut record = b"AIML\x01".to_vec();
    record.extend_from_slice(&1_000_000_u64.to_le_bytes());
    record.extend_from_slice(&0_u32.to_le_bytes());
    record.extend_from_slice(&key.to_bytes());
    record.extend_from_slice(frame.as_bytes());
    record
}

fn record_key(number: u64) -> String {
    format!("mail/{}/{number:020}", clerk())
}

fn outcome_key(number: u64) -> String {
    format!("mailed/{}/{number:020}", clerk())
}

/// An outcome as the first version wrote it, which nobody has signed.
const UNSIGNED: &[u8] = br#"{"form":1,"message":"m","sender":"s","at_us":1,"outcome":"handled"}"#;

/// Takes requests and queries, of planners alone.
struct Choosy(Arc<Book>);

#[async_trait]
impl Agent for Choosy {
    fn card(&self, card: &mut AgentCard) {
        card.accepts = [Performative::Request, Performative::Inform].into();
        card.open_to = "macro.planner".parse().unwrap();
    }

    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        self.0
            .write(incoming.content.as_str().unwrap_or_default().to_owned());
        if incoming.performative.expects_reply() {
            incoming.inform("done")?;
        }
        Ok(())
    }
}

async fn with_choosy(store: &Arc<Mortal>) -> House {
    let house = house(Arc::clone(store) as Arc<dyn Store>).await;
    let book = Arc::clone(&house.book);
    let factories = house.system.factories();
    factories.register("macro.clerk", move |_| Ok(Choosy(Arc::clone(&book))));
    house
        .system
        .spawn_as(&clerk(), &house.supervisor, durable())
        .await
        .unwrap();
    house
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_put_on_record_is_named_and_handed_to_nobody() {
    let store = Mortal::fresh();
    let elsewhere = House::with_store(Arc::new(aios_memory::InMemoryStore::default())).await;
    let mut forger = Forger::unknown(&elsewhere, PLANNER, &clerk());
    let frame = forger.request(&elsewhere);
    let first = unsigned(forger.key(), &frame);
    // The same as this version writes it, signed with a key that the forger has.
    let mut second = first.clone();
    second[4] = 2;
    second.splice(5..5, [7; 64]);
    for (number, record) in [(1, &first), (2, &second)] {
        store.put(record_key(number).as_bytes(), record).unwrap();
    }
    // Nor does it leave no number for what comes.
    store.put(record_key(u64::MAX).as_bytes(), &second).unwrap();
    let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
    house.tell("after").await.unwrap();
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["after"]);
    assert_eq!(house.outcomes(), [MailOutcome::Handled]);
    let unread = [record_key(1), record_key(2)];
    assert_eq!(house.system.mail(&clerk()).unwrap().unread, unread);
    for (number, record) in [(1, first), (2, second)] {
        let there = store.get(record_key(number).as_bytes()).unwrap();
        assert_eq!(there, Some(record), "it stays for whoever wants to know");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_version_left_unsigned_is_handed_over_once_somebody_adopts_it() {
    let store = Mortal::fresh();
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        let mut sender = Forger::enrolled(&house, PLANNER, &clerk());
        for (number, what) in [(1, "one"), (2, "two")] {
            let inform = Draft::new(Performative::Inform, what);
            let frame = sender.seal(&house, inform);
            let record = unsigned(sender.key(), &frame);
            store.put(record_key(number).as_bytes(), &record).unwrap();
        }
        // The second had its outcome, and its process ended before it was taken off.
        store.put(outcome_key(2).as_bytes(), UNSIGNED).unwrap();
        store.flush().unwrap();
        store.end_within(0);
    }
    let store = Mortal::after(&store);
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.settle().await;
        assert_eq!(house.book.lines(), [""; 0]);
        let unread = [outcome_key(2), record_key(1), record_key(2)];
        assert_eq!(house.system.mail(&clerk()).unwrap().unread, unread);
        // What comes meanwhile has its outcome: those are not left behind it.
        house.tell("new").await.unwrap();
        house.all_settled().await;
        assert_eq!(house.book.lines(), ["new"]);
        let adopted = house.system.adopt_unsigned(&clerk(), false).unwrap();
        let counts = (adopted.checkpoints, adopted.messages, adopted.outcomes);
        assert_eq!(counts, (0, 1, 1));
        let signed = [
            format!("{}: inform of {PLANNER}", record_key(4)),
            format!("{}: Handled, of a message of s", outcome_key(2)),
        ];
        assert_eq!(adopted.signed, signed);
        // That it was done is on record, and it is done once.
        let there = store.scan_prefix(b"adopted/", None, 9).unwrap();
        assert_eq!(there.len(), 1);
        let again = house.system.adopt_unsigned(&clerk(), false).unwrap_err();
        assert!(again.to_string().contains("--again"), "{again}");
        let there = store.scan_prefix(b"adopted/", None, 9).unwrap();
        assert_eq!(there.len(), 1);
        store.end_within(0);
    }
    let house = House::with_clerk(Mortal::after(&store)).await;
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["one"]);
    assert_eq!(house.outcomes(), [const { MailOutcome::Handled }; 3]);
}

/// An agent that many wrote to, half of whose messages had their outcome: each is looked up, and none is compared with all others.
#[tokio::test(start_paused = true)]
async fn however_much_was_left_unsigned_each_message_is_adopted_once_or_not_at_all() {
    const LEFT: u64 = 250;
    let store = Mortal::fresh();
    let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
    let mut sender = Forger::enrolled(&house, PLANNER, &clerk());
    for number in 1..=LEFT {
        let frame = sender.seal(&house, Draft::new(Performative::Inform, "one of many"));
        let record = unsigned(sender.key(), &frame);
        store.put(record_key(number).as_bytes(), &record).unwrap();
        if number % 2 == 0 {
            store.put(outcome_key(number).as_bytes(), UNSIGNED).unwrap();
        }
    }
    let adopted = house.system.adopt_unsigned(&clerk(), false).unwrap();
    assert_eq!((adopted.messages, adopted.outcomes), (125, 125));
    let signed = |number: u64| {
        let record = store.get(record_key(number).as_bytes()).unwrap();
        record.is_some_and(|record| record[4] == 2)
    };
    assert!((1..=LEFT).all(|number| signed(number) == (number % 2 == 1)));
    // What is read of it afterwards looks up as it does.
    let there = house.system.mail(&clerk()).unwrap();
    assert_eq!((there.waiting.len(), there.settled.len()), (125, 125));
}

/// A process that ends between the two writes of an adoption leaves both records; and a sender that heard nothing brings its message again.
#[tokio::test(start_paused = true)]
async fn what_had_its_outcome_under_another_number_is_not_handed_over_once_more() {
    let store = Mortal::fresh();
    let record = {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        let mut sender = Forger::enrolled(&house, PLANNER, &clerk());
        let frame = sender.seal(&house, Draft::new(Performative::Inform, "one"));
        let record = unsigned(sender.key(), &frame);
        store.put(record_key(1).as_bytes(), &record).unwrap();
        store.put(outcome_key(2).as_bytes(), UNSIGNED).unwrap();
        store.flush().unwrap();
        let adopted = house.system.adopt_unsigned(&clerk(), false).unwrap();
        assert_eq!((adopted.messages, adopted.outcomes), (1, 1));
        store.end_within(0);
        record
    };
    let store = Mortal::after(&store);
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.all_settled().await;
        assert_eq!(house.book.lines(), ["one"]);
        // As if the record that was adopted had not been taken off, behind an outcome of something else.
        house.tell("two").await.unwrap();
        house.all_settled().await;
        store.put(record_key(1).as_bytes(), &record).unwrap();
        store.put(record_key(9).as_bytes(), &record).unwrap();
        store.flush().unwrap();
        let adopted = house.system.adopt_unsigned(&clerk(), true).unwrap();
        assert_eq!(adopted.messages, 0, "{:?}", adopted.signed);
        let there = store.get(record_key(9).as_bytes()).unwrap();
        assert_eq!(there, None, "nobody has to look at it again");
        store.end_within(0);
    }
    let house = House::with_clerk(Mortal::after(&store)).await;
    house.tell("after").await.unwrap();
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["after"]);
}

/// Whoever can write the store makes no message one that was handled: neither unsigned, nor with the outcome of another.
#[tokio::test(start_paused = true)]
async fn an_outcome_that_somebody_else_put_on_record_counts_for_nothing() {
    let store = Mortal::fresh();
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.tell("before").await.unwrap();
        house.all_settled().await;
        house.cell(&clerk()).suspend();
        house.tell("one").await.unwrap();
        house.tell("two").await.unwrap();
        let another = store.get(outcome_key(1).as_bytes()).unwrap().unwrap();
        store.put(outcome_key(2).as_bytes(), UNSIGNED).unwrap();
        store.put(outcome_key(3).as_bytes(), &another).unwrap();
        store.flush().unwrap();
        let view = house.system.mail(&clerk()).unwrap();
        assert_eq!(view.waiting.len(), 2);
        assert_eq!(view.unread, [outcome_key(2), outcome_key(3)]);
        store.end_within(0);
    }
    let house = House::with_clerk(Mortal::after(&store)).await;
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["one", "two"]);
    assert_eq!(house.outcomes().len(), 3);
    assert!(house.system.mail(&clerk()).unwrap().unread.is_empty());
}

/// A message whose outcome has given its place to later ones, and an old copy of it.
#[tokio::test(start_paused = true)]
async fn what_is_put_back_after_its_outcome_is_gone_is_named_and_handed_to_nobody() {
    let store = Mortal::fresh();
    let copy = {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.cell(&clerk()).suspend();
        house.tell("old").await.unwrap();
        let copy = store.get(record_key(1).as_bytes()).unwrap().unwrap();
        house.cell(&clerk()).resume();
        for _ in 0..64 {
            house.tell("new").await.unwrap();
            house.all_settled().await;
        }
        assert_eq!(store.get(outcome_key(1).as_bytes()).unwrap(), None);
        store.put(record_key(1).as_bytes(), &copy).unwrap();
        store.flush().unwrap();
        store.end_within(0);
        copy
    };
    let store = Mortal::after(&store);
    let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
    house.tell("after").await.unwrap();
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["after"]);
    assert_eq!(house.system.mail(&clerk()).unwrap().unread, [record_key(1)]);
    let there = store.get(record_key(1).as_bytes()).unwrap();
    assert_eq!(there, Some(copy), "it stays for whoever wants to know");
}

/// Its sender hears that it was taken; by the time it is taken up its clock may not be ahead any more.
#[tokio::test(start_paused = true)]
async fn what_comes_from_a_clock_that_is_ahead_is_on_record() {
    let store = Mortal::fresh();
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.cell(&clerk()).suspend();
        let mut sender = Forger::enrolled(&house, PLANNER, &clerk());
        let ahead = house.system.now() + 45 * crate::house::SECOND;
        let frame = sender.seal_at(ahead, Draft::new(Performative::Inform, "early"));
        post(&house, &clerk(), frame, true).await;
        assert_eq!(house.system.mail(&clerk()).unwrap().waiting.len(), 1);
        store.end_within(0);
    }
    let house = House::with_clerk(Mortal::after(&store)).await;
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["early"]);
}

/// Whatever is refused as it comes is in the audit and nowhere else: a hundred of them cost the store nothing.
#[tokio::test(start_paused = true)]
async fn what_is_refused_as_it_comes_costs_no_sync_and_no_place_among_the_outcomes() {
    let store = Mortal::fresh();
    let house = with_choosy(&store).await;
    let mut planner = Forger::enrolled(&house, PLANNER, &clerk());
    let request = planner.request(&house);
    post(&house, &clerk(), request.clone(), true).await;
    house.all_settled().await;
    assert_eq!(house.outcomes().len(), 1);
    let mut stranger = Forger::enrolled(&house, "macro.critic.009@global", &clerk());
    let mut other = Forger::enrolled(
        &house,
        "macro.planner.008@global",
        &"macro.clerk.002@global".parse::<AgentId>().unwrap(),
    );
    let unknown = Forger::unknown(&house, "macro.planner.007@global", &clerk()).request(&house);
    let late =
        Draft::request(clerk(), "late").reply_by(Timestamp::since_epoch(crate::house::SECOND));
    let late = planner.seal(&house, late);
    let query = Draft::new(Performative::QueryIf, "is it so?");
    let query = planner.seal(&house, query);
    let mut altered = planner.request(&house).as_bytes().to_vec();
    *altered.last_mut().unwrap() ^= 1;
    let before = store.operations.load(Ordering::Acquire);
    let cases = [
        ("replayed", request),
        ("expired", late),
        ("unsupported-act", query),
        ("tier-forbidden", stranger.request(&house)),
        ("wrong-receiver", other.request(&house)),
        ("unknown-sender", unknown),
        ("bad-signature", Sealed::from_bytes(altered)),
    ];
    for (label, frame) in cases {
        for _ in 0..15 {
            post(&house, &clerk(), frame.clone(), true).await;
        }
        assert!(house.refusals(label) > 0, "{label}");
        let spent = store.operations.load(Ordering::Acquire) - before;
        assert_eq!(spent, 0, "{label}");
    }
    assert_eq!(house.outcomes().len(), 1);
    assert_eq!(house.book.lines(), ["work"]);
    // And what is taken is on record as before.
    post(&house, &clerk(), planner.request(&house), true).await;
    house.all_settled().await;
    assert_eq!(house.outcomes().len(), 2);
}

/// A card that was narrower when a message came: on record all the same before the agent has it in its hands.
#[tokio::test(start_paused = true)]
async fn what_was_to_be_refused_and_is_not_is_on_record_before_it_is_handled() {
    let store = Mortal::fresh();
    let house = house(Arc::clone(&store) as Arc<dyn Store>).await;
    let book = Arc::clone(&house.book);
    let factories = house.system.factories();
    let lives = Arc::new(std::sync::atomic::AtomicU64::new(0));
    factories.register("macro.clerk", move |_| {
        let first = lives.fetch_add(1, Ordering::AcqRel) == 0;
        Ok(Growing {
            book: Arc::clone(&book),
            first,
        })
    });
    house
        .system
        .spawn_as(&clerk(), &house.supervisor, durable())
        .await
        .unwrap();
    house.cell(&clerk()).suspend();
    let mut critic = Forger::enrolled(&house, "macro.critic.009@global", &clerk());
    let frame = critic.request(&house);
    post(&house, &clerk(), frame, true).await;
    assert_eq!(house.system.mail(&clerk()).unwrap().waiting, []);
    house.kill(&clerk()).await;
    house.settle().await;
    house.cell(&clerk()).resume();
    house.book.wait("work", 1).await;
    assert_eq!(house.system.mail(&clerk()).unwrap().waiting.len(), 1);
    house.book.write("go");
    house.all_settled().await;
    let answered = MailOutcome::Answered("inform".to_owned());
    assert_eq!(house.outcomes(), [answered]);
    let signer = owner().derive(clerk());
    assert_eq!(house.cell(&clerk()).public_key(), signer.public_key());
}

/// Is open to planners in its first life, and to everybody from then on.
struct Growing {
    book: Arc<Book>,
    first: bool,
}

#[async_trait]
impl Agent for Growing {
    fn card(&self, card: &mut AgentCard) {
        if self.first {
            card.open_to = "macro.planner".parse().unwrap();
        }
    }

    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        self.book
            .write(incoming.content.as_str().unwrap_or_default().to_owned());
        self.book.wait("go", 1).await;
        incoming.inform("done")?;
        Ok(())
    }
}
