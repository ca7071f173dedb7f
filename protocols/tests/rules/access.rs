//! The table of SPEC 2, every pair of tiers against every act, and whom of those a card lets in.

use crate::world::*;
use aios_protocols::Performative::{self, *};
use aios_protocols::access::{may_open, tiers_allow};
use aios_protocols::{AgentCard, OpenTo, PrincipalKind, Tier};

/// Acts that never open a conversation, whoever sends them.
const ANSWERS: [Performative; 6] = [
    Agree,
    Refuse,
    Failure,
    AcceptProposal,
    RejectProposal,
    NotUnderstood,
];

/// Whom these agents are open to by their cards: the interface to principals too, the others say nothing about it.
fn card_of(to: &str) -> OpenTo {
    let agents = OpenTo::default();
    match to {
        INTERFACE => agents.and(PrincipalKind::User).and(PrincipalKind::Service),
        _ => agents,
    }
}

fn opens(from: &str, to: &str) -> Vec<Performative> {
    opens_if(from, to, &card_of(to))
}

fn opens_if(from: &str, to: &str, open_to: &OpenTo) -> Vec<Performative> {
    Performative::ALL
        .into_iter()
        .filter(|act| may_open(&party(from), &party(to), *act, open_to).is_ok())
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
        (
            "service:ci@acme",
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
    let agents = OpenTo::default();
    let denied = may_open(&party(PLANNER), &party(PAGE), Request, &agents).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "macro.planner.001@global may not open a conversation with micro.page.0x7F3A2B00@numa-0 by request; \
         macro agents reach micro agents only through a meso agent"
    );
    for (open_to, instead) in [
        (agents, "it is open to macro, meso, micro"),
        (OpenTo::none(), "it is open to nobody"),
        (
            "service, macro.critic".parse().unwrap(),
            "it is open to macro.critic, service",
        ),
    ] {
        let denied = may_open(&party(ALICE), &party(PLANNER), Request, &open_to).unwrap_err();
        assert_eq!(
            denied.to_string(),
            format!(
                "user:alice@acme may not open a conversation with macro.planner.001@global by request; {instead}"
            )
        );
    }
}

/// Everybody who speaks in these tests.
const EVERYBODY: [&str; 8] = [
    PLANNER,
    EXECUTOR,
    CRITIC,
    INTERFACE,
    REGISTRY,
    PAGE,
    ALICE,
    "service:ci@acme",
];

#[test]
fn an_agent_is_open_to_those_its_card_names() {
    let rows: [(&str, &[&str]); 11] = [
        ("none", &[]),
        ("anyone", &EVERYBODY),
        ("macro", &[PLANNER, EXECUTOR, CRITIC, INTERFACE]),
        ("meso", &[REGISTRY]),
        ("micro", &[PAGE]),
        ("user", &[ALICE]),
        ("service", &["service:ci@acme"]),
        ("macro.planner", &[PLANNER]),
        // A role is that one, not whatever begins so.
        ("macro.plan, meso.registry2", &[]),
        ("meso.planner", &[]),
        ("macro.critic, meso,user", &[CRITIC, REGISTRY, ALICE]),
    ];
    for (text, expected) in rows {
        let open_to: OpenTo = text.parse().unwrap();
        let admitted: Vec<_> = EVERYBODY
            .into_iter()
            .filter(|from| open_to.admits(&party(from)))
            .collect();
        assert_eq!(admitted, expected, "{text}");
        assert_eq!(open_to.to_string().parse(), Ok(open_to.clone()), "{text}");
        let json = serde_json::to_string(&open_to).unwrap();
        assert_eq!(serde_json::from_str::<OpenTo>(&json).unwrap(), open_to);
    }
    for text in [
        "",
        "nobody",
        "macro.",
        "giant",
        "giant.planner",
        "macro.Planner",
        "user, none",
    ] {
        assert!(text.parse::<OpenTo>().is_err(), "{text:?}");
    }
    assert!(serde_json::from_str::<OpenTo>(r#"["somebody"]"#).is_err());
}

/// No card opens what the tiers close, and none says by which acts.
#[test]
fn a_card_narrows_the_table_and_widens_it_for_principals_only() {
    let anyone = OpenTo::anyone();
    for from in EVERYBODY {
        for to in EVERYBODY.into_iter().filter(|to| *to != from) {
            let most: Vec<_> = Performative::ALL
                .into_iter()
                .filter(|act| tiers_allow(&party(from), &party(to), *act).is_ok())
                .collect();
            assert_eq!(opens_if(from, to, &anyone), most, "{from} to {to}");
            assert_eq!(opens_if(from, to, &OpenTo::none()), [], "{from} to {to}");
            // What an agent says nothing about is as the tiers have it, and no principal gets in.
            let silent = opens_if(from, to, &OpenTo::default());
            let expected = if party(from).agent().is_some() {
                most
            } else {
                vec![]
            };
            assert_eq!(silent, expected, "{from} to {to}");
        }
    }
    let asks = vec![Request, Cancel, QueryIf, QueryRef, Subscribe];
    for (from, to, expected) in [
        (ALICE, PLANNER, asks.clone()),
        (ALICE, REGISTRY, asks),
        (ALICE, PAGE, vec![]),
        (PLANNER, PAGE, vec![]),
        (PAGE, PLANNER, vec![]),
        (PLANNER, ALICE, vec![]),
    ] {
        assert_eq!(opens_if(from, to, &anyone), expected, "{from} to {to}");
    }
}

#[test]
fn a_card_says_whom_it_is_open_to_and_an_older_one_need_not() {
    let mut card = AgentCard::new(PLANNER.parse().unwrap());
    assert_eq!(card.open_to, OpenTo::agents());
    let mut json = serde_json::to_value(&card).unwrap();
    assert_eq!(
        json["open_to"],
        serde_json::json!(["macro", "meso", "micro"])
    );
    json.as_object_mut().unwrap().remove("open_to");
    let older: AgentCard = serde_json::from_value(json).unwrap();
    assert_eq!(older, card);

    card.open_to = "service, macro.critic".parse().unwrap();
    let json = serde_json::to_value(&card).unwrap();
    assert_eq!(
        json["open_to"],
        serde_json::json!(["macro.critic", "service"])
    );
    assert_eq!(serde_json::from_value::<AgentCard>(json).unwrap(), card);

    let page = AgentCard::new(PAGE.parse().unwrap());
    assert!(page.check().is_ok());
    let opened = AgentCard {
        open_to: page.open_to.clone().and(PrincipalKind::User),
        ..page
    };
    let error = opened.check().unwrap_err().to_string();
    assert!(error.contains("cannot be open to user"), "{error}");
    let crowd = (0..65).map(|n| format!("macro.r{n}").parse().unwrap());
    card.open_to = crowd.collect();
    let error = card.check().unwrap_err().to_string();
    assert!(error.contains("65 openers are too many"), "{error}");
    assert!(OpenTo::none().and(Tier::Meso).admits(&party(REGISTRY)));
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
