//! The interaction protocols, to be read beside FIPA00026 to FIPA00036.

use crate::world::*;
use aios_protocols::Performative::{self, *};
use aios_protocols::ProtocolName::{self, *};
use aios_protocols::conversation::{Outcome, Side, State, Why};
use aios_protocols::*;

const INITIATOR: &str = PLANNER;
const PARTICIPANT: &str = EXECUTOR;

/// An act of a protocol's run. Initiator's and participant's acts differ in direction only.
fn act(from: &str, act: Performative, protocol: Option<ProtocolName>) -> Message {
    let to = if from == INITIATOR {
        PARTICIPANT
    } else {
        INITIATOR
    };
    let mut draft = Draft::new(act, "")
        .to(party(to))
        .conversation(ConversationId::from_bytes([3; 16]));
    if let Some(protocol) = protocol {
        draft = draft.protocol(protocol);
    }
    message(from, draft)
}

/// Both sides' views of one run, in step.
struct Run {
    protocol: Option<ProtocolName>,
    /// What the participant's acts answer: the reply-with of the initiator's latest act.
    asked: Option<String>,
    /// What its inform or failure answers while a cancel is under way.
    cancel: Option<String>,
    views: [Conversation; 2],
}

impl Run {
    /// Plays a script such as `cfp < propose > accept-proposal`: `>` before the initiator's acts, `<` before the
    /// participant's.
    fn play(protocol: Option<ProtocolName>, script: &str) -> Self {
        let mut words = script.split_whitespace();
        let first = act(INITIATOR, words.next().unwrap().parse().unwrap(), protocol);
        let open = |me| Conversation::open(&party(me), &first).unwrap();
        let mut run = Self {
            protocol,
            asked: first.reply_with.clone(),
            cancel: None,
            views: [open(INITIATOR), open(PARTICIPANT)],
        };
        while let (Some(arrow), Some(word)) = (words.next(), words.next()) {
            let from = if arrow == ">" { INITIATOR } else { PARTICIPANT };
            run.say(from, word.parse().unwrap())
                .unwrap_or_else(|error| panic!("{script}: {error}"));
        }
        run
    }

    fn say(&mut self, from: &str, what: Performative) -> Result<State, OutOfProtocol> {
        let mut message = act(from, what, self.protocol);
        let settles = self.cancel.is_some() && matches!(what, Inform | Failure);
        if from == PARTICIPANT {
            let answered = if settles { &self.cancel } else { &self.asked };
            message.in_reply_to.clone_from(answered);
        }
        let before = self.views.clone();
        let [one, other] = &mut self.views;
        let (ours, theirs) = (
            one.step(&message, morning()),
            other.step(&message, morning()),
        );
        assert_eq!(ours, theirs, "both sides judge alike");
        if ours.is_err() {
            assert_eq!(self.views, before, "a refused act changes nothing");
        } else if from == INITIATOR && what == Cancel {
            self.cancel = message.reply_with;
        } else if from == INITIATOR {
            self.asked = message.reply_with;
        } else if settles {
            self.cancel = None;
        }
        ours
    }

    fn state(&self) -> State {
        self.views[0].state(&party(PARTICIPANT)).unwrap()
    }

    /// Every act this side may say here, found by trying all 22.
    fn sayable(&self, from: &str) -> Vec<Performative> {
        let says = |act: &Performative| {
            let mut run = Self {
                protocol: self.protocol,
                asked: self.asked.clone(),
                cancel: self.cancel.clone(),
                views: self.views.clone(),
            };
            run.say(from, *act).is_ok()
        };
        let acts: Vec<_> = Performative::ALL.into_iter().filter(says).collect();
        assert_eq!(
            self.views[0].expected(&party(from)),
            acts,
            "expected() tells the truth"
        );
        acts
    }
}

fn acts(words: &str) -> Vec<Performative> {
    let mut acts: Vec<Performative> = words
        .split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect();
    acts.sort();
    acts
}

