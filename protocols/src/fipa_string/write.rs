//! Writing FIPA00070, for other platforms and for people.

use std::io::Write;

use super::expression::ESCAPES;
use super::reader::{Bare, bare, is_word_byte};
use super::{Acl, AclError, AgentName, Expression};
use crate::is_printable;
use crate::printable::Printable;

/// How strings are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// FIPA's: the characters as they are, `"` escaped.
    Plain,
    /// Ours for people: nothing that is not seen.
    Escaped,
}

pub(super) fn plain(acl: &Acl) -> Vec<u8> {
    let mut out = Out::new(Form::Plain);
    out.message(acl);
    out.bytes
}

impl Expression {
    /// The text, or a list as it is written; `None` if it holds bytes that are no text.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Text(text) => text.as_str().map(str::to_owned),
            Self::List(_) => {
                let mut out = Out::new(Form::Plain);
                out.expression(self, false);
                String::from_utf8(out.bytes).ok()
            }
        }
    }
}

/// FIPA's form where that is one printable line, else with escapes.
pub(super) fn printed(acl: &Acl) -> String {
    one_line(|out| out.message(acl))
}

pub(super) fn printed_agent(agent: &AgentName) -> String {
    one_line(|out| out.agent(agent))
}

fn one_line(write: impl Fn(&mut Out)) -> String {
    let mut out = Out::new(Form::Plain);
    write(&mut out);
    match String::from_utf8(out.bytes) {
        Ok(text) if text.chars().all(is_printable) => text,
        _ => {
            let mut out = Out::new(Form::Escaped);
            write(&mut out);
            String::from_utf8_lossy(&out.bytes).into_owned()
        }
    }
}

/// Whether the grammar has a form for every value.
pub(super) fn check(acl: &Acl) -> Result<(), AclError> {
    if let Some(protocol) = &acl.protocol
        && !is_protocol(protocol)
    {
        return Err(AclError::Unwritable {
            slot: "protocol",
            value: protocol.clone(),
            instead: "a protocol is one word",
        });
    }
    let agents = acl.sender.iter().chain(&acl.receivers).chain(&acl.reply_to);
    agents.into_iter().try_for_each(check_agent)
}

fn check_agent(agent: &AgentName) -> Result<(), AclError> {
    if agent.name.is_empty() {
        return Err(AclError::Unwritable {
            slot: "name of an agent",
            value: String::new(),
            instead: "give it a name",
        });
    }
    if let Some(address) = agent.addresses.iter().find(|address| !is_address(address)) {
        return Err(AclError::Unwritable {
            slot: "address",
            value: address.clone(),
            instead: "an address is a URL, without blanks",
        });
    }
    agent.resolvers.iter().try_for_each(check_agent)
}

/// A word as the grammar has it, or nothing, which some platforms write for none.
pub(super) fn is_protocol(text: &str) -> bool {
    text.bytes().all(is_word_byte)
}

pub(super) fn is_address(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte > b' ')
}

struct Out {
    bytes: Vec<u8>,
    form: Form,
}

impl Out {
    fn new(form: Form) -> Self {
        Self {
            bytes: Vec::new(),
            form,
        }
    }

    fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn message(&mut self, acl: &Acl) {
        self.push("(");
        self.push(acl.performative.as_str());
        if self.form == Form::Escaped {
            self.push(" :");
            self.push(ESCAPES);
            self.push(" true");
        }
        if let Some(sender) = &acl.sender {
            self.push(" :sender ");
            self.agent(sender);
        }
        self.agents("receiver", &acl.receivers);
        if let Some(content) = &acl.content {
            self.push(" :content ");
            self.string(content.as_bytes());
        }
        self.parameter("reply-with", acl.reply_with.as_ref());
        if let Some(latest) = acl.reply_by {
            self.push(&format!(" :reply-by {latest}"));
        }
        self.parameter("in-reply-to", acl.in_reply_to.as_ref());
        self.agents("reply-to", &acl.reply_to);
        self.parameter("language", acl.language.as_ref());
        self.parameter("encoding", acl.encoding.as_ref());
        self.parameter("ontology", acl.ontology.as_ref());
        if let Some(protocol) = &acl.protocol {
            self.push(" :protocol ");
            self.word_or_string(protocol);
        }
        self.parameter("conversation-id", acl.conversation_id.as_ref());
        self.user(&acl.user);
        self.push(")");
    }

