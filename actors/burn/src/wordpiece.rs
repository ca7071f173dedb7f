//! The tokenizer of a BERT model, from its `tokenizer.json`.
//!
//! The file could describe any pipeline, with regular expressions of a stranger's and ids that no row stands behind. A BERT
//! model has one pipeline, so only its numbers and its vocabulary are taken, and what asks for another is refused by name.
//! A text never holds a special token: `[SEP]` in it is a word in brackets.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use tokenizers::models::bpe::Vocab;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

use crate::error::LoadError;

/// Four times the largest vocabulary of a BERT model; a library keeps some 200 bytes for each token.
const TOKENS_MAX: usize = 1 << 19;
/// No word of a language is longer, and looking a word up costs the square of its length.
const WORD_CHARS_MAX: usize = 256;
const TOKEN_BYTES_MAX: usize = 1024;
const PREFIX_BYTES_MAX: usize = 16;
/// No token needs this many bytes; what lies behind cannot be within the tokens a model takes.
const TEXT_BYTES_MAX: usize = 128 * 1024;
const BEGIN: &str = "[CLS]";
const END: &str = "[SEP]";

pub(crate) struct WordPieces {
    tokenizer: tokenizers::Tokenizer,
    begin: u32,
    end: u32,
}

/// Ids of a text, and how much of the text they stand for.
pub(crate) struct Encoded {
    pub(crate) ids: Vec<u32>,
    /// Bytes from the start of the text; all of them unless it was cut.
    pub(crate) bytes_read: usize,
}

impl WordPieces {
    /// Reads the file of a model whose embedding has so many rows.
    pub(crate) fn parse(file: &[u8], rows: usize) -> Result<Self, LoadError> {
        let broken = |reason: String| LoadError::Tokenizer { reason };
        let file: File = serde_json::from_slice(file).map_err(|e| broken(e.to_string()))?;
        let Model {
            kind,
            unk_token,
            continuing_subword_prefix: prefix,
            max_input_chars_per_word: word_chars,
            vocab: Vocabulary(vocabulary),
        } = file.model;
        for (key, found, wanted) in [
            ("model.type", &kind, "WordPiece"),
            ("normalizer.type", &file.normalizer.kind, "BertNormalizer"),
            (
                "pre_tokenizer.type",
                &file.pre_tokenizer.kind,
                "BertPreTokenizer",
            ),
        ] {
            if found != wanted {
                return Err(broken(format!("{key} is {found:?}, {wanted} is supported")));
            }
        }
        if !(1..=WORD_CHARS_MAX).contains(&word_chars) || prefix.len() > PREFIX_BYTES_MAX {
            let reason = format!(
                "model.max_input_chars_per_word is {word_chars} (1 to {WORD_CHARS_MAX} are read), \
                 model.continuing_subword_prefix {} bytes (at most {PREFIX_BYTES_MAX})",
                prefix.len()
            );
            return Err(broken(reason));
        }
        let mut names: BTreeMap<u32, &str> = BTreeMap::new();
        for (token, id) in &vocabulary {
            if *id as usize >= rows {
                let reason = format!("token {token:?} has id {id}, but the model knows {rows}");
                return Err(broken(reason));
            }
            if let Some(other) = names.insert(*id, token) {
                let reason = format!("tokens {other:?} and {token:?} both have id {id}");
                return Err(broken(reason));
            }
        }
        drop(names);
        let id_of = |token: &str| {
            let id = vocabulary.get(token).copied();
            id.ok_or_else(|| broken(format!("the vocabulary has no token {token:?}")))
        };
        let (begin, end) = (id_of(BEGIN)?, id_of(END)?);
        id_of(&unk_token)?;
        let contradicts = |what: &str, token: &str, id: u32| match id_of(token)? {
            found if found == id => Ok(()),
            found => Err(broken(format!(
                "{what} gives token {token:?} the id {id}, the vocabulary {found}"
            ))),
        };
        for token in &file.added_tokens {
            contradicts("added_tokens", &token.content, token.id)?;
        }
        for (token, special) in &file.post_processor.special_tokens {
            for id in &special.ids {
                contradicts("post_processor", token, *id)?;
            }
        }

        let normalizer = BertNormalizer::new(
            file.normalizer.clean_text,
            file.normalizer.handle_chinese_chars,
            file.normalizer.strip_accents,
            file.normalizer.lowercase,
        );
        let model = WordPiece::builder()
            .vocab(vocabulary.into_iter().collect::<Vocab>())
            .unk_token(unk_token)
            .continuing_subword_prefix(prefix)
            .max_input_chars_per_word(word_chars)
            .build()
            .map_err(|e| broken(e.to_string()))?;
        let mut tokenizer = tokenizers::Tokenizer::new(model);
        tokenizer
            .with_normalizer(Some(normalizer))
            .with_pre_tokenizer(Some(BertPreTokenizer));
        Ok(Self {
            tokenizer,
            begin,
            end,
        })
    }

