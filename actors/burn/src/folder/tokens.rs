//! The vocabulary of `tokenizer.json`, its control tokens and the chat template, in the words of a GGUF file.
//!
//! Such a file may describe any pipeline. Two kinds are taken: bytes that are merged within words cut by a rule that is known, and
//! pieces that are merged from characters. What asks for another is refused by name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::config::Config;
use super::{TEMPLATE, TOKENIZER, TOKENIZER_CONFIG, part, read_json};
use crate::error::LoadError;
use crate::gguf::Assembly;
use crate::tokenizer::{
    BYTE, CONTROL, Does, MERGES_MAX, NAMED, TEXT, TOKENS_MAX, UNKNOWN, UNUSED, cut_that_does,
};
use crate::wordpiece::Vocabulary;

/// How pieces are written where a space is.
const SPACE: &str = "\u{2581}";

pub(super) struct Tokens {
    file: File,
    said: Said,
}

#[derive(Deserialize)]
struct File {
    model: Model,
    normalizer: Option<Step>,
    pre_tokenizer: Option<Step>,
    post_processor: Option<Value>,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: Vocabulary,
    merges: Vec<Merge>,
    unk_token: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    dropout: Option<f64>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
}

/// As it was written first, and as it is written now.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Line(String),
    Pair(String, String),
}

impl Merge {
    fn pair(&self) -> Option<(&str, &str)> {
        match self {
            Self::Line(line) => line.split_once(' '),
            Self::Pair(one, other) => Some((one.as_str(), other.as_str())),
        }
    }
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

/// A step of what is done to a text before it is merged.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Step {
    Sequence {
        #[serde(alias = "normalizers", alias = "pretokenizers")]
        steps: Vec<Step>,
    },
    #[serde(rename = "NFC")]
    Nfc,
    Replace {
        pattern: Pattern,
        content: String,
    },
    Prepend {
        prepend: String,
    },
    Digits {
        individual_digits: bool,
    },
    Split {
        pattern: Pattern,
        behavior: String,
        #[serde(default)]
        invert: bool,
    },
    ByteLevel {
        #[serde(default)]
        add_prefix_space: bool,
        #[serde(default = "yes")]
        use_regex: bool,
    },
    #[serde(other)]
    Other,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
enum Pattern {
    String(String),
    Regex(String),
}

/// What `tokenizer_config.json` says that is asked for here.
#[derive(Default, Deserialize)]
struct Said {
    add_bos_token: Option<bool>,
    bos_token: Option<Value>,
    eos_token: Option<Value>,
    chat_template: Option<Value>,
}

impl Step {
    fn flat(&self) -> Vec<&Step> {
        match self {
            Self::Sequence { steps } => steps.iter().flat_map(Self::flat).collect(),
            step => vec![step],
        }
    }
}

fn flat(step: Option<&Step>) -> Vec<&Step> {
    step.map(Step::flat).unwrap_or_default()
}

impl Tokens {
    pub(super) fn read(tokenizer: &[u8], config: Option<&[u8]>) -> Result<Self, LoadError> {
        let file: File = read_json(TOKENIZER, tokenizer)?;
        let model = &file.model;
        let refuse = |what: String| Err(part(TOKENIZER, what));
        if model.kind.as_deref().is_some_and(|kind| kind != "BPE") {
            let found = &model.kind;
            return refuse(format!("model.type is {found:?}; BPE is read"));
        }
        let is_empty = |affix: &Option<String>| affix.as_deref().is_none_or(str::is_empty);
        if !is_empty(&model.continuing_subword_prefix) || !is_empty(&model.end_of_word_suffix) {
            return refuse("marks within words and at their ends are not read".to_owned());
        }
        if model.dropout.is_some_and(|share| share > 0.0) {
            return refuse("merges that are left out by chance are not computed".to_owned());
        }
        if model.merges.len() > MERGES_MAX {
            let found = model.merges.len();
            return refuse(format!("{found} merges, at most {MERGES_MAX} are read"));
        }
        let said = config.map(|bytes| read_json(TOKENIZER_CONFIG, bytes));
        Ok(Self {
            said: said.transpose()?.unwrap_or_default(),
            file,
        })
    }

    /// Says the vocabulary of a model whose embedding has so many rows.
    pub(super) fn say(
        &self,
        rows: usize,
        config: &Config,
        template: Option<&[u8]>,
        made: &mut Assembly,
    ) -> Result<(), LoadError> {
        let (names, kinds) = self.listed(rows)?;
        match self.file.model.byte_fallback {
            true => self.say_pieces(&names, made)?,
            false => self.say_bytes(made)?,
        }
        made.texts("tokenizer.ggml.tokens", names.iter().map(String::as_str));
        made.numbers("tokenizer.ggml.token_type", kinds.iter().copied());
        self.say_edges(&names, config, made)?;
        self.say_template(template, made)
    }

