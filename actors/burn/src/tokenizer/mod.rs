//! Text to token ids and back, from the vocabulary of a model file.
//!
//! Control tokens such as `<|im_end|>` are found here rather than by what cuts and merges text, because only some text may
//! contain them: a raw prompt and the template's own words may, what a user typed may not. Tokens that a vocabulary names as
//! text of its own are found here too, in all text. The rest is merged: by bytes ([`bytelevel`]) or by pieces ([`pieces`]).

mod bytelevel;
mod pieces;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use self::bytelevel::Does;
use self::pieces::Pieces;
use crate::control::Controls;
use crate::error::LoadError;
use crate::gguf::{Gguf, Value};

/// The file's numbers for kinds of tokens.
pub(crate) const TEXT: i64 = 1;
pub(crate) const UNKNOWN: i64 = 2;
pub(crate) const CONTROL: i64 = 3;
pub(crate) const NAMED: i64 = 4;
pub(crate) const UNUSED: i64 = 5;
pub(crate) const BYTE: i64 = 6;
/// Control tokens that end an answer, besides the file's own end token. Some files call them text; they are none.
const ENDS: [&str; 10] = [
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
    "<eos>",
    "<EOT>",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
];
/// Twice the largest vocabulary of a known model, and all its merges: a library keeps some 200 bytes for each.
pub(crate) const TOKENS_MAX: usize = 1 << 19;
pub(crate) const MERGES_MAX: usize = 1 << 19;

