//! What the verifier refuses besides forgeries, and in which order it looks.

use std::sync::Arc;
use std::time::Duration;

use crate::world::*;
use aios_protocols::*;

fn hello(to: &str) -> Draft {
    Draft::request(party(to), "hello")
}

fn open_at(
    world: &World,
    sealed: &Sealed,
    receiver: &str,
    at: Timestamp,
) -> Result<Trusted, Refusal> {
    verifier().open(sealed, &world.keys, &party(receiver), at)
}

/// Seals with chosen envelope numbers.
fn numbered(epoch: u64, sequence: u64, sent: Timestamp) -> Sealed {
    numbered_draft(hello(EXECUTOR), epoch, sequence, sent)
}

fn numbered_draft(draft: Draft, epoch: u64, sequence: u64, sent: Timestamp) -> Sealed {
    let identity = identity(PLANNER, 1);
    let mut message = sealer(PLANNER).stamp(draft, sent, [5; 10]).unwrap();
    message.envelope.epoch = epoch;
    message.envelope.sequence = sequence;
    identity.seal(&message, &Limits::default()).unwrap()
}

#[test]
fn a_message_is_admitted_once() {
    let world = World::new();
    let mut verifier = verifier();
    let (_, sealed) = seal(PLANNER, hello(EXECUTOR));
    assert!(world.open(&mut verifier, &sealed, EXECUTOR).is_ok());
    for _ in 0..3 {
        let refusal = world.open(&mut verifier, &sealed, EXECUTOR).unwrap_err();
        assert_eq!(refusal.label(), "replayed");
    }
    let mut restarted = verifier.clone();
    let refusal = world.open(&mut restarted, &sealed, EXECUTOR).unwrap_err();
    assert_eq!(
        refusal.label(),
        "replayed",
        "kept across a restart of the agent"
    );
}

#[test]
fn what_would_be_admitted_is_foretold_and_nothing_is_kept_of_it() {
    let world = World::new();
    let receiver = party(EXECUTOR);
    let mut mine = verifier();
    let mut labels = Vec::new();
    let over = numbered_draft(hello(EXECUTOR).reply_by(later(1)), 9, 1, morning());
    for (sealed, at) in [
        (numbered(7, 5, morning()), morning()),
        (numbered(7, 5, morning()), morning()),
        (numbered(8, 1, morning()), morning()),
        (numbered(7, 6, morning()), morning()),
        (numbered(8, 2, later(40)), morning()),
        (numbered(8, 2, morning()), later(3_601)),
        (seal(PLANNER, hello(CRITIC)).1, morning()),
        (over, later(2)),
    ] {
        let limits = Limits::default();
        let authentic = authenticate(&sealed, &world.keys, &limits, at).unwrap();
        let foretold: Vec<_> = (0..2)
            .map(|_| mine.check(&authentic, &receiver, at))
            .collect();
        let said = mine.admit(authentic, &receiver, at).map(drop);
        assert_eq!(foretold, [said.clone(), said.clone()]);
        labels.push(said.map_or_else(|refusal| refusal.label(), |()| "admitted"));
    }
    assert_eq!(
        labels,
        [
            "admitted",
            "replayed",
            "admitted",
            "stale-epoch",
            "from-the-future",
            "too-old",
            "wrong-receiver",
            "expired",
        ]
    );
}

#[test]
fn one_frame_to_two_receivers_is_admitted_by_each() {
    let world = World::new();
    let (_, sealed) = seal(PLANNER, hello(EXECUTOR).to(party(CRITIC)));
    assert!(world.open(&mut verifier(), &sealed, EXECUTOR).is_ok());
    assert!(world.open(&mut verifier(), &sealed, CRITIC).is_ok());
    let refusal = world.open(&mut verifier(), &sealed, INTERFACE).unwrap_err();
    assert_eq!(refusal.label(), "wrong-receiver");
}

