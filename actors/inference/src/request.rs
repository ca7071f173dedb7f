//! What is asked of an engine, and what comes back.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::CancelFlag;

/// Who speaks in a turn of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatRole {
    /// Standing instructions.
    System,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
}

impl ChatRole {
    /// The name chat templates use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One turn of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatTurn {
    /// Who speaks.
    pub role: ChatRole,
    /// What is said.
    pub content: String,
}

/// What the model reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Turns, laid out by the model's own chat template.
    Chat(Vec<ChatTurn>),
    /// Text that goes in as it is.
    Raw(String),
}

impl Prompt {
    /// All text of the prompt, turns joined by line feeds.
    pub fn text(&self) -> String {
        match self {
            Self::Raw(text) => text.clone(),
            Self::Chat(turns) => turns
                .iter()
                .map(|turn| turn.content.as_str())
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
}

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sampling {
    /// The most likely token, the lowest id among equals: reproducible.
    #[default]
    Greedy,
    /// Drawn at random, reproducible for one seed on one device.
    Seeded {
        /// Seed of the draw.
        seed: u64,
        /// Above 1 flattens, below 1 sharpens.
        temperature: f32,
        /// Smallest set of tokens whose probabilities reach this sum.
        top_p: f32,
        /// At most this many candidates; 0 means all.
        top_k: usize,
    },
}

/// What the answer must be, enforced while decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// A JSON schema, as text.
    JsonSchema(String),
}

/// Names a KV cache that lasts from one call to the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub String);

/// One generation. Build it with [`InferRequest::chat`] or [`InferRequest::raw`].
#[derive(Clone, Debug)]
pub struct InferRequest {
    /// What the model reads.
    pub prompt: Prompt,
    /// At most this many new tokens.
    pub max_tokens: u32,
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// What the answer must be.
    pub grammar: Option<Grammar>,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// How many of the first new token's highest logits are returned; for parity tests.
    pub top_logits: usize,
    /// The KV cache to continue; `None` starts from nothing.
    pub session: Option<SessionId>,
    /// The latest moment at which an answer is of use. The handle sets its default where this is `None`.
    pub deadline: Option<Instant>,
    /// Raised by an asker that no longer wants the answer.
    pub cancel: CancelFlag,
}

impl InferRequest {
    /// Asks with text that goes in as it is; 256 tokens, greedy.
    pub fn raw(text: impl Into<String>) -> Self {
        Self::new(Prompt::Raw(text.into()))
    }

    /// Asks with a system and a user turn; 256 tokens, greedy.
    pub fn chat(system: impl Into<String>, user: impl Into<String>) -> Self {
        Self::new(Prompt::Chat(vec![
            ChatTurn {
                role: ChatRole::System,
                content: system.into(),
            },
            ChatTurn {
                role: ChatRole::User,
                content: user.into(),
            },
        ]))
    }

    /// Asks with a prompt; 256 tokens, greedy.
    pub fn new(prompt: Prompt) -> Self {
        Self {
            prompt,
            max_tokens: 256,
            sampling: Sampling::Greedy,
            grammar: None,
            stop: Vec::new(),
            top_logits: 0,
            session: None,
            deadline: None,
            cancel: CancelFlag::new(),
        }
    }

    /// Sets how many new tokens are allowed.
    #[must_use]
    pub fn max_tokens(mut self, tokens: u32) -> Self {
        self.max_tokens = tokens;
        self
    }

    /// Sets how the next token is chosen.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// Constrains the answer to a JSON schema.
    #[must_use]
    pub fn json_schema(mut self, schema: impl Into<String>) -> Self {
        self.grammar = Some(Grammar::JsonSchema(schema.into()));
        self
    }

    /// Adds a text that ends the answer.
    #[must_use]
    pub fn stop(mut self, text: impl Into<String>) -> Self {
        self.stop.push(text.into());
        self
    }

    /// Continues the KV cache of a session.
    #[must_use]
    pub fn session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Sets the latest moment at which an answer is of use.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the deadline relative to now.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        self.deadline(Instant::now() + time)
    }

    /// Whether decoding must end early, and as what. Engines ask between two tokens.
    pub fn interrupted(&self) -> Option<Finish> {
        if self.cancel.is_cancelled() {
            Some(Finish::Cancelled)
        } else if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            Some(Finish::Deadline)
        } else {
            None
        }
    }
}

/// Texts to turn into vectors.
#[derive(Clone, Debug, Default)]
pub struct EmbedRequest {
    /// The texts; one vector comes back for each.
    pub texts: Vec<String>,
    /// The latest moment at which an answer is of use.
    pub deadline: Option<Instant>,
    /// Raised by an asker that no longer wants the answer.
    pub cancel: CancelFlag,
}

impl EmbedRequest {
    /// Asks for one vector for each text.
    pub fn new(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            texts: texts.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Sets the deadline relative to now.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.deadline = Some(Instant::now() + time);
        self
    }
}

/// A text as a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// The vector, of length 1.
    pub vector: Vec<f32>,
    /// Bytes of the text, from its start, that the vector stands for.
    pub bytes_read: usize,
    /// Bytes of the whole text. A longer text is embedded by parts, the next one from `bytes_read` on.
    pub bytes: usize,
}

impl Embedding {
    /// Whether the text was longer than the model reads, so that its end counts for nothing.
    pub fn is_cut(&self) -> bool {
        self.bytes_read < self.bytes
    }
}

/// One new token, as it is streamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its place among the new tokens, from 0.
    pub index: u32,
    /// Its id in the vocabulary.
    pub id: u32,
    /// Its text; empty while a character is still incomplete. The texts of all tokens joined are the answer.
    pub text: String,
}

/// Why a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model, a stop text or the end of the grammar said so.
    Stop,
    /// `max_tokens` were made.
    Length,
    /// The asker called it off; the text so far is returned.
    Cancelled,
    /// The deadline passed; the text so far is returned.
    Deadline,
}

/// How long a generation took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Reading the prompt, in milliseconds.
    pub prefill_ms: f64,
    /// Making the new tokens, in milliseconds.
    pub decode_ms: f64,
    /// New tokens for each second of decoding; 0 where none were made.
    pub tokens_per_second: f64,
}

/// A finished generation.
#[derive(Clone, Debug, PartialEq)]
pub struct Inference {
    /// The answer.
    pub text: String,
    /// Ids of the new tokens, in order, without the end token.
    pub ids: Vec<u32>,
    /// Ids of the prompt as the model read it.
    pub prompt_ids: Vec<u32>,
    /// Why it ended.
    pub finish: Finish,
    /// The first new token's highest logits, highest first; as many as asked for.
    pub top_logits: Vec<(u32, f32)>,
    /// How long it took.
    pub timings: Timings,
}
