//! The forged-message table: for every field, and for every single byte of a frame, what happens if it is altered.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::world::*;
use aios_protocols::*;
use bytes::Bytes;

const SIGNATURE: Range<usize> = 4..68;
const BODY_AT: usize = 68;

/// A message in which every field says something.
fn full() -> Draft {
    Draft::request(party(EXECUTOR), Content::text("{\"action\":\"sql\"}"))
        .to(party(CRITIC))
        .reply_to(party(INTERFACE))
        .language("json")
        .encoding("utf-8")
        .ontology("aios.tasks")
        .reply_with("r1")
        .in_reply_to("r0")
        .reply_by(later(5))
        .qos(Qos::Realtime)
        .trace(TraceContext::new([1; 16], [2; 8], 1).unwrap())
        .metadata("attempt", "1")
}

/// The altered body under the old signature, as a forger without the key would send it.
fn forged(original: &Sealed, altered: &Message) -> Sealed {
    let forger = SigningIdentity::from_seed(altered.sender.clone(), [99; 32]);
    let mut altered = altered.clone();
    let key_id = altered.envelope.key_id;
    altered.envelope.key_id = forger.key_id();
    let sealed = forger.seal(&altered, &Limits::default()).unwrap();
    let mut bytes = sealed.as_bytes().to_vec();
    bytes[SIGNATURE].copy_from_slice(&original.as_bytes()[SIGNATURE]);
    let at = find(&bytes, forger.key_id().as_bytes());
    bytes[at..at + KeyId::LENGTH].copy_from_slice(key_id.as_bytes());
    Sealed::from_bytes(bytes)
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes
        .windows(part.len())
        .position(|window| window == part)
        .unwrap()
}

fn label_of(world: &World, sealed: &Sealed) -> &'static str {
    match world.open(&mut verifier(), sealed, EXECUTOR) {
        Ok(message) => panic!("admitted: {message:?}"),
        Err(refusal) => refusal.label(),
    }
}

#[test]
fn the_message_itself_is_admitted() {
    let world = World::new();
    let (message, sealed) = seal(PLANNER, full());
    let trusted = world.open(&mut verifier(), &sealed, EXECUTOR).unwrap();
    assert_eq!(*trusted, message);
    assert_eq!(trusted.sealed(), &sealed);
    assert_eq!(
        forged(&sealed, &message),
        sealed,
        "the forger's tool is exact"
    );
}

