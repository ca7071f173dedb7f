//! The pure half of the gateway: which message of ours a string is, and which string a message of ours.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aios_protocols::fipa_string::{Acl, AclError, AgentName, Expression, unreached};
use aios_protocols::{
    AgentId, ConversationId, Draft, Limits, Message, Party, Performative, Timestamp,
};

use super::guests::{Arrival, Guests};
use super::ledger::{Ledger, Outside, Pair};
use super::{GatewayError, GatewayOptions, name};
use crate::agent::SendError;

/// User-defined parameters taken along as metadata.
const PARAMETERS: usize = 16;
/// Bytes of each of them.
const PARAMETER_BYTES: usize = 1_024;
/// Agents that a string may name in its reply-to.
const REPLY_TO: usize = 16;
/// Bytes of a conversation's name or of a token that are remembered.
const NAME_BYTES: usize = 1_024;
/// Bytes of an agent-identifier that are remembered.
const AGENT_BYTES: usize = 8 * 1_024;

/// One message of ours that a string becomes; a string to several becomes several.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) envoy: AgentId,
    pub(super) local: AgentId,
    pub(super) draft: Draft,
    /// It waits with the requests of its receiver.
    pub(super) opens: bool,
}

/// What becomes of a string for one of its receivers, before anything is remembered of it.
struct Plan {
    pair: Pair,
    draft: Draft,
    /// The conversation that it goes on with.
    known: Option<ConversationId>,
    /// An AMS says that the envoy's agent was not reached.
    gone: bool,
}

#[derive(Debug)]
pub(super) struct Bridge {
    options: GatewayOptions,
    /// Makes the conversations of this gateway's life differ from those of the last.
    begun: Timestamp,
    runs: u64,
    /// Agents here by their names outside, and the other way.
    exports: BTreeMap<String, AgentId>,
    names: HashMap<AgentId, String>,
    guests: Guests,
    ledger: Ledger,
}

impl Bridge {
    pub(super) fn new(options: GatewayOptions, begun: Timestamp) -> Self {
        Self {
            ledger: Ledger::new(options.conversations),
            guests: Guests::new(options.guests),
            options,
            begun,
            runs: 0,
            exports: BTreeMap::new(),
            names: HashMap::new(),
        }
    }

    /// Lets outside agents speak to an agent here under a name; its last name is taken away.
    pub(super) fn export(&mut self, local: &AgentId, outside: String) {
        self.conceal(local);
        if let Some(before) = self.exports.insert(outside.clone(), local.clone()) {
            self.names.remove(&before);
        }
        self.names.insert(local.clone(), outside);
    }

    pub(super) fn conceal(&mut self, local: &AgentId) {
        if let Some(name) = self.names.remove(local) {
            self.exports.remove(&name);
        }
    }

    /// Gives an outside agent an envoy that stays.
    pub(super) fn invite(
        &mut self,
        agent: AgentName,
        now: Timestamp,
    ) -> Result<(AgentId, Arrival), GatewayError> {
        let envoy = self.envoy(&agent)?;
        let arrival = self.guests.invite(&envoy, agent, now)?;
        self.forget(&arrival);
        Ok((envoy, arrival))
    }

    /// The string's messages, for `intended` or else for all receivers it names. Nobody enters, and nothing is
    /// remembered, by a string that is refused here.
    pub(super) fn inbound(
        &mut self,
        acl: &Acl,
        intended: &[&str],
        now: Timestamp,
    ) -> Result<(Vec<Inbound>, Arrival), GatewayError> {
        let sender = acl.sender.as_ref().ok_or(GatewayError::NoSender)?;
        let own = self.envoy(sender)?;
        for (what, value) in [
            ("conversation-id", &acl.conversation_id),
            ("reply-with", &acl.reply_with),
        ] {
            if let Some(value) = value {
                check_length(
                    what,
                    length(value).ok_or(AclError::NoText(what))?,
                    NAME_BYTES,
                )?;
            }
        }
        let asked = acl.reply_to.len();
        if asked > REPLY_TO {
            let allowed = REPLY_TO;
            return Err(GatewayError::Strangers { asked, allowed });
        }
        let mut named = BTreeMap::new();
        for agent in &acl.reply_to {
            if !self.exports.contains_key(&agent.name) {
                named.insert(self.envoy(agent)?, agent);
            }
        }
        let locals = self.locals(acl, intended)?;
        let said = self.draft(acl, now)?;
        let mut plans = Vec::new();
        for local in locals {
            plans.push(self.plan(acl, sender, (own.clone(), local), &said, now)?);
        }
        let talking = plans.iter().map(|plan| plan.pair.0.clone()).collect();
        let arrival = self.guests.hear(&own, sender, &named, &talking, now)?;
        self.forget(&arrival);
        let mut messages = Vec::new();
        for plan in plans {
            messages.push(self.carry_out(acl, plan, named.keys(), now)?);
        }
        Ok((messages, arrival))
    }

