//! `write_text`: prose about facts, written by whoever implements [`Writer`].

use std::sync::Arc;
use std::time::Instant;

use aios_work::{
    CancelFlag, Capability, Effect, Fact, Stopped, ToolCall, ToolError, ToolErrorKind, ToolOutput,
    ToolSpec,
};
use serde::Deserialize;
use serde_json::json;

use crate::{BlockingTool, Workspace, args};

/// What the tool is called that puts into words what others found.
pub const WRITING_TOOL: &str = "write_text";

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
    /// The trace that it is asked for in; see [`ToolCall::traceparent`].
    pub traceparent: Option<&'a str>,
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

impl From<WriteError> for ToolError {
    fn from(error: WriteError) -> Self {
        let kind = match &error {
            WriteError::Cancelled => return Stopped::Cancelled.into(),
            WriteError::DeadlinePassed => return Stopped::DeadlinePassed.into(),
            WriteError::Unavailable(_) | WriteError::Unusable(_) => ToolErrorKind::Provider,
            WriteError::OverBudget(_) | WriteError::NoBudget(_) => ToolErrorKind::Other,
        };
        // The model answered: the same question later is no better than the same question now.
        let passes = matches!(error, WriteError::Unavailable(_));
        Self::new(kind, format!("the text was not written: {error}")).retryable(passes)
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
            Err(ToolError::invalid_arguments(
                WRITING_TOOL,
                "the instruction is empty",
            ))
        } else if asked > INSTRUCTION {
            Err(ToolError::invalid_arguments(
                WRITING_TOOL,
                format!("the instruction has {asked} bytes, at most {INSTRUCTION} are read"),
            ))
        } else if self.facts.len() > FACTS {
            Err(ToolError::invalid_arguments(
                WRITING_TOOL,
                format!(
                    "there are {} facts, at most {FACTS} are read",
                    self.facts.len()
                ),
            ))
        } else if !(1..=WORDS).contains(&self.max_words) {
            Err(ToolError::invalid_arguments(
                WRITING_TOOL,
                format!("max_words is {}, it must be 1 to {WORDS}", self.max_words),
            ))
        } else {
            Ok(())
        }
    }
}

impl BlockingTool for WriteText {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: WRITING_TOOL.to_owned(),
            description: "Has the model write a text that states nothing but the given facts."
                .to_owned(),
            needs: [Capability::MODEL_USE].into(),
            effect: Effect::Pure,
            output: json!({
                "type": "object",
                "properties": {"text": {"type": "string"}, "words": {"type": "integer"}},
                "required": ["text", "words"]
            }),
            input: json!({
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

    fn run(&self, call: &ToolCall, _: &Workspace) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(WRITING_TOOL, call)?;
        args.check()?;
        let request = WriteRequest {
            instruction: &args.instruction,
            facts: &args.facts,
            max_words: args.max_words,
            idempotency_key: &call.idempotency_key,
            traceparent: call.traceparent.as_deref(),
            cancel: &call.cancel,
            deadline: call.deadline,
        };
        let text = self.writer.write(&request)?;
        let text = text.trim();
        if text.is_empty() {
            return Err(WriteError::Unusable("it is empty".to_owned()).into());
        }
        let words = text.split_whitespace().count();
        let log = format!(
            "{WRITING_TOOL}: {words} words from {} facts",
            args.facts.len()
        );
        Ok(ToolOutput {
            value: json!({"text": text, "words": words}),
            facts: Vec::new(),
            artifacts: Vec::new(),
            log,
        })
    }
}
