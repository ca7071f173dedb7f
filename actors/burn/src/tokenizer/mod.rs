//! Text to token ids and back, from the vocabulary and merges of a model file.
//!
//! Control tokens such as `<|im_end|>` are found here rather than by the BPE library, because only some text may contain
//! them: a raw prompt and the template's own words may, what a user typed may not.

use std::ops::Range;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

use crate::control::Controls;
use crate::error::LoadError;
use crate::gguf::{Gguf, Value};

/// The file's number for a control token.
const CONTROL: i64 = 3;
/// Control tokens that end an answer, besides the file's own end token.
const ENDS: [&str; 3] = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>"];
/// Twice the largest vocabulary of a known model, and all its merges: a library keeps some 200 bytes for each.
const TOKENS_MAX: usize = 1 << 19;
const MERGES_MAX: usize = 1 << 19;

pub(crate) struct Tokenizer {
    bpe: tokenizers::Tokenizer,
    /// Bytes of each token; control tokens are kept as their name.
    bytes: Vec<Box<[u8]>>,
    controls: Controls,
    is_control: Vec<bool>,
    begin: Option<u32>,
    end: u32,
    ends: Vec<u32>,
    longest: usize,
}

impl Tokenizer {
    /// The tokenizer of a file whose embedding has so many rows.
    pub(crate) fn load(file: &Gguf, vocabulary: usize) -> Result<Self, LoadError> {
        let unsupported = |what, found: &str, wanted| LoadError::Unsupported {
            what,
            found: found.to_owned(),
            wanted,
        };
        let model = file.text("tokenizer.ggml.model")?;
        if model != "gpt2" {
            return Err(unsupported(
                "the tokenizer",
                model,
                "gpt2 (byte-level BPE) is supported",
            ));
        }
        let split = file.text("tokenizer.ggml.pre")?;
        if split != "smollm" {
            return Err(unsupported(
                "the pre-tokenizer",
                split,
                "smollm is supported",
            ));
        }
        let tokens = file.texts("tokenizer.ggml.tokens", TOKENS_MAX)?;
        let kinds = file.numbers("tokenizer.ggml.token_type", TOKENS_MAX)?;
        let merges = file.texts("tokenizer.ggml.merges", MERGES_MAX)?;
        for (key, found) in [
            ("tokenizer.ggml.tokens", tokens.len()),
            ("tokenizer.ggml.token_type", kinds.len()),
        ] {
            if found != vocabulary {
                return Err(LoadError::Contradiction {
                    key: format!("{key} (its length)"),
                    found,
                    other: "the embedding",
                    wanted: vocabulary,
                });
            }
        }
        let is_control: Vec<bool> = kinds.iter().map(|kind| *kind == CONTROL).collect();
        let bytes: Vec<Box<[u8]>> = tokens
            .iter()
            .zip(&is_control)
            .map(|(token, control)| {
                if *control {
                    token.as_bytes().into()
                } else {
                    bytes_of(token)
                }
            })
            .collect();
        let named = (0u32..).zip(&tokens).zip(&is_control);
        let controls = Controls::new(
            named
                .filter(|(_, control)| **control)
                .map(|((id, token), _)| (id, *token)),
        )?;

        let id_of = |key: &str| match file.get(key) {
            Some(Value::Unsigned(id)) if id < tokens.len() as u64 => Ok(id as u32),
            _ => Err(LoadError::BadMetadata {
                key: key.to_owned(),
                wanted: "the id of a token in the vocabulary",
            }),
        };
        let end = id_of("tokenizer.ggml.eos_token_id")?;
        let begin = match file.flag("tokenizer.ggml.add_bos_token")? {
            true => Some(id_of("tokenizer.ggml.bos_token_id")?),
            false => None,
        };
        let mut ends: Vec<u32> = controls
            .iter()
            .filter(|(name, _)| ENDS.contains(name))
            .map(|(_, id)| id)
            .collect();
        if !ends.contains(&end) {
            ends.push(end);
        }

        Ok(Self {
            bpe: byte_level_bpe(&tokens, &is_control, &merges)?,
            longest: bytes.iter().map(|b| b.len()).max().unwrap_or(1).max(1),
            bytes,
            controls,
            is_control,
            begin,
            end,
            ends,
        })
    }

    /// Number of tokens in the vocabulary.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The end token.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    pub(crate) fn ends_answer(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }

    pub(crate) fn is_control(&self, id: u32) -> bool {
        self.is_control.get(id as usize).copied().unwrap_or(false)
    }