/// After each script, all that the initiator and all that the participant may say.
#[test]
fn each_protocol_expects_exactly_these_acts() {
    let rows: &[(&[ProtocolName], &str, &str, &str)] = &[
        // FIPA00026, FIPA00027
        (
            &[FipaRequest],
            "request",
            "cancel not-understood",
            "refuse agree failure inform not-understood",
        ),
        (
            &[FipaRequest],
            "request < agree",
            "cancel not-understood",
            "failure inform not-understood",
        ),
        (&[FipaRequest], "request < refuse", "", ""),
        (&[FipaRequest], "request < inform", "", ""),
        (&[FipaRequest], "request < agree < inform", "", ""),
        (&[FipaRequest], "request < agree < failure", "", ""),
        (&[FipaRequest], "request < not-understood", "", ""),
        (&[FipaRequest], "request < agree > not-understood", "", ""),
        (
            &[FipaQuery],
            "query-if",
            "cancel not-understood",
            "refuse agree failure inform not-understood",
        ),
        (
            &[FipaQuery],
            "query-ref < agree",
            "cancel not-understood",
            "failure inform not-understood",
        ),
        (&[FipaQuery], "query-ref < inform", "", ""),
        // FIPA00028
        (
            &[FipaRequestWhen],
            "request-when",
            "cancel not-understood",
            "refuse agree not-understood",
        ),
        (
            &[FipaRequestWhen],
            "request-when < agree",
            "cancel not-understood",
            "failure inform not-understood",
        ),
        // FIPA00029, FIPA00030
        (
            &[FipaContractNet, FipaIteratedContractNet],
            "cfp",
            "cancel not-understood",
            "refuse propose not-understood",
        ),
        (
            &[FipaContractNet],
            "cfp < propose",
            "accept-proposal reject-proposal cancel not-understood",
            "not-understood",
        ),
        (
            &[FipaIteratedContractNet],
            "cfp < propose",
            "accept-proposal reject-proposal cfp cancel not-understood",
            "not-understood",
        ),
        (
            &[FipaIteratedContractNet],
            "cfp < propose > cfp",
            "cancel not-understood",
            "refuse propose not-understood",
        ),
        (
            &[FipaContractNet, FipaIteratedContractNet],
            "cfp < propose > accept-proposal",
            "cancel not-understood",
            "failure inform not-understood",
        ),
        (
            &[FipaContractNet],
            "cfp < propose > reject-proposal",
            "",
            "",
        ),
        (&[FipaContractNet], "cfp < refuse", "", ""),
        (
            &[FipaContractNet],
            "cfp < propose > accept-proposal < inform",
            "",
            "",
        ),
        (
            &[FipaIteratedContractNet],
            "cfp < propose > cfp < propose > accept-proposal < failure",
            "",
            "",
        ),
        // FIPA00036
        (
            &[FipaPropose],
            "propose",
            "cancel not-understood",
            "accept-proposal reject-proposal not-understood",
        ),
        (&[FipaPropose], "propose < accept-proposal", "", ""),
        // FIPA00035
        (
            &[FipaSubscribe],
            "subscribe",
            "cancel not-understood",
            "refuse agree failure inform not-understood",
        ),
        (
            &[FipaSubscribe],
            "subscribe < agree < inform < inform",
            "cancel not-understood",
            "failure inform not-understood",
        ),
        (&[FipaSubscribe], "subscribe < inform < failure", "", ""),
        (
            &[FipaSubscribe],
            "request-whenever < agree",
            "cancel not-understood",
            "failure inform not-understood",
        ),
        // FIPA00033, FIPA00034
        (
            &[FipaBrokering, FipaRecruiting],
            "proxy",
            "cancel not-understood",
            "refuse agree not-understood",
        ),
        (
            &[FipaBrokering, FipaRecruiting],
            "proxy < agree",
            "cancel not-understood",
            "failure inform not-understood",
        ),
        (
            &[FipaBrokering],
            "proxy < agree < inform < inform",
            "cancel not-understood",
            "failure inform not-understood",
        ),
        (
            &[FipaBrokering, FipaRecruiting],
            "proxy < agree < failure",
            "",
            "",
        ),
        (
            &[FipaRecruiting],
            "proxy < agree < inform",
            "cancel not-understood",
            "failure not-understood",
        ),
        // The cancel meta-protocol, the same in every protocol.
        (
            &[FipaRequest],
            "request > cancel",
            "not-understood",
            "refuse agree failure inform not-understood",
        ),
        (
            &[FipaRequest],
            "request < agree > cancel",
            "not-understood",
            "failure inform not-understood",
        ),
        (
            &[FipaContractNet],
            "cfp < propose > cancel",
            "not-understood",
            "failure inform not-understood",
        ),
        (&[FipaRequest], "request < agree > cancel < inform", "", ""),
        (
            &[FipaRequest],
            "request < agree > cancel < failure",
            "cancel not-understood",
            "failure inform not-understood",
        ),
        (
            &[FipaContractNet],
            "cfp < propose > cancel < failure",
            "accept-proposal reject-proposal cancel not-understood",
            "not-understood",
        ),
        (
            &[FipaSubscribe],
            "subscribe < agree > cancel < inform",
            "",
            "",
        ),
    ];
    for (protocols, script, initiator, participant) in rows {
        for protocol in *protocols {
            let run = Run::play(Some(*protocol), script);
            assert_eq!(
                run.sayable(INITIATOR),
                acts(initiator),
                "{protocol}: {script} >"
            );
            assert_eq!(
                run.sayable(PARTICIPANT),
                acts(participant),
                "{protocol}: {script} <"
            );
            let over = initiator.is_empty() && participant.is_empty();
            assert_eq!(run.views[0].is_finished(), over, "{protocol}: {script}");
            assert_eq!(run.views[1].is_finished(), over, "{protocol}: {script}");
        }
    }
}