#[test]
fn altering_any_field_is_refused() {
    let world = World::new();
    let (message, sealed) = seal(PLANNER, full());
    type Alter = fn(&mut Message);
    let rows: &[(&str, Alter, &str)] = &[
        (
            "performative",
            |m| m.performative = Performative::Inform,
            "bad-signature",
        ),
        (
            "sender, to another agent",
            |m| m.sender = party(CRITIC),
            "unknown-key",
        ),
        (
            "sender, to nobody",
            |m| m.sender = party("macro.planner.009@global"),
            "unknown-sender",
        ),
        (
            "receivers, one more",
            |m| {
                m.receivers.insert(party(REGISTRY));
            },
            "bad-signature",
        ),
        (
            "receivers, one less",
            |m| {
                m.receivers.remove(&party(CRITIC));
            },
            "bad-signature",
        ),
        (
            "reply-to",
            |m| m.reply_to = BTreeSet::from([party(ALICE)]),
            "bad-signature",
        ),
        (
            "reply-to, left out",
            |m| m.reply_to.clear(),
            "bad-signature",
        ),
        (
            "content",
            |m| m.content = Content::text("{\"action\":\"rm\"}"),
            "bad-signature",
        ),
        (
            "language",
            |m| m.language = Some("sl".into()),
            "bad-signature",
        ),
        ("language, left out", |m| m.language = None, "bad-signature"),
        (
            "encoding",
            |m| m.encoding = Some("latin-1".into()),
            "bad-signature",
        ),
        (
            "ontology",
            |m| m.ontology = Some("aios.root".into()),
            "bad-signature",
        ),
        (
            "protocol",
            |m| m.protocol = Some(ProtocolName::FipaQuery),
            "bad-signature",
        ),
        ("protocol, left out", |m| m.protocol = None, "bad-signature"),
        (
            "conversation-id",
            |m| m.conversation_id = ConversationId::from_bytes([9; 16]),
            "bad-signature",
        ),
        (
            "reply-with",
            |m| m.reply_with = Some("r2".into()),
            "bad-signature",
        ),
        (
            "in-reply-to",
            |m| m.in_reply_to = Some("r1".into()),
            "bad-signature",
        ),
        (
            "in-reply-to, left out",
            |m| m.in_reply_to = None,
            "bad-signature",
        ),
        (
            "reply-by",
            |m| m.reply_by = Some(later(500)),
            "bad-signature",
        ),
        ("reply-by, left out", |m| m.reply_by = None, "bad-signature"),
        (
            "message id",
            |m| m.envelope.id = MessageId::from_bytes([9; 16]),
            "bad-signature",
        ),
        (
            "tenant",
            |m| m.envelope.tenant = TenantId::new("evil").unwrap(),
            "bad-signature",
        ),
        (
            "key id",
            |m| m.envelope.key_id = KeyId::from_bytes([9; 8]),
            "unknown-key",
        ),
        ("epoch", |m| m.envelope.epoch += 1, "bad-signature"),
        ("sequence", |m| m.envelope.sequence += 1, "bad-signature"),
        ("qos", |m| m.envelope.qos = Qos::Bulk, "bad-signature"),
        (
            "timestamp",
            |m| m.envelope.timestamp = later(1),
            "bad-signature",
        ),
        (
            "trace",
            |m| m.envelope.trace = Some(TraceContext::new([1; 16], [3; 8], 1).unwrap()),
            "bad-signature",
        ),
        (
            "trace, left out",
            |m| m.envelope.trace = None,
            "bad-signature",
        ),
        (
            "metadata, a value",
            |m| {
                m.envelope.metadata.insert("attempt".into(), "2".into());
            },
            "bad-signature",
        ),
        (
            "metadata, one more",
            |m| {
                m.envelope.metadata.insert("x".into(), "y".into());
            },
            "bad-signature",
        ),
        (
            "metadata, left out",
            |m| m.envelope.metadata.clear(),
            "bad-signature",
        ),
    ];
    for (field, alter, expected) in rows {
        let mut altered = message.clone();
        alter(&mut altered);
        assert_ne!(altered, message, "{field} was not altered");
        assert_eq!(
            label_of(&world, &forged(&sealed, &altered)),
            *expected,
            "{field}"
        );
    }
}

/// Which refusals an altered byte may lead to. Only the sender and key id, which choose the key, can lead to another
/// reason than the signature.
fn allowed_at(position: usize, sender: Range<usize>, key: Range<usize>) -> &'static [&'static str] {
    match position {
        0..4 => &["malformed"],
        4..BODY_AT => &["bad-signature"],
        _ if position < sender.start => &["malformed"],
        // The text may stop being an identifier, or name somebody else, who has no such key.
        _ if sender.contains(&position) => &["malformed", "unknown-sender", "unknown-key"],
        _ if position < key.start => &["malformed"],
        _ if key.contains(&position) => &["unknown-key"],
        _ => &["bad-signature"],
    }
}

#[test]
fn altering_any_bit_of_any_byte_is_refused_with_the_right_reason() {
    let world = World::new();
    let (message, sealed) = seal(PLANNER, full());
    let original = sealed.as_bytes();
    let sender_at = find(original, PLANNER.as_bytes());
    let key_at = find(original, message.envelope.key_id.as_bytes());
    let sender = sender_at..sender_at + PLANNER.len();
    let key = key_at..key_at + KeyId::LENGTH;
    let mut refused = 0;
    for position in 0..original.len() {
        for bit in 0..8 {
            let mut bytes = original.to_vec();
            bytes[position] ^= 1 << bit;
            let label = label_of(&world, &Sealed::from_bytes(bytes));
            let allowed = allowed_at(position, sender.clone(), key.clone());
            assert!(
                allowed.contains(&label),
                "byte {position} bit {bit}: {label}, expected {allowed:?}"
            );
            refused += 1;
        }
    }
    assert_eq!(refused, original.len() * 8);
}

