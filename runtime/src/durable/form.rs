//! How a write lies in the journal, and how a value lies in the view.

use aios_journal::{Draft, Entry, Operation, Payload, Status};

use super::overlay::Value;

/// What the keys of the store begin with in the journal, where others write too.
const KEYS: &str = "store/";
/// What a value is called there, and the newest version of its form.
const KIND: &str = "value";
const VERSION: u16 = 1;
/// Who writes.
const WRITER: &str = "node";

/// A write as an entry.
pub(super) fn draft(key: &[u8], value: &Value) -> Draft {
    let (operation, after) = match value {
        Some(value) => (
            Operation::Set,
            Some(Payload::new(KIND, VERSION, value.as_slice())),
        ),
        None => (Operation::Delete, None),
    };
    Draft {
        operation_id: String::new(),
        agent: WRITER.to_owned(),
        operation,
        key: named(key),
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
