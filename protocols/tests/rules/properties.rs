//! Round trips of random messages, and decoders that meet random bytes.

use std::collections::HashSet;

use crate::world::*;
use aios_protocols::fipa_string::{Acl, AgentName, Expression, UserParameters, When};
use aios_protocols::subject::token;
use aios_protocols::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn any_party() -> impl Strategy<Value = Party> {
    let agent = (
        0..3_usize,
        "[a-z][a-z0-9-]{0,8}",
        "[A-Za-z0-9]{1,8}",
        "[a-z0-9-]{1,8}",
    )
        .prop_map(|(tier, kind, instance, zone)| {
            let tier = [Tier::Macro, Tier::Meso, Tier::Micro][tier];
            Party::from(AgentId::new(tier, &kind, &instance, &zone).unwrap())
        });
    let principal = ("[a-z.]{1,8}", "[a-z]{1,8}")
        .prop_map(|(name, tenant)| party(&format!("user:{name}@{tenant}")));
    prop_oneof![4 => agent, 1 => principal]
}

/// Texts with all that quoting has to survive.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "[\"\\\\() :#a-z\n]{0,40}",
        "[ -~\u{0}-\u{1f}\u{7f}-\u{9f}\u{200b}-\u{202e}]{0,20}"
    ]
}

prop_compose! {
    fn any_draft()(
        act in 0..22_usize,
        content in vec(any::<u8>(), 0..200),
        text in any_text(),
        is_text in any::<bool>(),
        receivers in btree_set(any_party(), 1..5),
        reply_to in btree_set(any_party(), 0..3),
        texts in [of(any_text()), of(any_text()), of(any_text()), of(any_text()), of(any_text())],
        protocol in of(0..9_usize),
        conversation in of(any::<[u8; 16]>()),
        reply_by in of(0..253_402_300_799_999_999_u64),
        qos in 0..3_usize,
        trace in of((1..=u64::MAX, 1..=u64::MAX, any::<u8>())),
    ) -> Draft {
        let content = if is_text { Content::text(text) } else { Content::bytes(content) };
        let mut draft = Draft::new(Performative::ALL[act], content).to_all(receivers).qos(Qos::ALL[qos]);
        for party in reply_to {
            draft = draft.reply_to(party);
        }
        let [language, encoding, ontology, reply_with, in_reply_to] = texts;
        if let Some(text) = language { draft = draft.language(text); }
        if let Some(text) = encoding { draft = draft.encoding(text); }
        if let Some(text) = ontology { draft = draft.ontology(text); }
        if let Some(text) = reply_with { draft = draft.reply_with(text); }
        if let Some(text) = in_reply_to { draft = draft.in_reply_to(text); }
        if let Some(index) = protocol { draft = draft.protocol(ProtocolName::ALL[index]); }
        if let Some(bytes) = conversation { draft = draft.conversation(ConversationId::from_bytes(bytes)); }
        if let Some(micros) = reply_by {
            draft = draft.reply_by(Timestamp::from_micros(micros).unwrap());
        }
        if let Some((trace, span, flags)) = trace {
            let mut trace_id = [0; 16];
            trace_id[8..].copy_from_slice(&trace.to_be_bytes());
            draft = draft.trace(TraceContext::new(trace_id, span.to_be_bytes(), flags).unwrap());
        }
        draft
    }
}

fn any_expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        any_text().prop_map(Expression::from),
        "[:a-z0-9.e+-]{0,6}".prop_map(Expression::from),
        vec(any::<u8>(), 0..10).prop_map(|bytes| Expression::Text(Content::bytes(bytes))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        vec(inner, 0..4).prop_map(Expression::List)
    })
}

fn any_user() -> impl Strategy<Value = UserParameters> {
    vec(
        (
            "[Xx]-[a-z!-'*-~\u{80}-\u{9f}\u{202e}]{1,6}",
            any_expression(),
        ),
        0..3,
    )
    .prop_map(|pairs| {
        let mut user = UserParameters::default();
        for (name, value) in pairs {
            user.insert(name, value).unwrap();
        }
        user
    })
}

fn any_agent() -> impl Strategy<Value = AgentName> {
    let agent = (
        any_text().prop_filter("a name", |name| !name.is_empty()),
        vec("[!-~]{1,12}|http://\\[2001:db8::1\\]:80/acc", 0..3),
        any_user(),
    )
        .prop_map(|(name, addresses, user)| AgentName {
            addresses,
            user,
            ..AgentName::new(name)
        });
    agent.prop_recursive(3, 6, 2, |inner| {
        (any_text(), vec(inner, 0..3)).prop_map(|(name, resolvers)| AgentName {
            resolvers,
            ..AgentName::new(format!("a{name}"))
        })
    })
}