#[test]
fn shorter_or_longer_frames_are_refused() {
    let world = World::new();
    let (_, sealed) = seal(PLANNER, full());
    let original = sealed.as_bytes();
    for length in 0..original.len() {
        let label = label_of(&world, &Sealed::from_bytes(original.slice(..length)));
        let expected: &[&str] = if length < BODY_AT + 40 {
            &["malformed", "bad-signature"]
        } else {
            &["bad-signature"]
        };
        assert!(expected.contains(&label), "{length} bytes: {label}");
    }
    for extra in [&b"\0"[..], b"x", &original[BODY_AT..]] {
        let mut bytes = original.to_vec();
        bytes.extend_from_slice(extra);
        assert_eq!(
            label_of(&world, &Sealed::from_bytes(bytes)),
            "bad-signature"
        );
    }
    let huge = Sealed::from_bytes(Bytes::from(vec![0; Limits::CONTROL.frame + 1]));
    assert_eq!(label_of(&world, &huge), "too-large");
}

#[test]
fn a_signature_for_another_purpose_is_none() {
    let world = World::new();
    let (_, sealed) = seal(PLANNER, full());
    let planner = identity(PLANNER, 1);
    let body = &sealed.as_bytes()[BODY_AT..];
    for purpose in [
        "application/vnd.aios.grant",
        "",
        "application/vnd.aios.fipa-ac",
    ] {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[SIGNATURE].copy_from_slice(&planner.sign(purpose, body).to_bytes());
        assert_eq!(
            label_of(&world, &Sealed::from_bytes(bytes)),
            "bad-signature",
            "{purpose}"
        );
    }
}

#[test]
fn a_body_that_names_a_second_sender_speaks_for_nobody() {
    // Protobuf keeps the last of two values; the signature here is the planner's own and holds.
    let world = World::new();
    let (_, sealed) = seal(PLANNER, full());
    let mut body = sealed.as_bytes()[BODY_AT..].to_vec();
    body.extend_from_slice(&[0x0a, CRITIC.len() as u8]);
    body.extend_from_slice(CRITIC.as_bytes());
    let signature = identity(PLANNER, 1).sign("application/vnd.aios.fipa-acl", &body);
    let mut bytes = b"AIM\x01".to_vec();
    bytes.extend_from_slice(&signature.to_bytes());
    bytes.extend_from_slice(&body);
    assert_eq!(label_of(&world, &Sealed::from_bytes(bytes)), "malformed");
}

/// A body that its own sender signed may still be no message.
#[test]
fn a_signed_body_that_is_no_message_is_malformed() {
    let world = World::new();
    let (_, sealed) = seal(PLANNER, full());
    let good = sealed.as_bytes()[BODY_AT..].to_vec();
    // Field 3, the performative: an act number that does not exist; field 11: a conversation id of one byte;
    // field 19: a qos class that does not exist; field 20: after the year 9999; field 4: an identifier that is none.
    let tails: &[(&str, &[u8], &str)] = &[
        (
            "performative",
            &[0x18, 99],
            "99 is not a valid performative",
        ),
        (
            "conversation id",
            &[0x5a, 1, 7],
            "is not a valid conversation id",
        ),
        (
            "conversation id, empty",
            &[0x5a, 0],
            "the message has no conversation id",
        ),
        ("qos", &[0x98, 0x01, 9], "9 is not a valid qos class"),
        ("protocol", &[0x50, 77], "77 is not a valid protocol"),
        (
            "timestamp",
            &[
                0xa0, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
            ],
            "is not a valid timestamp",
        ),
        (
            "receiver",
            &[0x22, 3, b'b', b'o', b'b'],
            "receiver: `bob` is not an agent identifier",
        ),
        ("protobuf", &[0x22, 200], "the body cannot be decoded"),
        (
            "trace of zeros",
            &{
                let mut zeros = [0; 28];
                zeros[..3].copy_from_slice(&[0xaa, 0x01, 25]);
                zeros
            },
            "is not a valid trace context",
        ),
    ];
    for (what, tail, expected) in tails {
        let mut body = good.clone();
        body.extend_from_slice(tail);
        let signature = identity(PLANNER, 1).sign("application/vnd.aios.fipa-acl", &body);
        let mut bytes = b"AIM\x01".to_vec();
        bytes.extend_from_slice(&signature.to_bytes());
        bytes.extend_from_slice(&body);
        let refusal = world
            .open(&mut verifier(), &Sealed::from_bytes(bytes), EXECUTOR)
            .unwrap_err();
        assert_eq!(refusal.label(), "malformed", "{what}");
        assert!(refusal.to_string().contains(expected), "{what}: {refusal}");
    }
}
