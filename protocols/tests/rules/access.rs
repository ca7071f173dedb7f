//! The table of SPEC 2, every pair of tiers against every act.

use crate::world::*;
use aios_protocols::Performative::{self, *};
use aios_protocols::access::may_open;

/// Acts that never open a conversation, whoever sends them.
const ANSWERS: [Performative; 6] = [
    Agree,
    Refuse,
    Failure,
    AcceptProposal,
    RejectProposal,
    NotUnderstood,
];

fn opens(from: &str, to: &str) -> Vec<Performative> {
    Performative::ALL
        .into_iter()
        .filter(|act| may_open(&party(from), &party(to), *act).is_ok())
        .collect()
}

fn all() -> Vec<Performative> {
    Performative::ALL
        .into_iter()
        .filter(|act| !ANSWERS.contains(act))
        .collect()
}

#[test]
fn who_may_open_what() {
    let page_elsewhere = "micro.page.2@numa-1";
    let page_beside = "micro.page.2@numa-0";
    let bob = "user:bob@acme";
    let monitor = "meso.monitor.001@global";
    let rows: Vec<(&str, &str, Vec<Performative>)> = vec![
        (PAGE, page_beside, vec![Inform, QueryIf]),
        (PAGE, page_elsewhere, vec![]),
        (PAGE, REGISTRY, vec![Inform]),
        (PAGE, PLANNER, vec![]),
        (
            REGISTRY,
            PAGE,
            vec![Request, Inform, Cancel, QueryIf, QueryRef],
        ),
        (REGISTRY, monitor, all()),
        (REGISTRY, PLANNER, vec![Inform, Propose]),
        (PLANNER, PAGE, vec![]),
        (
            PLANNER,
            REGISTRY,
            vec![Request, Cancel, QueryIf, QueryRef, Cfp, Subscribe],
        ),
        (PLANNER, EXECUTOR, all()),
        (
            ALICE,
            INTERFACE,
            vec![Request, Cancel, QueryIf, QueryRef, Subscribe],
        ),
        (ALICE, PLANNER, vec![]),
        (ALICE, REGISTRY, vec![]),
        (ALICE, PAGE, vec![]),
        (ALICE, bob, vec![]),
        (INTERFACE, ALICE, vec![]),
        (REGISTRY, ALICE, vec![]),
    ];
    for (from, to, expected) in rows {
        assert_eq!(opens(from, to), expected, "{from} to {to}");
    }
}

#[test]
fn a_denial_says_who_what_and_what_else() {
    let denied = may_open(&party(PLANNER), &party(PAGE), Request).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "macro.planner.001@global may not open a conversation with micro.page.0x7F3A2B00@numa-0 by request; \
         macro agents reach micro agents only through a meso agent"
    );
}

#[test]
fn the_numbers_of_the_acts_are_those_of_the_whitepaper() {
    let names = [
        "request",
        "inform",
        "propose",
        "accept-proposal",
        "reject-proposal",
        "agree",
        "refuse",
        "cancel",
        "failure",
        "query-if",
        "query-ref",
        "confirm",
        "not-understood",
        "cfp",
        "disconfirm",
        "inform-if",
        "inform-ref",
        "propagate",
        "proxy",
        "request-when",
        "request-whenever",
        "subscribe",
    ];
    for (act, (index, name)) in Performative::ALL
        .into_iter()
        .zip(names.into_iter().enumerate())
    {
        assert_eq!((act.number(), act.as_str()), (index as i32 + 1, name));
        assert_eq!(Performative::from_number(act.number()), Some(act));
        assert_eq!(name.parse::<Performative>().unwrap(), act);
        assert_eq!(name.to_uppercase().parse::<Performative>().unwrap(), act);
        assert_eq!(serde_json::to_string(&act).unwrap(), format!("\"{name}\""));
    }
    for wrong in [0, 23, -1, i32::MAX] {
        assert_eq!(Performative::from_number(wrong), None);
    }
    assert!("ask".parse::<Performative>().is_err());
}
