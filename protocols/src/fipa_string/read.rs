//! Reading FIPA00070: one pass over the text. Nesting is bounded, and lists are read without recursion.

use std::collections::HashSet;

use super::expression::ESCAPES;
use super::reader::{Bare, Read, ReadProblem, Reader, Token, shown, unescape};
use super::write::{is_address, is_protocol};
use super::{
    Acl, AgentName, Expression, MAX_AGENTS, MAX_DEPTH, MAX_ENTRIES, MAX_PARAMETERS, ReadError,
    UserParameters, When,
};
use crate::{Content, Performative};

/// FIPA's parameters: as a value, `:language` is the next parameter's name and the value is missing.
const PARAMETERS: [&str; 12] = [
    "sender",
    "receiver",
    "content",
    "reply-with",
    "reply-by",
    "in-reply-to",
    "reply-to",
    "language",
    "encoding",
    "ontology",
    "protocol",
    "conversation-id",
];

/// Reads one message, from a text or from bytes. What follows its closing parenthesis must be blank.
///
/// # Errors
/// Where the text stops being a message, and why.
pub fn parse(text: impl AsRef<[u8]>) -> Result<Acl, ReadError> {
    let mut reader = Reader::new(text.as_ref())?;
    let acl = reader.message()?;
    reader.blank();
    if reader.peek().is_some() {
        return reader.expected("the end of the text");
    }
    Ok(acl)
}

/// Whom a platform's `failure` says was not reached, as JADE's AMS writes it in its content:
/// `(... (MTS-error (agent-identifier :name NAME ...) ...))`.
pub fn unreached(content: &str) -> Option<AgentName> {
    const ERROR: &[u8] = b"mts-error";
    let words = content.as_bytes().windows(ERROR.len());
    let at = words
        .enumerate()
        .find(|(_, word)| word.eq_ignore_ascii_case(ERROR))?
        .0;
    let after = content.get(at + ERROR.len()..)?;
    Reader::new(after.as_bytes()).ok()?.agent(0).ok()
}

impl<'a> Reader<'a> {
    fn message(&mut self) -> Read<Acl> {
        self.open("( to begin the message")?;
        let mut acl = Acl::new(self.act()?);
        let mut seen = HashSet::new();
        while !self.close()? {
            let (at, name, key) = self.new_parameter(&mut seen)?;
            match key.as_str() {
                "sender" => acl.sender = Some(self.agent(0)?),
                "receiver" => acl.receivers = self.agents("set", 0)?,
                "reply-to" => acl.reply_to = self.agents("set", 0)?,
                "content" => acl.content = Some(self.content()?),
                "language" => acl.language = Some(self.expression()?),
                "encoding" => acl.encoding = Some(self.expression()?),
                "ontology" => acl.ontology = Some(self.expression()?),
                "protocol" => acl.protocol = Some(self.protocol()?),
                "conversation-id" => acl.conversation_id = Some(self.expression()?),
                "reply-with" => acl.reply_with = Some(self.expression()?),
                "in-reply-to" => acl.in_reply_to = Some(self.expression()?),
                "reply-by" => acl.reply_by = Some(self.date()?),
                own if own.eq_ignore_ascii_case(ESCAPES) => self.switch_to_escapes(at, &seen)?,
                own if own.starts_with("x-") => self.user(at, name, &mut acl.user)?,
                _ => return self.unknown(at, &name),
            }
        }
        Ok(acl)
    }

    fn act(&mut self) -> Read<Performative> {
        self.blank();
        let at = self.at;
        let rest = &self.text[at..];
        let letter = |byte: &&u8| byte.is_ascii_alphabetic() || **byte == b'-';
        let length = rest.iter().take_while(letter).count();
        if length == 0 {
            return self.expected("the name of an act");
        }
        self.at += length;
        let word = self.utf8(at, &rest[..length])?;
        // `inform2` is no act with something behind it.
        let ends = self.peek().is_none_or(|next| b" \t\r\n:)".contains(&next));
        match word.parse() {
            Ok(act) if ends => Ok(act),
            _ => {
                self.at = at;
                let all = self.run();
                self.error(at, ReadProblem::UnknownAct(shown(all)))
            }
        }
    }

    /// The strings of what follows are written with our escapes. What came before was not.
    fn switch_to_escapes(&mut self, at: usize, seen: &HashSet<String>) -> Read<()> {
        if seen.len() > 1 {
            return self.error(
                at,
                ReadProblem::Expected("X-aios-escapes before all others"),
            );
        }
        self.keyword("true")?;
        self.escapes = true;
        Ok(())
    }

