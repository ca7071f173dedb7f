//! What is said to a model and by it: turns, the tools it may ask for, and its calls of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// A tool that the model has called.
    Tool,
}

impl ChatRole {
    /// The name chat templates use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
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
    /// Tools that the model calls in this turn; none unless it is the model's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// The call that this turn answers, where it is a tool's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
}

impl ChatTurn {
    /// A turn of words alone.
    pub fn new(role: ChatRole, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            calls: Vec::new(),
            answers: None,
        }
    }

    /// What somebody asks.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(ChatRole::User, content)
    }

    /// What the model said and which tools it called.
    pub fn assistant(content: impl Into<String>, calls: Vec<ToolCall>) -> Self {
        Self {
            calls,
            ..Self::new(ChatRole::Assistant, content)
        }
    }

    /// What came of a call.
    pub fn tool(call: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            answers: Some(call.into()),
            ..Self::new(ChatRole::Tool, content)
        }
    }
}

/// A tool that the model may ask for. It is never run by an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, in words for the model.
    pub description: String,
    /// A JSON schema of its arguments.
    pub input: Value,
}

/// A model's wish to have a tool called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The name of this call; the turn that answers it says it again.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them: text that should be a JSON object, checked by whoever makes the call.
    pub arguments: String,
}

/// What the model reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

    /// Bytes that the model reads, arguments of calls included.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Raw(text) => text.len(),
            Self::Chat(turns) => turns
                .iter()
                .map(|turn| {
                    let calls = turn.calls.iter();
                    turn.content.len()
                        + calls
                            .map(|call| call.name.len() + call.arguments.len())
                            .sum::<usize>()
                })
                .sum(),
        }
    }
}
