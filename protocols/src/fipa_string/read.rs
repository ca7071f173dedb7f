//! Reading FIPA00070: one pass over the text, no recursion.

use thiserror::Error;

use super::{Acl, AgentName, MAX_DEPTH, MAX_ENTRIES, MAX_TEXT};
use crate::Timestamp;

/// Where a string stops being a message, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at byte {at}: {problem}")]
pub struct ReadError {
    /// Offset in bytes.
    pub at: usize,
    /// What is wrong there.
    pub problem: ReadProblem,
}

/// What is wrong with a string.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadProblem {
    /// Longer than is read.
    #[error("the text has {asked} bytes, {allowed} are read")]
    TooLong {
        /// Bytes found.
        asked: usize,
        /// Bytes read.
        allowed: usize,
    },
    /// Nested deeper than is read.
    #[error("the nesting is deeper than {allowed}")]
    TooDeep {
        /// Levels read.
        allowed: usize,
    },
    /// More entries than are read.
    #[error("there are more than {allowed} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        allowed: usize,
    },
    /// Something else should stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The first word is no act.
    #[error("`{0}` is not one of FIPA's 22 communicative acts")]
    UnknownAct(String),
    /// A parameter that neither FIPA nor the sender (by `X-`) defines.
    #[error("`{0}` is not a parameter; names of your own begin with X-")]
    UnknownParameter(String),
    /// A parameter stands twice.
    #[error("the parameter {0} stands twice")]
    Repeated(String),
    /// A date that is none.
    #[error("`{0}` is not a date such as 20261123T080000000Z")]
    Date(String),
}

type Read<T> = Result<T, ReadError>;

