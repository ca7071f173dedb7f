//! Conversations with several: who is called, when, and what becomes of those whom a message did not reach.

use crate::conversations::{id, key, request, undelivered, why};
use crate::world::*;
use aios_protocols::Performative::*;
use aios_protocols::ProtocolName::*;
use aios_protocols::conversation::{Outcome, State, Why};
use aios_protocols::*;

#[test]
fn a_call_to_each_seller_by_its_own_message_is_one_conversation() {
    let buyer = party(PLANNER);
    let mut mine = Conversations::default();
    let call = |seller: &str| {
        let draft = Draft::cfp([party(seller)], "who?").conversation(id(7));
        message(PLANNER, draft.reply_with(format!("R-{seller}")))
    };
    let first = mine.send(&buyer, &call(SELLERS[0]), morning()).unwrap();
    assert!(first.opened && !first.finished);
    let second = mine.send(&buyer, &call(SELLERS[1]), morning()).unwrap();
    assert_eq!((&second.key, second.opened), (&first.key, true));
    assert_eq!(mine.len(), 1);
    // Both refuse before the third is called, so for a moment the conversation is over.
    for seller in [SELLERS[0], SELLERS[1]] {
        let refuse = message(seller, call(seller).reply(Refuse, ""));
        mine.receive(&buyer, &refuse, morning()).unwrap();
    }
    assert!(mine.is_empty());
    let third = mine.send(&buyer, &call(SELLERS[2]), morning()).unwrap();
    assert_eq!((&third.key, third.opened), (&first.key, true));
    // Each once.
    let again = mine.send(&buyer, &call(SELLERS[2]), morning());
    assert_eq!(why(again), Why::Unexpected);
    let propose = message(SELLERS[2], call(SELLERS[2]).reply(Propose, "5"));
    mine.receive(&buyer, &propose, morning()).unwrap();
    let accept = message(PLANNER, propose.reply(AcceptProposal, ""));
    mine.send(&buyer, &accept, morning()).unwrap();
    let inform = message(SELLERS[2], accept.reply(Inform, "done"));
    assert!(mine.receive(&buyer, &inform, morning()).unwrap().finished);
    for seller in SELLERS {
        let again = mine.send(&buyer, &call(seller), morning());
        assert_eq!(why(again), Why::Finished, "{seller} has had its call");
    }
    // A seller's own words are late now, not those of a stranger.
    let late = message(SELLERS[0], call(SELLERS[0]).reply(Propose, "4"));
    assert_eq!(why(mine.receive(&buyer, &late, morning())), Why::Finished);
}

#[test]
fn whoever_is_called_later_must_be_allowed_too_and_by_the_same_act() {
    let me = party(PLANNER);
    let mut mine = Conversations::default();
    let cfp = |to: &str| message(PLANNER, Draft::cfp([party(to)], "who?").conversation(id(7)));
    mine.send(&me, &cfp(EXECUTOR), morning()).unwrap();
    let denied = mine.send(&me, &cfp(PAGE), morning()).unwrap_err();
    assert_eq!(denied.label(), "tier-forbidden");
    let other = message(
        PLANNER,
        Draft::request(party(CRITIC), "x").conversation(id(7)),
    );
    assert_eq!(
        why(mine.send(&me, &other, morning())),
        Why::OtherProtocol(FipaRequest)
    );
    // One act to one who is called and one who is not yet.
    let both = Draft::cfp([party(EXECUTOR), party(CRITIC)], "who?").conversation(id(7));
    assert_eq!(
        why(mine.send(&me, &message(PLANNER, both), morning())),
        Why::Unexpected,
        "the executor was called already"
    );
    let legs = mine.get(&key(PLANNER, 7)).unwrap().participants().count();
    assert_eq!(legs, 1, "all or none");
}