#[test]
fn each_protocol_is_opened_by_its_own_acts_only() {
    for protocol in ProtocolName::ALL {
        let expected = match protocol {
            FipaRequest => "request",
            FipaQuery => "query-if query-ref",
            FipaRequestWhen => "request-when",
            FipaContractNet | FipaIteratedContractNet => "cfp",
            FipaBrokering | FipaRecruiting => "proxy",
            FipaSubscribe => "subscribe request-whenever",
            FipaPropose => "propose",
        };
        let opens = |what: &Performative| {
            Conversation::open(&party(PARTICIPANT), &act(INITIATOR, *what, Some(protocol))).is_ok()
        };
        let openers: Vec<_> = Performative::ALL.into_iter().filter(opens).collect();
        assert_eq!(openers, acts(expected), "{protocol}");
    }
}

#[test]
fn an_act_without_a_protocol_follows_its_natural_one_or_stands_alone() {
    for what in Performative::ALL {
        let opened = Conversation::open(&party(PARTICIPANT), &act(INITIATOR, what, None));
        match what {
            Agree | Refuse | Failure | AcceptProposal | RejectProposal | NotUnderstood | Cancel => {
                assert_eq!(opened.unwrap_err().why, Why::NoConversation, "{what}");
            }
            Inform | Confirm | Disconfirm | InformIf | InformRef | Propagate => {
                let alone = opened.unwrap();
                assert!(alone.is_finished() && alone.protocol().is_none(), "{what}");
            }
            _ => {
                let natural = opened.unwrap().protocol();
                assert!(natural.is_some(), "{what}");
                assert_eq!(natural, ProtocolName::natural_for(what));
            }
        }
    }
    // A bare request is answered as fipa-request is, naming the protocol or not.
    assert_eq!(
        Run::play(None, "request < agree < inform").state(),
        State::Finished(Outcome::Done)
    );
    // An act that answers something answers it in its conversation.
    let stray = message(
        PLANNER,
        Draft::inform(party(EXECUTOR), "").in_reply_to("r1"),
    );
    let error = Conversation::open(&party(EXECUTOR), &stray).unwrap_err();
    assert_eq!(error.why, Why::NoConversation);
}

#[test]
fn each_leg_ends_as_it_ended() {
    let rows = [
        (FipaRequest, "request < inform", Outcome::Done),
        (FipaRequest, "request < refuse", Outcome::Refused),
        (FipaRequest, "request < agree < failure", Outcome::Failed),
        (
            FipaRequest,
            "request < agree > cancel < inform",
            Outcome::Cancelled,
        ),
        (
            FipaRequest,
            "request < not-understood",
            Outcome::NotUnderstood,
        ),
        (
            FipaContractNet,
            "cfp < propose > reject-proposal",
            Outcome::Rejected,
        ),
        (FipaPropose, "propose < reject-proposal", Outcome::Rejected),
    ];
    for (protocol, script, outcome) in rows {
        let run = Run::play(Some(protocol), script);
        assert_eq!(run.state(), State::Finished(outcome), "{script}");
    }
}

/// A conversation that is answered by `reply`, as agents do it.
fn asked() -> (Message, Conversation) {
    let request = message(INITIATOR, Draft::request(party(PARTICIPANT), "x"));
    let conversation = Conversation::open(&party(INITIATOR), &request).unwrap();
    (request, conversation)
}

