//! A hash of a cell's text that nobody outside can aim at.
//!
//! A large table has its cells hashed one by one, and this is what that takes longest for, so eight bytes go into one multiplication whose
//! halves are folded together. Its key is drawn anew for each table: who writes a file does not know which of its cells meet.

use std::hash::{BuildHasher, RandomState};

/// The golden ratio as a part of 2^64, whose multiples differ in their high bits as in their low ones.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The key of a table's hashes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keyed {
    first: u64,
    second: u64,
    last: u64,
}

impl Keyed {
    /// Draws a key.
    pub(crate) fn new() -> Self {
        let drawn = RandomState::new();
        // An even factor would lose bits.
        let key = |number: u64| drawn.hash_one(number) | 1;
        Self {
            first: key(1),
            second: key(2),
            last: key(3),
        }
    }

    /// The hash of a text.
    pub(crate) fn of(&self, text: &str) -> u64 {
        let bytes = text.as_bytes();
        // A length is spread over all bits, or it would be undone by those of the first letter.
        let mut hash = self.last ^ (bytes.len() as u64).wrapping_mul(SPREAD);
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            let [low, high] = halves(pair);
            hash = folded(low ^ self.first ^ hash, high ^ self.second);
        }
        // What is left is read from both ends, which may overlap: with the length it says which bytes there were.
        let (low, high) = match rest {
            [] => (0, 0),
            [.., _, _, _, _, _, _, _, _] => (ends(rest, true), ends(rest, false)),
            short => (
                short
                    .iter()
                    .fold(0, |all, byte| all << 8 | u64::from(*byte)),
                0,
            ),
        };
        hash = folded(low ^ self.first ^ hash, high ^ self.second);
        folded(hash ^ self.last, self.first)
    }
}

/// The two numbers of sixteen bytes.
fn halves(pair: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(*pair);
    [both as u64, (both >> 64) as u64]
}

/// The first or the last eight of at least so many bytes as a number.
fn ends(bytes: &[u8], first: bool) -> u64 {
    let eight = match first {
        true => bytes.first_chunk::<8>(),
        false => bytes.last_chunk::<8>(),
    };
    eight.map_or(0, |eight| u64::from_le_bytes(*eight))
}

/// The product of two numbers, its halves folded into one.
fn folded(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_that_differ_anywhere_have_other_hashes_and_equal_ones_the_same() {
        let key = Keyed::new();
        let mut texts: HashSet<String> =
            (0..50_000).map(|number| format!("O{number:07}")).collect();
        for length in 0..70 {
            let text = "a".repeat(length);
            for at in 0..length {
                let mut other = text.clone();
                other.replace_range(at..=at, "b");
                texts.insert(other);
            }
            texts.insert(text);
        }
        let hashes: HashSet<u64> = texts.iter().map(|text| key.of(text)).collect();
        assert_eq!(hashes.len(), texts.len());
        let elsewhere = "North".to_owned();
        assert_eq!(key.of("North"), key.of(&elsewhere));
        // Another table has another key.
        assert_ne!(key.of("North"), Keyed::new().of("North"));
        // Short tables of slots are asked for by the low bits.
        let slots: HashSet<u64> = texts.iter().map(|text| key.of(text) % 65_536).collect();
        assert!(slots.len() > 30_000, "{}", slots.len());
    }
}