#[test]
fn participants_are_bounded() {
    let me = party(PLANNER);
    let mut mine = Conversations::default();
    let seller = |n: usize| party(&format!("macro.seller.{n}@jade"));
    let call = |from: usize, to: usize| {
        let draft = Draft::cfp((from..to).map(seller), "who?").conversation(id(7));
        message(PLANNER, draft)
    };
    let most = Conversation::MAX_PARTICIPANTS;
    mine.send(&me, &call(0, most - 1), morning()).unwrap();
    let refused = mine.send(&me, &call(most - 1, most + 1), morning());
    assert_eq!(why(refused), Why::TooManyParticipants);
    mine.send(&me, &call(most - 1, most), morning()).unwrap();
    let refused = mine.send(&me, &call(most, most + 1), morning());
    assert_eq!(why(refused), Why::TooManyParticipants);
    // Nor after the end.
    mine.close(&key(PLANNER, 7));
    let refused = mine.send(&me, &call(most, most + 1), morning());
    assert_eq!(why(refused), Why::Finished);
    // Recruits are participants too.
    let proxy = Draft::new(Proxy, "")
        .to(party(REGISTRY))
        .protocol(FipaRecruiting);
    let proxy = message(PLANNER, proxy.conversation(id(8)));
    let mut recruiting = Conversation::open(&me, &proxy).unwrap();
    let agree = message(REGISTRY, proxy.reply(Agree, ""));
    recruiting.step(&agree, morning()).unwrap();
    let mut answer = message(CRITIC, proxy.reply(Inform, "42"));
    for n in 1..most {
        answer.sender = seller(n);
        recruiting.step(&answer, morning()).unwrap();
    }
    answer.sender = seller(most);
    let error = recruiting.step(&answer, morning()).unwrap_err();
    assert_eq!(error.why, Why::TooManyParticipants);
}

#[test]
fn the_platforms_word_that_an_act_did_not_arrive_ends_its_leg_at_once() {
    let me = party(PLANNER);
    let platform = || Conversations::default().platform([party(AMS)]);
    let call = |sellers: &[&str]| {
        let to = sellers.iter().map(|name| party(name));
        message(
            PLANNER,
            Draft::cfp(to, "who?")
                .conversation(id(7))
                .reply_by(later(60)),
        )
    };
    // One message to one: in-reply-to says which.
    let mut mine = platform();
    let cfp = call(&SELLERS[..1]);
    mine.send(&me, &cfp, morning()).unwrap();
    let mut failure = message(AMS, undelivered(&cfp, SELLERS[0]));
    let step = mine.receive(&me, &failure, morning()).unwrap();
    assert_eq!(step.state, State::Finished(Outcome::Undelivered));
    assert_eq!(
        (step.key, step.opened, step.finished),
        (key(PLANNER, 7), false, true)
    );
    assert_eq!(why(mine.receive(&me, &failure, morning())), Why::Finished);

    // One message to several: its content says which; the others go on.
    let mut mine = platform();
    let cfp = call(&SELLERS);
    mine.send(&me, &cfp, morning()).unwrap();
    failure.content = Content::text("who knows");
    failure.in_reply_to.clone_from(&cfp.reply_with);
    assert_eq!(
        why(mine.receive(&me, &failure, morning())),
        Why::Misaddressed
    );
    let failure = message(AMS, undelivered(&cfp, SELLERS[1]));
    let step = mine.receive(&me, &failure, morning()).unwrap();
    assert_eq!(
        (step.state, step.finished),
        (State::Finished(Outcome::Undelivered), false)
    );
    let states = |mine: &Conversations| {
        SELLERS.map(|name| {
            mine.get(&key(PLANNER, 7))
                .unwrap()
                .state(&party(name))
                .unwrap()
        })
    };
    let over = State::Finished(Outcome::Undelivered);
    assert_eq!(states(&mine), [State::Asked, over, State::Asked]);
    let propose = message(SELLERS[0], cfp.reply(Propose, "5"));
    mine.receive(&me, &propose, morning()).unwrap();

    // About an act that was not said, to somebody who was not called, about another tenant.
    let wrong = undelivered(&cfp, SELLERS[2]).in_reply_to("made up");
    let refused = mine.receive(&me, &message(AMS, wrong), morning());
    assert_eq!(why(refused), Why::InReplyTo);
    let refused = mine.receive(&me, &message(AMS, undelivered(&cfp, CRITIC)), morning());
    assert_eq!(why(refused), Why::InReplyTo);
    let wrong = undelivered(&cfp, SELLERS[2]).tenant(TenantId::new("other").unwrap());
    let refused = mine.receive(&me, &message(AMS, wrong), morning());
    assert_eq!(why(refused), Why::OtherTenant);
    let mut elsewhere = message(AMS, undelivered(&cfp, SELLERS[2]));
    elsewhere.conversation_id = id(8);
    assert_eq!(
        why(mine.receive(&me, &elsewhere, morning())),
        Why::NoConversation
    );
    // The platform says nothing else.
    for act in [Inform, Refuse, Propose, NotUnderstood] {
        let stray = message(AMS, cfp.reply(act, ""));
        assert!(mine.receive(&me, &stray, morning()).is_err(), "{act}");
    }
    assert_eq!(states(&mine), [State::Proposed, over, State::Asked]);
}

