//! A session as bytes: what it was made by, the tokens, their keys and values, and a checksum over all of it.
//!
//! The layout is drawn in `docs/formats/kv-cache.md`. Nothing of it is believed: another model, other settings, another length or a
//! changed bit is refused by name, and whoever asked has the prompt read again.

use zeroize::Zeroize as _;

const MAGIC: [u8; 8] = *b"aios.kv\x01";
const SUM: usize = 32;
/// The longest name of settings; a device's name has some twenty bytes.
const SETTINGS_MAX: usize = 255;

/// What keys and values are made by besides the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeBy {
    /// Of all weights and sizes.
    pub(crate) model: [u8; 32],
    /// What computes, and how exactly.
    pub(crate) settings: String,
}

/// Why bytes are no session of this model's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SavedError {
    #[error("a saved session is cut short: {found} bytes")]
    Short { found: usize },
    #[error("a saved session has another form than this version writes")]
    Form,
    #[error("a saved session is damaged: its checksum does not fit")]
    Damaged,
    #[error("a saved session is another model's")]
    Model,
    #[error("a saved session was made with other settings: {found}, and not {wanted}")]
    Settings { found: String, wanted: String },
    #[error("a saved session does not fit this model's sizes")]
    Malformed,
}

impl MadeBy {
    fn settings(&self) -> &[u8] {
        let bytes = self.settings.as_bytes();
        &bytes[..bytes.len().min(SETTINGS_MAX)]
    }

    /// The beginning, up to the keys and values.
    pub(crate) fn head(&self, ids: &[u32]) -> Vec<u8> {
        let settings = self.settings();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.model);
        bytes.push(settings.len() as u8);
        bytes.extend(settings);
        bytes.extend((ids.len() as u32).to_le_bytes());
        bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
        bytes
    }

    /// The tokens, and the keys and values, if they are whole and this model's.
    pub(crate) fn open<'a>(&self, bytes: &'a [u8]) -> Result<(Vec<u32>, &'a [u8]), SavedError> {
        let short = || SavedError::Short { found: bytes.len() };
        let (all, sum) = bytes
            .len()
            .checked_sub(SUM)
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or_else(short)?;
        let rest = all.strip_prefix(&MAGIC).ok_or(SavedError::Form)?;
        // Before anything else of it is read.
        if blake3::hash(all).as_bytes() != sum {
            return Err(SavedError::Damaged);
        }
        let (model, rest) = rest.split_at_checked(32).ok_or_else(short)?;
        if model != self.model {
            return Err(SavedError::Model);
        }
        let (&length, rest) = rest.split_first().ok_or_else(short)?;
        let (settings, rest) = rest.split_at_checked(length.into()).ok_or_else(short)?;
        if settings != self.settings() {
            return Err(SavedError::Settings {
                found: String::from_utf8_lossy(settings).into_owned(),
                wanted: self.settings.clone(),
            });
        }
        let (count, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let count = u32::from_le_bytes(*count) as usize;
        let ids = count
            .checked_mul(4)
            .and_then(|ids| rest.split_at_checked(ids));
        let (ids, values) = ids.ok_or_else(short)?;
        let (ids, _) = ids.as_chunks();
        Ok((
            ids.iter().map(|id| u32::from_le_bytes(*id)).collect(),
            values,
        ))
    }
}

/// Ends it with its checksum. What growing left behind is not wiped here: the caller's room is made at once.
pub(crate) fn close(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = *blake3::hash(&bytes).as_bytes();
    if bytes.capacity() - bytes.len() < SUM {
        let mut whole = Vec::with_capacity(bytes.len() + SUM);
        whole.extend_from_slice(&bytes);
        bytes.zeroize();
        bytes = whole;
    }
    bytes.extend(sum);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> MadeBy {
        MadeBy {
            model: [7; 32],
            settings: "a processor, exact".into(),
        }
    }

    fn saved() -> Vec<u8> {
        let mut bytes = ours().head(&[1, 2, 70_000]);
        bytes.extend([9; 12]);
        close(bytes)
    }

    #[test]
    fn what_was_saved_is_opened_and_nothing_else() {
        let bytes = saved();
        let (ids, values) = ours().open(&bytes).unwrap();
        assert_eq!((ids, values), (vec![1, 2, 70_000], &[9; 12][..]));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(ours().open(&flipped).is_err(), "bit {at}");
            assert!(ours().open(&bytes[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn another_model_or_other_settings_are_refused_by_name() {
        let bytes = saved();
        let other = MadeBy {
            model: [8; 32],
            ..ours()
        };
        assert_eq!(other.open(&bytes), Err(SavedError::Model));
        let other = MadeBy {
            settings: "another".into(),
            ..ours()
        };
        let refused = other.open(&bytes).unwrap_err().to_string();
        assert!(refused.contains("a processor, exact"), "{refused}");
        assert!(refused.contains("another"), "{refused}");
    }
}