    /// The bytes a token stands for; a control token's name.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], |bytes| bytes)
    }

    /// The least number of tokens a text of this many bytes can have.
    pub(crate) fn at_least(&self, text_bytes: usize) -> usize {
        text_bytes / self.longest
    }

    pub(crate) fn controls(&self) -> &Controls {
        &self.controls
    }

    /// Ids of a text. Within the `literal` ranges (ascending, apart), and across their edges, nothing is taken for a
    /// control token.
    pub(crate) fn encode(&self, text: &str, literal: &[Range<usize>]) -> Result<Vec<u32>, String> {
        let mut ids = Vec::new();
        let mut plain_from = 0;
        for (at, len, id) in self.controls.find_outside(text, literal) {
            self.encode_plain(&text[plain_from..at], &mut ids)?;
            ids.push(id);
            plain_from = at + len;
        }
        self.encode_plain(&text[plain_from..], &mut ids)?;
        if let Some(begin) = self.begin
            && ids.first() != Some(&begin)
        {
            ids.insert(0, begin);
        }
        Ok(ids)
    }

    fn encode_plain(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        if !text.is_empty() {
            let encoding = self
                .bpe
                .encode_fast(text, false)
                .map_err(|e| e.to_string())?;
            ids.extend_from_slice(encoding.get_ids());
        }
        Ok(())
    }
}

fn byte_level_bpe(
    tokens: &[&str],
    is_control: &[bool],
    merges: &[&str],
) -> Result<tokenizers::Tokenizer, LoadError> {
    let broken = |reason: String| LoadError::Tokenizer { reason };
    let mut vocabulary = Vocab::default();
    vocabulary.reserve(tokens.len());
    for (id, token) in (0u32..).zip(tokens) {
        if let Some(first) = vocabulary.insert((*token).to_owned(), id) {
            return Err(broken(format!(
                "tokens {first} and {id} are both {token:?}"
            )));
        }
    }
    // Control tokens stand for no text: no merge makes one, and no byte is one.
    for (token, _) in tokens.iter().zip(is_control).filter(|(_, is)| **is) {
        vocabulary.remove(*token);
    }
    // What has no token vanishes from every prompt. Real vocabularies lack some bytes their training text never had, control
    // characters among them; none lacks what is printed.
    for byte in (0x20..=0x7E).chain([b'\n']) {
        if !vocabulary.contains_key(stand_in(byte).encode_utf8(&mut [0; 4])) {
            return Err(broken(format!("no token for the byte {byte:#04x}")));
        }
    }
    let merges = merges
        .iter()
        .map(|merge| match merge.split_once(' ') {
            Some((a, b)) => Ok((a.to_owned(), b.to_owned())),
            None => Err(broken(format!("merge {merge:?} is not two tokens"))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let bpe = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .build()
        .map_err(|e| broken(e.to_string()))?;
    let mut tokenizer = tokenizers::Tokenizer::new(bpe);
    // "smollm": each digit alone, then the split of GPT-2.
    let split = Sequence::new(vec![
        Digits::new(true).into(),
        ByteLevel::new(false, true, true).into(),
    ]);
    tokenizer.with_pre_tokenizer(Some(split));
    Ok(tokenizer)
}

/// The bytes behind a token's printable stand-ins, as GPT-2 writes them.
fn bytes_of(token: &str) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(token.len());
    for c in token.chars() {
        match byte_of(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.to_string().bytes()),
        }
    }
    bytes.into()
}

/// The printable character that stands for a byte.
fn stand_in(byte: u8) -> char {
    // Each byte has one, see the test below.
    (0x21..=0x143)
        .filter_map(char::from_u32)
        .find(|c| byte_of(*c) == Some(byte))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// GPT-2 prints bytes that are visible in Latin-1 as themselves and numbers the others from U+0100 on.
fn byte_of(c: char) -> Option<u8> {
    match u32::from(c) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => u8::try_from(code).ok(),
        code @ 0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        code @ 0x121..=0x142 => u8::try_from(code - 0x121 + 0x7F).ok(),
        0x143 => Some(0xAD),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_cover_each_byte_once() {
        let mut seen = [0; 256];
        for code in 0x21..=0x143 {
            if let Some(byte) = char::from_u32(code).and_then(byte_of) {
                seen[usize::from(byte)] += 1;
            }
        }
        assert_eq!(seen, [1; 256]);
        for (stand_in, byte) in [
            ('Ġ', b' '),
            ('Ċ', b'\n'),
            ('ĉ', b'\t'),
            ('a', b'a'),
            ('é', 0xE9),
        ] {
            assert_eq!(byte_of(stand_in), Some(byte), "{stand_in}");
        }
    }
}
