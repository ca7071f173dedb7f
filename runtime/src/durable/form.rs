//! How a write lies in the journal, and how a value lies in the view.

use aios_journal::{Draft, Entry, Operation, Payload, Status};

use super::overlay::Value;

/// What the keys of the store begin with in the journal, where others write too.
const KEYS: &str = "store/";
/// What a value is called there, and the newest version of its form.
const KIND: &str = "value";
const VERSION: u16 = 1;
/// Who writes what is nobody's in particular.
const WRITER: &str = "node";
/// Where steps lie, whose names are their idempotency keys.
const STEPS: &str = "step/";
/// Where what belongs to a role or an agent lies, and how many parts of the key stand before its name.
const WHOSE: [(&str, usize); 5] = [
    (STEPS, 1),
    ("snapshot/", 0),
    ("checkpoint/", 0),
    ("mail/", 0),
    ("mailed/", 0),
];

/// A write as an entry.
pub(super) fn draft(key: &[u8], value: &Value) -> Draft {
    let (operation, after) = match value {
        Some(value) => (
            Operation::Set,
            Some(Payload::new(KIND, VERSION, value.as_slice())),
        ),
        None => (Operation::Delete, None),
    };
    let key = named(key);
    let (agent, operation_id) = (acting(&key).to_owned(), step(&key).to_owned());
    Draft {
        operation_id,
        agent,
        operation,
        key,
        // The entry before it of the same key says what it was.
        before: None,
        after,
        status: Status::Committed,
        superstep: 0,
    }
}

/// The write that an entry is, if it is one of the store.
///
/// # Errors
/// What of it cannot be read.
pub(super) fn write(entry: Entry) -> Result<Option<(Vec<u8>, Value)>, String> {
    let Some(key) = entry.draft.key.strip_prefix(KEYS) else {
        return Ok(None);
    };
    let key = read_key(key).ok_or_else(|| format!("its key {key:?} cannot be read"))?;
    let value = match (entry.draft.operation, entry.draft.after) {
        (Operation::Delete, _) => None,
        (Operation::Set, Some(after)) => {
            after
                .of_kind(KIND, VERSION)
                .map_err(|error| error.to_string())?;
            Some(after.bytes)
        }
        (operation, _) => return Err(format!("{operation:?} of a key says no value")),
    };
    Ok(Some((key, value)))
}

/// Whose a key is: the role or agent that it names, or the node.
fn acting(key: &str) -> &str {
    let key = key.strip_prefix(KEYS).unwrap_or_default();
    let mut known = WHOSE
        .iter()
        .filter_map(|(prefix, before)| Some((key.strip_prefix(prefix)?, *before)));
    let named = known.next();
    named
        .and_then(|(rest, before)| rest.split(['/', '~']).nth(before))
        .unwrap_or(WRITER)
}

/// The idempotency key of the step that a key keeps; of anything else the key itself is one.
fn step(key: &str) -> &str {
    let key = key.strip_prefix(KEYS);
    key.and_then(|key| key.strip_prefix(STEPS))
        .unwrap_or_default()
}

/// A key as text that a person can read and that reads back: bytes that are no printable ASCII are written as `%` and two digits.
fn named(key: &[u8]) -> String {
    let mut name = String::with_capacity(KEYS.len() + key.len());
    name.push_str(KEYS);
    for byte in key {
        match byte {
            b'%' => name.push_str("%25"),
            b' '..=b'~' => name.push(char::from(*byte)),
            other => name.push_str(&format!("%{other:02x}")),
        }
    }
    name
}

/// Whether a key of the journal is one of the store that begins so. What it begins with is plain.
pub(crate) fn key_is(name: &str, prefix: &str) -> bool {
    let key = name.strip_prefix(KEYS);
    key.is_some_and(|key| key.starts_with(prefix))
}

fn read_key(name: &str) -> Option<Vec<u8>> {
    let mut key = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            key.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let high = digit(bytes.next()?)?;
        let low = digit(bytes.next()?)?;
        key.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(key)
}

/// A value as it lies in the view: with the number of the entry that wrote it.
pub(super) fn numbered(sequence: u64, value: &[u8]) -> Vec<u8> {
    [sequence.to_le_bytes().as_slice(), value].concat()
}

/// The number and the value.
pub(super) fn unnumbered(mut stored: Vec<u8>) -> Option<(u64, Vec<u8>)> {
    let number = *stored.first_chunk::<8>()?;
    stored.drain(..8);
    Some((u64::from_le_bytes(number), stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_whose_it_is_and_by_which_operation() {
        for (key, agent, operation) in [
            (
                "step/local/macro.executor/g-1/total",
                "macro.executor",
                "local/macro.executor/g-1/total",
            ),
            ("snapshot/macro.clerk.3@local~1", "macro.clerk.3@local", ""),
            ("goals/local/macro.critic.1/state", "node", ""),
        ] {
            let draft = draft(key.as_bytes(), &None);
            assert_eq!(
                (draft.agent.as_str(), draft.operation_id.as_str()),
                (agent, operation)
            );
        }
    }

    #[test]
    fn every_key_is_text_that_reads_back() {
        let all: Vec<u8> = (0..=255).collect();
        for (key, name) in [
            (b"step/local/a".as_slice(), "store/step/local/a"),
            (b"", "store/"),
            (b"a%41", "store/a%2541"),
            (b"\0\xff\xc3\xa9", "store/%00%ff%c3%a9"),
        ] {
            assert_eq!(named(key), name);
        }
        let name = named(&all);
        assert!(name.is_ascii());
        assert_eq!(read_key(&name[KEYS.len()..]), Some(all));
        for torn in ["%", "%4", "%zz"] {
            assert_eq!(read_key(torn), None);
        }
    }

    #[test]
    fn a_value_keeps_the_number_of_its_entry() {
        let stored = numbered(7, b"x");
        assert_eq!(unnumbered(stored), Some((7, b"x".to_vec())));
        assert_eq!(unnumbered(vec![0; 7]), None);
    }
}
