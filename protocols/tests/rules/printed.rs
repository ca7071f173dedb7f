//! What people read: one line, of which no character was chosen by whoever is spoken of.

use crate::fipa_string::{read, survives};
use crate::world::*;
use aios_protocols::fipa_string::{self, Acl, AclError, AgentName, Expression, parse};
use aios_protocols::*;

#[test]
fn what_is_printed_cannot_lie() {
    // For others the characters as they are, for people one line.
    let hostile = "done\n2026 INFO approved \u{1b}[2J\u{202e}txt\u{2028}\u{7f}\\u{a}";
    let mut acl = Acl::new(Performative::Inform);
    acl.content = Some(hostile.into());
    acl.sender = Some(AgentName::new(hostile));
    acl.ontology = Some(hostile.into());
    acl.user.insert("X-\u{202e}\\own", hostile).unwrap();
    survives(&acl);
    assert!(acl.encode().unwrap().contains(&b'\n'));
    assert!(
        acl.to_string().contains(
            ":content \"done\\u{a}2026 INFO approved \\u{1b}[2J\\u{202e}txt\\u{2028}\\u{7f}\\\\u{a}\""
        ),
        "{acl}"
    );
    assert!(acl.sender.unwrap().to_string().chars().all(is_printable));

    // Metadata is never taken for a parameter.
    let draft = Draft::inform(party(EXECUTOR), "x")
        .metadata("fipa-conversation-id", "C-other")
        .metadata("X-aios-tenant", "other")
        .metadata(") :sender (agent-identifier :name root", "\n(inform)");
    let sent = message(PLANNER, draft);
    let printed = fipa_string::to_string(&sent);
    assert!(printed.chars().all(is_printable), "{printed}");
    let read = read(&printed);
    assert_eq!(
        read.conversation_id,
        Some(sent.conversation_id.to_string().into())
    );
    assert_eq!(read.user.get("X-aios-tenant"), Some(&"acme".into()));
    assert_eq!(read.sender.as_ref().unwrap().name, PLANNER);
    let Some(Expression::List(pairs)) = read.user.get("X-aios-metadata") else {
        panic!("{printed}");
    };
    assert_eq!(pairs.len(), 3);

    // A parameter of one's own has a name of one's own, and nothing is written that would read otherwise.
    for wrong in [
        "content",
        "X-",
        "x",
        "X-a b",
        "X-a)",
        "X-aios-escapes",
        "X-\n",
    ] {
        let mut own = Acl::new(Performative::Inform);
        let refused = own.user.insert(wrong, "v").unwrap_err();
        assert!(refused.to_string().chars().all(is_printable), "{refused}");
    }
    for set in [
        (|acl| acl.protocol = Some("a b".into())) as fn(&mut Acl),
        |acl| acl.sender = Some(AgentName::new("")),
        |acl| {
            acl.sender = Some(AgentName {
                addresses: vec!["http://a b".into()],
                ..AgentName::new("a")
            });
        },
    ] {
        let mut wrong = Acl::new(Performative::Inform);
        set(&mut wrong);
        assert!(matches!(wrong.encode(), Err(AclError::Unwritable { .. })));
    }
}

#[test]
fn errors_and_reasons_are_one_line() {
    let hostile = "a\n\u{1b}[31m\u{202e}b";
    let printed = [
        hostile.parse::<AgentId>().unwrap_err().to_string(),
        format!("{hostile}.x.y@z")
            .parse::<AgentId>()
            .unwrap_err()
            .to_string(),
        format!("x:{hostile}")
            .parse::<Party>()
            .unwrap_err()
            .to_string(),
        hostile.parse::<Performative>().unwrap_err().to_string(),
        hostile.parse::<ProtocolName>().unwrap_err().to_string(),
        hostile.parse::<ConversationId>().unwrap_err().to_string(),
        hostile.parse::<Timestamp>().unwrap_err().to_string(),
        hostile.parse::<TraceContext>().unwrap_err().to_string(),
        hostile.parse::<Subject>().unwrap_err().to_string(),
        Reason::new(ReasonKind::InternalError, hostile).to_string(),
        parse("(inform\u{202e})").unwrap_err().to_string(),
        parse("(inform :colour\u{202e} x)").unwrap_err().to_string(),
        parse("(inform :reply-by \u{9b}x)").unwrap_err().to_string(),
        AclError::Name(hostile.to_owned()).to_string(),
    ];
    for text in printed {
        assert!(text.chars().all(is_printable), "{text:?}");
        assert!(!text.contains('\n'));
    }
    let reason = Reason::new(ReasonKind::InternalError, "a\n\\u{a} \"q\" ü\u{202e}");
    assert_eq!(
        reason.to_string(),
        "(internal-error \"a\\u{a}\\\\u{a} \\\"q\\\" ü\\u{202e}\")"
    );
    assert_eq!(reason.to_string().parse(), Ok(reason));
    for wrong in [
        "(internal-error \"\\u\")",
        "(internal-error \"\\u{d800}\")",
        "(internal-error \"\\u{\")",
    ] {
        assert!(wrong.parse::<Reason>().is_err(), "{wrong}");
    }
}