    /// The names and kinds of all tokens. Rows that nothing stands for are tokens that are not used.
    fn listed(&self, rows: usize) -> Result<(Vec<String>, Vec<i64>), LoadError> {
        let refuse = |what: String| part(TOKENIZER, what);
        if rows > TOKENS_MAX {
            return Err(refuse(format!(
                "the embedding has {rows} rows, at most {TOKENS_MAX} are read"
            )));
        }
        let model = &self.file.model;
        let mut names: Vec<Option<(&str, i64)>> = vec![None; rows];
        let mut put = |id: u32, name, kind: i64| {
            let place = names.get_mut(id as usize);
            let place = place.ok_or_else(|| {
                refuse(format!(
                    "token {name:?} has id {id}, but the model knows {rows}"
                ))
            })?;
            match place {
                Some((there, _)) if *there != name => Err(refuse(format!(
                    "tokens {there:?} and {name:?} both have id {id}"
                ))),
                place => {
                    *place = Some((name, kind));
                    Ok(())
                }
            }
        };
        let unknown = model.unk_token.as_deref();
        for (name, id) in &model.vocab.0 {
            let kind = match name.as_str() {
                name if Some(name) == unknown => UNKNOWN,
                name if model.byte_fallback && byte_of(name).is_some() => BYTE,
                _ => TEXT,
            };
            put(*id, name.as_str(), kind)?;
        }
        for added in &self.file.added_tokens {
            let name = added.content.as_str();
            if added.single_word || added.lstrip || added.rstrip {
                return Err(refuse(format!(
                    "added token {name:?} takes spaces with it or stands alone; tokens that are found as they are written are read"
                )));
            }
            if model.vocab.0.get(name).is_some_and(|id| *id != added.id) {
                let id = added.id;
                return Err(refuse(format!(
                    "added_tokens gives {name:?} the id {id}, the vocabulary another"
                )));
            }
            let kind = match added.special {
                _ if Some(name) == unknown => UNKNOWN,
                true => CONTROL,
                false => NAMED,
            };
            put(added.id, name, kind)?;
        }
        let unused = |id: usize| (format!("<unused row {id}>"), UNUSED);
        Ok(names
            .into_iter()
            .enumerate()
            .map(|(id, token)| match token {
                Some((name, kind)) => (name.to_owned(), kind),
                None => unused(id),
            })
            .unzip())
    }

    fn merges(&self) -> impl Iterator<Item = Result<(&str, &str), LoadError>> {
        let each = (0..).zip(&self.file.model.merges);
        each.map(|(at, merge): (usize, &Merge)| {
            let pair = merge.pair();
            pair.ok_or_else(|| part(TOKENIZER, format!("merge {at} is not two tokens")))
        })
    }

    /// Bytes that are merged within words.
    fn say_bytes(&self, made: &mut Assembly) -> Result<(), LoadError> {
        let refuse = |what: &str| {
            let reason = format!(
                "{what}; run this model in a server and name that in [engines], or take its GGUF file"
            );
            Err(part(TOKENIZER, reason))
        };
        let mut does = Does {
            whole_words: self.file.model.ignore_merges,
            ..Does::default()
        };
        for step in flat(self.file.normalizer.as_ref()) {
            match step {
                Step::Nfc => does.composes = true,
                _ => return refuse("texts are rewritten in a way that is not known"),
            }
        }
        let mut is_bytes = false;
        for step in flat(self.file.pre_tokenizer.as_ref()) {
            let is_first = does.words.is_none() && !is_bytes;
            match step {
                Step::Digits {
                    individual_digits: true,
                } if is_first => does.digits = true,
                Step::Split {
                    pattern: Pattern::Regex(words),
                    behavior,
                    invert: false,
                } if is_first && behavior == "Isolated" => does.words = Some(words),
                Step::ByteLevel {
                    add_prefix_space: false,
                    use_regex,
                } if !is_bytes && *use_regex == does.words.is_none() => is_bytes = true,
                _ => return refuse("texts are cut in a way that is not known"),
            }
        }
        let Some(cut) = cut_that_does(&does).filter(|_| is_bytes) else {
            return refuse("texts are cut into words by a rule that is not known");
        };
        made.text("tokenizer.ggml.model", "gpt2");
        made.text("tokenizer.ggml.pre", cut);
        let merges: Vec<String> = self
            .merges()
            .map(|pair| pair.map(|(one, other)| format!("{one} {other}")))
            .collect::<Result<_, _>>()?;
        made.texts("tokenizer.ggml.merges", merges.iter().map(String::as_str));
        Ok(())
    }