#[test]
fn acts_that_cross_a_cancel_are_told_apart_by_in_reply_to() {
    let (request, mut conversation) = asked();
    let reply = |to: &Message, act| message(PARTICIPANT, to.reply(act, ""));
    let cancel = message(INITIATOR, request.cancel());
    assert!(cancel.reply_with.is_some());
    conversation.step(&cancel, morning()).unwrap();

    let mut crossed = conversation.clone();
    assert_eq!(
        crossed.step(&reply(&request, Agree), morning()).unwrap(),
        State::Cancelling
    );
    assert_eq!(
        crossed.step(&reply(&request, Inform), morning()).unwrap(),
        State::Finished(Outcome::Done),
        "the result, which was under way"
    );

    let mut declined = conversation.clone();
    declined.step(&reply(&request, Agree), morning()).unwrap();
    assert_eq!(
        declined.step(&reply(&cancel, Failure), morning()).unwrap(),
        State::Agreed,
        "the participant could not stop and goes on"
    );
    assert_eq!(
        declined.step(&reply(&request, Inform), morning()).unwrap(),
        State::Finished(Outcome::Done)
    );

    assert_eq!(
        conversation
            .step(&reply(&cancel, Inform), morning())
            .unwrap(),
        State::Finished(Outcome::Cancelled)
    );
}

#[test]
fn only_the_initiator_cancels() {
    let (request, mut conversation) = asked();
    let cancel = message(PARTICIPANT, request.reply(Cancel, ""));
    assert_eq!(
        conversation.step(&cancel, morning()).unwrap_err().why,
        Why::Unexpected
    );
}

#[test]
fn strangers_and_other_protocols_are_kept_out() {
    let (request, mut conversation) = asked();
    let reply = |from: &str, draft: Draft| message(from, draft);
    let inform = || request.reply(Inform, "");
    let rows = [
        (reply(CRITIC, inform()), Why::Stranger),
        (
            reply(PARTICIPANT, inform().protocol(FipaQuery)),
            Why::OtherProtocol(FipaQuery),
        ),
        (
            reply(PARTICIPANT, inform().to(party(CRITIC))),
            Why::Misaddressed,
        ),
        (
            reply(
                INITIATOR,
                Draft::new(Cancel, "")
                    .to(party(CRITIC))
                    .conversation(request.conversation_id),
            ),
            Why::Misaddressed,
        ),
    ];
    for (message, why) in rows {
        assert_eq!(conversation.step(&message, morning()).unwrap_err().why, why);
    }
    assert!(
        conversation
            .step(&reply(PARTICIPANT, inform()), morning())
            .is_ok()
    );
    let error = conversation
        .step(&reply(PARTICIPANT, inform()), morning())
        .unwrap_err();
    assert_eq!((error.why, error.expected), (Why::Finished, vec![]));
}

#[test]
fn an_unexpected_act_names_what_was_expected() {
    let (request, mut conversation) = asked();
    let error = conversation
        .step(&message(PARTICIPANT, request.reply(Propose, "")), morning())
        .unwrap_err();
    assert_eq!(
        error.expected,
        acts("agree refuse failure inform not-understood")
    );
    assert!(
        error
            .to_string()
            .contains("expected inform, agree, refuse, failure, not-understood"),
        "{error}"
    );
}

#[test]
fn an_act_after_the_reply_by_is_late() {
    let request = message(
        INITIATOR,
        Draft::request(party(PARTICIPANT), "x").reply_by(later(5)),
    );
    let agree = message(PARTICIPANT, request.reply(Agree, ""));
    let inform = message(PARTICIPANT, request.reply(Inform, ""));
    let fresh = Conversation::open(&party(INITIATOR), &request).unwrap();
    assert_eq!(fresh.next_due(), Some(later(5)));

    let mut late = fresh.clone();
    let error = late.step(&agree, later(6)).unwrap_err();
    assert_eq!(error.why, Why::Late { reply_by: later(5) });

    let mut agreed = fresh.clone();
    agreed.step(&agree, later(5)).unwrap();
    assert_eq!(agreed.next_due(), None, "the reply-by was for the agree");
    assert!(agreed.step(&inform, later(600)).is_ok());

    let mut waiting = fresh;
    assert!(waiting.close_overdue(later(5)).is_empty());
    assert_eq!(waiting.close_overdue(later(6)), [party(PARTICIPANT)]);
    assert_eq!(
        waiting.state(&party(PARTICIPANT)),
        Some(State::Finished(Outcome::Abandoned))
    );
    assert!(waiting.is_finished());
}

