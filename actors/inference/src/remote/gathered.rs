//! An answer as it comes in: what was said so far, what of it nobody was handed yet, and whether it came to its end.

use super::key::Key;
use super::words;
use crate::{EngineError, Finish, ToolCall, Usage};

/// Tools that one answer may call.
const CALLS_MAX: usize = 64;
/// Bytes an answer may have beside those of its tokens: arguments of calls, hidden thoughts.
const SPARE_BYTES: usize = 1 << 20;
/// Bytes of the longest known tokens.
const BYTES_PER_TOKEN: usize = 64;

/// Filled event by event.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
    pub(super) finish: Option<Finish>,
    pub(super) usage: Option<Usage>,
    pub(super) model: Option<String>,
    pub(super) version: Option<String>,
    /// The server said that this was all.
    pub(super) whole: bool,
    /// How much of the text was handed out.
    handed: usize,
    /// Bytes it may hold.
    bytes_max: usize,
    bytes: usize,
}

impl Gathered {
    pub(super) fn new(max_tokens: u32) -> Self {
        let tokens = (max_tokens as usize).saturating_mul(BYTES_PER_TOKEN);
        Self {
            bytes_max: SPARE_BYTES.saturating_add(tokens),
            ..Self::default()
        }
    }

    pub(super) fn say(&mut self, text: &str) -> Result<(), TooMuch> {
        self.weigh(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    /// The call of this place, new ones included; places come in order.
    pub(super) fn call(&mut self, at: usize) -> Result<&mut ToolCall, TooMuch> {
        if at >= CALLS_MAX || at > self.calls.len() {
            return Err(TooMuch);
        }
        if at == self.calls.len() {
            self.calls.push(ToolCall {
                id: String::new(),
                name: String::new(),
                arguments: String::new(),
            });
        }
        self.calls.get_mut(at).ok_or(TooMuch)
    }

    /// Counts what is kept beside the text.
    pub(super) fn weigh(&mut self, bytes: usize) -> Result<(), TooMuch> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.bytes_max {
            return Err(TooMuch);
        }
        Ok(())
    }

    /// What nobody was handed yet.
    pub(super) fn fresh(&mut self) -> Option<String> {
        let fresh = self.text.get(self.handed..)?.to_owned();
        self.handed = self.text.len();
        (!fresh.is_empty()).then_some(fresh)
    }

    /// Whether anything was handed out, so that the call must not be made again.
    pub(super) fn was_handed(&self) -> bool {
        self.handed > 0
    }
}

/// An answer is larger than what was asked for can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// What is wrong with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadEvent {
    /// It is larger than what was asked for can be.
    TooMuch,
    /// It is not what the protocol says.
    Unreadable(String),
    /// The server says that it failed.
    Failed(String),
    /// The server says that it will not.
    Withheld(String),
}

impl From<TooMuch> for BadEvent {
    fn from(TooMuch: TooMuch) -> Self {
        Self::TooMuch
    }
}

impl BadEvent {
    /// As the engine tells it, without the key.
    pub(super) fn told(self, engine: &str, key: Option<&Key>) -> EngineError {
        let engine = engine.to_owned();
        match self {
            Self::TooMuch => EngineError::Server {
                engine,
                status: 200,
                said: "it sends more than was asked for".to_owned(),
            },
            Self::Unreadable(what) => EngineError::Server {
                engine,
                status: 200,
                said: format!("its stream cannot be read: {}", words::without(key, &what)),
            },
            Self::Failed(said) => EngineError::Server {
                engine,
                status: 200,
                said: words::without(key, &said),
            },
            Self::Withheld(said) => EngineError::Refused {
                engine,
                status: 200,
                said: words::without(key, &said),
            },
        }
    }
}