fn any_when() -> impl Strategy<Value = When> {
    let millis = -62_167_219_200_000..253_402_300_800_000_i64;
    let span = -315_000_000_000_000..315_000_000_000_000_i64;
    prop_oneof![
        millis.clone().prop_map(When::Utc),
        millis.prop_map(When::Local),
        span.prop_map(When::After),
    ]
}

prop_compose! {
    /// Anything that the grammar has a form for.
    fn any_acl()(
        act in 0..22_usize,
        agents in (of(any_agent()), vec(any_agent(), 0..3), vec(any_agent(), 0..2)),
        content in of(prop_oneof![any_text().prop_map(Content::from), vec(any::<u8>(), 0..40).prop_map(Content::bytes)]),
        values in [of(any_expression()), of(any_expression()), of(any_expression()), of(any_expression()), of(any_expression()), of(any_expression())],
        protocol in of("[!#-'*-~]{0,12}"),
        reply_by in of(any_when()),
        user in any_user(),
    ) -> Acl {
        let mut acl = Acl::new(Performative::ALL[act]);
        (acl.sender, acl.receivers, acl.reply_to) = agents;
        acl.content = content;
        [acl.language, acl.encoding, acl.ontology, acl.conversation_id, acl.reply_with, acl.in_reply_to] = values;
        acl.protocol = protocol;
        acl.reply_by = reply_by;
        acl.user = user;
        acl
    }
}

