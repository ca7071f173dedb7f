//! Identifiers: what parses, what is refused and why, how they order.

use aios_protocols::{AgentId, IdentityError, Party, PrincipalId, TenantId, Tier};
use proptest::prelude::*;

#[test]
fn the_examples_of_the_specification_parse_and_print() {
    let rows = [
        (
            "macro.planner.001@global",
            Tier::Macro,
            "planner",
            "001",
            "global",
        ),
        (
            "meso.registry.003@zone-eu",
            Tier::Meso,
            "registry",
            "003",
            "zone-eu",
        ),
        (
            "micro.page.0x7F3A2B00@numa-0",
            Tier::Micro,
            "page",
            "0x7F3A2B00",
            "numa-0",
        ),
        (
            "macro.memory-keeper.a_b@x",
            Tier::Macro,
            "memory-keeper",
            "a_b",
            "x",
        ),
    ];
    for (text, tier, kind, instance, zone) in rows {
        let id: AgentId = text.parse().unwrap();
        assert_eq!(
            (id.tier(), id.kind(), id.instance(), id.zone()),
            (tier, kind, instance, zone)
        );
        assert_eq!(id.to_string(), text);
        assert_eq!(id.role(), format!("{tier}.{kind}"));
        assert_eq!(AgentId::new(tier, kind, instance, zone).unwrap(), id);
        assert_eq!(text.parse::<Party>().unwrap(), Party::Agent(id));
    }
    let alice: PrincipalId = "user:alice.b@acme".parse().unwrap();
    assert_eq!((alice.name(), alice.tenant()), ("alice.b", "acme"));
    let shop: Party = "service:web-shop@acme".parse().unwrap();
    assert_eq!(shop.principal().unwrap().name(), "web-shop");
    assert_eq!(
        PrincipalId::new(alice.kind(), "alice.b", &TenantId::new("acme").unwrap()).unwrap(),
        alice
    );
}

#[test]
fn anything_else_is_a_clear_error() {
    let long = format!("macro.planner.{}@global", "x".repeat(65));
    let rows: &[(&str, &str)] = &[
        ("", "is not an agent identifier"),
        ("macro.planner.001", "is not an agent identifier"),
        ("macro.planner@global", "is not an agent identifier"),
        ("nano.planner.001@global", "`nano` is not a tier"),
        ("Macro.planner.001@global", "`Macro` is not a tier"),
        ("macro.Planner.001@global", "'P' is not allowed in the type"),
        (
            "macro.1planner.001@global",
            "'1' is not allowed in the type",
        ),
        ("macro..001@global", "the type of an identifier is empty"),
        (
            "macro.planner.@global",
            "the instance of an identifier is empty",
        ),
        ("macro.planner.001@", "the zone of an identifier is empty"),
        (
            "macro.planner.0.1@global",
            "'.' is not allowed in the instance",
        ),
        (
            "macro.planner.001@global@x",
            "'@' is not allowed in the zone",
        ),
        (
            "macro.planner.001@glo bal",
            "' ' is not allowed in the zone",
        ),
        (" macro.planner.001@global", "` macro` is not a tier"),
        ("macro.planner.001@glöbal", "'ö' is not allowed in the zone"),
        (&long, "is 65 bytes long, 64 are allowed"),
        ("user:alice", "is not a principal"),
        ("robot:alice@acme", "is not a principal"),
        ("user:@acme", "the name of an identifier is empty"),
        ("user:alice@", "the tenant of an identifier is empty"),
        ("user:al ice@acme", "' ' is not allowed in the name"),
    ];
    for (text, expected) in rows {
        let error = text.parse::<Party>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let endless = "x".repeat(10_000);
    assert!(endless.parse::<AgentId>().unwrap_err().to_string().len() < 300);
}

#[test]
fn agents_order_by_tier_type_instance_zone() {
    let sorted = [
        "macro.a.1@z",
        "macro.a-b.1@z",
        "macro.ab.001@z",
        "macro.ab.002@a",
        "macro.ab.002@b",
        "meso.a.1@a",
        "micro.a.1@a",
    ];
    let mut ids: Vec<AgentId> = sorted
        .iter()
        .rev()
        .map(|text| text.parse().unwrap())
        .collect();
    ids.sort();
    assert_eq!(ids.iter().map(AgentId::as_str).collect::<Vec<_>>(), sorted);
}

#[test]
fn identifiers_are_kept_in_data_as_their_text() {
    let party: Party = "macro.planner.001@global".parse().unwrap();
    let json = serde_json::to_string(&party).unwrap();
    assert_eq!(json, "\"macro.planner.001@global\"");
    assert_eq!(serde_json::from_str::<Party>(&json).unwrap(), party);
    assert!(serde_json::from_str::<Party>("\"nobody\"").is_err());
}

proptest! {
    #[test]
    fn what_is_built_parses_to_itself(
        kind in "[a-z][a-z0-9_-]{0,31}",
        instance in "[A-Za-z0-9_-]{1,64}",
        zone in "[A-Za-z0-9_-]{1,64}",
    ) {
        for tier in [Tier::Macro, Tier::Meso, Tier::Micro] {
            let id = AgentId::new(tier, &kind, &instance, &zone).unwrap();
            let back: AgentId = id.as_str().parse().unwrap();
            prop_assert_eq!(&back, &id);
            prop_assert_eq!((back.kind(), back.instance(), back.zone()), (&*kind, &*instance, &*zone));
        }
    }

    #[test]
    fn any_text_parses_or_is_refused_and_what_parses_prints_the_same(text in "\\PC{0,80}") {
        match text.parse::<Party>() {
            Ok(party) => prop_assert_eq!(party.as_str(), text),
            Err(error) => prop_assert!(!matches!(error, IdentityError::Shape(ref shown) if shown.is_empty() && !text.is_empty())),
        }
    }
}