#[test]
fn epochs_only_go_forward() {
    let world = World::new();
    let mut verifier = verifier();
    let mut label = |epoch, sequence| match world.open(
        &mut verifier,
        &numbered(epoch, sequence, morning()),
        EXECUTOR,
    ) {
        Ok(_) => "admitted",
        Err(refusal) => refusal.label(),
    };
    assert_eq!(label(7, 5), "admitted");
    assert_eq!(label(8, 1), "admitted");
    assert_eq!(label(7, 6), "stale-epoch");
    assert_eq!(label(8, 1), "replayed");
    assert_eq!(label(8, 2), "admitted");
    assert_eq!(label(8, 0), "replayed");
}

#[test]
fn messages_may_overtake_each_other_within_the_window() {
    let world = World::new();
    let mut verifier = verifier();
    let mut admitted = |sequence| {
        world
            .open(&mut verifier, &numbered(7, sequence, morning()), EXECUTOR)
            .is_ok()
    };
    assert!(admitted(2_000));
    assert!(admitted(1_999));
    assert!(admitted(2_000 - 1_023));
    assert!(!admitted(2_000 - 1_024));
    assert!(!admitted(1_999));
}

#[test]
fn keys_rotate_expire_and_are_revoked() {
    let world = World::new();
    let planner = party(PLANNER);
    let (_, old) = seal(PLANNER, hello(EXECUTOR));
    let second = Arc::new(identity(PLANNER, 2));
    let grace = Duration::from_secs(60);
    world
        .keys
        .rotate(
            &second.claim_after(&identity(PLANNER, 1), 2),
            morning(),
            grace,
        )
        .unwrap();
    let mut sealer = sealer(PLANNER);
    sealer.rekey(second.clone());
    let (_, new) = sealer.seal(hello(EXECUTOR), morning(), [6; 10]).unwrap();

    let label = |sealed: &Sealed, at| match open_at(&world, sealed, EXECUTOR, at) {
        Ok(_) => "admitted",
        Err(refusal) => refusal.label(),
    };
    assert_eq!(
        label(&old, later(60)),
        "admitted",
        "the old key in its time of grace"
    );
    assert_eq!(label(&old, later(61)), "expired-key");
    assert_eq!(label(&new, later(61)), "admitted");
    assert_eq!(
        label(&new, morning() - Duration::from_secs(1)),
        "expired-key",
        "not yet valid"
    );

    assert!(
        world
            .keys
            .revoke_key(&planner, identity(PLANNER, 1).key_id())
    );
    assert_eq!(label(&old, morning()), "revoked-key");
    assert_eq!(label(&new, morning()), "admitted");

    assert!(world.keys.revoke_party(&planner));
    assert_eq!(
        label(&new, morning()),
        "revoked-key",
        "cut off at once, with every key"
    );

    let third = identity(PLANNER, 3);
    world.keys.reinstate(&third.claim(3), morning()).unwrap();
    assert_eq!(
        label(&new, morning()),
        "revoked-key",
        "an old key stays revoked"
    );
    sealer.rekey(Arc::new(third));
    let (_, newest) = sealer.seal(hello(EXECUTOR), morning(), [8; 10]).unwrap();
    assert_eq!(label(&newest, morning()), "admitted");

    assert!(world.keys.remove(&planner));
    assert_eq!(label(&newest, morning()), "unknown-sender");
}

#[test]
fn an_unregistered_sender_is_unknown() {
    let world = World::new();
    let (_, sealed) = seal("macro.planner.099@global", hello(EXECUTOR));
    let refusal = open_at(&world, &sealed, EXECUTOR, morning()).unwrap_err();
    assert_eq!(refusal.label(), "unknown-sender");
}

#[test]
fn weak_public_keys_are_refused() {
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    assert_eq!(PublicKey::from_bytes(&identity_point), Err(KeyError::Weak));
    assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(KeyError::Weak));
    let text = identity(PLANNER, 1).public_key().to_string();
    assert_eq!(
        text.parse::<PublicKey>().unwrap(),
        identity(PLANNER, 1).public_key()
    );
    assert_eq!("xyz".parse::<PublicKey>(), Err(KeyError::Form));
}