/// A platform's word about an act of a participant, and about a cancel.
#[test]
fn the_platforms_word_reaches_either_side() {
    let me = party(EXECUTOR);
    let mut mine = Conversations::default().platform([party(AMS)]);
    let ask = request(PLANNER, EXECUTOR, 7);
    mine.receive(&me, &ask, morning()).unwrap();
    let agree = message(EXECUTOR, ask.reply(Agree, "").reply_with("a1"));
    mine.send(&me, &agree, morning()).unwrap();
    let refused = mine.receive(&me, &message(AMS, undelivered(&agree, CRITIC)), morning());
    assert_eq!(why(refused), Why::InReplyTo, "the critic has no part in it");
    let failure = message(AMS, undelivered(&agree, PLANNER));
    assert!(mine.receive(&me, &failure, morning()).unwrap().finished);

    let me = party(PLANNER);
    let mut mine = Conversations::default().platform([party(AMS)]);
    mine.send(&me, &ask, morning()).unwrap();
    let cancel = message(PLANNER, ask.cancel());
    mine.send(&me, &cancel, morning()).unwrap();
    let failure = message(AMS, undelivered(&cancel, EXECUTOR));
    assert!(mine.receive(&me, &failure, morning()).unwrap().finished);

    // A platform's agent that is asked itself answers as anybody does.
    let mut mine = Conversations::default().platform([party(AMS)]);
    let ask = request(PLANNER, AMS, 8);
    mine.send(&me, &ask, morning()).unwrap();
    let failure = message(AMS, ask.reply(Failure, ""));
    let step = mine.receive(&me, &failure, morning()).unwrap();
    assert_eq!(step.state, State::Finished(Outcome::Failed));
}

#[test]
fn nobody_else_is_believed_that_an_act_did_not_arrive() {
    let me = party(PLANNER);
    let cfp = message(
        PLANNER,
        Draft::cfp([party(SELLERS[0])], "who?").conversation(id(7)),
    );
    let tables = [
        Conversations::default(),
        Conversations::default().platform([party(AMS)]),
    ];
    for (table, speaker) in tables.into_iter().zip([AMS, CRITIC]) {
        let mut mine = table;
        mine.send(&me, &cfp, morning()).unwrap();
        let failure = message(speaker, undelivered(&cfp, SELLERS[0]));
        assert_eq!(why(mine.receive(&me, &failure, morning())), Why::Stranger);
        let state = mine
            .get(&key(PLANNER, 7))
            .unwrap()
            .state(&party(SELLERS[0]));
        assert_eq!(state, Some(State::Asked));
    }
}

#[test]
fn what_could_not_be_delivered_to_some_never_was_for_them() {
    let me = party(PLANNER);
    let mut mine = Conversations::default();
    let to = SELLERS.map(party);
    let cfp = message(PLANNER, Draft::cfp(to.clone(), "who?").conversation(id(7)));
    mine.send(&me, &cfp, morning()).unwrap();
    assert!(mine.forget(&key(PLANNER, 7), &to[..1]));
    let left: Vec<Party> = mine
        .get(&key(PLANNER, 7))
        .unwrap()
        .participants()
        .cloned()
        .collect();
    assert_eq!(left, to[1..]);
    // When the rest has answered, the conversation is over although one was never reached.
    let refuse = message(SELLERS[1], cfp.reply(Refuse, ""));
    mine.receive(&me, &refuse, morning()).unwrap();
    assert!(mine.forget(&key(PLANNER, 7), &to[2..]));
    assert!(mine.is_empty());
    let late = message(SELLERS[1], cfp.reply(Propose, ""));
    assert_eq!(why(mine.receive(&me, &late, morning())), Why::Finished);
    assert!(!mine.forget(&key(PLANNER, 7), &to));
    assert!(!mine.close(&key(PLANNER, 7)));
}