/// Reads one message. What follows its closing parenthesis must be blank.
pub fn parse(text: &str) -> Read<Acl> {
    if text.len() > MAX_TEXT {
        return Err(ReadError {
            at: 0,
            problem: ReadProblem::TooLong {
                asked: text.len(),
                allowed: MAX_TEXT,
            },
        });
    }
    let mut reader = Reader { text, at: 0 };
    let acl = reader.message()?;
    reader.blank();
    if reader.at < text.len() {
        return reader.expected("the end of the text");
    }
    Ok(acl)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn message(&mut self) -> Read<Acl> {
        self.open("( to begin the message")?;
        let at = self.at;
        let word = self.word("the name of an act")?;
        let Ok(performative) = word.parse() else {
            return self.error(at, ReadProblem::UnknownAct(shown(word)));
        };
        let mut acl = Acl::new(performative);
        let mut seen = Vec::new();
        while !self.close()? {
            let at = self.at;
            let name = self.parameter_name()?;
            let key = name.to_ascii_lowercase();
            if seen.contains(&key) {
                return self.error(at, ReadProblem::Repeated(shown(name)));
            }
            if seen.len() >= MAX_ENTRIES {
                return self.error(
                    at,
                    ReadProblem::TooMany {
                        what: "parameters",
                        allowed: MAX_ENTRIES,
                    },
                );
            }
            match key.as_str() {
                "sender" => acl.sender = Some(self.agent()?),
                "receiver" => acl.receivers = self.agents("set")?,
                "reply-to" => acl.reply_to = self.agents("set")?,
                "content" => acl.content = Some(self.expression()?),
                "language" => acl.language = Some(self.expression()?),
                "encoding" => acl.encoding = Some(self.expression()?),
                "ontology" => acl.ontology = Some(self.expression()?),
                "protocol" => acl.protocol = Some(self.expression()?),
                "conversation-id" => acl.conversation_id = Some(self.expression()?),
                "reply-with" => acl.reply_with = Some(self.expression()?),
                "in-reply-to" => acl.in_reply_to = Some(self.expression()?),
                "reply-by" => acl.reply_by = Some(self.date()?),
                own if own.starts_with("x-") => {
                    let value = self.expression()?;
                    acl.user.insert(name.to_owned(), value);
                }
                _ => return self.error(at, ReadProblem::UnknownParameter(shown(name))),
            }
            seen.push(key);
        }
        Ok(acl)
    }

    fn agents(&mut self, kind: &'static str) -> Read<Vec<AgentName>> {
        self.open("( to begin a set of agents")?;
        self.keyword(kind)?;
        let mut agents = Vec::new();
        while !self.close()? {
            self.room(agents.len(), "agents")?;
            agents.push(self.agent()?);
        }
        Ok(agents)
    }

    fn agent(&mut self) -> Read<AgentName> {
        self.open("( to begin an agent-identifier")?;
        self.keyword("agent-identifier")?;
        let (mut name, mut addresses) = (None, None);
        let mut others = 0;
        while !self.close()? {
            let at = self.at;
            let parameter = self.parameter_name()?;
            match parameter.to_ascii_lowercase().as_str() {
                "name" if name.is_none() => name = Some(self.expression()?),
                "addresses" if addresses.is_none() => addresses = Some(self.addresses()?),
                "name" | "addresses" => {
                    return self.error(at, ReadProblem::Repeated(shown(parameter)));
                }
                own if own == "resolvers" || own.starts_with("x-") => {
                    self.room(others, "parameters of an agent-identifier")?;
                    others += 1;
                    self.expression()?;
                }
                _ => return self.error(at, ReadProblem::UnknownParameter(shown(parameter))),
            }
        }
        match name {
            Some(name) => Ok(AgentName {
                name,
                addresses: addresses.unwrap_or_default(),
            }),
            None => self.expected("the :name of an agent-identifier before its end"),
        }
    }

    fn addresses(&mut self) -> Read<Vec<String>> {
        self.open("( to begin a sequence of addresses")?;
        self.keyword("sequence")?;
        let mut addresses = Vec::new();
        while !self.close()? {
            self.room(addresses.len(), "addresses")?;
            addresses.push(self.expression()?);
        }
        Ok(addresses)
    }

    fn date(&mut self) -> Read<Timestamp> {
        self.blank();
        let at = self.at;
        let text = self.word("a date")?;
        Timestamp::from_fipa(text).or_else(|_| self.error(at, ReadProblem::Date(shown(text))))
    }

    /// A word or string by its value; a list by its text.
    fn expression(&mut self) -> Read<String> {
        self.blank();
        match self.peek() {
            Some(b'"' | b'#') => self.string(),
            Some(b'(') => self.list().map(str::to_owned),
            _ => self.word("a value").map(str::to_owned),
        }
    }

    /// A parenthesised list with all it holds, as it stands.
    fn list(&mut self) -> Read<&'a str> {
        let begin = self.at;
        let mut depth = 0_usize;
        loop {
            self.blank();
            match self.peek() {
                Some(b'(') => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return self.error(self.at, ReadProblem::TooDeep { allowed: MAX_DEPTH });
                    }
                    self.at += 1;
                }
                Some(b')') => {
                    self.at += 1;
                    depth -= 1;
                    if depth == 0 {
                        return Ok(&self.text[begin..self.at]);
                    }
                }
                Some(b'"' | b'#') => {
                    self.string()?;
                }
                Some(_) => {
                    self.word("a value")?;
                }
                None => return self.expected(") to end a list"),
            }
        }
    }

    /// A quoted string, or one with its length in bytes in front.
    fn string(&mut self) -> Read<String> {
        if self.peek() == Some(b'#') {
            return self.counted_string();
        }
        self.at += 1;
        let mut value = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(stop) = rest.find(['"', '\\']) else {
                return self.expected("\" to end a string");
            };
            value.push_str(&rest[..stop]);
            self.at += stop;
            if self.text[self.at..].starts_with('"') {
                self.at += 1;
                return Ok(value);
            }
            // A backslash means something before a quotation mark only.
            self.at += 1;
            if self.text[self.at..].starts_with('"') {
                self.at += 1;
                value.push('"');
            } else {
                value.push('\\');
            }
        }
    }

    fn counted_string(&mut self) -> Read<String> {
        let rest = &self.text[self.at + 1..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Ok(length) = rest[..digits].parse::<usize>() else {
            return self.expected("the length of a string after #");
        };
        let Some(begin) = rest[digits..].strip_prefix('"') else {
            return self.expected("\" after the length of a string");
        };
        let Some(value) = begin.get(..length) else {
            return self.expected("a string of the length written in front of it");
        };
        self.at += 1 + digits + 1 + length;
        Ok(value.to_owned())
    }

    fn parameter_name(&mut self) -> Read<&'a str> {
        self.blank();
        if self.peek() != Some(b':') {
            return self.expected("the : of a parameter, or )");
        }
        self.at += 1;
        match self.peek() {
            Some(first) if first.is_ascii_alphabetic() => self.word("the name of a parameter"),
            _ => self.expected("the name of a parameter after :"),
        }
    }

    fn keyword(&mut self, keyword: &'static str) -> Read<()> {
        self.blank();
        let begin = self.at;
        let word = self.word(keyword)?;
        if word.eq_ignore_ascii_case(keyword) {
            return Ok(());
        }
        self.error(begin, ReadProblem::Expected(keyword))
    }

    /// All up to the next blank or parenthesis.
    fn word(&mut self, what: &'static str) -> Read<&'a str> {
        self.blank();
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| is_blank(c) || matches!(c, '(' | ')' | '"'))
            .unwrap_or(rest.len());
        if length == 0 || rest.starts_with(':') {
            return self.expected(what);
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn open(&mut self, what: &'static str) -> Read<()> {
        self.blank();
        if self.peek() != Some(b'(') {
            return self.expected(what);
        }
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Read<bool> {
        self.blank();
        match self.peek() {
            Some(b')') => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => self.expected(")"),
        }
    }

    fn room(&self, count: usize, what: &'static str) -> Read<()> {
        if count < MAX_ENTRIES {
            return Ok(());
        }
        self.error(
            self.at,
            ReadProblem::TooMany {
                what,
                allowed: MAX_ENTRIES,
            },
        )
    }

    fn blank(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(is_blank).len();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected<T>(&self, what: &'static str) -> Read<T> {
        self.error(self.at, ReadProblem::Expected(what))
    }

    fn error<T>(&self, at: usize, problem: ReadProblem) -> Read<T> {
        Err(ReadError { at, problem })
    }
}

/// FIPA's blanks: all up to the space.
fn is_blank(character: char) -> bool {
    character <= ' '
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