#[test]
fn a_directive_past_its_reply_by_is_dropped_other_acts_are_not() {
    let world = World::new();
    use Performative::*;
    let rows = [
        (Request, true),
        (QueryIf, true),
        (Cfp, true),
        (Subscribe, true),
        (Inform, false),
        (Propose, false),
        (Agree, false),
        (Cancel, false),
    ];
    for (act, dropped) in rows {
        let draft = Draft::new(act, "x").to(party(EXECUTOR)).reply_by(later(5));
        let (_, sealed) = seal(PLANNER, draft);
        assert!(
            open_at(&world, &sealed, EXECUTOR, later(5)).is_ok(),
            "{act} in time"
        );
        let label = open_at(&world, &sealed, EXECUTOR, later(6))
            .err()
            .map(|refusal| refusal.label());
        assert_eq!(label, dropped.then_some("expired"), "{act}");
    }
}

#[test]
fn a_clock_that_is_ahead_is_refused() {
    let world = World::new();
    let sealed = numbered(7, 1, later(31));
    assert_eq!(
        open_at(&world, &sealed, EXECUTOR, morning())
            .unwrap_err()
            .label(),
        "from-the-future"
    );
    assert!(open_at(&world, &sealed, EXECUTOR, later(1)).is_ok());
}

#[test]
fn a_receiver_that_starts_anew_refuses_what_was_signed_before() {
    let world = World::new();
    let mut fresh = Verifier::new(morning());
    let before = morning() - Duration::from_micros(1);
    let refusal = world
        .open(&mut fresh, &numbered(7, 1, before), EXECUTOR)
        .unwrap_err();
    assert_eq!(refusal.label(), "replayed");
    assert!(
        world
            .open(&mut fresh, &numbered(7, 1, morning()), EXECUTOR)
            .is_ok()
    );
    assert!(
        world
            .open(&mut fresh, &numbered(7, 2, later(1)), EXECUTOR)
            .is_ok()
    );
}

#[test]
fn tenants_are_kept_apart() {
    let world = World::new();
    let other = TenantId::new("other").unwrap();
    // A principal speaks for its own tenant only.
    let (_, sealed) = seal(
        ALICE,
        Draft::request(party(INTERFACE), "x").tenant(other.clone()),
    );
    assert_eq!(
        open_at(&world, &sealed, INTERFACE, morning())
            .unwrap_err()
            .label(),
        "wrong-tenant"
    );
    let (_, sealed) = seal(ALICE, Draft::request(party(INTERFACE), "x"));
    assert!(open_at(&world, &sealed, INTERFACE, morning()).is_ok());
    // A receiver that serves one tenant takes nothing about another.
    let mut serving = verifier().serving([other]);
    assert_eq!(
        world
            .open(&mut serving, &sealed, INTERFACE)
            .unwrap_err()
            .label(),
        "wrong-tenant"
    );
}

/// A frame with several things wrong is refused for the first of them in the documented order.
#[test]
fn the_first_check_that_fails_gives_the_reason() {
    let world = World::new();
    let now = morning();
    let identity = identity(PLANNER, 1);
    let mut message = message(
        PLANNER,
        hello(CRITIC)
            .tenant(TenantId::new("other").unwrap())
            .reply_by(now),
    );
    message.envelope.timestamp = later(100);
    message.envelope.sequence = 0;
    let everything = |message: &Message| identity.seal(message, &Limits::default()).unwrap();
    let mut verifier = verifier().serving([tenant()]);
    let mut label = |sealed: &Sealed, at: Timestamp| {
        verifier
            .open(sealed, &world.keys, &party(EXECUTOR), at)
            .err()
            .map(|refusal| refusal.label())
    };

    world.keys.revoke_party(&party(PLANNER));
    let mut broken = everything(&message).as_bytes().to_vec();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert_eq!(
        label(&Sealed::from_bytes(broken.clone()), later(50)),
        Some("revoked-key")
    );
    world
        .keys
        .reinstate(&crate::world::identity(PLANNER, 2).claim(2), now)
        .unwrap();
    // The key that was revoked never comes back, so the rest is signed with another.
    let identity = crate::world::identity(PLANNER, 3);
    world
        .keys
        .rotate(
            &identity.claim_after(&crate::world::identity(PLANNER, 2), 3),
            now,
            Duration::ZERO,
        )
        .unwrap();
    message.envelope.key_id = identity.key_id();
    let everything = |message: &Message| identity.seal(message, &Limits::default()).unwrap();
    let mut broken = everything(&message).as_bytes().to_vec();
    broken[last] ^= 1;
    assert_eq!(
        label(&Sealed::from_bytes(broken), later(50)),
        Some("bad-signature")
    );
    assert_eq!(
        label(&everything(&message), later(50)),
        Some("wrong-receiver")
    );
    message.receivers.insert(party(EXECUTOR));
    assert_eq!(
        label(&everything(&message), later(50)),
        Some("wrong-tenant")
    );
    message.envelope.tenant = tenant();
    assert_eq!(
        label(&everything(&message), later(50)),
        Some("from-the-future")
    );
    message.envelope.timestamp = now;
    assert_eq!(label(&everything(&message), later(50)), Some("replayed"));
    message.envelope.sequence = 1;
    assert_eq!(label(&everything(&message), later(50)), Some("expired"));
    message.reply_by = Some(later(60));
    message.envelope.sequence = 2;
    assert_eq!(label(&everything(&message), later(50)), None);
}

