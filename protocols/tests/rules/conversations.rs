//! One party's conversations: whose they are, and what comes from other platforms.

use std::time::Duration;

use crate::world::*;
use aios_protocols::Performative::*;
use aios_protocols::ProtocolName::*;
use aios_protocols::conversation::{Outcome, State, Why};
use aios_protocols::*;

pub(crate) fn id(n: u8) -> ConversationId {
    ConversationId::from_bytes([n; 16])
}

pub(crate) fn key(initiator: &str, n: u8) -> ConversationKey {
    ConversationKey {
        id: id(n),
        initiator: party(initiator),
    }
}

pub(crate) fn why<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Why {
    match result {
        Err(Refusal::OutOfProtocol(out)) => out.why,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn request(from: &str, to: &str, n: u8) -> Message {
    message(from, Draft::request(party(to), "x").conversation(id(n)))
}

/// What JADE's AMS says about a message that it could not deliver.
pub(crate) fn undelivered(about: &Message, to: &str) -> Draft {
    let name = about.sender.as_str();
    about.reply(
        Failure,
        format!(
            "( (action (agent-identifier :name {name}) (ACLMessage) ) (MTS-error (agent-identifier :name {to} :addresses (sequence http://h:7778/acc)) (internal-error \"Agent not found\")) )"
        ),
    )
}

#[test]
fn an_id_that_a_rival_used_first_is_still_free_for_its_owner() {
    let me = party(EXECUTOR);
    let mut mine = Conversations::default();
    let rival = request(CRITIC, EXECUTOR, 7);
    mine.receive(&me, &rival, morning()).unwrap();
    let cfp = message(
        PLANNER,
        Draft::cfp([party(EXECUTOR)], "who?").conversation(id(7)),
    );
    let step = mine.receive(&me, &cfp, morning()).unwrap();
    assert_eq!((step.key, step.opened), (key(PLANNER, 7), true));
    assert_eq!((mine.len(), mine.is_empty()), (2, false));
    // What is wrong in both is wrong in the sender's own.
    let mut both = mine.clone();
    let own = Draft::cfp([party(CRITIC)], "who?").conversation(id(7));
    both.send(&me, &message(EXECUTOR, own), morning()).unwrap();
    assert_eq!(why(both.receive(&me, &rival, morning())), Why::Unexpected);
    // Each is answered in its own.
    let propose = message(EXECUTOR, cfp.reply(Propose, "5"));
    let step = mine.send(&me, &propose, morning()).unwrap();
    assert_eq!((step.key, step.state), (key(PLANNER, 7), State::Proposed));
    let refuse = message(EXECUTOR, rival.reply(Refuse, ""));
    let step = mine.send(&me, &refuse, morning()).unwrap();
    assert_eq!((step.key, step.finished), (key(CRITIC, 7), true));
    // And goes on in its own: the rival has no part in the other's.
    let accept = |from| message(from, propose.reply(AcceptProposal, "").to(party(EXECUTOR)));
    let mut foreign = accept(CRITIC);
    foreign.receivers = [me.clone()].into();
    assert_eq!(why(mine.receive(&me, &foreign, morning())), Why::Finished);
    let mut own = accept(PLANNER);
    own.receivers = [me.clone()].into();
    let step = mine.receive(&me, &own, morning()).unwrap();
    assert_eq!((step.key, step.state), (key(PLANNER, 7), State::Accepted));
    assert!(mine.get(&key(CRITIC, 7)).is_none());
}

/// Over two ids, three senders and acts that open, go on, come late or come from strangers.
#[test]
fn what_would_be_received_is_foretold_and_nothing_is_taken_note_of() {
    let me = party(EXECUTOR);
    let mut mine = Conversations::default();
    let cfp = |n| Draft::cfp([party(EXECUTOR)], "who?").conversation(id(n));
    let inform = |n| {
        let inform = Draft::new(Inform, "so it is").to(party(EXECUTOR));
        inform.conversation(id(n))
    };
    let first = message(PLANNER, cfp(7));
    let propose = message(EXECUTOR, first.reply(Propose, "5"));
    let accept = message(PLANNER, propose.reply(AcceptProposal, ""));
    let none = OpenTo::none();
    let anyone = OpenTo::default();
    let mut seen = Vec::new();
    for (incoming, open_to) in [
        (request(PLANNER, EXECUTOR, 7), &none),
        (first.clone(), &anyone),
        (first.clone(), &anyone),
        (request(CRITIC, EXECUTOR, 7), &anyone),
        (accept.clone(), &anyone),
        (message(PLANNER, inform(8)), &anyone),
        (message(CRITIC, inform(7)), &anyone),
        (request(CRITIC, EXECUTOR, 7), &anyone),
        (message(PAGE, cfp(8)), &anyone),
    ] {
        let before = format!("{mine:?}");
        let foretold = mine.would_receive(&me, &incoming, morning(), open_to);
        assert_eq!(before, format!("{mine:?}"));
        let step = mine.receive_if_open(&me, &incoming, morning(), open_to);
        assert_eq!(foretold, step.map(|step| step.opened));
        seen.push(foretold.is_ok());
    }
    assert!(seen.contains(&true) && seen.contains(&false), "{seen:?}");
    // Over, it is known to be over.
    let done = message(EXECUTOR, request(CRITIC, EXECUTOR, 7).reply(Inform, "done"));
    mine.send(&me, &done, morning()).unwrap();
    let again = request(CRITIC, EXECUTOR, 7);
    let foretold = mine.would_receive(&me, &again, morning(), &anyone);
    assert_eq!(why(foretold.clone()), Why::Finished);
    let step = mine.receive_if_open(&me, &again, morning(), &anyone);
    assert_eq!(foretold, step.map(|step| step.opened));
    // Whether there is room is not foretold: there may be some when it is taken.
    let mut full = Conversations::new(1);
    full.receive(&me, &first, morning()).unwrap();
    let other = request(CRITIC, EXECUTOR, 8);
    let foretold = full.would_receive(&me, &other, morning(), &anyone);
    assert_eq!(foretold, Ok(true));
    let refused = full.receive(&me, &other, morning()).unwrap_err();
    assert!(matches!(refused, Refusal::TooManyConversations { .. }));
}

#[test]
fn an_id_that_a_rival_used_first_is_still_free_for_oneself() {
    let me = party(PLANNER);
    let mut mine = Conversations::default();
    let rival = request(EXECUTOR, PLANNER, 7);
    mine.receive(&me, &rival, morning()).unwrap();
    // My own conversation of this id, with the rival of all parties.
    let cfp = message(
        PLANNER,
        Draft::cfp([party(EXECUTOR), party(CRITIC)], "who?").conversation(id(7)),
    );
    assert!(mine.send(&me, &cfp, morning()).unwrap().opened);
    let propose = message(EXECUTOR, cfp.reply(Propose, "5"));
    let step = mine.receive(&me, &propose, morning()).unwrap();
    assert_eq!((step.key, step.state), (key(PLANNER, 7), State::Proposed));
    // In-reply-to tells my answer to the rival's request from an act of my own.
    let inform = message(PLANNER, rival.reply(Inform, "done"));
    let step = mine.send(&me, &inform, morning()).unwrap();
    assert_eq!((step.key, step.finished), (key(EXECUTOR, 7), true));
    let accept = message(PLANNER, propose.reply(AcceptProposal, ""));
    let step = mine.send(&me, &accept, morning()).unwrap();
    assert_eq!((step.key, step.state), (key(PLANNER, 7), State::Accepted));
    assert!(!step.opened, "the initiator goes on");
    // One who has a part in mine may open one of its own under the same id, too.
    let other = request(CRITIC, PLANNER, 7);
    let step = mine.receive(&me, &other, morning()).unwrap();
    assert_eq!((step.key, step.opened), (key(CRITIC, 7), true));
    // And no second one.
    assert_eq!(why(mine.receive(&me, &other, morning())), Why::Unexpected);
}

#[test]
fn a_stranger_is_told_so_and_does_not_disturb() {
    let me = party(PLANNER);
    let mut mine = Conversations::default();
    let cfp = message(
        PLANNER,
        Draft::cfp([party(EXECUTOR)], "who?").conversation(id(7)),
    );
    mine.send(&me, &cfp, morning()).unwrap();
    let before = format!("{:?}", mine.get(&key(PLANNER, 7)));
    for act in [Propose, Refuse, NotUnderstood, Failure, Cancel] {
        let mut stray = message(CRITIC, cfp.reply(act, ""));
        stray.receivers = [me.clone()].into();
        let refused = why(mine.receive(&me, &stray, morning()));
        // A proposal could open something, but not as an answer.
        let expected = if act == Propose {
            Why::Unexpected
        } else {
            Why::Stranger
        };
        assert_eq!(refused, expected, "{act}");
    }
    // An inform stands alone, whatever id it bears.
    let alone = message(
        CRITIC,
        Draft::inform(me.clone(), "psst").conversation(id(7)),
    );
    let step = mine.receive(&me, &alone, morning()).unwrap();
    assert_eq!((step.key, step.finished), (key(CRITIC, 7), true));
    assert_eq!(format!("{:?}", mine.get(&key(PLANNER, 7))), before);
}

/// A rival that lets answers to it go to another, under that other's conversation, would speak to it in our name.
#[test]
fn nobody_gets_answers_sent_into_anothers_conversation() {
    let me = party(EXECUTOR);
    let cfp = message(
        PLANNER,
        Draft::cfp([party(EXECUTOR), party(CRITIC)], "who?").conversation(id(7)),
    );
    // The critic was called too, so it knows the id and the reply-with.
    let token = cfp.reply_with.clone().unwrap();
    let trap = message(
        CRITIC,
        Draft::request(me.clone(), "x")
            .conversation(id(7))
            .reply_with(token)
            .reply_to(party(PLANNER)),
    );
    let answer = message(EXECUTOR, trap.reply(Refuse, ""));
    assert_eq!(answer.receivers, [party(PLANNER)].into());

    let mut after = Conversations::default();
    after.receive(&me, &cfp, morning()).unwrap();
    assert_eq!(why(after.receive(&me, &trap, morning())), Why::Misaddressed);

    let mut before = Conversations::default();
    before.receive(&me, &trap, morning()).unwrap();
    before.receive(&me, &cfp, morning()).unwrap();
    assert!(before.get(&key(CRITIC, 7)).is_none(), "the trap gave way");
    assert!(before.get(&key(PLANNER, 7)).is_some());
}

#[test]
fn a_conversation_is_about_one_tenant() {
    let other = || TenantId::new("other").unwrap();
    let ask = message(PLANNER, Draft::request(party(EXECUTOR), "x"));
    let (mut planner, mut executor) = (Conversations::default(), Conversations::default());
    planner.send(&party(PLANNER), &ask, morning()).unwrap();
    executor.receive(&party(EXECUTOR), &ask, morning()).unwrap();
    for act in [Agree, Refuse, Inform, Failure, NotUnderstood] {
        let answer = message(EXECUTOR, ask.reply(act, "").tenant(other()));
        let refused = planner.receive(&party(PLANNER), &answer, morning());
        assert_eq!(why(refused), Why::OtherTenant, "{act}");
        let refused = executor.send(&party(EXECUTOR), &answer, morning());
        assert_eq!(why(refused), Why::OtherTenant, "{act} is not even sent");
    }
    let cancel = message(PLANNER, ask.cancel().tenant(other()));
    let refused = executor.receive(&party(EXECUTOR), &cancel, morning());
    assert_eq!(why(refused), Why::OtherTenant);
    let answer = message(EXECUTOR, ask.reply(Inform, ""));
    let step = planner.receive(&party(PLANNER), &answer, morning());
    assert!(step.unwrap().finished);
}

#[test]
fn a_recruit_keeps_to_the_tenant_it_first_spoke_of() {
    let me = party(EXECUTOR);
    let mut view = Conversation::recruited(&me, id(7), &party(PLANNER));
    assert_eq!(view.tenant(), None);
    let inform = |tenant: &str| {
        let draft = Draft::inform(party(PLANNER), "42").conversation(id(7));
        message(EXECUTOR, draft.tenant(TenantId::new(tenant).unwrap()))
    };
    view.step(&inform("acme"), morning()).unwrap();
    assert_eq!(view.tenant(), Some(&tenant()));
    let error = view.step(&inform("other"), morning()).unwrap_err();
    assert_eq!(error.why, Why::OtherTenant);
    assert!(view.step(&inform("acme"), morning()).is_ok());
}

/// For every answer of every protocol: what it names in in-reply-to decides.
#[test]
fn answers_name_what_they_answer() {
    // Opening act, the acts before, the answer. `<` comes from the participant, `>` from the initiator.
    let rows = [
        "request < agree",
        "request < refuse",
        "request < inform",
        "request < failure",
        "request < not-understood",
        "request < agree < inform",
        "request < agree < failure",
        "query-if < inform",
        "query-ref < refuse",
        "request-when < agree < inform",
        "cfp < propose",
        "cfp < refuse",
        "cfp < propose > accept-proposal < inform",
        "cfp < propose > accept-proposal < failure",
        "cfp < propose > accept-proposal",
        "cfp < propose > reject-proposal",
        "cfp < propose > not-understood",
        "propose < accept-proposal",
        "propose < reject-proposal",
        "subscribe < agree < inform < inform",
        "subscribe < inform < failure",
        "proxy < agree < inform",
    ];
    for script in rows {
        let words: Vec<&str> = script.split_whitespace().collect();
        let (steps, last) = words[1..].split_at(words.len() - 3);
        let act = |word: &str| word.parse::<Performative>().unwrap();
        let first = message(
            PLANNER,
            Draft::new(act(words[0]), "")
                .to(party(EXECUTOR))
                .reply_with("q-first"),
        );
        let mut view = Conversation::open(&party(PLANNER), &first).unwrap();
        // The last act of each side.
        let (mut asked, mut offered) = (first.clone(), None::<Message>);
        let said = |arrow: &str, word: &str, asked: &Message, offered: &Option<Message>| {
            if arrow == "<" {
                message(
                    EXECUTOR,
                    asked.reply(act(word), "").reply_with(format!("a-{word}")),
                )
            } else {
                let answered = offered.as_ref().unwrap();
                message(
                    PLANNER,
                    answered
                        .reply(act(word), "")
                        .reply_with(format!("q-{word}")),
                )
            }
        };
        for step in steps.chunks(2) {
            let message = said(step[0], step[1], &asked, &offered);
            view.step(&message, morning())
                .unwrap_or_else(|error| panic!("{script}: {error}"));
            if step[0] == "<" {
                offered = Some(message);
            } else {
                asked = message;
            }
        }
        let good = said(last[0], last[1], &asked, &offered);
        assert!(good.in_reply_to.is_some(), "{script}");
        let judge = |named: Option<&str>| {
            let mut altered = good.clone();
            altered.in_reply_to = named.map(str::to_owned);
            let mut view = view.clone();
            let before = view.clone();
            let judged = view.step(&altered, morning()).map(|_| ());
            assert!(judged.is_ok() || view == before, "{script}");
            judged.map_err(|error| error.why)
        };
        assert_eq!(judge(good.in_reply_to.as_deref()), Ok(()), "{script}");
        for wrong in ["made up", "", "Q-FIRST"] {
            assert_eq!(judge(Some(wrong)), Err(Why::InReplyTo), "{script}: {wrong}");
        }
        // The act before the last is not what is answered.
        if asked != first && last[0] == "<" {
            assert_eq!(judge(Some("q-first")), Err(Why::InReplyTo), "{script}");
        }
        let unnamed = if last[0] == "<" {
            Err(Why::InReplyTo)
        } else {
            // One decision may go to several bidders, whose words differ.
            Ok(())
        };
        assert_eq!(judge(None), unnamed, "{script}");
    }
}

#[test]
fn what_asked_for_no_word_is_answered_without_one() {
    let mut ask = message(PLANNER, Draft::request(party(EXECUTOR), "x"));
    ask.reply_with = None;
    let mut view = Conversation::open(&party(PLANNER), &ask).unwrap();
    let agree = message(EXECUTOR, ask.reply(Agree, ""));
    assert_eq!(agree.in_reply_to, None);
    view.step(&agree, morning()).unwrap();
    let mut cancelled = view.clone();
    let inform = message(EXECUTOR, ask.reply(Inform, ""));
    view.step(&inform, morning()).unwrap();
    // A cancel without a word: the next inform is its answer.
    let mut cancel = message(PLANNER, ask.cancel());
    cancel.reply_with = None;
    cancelled.step(&cancel, morning()).unwrap();
    assert_eq!(
        cancelled.step(&inform, morning()).unwrap(),
        State::Finished(Outcome::Cancelled)
    );
}

#[test]
fn acts_that_cross_a_cancel_without_a_word_are_told_apart_too() {
    let ask = message(PLANNER, Draft::request(party(EXECUTOR), "x"));
    let mut view = Conversation::open(&party(PLANNER), &ask).unwrap();
    let mut cancel = message(PLANNER, ask.cancel());
    cancel.reply_with = None;
    view.step(&cancel, morning()).unwrap();
    let judge = |draft: Draft| view.clone().step(&message(EXECUTOR, draft), morning());
    let done = judge(ask.reply(Inform, "")).unwrap();
    assert_eq!(done, State::Finished(Outcome::Done), "the result");
    let failed = judge(ask.reply(Failure, "")).unwrap();
    assert_eq!(failed, State::Finished(Outcome::Failed), "or its failure");
    let resumed = judge(cancel.reply(Failure, "")).unwrap();
    assert_eq!(resumed, State::Asked, "the cancel came to nothing");
    let agree = message(EXECUTOR, ask.reply(Agree, "").reply_with("a1"));
    let mut agreed = Conversation::open(&party(PLANNER), &ask).unwrap();
    agreed.step(&agree, morning()).unwrap();
    agreed.step(&cancel, morning()).unwrap();
    let stray = message(PLANNER, agree.reply(NotUnderstood, "").in_reply_to("x"));
    assert_eq!(
        agreed.step(&stray, morning()).unwrap_err().why,
        Why::InReplyTo,
        "the initiator's words are checked meanwhile, too"
    );
    let cancelled = judge(cancel.reply(Inform, "")).unwrap();
    assert_eq!(cancelled, State::Finished(Outcome::Cancelled));
    // While a cancel with a word is under way, another word is nobody's.
    let mut view = Conversation::open(&party(PLANNER), &ask).unwrap();
    let cancel = message(PLANNER, ask.cancel());
    view.step(&cancel, morning()).unwrap();
    let stray = message(EXECUTOR, ask.reply(Inform, "").in_reply_to("x"));
    let error = view.step(&stray, morning()).unwrap_err();
    assert_eq!(error.why, Why::InReplyTo);
    assert_eq!(
        view.step(&message(PLANNER, ask.cancel()), morning())
            .unwrap_err()
            .why,
        Why::Unexpected,
        "one cancel at a time"
    );
}

/// A conversation as JADE's ContractNetInitiator holds it, from call to result, with three sellers of whom one is gone.
#[test]
fn a_whole_contract_net_of_jade_passes() {
    let buyer = party(PLANNER);
    let mut at_buyer = Conversations::default().platform([party(AMS)]);
    let mut at_sellers = [Conversations::default(), Conversations::default()];
    let created = std::cell::Cell::new(0);
    // JADE's createReply gives each answer a reply-with of its own.
    let reply = |to: &Message, from: &str, act| {
        created.set(created.get() + 1);
        let word = format!("{from}{}", created.get());
        message(from, to.reply(act, "").reply_with(word))
    };
    let mut calls = Vec::new();
    for (n, seller) in SELLERS.iter().enumerate() {
        let draft = Draft::cfp([party(seller)], "book")
            .conversation(ConversationId::from_foreign("C18340951_1795420800123"))
            .reply_with(format!("R18340951_{n}"))
            .reply_by(later(10));
        calls.push(message(PLANNER, draft));
        at_buyer.send(&buyer, &calls[n], morning()).unwrap();
    }
    let gone = message(AMS, undelivered(&calls[2], SELLERS[2]));
    at_buyer.receive(&buyer, &gone, morning()).unwrap();
    let mut proposals = Vec::new();
    for n in 0..2 {
        let seller = party(SELLERS[n]);
        at_sellers[n]
            .receive(&seller, &calls[n], morning())
            .unwrap();
        let propose = reply(&calls[n], SELLERS[n], Propose);
        at_sellers[n].send(&seller, &propose, morning()).unwrap();
        at_buyer.receive(&buyer, &propose, later(1)).unwrap();
        proposals.push(propose);
    }
    for (n, act) in [(0, AcceptProposal), (1, RejectProposal)] {
        let seller = party(SELLERS[n]);
        let decision = reply(&proposals[n], PLANNER, act);
        at_buyer.send(&buyer, &decision, later(2)).unwrap();
        at_sellers[n].receive(&seller, &decision, later(2)).unwrap();
        if act == AcceptProposal {
            let inform = reply(&decision, SELLERS[n], Inform);
            at_sellers[n].send(&seller, &inform, later(3)).unwrap();
            at_buyer.receive(&buyer, &inform, later(3)).unwrap();
        }
    }
    assert!(at_buyer.is_empty());
    assert!(at_sellers.iter().all(Conversations::is_empty));
}

#[test]
fn how_long_a_conversation_may_rest_is_how_old_a_message_may_be() {
    assert_eq!(Conversations::IDLE, Verifier::MAX_AGE);
    assert_eq!(Conversations::IDLE, Duration::from_secs(3_600));
}

#[test]
fn what_comes_after_the_end_is_late_for_those_who_were_in_it() {
    let ask = request(PLANNER, EXECUTOR, 7);
    let inform = message(EXECUTOR, ask.reply(Inform, ""));
    let (mut planner, mut executor) = (Conversations::default(), Conversations::default());
    planner.send(&party(PLANNER), &ask, morning()).unwrap();
    executor.receive(&party(EXECUTOR), &ask, morning()).unwrap();
    executor.send(&party(EXECUTOR), &inform, morning()).unwrap();
    planner
        .receive(&party(PLANNER), &inform, morning())
        .unwrap();
    let bare = Draft::inform(party(PLANNER), "and").conversation(id(7));
    let bare = message(EXECUTOR, bare);
    let cancel = message(PLANNER, ask.cancel());
    let mut stray = message(CRITIC, ask.reply(Agree, ""));
    for late in [&inform, &bare] {
        let heard = planner.receive(&party(PLANNER), late, morning());
        assert_eq!(why(heard), Why::Finished);
        let said = executor.send(&party(EXECUTOR), late, morning());
        assert_eq!(why(said), Why::Finished);
    }
    let said = planner.send(&party(PLANNER), &cancel, morning());
    assert_eq!(why(said), Why::Finished);
    let heard = executor.receive(&party(EXECUTOR), &cancel, morning());
    assert_eq!(why(heard), Why::Finished);
    for (table, me) in [(&mut planner, PLANNER), (&mut executor, EXECUTOR)] {
        stray.receivers = [party(me)].into();
        let heard = table.receive(&party(me), &stray, morning());
        assert_eq!(why(heard), Why::NoConversation, "a stranger to {me}");
    }
}

#[test]
fn only_who_asked_for_recruits_gets_them() {
    for (protocol, opener, from) in [
        (FipaBrokering, Proxy, PLANNER),
        (FipaRequest, Request, PLANNER),
        (FipaRecruiting, Proxy, EXECUTOR),
    ] {
        // As the initiator sees it in another protocol, and as the recruiter sees it.
        let draft = Draft::new(opener, "")
            .to(party(EXECUTOR))
            .protocol(protocol);
        let first = message(PLANNER, draft);
        let mut view = Conversation::open(&party(from), &first).unwrap();
        let agree = message(EXECUTOR, first.reply(Agree, ""));
        view.step(&agree, morning()).unwrap();
        let stray = message(CRITIC, first.reply(Inform, ""));
        let error = view.step(&stray, morning()).unwrap_err();
        assert_eq!(error.why, Why::Stranger, "{protocol}");
    }
    let draft = Draft::new(Proxy, "")
        .to(party(EXECUTOR))
        .protocol(FipaRecruiting);
    let proxy = message(PLANNER, draft.conversation(id(7)));
    let mut mine = Conversations::default();
    mine.send(&party(PLANNER), &proxy, morning()).unwrap();
    let agree = message(EXECUTOR, proxy.reply(Agree, ""));
    mine.receive(&party(PLANNER), &agree, morning()).unwrap();
    let recruit = message(CRITIC, proxy.reply(Inform, ""));
    let step = mine.receive(&party(PLANNER), &recruit, morning()).unwrap();
    assert_eq!((step.key, step.opened), (key(PLANNER, 7), false));
}
