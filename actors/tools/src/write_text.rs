//! `write_text`: prose about facts, written by whoever implements [`Writer`].

use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

use crate::{CancelFlag, Capability, Fact, Tool, ToolCall, ToolError, ToolOutput, ToolSpec, args};

const NAME: &str = "write_text";

/// Longest instruction in bytes, most facts, most words: what a small model's context holds, with room to answer.
const INSTRUCTION: usize = 16 << 10;
const FACTS: usize = 500;
const WORDS: u32 = 2_000;

/// Writes text with a model. Implemented by the executor; blocks until the text is there.
pub trait Writer: Send + Sync {
    /// Writes what `request` asks for.
    fn write(&self, request: &WriteRequest<'_>) -> Result<String, WriteError>;
}

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub struct WriteRequest<'a> {
    /// What to say.
    pub instruction: &'a str,
    /// The only figures the text may state.
    pub facts: &'a [Fact],
    /// The longest the text may be, in words.
    pub max_words: u32,
    /// The step's operation id: the same key may answer with the same text.
    pub idempotency_key: &'a str,
    /// Raised when nobody waits for the text any more.
    pub cancel: &'a CancelFlag,
    /// When the text is worthless.
    pub deadline: Instant,
}

/// Why no text was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// No model answers now; later one may.
    #[error("no model answers: {0}")]
    Unavailable(String),
    /// The model answered, but not with text that can be used.
    #[error("the model's text is unusable: {0}")]
    Unusable(String),
    /// The goal cannot pay for it.
    #[error("{0}")]
    OverBudget(String),
    /// No goal is under way that could pay for it.
    #[error("{0}")]
    NoBudget(String),
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The deadline passed.
    #[error("the deadline passed")]
    DeadlinePassed,
}

impl WriteError {
    /// Whether asking again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::DeadlinePassed)
    }
}

/// Has a text written about facts.
pub(crate) struct WriteText {
    pub(crate) writer: Arc<dyn Writer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    instruction: String,
    #[serde(default)]
    facts: Vec<Fact>,
    #[serde(default = "few_words")]
    max_words: u32,
}

fn few_words() -> u32 {
    120
}

impl Args {
    fn check(&self) -> Result<(), ToolError> {
        let asked = self.instruction.len();
        if self.instruction.trim().is_empty() {
            Err(args::bad(NAME, "the instruction is empty"))
        } else if asked > INSTRUCTION {
            Err(args::bad(
                NAME,
                format!("the instruction has {asked} bytes, at most {INSTRUCTION} are read"),
            ))
        } else if self.facts.len() > FACTS {
            Err(args::bad(
                NAME,
                format!(
                    "there are {} facts, at most {FACTS} are read",
                    self.facts.len()
                ),
            ))
        } else if !(1..=WORDS).contains(&self.max_words) {
            Err(args::bad(
                NAME,
                format!("max_words is {}, it must be 1 to {WORDS}", self.max_words),
            ))
        } else {
            Ok(())
        }
    }
}

impl Tool for WriteText {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME,
            description: "Has the model write a text that states nothing but the given facts.",
            capability: Capability::UseModel,
            args_schema: json!({
                "type": "object",
                "properties": {
                    "instruction": {"type": "string", "description": "what to say"},
                    "facts": {"type": "array", "items": {"type": "object"}, "description": "facts as other tools gave them"},
                    "max_words": {"type": "integer", "minimum": 1, "maximum": WORDS, "description": "120 if left out"}
                },
                "required": ["instruction"],
                "additionalProperties": false
            }),
        }
    }

    fn run(&self, call: &ToolCall<'_>) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(NAME, call)?;
        args.check()?;
        let request = WriteRequest {
            instruction: &args.instruction,
            facts: &args.facts,
            max_words: args.max_words,
            idempotency_key: call.idempotency_key,
            cancel: call.cancel,
            deadline: call.deadline,
        };
        let text = self.writer.write(&request).map_err(|error| match error {
            WriteError::Cancelled => ToolError::Cancelled,
            WriteError::DeadlinePassed => ToolError::DeadlinePassed,
            error => ToolError::Write(error),
        })?;
        let text = text.trim();
        if text.is_empty() {
            return Err(WriteError::Unusable("it is empty".to_owned()).into());
        }
        let words = text.split_whitespace().count();
        let log = format!("{NAME}: {words} words from {} facts", args.facts.len());
        Ok(ToolOutput {
            value: json!({"text": text, "words": words}),
            facts: Vec::new(),
            artifacts: Vec::new(),
            log,
        })
    }
}