    /// Name of a parameter that has not been before; the second is for comparing.
    fn new_parameter(&mut self, seen: &mut HashSet<String>) -> Read<(usize, String, String)> {
        self.blank();
        self.room(seen.len(), MAX_PARAMETERS, "parameters")?;
        let at = self.at;
        let name = self.parameter_name()?;
        let key = name.to_ascii_lowercase();
        if !seen.insert(key.clone()) {
            return self.error(at, ReadProblem::Repeated(shown(name.as_bytes())));
        }
        Ok((at, name, key))
    }

    /// Words of their own are any; FIPA's end at what no name of FIPA's holds, so that `:content"x"` is read.
    fn parameter_name(&mut self) -> Read<String> {
        let at = self.at;
        if self.peek() != Some(b':') {
            return self.expected("the : of a parameter, or )");
        }
        self.at += 1;
        let run = self.run();
        let own = run
            .get(..2)
            .is_some_and(|begin| begin.eq_ignore_ascii_case(b"x-"));
        if own && run.len() == 2 {
            return self.error(at, ReadProblem::Expected("a name after X-"));
        }
        if !own {
            let length = run
                .iter()
                .position(|byte| *byte == b'"')
                .unwrap_or(run.len());
            self.at = at + 1 + length;
            if !run.first().is_some_and(u8::is_ascii_alphabetic) {
                self.at = at + 1;
                return self.expected("the name of a parameter after :");
            }
            return Ok(self.utf8(at, &run[..length])?.to_owned());
        }
        let name = self.utf8(at, run)?;
        if !self.escapes || !name.contains('\\') {
            return Ok(name.to_owned());
        }
        self.unescaped(at, run)
    }

    fn unescaped(&self, at: usize, name: &[u8]) -> Read<String> {
        let mut value = Vec::new();
        let mut rest = name;
        while let Some(first) = rest.first() {
            let length = if *first == b'\\' {
                let (length, found) = unescape(rest);
                value.extend_from_slice(found.as_slice());
                length
            } else {
                value.push(*first);
                1
            };
            if length == 0 {
                return self.error(
                    at,
                    ReadProblem::Expected("\\\\, \\\", \\u{..} or \\x.. in a name"),
                );
            }
            rest = &rest[length..];
        }
        String::from_utf8(value).or_else(|_| self.error(at, ReadProblem::NotUtf8))
    }

    fn user(&mut self, at: usize, name: String, user: &mut UserParameters) -> Read<()> {
        let value = self.expression()?;
        match user.insert(name, value) {
            Ok(_) => Ok(()),
            Err(_) => self.error(
                at,
                ReadProblem::Expected("a word as the name of a parameter"),
            ),
        }
    }

    fn unknown<T>(&self, at: usize, name: &str) -> Read<T> {
        self.error(at, ReadProblem::UnknownParameter(shown(name.as_bytes())))
    }

    fn agents(&mut self, kind: &'static str, depth: usize) -> Read<Vec<AgentName>> {
        self.open(match kind {
            "set" => "( to begin a set of agents",
            _ => "( to begin a sequence of agents",
        })?;
        self.keyword(kind)?;
        let mut agents = Vec::new();
        while !self.close()? {
            self.room(agents.len(), MAX_AGENTS, "agents")?;
            agents.push(self.agent(depth + 1)?);
        }
        Ok(agents)
    }

    /// Each level of resolvers opens two parentheses, so the recursion is at most half of the depth allowed.
    fn agent(&mut self, depth: usize) -> Read<AgentName> {
        if depth >= MAX_DEPTH {
            return self.error(self.at, ReadProblem::TooDeep { allowed: MAX_DEPTH });
        }
        self.open("( to begin an agent-identifier")?;
        self.keyword("agent-identifier")?;
        let mut agent = AgentName::default();
        let mut seen = HashSet::new();
        while !self.close()? {
            let (at, name, key) = self.new_parameter(&mut seen)?;
            match key.as_str() {
                "name" => agent.name = self.name()?,
                "addresses" => agent.addresses = self.addresses()?,
                "resolvers" => agent.resolvers = self.agents("sequence", depth + 1)?,
                own if own.starts_with("x-") => self.user(at, name, &mut agent.user)?,
                _ => return self.unknown(at, &name),
            }
        }
        if agent.name.is_empty() {
            return self.expected("the :name of an agent-identifier before its end");
        }
        Ok(agent)
    }