    /// Pieces that are merged from characters, the best first. A piece is as good as the merges that make it are early, so those of one
    /// piece must follow each other.
    fn say_pieces(&self, names: &[String], made: &mut Assembly) -> Result<(), LoadError> {
        let refuse = |what: String| Err(part(TOKENIZER, what));
        let mut leads_with_space = false;
        for step in flat(self.file.normalizer.as_ref()) {
            match step {
                Step::Prepend { prepend } if prepend == SPACE => leads_with_space = true,
                Step::Replace {
                    pattern: Pattern::String(from),
                    content,
                } if from == " " && content == SPACE => {}
                _ => return refuse("texts are rewritten in a way that is not known".to_owned()),
            }
        }
        for step in flat(self.file.pre_tokenizer.as_ref()) {
            match step {
                // Spaces are gone by then, so nothing is cut.
                Step::Split {
                    pattern: Pattern::String(at),
                    ..
                } if at == " " => {}
                _ => return refuse("texts are cut in a way that is not known".to_owned()),
            }
        }
        let added: BTreeSet<&str> = (self.file.added_tokens.iter())
            .map(|added| added.content.as_str())
            .collect();
        let mut rank: BTreeMap<String, usize> = BTreeMap::new();
        let mut before = String::new();
        for (at, pair) in self.merges().enumerate() {
            let (one, other) = pair?;
            let piece = format!("{one}{other}");
            let is_known = rank.contains_key(&piece);
            if is_known && piece != before && !added.contains(piece.as_str()) {
                return refuse(format!(
                    "merges of {piece:?} are apart, so it is no vocabulary of pieces"
                ));
            }
            if !is_known {
                rank.insert(piece.clone(), at);
            }
            before = piece;
        }
        let scores: Vec<f32> = names
            .iter()
            .map(|name| rank.get(name).map_or(0.0, |rank| -(*rank as f32)))
            .collect();
        made.text("tokenizer.ggml.model", "llama");
        made.text("tokenizer.ggml.pre", "default");
        made.floats("tokenizer.ggml.scores", scores.iter().copied());
        made.flag("tokenizer.ggml.add_space_prefix", leads_with_space);
        Ok(())
    }

    /// What begins a prompt and what ends an answer.
    fn say_edges(
        &self,
        names: &[String],
        config: &Config,
        made: &mut Assembly,
    ) -> Result<(), LoadError> {
        let id_of = |name: &str| names.iter().position(|known| known == name);
        let named = |said: &Option<Value>| {
            let name = match said.as_ref()? {
                Value::Object(token) => token.get("content")?.as_str()?,
                token => token.as_str()?,
            };
            id_of(name).map(|id| id as u64)
        };
        let begin = named(&self.said.bos_token).or(config.begin());
        let mut ends: Vec<u64> = named(&self.said.eos_token).into_iter().collect();
        ends.extend(
            config
                .ends()
                .iter()
                .filter(|id| !ends.contains(id))
                .copied()
                .collect::<Vec<_>>(),
        );
        let keys = ["eos", "eot", "eom"].map(|end| format!("tokenizer.ggml.{end}_token_id"));
        if ends.is_empty() {
            let reason = format!(
                "nothing says which token ends an answer: neither its eos_token nor eos_token_id of {}",
                super::CONFIG
            );
            return Err(part(TOKENIZER_CONFIG, reason));
        }
        for (key, end) in keys.iter().zip(ends) {
            made.size(key, end);
        }
        if let Some(begin) = begin {
            made.size("tokenizer.ggml.bos_token_id", begin);
        }
        let begins = match self.said.add_bos_token {
            Some(begins) => begins,
            None => begin.is_some_and(|id| {
                let name = names.get(id as usize);
                name.is_some_and(|name| begins_with(self.file.post_processor.as_ref(), name))
            }),
        };
        made.flag("tokenizer.ggml.add_bos_token", begins && begin.is_some());
        Ok(())
    }

    fn say_template(&self, file: Option<&[u8]>, made: &mut Assembly) -> Result<(), LoadError> {
        let key = "tokenizer.chat_template";
        if let Some(bytes) = file {
            let text = std::str::from_utf8(bytes);
            made.text(key, text.map_err(|error| part(TEMPLATE, error))?);
            return Ok(());
        }
        let of_many = |list: &[Value]| {
            let default = list.iter().find(|one| one["name"] == "default")?;
            default["template"].as_str().map(str::to_owned)
        };
        let template = match &self.said.chat_template {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::String(template)) => Some(template.clone()),
            Some(Value::Array(list)) => of_many(list),
            Some(_) => None,
        };
        let reason = "chat_template is neither a template nor a list with one named \"default\"";
        let template = template.ok_or_else(|| part(TOKENIZER_CONFIG, reason))?;
        made.text(key, &template);
        Ok(())
    }
}

/// The byte that a token of pieces stands for.
fn byte_of(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// Whether what is done to a text when it is merged puts this token before it.
fn begins_with(done: Option<&Value>, name: &str) -> bool {
    let Some(done) = done else { return false };
    match done["type"].as_str() {
        Some("TemplateProcessing") => done["single"][0]["SpecialToken"]["id"] == name,
        Some("Sequence") => {
            let steps = done["processors"].as_array();
            let mut steps = steps.into_iter().flatten();
            steps.any(|step| step["type"] != "Sequence" && begins_with(Some(step), name))
        }
        _ => false,
    }
}