    fn plan(
        &mut self,
        acl: &Acl,
        sender: &AgentName,
        own: Pair,
        said: &Draft,
        now: Timestamp,
    ) -> Result<Plan, GatewayError> {
        let unreached = self.unreached(acl, sender, &own.1);
        let (gone, pair) = match unreached {
            Some(envoy) => (envoy != own.0, (envoy, own.1)),
            None => (false, own),
        };
        let name = acl.conversation_id.as_ref().filter(|name| !name.is_empty());
        let answers = acl.in_reply_to.as_ref().filter(|token| !token.is_empty());
        let token = answers.and_then(Expression::to_text);
        let act = acl.performative;
        // A request under a name that was used before, and that answers nothing, begins the next run of it.
        let begins = answers.is_none() && act.is_directive();
        let known = if begins {
            None
        } else {
            self.ledger.find(&pair, name, token.as_deref())
        };
        // A directive may well answer something and still begin what it asks for.
        let may_open = act.can_open() && (answers.is_none() || act.is_directive());
        if known.is_none() && !may_open {
            return Err(GatewayError::NoConversation);
        }
        let (known, asked) = known.map_or((None, None), |it| (Some(it.id), it.asked_by));
        let draft = if gone {
            let performative = asked.map_or(act, not_reached);
            self.draft(
                &Acl {
                    performative,
                    ..acl.clone()
                },
                now,
            )?
        } else {
            said.clone()
        };
        Ok(Plan {
            pair,
            draft,
            known,
            gone,
        })
    }