    fn name(&mut self) -> Read<String> {
        self.text_of("a word or a string that names the agent", |text| {
            !text.is_empty()
        })
    }

    fn protocol(&mut self) -> Read<String> {
        self.text_of("one word that names a protocol", is_protocol)
    }

    fn addresses(&mut self) -> Read<Vec<String>> {
        self.open("( to begin a sequence of addresses")?;
        self.keyword("sequence")?;
        let mut addresses = Vec::new();
        while !self.close()? {
            self.room(addresses.len(), MAX_AGENTS, "addresses")?;
            addresses.push(self.text_of("the URL of an address", is_address)?);
        }
        Ok(addresses)
    }

    /// A word, or a string that fits.
    fn text_of(&mut self, what: &'static str, fits: fn(&str) -> bool) -> Read<String> {
        self.blank();
        let at = self.at;
        match self.value_token(what)? {
            Token::Bare(Bare::Word, word) => Ok(word.to_owned()),
            Token::Quoted(bytes) => match String::from_utf8(bytes) {
                Ok(text) if fits(&text) => Ok(text),
                Ok(_) => self.error(at, ReadProblem::Expected(what)),
                Err(_) => self.error(at, ReadProblem::NotUtf8),
            },
            Token::Bare(..) => self.error(at, ReadProblem::Expected(what)),
        }
    }

    /// FIPA's grammar has a string here, JADE a word too.
    fn content(&mut self) -> Read<Content> {
        let what = "a value: a string as the content";
        self.blank();
        let at = self.at;
        match self.value_token(what)? {
            Token::Bare(Bare::Word, word) => Ok(Content::text(word)),
            Token::Quoted(bytes) => Ok(Content::bytes(bytes)),
            Token::Bare(..) => self.error(at, ReadProblem::Expected(what)),
        }
    }

    fn date(&mut self) -> Read<When> {
        self.blank();
        let at = self.at;
        let word = self.run();
        if word.is_empty() {
            return self.expected("a date");
        }
        let read = std::str::from_utf8(word)
            .ok()
            .and_then(|text| text.parse().ok());
        match read {
            Some(when) => Ok(when),
            None => self.error(at, ReadProblem::Date(shown(word))),
        }
    }

    fn expression(&mut self) -> Read<Expression> {
        self.blank();
        if self.peek() == Some(b'(') {
            return self.list();
        }
        Ok(text(self.value_token("a value")?))
    }

    /// One token as the value of a parameter.
    fn value_token(&mut self, what: &'static str) -> Read<Token<'a>> {
        self.blank();
        let at = self.at;
        let token = self.token(what)?;
        if let Token::Bare(_, word) = &token
            && is_parameter(word)
        {
            return self.error(at, ReadProblem::Expected(what));
        }
        Ok(token)
    }

    fn list(&mut self) -> Read<Expression> {
        let mut open: Vec<Vec<Expression>> = Vec::new();
        loop {
            self.blank();
            match self.peek() {
                Some(b'(') => {
                    if open.len() >= MAX_DEPTH {
                        return self.error(self.at, ReadProblem::TooDeep { allowed: MAX_DEPTH });
                    }
                    self.room(0, MAX_ENTRIES, "lists")?;
                    self.at += 1;
                    open.push(Vec::new());
                }
                Some(b')') => {
                    self.at += 1;
                    let closed = Expression::List(open.pop().unwrap_or_default());
                    match open.last_mut() {
                        Some(around) => around.push(closed),
                        None => return Ok(closed),
                    }
                }
                Some(_) => {
                    self.room(0, MAX_ENTRIES, "entries of a list")?;
                    let value = text(self.token("a value or )")?);
                    if let Some(around) = open.last_mut() {
                        around.push(value);
                    }
                }
                None => return self.expected(") to end a list"),
            }
        }
    }
}

fn text(token: Token<'_>) -> Expression {
    Expression::Text(match token {
        Token::Bare(_, word) => Content::text(word),
        Token::Quoted(bytes) => Content::bytes(bytes),
    })
}

/// Whether a word is `:` and the name of a parameter of messages.
fn is_parameter(word: &str) -> bool {
    let Some(name) = word.strip_prefix(':') else {
        return false;
    };
    let own = name
        .get(..2)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("x-"));
    own || PARAMETERS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}
