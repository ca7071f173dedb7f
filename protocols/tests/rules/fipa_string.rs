//! FIPA00070: what other platforms write, what is refused, what is written.

use std::time::{Duration, Instant};

use crate::world::*;
use aios_protocols::fipa_string::{
    self, Acl, AclError, AgentName, Expression, MAX_AGENTS, MAX_DEPTH, ReadProblem, When, parse,
};
use aios_protocols::*;

pub(crate) fn read(text: &str) -> Acl {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What was read is written and printed so that it reads the same again, and printed on one line.
pub(crate) fn survives(acl: &Acl) {
    let wire = acl.encode().unwrap();
    assert_eq!(
        parse(&wire).as_ref(),
        Ok(acl),
        "{}",
        String::from_utf8_lossy(&wire)
    );
    let printed = acl.to_string();
    assert!(printed.chars().all(is_printable), "{printed:?}");
    let again = parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
    assert_eq!(&again, acl, "{printed}");
    assert_eq!(again.to_string(), printed);
}

#[test]
fn a_message_of_jade_is_read() {
    let text = r#"(REQUEST
 :sender  ( agent-identifier :name alice@host:1099/JADE  :addresses (sequence http://host:7778/acc ))
 :receiver  (set ( agent-identifier :name macro.interface.001@global :X-JADE-class "x" ) )
 :content  "((action (agent-identifier :name \"x\") (sell \"a\\b\" 3)))"
 :reply-with  R1234_0  :language  fipa-sl  :ontology  shop  :protocol  fipa-request
 :reply-by 20261123T080005000Z
 :conversation-id  C1234_1099 :X-JADE-Trace yes )
"#;
    let acl = read(text);
    assert_eq!(acl.performative, Performative::Request);
    let sender = acl.sender.clone().unwrap();
    assert_eq!(sender.name, "alice@host:1099/JADE");
    assert_eq!(sender.addresses, ["http://host:7778/acc"]);
    assert_eq!(acl.receivers[0].name, INTERFACE);
    assert_eq!(acl.receivers[0].user.get("x-jade-class"), Some(&"x".into()));
    assert_eq!(
        acl.content.as_ref().and_then(Content::as_str),
        Some(r#"((action (agent-identifier :name "x") (sell "a\\b" 3)))"#)
    );
    assert_eq!(acl.conversation_id, Some("C1234_1099".into()));
    assert_eq!(acl.reply_by, Some(When::Utc(1_795_420_805_000)));
    assert_eq!(acl.user.get("X-JADE-Trace"), Some(&"yes".into()));
    survives(&acl);

    let drafted = message(ALICE, acl.to_draft(morning()).unwrap());
    assert_eq!(drafted.protocol, Some(ProtocolName::FipaRequest));
    let id = ConversationId::from_foreign("C1234_1099");
    assert_eq!(drafted.conversation_id, id);
    // Printed, the conversation has its real name; the foreign one is metadata and shown as that.
    let printed = Acl::from(&drafted);
    assert_eq!(printed.conversation_id, Some(id.to_string().into()));
    assert!(
        printed
            .to_string()
            .contains(":X-aios-metadata ((fipa-conversation-id C1234_1099))"),
        "{printed}"
    );
}

#[test]
fn what_the_grammar_allows_is_read() {
    let rows = [
        // Identifiers.
        "(inform :sender (agent-identifier :name a@p :resolvers (sequence (agent-identifier :name ams@p :addresses (sequence iiop://p/ams) :resolvers (sequence (agent-identifier :name r@q))))))",
        "(inform :sender (agent-identifier :X-own (a :b \"c\" 3 20261123T080000000Z) :addresses (sequence) :name a@p :resolvers (sequence)))",
        "(inform :sender(agent-identifier :name \"John Smith@p\"):receiver(set))",
        "(inform :sender (AGENT-IDENTIFIER :NAME a :ADDRESSES (SEQUENCE \"http://[2001:db8::1]:80/acc\")) :receiver (SET (Agent-Identifier :name b)))",
        "(inform :receiver (set (agent-identifier :name müller@p)))",
        // Dates.
        "(cfp :reply-by +00000000T000010000)",
        "(cfp :reply-by -00010203T040506007Z)",
        "(cfp :reply-by 19640625T073000000Z)",
        "(cfp :reply-by 00000101T000000000z)",
        "(cfp :reply-by 99991231T235959999)",
        // Expressions.
        "(inform :language 42 :encoding -1.5e3 :ontology .5 :conversation-id 20261123T080000000Z :reply-with (r 1 :key \"(\" #2\")( ()) :in-reply-to +word)",
        "(inform :language \"\" :protocol \"\" :reply-with \"\")",
        "(inform :ontology :mine :language a\"b\"c :protocol a\"b\"c)",
        "(inform :X-own-Parameter (a (b (c))) :x-other \"two words\" :X-JADE\"odd 1)",
        // Content: a string, and a word as JADE has it.
        "(inform :content hello)",
        "(inform :content \"\")",
        "(inform :content \"say \\\"hi\\\" \\ and \\\\ leave\")",
        "(inform :content \"two\nlines\tand a \u{1b}[1m\")",
        "(inform :content #5\"a\")( :language x)",
        "(inform:content\"x\":language y)",
        "\r\n\t (Accept-Proposal)\r\n",
    ];
    for text in rows {
        survives(&read(text));
    }
}

#[test]
fn values_are_what_they_say() {
    let acl = read(
        "(inform :content #5\"a\")( :reply-with #3\"a\"b :in-reply-to (r 1 :k) :ontology :mine :language 42)",
    );
    assert_eq!(acl.content, Some("a\")( ".into()));
    assert_eq!(acl.reply_with, Some("a\"b".into()));
    let list = Expression::List(vec!["r".into(), "1".into(), ":k".into()]);
    assert_eq!(acl.in_reply_to, Some(list));
    assert!(acl.to_string().contains(":in-reply-to (r 1 :k)"), "{acl}");
    assert_eq!(acl.ontology, Some(":mine".into()));
    assert_eq!(acl.language, Some("42".into()));
    let nested = read(
        "(inform :sender (agent-identifier :name a :resolvers (sequence (agent-identifier :name b :X-k v))))",
    );
    let resolver = &nested.sender.unwrap().resolvers[0];
    assert_eq!(resolver.to_string(), "(agent-identifier :name b :X-k v)");
}

#[test]
fn several_hundred_receivers_are_read_and_sealed() {
    for count in [300, MAX_AGENTS] {
        let set: String = (0..count)
            .map(|n| format!(" (agent-identifier :name macro.seller.{n}@global)"))
            .collect();
        let acl = read(&format!("(cfp :receiver (set{set}))"));
        assert_eq!(acl.receivers.len(), count);
        survives(&acl);
        seal(PLANNER, acl.to_draft(morning()).unwrap());
    }
}

#[test]
fn bytes_that_are_no_text_are_kept() {
    let mut text = b"(inform :content #4\"\xff\x00\x80) :reply-with #2\"\xc3\x28 :ontology \"\xe9t\xe9\" :X-b #1\"\xfe)".to_vec();
    let acl = parse(&text).unwrap();
    assert_eq!(
        acl.content.as_ref().unwrap().as_bytes()[..],
        b"\xff\x00\x80)"[..]
    );
    assert_eq!(
        acl.ontology,
        Some(Expression::Text(Content::bytes(b"\xe9t\xe9".to_vec())))
    );
    survives(&acl);
    assert!(
        acl.to_string().starts_with(
            "(inform :X-aios-escapes true :content \"\\xff\\u{0}\\x80)\" :reply-with \"\\xc3(\""
        ),
        "{acl}"
    );
    assert_eq!(acl.to_draft(morning()), Err(AclError::NoText("ontology")));
    // A length that cuts a character leaves the rest outside.
    assert_eq!(
        parse("(inform :content #1\"ö)").unwrap_err().to_string(),
        "at byte 21: expected the : of a parameter, or )"
    );
    text.truncate(text.len() - 2);
    assert!(parse(&text).is_err());
    let error = parse(b"(inform :sender (agent-identifier :name \xff))").unwrap_err();
    assert_eq!((error.at, error.problem), (40, ReadProblem::NotUtf8));

    // JADE writes them in base64.
    let jade = read("(inform :X-JADE-Encoding Base64 :content \"/wCA\n\")");
    let drafted = message(
        PLANNER,
        jade.to_draft(morning()).unwrap().to(party(EXECUTOR)),
    );
    assert_eq!(drafted.content.as_bytes()[..], b"\xff\x00\x80"[..]);
    let mut back = Acl::new(Performative::Inform);
    back.set_content_for_jade(&drafted.content);
    assert_eq!(
        back.to_string(),
        "(inform :content \"/wCA\" :X-JADE-Encoding Base64)"
    );
    back.set_content_for_jade(&"text".into());
    assert_eq!(back.to_string(), "(inform :content \"text\")");
    let wrong = read("(inform :X-JADE-Encoding Base64 :content \"not base64!\")");
    assert_eq!(wrong.to_draft(morning()), Err(AclError::Base64));
}

#[test]
fn malformed_strings_are_refused_where_they_break() {
    let deep = format!(
        "(inform :reply-with {}{})",
        "(".repeat(MAX_DEPTH + 1),
        ")".repeat(MAX_DEPTH + 1)
    );
    let endless = format!("(inform :X-deep {}", "(".repeat(1_000_000));
    let resolvers = format!(
        "(inform :sender {}",
        "(agent-identifier :name a :resolvers (sequence ".repeat(20_000)
    );
    let crowd = format!(
        "(inform :receiver (set {}))",
        "(agent-identifier :name a) ".repeat(MAX_AGENTS + 1)
    );
    let addresses = format!(
        "(inform :sender (agent-identifier :name a :addresses (sequence {})))",
        "http://a ".repeat(MAX_AGENTS + 1)
    );
    let entries = format!(
        "(inform :ontology ({}))",
        "a ".repeat(fipa_string::MAX_ENTRIES + 1)
    );
    let own: String = (0..fipa_string::MAX_PARAMETERS + 1)
        .map(|n| format!(" :X-{n} a"))
        .collect();
    let (own, own_of_agent) = (
        format!("(inform{own})"),
        format!("(inform :sender (agent-identifier :name a{own}))"),
    );
    let long = "x".repeat(fipa_string::MAX_TEXT + 1);
    let content = "expected a value: a string as the content";
    let protocol = "expected one word that names a protocol";
    let name = "expected a word or a string that names the agent";
    let rows: &[(&str, &str)] = &[
        ("", "at byte 0: expected ( to begin the message"),
        ("inform", "at byte 0: expected ("),
        ("\0(inform)", "at byte 0: expected ("),
        ("()", "at byte 1: expected the name of an act"),
        ("(\0inform)", "at byte 1: expected the name of an act"),
        ("(tell)", "at byte 1: `tell` is not one of FIPA's 22"),
        ("(inform2)", "at byte 1: `inform2` is not one of FIPA's 22"),
        ("(inform", "at byte 7: expected )"),
        ("(inform\0)", "at byte 1: `inform` is not one"),
        (
            "(inform) (inform)",
            "at byte 9: expected the end of the text",
        ),
        ("(inform)\0", "at byte 8: expected the end of the text"),
        (
            "(inform content x)",
            "at byte 8: expected the : of a parameter",
        ),
        ("(inform :)", "at byte 9: expected the name of a parameter"),
        ("(inform :X- v)", "at byte 8: expected a name after X-"),
        ("(inform :x- (v))", "at byte 8: expected a name after X-"),
        ("(inform :x v)", "at byte 8: `x` is not a parameter"),
        ("(inform :content)", "at byte 16: expected a value"),
        (
            "(inform :content :language x)",
            "at byte 17: expected a value",
        ),
        (
            "(inform :ontology :X-own x)",
            "at byte 18: expected a value",
        ),
        (
            "(inform :content \"x)",
            "at byte 17: expected \" to end a string",
        ),
        (
            "(inform :content \"x\\\")",
            "at byte 17: expected \" to end a string",
        ),
        ("(inform :content #9\"x)", "expected a string of the length"),
        (
            "(inform :content #99999999999999999999\"x)",
            "expected the length of a string",
        ),
        ("(inform :content #x)", "expected the length of a string"),
        (
            "(inform :content #-1\"x)",
            "expected the length of a string",
        ),
        // Content is a string.
        ("(inform :content 42)", content),
        ("(inform :content -1.5)", content),
        ("(inform :content (action x))", content),
        ("(inform :content 20261123T080000000Z)", content),
        // A protocol is a word.
        ("(inform :protocol 123)", protocol),
        ("(inform :protocol (a b))", protocol),
        ("(inform :protocol \"a b\")", protocol),
        ("(inform :protocol \"a(b\")", protocol),
        ("(inform :protocol 20261123T080000000Z)", protocol),
        // Neither word nor number nor date.
        (
            "(inform :language 1.2.3)",
            "at byte 18: `1.2.3` is neither a word nor",
        ),
        ("(inform :language 12abc)", "at byte 18: `12abc` is neither"),
        ("(inform :language 1e)", "at byte 18: `1e` is neither"),
        ("(inform :language -foo)", "at byte 18: `-foo` is neither"),
        ("(inform :language -)", "at byte 18: `-` is neither"),
        ("(inform :language @foo)", "at byte 18: `@foo` is neither"),
        ("(inform :language \0foo)", "at byte 18: expected a value"),
        (
            "(inform :language a\u{1}b)",
            "at byte 19: expected the : of a parameter",
        ),
        (
            "(inform :reply-with (a 1.2.3))",
            "at byte 23: `1.2.3` is neither",
        ),
        ("(inform :content 1.2.3)", "`1.2.3` is neither"),
        ("(inform :protocol 12abc)", "`12abc` is neither"),
        ("(inform :reply-with (a (b))", "at byte 27: expected )"),
        (
            "(inform :colour red)",
            "at byte 8: `colour` is not a parameter",
        ),
        (
            "(inform :content a :CONTENT b)",
            "at byte 19: the parameter CONTENT stands twice",
        ),
        ("(inform :X-a 1 :x-A 2)", "the parameter x-A stands twice"),
        // Identifiers.
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
            "(inform :sender (agent-identifier :X-a b))",
            "expected the :name",
        ),
        ("(inform :sender (agent-identifier :name))", name),
        ("(inform :sender (agent-identifier :name \"\"))", name),
        ("(inform :sender (agent-identifier :name (a)))", name),
        ("(inform :sender (agent-identifier :name 42))", name),
        (
            "(inform :sender (agent-identifier :name 12abc))",
            "`12abc` is neither",
        ),
        (
            "(inform :sender (agent-identifier :name a :name b))",
            "name stands twice",
        ),
        (
            "(inform :sender (agent-identifier :name a :X-b 1 :x-B 2))",
            "the parameter x-B stands twice",
        ),
        (
            "(inform :sender (agent-identifier :name a :resolvers (sequence) :resolvers (sequence)))",
            "resolvers stands twice",
        ),
        (
            "(inform :sender (agent-identifier :name a :X- v))",
            "expected a name after X-",
        ),
        (
            "(inform :sender (agent-identifier :name a :colour red))",
            "`colour` is not a parameter",
        ),
        (
            "(inform :sender (agent-identifier :name a :addresses http://b))",
            "expected ( to begin a sequence of addresses",
        ),
        (
            "(inform :sender (agent-identifier :name a :addresses (set http://b)))",
            "expected sequence",
        ),
        (
            "(inform :sender (agent-identifier :name a :addresses (sequence 42)))",
            "at byte 63: expected the URL of an address",
        ),
        (
            "(inform :sender (agent-identifier :name a :addresses (sequence (http://b))))",
            "expected the URL of an address",
        ),
        (
            "(inform :sender (agent-identifier :name a :addresses (sequence \"http://a b\")))",
            "expected the URL of an address",
        ),
        (
            "(inform :sender (agent-identifier :name a :resolvers (sequence b)))",
            "at byte 63: expected ( to begin an agent-identifier",
        ),
        (
            "(inform :sender (agent-identifier :name a :resolvers (set)))",
            "expected sequence",
        ),
        (
            "(inform :receiver (agent-identifier :name a))",
            "expected set",
        ),
        (
            "(inform :receiver (set b))",
            "expected ( to begin an agent-identifier",
        ),
        // Dates.
        ("(inform :reply-by)", "expected a date"),
        (
            "(inform :reply-by tomorrow)",
            "at byte 18: `tomorrow` is not a date",
        ),
        (
            "(inform :reply-by \"20261123T080000000Z\")",
            "is not a date",
        ),
        ("(inform :reply-by 20260230T080000000Z)", "is not a date"),
        ("(inform :reply-by 20261123T240000000Z)", "is not a date"),
        ("(inform :reply-by 20261123T080000000A)", "is not a date"),
        ("(inform :reply-by 42)", "is not a date"),
        // Escapes are ours and stand first.
        (
            "(inform :language a :X-aios-escapes true)",
            "expected X-aios-escapes before all others",
        ),
        ("(inform :X-aios-escapes yes)", "expected true"),
        (
            "(inform :X-aios-escapes true :content \"\\n\")",
            "at byte 39: expected \\\\, ",
        ),
        (
            "(inform :X-aios-escapes true :X-\\u{20} a)",
            "expected a word as the name",
        ),
        ("(inform :X-aios-escapes true :X-\\n a)", "in a name"),
        // Bounds.
        (&deep, "the nesting is deeper than 32"),
        (&endless, "the nesting is deeper than 32"),
        (&resolvers, "the nesting is deeper than 32"),
        (&crowd, "more than 1024 agents"),
        (&addresses, "more than 1024 addresses"),
        (&entries, "more than 16384 "),
        (&own, "more than 128 parameters"),
        (&own_of_agent, "more than 128 parameters"),
        (&long, "the text has 1048577 bytes, 1048576 are read"),
    ];
    for (text, expected) in rows {
        let shown: String = text.chars().take(90).collect();
        match parse(text) {
            Ok(acl) => panic!("{shown}: read as {acl}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(expected), "{shown}: {error}");
                assert!(error.len() < 200 && error.chars().all(is_printable));
            }
        }
    }
    let within = format!(
        "(inform :reply-with {}{})",
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
        ("42", "42"),
        ("say \"hi\"", "\"say \\\"hi\\\"\""),
        ("back\\slash", "\"back\\slash\""),
        ("\\\"", "\"\\\\\"\""),
        ("ends in \\", "#9\"ends in \\"),
        (":colon", "\":colon\""),
        (":language", "\":language\""),
        ("(list)", "\"(list)\""),
        ("@at", "\"@at\""),
        ("ümlaut", "\"ümlaut\""),
        ("http://[2001:db8::1]:80/acc", "http://[2001:db8::1]:80/acc"),
    ];
    for (text, written) in rows {
        let mut acl = Acl::new(Performative::Inform);
        acl.ontology = Some(text.into());
        let string = acl.to_string();
        assert_eq!(string, format!("(inform :ontology {written})"));
        assert_eq!(acl.encode().unwrap(), string.as_bytes());
        survives(&acl);
    }
    let mut agent = AgentName::new("a@b");
    agent.addresses = vec!["http://[2001:db8::1]:80/acc".to_owned()];
    assert_eq!(
        agent.to_string(),
        "(agent-identifier :name a@b :addresses (sequence http://[2001:db8::1]:80/acc))"
    );
}

#[test]
fn dates_are_resolved_where_they_are_read() {
    let now = morning();
    let millis = now.as_millis();
    let rows = [
        ("20261123T080005000Z", 1_795_420_805_000),
        ("20261123T080005000", 1_795_420_805_000),
        ("19640625T073000000Z", 0),
        ("+00000000T000010000", millis + 10_000),
        ("-00000000T000010000", millis - 10_000),
        (
            "+00010203T040506007",
            millis + ((365 + 60 + 3) * 86_400 + 4 * 3_600 + 5 * 60 + 6) * 1_000 + 7,
        ),
        ("-99991231T000000000", 0),
        ("+99990000T000000000", Timestamp::MAX.as_millis()),
    ];
    for (text, expected) in rows {
        let acl = read(&format!("(cfp :reply-by {text})"));
        let draft = acl.to_draft(now).unwrap();
        assert_eq!(
            draft.latest_reply().unwrap().as_millis(),
            expected,
            "{text}"
        );
    }
    // Where the sender's place is known, its local time is too.
    let local: When = "20261123T080005000".parse().unwrap();
    assert_eq!(
        local.at_offset(now, 60).as_millis(),
        1_795_420_805_000 - 3_600_000
    );
    let utc: When = "20261123T080005000Z".parse().unwrap();
    assert_eq!(utc.at_offset(now, 60), utc.at(now));
    for (text, written) in [
        ("+00000000T000090000", "+00000000T000130000"),
        ("-99999999T999999999", "-99999999T235959999"),
        ("+99990000T240000000", "+99990001T000000000"),
        ("-00000031T000000000z", "-00000101T000000000"),
        ("-00000000T000000000", "+00000000T000000000"),
        ("00000229t000000000", "00000229T000000000"),
        ("19691231T235959999z", "19691231T235959999Z"),
    ] {
        assert_eq!(text.parse::<When>().unwrap().to_string(), written);
    }
    // A moment of ours is one by itself and since 1970.
    for text in ["19691231T235959999Z", "+00000000T000010000"] {
        assert!(matches!(
            Timestamp::from_fipa(text),
            Err(TimestampError::NoMoment(_))
        ));
    }
}

#[test]
fn foreign_names_are_read_but_make_no_draft() {
    let acl = read("(inform :receiver (set (agent-identifier :name bob@host:1099/JADE)))");
    assert!(matches!(acl.to_draft(morning()), Err(AclError::Party(_))));
    let acl = read("(inform :protocol english-auction)");
    assert!(matches!(
        acl.to_draft(morning()),
        Err(AclError::Protocol(_))
    ));
    // What names nothing is left out.
    let acl = read("(inform :protocol \"\" :conversation-id \"\")");
    let drafted = message(
        PLANNER,
        acl.to_draft(morning()).unwrap().to(party(EXECUTOR)),
    );
    assert_eq!(drafted.protocol, None);
    assert_ne!(drafted.conversation_id, ConversationId::from_foreign(""));
}

/// Texts that would take long if any part were read again and again.
#[test]
fn time_goes_with_the_text() {
    let million = 1_000_000;
    let agents = "(agent-identifier :name a)".repeat(38_000);
    for text in [
        format!("(inform :content \"{}\")", "\\\"".repeat(million / 2)),
        format!("(inform :content \"{}", "\\".repeat(million)),
        format!("(inform :language {})", "a".repeat(million)),
        format!("(inform :X-{} a)", "a".repeat(million)),
        format!("(inform {}", ":".repeat(million)),
        format!("(inform :reply-with ({}", "#0\"".repeat(million / 3)),
        format!("(inform :receiver (set {agents}))"),
        " ".repeat(million),
        format!(
            "(inform :X-aios-escapes true :content \"{}\")",
            "\\u{a}".repeat(million / 5)
        ),
        format!(
            "(inform :X-aios-escapes true :content \"{}\")",
            "\\u{aaaaaaaaa".repeat(million / 12)
        ),
    ] {
        let begun = Instant::now();
        if let Ok(acl) = parse(&text) {
            assert_eq!(parse(acl.to_string()).as_ref(), Ok(&acl));
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "{}: {took:?}", &text[..40]);
    }
}