    fn carry_out<'a>(
        &mut self,
        acl: &Acl,
        plan: Plan,
        named: impl Iterator<Item = &'a AgentId>,
        now: Timestamp,
    ) -> Result<Inbound, GatewayError> {
        let Plan {
            pair, draft, known, ..
        } = plan;
        let (envoy, local) = &pair;
        let id = known.unwrap_or_else(|| {
            self.runs += 1;
            let (begun, run) = (self.begun.as_micros(), self.runs);
            ConversationId::from_foreign(&format!(
                "outside {envoy} {local} {begun} {} {run}",
                now.as_micros()
            ))
        });
        let thread = self.ledger.enter(&pair, id, outside_name(acl));
        thread.gone = plan.gone;
        if let Some(written) = acl.reply_with.as_ref().filter(|token| !token.is_empty()) {
            thread.remember(token(written)?, written);
        }
        let tenant = thread.tenant.clone();
        // Whoever is answered instead of the sender goes on under the same name.
        for other in named.filter(|other| *other != envoy) {
            let pair = (other.clone(), local.clone());
            self.ledger.enter(&pair, id, outside_name(acl)).tenant = tenant.clone();
        }
        let mut draft = draft.to(local).conversation(id);
        if let Some(tenant) = tenant {
            draft = draft.tenant(tenant);
        }
        let (envoy, local) = pair;
        Ok(Inbound {
            envoy,
            local,
            draft,
            opens: known.is_none(),
        })
    }

    /// Who is meant here. A message to agents of both sides names all of them; the others are reached over there.
    fn locals(&self, acl: &Acl, intended: &[&str]) -> Result<BTreeSet<AgentId>, GatewayError> {
        let mut locals = BTreeSet::new();
        let named = acl.receivers.iter().map(|receiver| receiver.name.as_str());
        let theirs = |name: &str| intended.is_empty() && self.is_of_platform(name);
        let names: Vec<&str> = if intended.is_empty() {
            named.collect()
        } else {
            intended.to_vec()
        };
        for name in names {
            match self.exports.get(name) {
                Some(local) => drop(locals.insert(local.clone())),
                None if theirs(name) => {}
                None => return Err(GatewayError::Unknown(name.to_owned())),
            }
        }
        if locals.is_empty() {
            return Err(GatewayError::NoReceiver);
        }
        Ok(locals)
    }

    fn is_of_platform(&self, name: &str) -> bool {
        name.rsplit_once('@')
            .is_some_and(|(_, there)| there.eq_ignore_ascii_case(&self.options.platform))
    }

    /// What all of the string's messages say, so far to nobody.
    fn draft(&self, acl: &Acl, now: Timestamp) -> Result<Draft, GatewayError> {
        let mut reply_to = Vec::new();
        for agent in &acl.reply_to {
            reply_to.push(match self.exports.get(&agent.name) {
                Some(local) => local.clone(),
                None => self.envoy(agent)?,
            });
        }
        let mut said = Acl {
            receivers: Vec::new(),
            reply_to: Vec::new(),
            reply_with: None,
            ..acl.clone()
        };
        // An empty text says no more than a parameter that is left out, which JADE does.
        for value in [
            &mut said.language,
            &mut said.encoding,
            &mut said.ontology,
            &mut said.in_reply_to,
        ] {
            *value = value.take().filter(|value| !value.is_empty());
        }
        let mut draft = said.to_draft_with(now, |agent| agent.name.parse())?;
        for party in reply_to {
            draft = draft.reply_to(party);
        }
        if let Some(token) = acl.reply_with.as_ref().filter(|token| !token.is_empty()) {
            draft = draft.reply_with(self::token(token)?);
        }
        if let Some(latest) = acl.reply_by {
            draft = draft.reply_by(latest.at_offset(now, self.options.minutes_east));
        }
        // The names with which messages of ours describe themselves are not for others to use.
        let own = acl.user.iter().filter(|(name, _)| !is_ours(name));
        for (at, (name, value)) in own.enumerate() {
            let asked = at + 1;
            let text = value.to_text().filter(|text| {
                asked <= PARAMETERS
                    && text.len() <= PARAMETER_BYTES
                    && name.len() <= PARAMETER_BYTES
            });
            let Some(text) = text else {
                let allowed = PARAMETERS;
                return Err(GatewayError::Parameters { asked, allowed });
            };
            draft = draft.metadata(name, text);
        }
        Ok(draft)
    }

    /// The envoy that an AMS reports as not reached: its failure is said in the envoy's name, since the AMS has no part
    /// in the conversation.
    fn unreached(&self, acl: &Acl, sender: &AgentName, local: &AgentId) -> Option<AgentId> {
        let ams = format!("ams@{}", self.options.platform);
        if acl.performative != Performative::Failure || !sender.name.eq_ignore_ascii_case(&ams) {
            return None;
        }
        let content = acl.content.as_ref().and_then(|content| content.as_str());
        let named = content
            .and_then(unreached)
            .and_then(|agent| name::envoy(&agent.name, &self.options.zone).ok());
        let conversation = acl.conversation_id.as_ref().filter(|name| !name.is_empty());
        let token = acl.in_reply_to.as_ref().and_then(Expression::as_str);
        let mut candidates = self.ledger.envoys_of(local, conversation, token);
        match named {
            Some(named) => candidates.find(|envoy| **envoy == named).cloned(),
            // It does not say whom; that is clear if there is one only.
            None => candidates
                .next()
                .filter(|_| candidates.next().is_none())
                .cloned(),
        }
    }

    /// The envoy of an outside agent, whether it is known or not.
    fn envoy(&self, agent: &AgentName) -> Result<AgentId, GatewayError> {
        self.check_platform(agent)?;
        let asked = agent.to_string().len();
        check_length("agent-identifier", asked, AGENT_BYTES)?;
        Ok(name::envoy(&agent.name, &self.options.zone)?)
    }

    /// Forgets the conversations of those who gave way.
    fn forget(&mut self, arrival: &Arrival) {
        for envoy in &arrival.leave {
            self.ledger.forget(envoy);
        }
    }

    /// Forgets an outside agent with its conversations.
    pub(super) fn dismiss(&mut self, envoy: &AgentId) {
        self.guests.remove(envoy);
        self.ledger.forget(envoy);
    }

    /// Agents of other platforms are let in by nobody; so nobody outside bears the name of one of ours.
    fn check_platform(&self, agent: &AgentName) -> Result<(), GatewayError> {
        if self.is_of_platform(&agent.name) && !self.exports.contains_key(&agent.name) {
            return Ok(());
        }
        Err(GatewayError::OtherPlatform {
            name: agent.name.clone(),
            platform: self.options.platform.clone(),
        })
    }

    /// The string that a message to an envoy becomes, and for whom.
    pub(super) fn outbound(
        &mut self,
        envoy: &AgentId,
        message: &Message,
    ) -> Result<(AgentName, Acl), GatewayError> {
        let unknown = |party: &dyn ToString| GatewayError::Unknown(party.to_string());
        let to = self
            .guests
            .name(envoy)
            .cloned()
            .ok_or_else(|| unknown(envoy))?;
        let local = message
            .sender
            .agent()
            .cloned()
            .ok_or_else(|| unknown(&message.sender))?;
        let mut acl = Acl::new(message.performative);
        acl.sender = Some(self.outside(&message.sender)?);
        acl.receivers = vec![to.clone()];
        for party in &message.reply_to {
            acl.reply_to.push(self.outside(party)?);
        }
        acl.set_content_for_jade(&message.content);
        let text = |value: &Option<String>| value.clone().map(Expression::from);
        acl.language = text(&message.language);
        acl.encoding = text(&message.encoding);
        acl.ontology = text(&message.ontology);
        acl.protocol = message.protocol.map(|protocol| protocol.to_string());
        acl.reply_with = text(&message.reply_with);
        acl.reply_by = message.reply_by.map(Into::into);
        for (name, value) in &message.envelope.metadata {
            if !is_ours(name) {
                // What is no name of a parameter stays here: it is free metadata of ours.
                let _ = acl.user.insert(name.as_str(), value.as_str());
            }
        }
        let pair = (envoy.clone(), local);
        let id = message.conversation_id;
        if self.ledger.get(&pair, id).is_none() {
            self.ledger.enter(&pair, id, Outside::Ours);
        }
        let Some(thread) = self.ledger.get(&pair, id) else {
            return Err(GatewayError::NoConversation);
        };
        if thread.gone && message.performative == Performative::NotUnderstood {
            return Err(GatewayError::Gone);
        }
        // A conversation is about one tenant from its first act to its last, so answers from outside are too.
        thread.tenant = Some(message.envelope.tenant.clone());
        if let Some(token) = &message.reply_with {
            thread.expects(token);
        }
        if message.performative.expects_reply() {
            thread.asked_by = Some(message.performative);
        }
        acl.in_reply_to = message
            .in_reply_to
            .as_deref()
            .map(|token| thread.written(token));
        acl.conversation_id = match &thread.outside {
            Outside::Ours => Some(id.to_string().into()),
            Outside::Named(name) => Some(name.clone()),
            Outside::Unnamed => None,
        };
        Ok((to, acl))
    }

    /// How a party is called outside.
    fn outside(&self, party: &Party) -> Result<AgentName, GatewayError> {
        let agent = party.agent();
        if let Some(guest) = agent.and_then(|agent| self.guests.name(agent)) {
            return Ok(guest.clone());
        }
        let name = agent
            .and_then(|agent| self.names.get(agent))
            .ok_or_else(|| GatewayError::Unknown(party.to_string()))?;
        Ok(AgentName {
            addresses: self.options.addresses.clone(),
            ..AgentName::new(name)
        })
    }

    /// What the other side is told about a string that was not let in; nothing about one that says as much itself.
    pub(super) fn objection(&self, acl: &Acl, error: &GatewayError) -> Option<(AgentName, Acl)> {
        use Performative::{Failure, NotUnderstood, Refuse};
        let sender = acl.sender.as_ref()?;
        if matches!(acl.performative, NotUnderstood | Failure) || self.envoy(sender).is_err() {
            return None;
        }
        let ours = AgentName {
            addresses: self.options.addresses.clone(),
            ..AgentName::new(format!("ams@{}", self.options.ours))
        };
        let (act, content) = match error {
            GatewayError::Unknown(name) if name.len() <= NAME_BYTES => {
                let unknown = AgentName::new(name);
                let why = aios_protocols::Reason::new(
                    aios_protocols::ReasonKind::InternalError,
                    "Agent not found",
                );
                let content =
                    format!("((action {sender} (ACLMessage)) (MTS-error {unknown} {why}))");
                (Failure, content)
            }
            GatewayError::TooManyGuests { .. } | GatewayError::NotDelivered(_)
                if !matches!(error, GatewayError::NotDelivered(SendError::Seal(_))) =>
            {
                let kind = aios_protocols::ReasonKind::Overloaded;
                let why = aios_protocols::Reason::new(kind, shortened(error));
                (
                    if acl.performative.is_directive() {
                        Refuse
                    } else {
                        Failure
                    },
                    why.to_string(),
                )
            }
            _ => {
                let kind = aios_protocols::ReasonKind::UnrecognisedValue;
                let why = aios_protocols::Reason::new(kind, shortened(error));
                (NotUnderstood, why.to_string())
            }
        };
        let mut answer = Acl::new(act);
        answer.sender = Some(ours);
        // Nobody but the sender: it alone says where it is reached.
        answer.receivers = vec![sender.clone()];
        answer.content = Some(content.into());
        answer.language = Some("fipa-sl".into());
        // An address of the sender's choice gets no more than a few bytes for the many it sent.
        let short = |value: &Option<Expression>| {
            let value = value.as_ref();
            value
                .filter(|it| length(it).is_some_and(|bytes| bytes <= NAME_BYTES))
                .cloned()
        };
        let protocol = acl.protocol.as_ref();
        answer.protocol = protocol.filter(|it| it.len() <= NAME_BYTES).cloned();
        answer.ontology = short(&acl.ontology);
        answer.conversation_id = short(&acl.conversation_id);
        answer.in_reply_to = short(&acl.reply_with);
        Some((sender.clone(), answer))
    }
}