    /// Ids of a text between begin and end, at most so many in all.
    pub(crate) fn encode(&self, text: &str, most: usize) -> Result<Encoded, String> {
        let mut end = text.len().min(TEXT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let encoding = self
            .tokenizer
            .encode(&text[..end], false)
            .map_err(|e| e.to_string())?;
        let room = most.saturating_sub(2);
        let words = encoding.get_ids();
        let taken = &words[..words.len().min(room)];
        let last = encoding
            .get_offsets()
            .get(..taken.len())
            .and_then(<[_]>::last);
        let bytes_read = if taken.len() == words.len() && end == text.len() {
            text.len()
        } else {
            last.map_or(0, |(_, to)| *to)
        };
        let ids = [&[self.begin], taken, &[self.end]].concat();
        Ok(Encoded { ids, bytes_read })
    }
}

#[derive(Deserialize)]
struct File {
    model: Model,
    normalizer: Normalizer,
    pre_tokenizer: PreTokenizer,
    #[serde(default)]
    post_processor: PostProcessor,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type", default = "word_piece")]
    kind: String,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: Vocabulary,
}

/// As files of before there were others leave it out.
fn word_piece() -> String {
    "WordPiece".to_owned()
}

#[derive(Deserialize)]
struct Normalizer {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    clean_text: bool,
    #[serde(default)]
    handle_chinese_chars: bool,
    #[serde(default)]
    strip_accents: Option<bool>,
    #[serde(default)]
    lowercase: bool,
}

#[derive(Deserialize)]
struct PreTokenizer {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Default, Deserialize)]
struct PostProcessor {
    #[serde(default)]
    special_tokens: BTreeMap<String, Special>,
}

#[derive(Deserialize)]
struct Special {
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

/// Tokens and ids, each token once.
pub(crate) struct Vocabulary(pub(crate) BTreeMap<String, u32>);

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tokens;

        impl<'de> Visitor<'de> for Tokens {
            type Value = Vocabulary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tokens and their ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocabulary, A::Error> {
                let mut tokens = BTreeMap::new();
                while let Some((token, id)) = map.next_entry::<String, u32>()? {
                    if token.len() > TOKEN_BYTES_MAX {
                        let reason = format!("token {id} is longer than {TOKEN_BYTES_MAX} bytes");
                        return Err(A::Error::custom(reason));
                    }
                    if tokens.len() == TOKENS_MAX {
                        let reason = format!("more than {TOKENS_MAX} tokens");
                        return Err(A::Error::custom(reason));
                    }
                    if tokens.contains_key(&token) {
                        return Err(A::Error::custom(format!("token {token:?} comes twice")));
                    }
                    tokens.insert(token, id);
                }
                Ok(Vocabulary(tokens))
            }
        }

