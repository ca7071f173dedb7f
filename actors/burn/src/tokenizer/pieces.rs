//! SentencePiece's BPE: a text's characters are merged to pieces, the best-scored pair first; what has no piece is bytes.
//!
//! Pieces write a space as U+2581. Here they are kept with the space itself, so a text needs no rewriting.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{BYTE, Kinds};
use crate::error::LoadError;
use crate::gguf::{Gguf, Value};

/// What pieces write for a space.
const SPACE: &str = "\u{2581}";
/// No symbol.
const NONE: usize = usize::MAX;

/// A vocabulary of pieces.
pub(super) struct Pieces {
    /// The ids of pieces that can be merged to, in the order of their bytes.
    by_bytes: Vec<u32>,
    scores: Vec<f32>,
    byte_ids: [u32; 256],
    /// A space comes before each text.
    leads_with_space: bool,
}

/// A run of a text that is one piece, or none any more.
#[derive(Clone, Copy)]
struct Symbol {
    from: usize,
    len: usize,
    before: usize,
    after: usize,
}

/// Two neighbours that could be one piece.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Of both together, by which one sees whether they are still what they were.
    len: usize,
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pair {
    /// The best score, of equals the one further left.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(other.left.cmp(&self.left))
    }
}

/// A piece as text.
pub(super) fn spaced(piece: &str) -> String {
    piece.replace(SPACE, " ")
}

/// The bytes that each token stands for; a control token's name.
pub(super) fn bytes(tokens: &[&str], kinds: &Kinds) -> Result<Vec<Box<[u8]>>, LoadError> {
    let one = |(id, token): (u32, &&str)| {
        if kinds.is_control(id) {
            return Ok(token.as_bytes().into());
        }
        if !kinds.is(id, BYTE) {
            return Ok(spaced(token).into_bytes().into());
        }
        let digits = token.strip_prefix("<0x").and_then(|t| t.strip_suffix('>'));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.map(|byte| [byte].into())
            .ok_or_else(|| LoadError::Tokenizer {
                reason: format!("token {id} is said to be a byte and is {token:?}"),
            })
    };
    (0u32..).zip(tokens).map(one).collect()
}

impl Pieces {
    pub(super) fn load(file: &Gguf, bytes: &[Box<[u8]>], kinds: &Kinds) -> Result<Self, LoadError> {
        let key = "tokenizer.ggml.scores";
        let scores = file.floats(key, bytes.len())?;
        if scores.len() != bytes.len() {
            return Err(LoadError::Contradiction {
                key: format!("{key} (its length)"),
                found: scores.len(),
                other: "the vocabulary",
                wanted: bytes.len(),
            });
        }
        for (key, what) in [
            (
                "tokenizer.ggml.precompiled_charsmap",
                "texts that are rewritten first",
            ),
            (
                "tokenizer.ggml.remove_extra_whitespaces",
                "texts whose spaces are taken out",
            ),
        ] {
            match file.get(key) {
                None | Some(Value::Bool(false)) => {}
                Some(_) => {
                    return Err(LoadError::Unsupported {
                        what: "the tokenizer",
                        found: format!("one for {what} ({key})"),
                        wanted: "one for texts as they are is supported; run this model in a server and name that in [engines]",
                    });
                }
            }
        }
        let ids = 0..bytes.len() as u32;
        let mut byte_ids = [None; 256];
        for id in ids.clone().filter(|id| kinds.is(*id, BYTE)) {
            byte_ids[usize::from(bytes[id as usize][0])].get_or_insert(id);
        }
        // What has no token vanishes from every prompt.
        let missing = byte_ids.iter().position(Option::is_none);
        if let Some(byte) = missing {
            return Err(LoadError::Tokenizer {
                reason: format!("no token for the byte {byte:#04x}"),
            });
        }
        let mut by_bytes: Vec<u32> = ids
            .filter(|id| !kinds.is_control(*id) && !kinds.is(*id, BYTE))
            .filter(|id| !bytes[*id as usize].is_empty())
            .collect();
        by_bytes.sort_by(|a, b| bytes[*a as usize].cmp(&bytes[*b as usize]));
        let leads_with_space = file.find_flag("tokenizer.ggml.add_space_prefix")?;
        Ok(Self {
            by_bytes,
            scores,
            byte_ids: byte_ids.map(Option::unwrap_or_default),
            leads_with_space: leads_with_space.unwrap_or(true),
        })
    }

    /// Appends the ids of a text that is no longer than memory allows; `bytes` are those of the vocabulary.
    pub(super) fn encode(&self, text: &str, bytes: &[Box<[u8]>], ids: &mut Vec<u32>) {
        let mut text = spaced(text);
        if self.leads_with_space {
            text.insert(0, ' ');
        }
        let text = text.as_bytes();
        let mut symbols = symbols(text);
        let mut pairs = BinaryHeap::new();
        let pair = |symbols: &[Symbol], left: usize, right: usize| {
            if left == NONE || right == NONE {
                return None;
            }
            let (from, len) = (symbols[left].from, symbols[left].len + symbols[right].len);
            let id = self.find(&text[from..from + len], bytes)?;
            Some(Pair {
                score: self.scores[id as usize],
                left,
                right,
                len,
            })
        };
        for right in 1..symbols.len() {
            pairs.extend(pair(&symbols, right - 1, right));
        }
        while let Some(Pair {
            left, right, len, ..
        }) = pairs.pop()
        {
            let [a, b] = [symbols[left], symbols[right]];
            // One of the two was merged meanwhile.
            if a.len == 0 || b.len == 0 || a.len + b.len != len {
                continue;
            }
            symbols[left].len = len;
            symbols[left].after = b.after;
            symbols[right].len = 0;
            if b.after != NONE {
                symbols[b.after].before = left;
            }
            pairs.extend(pair(&symbols, a.before, left));
            pairs.extend(pair(&symbols, left, b.after));
        }
        for symbol in symbols.iter().filter(|symbol| symbol.len > 0) {
            let run = &text[symbol.from..symbol.from + symbol.len];
            match self.find(run, bytes) {
                Some(id) => ids.push(id),
                None => ids.extend(run.iter().map(|byte| self.byte_ids[usize::from(*byte)])),
            }
        }
    }

    /// The piece of these bytes.
    fn find(&self, run: &[u8], bytes: &[Box<[u8]>]) -> Option<u32> {
        let at = self
            .by_bytes
            .partition_point(|id| *bytes[*id as usize] < *run);
        let id = *self.by_bytes.get(at)?;
        (*bytes[id as usize] == *run).then_some(id)
    }
}

/// Each character by itself.
fn symbols(text: &[u8]) -> Vec<Symbol> {
    let is_start = |byte: u8| byte & 0xC0 != 0x80;
    let starts: Vec<usize> = (0..text.len()).filter(|at| is_start(text[*at])).collect();
    let count = starts.len();
    (0..count)
        .map(|i| Symbol {
            from: starts[i],
            len: starts.get(i + 1).unwrap_or(&text.len()) - starts[i],
            before: if i == 0 { NONE } else { i - 1 },
            after: if i + 1 == count { NONE } else { i + 1 },
        })
        .collect()
}
