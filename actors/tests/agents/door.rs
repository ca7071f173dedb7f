//! The door table: which frames are refused, under which label, and what their sender hears.

use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{
    AgentError, AgentOptions, AskError, Context, Incoming, SendError, keep_private,
};
use aios_actors::{AgentSystem, AgentSystemError, ResendError, Undelivered};
use aios_protocols::{
    AgentId, Draft, KeyDirectory, Party, Performative, ProtocolName, PublicKey, ReasonKind, Sealed,
    Sealer, SigningIdentity, TenantId, Timestamp,
};
use aios_supervisor::Admission;

use crate::house::{Book, House, PATIENCE, SECOND, party};

pub(crate) async fn inform(incoming: Incoming, _: Context, _: Arc<Book>) -> Result<(), AgentError> {
    if incoming.performative == Performative::Request {
        incoming.inform("done")?;
    }
    Ok(())
}

/// Somebody whose key the registry knows, but who signs by hand.
pub(crate) struct Forger {
    pub(crate) sealer: Sealer,
    pub(crate) to: Party,
    pub(crate) sent: u8,
}

impl Forger {
    pub(crate) fn enrolled(house: &House, as_whom: &str, to: &AgentId) -> Self {
        let forger = Self::unknown(house, as_whom, to);
        let identity = forger.sealer.identity();
        house
            .system
            .key_registry()
            .register(&identity.claim(1), house.system.now())
            .unwrap();
        forger
    }

    pub(crate) fn unknown(house: &House, as_whom: &str, to: &AgentId) -> Self {
        // No two parties may have one key.
        let mut seed = [9; 32];
        for (byte, letter) in seed.iter_mut().zip(as_whom.bytes()) {
            *byte ^= letter;
        }
        let identity = Arc::new(SigningIdentity::from_seed(party(as_whom), seed));
        let epoch = house.system.now().as_micros();
        let tenant = TenantId::new("local").unwrap();
        Self {
            sealer: Sealer::new(identity, tenant, epoch),
            to: to.into(),
            sent: 0,
        }
    }

    pub(crate) fn seal(&mut self, house: &House, draft: Draft) -> Sealed {
        self.seal_at(house.system.now(), draft)
    }

    pub(crate) fn seal_at(&mut self, now: Timestamp, draft: Draft) -> Sealed {
        self.sent += 1;
        self.sealer
            .seal(draft.to(&self.to), now, [self.sent; 10])
            .unwrap()
            .1
    }

    pub(crate) fn key(&self) -> PublicKey {
        self.sealer.identity().public_key()
    }

    pub(crate) fn request(&mut self, house: &House) -> Sealed {
        self.seal(
            house,
            Draft::new(Performative::Request, "work").protocol(ProtocolName::FipaRequest),
        )
    }
}

