//! What an agent says about itself when it registers, and what others find it by.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::printable::Printable;
use crate::{AgentId, OpenTo, Opener, Performative, ProtocolName, Qos, Tier};

/// Entries in one list of a card.
const MAX_ENTRIES: usize = 64;
/// Skills of a card: an executor offers each tool of its node, those of servers included.
const MAX_SKILLS: usize = 1_024;
/// Bytes of one text in a card.
const MAX_TEXT: usize = 256;

/// An agent's capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCard {
    /// The agent's name.
    pub id: AgentId,
    /// Tier and type: `macro.executor`.
    pub role: String,
    /// Version of the agent's code.
    pub version: String,
    /// One sentence for people and for search by meaning.
    #[serde(default)]
    pub description: String,
    /// What it can do: `sql`, `chart`.
    #[serde(default)]
    pub skills: BTreeSet<String>,
    /// What is to be known of a skill before it is used, by its name: FIPA's properties of a service, as name and value. What they mean is
    /// between who offers and who asks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, BTreeMap<String, String>>,
    /// What it knows about: `sales`.
    #[serde(default)]
    pub domains: BTreeSet<String>,
    /// Models it answers with.
    #[serde(default)]
    pub models: BTreeSet<String>,
    /// Ontologies it understands.
    #[serde(default)]
    pub ontologies: BTreeSet<String>,
    /// Interaction protocols it takes part in.
    #[serde(default)]
    pub protocols: BTreeSet<ProtocolName>,
    /// Acts it takes from others; an act outside is answered `unsupported-act`.
    #[serde(default)]
    pub accepts: BTreeSet<Performative>,
    /// Who may open a conversation with it, within what the tiers allow. A card that says nothing about it, such as one
    /// written before there was this field, is open to agents and to no principal.
    #[serde(default)]
    pub open_to: OpenTo,
    /// Urgencies it can serve.
    #[serde(default)]
    pub qos: BTreeSet<Qos>,
    /// Whether what opens a conversation with it is on record before it is acknowledged, and outlives the process. What it is enrolled with
    /// decides; the card says it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub durable: bool,
    /// How long the registration lasts without a heartbeat.
    pub ttl: Duration,
    /// Where it can be reached from other processes.
    #[serde(default)]
    pub endpoint: Endpoint,
}

/// Addresses of an agent outside its own process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address of its gRPC server.
    pub grpc: Option<String>,
    /// Name of its shared memory.
    pub shared_memory: Option<String>,
    /// Subject it listens on.
    pub nats_subject: Option<String>,
}

/// Why a card cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CardError {
    /// The role is not that of the identifier.
    #[error("the card of {id} claims the role {}; write {}", Printable(.role), id.role())]
    Role {
        /// The agent.
        id: AgentId,
        /// The role claimed.
        role: String,
    },
    /// A list or text is too long.
    #[error("{asked} {what} are too many, {allowed} are allowed")]
    TooLong {
        /// What.
        what: &'static str,
        /// How many there are.
        asked: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// Principals do not reach micro agents, whatever their cards say.
    #[error(
        "{id} is a micro agent and cannot be open to {opener}; open a meso agent that speaks for it"
    )]
    OpenToPrincipals {
        /// The agent.
        id: AgentId,
        /// Who should have been let in.
        opener: Opener,
    },
    /// The registration would end at once.
    #[error("the card's ttl is zero; give it some seconds")]
    NoTtl,
}

impl AgentCard {
    /// How long a registration lasts unless said otherwise.
    pub const TTL: Duration = Duration::from_secs(30);

    /// A card that claims nothing but the name: interactive, 30 s, no skills, open to agents.
    pub fn new(id: AgentId) -> Self {
        Self {
            role: id.role().to_owned(),
            id,
            version: "0.1.0".to_owned(),
            description: String::new(),
            skills: BTreeSet::new(),
            properties: BTreeMap::new(),
            domains: BTreeSet::new(),
            models: BTreeSet::new(),
            ontologies: BTreeSet::new(),
            protocols: BTreeSet::new(),
            accepts: BTreeSet::new(),
            open_to: OpenTo::default(),
            qos: BTreeSet::from([Qos::Interactive]),
            durable: false,
            ttl: Self::TTL,
            endpoint: Endpoint::default(),
        }
    }

    /// Whether the card is consistent and within bounds.
    pub fn check(&self) -> Result<(), CardError> {
        if self.role != self.id.role() {
            return Err(CardError::Role {
                id: self.id.clone(),
                role: self.role.clone(),
            });
        }
        if self.ttl.is_zero() {
            return Err(CardError::NoTtl);
        }
        let lists = [
            ("skills", &self.skills, MAX_SKILLS),
            ("domains", &self.domains, MAX_ENTRIES),
            ("models", &self.models, MAX_ENTRIES),
            ("ontologies", &self.ontologies, MAX_ENTRIES),
        ];
        for (what, list, most) in lists {
            at_most(what, list.len(), most)?;
            for text in list {
                at_most("bytes in an entry", text.len(), MAX_TEXT)?;
            }
        }
        at_most("skills with properties", self.properties.len(), MAX_SKILLS)?;
        for (skill, properties) in &self.properties {
            at_most("properties of a skill", properties.len(), MAX_ENTRIES)?;
            let texts = properties.iter().flat_map(|(name, value)| [name, value]);
            for text in texts.chain([skill]) {
                at_most("bytes in a property", text.len(), 4 * MAX_TEXT)?;
            }
        }
        at_most("openers", self.open_to.openers().len(), MAX_ENTRIES)?;
        if self.id.tier() == Tier::Micro
            && let Some(opener) = self
                .open_to
                .openers()
                .iter()
                .find(|opener| matches!(opener, Opener::Principal(_)))
        {
            return Err(CardError::OpenToPrincipals {
                id: self.id.clone(),
                opener: opener.clone(),
            });
        }
        at_most("bytes of version", self.version.len(), MAX_TEXT)?;
        at_most("bytes of description", self.description.len(), 4 * MAX_TEXT)
    }

    /// True if it takes such acts; a card that lists none takes all.
    pub fn takes(&self, act: Performative) -> bool {
        self.accepts.is_empty() || self.accepts.contains(&act)
    }
}

fn at_most(what: &'static str, asked: usize, allowed: usize) -> Result<(), CardError> {
    if asked > allowed {
        return Err(CardError::TooLong {
            what,
            asked,
            allowed,
        });
    }
    Ok(())
}