    fn parameter(&mut self, name: &str, value: Option<&Expression>) {
        if let Some(value) = value {
            self.push(" :");
            self.push(name);
            self.push(" ");
            self.expression(value, false);
        }
    }

    fn user(&mut self, parameters: &super::UserParameters) {
        for (name, value) in parameters.iter() {
            self.push(" :");
            match self.form {
                Form::Plain => self.push(name),
                Form::Escaped => self.escaped(name.as_bytes()),
            }
            self.push(" ");
            self.expression(value, false);
        }
    }

    fn agents(&mut self, name: &str, agents: &[AgentName]) {
        if agents.is_empty() {
            return;
        }
        self.push(&format!(" :{name} (set"));
        for agent in agents {
            self.push(" ");
            self.agent(agent);
        }
        self.push(")");
    }

    fn agent(&mut self, agent: &AgentName) {
        self.push("(agent-identifier :name ");
        self.word_or_string(&agent.name);
        if !agent.addresses.is_empty() {
            self.push(" :addresses (sequence");
            for address in &agent.addresses {
                self.push(" ");
                self.word_or_string(address);
            }
            self.push(")");
        }
        if !agent.resolvers.is_empty() {
            self.push(" :resolvers (sequence");
            for resolver in &agent.resolvers {
                self.push(" ");
                self.agent(resolver);
            }
            self.push(")");
        }
        self.user(&agent.user);
        self.push(")");
    }

    fn expression(&mut self, value: &Expression, in_list: bool) {
        match value {
            Expression::Text(text) => match text.as_str() {
                Some(text) if is_number(text) || (in_list && is_keyword(text)) => self.push(text),
                Some(text) => self.word_or_string(text),
                None => self.string(text.as_bytes()),
            },
            Expression::List(values) => {
                self.push("(");
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        self.push(" ");
                    }
                    self.expression(value, true);
                }
                self.push(")");
            }
        }
    }

    /// A bare word where every platform reads it as one, else a string.
    fn word_or_string(&mut self, text: &str) {
        if is_plain_word(text) {
            self.push(text);
        } else {
            self.string(text.as_bytes());
        }
    }

    fn string(&mut self, text: &[u8]) {
        if self.form == Form::Escaped {
            self.push("\"");
            self.escaped(text);
            self.push("\"");
            return;
        }
        // A backslash at the end would escape the closing quotation mark, and bytes that are no text have no end.
        if text.ends_with(b"\\") || std::str::from_utf8(text).is_err() {
            self.push(&format!("#{}\"", text.len()));
            self.bytes.extend_from_slice(text);
            return;
        }
        self.push("\"");
        for part in text.split_inclusive(|byte| *byte == b'"') {
            match part.strip_suffix(b"\"") {
                Some(before) => {
                    self.bytes.extend_from_slice(before);
                    self.push("\\\"");
                }
                None => self.bytes.extend_from_slice(part),
            }
        }
        self.push("\"");
    }

    fn escaped(&mut self, text: &[u8]) {
        for chunk in text.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\\' => self.push("\\\\"),
                    '"' => self.push("\\\""),
                    other if is_printable(other) => self.push(other.encode_utf8(&mut [0; 4])),
                    // Writing into a vector cannot fail.
                    other => drop(write!(
                        self.bytes,
                        "{}",
                        Printable(other.encode_utf8(&mut [0; 4]))
                    )),
                }
            }
            for byte in chunk.invalid() {
                drop(write!(self.bytes, "\\x{byte:02x}"));
            }
        }
    }
}

/// A word that begins with a letter and holds what URLs and names of agents hold.
fn is_plain_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:@/+%~=&?[]!$'*,;#".contains(c);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.chars().all(plain)
}

fn is_number(text: &str) -> bool {
    matches!(bare(text.as_bytes()), Some(Bare::Number | Bare::Date))
}

/// `:name`, as it stands in lists.
fn is_keyword(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(is_plain_word)
}