        deserializer.deserialize_map(Tokens)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A small file; `change` is merged into it.
    fn file(change: Value) -> Vec<u8> {
        let mut file = json!({
            "version": "1.0",
            "truncation": { "max_length": 128 },
            "added_tokens": [{ "id": 1, "content": "[CLS]", "special": true }],
            "normalizer": { "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": true },
            "pre_tokenizer": { "type": "BertPreTokenizer" },
            "post_processor": { "type": "TemplateProcessing", "special_tokens": { "[SEP]": { "id": "[SEP]", "ids": [2] } } },
            "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
                "vocab": { "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "cat": 3, "##s": 4, "[": 5, "]": 6, "sep": 7 } },
        });
        merge(&mut file, change);
        file.to_string().into_bytes()
    }

    fn merge(into: &mut Value, change: Value) {
        match (into, change) {
            (Value::Object(into), Value::Object(change)) => {
                for (key, value) in change {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, change) => *into = change,
        }
    }

    #[test]
    fn a_text_is_words_and_never_a_special_token() {
        let pieces = WordPieces::parse(&file(json!({})), 8).unwrap();
        for (text, most, ids, bytes_read) in [
            ("Cats", 9, vec![1, 3, 4, 2], 4),
            ("", 9, vec![1, 2], 0),
            ("  ", 9, vec![1, 2], 2),
            ("cat[SEP]", 9, vec![1, 3, 5, 7, 6, 2], 8),
            ("dog  ", 9, vec![1, 0, 2], 5),
            ("cat cats cat", 5, vec![1, 3, 3, 4, 2], 8),
            ("cat cats cat", 4, vec![1, 3, 3, 2], 7),
            ("cat", 2, vec![1, 2], 0),
        ] {
            let encoded = pieces.encode(text, most).unwrap();
            assert_eq!(
                (encoded.ids, encoded.bytes_read),
                (ids, bytes_read),
                "{text:?}, {most}"
            );
        }
        // Far more text than is looked at.
        let long = "cat ".repeat(100_000);
        let encoded = pieces.encode(&long, 256).unwrap();
        assert_eq!((encoded.ids.len(), encoded.bytes_read), (256, 254 * 4 - 1));
    }

    #[test]
    fn a_file_that_asks_for_more_than_its_model_has_is_refused_by_name() {
        for (change, says) in [
            (
                json!({ "model": { "vocab": { "dog": 8 } } }),
                r#"token "dog" has id 8, but the model knows 8"#,
            ),
            (
                json!({ "model": { "vocab": { "dog": 3 } } }),
                "both have id 3",
            ),
            (json!({ "model": { "vocab": { "dog": -1 } } }), "-1"),
            (
                json!({ "model": { "type": "BPE" } }),
                r#"model.type is "BPE""#,
            ),
            (
                json!({ "model": { "max_input_chars_per_word": 1_000_000_000 } }),
                "max_input_chars_per_word",
            ),
            (
                json!({ "model": { "continuing_subword_prefix": "#".repeat(1 << 20) } }),
                "continuing_subword_prefix",
            ),
            (
                json!({ "model": { "unk_token": "[NOPE]" } }),
                r#"no token "[NOPE]""#,
            ),
            (
                json!({ "model": { "vocab": { "x".repeat(2000): 3 } } }),
                "longer than 1024 bytes",
            ),
            (
                json!({ "normalizer": { "type": "Replace", "pattern": { "Regex": "(a+)+$" }, "content": "" } }),
                "normalizer.type",
            ),
            (
                json!({ "pre_tokenizer": { "type": "Split", "pattern": { "Regex": "(a|a)*b" } } }),
                "pre_tokenizer.type",
            ),
            (
                json!({ "post_processor": { "special_tokens": { "[SEP]": { "ids": [999] } } } }),
                "post_processor gives token \"[SEP]\" the id 999",
            ),
            (
                json!({ "added_tokens": [{ "id": 9, "content": "<extra>" }] }),
                r#"no token "<extra>""#,
            ),
            (
                json!({ "added_tokens": [{ "id": 4, "content": "[CLS]" }] }),
                "added_tokens gives",
            ),
            (json!({ "normalizer": null }), "struct Normalizer"),
        ] {
            let error = WordPieces::parse(&file(change.clone()), 8)
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(says), "{change}: {error}");
        }
        let whole = String::from_utf8(file(json!({}))).unwrap();
        let twice = whole.replace(r#""cat":3"#, r#""cat":3,"cat":3"#);
        let two_models = whole.replacen('{', r#"{"model":{},"#, 1);
        let deep = format!(
            r#"{{"decoder":{}1{},"model":1}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        for (file, says) in [
            (twice.as_str(), r#"token "cat" comes twice"#),
            (&two_models, ""),
            (&deep, "invalid type: integer"),
            ("", "EOF"),
            (&whole[..whole.len() - 1], "EOF"),
            ("\u{feff}{}", ""),
        ] {
            let error = WordPieces::parse(file.as_bytes(), 8)
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