#[test]
fn only_proven_senders_are_answered() {
    let sender = party(PLANNER);
    let key = KeyId::from_bytes([0; 8]);
    let now = morning();
    let silent = [
        Refusal::TooLarge {
            asked: 2,
            allowed: 1,
        },
        Refusal::Malformed(DecodeError::Magic),
        Refusal::UnknownSender {
            sender: sender.clone(),
        },
        Refusal::UnknownKey {
            sender: sender.clone(),
            key,
        },
        Refusal::RevokedKey {
            sender: sender.clone(),
            key,
        },
        Refusal::BadSignature {
            sender: sender.clone(),
        },
        Refusal::WrongReceiver {
            receiver: sender.clone(),
        },
        Refusal::Expired { reply_by: now, now },
        Refusal::StaleEpoch {
            asked: 1,
            current: 2,
        },
        Refusal::FutureEpoch {
            asked: 2,
            allowed: 1,
        },
    ];
    for refusal in silent {
        assert_eq!(refusal.answer(Performative::Request), None, "{refusal}");
        assert!(Refusal::LABELS.contains(&refusal.label()));
    }
    let forbidden: Refusal =
        access::tiers_allow(&party(PLANNER), &party(PAGE), Performative::Request)
            .unwrap_err()
            .into();
    assert_eq!(
        forbidden.answer(Performative::Request),
        Some(Performative::Refuse)
    );
    assert_eq!(forbidden.kind(), ReasonKind::Unauthorised);
    let unexpected: Refusal = Conversation::open(
        &party(EXECUTOR),
        &message(
            PLANNER,
            Draft::new(Performative::Agree, "").to(party(EXECUTOR)),
        ),
    )
    .unwrap_err()
    .into();
    assert_eq!(
        unexpected.answer(Performative::Agree),
        Some(Performative::NotUnderstood)
    );
    assert_eq!(
        unexpected.answer(Performative::NotUnderstood),
        None,
        "never answered in turn"
    );
    assert_eq!(unexpected.kind(), ReasonKind::UnexpectedAct);
}

#[test]
fn reasons_are_written_and_read_as_content() {
    for kind in ReasonKind::ALL {
        for detail in ["", "file", "a \"quoted\" \\ thing", "ends in \\"] {
            let reason = Reason::new(*kind, detail);
            let content: Content = reason.clone().into();
            assert_eq!(Reason::from_content(&content), Some(reason), "{content:?}");
        }
    }
    for other in [
        "",
        "(",
        "()",
        "(unknown)",
        "unauthorised",
        "(unauthorised x)",
        "(unauthorised \"a\"b\")",
    ] {
        assert_eq!(Reason::from_content(&Content::text(other)), None, "{other}");
    }
}

