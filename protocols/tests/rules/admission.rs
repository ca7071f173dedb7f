//! Who comes in to a party's conversations: by its tier, by the card of the receiver, and only then by the protocol.

use std::sync::Arc;

use crate::world::*;
use aios_protocols::Performative::*;
use aios_protocols::conversation::State;
use aios_protocols::*;

#[test]
fn conversations_admit_by_access_and_then_by_protocol() {
    let mut page = Conversations::default();
    let label = |result: Result<_, Refusal>| result.err().map(|refusal| refusal.label());
    let direct = message(PLANNER, Draft::request(party(PAGE), "x"));
    assert_eq!(
        label(page.receive(&party(PAGE), &direct, morning())),
        Some("tier-forbidden")
    );
    let mut planner = Conversations::default();
    assert_eq!(
        label(planner.send(&party(PLANNER), &direct, morning())),
        Some("tier-forbidden")
    );
    assert!(planner.is_empty());

    // Meso may not open a request to macro, but answers the macro agent's own.
    let mut registry = Conversations::default();
    let up = message(REGISTRY, Draft::request(party(PLANNER), "x"));
    assert_eq!(
        label(planner.receive(&party(PLANNER), &up, morning())),
        Some("tier-forbidden")
    );
    let query = message(PLANNER, Draft::query_ref(party(REGISTRY), "x"));
    let step = planner.send(&party(PLANNER), &query, morning()).unwrap();
    assert!(step.opened && !step.finished && step.state == State::Asked);
    registry
        .receive(&party(REGISTRY), &query, morning())
        .unwrap();
    let refuse = message(REGISTRY, query.reply(Refuse, ""));
    assert!(
        registry
            .send(&party(REGISTRY), &refuse, morning())
            .unwrap()
            .finished
    );
    assert!(
        planner
            .receive(&party(PLANNER), &refuse, morning())
            .unwrap()
            .finished
    );

    // After the end, and out of nowhere.
    let inform = message(REGISTRY, query.reply(Inform, ""));
    assert_eq!(
        label(planner.receive(&party(PLANNER), &inform, morning())),
        Some("out-of-protocol")
    );
    let stray = message(REGISTRY, Draft::new(Agree, "").to(party(PLANNER)));
    assert_eq!(
        label(planner.receive(&party(PLANNER), &stray, morning())),
        Some("out-of-protocol")
    );
}

#[test]
fn a_principal_is_answered_through_its_own_conversation() {
    let mut interface = Conversations::default();
    let request = message(ALICE, Draft::request(party(INTERFACE), "Analyze Q3 sales"));
    let open_to = OpenTo::default().and(PrincipalKind::User);
    interface
        .receive_if_open(&party(INTERFACE), &request, morning(), &open_to)
        .unwrap();
    let answer = message(INTERFACE, request.reply(Inform, "done"));
    assert!(
        interface
            .send(&party(INTERFACE), &answer, morning())
            .unwrap()
            .finished
    );
}

#[test]
fn conversations_admit_whom_the_card_of_the_receiver_is_open_to() {
    let critic_only: OpenTo = "macro.critic".parse().unwrap();
    let label = |result: Result<_, Refusal>| result.err().map(|refusal| refusal.label());
    let asked = |from| message(from, Draft::request(party(EXECUTOR), "x"));
    for (from, open_to, expected) in [
        (CRITIC, critic_only.clone(), None),
        (PLANNER, critic_only.clone(), Some("tier-forbidden")),
        (PLANNER, OpenTo::default(), None),
        (PLANNER, OpenTo::none(), Some("tier-forbidden")),
        (ALICE, OpenTo::default(), Some("tier-forbidden")),
        (ALICE, OpenTo::anyone(), None),
        (PAGE, OpenTo::anyone(), Some("tier-forbidden")),
    ] {
        let mut mine = Conversations::default();
        let taken = mine.receive_if_open(&party(EXECUTOR), &asked(from), morning(), &open_to);
        assert_eq!(label(taken), expected, "{from} where open to {open_to}");
        // Who knows it does not even send it; who does not know leaves it to the receiver, within the tiers.
        let known = Arc::new(open_to.clone());
        let mut theirs = Conversations::default();
        let sent = theirs.send_to_open(&party(from), &asked(from), morning(), |to| {
            (*to == party(EXECUTOR)).then(|| Arc::clone(&known))
        });
        assert_eq!(label(sent), expected, "{from} where open to {open_to}");
        let mut theirs = Conversations::default();
        let sent = theirs.send(&party(from), &asked(from), morning());
        let tiers = (from == PAGE).then_some("tier-forbidden");
        assert_eq!(label(sent), tiers, "{from}");
    }

    // The card closes what is opened, never what goes on.
    let mut mine = Conversations::default();
    let request = message(EXECUTOR, Draft::request(party(PLANNER), "x"));
    mine.send(&party(EXECUTOR), &request, morning()).unwrap();
    let answer = message(PLANNER, request.reply(Inform, "done"));
    let step = mine.receive_if_open(&party(EXECUTOR), &answer, morning(), &OpenTo::none());
    assert!(step.unwrap().finished);
}
