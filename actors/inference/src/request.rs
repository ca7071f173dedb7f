//! What is asked of an engine, and what comes back.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{CancelFlag, ChatRole, ChatTurn, Prompt, ToolCall, ToolDefinition};

/// What a model is asked for; each purpose has engines of its own.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// To say which tasks lead to a goal.
    Plan,
    /// To write text.
    #[default]
    Write,
    /// To judge another's text.
    Judge,
    /// To turn text into vectors.
    Embed,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [Self::Plan, Self::Write, Self::Judge, Self::Embed];

    /// Its name in configuration, metrics and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Write => "write",
            Self::Judge => "judge",
            Self::Embed => "embed",
        }
    }
}

/// How the next token is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grammar {
    /// A JSON schema, as text.
    JsonSchema(String),
}

/// Names a KV cache that lasts from one call to the next.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(pub String);

/// One generation. Build it with [`InferRequest::chat`] or [`InferRequest::raw`]. Where it is handed to another process, its
/// deadline and its flag are not part of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InferRequest {
    /// What the model reads.
    pub prompt: Prompt,
    /// At most this many new tokens.
    pub max_tokens: u32,
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// What the answer must be.
    pub grammar: Option<Grammar>,
    /// Whether whoever asks holds the answer against the schema itself. A server that was asked for a schema may ignore it, and who can have
    /// the model mend its answer wants it as it came, not an error.
    pub own_check: bool,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// Tools that the model may ask for.
    pub tools: Vec<ToolDefinition>,
    /// What it is asked for; decides which engines may answer.
    pub purpose: Purpose,
    /// Neither the prompt nor anything of it may leave this machine.
    pub private: bool,
    /// What it may cost at most, in millionths; none where nobody says.
    pub money_micros: Option<u64>,
    /// How many of the first new token's highest logits are returned; for parity tests.
    pub top_logits: usize,
    /// The KV cache to continue; `None` starts from nothing.
    pub session: Option<SessionId>,
    /// The trace it is asked in, as a W3C `traceparent` says it. It goes with the request to a process of this machine, for logs and for
    /// what comes back; a server elsewhere is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The latest moment at which an answer is of use. The handle sets its default where this is `None`.
    #[serde(skip)]
    pub deadline: Option<Instant>,
    /// Raised by an asker that no longer wants the answer.
    #[serde(skip)]
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
            ChatTurn::new(ChatRole::System, system),
            ChatTurn::user(user),
        ]))
    }

    /// Asks with a prompt; 256 tokens, greedy.
    pub fn new(prompt: Prompt) -> Self {
        Self {
            prompt,
            max_tokens: 256,
            sampling: Sampling::Greedy,
            grammar: None,
            own_check: false,
            stop: Vec::new(),
            tools: Vec::new(),
            purpose: Purpose::Write,
            private: false,
            money_micros: None,
            top_logits: 0,
            session: None,
            traceparent: None,
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

    /// Says that an answer that does not keep to the schema is wanted all the same.
    #[must_use]
    pub fn own_check(mut self) -> Self {
        self.own_check = true;
        self
    }

    /// Adds a text that ends the answer.
    #[must_use]
    pub fn stop(mut self, text: impl Into<String>) -> Self {
        self.stop.push(text.into());
        self
    }

    /// Lets the model ask for these tools.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = ToolDefinition>) -> Self {
        self.tools = tools.into_iter().collect();
        self
    }

    /// Says what the model is asked for.
    #[must_use]
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// Keeps the prompt on this machine.
    #[must_use]
    pub fn private(mut self, private: bool) -> Self {
        self.private = private;
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
    /// No text may leave this machine.
    pub private: bool,
    /// As in [`InferRequest::traceparent`].
    pub traceparent: Option<String>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its place among the new tokens, from 0.
    pub index: u32,
    /// Its id in the vocabulary; 0 from an engine that does not tell ids.
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
    /// The model waits for tools that it has called.
    Tools,
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
    /// Tokens of the prompt that were not read, because their keys and values were there from an earlier call of the session.
    #[serde(default, skip_serializing_if = "is_none")]
    pub known_tokens: u64,
}

fn is_none(tokens: &u64) -> bool {
    *tokens == 0
}

/// What a generation took, in tokens, counted by the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// New tokens, those of calls and of hidden thoughts included.
    pub new_tokens: u64,
    /// Guessed from lengths, because the engine did not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Usage {
    /// All of them.
    pub fn total(self) -> u64 {
        self.prompt_tokens.saturating_add(self.new_tokens)
    }
}

/// A finished generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inference {
    /// The answer.
    pub text: String,
    /// Tools that the model wants called.
    pub calls: Vec<ToolCall>,
    /// Ids of the new tokens, in order, without the end token; none from an engine that does not tell them.
    pub ids: Vec<u32>,
    /// Ids of the prompt as the model read it; none from an engine that does not tell them.
    pub prompt_ids: Vec<u32>,
    /// What it took.
    pub usage: Usage,
    /// Who answered.
    pub by: Served,
    /// Why it ended.
    pub finish: Finish,
    /// The first new token's highest logits, highest first; as many as asked for. Written as their bits: not all are numbers.
    #[serde(with = "bits")]
    pub top_logits: Vec<(u32, f32)>,
    /// How long it took.
    pub timings: Timings,
}

/// Which engine and model answered, as recorded with a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The engine's name.
    pub engine: String,
    /// The model, as the engine calls it.
    pub model: String,
    /// Its version: what the engine says of it, such as a fingerprint, or a format and a digest of the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What a thousand of its tokens cost, in millionths, where whoever chose the engine knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_micros: Option<u64>,
    /// How it came to be this engine, where there was a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<Routed>,
}

/// How an engine was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// By which policy, by its name.
    pub policy: String,
    /// The engine's name in the chain that was chosen from.
    pub engine: String,
    /// How many were asked before it.
    pub attempt: usize,
}

/// Logits as their bits.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        logits: &[(u32, f32)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let bits: Vec<(u32, u32)> = logits.iter().map(|(id, it)| (*id, it.to_bits())).collect();
        bits.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(u32, f32)>, D::Error> {
        let bits = Vec::<(u32, u32)>::deserialize(deserializer)?;
        Ok(bits
            .into_iter()
            .map(|(id, it)| (id, f32::from_bits(it)))
            .collect())
    }
}
