//! A message before it is stamped and signed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Content, ConversationId, Envelope, KeyId, Message, MessageId, Party, Performative,
    ProtocolName, Qos, TenantId, Timestamp, TraceContext,
};

/// What an author writes: an act and its parameters. The [`crate::Sealer`] adds sender, names, sequence and time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a draft says nothing until it is sent"]
pub struct Draft {
    performative: Performative,
    receivers: BTreeSet<Party>,
    reply_to: BTreeSet<Party>,
    content: Content,
    language: Option<String>,
    encoding: Option<String>,
    ontology: Option<String>,
    protocol: Option<ProtocolName>,
    conversation_id: Option<ConversationId>,
    reply_with: Option<String>,
    in_reply_to: Option<String>,
    reply_by: Option<Timestamp>,
    tenant: Option<TenantId>,
    qos: Qos,
    trace: Option<TraceContext>,
    metadata: BTreeMap<String, String>,
}

/// What the sealer adds to a draft.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    pub(crate) id: MessageId,
    pub(crate) sender: Party,
    pub(crate) key_id: KeyId,
    pub(crate) tenant: TenantId,
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    pub(crate) timestamp: Timestamp,
}

impl Draft {
    /// An act with its content, so far to nobody.
    pub fn new(performative: Performative, content: impl Into<Content>) -> Self {
        Self {
            performative,
            receivers: BTreeSet::new(),
            reply_to: BTreeSet::new(),
            content: content.into(),
            language: None,
            encoding: None,
            ontology: None,
            protocol: None,
            conversation_id: None,
            reply_with: None,
            in_reply_to: None,
            reply_by: None,
            tenant: None,
            qos: Qos::default(),
            trace: None,
            metadata: BTreeMap::new(),
        }
    }

    /// Asks for an action, by fipa-request.
    pub fn request(to: impl Into<Party>, content: impl Into<Content>) -> Self {
        Self::new(Performative::Request, content)
            .to(to)
            .protocol(ProtocolName::FipaRequest)
    }

    /// Tells something, without a protocol.
    pub fn inform(to: impl Into<Party>, content: impl Into<Content>) -> Self {
        Self::new(Performative::Inform, content).to(to)
    }

    /// Asks whether something is true, by fipa-query.
    pub fn query_if(to: impl Into<Party>, content: impl Into<Content>) -> Self {
        Self::new(Performative::QueryIf, content)
            .to(to)
            .protocol(ProtocolName::FipaQuery)
    }

    /// Asks which thing fits, by fipa-query.
    pub fn query_ref(to: impl Into<Party>, content: impl Into<Content>) -> Self {
        Self::new(Performative::QueryRef, content)
            .to(to)
            .protocol(ProtocolName::FipaQuery)
    }

    /// Calls for proposals, by fipa-contract-net.
    pub fn cfp<P: Into<Party>>(
        to: impl IntoIterator<Item = P>,
        content: impl Into<Content>,
    ) -> Self {
        Self::new(Performative::Cfp, content)
            .to_all(to)
            .protocol(ProtocolName::FipaContractNet)
    }

    /// Proposes an action of one's own, by fipa-propose.
    pub fn propose(to: impl Into<Party>, content: impl Into<Content>) -> Self {
        Self::new(Performative::Propose, content)
            .to(to)
            .protocol(ProtocolName::FipaPropose)
    }

    /// Asks to be told now and at each change, by fipa-subscribe.
    pub fn subscribe(to: impl Into<Party>, content: impl Into<Content>) -> Self {
        Self::new(Performative::Subscribe, content)
            .to(to)
            .protocol(ProtocolName::FipaSubscribe)
    }

    fn answering(asked: &Message, act: Performative, content: Content) -> Self {
        let mut draft = Self::new(act, content).because_of(asked);
        draft.receivers = if asked.reply_to.is_empty() {
            BTreeSet::from([asked.sender.clone()])
        } else {
            asked.reply_to.clone()
        };
        draft.language.clone_from(&asked.language);
        draft.encoding.clone_from(&asked.encoding);
        draft.ontology.clone_from(&asked.ontology);
        draft.protocol = asked.protocol;
        draft.conversation_id = Some(asked.conversation_id);
        draft.in_reply_to.clone_from(&asked.reply_with);
        draft
    }

    fn cancelling(sent: &Message) -> Self {
        let mut draft = Self::new(Performative::Cancel, Content::empty()).because_of(sent);
        draft.receivers.clone_from(&sent.receivers);
        draft.protocol = sent.protocol;
        draft.conversation_id = Some(sent.conversation_id);
        draft
    }

