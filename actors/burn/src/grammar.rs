//! Keeps an answer inside a JSON schema: which tokens may come next.

use std::sync::Arc;

use aios_inference::{EngineError, Grammar};
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use toktrie::{ApproximateTokEnv, SimpleVob, TokEnv, TokRxInfo, TokTrie};

use crate::tokenizer::Tokenizer;

/// The vocabulary prepared for grammars; made once for a model.
pub(crate) struct Grammars {
    factory: ParserFactory,
}

impl Grammars {
    pub(crate) fn new(tokenizer: &Tokenizer) -> Result<Self, EngineError> {
        let words: Vec<Vec<u8>> = (0u32..)
            .take(tokenizer.len())
            .map(|id| {
                let bytes = tokenizer.bytes(id);
                // The marker keeps the name of a control token from passing as text.
                if tokenizer.is_control(id) {
                    [&[TokTrie::SPECIAL_TOKEN_MARKER], bytes].concat()
                } else {
                    bytes.to_vec()
                }
            })
            .collect();
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, tokenizer.end()), &words);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&environment).map_err(bad)?;
        factory.quiet();
        Ok(Self { factory })
    }

    pub(crate) fn guide(&self, grammar: &Grammar) -> Result<Guide, EngineError> {
        let Grammar::JsonSchema(schema) = grammar;
        let mut schema: Value = serde_json::from_str(schema).map_err(bad)?;
        let Some(fields) = schema.as_object_mut() else {
            return Err(bad("a schema must be a JSON object"));
        };
        // One way to write spaces: a small model otherwise fills its answer with line feeds.
        fields.entry("x-guidance").or_insert_with(
            || json!({ "whitespace_flexible": false, "item_separator": ", ", "key_separator": ": " }),
        );
        let parser = self
            .factory
            .create_parser(TopLevelGrammar::from_json_schema(schema))
            .map_err(bad)?;
        Ok(Guide {
            matcher: Matcher::new(Ok(parser)),
        })
    }
}

/// One answer on its way through a grammar.
pub(crate) struct Guide {
    matcher: Matcher,
}

impl Guide {
    /// Tokens that may come next; the end token once the answer is whole.
    pub(crate) fn allowed(&mut self) -> Result<SimpleVob, EngineError> {
        self.matcher.compute_mask_or_eos().map_err(bad)
    }

    pub(crate) fn accept(&mut self, token: u32) -> Result<(), EngineError> {
        self.matcher.consume_token(token).map_err(bad)
    }

    /// Nothing but the end can follow.
    pub(crate) fn is_finished(&self) -> bool {
        self.matcher.is_stopped()
    }
}

fn bad(reason: impl std::fmt::Display) -> EngineError {
    EngineError::BadGrammar {
        reason: reason.to_string(),
    }
}
