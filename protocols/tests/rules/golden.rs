//! Bytes that must never change: what is signed today must verify tomorrow.
//!
//! A difference here is a change of the format: give the frame a new version. Run with `AIOS_BLESS=1` to write the
//! files anew.

use std::fs;
use std::path::PathBuf;

use crate::world::*;
use aios_protocols::*;

fn golden(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("AIOS_BLESS").is_some() {
        fs::write(&path, format!("{found}\n")).unwrap();
    }
    let expected =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(found, expected.trim_end(), "{name}");
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits
        .chunks(32)
        .map(|line| line.concat())
        .collect::<Vec<_>>()
        .join("\n")
}

fn fixed() -> (Message, Sealed) {
    let draft = Draft::request(
        party(EXECUTOR),
        "{\"action\":\"sql\",\"file\":\"q3_sales.csv\"}",
    )
    .to(party(CRITIC))
    .reply_to(party(PLANNER))
    .language("json")
    .encoding("utf-8")
    .ontology("aios.tasks")
    .in_reply_to("plan-1")
    .reply_by(later(30))
    .qos(Qos::Realtime)
    .trace(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            .parse()
            .unwrap(),
    )
    .metadata("attempt", "1")
    .metadata("goal", "Analyze Q3 sales");
    seal(PLANNER, draft)
}

#[test]
fn a_sealed_message_is_these_bytes() {
    let (_, sealed) = fixed();
    golden("frame.hex", &hex(sealed.as_bytes()));
    golden("body.hex", &hex(&sealed.as_bytes()[68..]));
}

#[test]
fn a_public_key_and_its_name_are_these_bytes() {
    let key = identity(PLANNER, 1).public_key();
    golden("key.txt", &format!("{key}\n{}", key.id()));
}

#[test]
fn the_string_form_is_this_text() {
    let (message, _) = fixed();
    golden("message.fipa", &fipa_string::to_string(&message));
}

#[test]
fn a_tensor_header_and_a_grant_are_these_bytes() {
    golden("tensor-header.hex", &hex(&crate::tensor::header().encode()));
    let grant = crate::tensor::grant();
    let text = serde_json::to_string_pretty(&grant).unwrap();
    golden("tensor-grant.json", &text);
    golden("tensor-place.hex", &hex(&grant.handle.place()));
}

#[test]
fn the_golden_frame_still_opens() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/frame.hex");
    let text = fs::read_to_string(path).unwrap();
    let digits: String = text.split_whitespace().collect();
    let bytes: Vec<u8> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let world = World::new();
    let trusted = world
        .open(&mut verifier(), &Sealed::from_bytes(bytes), EXECUTOR)
        .unwrap();
    assert_eq!(*trusted, fixed().0);
}

#[test]
fn names_of_messages_sort_by_age_and_carry_their_version() {
    let ids: Vec<MessageId> = (0..3).map(|n| MessageId::new(later(n), [9; 10])).collect();
    assert!(ids.is_sorted());
    assert_eq!(ids[0].as_uuid().get_version_num(), 7);
    assert_eq!(ids[0].to_string().parse::<MessageId>().unwrap(), ids[0]);
    assert_eq!(
        &ids[0].as_bytes()[..6],
        &morning().as_millis().to_be_bytes()[2..]
    );
    let foreign = ConversationId::from_foreign("C1234_1099");
    assert_eq!(foreign, ConversationId::from_foreign("C1234_1099"));
    assert_ne!(foreign, ConversationId::from_foreign("C1235_1099"));
    assert_eq!(foreign.as_uuid().get_version_num(), 8);
    let own = ConversationId::from(ids[0]);
    assert_eq!(ConversationId::from_foreign(&own.to_string()), own);
}
