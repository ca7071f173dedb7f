//! Text to token ids and back, from the vocabulary and merges of a model file.
//!
//! Control tokens such as `<|im_end|>` are found here rather than by the BPE library, because only some text may contain
//! them: a raw prompt and the template's own words may, what a user typed may not.

use std::ops::Range;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

use crate::error::LoadError;
use crate::gguf::Gguf;

/// The file's number for a control token.
const CONTROL: i64 = 3;
/// Control tokens that end an answer, besides the file's own end token.
const ENDS: [&str; 3] = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>"];

pub(crate) struct Tokenizer {
    bpe: tokenizers::Tokenizer,
    /// Bytes of each token; control tokens are kept as their name.
    bytes: Vec<Box<[u8]>>,
    /// Names and ids of control tokens, the longest first.
    control: Vec<(String, u32)>,
    /// Bytes that begin a control token.
    first_bytes: [bool; 256],
    is_control: Vec<bool>,
    begin: Option<u32>,
    end: u32,
    ends: Vec<u32>,
    longest: usize,
}

impl Tokenizer {
    pub(crate) fn load(file: &Gguf) -> Result<Self, LoadError> {
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
        let tokens = file.texts("tokenizer.ggml.tokens")?;
        let kinds = file.numbers("tokenizer.ggml.token_type")?;
        if kinds.len() != tokens.len() {
            let reason = format!("{} tokens but {} token types", tokens.len(), kinds.len());
            return Err(LoadError::Tokenizer { reason });
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
        let mut control: Vec<(String, u32)> = (0u32..)
            .zip(&tokens)
            .zip(&is_control)
            .filter(|((_, token), control)| **control && !token.is_empty())
            .map(|((id, token), _)| ((*token).to_owned(), id))
            .collect();
        control.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));

        let mut first_bytes = [false; 256];
        for (name, _) in &control {
            first_bytes[usize::from(name.as_bytes()[0])] = true;
        }

        let in_range = |id: &u32| (*id as usize) < tokens.len();
        let end = file
            .token_id("tokenizer.ggml.eos_token_id")
            .filter(in_range);
        let end = end.ok_or_else(|| LoadError::Tokenizer {
            reason: "no end token in the vocabulary".into(),
        })?;
        let add_begin = matches!(
            file.get("tokenizer.ggml.add_bos_token"),
            Some(crate::gguf::Value::Bool(true))
        );
        let begin = file
            .token_id("tokenizer.ggml.bos_token_id")
            .filter(|id| add_begin && in_range(id));
        let mut ends: Vec<u32> = control
            .iter()
            .filter(|(name, _)| ENDS.contains(&name.as_str()))
            .map(|(_, id)| *id)
            .collect();
        if !ends.contains(&end) {
            ends.push(end);
        }

        Ok(Self {
            bpe: byte_level_bpe(&tokens, &file.texts("tokenizer.ggml.merges")?)?,
            longest: bytes.iter().map(|b| b.len()).max().unwrap_or(1).max(1),
            bytes,
            control,
            first_bytes,
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

    pub(crate) fn has_control(&self, text: &str) -> bool {
        self.next_control(text, 0).is_some()
    }

    /// Ids of a text. Within the `literal` ranges (ascending, apart) nothing is taken for a control token.
    pub(crate) fn encode(&self, text: &str, literal: &[Range<usize>]) -> Result<Vec<u32>, String> {
        let mut ids = Vec::new();
        let (mut start, mut from) = (0, 0);
        while let Some((at, name, id)) = self.next_control(text, from) {
            if let Some(range) = literal
                .iter()
                .find(|range| range.start < at + name.len() && at < range.end)
            {
                // Look on after the literal text; what was passed over stays in the running piece of plain text.
                from = range.end.max(at + 1);
                continue;
            }
            self.encode_plain(&text[start..at], &mut ids)?;
            ids.push(id);
            start = at + name.len();
            from = start;
        }
        self.encode_plain(&text[start..], &mut ids)?;
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

    /// The first control token from a byte on; of several at one place, the longest.
    fn next_control(&self, text: &str, from: usize) -> Option<(usize, &str, u32)> {
        let bytes = text.as_bytes();
        (from..bytes.len())
            .filter(|at| self.first_bytes[usize::from(bytes[*at])])
            .find_map(|at| {
                let (name, id) = self
                    .control
                    .iter()
                    .find(|(name, _)| bytes[at..].starts_with(name.as_bytes()))?;
                Some((at, name.as_str(), *id))
            })
    }
}

fn byte_level_bpe(tokens: &[&str], merges: &[&str]) -> Result<tokenizers::Tokenizer, LoadError> {
    let broken = |reason: String| LoadError::Tokenizer { reason };
    let vocabulary: Vocab = (0u32..)
        .zip(tokens)
        .map(|(id, token)| ((*token).to_owned(), id))
        .collect();
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