/// The name by which a GGUF file says that this is done to a text, if it is something that can be done here.
pub(crate) fn cut_that_does(does: &Does<'_>) -> Option<&'static str> {
    bytelevel::Cut::that_does(does)
}

pub(crate) struct Tokenizer {
    merging: Merging,
    /// Bytes of each token; control tokens are kept as their name.
    bytes: Vec<Box<[u8]>>,
    controls: Controls,
    /// Tokens that are found as they are written.
    named: Controls,
    kinds: Kinds,
    begin: Option<u32>,
    /// The name of the token that begins a prompt, whether or not each prompt does.
    begin_name: Option<Box<str>>,
    end: u32,
    ends: Vec<u32>,
    longest: usize,
}

// One of these lives as long as its model.
#[allow(clippy::large_enum_variant)]
enum Merging {
    Bytes(Box<tokenizers::Tokenizer>),
    Pieces(Pieces),
}

/// What kind of token each is.
struct Kinds(Vec<i64>);

impl Kinds {
    /// It stands for no text: a control token, what stands for the unknown, what is not used.
    fn is_control(&self, id: u32) -> bool {
        let kind = self.0.get(id as usize);
        kind.is_some_and(|kind| matches!(*kind, UNKNOWN | CONTROL | UNUSED))
    }

    fn is(&self, id: u32, kind: i64) -> bool {
        self.0.get(id as usize) == Some(&kind)
    }
}

impl Tokenizer {
    /// The tokenizer of a file whose embedding has so many rows.
    pub(crate) fn load(file: &Gguf, vocabulary: usize) -> Result<Self, LoadError> {
        let tokens = file.texts("tokenizer.ggml.tokens", TOKENS_MAX)?;
        let mut kinds = file.numbers("tokenizer.ggml.token_type", TOKENS_MAX)?;
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
        for (token, kind) in tokens.iter().zip(&mut kinds) {
            if ENDS.contains(token) {
                *kind = CONTROL;
            }
        }
        let kinds = Kinds(kinds);
        let of_kind = |kind: i64| {
            let all = (0u32..).zip(tokens.iter().copied());
            let kinds = &kinds;
            all.filter(move |(id, _)| kinds.is(*id, kind))
        };

        let (merging, bytes, begins) = match file.text("tokenizer.ggml.model")? {
            "gpt2" => {
                let cut = bytelevel::Cut::named(file.text("tokenizer.ggml.pre")?)?;
                let merges = file.texts("tokenizer.ggml.merges", MERGES_MAX)?;
                let merging = bytelevel::merging(cut, &tokens, &kinds, &merges)?;
                let bytes = |(id, token): (u32, &&str)| match kinds.is_control(id) {
                    true => token.as_bytes().into(),
                    false => bytelevel::bytes_of(token),
                };
                let bytes: Vec<Box<[u8]>> = (0u32..).zip(&tokens).map(bytes).collect();
                (Merging::Bytes(Box::new(merging)), bytes, cut.begins)
            }
            "llama" => {
                let bytes = pieces::bytes(&tokens, &kinds)?;
                (
                    Merging::Pieces(Pieces::load(file, &bytes, &kinds)?),
                    bytes,
                    true,
                )
            }
            other => {
                return Err(LoadError::Unsupported {
                    what: "the tokenizer",
                    found: other.to_owned(),
                    wanted: "gpt2 (byte-level BPE) and llama (SentencePiece) are supported; run this model in a server and name that in [engines]",
                });
            }
        };
        let controls = Controls::new(of_kind(CONTROL))?;
        let named: Vec<(u32, String)> = of_kind(NAMED)
            .map(|(id, token)| match merging {
                Merging::Bytes(_) => (id, token.to_owned()),
                Merging::Pieces(_) => (id, pieces::spaced(token)),
            })
            .collect();
        let named = Controls::new(named.iter().map(|(id, token)| (*id, token.as_str())))?;

        let id_of = |key: &str| match file.get(key) {
            Some(Value::Unsigned(id)) if id < tokens.len() as u64 => Ok(id as u32),
            _ => Err(LoadError::BadMetadata {
                key: key.to_owned(),
                wanted: "the id of a token in the vocabulary",
            }),
        };
        let end = id_of("tokenizer.ggml.eos_token_id")?;
        let begin_key = "tokenizer.ggml.bos_token_id";
        let begin_id = match file.get(begin_key) {
            Some(_) => Some(id_of(begin_key)?),
            None => None,
        };
        let begin = match file.find_flag("tokenizer.ggml.add_bos_token")? {
            Some(true) => Some(id_of(begin_key)?),
            Some(false) => None,
            None => begin_id.filter(|_| begins),
        };
        let mut ends: Vec<u32> = controls
            .iter()
            .filter(|(name, _)| ENDS.contains(name))
            .map(|(_, id)| id)
            .collect();
        for key in ["tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"] {
            if file.get(key).is_some() {
                ends.push(id_of(key)?);
            }
        }
        ends.push(end);
        ends.sort_unstable();
        ends.dedup();

        Ok(Self {
            longest: bytes.iter().map(|b| b.len()).max().unwrap_or(1).max(1),
            begin_name: begin_id.map(|id| tokens[id as usize].into()),
            merging,
            bytes,
            controls,
            named,
            kinds,
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

    /// The names of the tokens that begin a prompt and end an answer, for the template; empty where they are no control
    /// tokens, since a text must not be taken for one.
    pub(crate) fn edges(&self) -> [&str; 2] {
        let begin = self.begin_name.as_deref().unwrap_or_default();
        let end = std::str::from_utf8(self.bytes(self.end)).unwrap_or_default();
        [begin, end].map(|name| match self.controls.at_start(name.as_bytes()) {
            Some((len, _)) if len == name.len() => name,
            _ => "",
        })
    }

    pub(crate) fn ends_answer(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }

    pub(crate) fn is_control(&self, id: u32) -> bool {
        self.kinds.is_control(id)
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
            self.encode_text(&text[plain_from..at], &mut ids)?;
            ids.push(id);
            plain_from = at + len;
        }
        self.encode_text(&text[plain_from..], &mut ids)?;
        if let Some(begin) = self.begin
            && ids.first() != Some(&begin)
        {
            ids.insert(0, begin);
        }
        Ok(ids)
    }

    /// A text without control tokens, between two of them.
    fn encode_text(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        let mut plain_from = 0;
        for (at, len, id) in self.named.find(text) {
            self.encode_plain(&text[plain_from..at], ids)?;
            ids.push(id);
            plain_from = at + len;
        }
        self.encode_plain(&text[plain_from..], ids)
    }

    fn encode_plain(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        match &self.merging {
            Merging::Bytes(bpe) => {
                let encoding = bpe.encode_fast(text, false).map_err(|e| e.to_string())?;
                ids.extend_from_slice(encoding.get_ids());
            }
            Merging::Pieces(pieces) => pieces.encode(text, &self.bytes, ids),
        }
        Ok(())
    }
}
