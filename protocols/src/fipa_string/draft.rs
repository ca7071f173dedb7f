//! Between strings and messages of ours.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Acl, AclError, AgentName, Expression, UserParameters, When};
use crate::{
    Content, ConversationId, Draft, IdentityError, Message, Party, ProtocolName, Timestamp,
};

/// By this JADE says that a content is bytes, written in base64.
const JADE_ENCODING: &str = "X-JADE-Encoding";
/// What FIPA's dates have no place for: the part of the reply-by below a millisecond.
const REPLY_BY_MICROS: &str = "X-aios-reply-by-micros";
/// Metadata that keeps a foreign conversation's own name.
const FOREIGN_CONVERSATION: &str = "fipa-conversation-id";
/// JADE writes base64 with padding; others leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Acl {
    /// A draft that says the same, to be signed by whoever vouches for it; all agents must have names of ours. The sender
    /// and the user-defined parameters are left behind. A conversation's foreign name is kept in the metadata under
    /// `fipa-conversation-id`; an empty one counts as none, as an empty protocol does. A reply-by is resolved by the reader's clock, see [`When::at`].
    pub fn to_draft(&self, now: Timestamp) -> Result<Draft, AclError> {
        let draft = self.to_draft_with(now, |agent| agent.name.parse())?;
        match &self.conversation_id {
            Some(name) if !name.is_empty() => {
                let name = text("conversation-id", name)?;
                let draft = draft.conversation(ConversationId::from_foreign(&name));
                Ok(if name.parse::<ConversationId>().is_err() {
                    draft.metadata(FOREIGN_CONVERSATION, name)
                } else {
                    draft
                })
            }
            _ => Ok(draft),
        }
    }

    /// The same with names of ours for foreign agents, and without the conversation, which whoever knows the agents names.
    pub fn to_draft_with(
        &self,
        now: Timestamp,
        mut name: impl FnMut(&AgentName) -> Result<Party, IdentityError>,
    ) -> Result<Draft, AclError> {
        let mut draft = Draft::new(self.performative, self.decoded_content()?);
        for agent in &self.receivers {
            draft = draft.to(name(agent)?);
        }
        for agent in &self.reply_to {
            draft = draft.reply_to(name(agent)?);
        }
        if let Some(protocol) = self.protocol.as_ref().filter(|name| !name.is_empty()) {
            draft = draft.protocol(protocol.parse::<ProtocolName>()?);
        }
        type Set = fn(Draft, String) -> Draft;
        let texts: [(&'static str, &Option<Expression>, Set); 5] = [
            ("language", &self.language, Draft::language),
            ("encoding", &self.encoding, Draft::encoding),
            ("ontology", &self.ontology, Draft::ontology),
            ("reply-with", &self.reply_with, Draft::reply_with),
            ("in-reply-to", &self.in_reply_to, Draft::in_reply_to),
        ];
        for (slot, value, set) in texts {
            if let Some(value) = value {
                draft = set(draft, text(slot, value)?);
            }
        }
        if let Some(latest) = self.reply_by {
            let micros = self.user.get(REPLY_BY_MICROS).and_then(Expression::as_str);
            let micros = micros.and_then(|micros| micros.parse().ok());
            let rest = micros.filter(|micros| *micros < 1_000).unwrap_or(0);
            draft = draft.reply_by(latest.at(now) + Duration::from_micros(rest));
        }
        Ok(draft)
    }

    /// The content, decoded if it is bytes in base64 as JADE writes them.
    pub fn decoded_content(&self) -> Result<Content, AclError> {
        let Some(content) = &self.content else {
            return Ok(Content::empty());
        };
        let encoding = self.user.get(JADE_ENCODING).and_then(Expression::as_str);
        if !encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64")) {
            return Ok(content.clone());
        }
        // Older writers break the lines.
        let digits: Vec<u8> = content
            .as_bytes()
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let bytes = BASE64.decode(digits).map_err(|_| AclError::Base64)?;
        Ok(Content::bytes(bytes))
    }

    /// Sets the content in the form that JADE reads: bytes that are no text go in base64.
    pub fn set_content_for_jade(&mut self, content: &Content) {
        self.user.remove(JADE_ENCODING);
        self.content = (!content.is_empty()).then(|| content.clone());
        if content.as_str().is_none() {
            self.user.set(JADE_ENCODING.to_owned(), "Base64".into());
            self.content = Some(Content::text(BASE64.encode(content.as_bytes())));
        }
    }
}

/// A list is kept as it would be written; that it was no text whoever answers must remember.
fn text(slot: &'static str, value: &Expression) -> Result<String, AclError> {
    value.to_text().ok_or(AclError::NoText(slot))
}

impl From<&Message> for Acl {
    fn from(message: &Message) -> Self {
        let name = |party: &Party| AgentName::new(party.as_str());
        let envelope = &message.envelope;
        let mut user = UserParameters::default();
        let mut set = |name: &str, value: Expression| user.set(name.to_owned(), value);
        set("X-aios-epoch", envelope.epoch.to_string().into());
        set("X-aios-key", envelope.key_id.to_string().into());
        set("X-aios-message-id", envelope.id.to_string().into());
        set("X-aios-qos", envelope.qos.to_string().into());
        set("X-aios-sequence", envelope.sequence.to_string().into());
        set("X-aios-tenant", envelope.tenant.to_string().into());
        set("X-aios-time", envelope.timestamp.to_string().into());
        if let Some(latest) = message.reply_by
            && latest.as_micros() % 1_000 != 0
        {
            let micros = (latest.as_micros() % 1_000).to_string();
            set(REPLY_BY_MICROS, micros.into());
        }
        if let Some(trace) = &envelope.trace {
            set("X-traceparent", trace.to_string().into());
        }
        if !envelope.metadata.is_empty() {
            let pair = |(key, value): (&String, &String)| {
                Expression::List(vec![key.clone().into(), value.clone().into()])
            };
            let pairs = envelope.metadata.iter().map(pair).collect();
            set("X-aios-metadata", Expression::List(pairs));
        }
        let text = |value: &Option<String>| value.clone().map(Expression::from);
        Self {
            performative: message.performative,
            sender: Some(name(&message.sender)),
            receivers: message.receivers.iter().map(name).collect(),
            reply_to: message.reply_to.iter().map(name).collect(),
            content: (!message.content.is_empty()).then(|| message.content.clone()),
            language: text(&message.language),
            encoding: text(&message.encoding),
            ontology: text(&message.ontology),
            protocol: message.protocol.map(|name| name.to_string()),
            conversation_id: Some(message.conversation_id.to_string().into()),
            reply_with: text(&message.reply_with),
            in_reply_to: text(&message.in_reply_to),
            reply_by: message.reply_by.map(When::from),
            user,
        }
    }
}