/// The act by which a protocol lets somebody say that nothing will come of what was asked by this one. FIPA's AMS says
/// `failure` whatever the protocol is, which most expect only later.
pub(super) const fn not_reached(asked: Performative) -> Performative {
    use Performative::{Cfp, Failure, Propose, Proxy, Refuse, RejectProposal, RequestWhen};
    match asked {
        Cfp | Proxy | RequestWhen => Refuse,
        Propose => RejectProposal,
        _ => Failure,
    }
}

/// What a message of ours bears for what an answer must name: the text itself, or for a list or a long text a short one
/// that stands for it.
fn token(written: &Expression) -> Result<String, GatewayError> {
    let text = written.to_text().ok_or(AclError::NoText("reply-with"))?;
    if written.as_str().is_some() && text.len() <= Limits::CONTROL.parameter {
        return Ok(text);
    }
    Ok(format!("outside:{}", ConversationId::from_foreign(&text)))
}

/// Bytes of a value, whether they are a text or not; `None` of a list that is no text.
fn length(value: &Expression) -> Option<usize> {
    match value {
        Expression::Text(text) => Some(text.as_bytes().len()),
        Expression::List(_) => value.to_text().map(|text| text.len()),
    }
}

/// What an error says, as far as it is short: it may quote what it is about.
fn shortened(error: &GatewayError) -> String {
    let mut text = error.to_string();
    if text.len() > NAME_BYTES {
        text.truncate(text.floor_char_boundary(NAME_BYTES));
        text.push('…');
    }
    text
}

fn check_length(what: &'static str, asked: usize, allowed: usize) -> Result<(), GatewayError> {
    if asked <= allowed {
        return Ok(());
    }
    Err(GatewayError::TooLong {
        what,
        asked,
        allowed,
    })
}

fn outside_name(acl: &Acl) -> Outside {
    match acl.conversation_id.as_ref().filter(|name| !name.is_empty()) {
        Some(name) => Outside::Named(name.clone()),
        None => Outside::Unnamed,
    }
}

/// Parameters by which messages of ours, or JADE's base64, describe themselves.
fn is_ours(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.starts_with("x-aios-") || lower == "x-traceparent" || lower == "x-jade-encoding"
}
