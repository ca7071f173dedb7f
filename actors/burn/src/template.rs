//! A chat laid out as a model was trained to read it, by the template in its file.
//!
//! The template is a stranger's program, so it runs on fuel: each step and each byte it makes is paid for, and one that
//! loops or grows ends with an error. It runs on a thread of its own, with room for the deepest nesting that fuel pays for.
//!
//! What others say is handed to it as it is, so that its filters see the words. Which of the control tokens' names in the
//! outcome are the template's own, and which are words, [`provenance`] tells.

mod methods;
mod provenance;

use std::ops::Range;
use std::thread::Builder;

use aios_inference::ChatTurn;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, context};

use crate::control::Controls;
use crate::error::{LoadError, shown};
use crate::gguf::Gguf;
use crate::tokenizer::Tokenizer;

/// What a model gets that brings no template and has the tokens of this one.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + \
                      '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// What a model gets that was never taught to chat: the words, to be gone on with.
const PLAIN: &str = "{% for message in messages %}{{ message['content'] }}{% if not loop.last %}{{ '\\n\\n' }}{% endif %}{% endfor %}";

/// Longest template; the longest known ones have some 30 KB. Chains of operators nest as deep as the text is long.
const SOURCE_BYTES_MAX: usize = 64 << 10;
/// Steps a template may take by itself: a hundred times what known ones take for a chat of ten turns.
const FUEL: u64 = 100_000;
/// Steps more for each turn, and bytes of text that pay for one step more: a text may pass through some filters.
const FUEL_PER_TURN: u64 = 1_000;
const BYTES_PER_FUEL: u64 = 8;
/// Steps for any chat. Values can nest as deep as there are steps, and each level needs stack to be taken apart again.
const FUEL_MAX: u64 = 400_000;
/// Room for that depth; pages that are not touched cost nothing.
const STACK_BYTES: usize = 256 << 20;

pub(crate) struct ChatTemplate {
    source: String,
    environment: Environment<'static>,
    /// The names of the tokens that begin a prompt and end an answer.
    edges: [String; 2],
}

/// A chat as one text, and where in it the words of others are.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) text: String,
    pub(crate) literal: Vec<Range<usize>>,
}

/// Why a chat cannot be laid out.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum LayoutError {
    /// The template itself is at fault: no other chat will fare better.
    #[error(
        "chat template: it ran out of its {fuel} steps; ask with a raw prompt, or take another file"
    )]
    Endless { fuel: u64 },
    /// It refuses this chat.
    #[error("chat template: {}", shown(reason))]
    Refused { reason: String },
    #[error(
        "chat template: it treats the control token {} in a text in a way that cannot be told from its own; leave it out of the text",
        shown(name)
    )]
    Undecided { name: String },
    #[error("chat template: no thread to run it on: {reason}")]
    Thread { reason: String },
}

impl ChatTemplate {
    /// The template of a model file, or the one that its vocabulary is made for.
    pub(crate) fn of_file(file: &Gguf, tokenizer: &Tokenizer) -> Result<Self, LoadError> {
        let key = "tokenizer.chat_template";
        let is_chatml = || {
            let mut names = tokenizer.controls().iter();
            names.any(|(name, _)| name == "<|im_start|>")
        };
        let mut template = match file.get(key) {
            Some(_) => Self::new(Some(file.text(key)?))?,
            None if is_chatml() => Self::new(None)?,
            None => Self::new(Some(PLAIN))?,
        };
        template.edges = tokenizer.edges().map(str::to_owned);
        Ok(template)
    }

    pub(crate) fn new(source: Option<&str>) -> Result<Self, LoadError> {
        let refused = |reason: String| LoadError::Template { reason };
        let source = source.unwrap_or(CHATML).to_owned();
        if source.len() > SOURCE_BYTES_MAX {
            let reason = format!(
                "it has {} bytes, at most {SOURCE_BYTES_MAX} are read",
                source.len()
            );
            return Err(refused(reason));
        }
        let mut environment = Environment::new();
        // As the Python libraries render chat templates.
        environment.set_syntax(syntax()?);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<String, Error> {
                Err(Error::new(ErrorKind::InvalidOperation, message))
            },
        );
        environment.set_unknown_method_callback(methods::call);
        let template = Self {
            source,
            environment,
            edges: Default::default(),
        };
        let parsed = template.on_a_thread(|| {
            let parsed = template.environment.template_from_str(&template.source);
            parsed.map(drop).map_err(|e| refused(e.to_string()))
        });
        parsed.map_err(|e| refused(e.to_string()))??;
        // A template that never ends is told when the model is loaded; what it says to a chat as odd as this is no matter.
        match template.render(&["user"], &["a"]) {
            Err(LayoutError::Endless { fuel }) => {
                Err(refused(format!("it does not end within {fuel} steps")))
            }
            _ => Ok(template),
        }
    }

    /// Lays out a chat, ready for the model's answer.
    pub(crate) fn lay_out(
        &self,
        turns: &[ChatTurn],
        controls: &Controls,
    ) -> Result<Layout, LayoutError> {
        let roles: Vec<&str> = turns.iter().map(|turn| turn.role.as_str()).collect();
        let contents: Vec<&str> = turns.iter().map(|turn| turn.content.as_str()).collect();
        let text = self.render(&roles, &contents)?;
        let literal = provenance::of_others(&text, &contents, controls, &mut |contents| {
            self.render(&roles, contents)
        })?;
        Ok(Layout { text, literal })
    }

    fn render(
        &self,
        roles: &[&str],
        contents: &[impl AsRef<str> + Sync],
    ) -> Result<String, LayoutError> {
        let bytes: usize = contents.iter().map(|content| content.as_ref().len()).sum();
        let fuel = FUEL + FUEL_PER_TURN * roles.len() as u64 + bytes as u64 / BYTES_PER_FUEL;
        let fuel = fuel.min(FUEL_MAX);
        self.on_a_thread(|| {
            let messages: Vec<_> = roles
                .iter()
                .zip(contents)
                .map(|(role, content)| context! { role => *role, content => content.as_ref() })
                .collect();
            let mut environment = self.environment.clone();
            environment.set_fuel(Some(fuel));
            environment
                .render_str(
                    &self.source,
                    context! {
                        messages,
                        add_generation_prompt => true,
                        bos_token => self.edges[0].as_str(),
                        eos_token => self.edges[1].as_str(),
                    },
                )
                .map_err(|error| match error.kind() {
                    ErrorKind::OutOfFuel => LayoutError::Endless { fuel },
                    _ => LayoutError::Refused {
                        reason: error.to_string(),
                    },
                })
        })?
    }

    /// Runs with room for deep recursion.
    fn on_a_thread<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LayoutError> {
        let failed = |reason: String| LayoutError::Thread { reason };
        std::thread::scope(|scope| {
            Builder::new()
                .name("aios-template".to_owned())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, work)
                .map_err(|e| failed(e.to_string()))?
                .join()
                .map_err(|_| failed("it panicked".to_owned()))
        })
    }
}

fn syntax() -> Result<SyntaxConfig, LoadError> {
    let built = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    built.map_err(|e| LoadError::Template {
        reason: e.to_string(),
    })
}

#[cfg(test)]
mod tests;