pub(crate) async fn post(house: &House, to: &AgentId, frame: Sealed, opens: bool) {
    house.cell(to).post(frame, opens).await.unwrap();
    house.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_altered_in_any_byte_is_refused_and_audited() {
    let house = House::new().await;
    let options = AgentOptions {
        mailbox: 1024,
        ..AgentOptions::default()
    };
    let worker = house.agent_with("macro.executor", options, inform).await;
    let mut sender = Forger::enrolled(&house, "macro.planner.009@global", &worker);
    let good = sender.request(&house);
    let bytes = good.as_bytes().clone();
    for at in 0..bytes.len() {
        let mut altered = bytes.to_vec();
        altered[at] ^= 0x10;
        post(&house, &worker, Sealed::from_bytes(altered), true).await;
        assert_eq!(
            house.system.audit().counts().values().sum::<u64>(),
            at as u64 + 1,
            "byte {at}"
        );
    }
    assert_eq!(
        (
            house.book.times("work"),
            house.view(&worker).messages.verified
        ),
        (0, 0)
    );
    assert_eq!(house.view(&worker).messages.refused, bytes.len() as u64);
    post(&house, &worker, good, true).await;
    assert_eq!(house.book.times("work"), 1, "the frame itself was sound");
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_false_frame_is_refused_under_its_own_label() {
    type Make = fn(&House, &AgentId) -> (Sealed, bool);
    let cases: [(&str, Make); 8] = [
        ("unknown-sender", |house, worker| {
            (
                Forger::unknown(house, "macro.planner.009@global", worker).request(house),
                true,
            )
        }),
        ("revoked-key", |house, worker| {
            let mut sender = Forger::enrolled(house, "macro.planner.009@global", worker);
            let frame = sender.request(house);
            house
                .system
                .key_registry()
                .revoke_party(sender.sealer.identity().party());
            (frame, true)
        }),
        ("unknown-key", |house, worker| {
            // Says to be the driver, with a key that the driver never had.
            (
                Forger::unknown(house, house.driver.me().as_str(), worker).request(house),
                true,
            )
        }),
        ("wrong-receiver", |house, worker| {
            let mut sender = Forger::enrolled(house, "macro.planner.009@global", worker);
            sender.to = house.driver.me().into();
            (sender.request(house), true)
        }),
        ("tier-forbidden", |house, worker| {
            (
                Forger::enrolled(house, "meso.monitor.009@global", worker).request(house),
                true,
            )
        }),
        ("tier-forbidden", |house, worker| {
            (
                Forger::enrolled(house, "micro.page.0x1@numa-0", worker).request(house),
                true,
            )
        }),
        ("tier-forbidden", |house, worker| {
            (
                Forger::enrolled(house, "user:mallory@local", worker).request(house),
                true,
            )
        }),
        ("out-of-protocol", |house, worker| {
            let mut sender = Forger::enrolled(house, "macro.planner.009@global", worker);
            (
                sender.seal(house, Draft::new(Performative::Agree, "unasked")),
                false,
            )
        }),
    ];
    for (label, make) in cases {
        let house = House::new().await;
        let worker = house.agent(inform).await;
        let (frame, opens) = make(&house, &worker);
        post(&house, &worker, frame, opens).await;
        assert_eq!(
            house.refusals(label),
            1,
            "{label}: {:?}",
            house.system.audit().entries()
        );
        assert_eq!(house.system.audit().entries().len(), 1, "{label}");
        assert!(house.book.lines().is_empty(), "{label}: the agent saw it");
        let entry = house.system.audit().entries().remove(0);
        assert_eq!(entry.by, Party::from(&worker), "{label}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_lets_in_whom_its_card_is_open_to_and_audits_the_others() {
    const PLANNER: &str = "macro.planner.009@global";
    const CRITIC: &str = "macro.critic.009@global";
    const MONITOR: &str = "meso.monitor.009@global";
    const PAGE: &str = "micro.page.0x1@numa-0";
    const USER: &str = "user:mallory@local";
    const SERVICE: &str = "service:ci@local";
    let cases: [(&str, &[&str]); 6] = [
        ("none", &[]),
        ("macro.critic", &[CRITIC]),
        ("user", &[USER]),
        ("macro, service", &[PLANNER, CRITIC, SERVICE]),
        // The tiers stand above every card: these may only inform a macro agent, or not speak to it at all.
        ("meso, micro", &[]),
        ("anyone", &[PLANNER, CRITIC, USER, SERVICE]),
    ];
    for (open_to, let_in) in cases {
        for from in [PLANNER, CRITIC, MONITOR, PAGE, USER, SERVICE] {
            let house = House::new().await;
            let worker = house.agent_open_to("macro.executor", open_to, inform).await;
            let frame = Forger::enrolled(&house, from, &worker).request(&house);
            post(&house, &worker, frame.clone(), true).await;
            let (taken, refused) = if let_in.contains(&from) {
                (1, 0)
            } else {
                (0, 1)
            };
            assert_eq!(
                (house.book.times("work"), house.refusals("tier-forbidden")),
                (taken, refused),
                "{from}, where it is open to {open_to}"
            );
            let entries = house.system.audit().entries();
            assert_eq!(entries.len(), refused as usize, "{entries:?}");
            if let Some(entry) = entries.first() {
                assert_eq!(entry.from, Some(party(from)));
                assert!(
                    entry.message.is_some() && entry.reason.contains(from),
                    "{entry:?}"
                );
            }
            // A successor has the same card, and no door in between.
            house.kill(&worker).await;
            let frame = Forger::enrolled(&house, "service:late@local", &worker).request(&house);
            post(&house, &worker, frame, false).await;
            let late = usize::from(["macro, service", "anyone"].contains(&open_to));
            assert_eq!(house.book.times("work"), taken + late, "{open_to}");
        }
    }
}

/// Nobody knows yet whom it is open to: what comes waits, by whichever door, until its card says so.
#[tokio::test(start_paused = true)]
async fn an_agent_that_has_not_started_yet_refuses_those_it_turns_out_not_to_be_open_to() {
    let house = House::new().await;
    // Registers the role; what it is asked is written down under the same book.
    let other = house
        .agent_open_to("macro.executor", "macro.critic", inform)
        .await;
    let id: AgentId = "macro.executor.077@global".parse().unwrap();
    let spec = house
        .system
        .child_spec(&id, AgentOptions::default())
        .unwrap();
    let cell = house.cell(&id);
    assert_eq!(cell.open_to(), None);
    let asking = house.ask(&id, "work");
    let mut user = Forger::enrolled(&house, "user:mallory@local", &id);
    let mut critic = Forger::enrolled(&house, "macro.critic.009@global", &id);
    for (frame, opens) in [
        (user.request(&house), true),
        (user.request(&house), false),
        (critic.request(&house), true),
        (critic.request(&house), false),
    ] {
        post(&house, &id, frame, opens).await;
    }
    assert_eq!(
        (house.book.lines().len(), house.refusals("tier-forbidden")),
        (0, 0)
    );

    house.supervisor.start_child(spec).await.unwrap();
    let error = asking.await.unwrap().unwrap_err();
    let AskError::Refused { by, reason } = error else {
        panic!("{error}")
    };
    assert_eq!(
        (by, reason.kind),
        (Party::from(&id), ReasonKind::Unauthorised)
    );
    assert!(
        reason.detail.contains("it is open to macro.critic"),
        "{reason}"
    );
    house.settle().await;
    assert_eq!(
        (house.book.times("work"), house.refusals("tier-forbidden")),
        (2, 3)
    );

    // From now on it is known, and not even sent.
    let error = house.ask(&id, "work").await.unwrap().unwrap_err();
    assert!(
        matches!(error, AskError::NotSent(SendError::Denied(_))),
        "{error}"
    );
    assert_eq!(cell.open_to(), house.cell(&other).open_to());
    assert_eq!(house.refusals("tier-forbidden"), 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_receiver_would_refuse_is_not_even_sent() {
    let house = House::new().await;
    let worker = house.agent(inform).await;
    let monitor = house.another_driver("meso.monitor").await;
    let error = monitor.ask(&worker, "work", SECOND).await.unwrap_err();
    assert!(
        matches!(error, AskError::NotSent(SendError::Denied(_))),
        "{error}"
    );
    let error = house
        .driver
        .ask("macro.nobody", "work", SECOND)
        .await
        .unwrap_err();
    assert!(
        matches!(error, AskError::NotSent(SendError::NoReceiver { .. })),
        "{error}"
    );
    let error = house
        .driver
        .send(Draft::new(Performative::Agree, "").to(&worker))
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::OutOfProtocol(_)), "{error}");
    assert_eq!(house.view(&worker).messages.refused, 0);
}

#[tokio::test(start_paused = true)]
async fn an_act_that_the_card_does_not_list_is_not_understood() {
    use aios_actors::agent::Agent;
    struct OnlyRequests;
    #[aios_actors::async_trait]
    impl Agent for OnlyRequests {
        fn card(&self, card: &mut aios_protocols::AgentCard) {
            card.accepts = [Performative::Request].into();
        }
        async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
            Ok(incoming.inform("done")?)
        }
    }
    let house = House::new().await;
    house
        .system
        .factories()
        .register("macro.executor", |_| Ok(OnlyRequests));
    let (worker, _) = house
        .system
        .spawn("macro.executor", &house.supervisor, AgentOptions::default())
        .await
        .unwrap();
    let error = house
        .driver
        .ask(&worker, Draft::query_ref(&worker, "what"), PATIENCE)
        .await
        .unwrap_err();
    let AskError::NotUnderstood { reason, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(
        (reason.kind, house.refusals("unsupported-act")),
        (ReasonKind::UnsupportedAct, 1)
    );
    assert_eq!(house.ask(&worker, "work").await.unwrap().unwrap(), "done");
}

#[tokio::test(start_paused = true)]
async fn a_party_that_was_cut_off_is_not_heard_from_that_moment_on() {
    let house = House::new().await;
    let worker = house.agent(inform).await;
    assert_eq!(house.ask(&worker, "work").await.unwrap().unwrap(), "done");
    house
        .system
        .key_registry()
        .revoke_party(&house.driver.me().into());
    assert!(
        house
            .ask_within(&worker, "more", SECOND)
            .await
            .unwrap()
            .is_err()
    );
    // The request, and the cancel that follows it when nobody has answered in time: neither is heard.
    assert_eq!(
        (house.refusals("revoked-key"), house.book.times("more")),
        (2, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn two_worlds_do_not_see_each_other() {
    let (here, there) = (House::new().await, House::new().await);
    let worker = here.agent(inform).await;
    assert_eq!(here.ask(&worker, "work").await.unwrap().unwrap(), "done");
    let error = there
        .ask_within(&worker, "work", Duration::from_secs(1))
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(error, AskError::NotSent(SendError::NoReceiver { .. })),
        "{error}"
    );
    assert!(there.system.directory().get(&(&worker).into()).is_none());
    assert_eq!(there.system.messages().verified, 0);
    let known = there.system.key_registry().key(
        &(&worker).into(),
        aios_protocols::SigningIdentity::from_seed(party(worker.as_str()), [0; 32]).key_id(),
        there.system.now(),
    );
    assert!(known.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_comes_unasked_by_the_door_of_answers_is_bounded_too() {
    let house = House::new().await;
    let options = AgentOptions {
        in_flight: 4,
        replies: 4,
        ..AgentOptions::default()
    };
    let worker = house.agent_with("macro.executor", options, inform).await;
    house.cell(&worker).suspend();
    let mut sender = Forger::enrolled(&house, "macro.planner.009@global", &worker);
    for _ in 0..20 {
        let frame = sender.seal(&house, Draft::new(Performative::Inform, "unasked"));
        post(&house, &worker, frame, false).await;
    }
    assert_eq!(
        (house.view(&worker).in_flight, house.buried("full")),
        (8, 12)
    );
}

#[tokio::test(start_paused = true)]
async fn one_sender_cannot_push_out_anothers_early_cancel() {
    let house = House::new().await;
    let worker = house.agent(inform).await;
    let mut honest = Forger::enrolled(&house, "macro.planner.009@global", &worker);
    let mut rival = Forger::unknown(&house, "macro.critic.009@global", &worker);
    let identity = Arc::new(SigningIdentity::from_seed(
        party("macro.critic.009@global"),
        [10; 32],
    ));
    rival.sealer.rekey(Arc::clone(&identity));
    house
        .system
        .key_registry()
        .register(&identity.claim(1), house.system.now())
        .unwrap();
    // The cancel overtakes the request it takes back.
    let draft = Draft::request(&worker, "work");
    let random = [1; 10];
    let (request, frame) = honest
        .sealer
        .seal(draft, house.system.now(), random)
        .unwrap();
    let cancel = honest.seal(&house, request.cancel());
    post(&house, &worker, cancel, false).await;
    for n in 0..100 {
        let id = aios_protocols::ConversationId::from_bytes([n; 16]);
        let draft = Draft::new(Performative::Cancel, "").conversation(id);
        let stray = rival.seal(&house, draft);
        post(&house, &worker, stray, false).await;
    }
    post(&house, &worker, frame, true).await;
    assert_eq!(house.book.times("work"), 0, "it was taken back");
}

/// Two come under one name at once: one is in and keeps its key, the other has changed nothing.
#[test]
fn of_two_who_come_at_once_one_is_in_and_its_key_stays() {
    let system = AgentSystem::builder().build();
    for round in 0..50 {
        let id: AgentId = format!("macro.executor.{round}@global").parse().unwrap();
        let start = std::sync::Barrier::new(4);
        let came: Vec<_> = std::thread::scope(|scope| {
            let comers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        system.enrol(&id, AgentOptions::default())
                    })
                })
                .collect();
            comers.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let (cells, refused): (Vec<_>, Vec<_>) = came.into_iter().partition(Result::is_ok);
        assert_eq!((cells.len(), refused.len()), (1, 3), "round {round}");
        for error in refused.into_iter().filter_map(Result::err) {
            assert!(matches!(error, AgentSystemError::NameTaken(_)), "{error}");
        }
        let there = system.directory().get(&(&id).into()).unwrap();
        assert!(cells.iter().flatten().all(|cell| Arc::ptr_eq(cell, &there)));
        let keys = system.key_registry();
        let epoch = keys.epoch(there.party()).unwrap();
        // Nobody replaced it, so it is its party's first one still.
        let first = *keys.epochs(there.party(), system.now()).start();
        assert_eq!(epoch, first, "round {round}");
    }
}

/// Whoever looks at the dead letters of a node is not always who a message was for.
#[tokio::test(start_paused = true)]
async fn of_a_letter_that_was_for_its_receiver_alone_only_the_head_is_kept() {
    let house = House::new().await;
    let options = AgentOptions {
        mailbox: 1,
        admission: Admission::DropOldest,
        ..AgentOptions::default()
    };
    let worker = house.agent_with("macro.executor", options, inform).await;
    let mut sender = Forger::enrolled(&house, "macro.planner.009@global", &worker);
    let mut unknown = Forger::unknown(&house, "macro.critic.009@global", &worker);
    let told = || Draft::new(Performative::Inform, "the salary is 4,200");
    let late = [
        sender.seal(&house, told()),
        sender.seal(&house, keep_private(told())),
        sender.seal(&house, told().ontology("aios.judge")),
        sender.seal(&house, told().ontology("aios.judge.stream")),
    ];
    let lengths = late.each_ref().map(aios_protocols::Sealed::len);
    let forged = [unknown.seal(&house, told()), unknown.seal(&house, told())];
    let length = forged[0].len();
    tokio::time::advance(2 * AgentOptions::default().max_age).await;
    for frame in late {
        post(&house, &worker, frame, true).await;
    }
    let kept = |letter: &Undelivered| {
        let message = letter.message.as_ref().unwrap();
        let content = message.content.as_str().unwrap().to_owned();
        assert_eq!(message.sender.as_str(), "macro.planner.009@global");
        assert!(message.receivers.contains(&Party::from(&worker)));
        (letter.whole, content, letter.bytes)
    };
    let letters = house.system.undelivered();
    assert_eq!(
        letters.iter().map(kept).collect::<Vec<_>>(),
        [
            (true, "the salary is 4,200".to_owned(), lengths[0]),
            (false, String::new(), lengths[1]),
            (false, String::new(), lengths[2]),
            (false, String::new(), lengths[3]),
        ]
    );
    let error = house.system.resend(letters[1].number).await.unwrap_err();
    assert_eq!(error, ResendError::HeadAlone { number: 2 });
    assert!(
        house.system.undelivered_one(2).is_some(),
        "it is still there"
    );
    // Of what nobody can verify there is not even a head. The second takes the place of the first.
    for frame in forged {
        house.cell(&worker).post(frame, true).await.unwrap();
    }
    house.settle().await;
    let letter = house.system.undelivered_one(5).unwrap();
    assert_eq!((letter.whole, letter.bytes), (false, length));
    assert!(letter.message.is_err(), "{letter:?}");
}
