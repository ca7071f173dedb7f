//! How many conversations a party holds: how the places are shared, and what gives way.

use std::time::Duration;

use crate::conversations::{id, key, request, why};
use crate::world::*;
use aios_protocols::Performative::*;
use aios_protocols::conversation::{Share, Why};
use aios_protocols::*;

#[test]
fn the_number_of_conversations_is_bounded() {
    let mut few = Conversations::new(2);
    // Three senders of three tenants: of two places each may hold one.
    let ask = |n: u8| {
        let from = [PLANNER, CRITIC, INTERFACE][usize::from(n) - 1];
        message(
            from,
            Draft::request(party(EXECUTOR), "x")
                .tenant(TenantId::new(&format!("t{n}")).unwrap())
                .conversation(ConversationId::from_bytes([n; 16])),
        )
    };
    let me = party(EXECUTOR);
    few.receive(&me, &ask(1), morning()).unwrap();
    few.receive(&me, &ask(2), later(1_000)).unwrap();
    let refusal = few.receive(&me, &ask(3), later(2_000)).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::TooManyConversations {
            share: Share::Others,
            asked: 3,
            allowed: 2
        }
    );
    assert_eq!(refusal.kind(), ReasonKind::Overloaded);
    // The first has been idle for an hour and gives way.
    few.receive(&me, &ask(3), morning() + Conversations::IDLE)
        .unwrap();
    assert_eq!(few.len(), 2);
    assert!(few.get(&key(PLANNER, 1)).is_none());
    // Finished ones make room, and are remembered in the same number.
    assert!(few.close(&key(CRITIC, 2)));
    assert!(few.close(&key(INTERFACE, 3)));
    let error = few.receive(&me, &ask(3), later(9_000)).unwrap_err();
    assert_eq!(error.label(), "out-of-protocol");
    // The longest finished one is forgotten first.
    assert!(few.receive(&me, &ask(1), later(9_000)).is_ok());
    // What could not be delivered never was.
    assert!(few.forget(&key(PLANNER, 1), std::slice::from_ref(&me)));
    assert!(few.receive(&me, &ask(1), later(9_000)).is_ok());
}

#[test]
fn overdue_conversations_are_closed_and_named() {
    let mut mine = Conversations::default();
    let ask = |n: u8, seconds| {
        let draft =
            Draft::request(party(EXECUTOR), "x").conversation(ConversationId::from_bytes([n; 16]));
        message(
            PLANNER,
            draft.reply_by(morning() + Duration::from_secs(seconds)),
        )
    };
    for (n, seconds) in [(1, 5), (2, 50)] {
        mine.send(&party(PLANNER), &ask(n, seconds), morning())
            .unwrap();
    }
    let closed = mine.close_overdue(later(6));
    assert_eq!(closed, [(key(PLANNER, 1), party(EXECUTOR))]);
    assert_eq!(mine.len(), 1);
    let late = message(EXECUTOR, ask(1, 5).reply(Inform, ""));
    let refusal = mine.receive(&party(PLANNER), &late, later(7)).unwrap_err();
    assert_eq!(refusal.label(), "out-of-protocol");
}

fn fill(
    table: &mut Conversations,
    me: &str,
    from: &str,
    tenant: &str,
    ids: std::ops::Range<u32>,
) -> Option<Refusal> {
    for n in ids {
        let mut name = [0; 16];
        name[..4].copy_from_slice(&n.to_be_bytes());
        let draft = Draft::new(Request, "x")
            .to(party(me))
            .tenant(TenantId::new(tenant).unwrap())
            .conversation(ConversationId::from_bytes(name));
        let request = message(from, draft);
        if let Err(refusal) = table.receive(&party(me), &request, morning()) {
            return Some(refusal);
        }
    }
    None
}

#[test]
fn no_sender_and_no_tenant_holds_all_places() {
    let mut table = Conversations::new(64);
    let planner = |n: usize| format!("macro.planner.{n}@global");
    let too_many = |share, asked| {
        Some(Refusal::TooManyConversations {
            share,
            asked,
            allowed: asked - 1,
        })
    };
    // One sender: an eighth.
    let refused = fill(&mut table, EXECUTOR, &planner(0), "acme", 0..64);
    assert_eq!(refused, too_many(Share::Sender, 9));
    assert_eq!(table.len(), 8);
    let refused = refused.unwrap();
    assert_eq!(refused.answer(Request), Some(Refuse));
    assert_eq!(
        refused.to_string(),
        "9 conversations of one sender are too many at once, 8 are allowed; end some or ask again later"
    );
    // The same sender for another tenant is the same sender.
    let refused = fill(&mut table, EXECUTOR, &planner(0), "other", 0..64);
    assert_eq!(
        why(Err::<(), _>(Refusal::OutOfProtocol(match refused {
            Some(Refusal::OutOfProtocol(out)) => out,
            other => panic!("{other:?}"),
        }))),
        Why::OtherTenant,
        "and the ids are taken"
    );
    let refused = fill(&mut table, EXECUTOR, &planner(0), "other", 100..101);
    assert_eq!(refused, too_many(Share::Sender, 9));
    // One tenant: half, by whatever number of senders.
    for n in 1..4 {
        assert_eq!(fill(&mut table, EXECUTOR, &planner(n), "acme", 0..8), None);
    }
    let refused = fill(&mut table, EXECUTOR, &planner(4), "acme", 0..8);
    assert_eq!(refused, too_many(Share::Tenant, 33));
    // Another tenant's are still heard, until the others together hold three quarters.
    for n in 4..6 {
        assert_eq!(fill(&mut table, EXECUTOR, &planner(n), "other", 0..8), None);
    }
    let refused = fill(&mut table, EXECUTOR, &planner(6), "other", 0..8);
    assert_eq!(refused, too_many(Share::Others, 49));
    // The last quarter is for this party's own.
    let own = |n: u8| {
        message(
            EXECUTOR,
            Draft::request(party(CRITIC), "x").conversation(id(n)),
        )
    };
    for n in 100..116 {
        let step = table.send(&party(EXECUTOR), &own(n), morning());
        assert!(step.unwrap().opened);
    }
    let refused = table.send(&party(EXECUTOR), &own(116), morning());
    assert_eq!(refused.err(), too_many(Share::All, 65));
    // A place that is given back is free for whoever held it.
    assert!(table.close(&ConversationKey {
        id: ConversationId::from_bytes([0; 16]),
        initiator: party(&planner(0)),
    }));
    assert_eq!(fill(&mut table, EXECUTOR, &planner(0), "acme", 8..9), None);
    let refused = fill(&mut table, EXECUTOR, &planner(0), "acme", 9..10);
    assert_eq!(refused, too_many(Share::Sender, 9), "and not for more");
    // Nobody counts twice, and who holds nothing is not remembered.
    let held: Vec<ConversationKey> = (0..7)
        .flat_map(|n| {
            (0..9_u8).map(move |k| {
                let mut name = [0; 16];
                name[3] = k;
                ConversationKey {
                    id: ConversationId::from_bytes(name),
                    initiator: party(&format!("macro.planner.{n}@global")),
                }
            })
        })
        .collect();
    assert_eq!(held.iter().filter(|key| table.close(key)).count(), 48);
    assert_eq!(table.len(), 16);
    assert_eq!(fill(&mut table, EXECUTOR, &planner(7), "acme", 0..8), None);
}

