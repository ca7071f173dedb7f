//! What a refused frame costs: no more than its bytes, whatever they claim.

use crate::world::*;
use aios_protocols::*;

/// The planner's own frame over a body with this tail.
fn with_tail(tail: &[u8]) -> Sealed {
    let (_, sealed) = seal(PLANNER, Draft::request(party(EXECUTOR), "x"));
    let mut body = sealed.as_bytes()[68..].to_vec();
    body.extend_from_slice(tail);
    let signature = identity(PLANNER, 1).sign("application/vnd.aios.fipa-acl", &body);
    Sealed::from_bytes([b"AIM\x01", &signature.to_bytes()[..], &body].concat())
}

fn open(tail: &[u8]) -> Result<Trusted, Refusal> {
    World::new().open(&mut verifier(), &with_tail(tail), EXECUTOR)
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field of bytes.
fn field(number: usize, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(value.len()), value.to_vec()].concat()
}

fn pair(key: &[u8], value: &[u8]) -> Vec<u8> {
    field(22, &[field(1, key), field(2, value)].concat())
}

/// A field of each kind as often as fits into the frame; all are refused for their number, before one of them is made.
#[test]
fn a_frame_full_of_fields_is_refused_by_counting() {
    let agent = b"macro.a.1@x";
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "empty pairs",
            field(22, b""),
            "33 pairs of metadata are too many, 32 are allowed",
        ),
        ("small pairs", pair(b"k", b"v"), "33 pairs of metadata"),
        (
            "receivers",
            field(4, agent),
            "1025 receivers are too many, 1024 are allowed",
        ),
        ("empty receivers", field(4, b""), "1025 receivers"),
        (
            "reply-to parties",
            field(5, agent),
            "1025 reply-to parties are too many",
        ),
        (
            "languages",
            field(7, b"x"),
            "65 fields are too many, 64 are allowed",
        ),
        ("contents", field(6, b"x"), "65 fields"),
        ("unknown fields", field(1_000, b""), "65 fields"),
        ("numbers", vec![0x18, 1], "65 fields"),
        ("unknown numbers", vec![0xf8, 0x3e, 1], "65 fields"),
        (
            "unknown words of four bytes",
            vec![0xfd, 0x3e, 0, 0, 0, 0],
            "65 fields",
        ),
        (
            "unknown words of eight bytes",
            vec![0xf9, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0],
            "65 fields",
        ),
    ];
    let room = Limits::CONTROL.frame - 1_000;
    for (what, unit, expected) in rows {
        let refusal = open(&unit.repeat(room / unit.len())).unwrap_err();
        assert_eq!(refusal.label(), "malformed", "{what}");
        assert!(refusal.to_string().contains(expected), "{what}: {refusal}");
    }
}

#[test]
fn a_field_that_is_too_long_is_refused_by_its_length() {
    let long = vec![b'x'; 1_025];
    // Protobuf keeps the last of two values, so the message itself would be within its limits.
    let hidden = |number| [field(number, &long[..257]), field(number, b"x")].concat();
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (
            field(1, &long[..171]),
            "171 bytes of an identifier are too many, 170 are allowed",
        ),
        (field(4, &long[..171]), "171 bytes of an identifier"),
        (field(5, &long[..171]), "171 bytes of an identifier"),
        (field(2, &long[..9]), "9 bytes of key id"),
        (hidden(7), "257 bytes of language"),
        (hidden(8), "257 bytes of encoding"),
        (hidden(9), "257 bytes of ontology"),
        (field(11, &long[..17]), "17 bytes of conversation id"),
        (hidden(12), "257 bytes of reply-with"),
        (hidden(13), "257 bytes of in-reply-to"),
        (field(15, &long[..17]), "17 bytes of message id"),
        (field(16, &long[..65]), "65 bytes of tenant"),
        (field(21, &long[..26]), "26 bytes of trace context"),
        (
            pair(&long, b""),
            "1025 bytes of a metadata key are too many, 1024 are allowed",
        ),
        (pair(b"", &long), "1025 bytes of a metadata value"),
        (
            field(22, &field(1, b"k").repeat(3)),
            "3 parts of a pair of metadata are too many, 2 are allowed",
        ),
    ];
    for (tail, expected) in rows {
        let refusal = open(&tail).unwrap_err();
        assert_eq!(refusal.label(), "malformed", "{expected}");
        assert!(refusal.to_string().contains(expected), "{refusal}");
    }
}

#[test]
fn what_is_no_protobuf_is_refused_as_such() {
    let rows: &[(&[u8], &str)] = &[
        (&[0x22, 200], "ends within a number"),
        (&[0x22, 200, 1], "ends within a field"),
        (
            &[
                0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1,
            ],
            "ends within a field",
        ),
        (&[0x80], "ends within a number"),
        (&[0xff; 11], "a number of more than ten bytes"),
        (
            &[
                0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
            ],
            "the body cannot be decoded",
        ),
        (&[0xfd, 0x3e, 0, 0, 0], "ends within a field"),
        (&[0xf9, 0x3e, 0, 0, 0, 0, 0, 0, 0], "ends within a field"),
        (&[0xfb, 0x3e, 0xfc, 0x3e], "wire type 3"),
        (&[0xfc, 0x3e], "wire type 4"),
        (&[0xfe, 0x3e], "wire type 6"),
        (&[0x00, 0x01], "the body cannot be decoded"),
        (&[0xb2, 0x01, 2, 0x0a, 9], "ends within a field"),
    ];
    for (tail, expected) in rows {
        let refusal = open(tail).unwrap_err();
        assert_eq!(refusal.label(), "malformed", "{tail:x?}");
        assert!(
            refusal.to_string().contains(expected),
            "{tail:x?}: {refusal}"
        );
        assert!(
            refusal.to_string().contains("the body cannot be decoded"),
            "{refusal}"
        );
    }
}

/// The largest message there may be, and what later versions may add to it, still pass.
#[test]
fn a_message_at_its_limits_passes() {
    let many = |count: usize, name: &str| {
        let name = name.to_owned();
        (0..count).map(move |n| party(&format!("macro.{name}.{n}@x")))
    };
    let text = |length| "x".repeat(length);
    let mut draft = Draft::cfp(many(255, "seller"), text(100_000))
        .to(party(EXECUTOR))
        .language(text(256))
        .encoding(text(256))
        .ontology(text(256))
        .reply_with(text(256))
        .in_reply_to(text(256))
        .reply_by(later(60))
        .trace(TraceContext::new([1; 16], [2; 8], 1).unwrap());
    for to in many(256, "clerk") {
        draft = draft.reply_to(to);
    }
    for n in 0..32 {
        draft = draft.metadata(format!("{n}{}", text(1_022)), text(1_024));
    }
    let (message, sealed) = seal(PLANNER, draft);
    let opened = World::new().open(&mut verifier(), &sealed, EXECUTOR);
    assert_eq!(*opened.unwrap(), message);
    let later_fields = [
        field(23, b"x"),
        field(1_000, &[0; 5_000]),
        vec![0xf8, 0x3e, 1],
    ]
    .concat();
    assert!(open(&later_fields.repeat(14)).is_ok());
}
