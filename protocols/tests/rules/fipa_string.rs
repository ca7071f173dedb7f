//! FIPA00070: what is written, what other platforms write, what is refused.

use crate::world::*;
use aios_protocols::fipa_string::{self, Acl, AclError, AgentName, MAX_DEPTH, ReadProblem, parse};
use aios_protocols::*;

#[test]
fn a_message_of_jade_is_read() {
    let text = r#"(REQUEST
 :sender  ( agent-identifier :name alice@host:1099/JADE  :addresses (sequence http://host:7778/acc ))
 :receiver  (set ( agent-identifier :name macro.interface.001@global :X-JADE-class "x" ) )
 :content  "((action (agent-identifier :name \"x\") (sell \"a\\b\" 3)))"
 :reply-with  R1234_0  :language  fipa-sl  :ontology  shop  :protocol  fipa-request
 :reply-by 20261123T080005000Z
 :conversation-id  C1234_1099 :X-JADE-Encoding Base64 )
"#;
    let acl = parse(text).unwrap();
    assert_eq!(acl.performative, Performative::Request);
    let sender = acl.sender.clone().unwrap();
    assert_eq!(sender.name, "alice@host:1099/JADE");
    assert_eq!(sender.addresses, ["http://host:7778/acc"]);
    assert_eq!(acl.receivers, [AgentName::new(INTERFACE)]);
    assert_eq!(
        acl.content.as_deref(),
        Some(r#"((action (agent-identifier :name "x") (sell "a\\b" 3)))"#)
    );
    assert_eq!(acl.conversation_id.as_deref(), Some("C1234_1099"));
    assert_eq!(acl.reply_by.unwrap().as_millis(), 1_795_420_805_000);
    assert_eq!(acl.user["X-JADE-Encoding"], "Base64");

    let drafted = message(ALICE, acl.to_draft().unwrap());
    assert_eq!(drafted.protocol, Some(ProtocolName::FipaRequest));
    assert_eq!(
        drafted.conversation_id,
        ConversationId::from_foreign("C1234_1099")
    );
    // Written back, the conversation has its own name again.
    assert_eq!(
        Acl::from(&drafted).conversation_id.as_deref(),
        Some("C1234_1099")
    );
}

#[test]
fn lists_stand_as_they_are_and_counted_strings_are_read() {
    let acl =
        parse(r#"(inform :content ((a "x)" #2"() 3)) :reply-with #3"a"b :in-reply-to (r 1))"#)
            .unwrap();
    assert_eq!(acl.content.as_deref(), Some(r##"((a "x)" #2"() 3))"##));
    assert_eq!(acl.reply_with.as_deref(), Some("a\"b"));
    assert_eq!(acl.in_reply_to.as_deref(), Some("(r 1)"));
    let acl = parse("(inform :content 20261123T080000000Z :receiver (set))").unwrap();
    assert_eq!(acl.content.as_deref(), Some("20261123T080000000Z"));
}

#[test]
fn malformed_strings_are_refused_where_they_break() {
    let deep = format!(
        "(inform :content {}{})",
        "(".repeat(MAX_DEPTH + 1),
        ")".repeat(MAX_DEPTH + 1)
    );
    let endless = format!("(inform :content {}", "(".repeat(1_000_000));
    let crowd = format!(
        "(inform :receiver (set {}))",
        "(agent-identifier :name a) ".repeat(fipa_string::MAX_ENTRIES + 1)
    );
    let long = "x".repeat(fipa_string::MAX_TEXT + 1);
    let rows: &[(&str, &str)] = &[
        ("", "at byte 0: expected ( to begin the message"),
        ("inform", "at byte 0: expected ("),
        ("()", "at byte 1: expected the name of an act"),
        ("(tell)", "at byte 1: `tell` is not one of FIPA's 22"),
        ("(inform", "at byte 7: expected )"),
        (
            "(inform) (inform)",
            "at byte 9: expected the end of the text",
        ),
        (
            "(inform content x)",
            "at byte 8: expected the : of a parameter",
        ),
        ("(inform :)", "at byte 9: expected the name of a parameter"),
        ("(inform :content)", "at byte 16: expected a value"),
        (
            "(inform :content :language x)",
            "at byte 17: expected a value",
        ),
        ("(inform :content \"x)", "expected \" to end a string"),
        ("(inform :content \"x\\\")", "expected \" to end a string"),
        ("(inform :content #9\"x)", "expected a string of the length"),
        (
            "(inform :content #99999999999999999999\"x)",
            "expected the length of a string",
        ),
        ("(inform :content #1\"ö)", "expected a string of the length"),
        ("(inform :content #x)", "expected the length of a string"),
        ("(inform :content (a (b))", "at byte 24: expected )"),
        ("(inform :colour red)", "`colour` is not a parameter"),
        (
            "(inform :content a :CONTENT b)",
            "the parameter CONTENT stands twice",
        ),
        (
            "(inform :sender macro.planner.001@global)",
            "expected ( to begin an agent-identifier",
        ),
        (
            "(inform :sender (agent :name a))",
            "at byte 17: expected agent-identifier",
        ),
        ("(inform :sender (agent-identifier))", "expected the :name"),
        (
            "(inform :sender (agent-identifier :name a :name b))",
            "name stands twice",
        ),
        (
            "(inform :receiver (agent-identifier :name a))",
            "expected set",
        ),
        ("(inform :reply-by tomorrow)", "`tomorrow` is not a date"),
        ("(inform :reply-by 20260230T080000000Z)", "is not a date"),
        ("(inform :reply-by +00000000T000010000)", "is not a date"),
        (&deep, "the nesting is deeper than 32"),
        (&endless, "the nesting is deeper than 32"),
        (&crowd, "more than 256 agents"),
        (&long, "the text has 1048577 bytes, 1048576 are read"),
    ];
    for (text, expected) in rows {
        let shown: String = text.chars().take(60).collect();
        match parse(text) {
            Ok(acl) => panic!("{shown}: read as {acl:?}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(expected), "{shown}: {error}");
                assert!(error.len() < 200);
            }
        }
    }
    let within = format!(
        "(inform :content {}{})",
        "(".repeat(MAX_DEPTH),
        ")".repeat(MAX_DEPTH)
    );
    assert!(parse(&within).is_ok());
    let problem = parse("(inform :content x").unwrap_err().problem;
    assert_eq!(problem, ReadProblem::Expected(")"));
}

#[test]
fn texts_are_quoted_as_jade_quotes_them() {
    let rows = [
        ("word", "word"),
        ("two words", "\"two words\""),
        ("", "\"\""),
        ("1st", "\"1st\""),
        ("say \"hi\"", "\"say \\\"hi\\\"\""),
        ("back\\slash", "\"back\\slash\""),
        ("\\\"", "\"\\\\\"\""),
        ("ends in \\", "#9\"ends in \\"),
        (":colon", "\":colon\""),
        ("(list)", "\"(list)\""),
        ("ümlaut", "\"ümlaut\""),
        ("line\nbreak", "\"line\nbreak\""),
    ];
    for (text, written) in rows {
        let mut acl = Acl::new(Performative::Inform);
        acl.ontology = Some(text.to_owned());
        let string = acl.to_string();
        assert_eq!(string, format!("(inform :ontology {written})"));
        assert_eq!(parse(&string).unwrap(), acl);
    }
}

#[test]
fn content_that_is_no_text_is_written_in_hexadecimal() {
    let binary = message(
        PLANNER,
        Draft::inform(party(EXECUTOR), bytes::Bytes::from_static(&[0xff, 0x00])),
    );
    let text = fipa_string::to_string(&binary);
    assert!(
        text.contains(":content \"ff00\"") && text.contains(":X-aios-content hex"),
        "{text}"
    );
    let draft = parse(&text).unwrap().to_draft().unwrap();
    assert_eq!(message(PLANNER, draft).content, binary.content);
    for wrong in ["f", "zz"] {
        let text = text.replace("ff00", wrong);
        assert_eq!(parse(&text).unwrap().to_draft(), Err(AclError::Hex));
    }
}

#[test]
fn foreign_names_are_read_but_make_no_draft() {
    let acl =
        parse("(inform :receiver (set (agent-identifier :name bob@host:1099/JADE)))").unwrap();
    assert!(matches!(acl.to_draft(), Err(AclError::Party(_))));
    let acl = parse("(inform :protocol english-auction)").unwrap();
    assert!(matches!(acl.to_draft(), Err(AclError::Protocol(_))));
}
