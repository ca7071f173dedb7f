//! Lays out the turns of a chat as the model was trained to read them, by the template in its file.

use std::ops::Range;

use aios_inference::ChatTurn;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, context};

use crate::error::LoadError;
use crate::tokenizer::Tokenizer;

/// What a model gets that brings no template.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + \
                      '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// Stands in for the content of a turn: private-use characters, one number for each turn.
const MARK: [char; 2] = ['\u{F0000}', '\u{F0001}'];

pub(crate) struct ChatTemplate {
    source: String,
    environment: Environment<'static>,
}

/// A chat as one text, and where in it the words of others are.
#[derive(Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) text: String,
    pub(crate) literal: Vec<Range<usize>>,
}

impl ChatTemplate {
    pub(crate) fn new(source: Option<&str>) -> Result<Self, LoadError> {
        let mut environment = Environment::new();
        // As the Python libraries render chat templates.
        environment.set_syntax(syntax()?);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<String, Error> {
                Err(Error::new(ErrorKind::InvalidOperation, message))
            },
        );
        let source = source.unwrap_or(CHATML).to_owned();
        environment
            .template_from_str(&source)
            .map_err(|e| LoadError::Template {
                reason: e.to_string(),
            })?;
        Ok(Self {
            source,
            environment,
        })
    }

    /// Lays out a chat, ready for the model's answer.
    ///
    /// Where a turn contains the name of a control token, the template sees a mark in place of it, so that the place of
    /// the words is known and they stay words.
    pub(crate) fn lay_out(
        &self,
        turns: &[ChatTurn],
        tokenizer: &Tokenizer,
    ) -> Result<Layout, String> {
        if !turns
            .iter()
            .any(|turn| tokenizer.has_control(&turn.content))
        {
            let contents: Vec<&str> = turns.iter().map(|turn| turn.content.as_str()).collect();
            return Ok(Layout {
                text: self.render(turns, &contents)?,
                literal: Vec::new(),
            });
        }
        let marks: Vec<String> = (0..turns.len())
            .map(|i| format!("{}{i}{}", MARK[0], MARK[1]))
            .collect();
        let marked = self.render(turns, &marks)?;
        let mut layout = Layout {
            text: String::new(),
            literal: Vec::new(),
        };
        let mut rest = marked.as_str();
        while let Some((before, after)) = rest.split_once(MARK[0]) {
            let (number, after) = after
                .split_once(MARK[1])
                .ok_or("the template broke a turn apart")?;
            let turn = number
                .parse()
                .ok()
                .and_then(|i: usize| turns.get(i))
                .ok_or("the template changed a turn")?;
            layout.text.push_str(before);
            let start = layout.text.len();
            layout.text.push_str(&turn.content);
            layout.literal.push(start..layout.text.len());
            rest = after;
        }
        layout.text.push_str(rest);
        Ok(layout)
    }

    fn render(&self, turns: &[ChatTurn], contents: &[impl AsRef<str>]) -> Result<String, String> {
        let messages: Vec<_> = turns
            .iter()
            .zip(contents)
            .map(|(turn, content)| context! { role => turn.role.as_str(), content => content.as_ref() })
            .collect();
        self.environment
            .render_str(
                &self.source,
                context! { messages, add_generation_prompt => true },
            )
            .map_err(|e| format!("chat template: {e}"))
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
mod tests {
    use aios_inference::ChatRole;

    use super::*;

    fn turn(content: &str) -> ChatTurn {
        ChatTurn {
            role: ChatRole::User,
            content: content.to_owned(),
        }
    }

    #[test]
    fn a_model_without_a_template_gets_chatml() {
        let template = ChatTemplate::new(None).unwrap();
        let text = template.render(&[turn("a")], &["a"]).unwrap();
        assert_eq!(
            text,
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn a_broken_template_is_refused_and_a_failing_one_reported() {
        assert!(ChatTemplate::new(Some("{% for")).is_err());
        let picky = ChatTemplate::new(Some("{{ raise_exception('system first') }}")).unwrap();
        assert!(
            picky
                .render(&[turn("a")], &["a"])
                .unwrap_err()
                .contains("system first")
        );
    }
}
