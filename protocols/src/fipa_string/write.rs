//! Writing FIPA00070.

use std::fmt::{self, Write};

use super::{Acl, AgentName};

pub(super) fn write(acl: &Acl, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(out, "({}", acl.performative.as_str())?;
    if let Some(sender) = &acl.sender {
        out.write_str(" :sender ")?;
        agent(out, sender)?;
    }
    agents(out, "receiver", &acl.receivers)?;
    text(out, "content", &acl.content, string)?;
    text(out, "reply-with", &acl.reply_with, expression)?;
    if let Some(latest) = acl.reply_by {
        write!(out, " :reply-by {}", latest.to_fipa())?;
    }
    text(out, "in-reply-to", &acl.in_reply_to, expression)?;
    agents(out, "reply-to", &acl.reply_to)?;
    text(out, "language", &acl.language, expression)?;
    text(out, "encoding", &acl.encoding, expression)?;
    text(out, "ontology", &acl.ontology, expression)?;
    text(out, "protocol", &acl.protocol, expression)?;
    text(out, "conversation-id", &acl.conversation_id, expression)?;
    for (name, value) in &acl.user {
        write!(out, " :{name} ")?;
        expression(out, value)?;
    }
    out.write_char(')')
}

type Form = fn(&mut fmt::Formatter<'_>, &str) -> fmt::Result;

fn text(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    value: &Option<String>,
    form: Form,
) -> fmt::Result {
    let Some(value) = value else { return Ok(()) };
    write!(out, " :{name} ")?;
    form(out, value)
}

fn agents(out: &mut fmt::Formatter<'_>, name: &str, agents: &[AgentName]) -> fmt::Result {
    if agents.is_empty() {
        return Ok(());
    }
    write!(out, " :{name} (set")?;
    for one in agents {
        out.write_char(' ')?;
        agent(out, one)?;
    }
    out.write_char(')')
}

fn agent(out: &mut fmt::Formatter<'_>, agent: &AgentName) -> fmt::Result {
    out.write_str("(agent-identifier :name ")?;
    expression(out, &agent.name)?;
    if !agent.addresses.is_empty() {
        out.write_str(" :addresses (sequence")?;
        for address in &agent.addresses {
            out.write_char(' ')?;
            expression(out, address)?;
        }
        out.write_char(')')?;
    }
    out.write_char(')')
}

/// A bare word where every platform reads it as one, else a string.
fn expression(out: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:@/+%~=&?".contains(c);
    if begins && text.chars().all(plain) {
        out.write_str(text)
    } else {
        string(out, text)
    }
}

fn string(out: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if text.ends_with('\\') {
        return write!(out, "#{}\"{text}", text.len());
    }
    out.write_char('"')?;
    for character in text.chars() {
        if character == '"' {
            out.write_char('\\')?;
        }
        out.write_char(character)?;
    }
    out.write_char('"')
}
