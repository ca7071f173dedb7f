//! A message: FIPA's 13 parameters and the envelope.

use std::collections::BTreeSet;

use crate::{
    Content, ConversationId, Envelope, MessageId, Party, Performative, ProtocolName, Timestamp,
};

/// One communicative act, addressed and stamped. A value of this type is a claim; [`crate::Trusted`] is proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What the message does.
    pub performative: Performative,
    /// Who says it.
    pub sender: Party,
    /// To whom; never empty.
    pub receivers: BTreeSet<Party>,
    /// To whom answers go, if not to the sender.
    pub reply_to: BTreeSet<Party>,
    /// What is said.
    pub content: Content,
    /// Language of the content.
    pub language: Option<String>,
    /// Encoding of the content's language.
    pub encoding: Option<String>,
    /// Gives meaning to the symbols in the content.
    pub ontology: Option<String>,
    /// The interaction protocol the sender follows.
    pub protocol: Option<ProtocolName>,
    /// The conversation the act is part of.
    pub conversation_id: ConversationId,
    /// What an answer must name in its in-reply-to.
    pub reply_with: Option<String>,
    /// The earlier message's reply-with.
    pub in_reply_to: Option<String>,
    /// Latest time for the next message.
    pub reply_by: Option<Timestamp>,
    /// The transport's part.
    pub envelope: Envelope,
}

impl Message {
    /// The message's name.
    pub fn id(&self) -> MessageId {
        self.envelope.id
    }

    /// True if the answer can no longer come in time.
    pub fn is_past_reply_by(&self, now: Timestamp) -> bool {
        self.reply_by.is_some_and(|latest| now > latest)
    }
}