    /// Takes over tenant, urgency and trace of the message that led to this one.
    pub fn because_of(mut self, cause: &Message) -> Self {
        self.tenant = Some(cause.envelope.tenant.clone());
        self.qos = cause.envelope.qos;
        self.trace = cause.envelope.trace;
        self
    }

    /// Adds a receiver.
    pub fn to(mut self, party: impl Into<Party>) -> Self {
        self.receivers.insert(party.into());
        self
    }

    /// Adds receivers.
    pub fn to_all<P: Into<Party>>(mut self, parties: impl IntoIterator<Item = P>) -> Self {
        self.receivers.extend(parties.into_iter().map(Into::into));
        self
    }

    /// Adds a party to whom answers go instead of the sender.
    pub fn reply_to(mut self, party: impl Into<Party>) -> Self {
        self.reply_to.insert(party.into());
        self
    }

    /// Replaces the content.
    pub fn content(mut self, content: impl Into<Content>) -> Self {
        self.content = content.into();
        self
    }

    /// Names the content's language.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Names the encoding of the content's language.
    pub fn encoding(mut self, encoding: impl Into<String>) -> Self {
        self.encoding = Some(encoding.into());
        self
    }

    /// Names the ontology.
    pub fn ontology(mut self, ontology: impl Into<String>) -> Self {
        self.ontology = Some(ontology.into());
        self
    }

    /// Names the interaction protocol.
    pub fn protocol(mut self, protocol: ProtocolName) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Goes on in this conversation instead of opening one named after the message.
    pub fn conversation(mut self, id: ConversationId) -> Self {
        self.conversation_id = Some(id);
        self
    }

    /// What an answer must name. An act that expects a reply gets its message id here when nothing else is said.
    pub fn reply_with(mut self, token: impl Into<String>) -> Self {
        self.reply_with = Some(token.into());
        self
    }

    /// Names the reply-with that this answers.
    pub fn in_reply_to(mut self, token: impl Into<String>) -> Self {
        self.in_reply_to = Some(token.into());
        self
    }

    /// Latest time for the next message.
    pub fn reply_by(mut self, latest: Timestamp) -> Self {
        self.reply_by = Some(latest);
        self
    }

    /// Whose data the message is about, if not the sealer's tenant.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// How soon it should be taken up.
    pub fn qos(mut self, qos: Qos) -> Self {
        self.qos = qos;
        self
    }

    /// The trace it belongs to.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Adds a free pair.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The act.
    pub fn performative(&self) -> Performative {
        self.performative
    }

    /// The receivers so far.
    pub fn receivers(&self) -> &BTreeSet<Party> {
        &self.receivers
    }

    /// The latest time for the next message, if one is set.
    pub fn latest_reply(&self) -> Option<Timestamp> {
        self.reply_by
    }

    /// The conversation it goes on in, if it opens none.
    pub fn in_conversation(&self) -> Option<ConversationId> {
        self.conversation_id
    }

    /// The tenant, if the draft names one.
    pub fn own_tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    pub(crate) fn stamped(self, stamp: Stamp) -> Message {
        let reply_with = self.reply_with.or_else(|| {
            self.performative
                .expects_reply()
                .then(|| stamp.id.to_string())
        });
        Message {
            performative: self.performative,
            sender: stamp.sender,
            receivers: self.receivers,
            reply_to: self.reply_to,
            content: self.content,
            language: self.language,
            encoding: self.encoding,
            ontology: self.ontology,
            protocol: self.protocol,
            conversation_id: self.conversation_id.unwrap_or_else(|| stamp.id.into()),
            reply_with,
            in_reply_to: self.in_reply_to,
            reply_by: self.reply_by,
            envelope: Envelope {
                id: stamp.id,
                tenant: stamp.tenant,
                key_id: stamp.key_id,
                epoch: stamp.epoch,
                sequence: stamp.sequence,
                qos: self.qos,
                timestamp: stamp.timestamp,
                trace: self.trace,
                metadata: self.metadata,
            },
        }
    }
}

/// What a message leads to.
impl Message {
    /// An answer: same conversation, protocol, tenant, urgency and trace; addressed to reply-to or else the sender;
    /// in-reply-to names this message's reply-with.
    pub fn reply(&self, act: Performative, content: impl Into<Content>) -> Draft {
        Draft::answering(self, act, content.into())
    }

    /// The cancel meta-protocol's opening, for a message that the canceller sent itself.
    pub fn cancel(&self) -> Draft {
        Draft::cancelling(self)
    }
}