#[test]
fn too_large_a_message_is_not_sealed_and_says_what_is_too_large() {
    let limits = Limits::CONTROL;
    let rows: Vec<(Draft, &str)> = vec![
        (
            Draft::request(party(EXECUTOR), "x".repeat(limits.frame)),
            "bytes of a frame",
        ),
        (
            hello(EXECUTOR).ontology("x".repeat(257)),
            "257 bytes of ontology are too many, 256 are allowed",
        ),
        (
            hello(EXECUTOR).metadata("k", "x".repeat(1_025)),
            "bytes of a metadata value",
        ),
        (
            (0..33).fold(hello(EXECUTOR), |draft, n| {
                draft.metadata(n.to_string(), "")
            }),
            "33 pairs of metadata",
        ),
        (
            (0..1025).fold(hello(EXECUTOR), |draft, n| {
                draft.to(party(&format!("macro.a.{n}@x")))
            }),
            "receivers",
        ),
        (Draft::new(Performative::Inform, "to nobody"), "no receiver"),
    ];
    for (draft, expected) in rows {
        let error = sealer(PLANNER)
            .seal(draft, morning(), [5; 10])
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn nobody_signs_for_others_or_writes_to_itself() {
    let message = message(PLANNER, hello(EXECUTOR));
    let error = identity(CRITIC, 1)
        .seal(&message, &Limits::default())
        .unwrap_err();
    assert!(matches!(error, EncodeError::NotTheSigner { .. }));
    let error = sealer(PLANNER)
        .stamp(hello(PLANNER), morning(), [5; 10])
        .unwrap_err();
    assert_eq!(error, SealError::ToSelf(party(PLANNER)));
}

#[test]
fn each_receiver_has_its_own_stream_of_numbers() {
    let mut sealer = sealer(PLANNER);
    let mut number = |draft: Draft| {
        sealer
            .stamp(draft, morning(), [5; 10])
            .unwrap()
            .envelope
            .sequence
    };
    assert_eq!(number(hello(EXECUTOR)), 1);
    assert_eq!(number(hello(EXECUTOR)), 2);
    assert_eq!(number(hello(CRITIC)), 1);
    assert_eq!(number(hello(CRITIC).to(party(EXECUTOR))), 3, "new to both");
    assert_eq!(number(hello(CRITIC)), 4);
    for n in 0..1_100 {
        number(hello(&format!("macro.executor.{n}@x")));
    }
    assert!(
        number(hello(CRITIC)) > 4,
        "folding streams never repeats a number"
    );
    assert!(number(hello(EXECUTOR)) > 3);
}

#[test]
fn secrets_are_never_printed() {
    let seed = [0xab; 32];
    let identity = SigningIdentity::from_seed(party(PLANNER), seed);
    let shown = format!("{identity:?}");
    assert!(
        !shown.contains("ab, ab") && !shown.contains("171"),
        "{shown}"
    );
    assert!(shown.contains(PLANNER));
}

#[test]
fn evidence_is_proven_without_a_receiver() {
    let world = World::new();
    let (message, sealed) = seal(CRITIC, Draft::inform(party(PLANNER), "approved"));
    let authentic = authenticate(&sealed, &world.keys, &Limits::default(), morning()).unwrap();
    assert_eq!(*authentic, message);
    assert_eq!(authentic.sealed(), &sealed);
}

#[test]
fn the_longest_names_travel() {
    let long = "x".repeat(64);
    let name = format!("micro.{}.{long}@{long}", "k".repeat(32));
    let keys = KeyRegistry::new();
    keys.register(&identity(&name, 1).claim(1), morning())
        .unwrap();
    let (message, sealed) = seal(&name, hello(EXECUTOR));
    let opened = verifier().open(&sealed, &keys, &party(EXECUTOR), morning());
    assert_eq!(*opened.unwrap(), message);
}

#[test]
fn a_frame_of_exactly_the_limit_is_admitted() {
    let world = World::new();
    let (_, sealed) = seal(PLANNER, hello(EXECUTOR));
    for (frame, expected) in [
        (sealed.len() + 1, None),
        (sealed.len(), None),
        (sealed.len() - 1, Some("too-large")),
    ] {
        let limits = Limits {
            frame,
            ..Limits::CONTROL
        };
        let mut verifier = verifier().with_limits(limits.clone());
        assert_eq!(verifier.limits(), &limits);
        let opened = world.open(&mut verifier, &sealed, EXECUTOR);
        assert_eq!(opened.err().map(|refusal| refusal.label()), expected);
    }
}
