//! Subjects and their patterns; cards.

use std::time::Duration;

use crate::world::*;
use aios_protocols::ports::{DataBus, Subscription};
use aios_protocols::subject::{DataKind, EventTopic};
use aios_protocols::*;

#[test]
fn subjects_are_those_of_the_specification() {
    let rows = [
        (
            Subject::event(EventTopic::Task, "started"),
            "aios.events.task.started",
        ),
        (
            Subject::data(DataKind::Results, "goal-1"),
            "aios.data.results.goal-1",
        ),
        (
            Subject::data(DataKind::Logs, PLANNER),
            "aios.data.logs.macro%2eplanner%2e001@global",
        ),
        (Subject::broadcast(), "aios.control.broadcast"),
        (
            Subject::control("executor", "pause"),
            "aios.control.executor.pause",
        ),
        (Subject::ingest("pdf"), "ingest.pdf"),
        (Subject::dead_letters("ingest"), "dlq.ingest"),
        (Subject::metering("acme"), "metering.acme"),
        (
            Subject::broadcast().of_tenant(&tenant()),
            "tenant.acme.aios.control.broadcast",
        ),
    ];
    for (subject, text) in rows {
        assert_eq!(subject.as_str(), text);
        assert_eq!(text.parse::<Subject>().unwrap(), subject);
    }
}

#[test]
fn a_star_is_one_token_and_a_greater_sign_one_or_more() {
    let rows = [
        ("a.b.c", "a.b.c", true),
        ("a.b.c", "a.b", false),
        ("a.b", "a.b.c", false),
        ("a.*.c", "a.b.c", true),
        ("a.*", "a.b.c", false),
        ("a.*", "a", false),
        ("a.>", "a.b", true),
        ("a.>", "a.b.c", true),
        ("a.>", "a", false),
        (">", "a", true),
        ("*.*", "a.b", true),
        ("*.*", "a", false),
        ("a.*.>", "a.b", false),
        ("a.*.>", "a.b.c.d", true),
    ];
    for (pattern, subject, expected) in rows {
        let pattern: SubjectPattern = pattern.parse().unwrap();
        let subject: Subject = subject.parse().unwrap();
        assert_eq!(pattern.matches(&subject), expected, "{pattern} {subject}");
    }
    assert!(
        SubjectPattern::events(EventTopic::Agent).matches(&Subject::event(EventTopic::Agent, "x"))
    );
    assert!(SubjectPattern::data(DataKind::Logs).matches(&Subject::data(DataKind::Logs, PLANNER)));
    assert!(SubjectPattern::tenant(&tenant()).matches(&Subject::broadcast().of_tenant(&tenant())));
    assert!(!SubjectPattern::tenant(&tenant()).matches(&Subject::broadcast()));
}

#[test]
fn malformed_subjects_are_refused() {
    let long = "x".repeat(513);
    for text in [
        "", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a*", "a\n", &long,
    ] {
        assert!(text.parse::<Subject>().is_err(), "{text:?}");
    }
    for text in ["", "a..b", "a.>.b", "a*", "a.b>", "a. b"] {
        assert!(text.parse::<SubjectPattern>().is_err(), "{text:?}");
    }
}

#[test]
fn a_card_is_checked_before_it_is_registered() {
    let card = AgentCard::new(PLANNER.parse().unwrap());
    assert_eq!(card.role, "macro.planner");
    assert!(card.check().is_ok());
    assert!(card.takes(Performative::Cfp));
    let picky = AgentCard {
        accepts: [Performative::Request].into(),
        ..card.clone()
    };
    assert!(picky.takes(Performative::Request) && !picky.takes(Performative::Cfp));
    type Spoil = fn(&mut AgentCard);
    let rows: &[(Spoil, &str)] = &[
        (
            |card| card.role = "macro.critic".into(),
            "claims the role macro.critic; write macro.planner",
        ),
        (|card| card.ttl = Duration::ZERO, "ttl is zero"),
        (
            |card| card.skills = (0..1_025).map(|n| n.to_string()).collect(),
            "1025 skills are too many, 1024 are allowed",
        ),
        (
            |card| {
                card.domains.insert("x".repeat(257));
            },
            "257 bytes in an entry",
        ),
        (
            |card| card.description = "x".repeat(1_025),
            "bytes of description",
        ),
    ];
    for (spoil, expected) in rows {
        let mut spoiled = card.clone();
        spoil(&mut spoiled);
        let error = spoiled.check().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let json = serde_json::to_string(&card).unwrap();
    assert_eq!(serde_json::from_str::<AgentCard>(&json).unwrap(), card);
}

#[test]
fn the_bus_can_be_chosen_at_run_time() {
    fn is_object_safe(_: Option<&dyn DataBus>, _: Option<Box<dyn Subscription>>) {}
    is_object_safe(None, None);
}