#[test]
fn shares_are_parts_of_the_whole_and_never_nothing() {
    let rows = [
        (4096, [4096, 3072, 2048, 512]),
        (1024, [1024, 768, 512, 128]),
        (2, [2, 2, 1, 1]),
        (1, [1, 1, 1, 1]),
        (0, [1, 1, 1, 1]),
    ];
    for (capacity, expected) in rows {
        let shares = [Share::All, Share::Others, Share::Tenant, Share::Sender];
        assert_eq!(
            shares.map(|share| share.of(capacity)),
            expected,
            "{capacity}"
        );
    }
}

#[test]
fn what_is_overdue_or_idle_makes_room_for_its_sender() {
    let mut table = Conversations::new(8);
    let me = party(EXECUTOR);
    let ask = |n: u8, by: Option<u64>| {
        let draft = Draft::request(party(EXECUTOR), "x").conversation(id(n));
        message(
            PLANNER,
            by.map_or(draft.clone(), |by| draft.reply_by(later(by))),
        )
    };
    table.receive(&me, &ask(1, Some(5)), morning()).unwrap();
    assert!(table.receive(&me, &ask(2, None), later(5)).is_err());
    assert!(table.receive(&me, &ask(2, None), later(6)).is_ok());
    // An hour after it was last touched, not after it was opened.
    let agree = message(EXECUTOR, ask(2, None).reply(Agree, ""));
    table.send(&me, &agree, later(100)).unwrap();
    let hour = Conversations::IDLE.as_secs();
    assert!(table.receive(&me, &ask(3, None), later(99 + hour)).is_err());
    assert!(table.receive(&me, &ask(3, None), later(100 + hour)).is_ok());
    assert_eq!(table.len(), 1);
    // A reply-by that a later act set counts as well.
    let due = message(
        EXECUTOR,
        ask(3, None).reply(Agree, "").reply_by(later(200 + hour)),
    );
    table.send(&me, &due, later(150 + hour)).unwrap();
    assert!(
        table
            .receive(&me, &ask(4, None), later(200 + hour))
            .is_err()
    );
    assert!(table.receive(&me, &ask(4, None), later(201 + hour)).is_ok());
}

#[test]
fn finished_conversations_are_remembered_in_the_same_number() {
    let me = party(EXECUTOR);
    let mut mine = Conversations::new(16);
    let ask = |n: u8| request(PLANNER, EXECUTOR, n);
    for n in 1..=17 {
        mine.receive(&me, &ask(n), morning()).unwrap();
        assert!(mine.close(&key(PLANNER, n)));
    }
    // Sixteen are known, the first is not; another's of the same id is another.
    assert!(mine.receive(&me, &ask(1), morning()).is_ok());
    for n in 2..=17 {
        assert_eq!(
            why(mine.receive(&me, &ask(n), morning())),
            Why::Finished,
            "{n}"
        );
    }
    assert!(
        mine.receive(&me, &request(CRITIC, EXECUTOR, 5), morning())
            .is_ok()
    );
    // Two of one id are remembered apart.
    assert!(mine.close(&key(CRITIC, 5)));
    for from in [PLANNER, CRITIC] {
        let again = mine.receive(&me, &request(from, EXECUTOR, 5), morning());
        assert_eq!(why(again), Why::Finished, "{from}");
    }
    // A view that is adopted does not bring one back.
    let view = |n| Conversation::recruited(&me, id(n), &party(PLANNER));
    let held = mine.len();
    mine.adopt(view(5), morning()).unwrap();
    mine.adopt(view(6), morning()).unwrap();
    assert_eq!(mine.len(), held);
    mine.adopt(view(50), morning()).unwrap();
    mine.adopt(view(50), morning()).unwrap();
    assert_eq!(mine.len(), held + 1);
    assert_eq!(
        mine.expected(&key(PLANNER, 50), &me),
        [Inform, Refuse, Failure, NotUnderstood]
    );
    assert_eq!(mine.expected(&key(CRITIC, 50), &me), []);
}