#[test]
fn a_contract_net_has_a_leg_for_each_bidder() {
    let bidders: Vec<String> = (0..4)
        .map(|n| format!("macro.executor.{n}@global"))
        .collect();
    let cfp = message(
        PLANNER,
        Draft::cfp(bidders.iter().map(|name| party(name)), "who?").reply_by(later(5)),
    );
    let mut net = Conversation::open(&party(PLANNER), &cfp).unwrap();
    let answer = |n: usize, act| message(&bidders[n], cfp.reply(act, ""));
    net.step(&answer(0, Propose), morning()).unwrap();
    net.step(&answer(1, Propose), morning()).unwrap();
    net.step(&answer(2, Refuse), morning()).unwrap();
    assert_eq!(
        net.close_overdue(later(6)),
        [party(&bidders[3])],
        "who did not bid in time is out"
    );
    assert_eq!(
        net.step(&answer(3, Propose), later(6)).unwrap_err().why,
        Why::Finished
    );

    let decide = |act, to: &[usize]| {
        let draft = Draft::new(act, "")
            .conversation(cfp.conversation_id)
            .protocol(FipaContractNet);
        message(
            PLANNER,
            draft.to_all(to.iter().map(|n| party(&bidders[*n]))),
        )
    };
    let before = net.clone();
    assert!(
        net.step(&decide(AcceptProposal, &[0, 2]), later(7))
            .is_err(),
        "the third had refused"
    );
    assert_eq!(net, before, "all legs move or none");
    let accept = decide(AcceptProposal, &[0]);
    net.step(&accept, later(7)).unwrap();
    net.step(&decide(RejectProposal, &[1]), later(7)).unwrap();
    assert!(!net.is_finished());
    assert_eq!(
        net.step(&answer(0, Inform), later(8)).unwrap_err().why,
        Why::InReplyTo,
        "the call was answered by the proposal"
    );
    let inform = message(&bidders[0], accept.reply(Inform, ""));
    net.step(&inform, later(8)).unwrap();
    assert!(net.is_finished());

    // A bidder sees its own leg only.
    let mut view = Conversation::open(&party(&bidders[1]), &cfp).unwrap();
    assert_eq!(view.participants().count(), 1);
    assert_eq!(
        view.step(&answer(0, Propose), morning()).unwrap_err().why,
        Why::Stranger
    );
    view.step(&answer(1, Propose), morning()).unwrap();
    view.step(&decide(AcceptProposal, &[0, 1]), morning())
        .unwrap();
    assert_eq!(view.state(&party(&bidders[1])), Some(State::Accepted));
}

#[test]
fn recruits_answer_the_initiator_themselves() {
    let proxy = Draft::new(Proxy, "")
        .to(party(REGISTRY))
        .protocol(FipaRecruiting);
    let proxy = message(PLANNER, proxy);
    let mut recruiting = Conversation::open(&party(PLANNER), &proxy).unwrap();
    let from_recruit = message(EXECUTOR, proxy.reply(Inform, "42"));
    assert_eq!(
        recruiting.step(&from_recruit, morning()).unwrap_err().why,
        Why::Stranger
    );
    recruiting
        .step(&message(REGISTRY, proxy.reply(Agree, "")), morning())
        .unwrap();
    assert_eq!(
        recruiting.step(&from_recruit, morning()).unwrap(),
        State::Answering
    );
    assert_eq!(
        recruiting
            .step(&message(CRITIC, proxy.reply(Refuse, "")), morning())
            .unwrap(),
        State::Finished(Outcome::Refused)
    );

    let mut recruits = Conversations::default();
    let view = Conversation::recruited(&party(EXECUTOR), proxy.conversation_id, &party(PLANNER));
    assert_eq!(view.side(), Side::Recruit);
    recruits.adopt(view, morning()).unwrap();
    assert!(
        recruits
            .send(&party(EXECUTOR), &from_recruit, morning())
            .is_ok()
    );
}

#[test]
fn answers_may_go_to_the_reply_to_of_the_opening_act() {
    let request = message(
        PLANNER,
        Draft::request(party(EXECUTOR), "x").reply_to(party(CRITIC)),
    );
    let mut view = Conversation::open(&party(EXECUTOR), &request).unwrap();
    let inform = message(EXECUTOR, request.reply(Inform, ""));
    assert!(inform.receivers.contains(&party(CRITIC)));
    assert!(view.step(&inform, morning()).is_ok());
}