/// The lone sender, who is never among the random receivers.
const SENDER: &str = "macro.planner.sender_of_all@global";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn message_to_frame_to_message(
        draft in any_draft(),
        metadata in btree_map("\\PC{0,20}", "\\PC{0,50}", 0..5),
    ) {
        let draft = metadata.into_iter().fold(draft, |draft, (key, value)| draft.metadata(key, value));
        let (message, sealed) = seal(SENDER, draft);
        let keys = KeyRegistry::new();
        keys.register(&identity(SENDER, 1).claim(1), morning()).unwrap();
        let opened = authenticate(&sealed, &keys, &Limits::default(), morning()).unwrap();
        prop_assert_eq!(opened.message(), &message);
        // The same message is the same bytes.
        let again = identity(SENDER, 1).seal(&message, &Limits::default()).unwrap();
        prop_assert_eq!(again, sealed);
    }

    #[test]
    fn message_to_string_to_message(
        draft in any_draft(),
        metadata in btree_map(any_text(), any_text(), 0..4),
    ) {
        let draft = metadata.into_iter().fold(draft, |draft, (key, value)| draft.metadata(key, value));
        let before = message(SENDER, draft);
        let text = fipa_string::to_string(&before);
        prop_assert!(text.chars().all(is_printable), "{:?}", text);
        let acl = fipa_string::parse(&text).unwrap();
        prop_assert_eq!(&acl, &Acl::from(&before));
        prop_assert_eq!(&acl.sender.as_ref().unwrap().name, SENDER);
        let mut after = message(SENDER, acl.to_draft(morning()).unwrap());
        after.envelope = before.envelope.clone();
        prop_assert_eq!(&after, &before);
        prop_assert_eq!(acl.to_string(), text);
        // For others it reads the same.
        prop_assert_eq!(fipa_string::parse(acl.encode().unwrap()), Ok(acl));
    }

    #[test]
    fn any_acl_survives_writing_and_printing(acl in any_acl()) {
        let printed = acl.to_string();
        prop_assert!(printed.chars().all(is_printable), "{:?}", printed);
        prop_assert_eq!(&fipa_string::parse(&printed).unwrap(), &acl);
        let wire = acl.encode().unwrap();
        prop_assert_eq!(&fipa_string::parse(&wire).unwrap(), &acl);
        for agent in acl.sender.iter().chain(&acl.receivers) {
            prop_assert!(agent.to_string().chars().all(is_printable));
        }
    }

    /// Valid strings with bytes changed, taken out, doubled: none panics, and what is read survives being written.
    #[test]
    fn no_mutation_makes_the_string_reader_panic(
        acl in any_acl(),
        printed in any::<bool>(),
        edits in vec((any::<usize>(), 0..4_u8, prop_oneof![any::<u8>(), select(&b"()\"\\#: \0X-1e+@"[..])]), 0..6),
    ) {
        let mut bytes = if printed { acl.to_string().into_bytes() } else { acl.encode().unwrap() };
        for (at, edit, byte) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at % bytes.len();
            match edit {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                _ => {
                    let tail = bytes[at..].to_vec();
                    bytes.extend(tail);
                }
            }
        }
        match fipa_string::parse(&bytes) {
            Ok(read) => {
                prop_assert_eq!(&fipa_string::parse(read.encode().unwrap()).unwrap(), &read);
                prop_assert_eq!(&fipa_string::parse(read.to_string()).unwrap(), &read);
                let _ = read.to_draft(morning());
            }
            Err(error) => {
                prop_assert!(error.at <= bytes.len());
                prop_assert!(error.to_string().chars().all(is_printable));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in vec(any::<u8>(), 0..300), framed in any::<bool>()) {
        let mut frame = if framed { b"AIM\x01".to_vec() } else { Vec::new() };
        frame.extend(bytes);
        let world = World::new();
        prop_assert!(world.open(&mut verifier(), &Sealed::from_bytes(frame), EXECUTOR).is_err());
    }

    /// Past the signature: a sender that signs anything at all.
    #[test]
    fn no_signed_bytes_make_the_decoder_panic(
        tail in vec(any::<u8>(), 0..200),
        cut in 0..400_usize,
        flips in vec((0..400_usize, any::<u8>()), 0..4),
    ) {
        let (_, sealed) = seal(PLANNER, Draft::request(party(EXECUTOR), "x").metadata("a", "b"));
        let mut body = sealed.as_bytes()[68..].to_vec();
        // Sender and key id stay, so that the signature is found good.
        let head = 2 + PLANNER.len() + 2 + KeyId::LENGTH;
        body.truncate((head + cut).min(body.len()));
        for (at, flip) in flips {
            if let Some(byte) = body.get_mut(head + at) {
                *byte ^= flip;
            }
        }
        body.extend(tail);
        let signature = identity(PLANNER, 1).sign("application/vnd.aios.fipa-acl", &body);
        let frame = [b"AIM\x01", &signature.to_bytes()[..], &body].concat();
        let world = World::new();
        if let Err(refusal) = world.open(&mut verifier(), &Sealed::from_bytes(frame), EXECUTOR) {
            prop_assert_ne!(refusal.label(), "bad-signature");
        }
    }

    #[test]
    fn no_text_makes_the_string_reader_panic(text in any_text(), act in 0..22_usize) {
        let _ = fipa_string::parse(&text);
        let _ = fipa_string::parse(format!("({} :content {text})", Performative::ALL[act]));
        let _ = fipa_string::parse(format!("(inform :sender (agent-identifier :name a {text}"));
    }

    #[test]
    fn other_readers_never_panic(text in any_text()) {
        let _ = text.parse::<Party>();
        let _ = text.parse::<TraceContext>();
        let _ = text.parse::<Timestamp>();
        let _ = text.parse::<PublicKey>();
        let _ = text.parse::<Reason>();
        let _ = text.parse::<Subject>();
        let _ = text.parse::<SubjectPattern>();
        let _ = ConversationId::from_foreign(&text);
    }

    #[test]
    fn dates_survive_writing_and_reading(millis in 0..253_402_300_800_000_u64) {
        let moment = Timestamp::from_micros(millis * 1_000).unwrap();
        prop_assert_eq!(Timestamp::from_fipa(&moment.to_fipa()).unwrap(), moment);
    }

    #[test]
    fn traces_survive_writing_and_reading(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), flags in any::<u8>()) {
        if let Ok(context) = TraceContext::new(trace, span, flags) {
            prop_assert_eq!(context.to_string().parse::<TraceContext>().unwrap(), context);
        }
    }

    #[test]
    fn any_text_makes_one_token_of_its_own(one in any_text(), other in any_text()) {
        let subject: Subject = token(&one).parse().unwrap();
        prop_assert!(!subject.as_str().contains('.'));
        prop_assert_eq!(token(&one) == token(&other), one == other);
    }

    /// The bitmap against a plain set of all numbers accepted.
    #[test]
    fn the_window_accepts_each_new_number_once(steps in vec(prop_oneof![0..64_u64, 0..3_000_u64, 0..100_000_u64], 1..200)) {
        let mut window = ReplayWindow::default();
        let mut accepted = HashSet::new();
        let mut highest = 0;
        for number in steps {
            let fresh = number > 0 && number + ReplayWindow::SIZE > highest && !accepted.contains(&number);
            prop_assert_eq!(window.accept(number).is_ok(), fresh, "{} after {}", number, highest);
            if fresh {
                accepted.insert(number);
                highest = highest.max(number);
            }
            prop_assert_eq!(window.highest(), highest);
        }
    }
}

#[test]
fn the_window_survives_the_largest_numbers() {
    let mut window = ReplayWindow::default();
    for number in [1, u64::MAX - 1, u64::MAX] {
        assert!(window.accept(number).is_ok());
        assert!(window.accept(number).is_err());
    }
    assert!(window.accept(u64::MAX - 1_023).is_ok());
    assert!(window.accept(u64::MAX - 1_024).is_err());
}
