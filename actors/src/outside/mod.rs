//! Agents of other FIPA platforms: a gateway between strings of FIPA00070 and signed messages of ours.
//!
//! An outside agent is heard here through an envoy: an agent `macro.outside.{name}@{zone}` whose key the [`Gateway`]
//! holds. What the outside agent says is signed by its envoy, so the gateway vouches for it, as far as it trusts the
//! channel the string came by; what agents here say to the envoy goes out as a string. Both doors stay as they are:
//! every message is verified, every conversation enforced, at each agent's own cell.
//!
//! Envoys are agents and no principals, because principals may only ask an interface agent and are never asked, and a
//! contract net needs both. What an envoy may reach is therefore decided here: the agents that were exported, nobody
//! else.
//!
//! A conversation has two names, one outside and one here; [`ledger`](self) keeps the pairs. Platforms use the same name
//! again for the next run (`book-trade`), send one `cfp` per seller under one name, or give none at all, so a name is
//! looked up for two agents and the run that is going on between them.
//!
//! The transport is the embedder's: it hands in what came ([`Gateway::receive`]) and carries away what goes out
//! ([`Outgoing`]). Read on in this order: `name`, `guests`, `ledger`, `bridge`, `gateway`.

mod bridge;
mod gateway;
mod guests;
mod ledger;
mod name;
mod stand_in;

use aios_protocols::fipa_string::{AclError, ReadError};
use aios_protocols::{IdentityError, Printable, TenantId};
use sha2::{Digest, Sha256};

use crate::AgentSystemError;
use crate::agent::SendError;

pub use gateway::{Gateway, Outgoing};
pub use stand_in::{Letter, StandIn, Unreached};

/// How the gateway to one platform is set up.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// The platform's name, which its agents bear after the `@`: `192.168.1.5:1099/JADE`. Nobody else is let in.
    pub platform: String,
    /// Zone of the envoys' names here: letters, digits, `-` and `_`.
    pub zone: String,
    /// Name of this side as a platform, for its own AMS: `ams@aios`.
    pub ours: String,
    /// Where agents of this side are reached from outside; written into their identifiers.
    pub addresses: Vec<String>,
    /// Minutes by which the platform's local time is ahead of UTC, for dates without `Z`. JADE always writes `Z`.
    pub minutes_east: i16,
    /// Whose data it is that outside agents begin to speak about. One tenant of its own for each platform unless said
    /// otherwise, so that strangers take no place that this world's own tenant has at an agent here.
    pub tenant: TenantId,
    /// Outside agents known at once. One that was not invited and was silent for ten minutes gives way to a new one.
    pub guests: usize,
    /// Conversations known at once, over all pairs of agents. The oldest of the pair that has most is forgotten first.
    pub conversations: usize,
    /// Strings that may wait to be carried away; what finds no place is answered `failure`.
    pub outgoing: usize,
    /// Bytes of them that may wait, those that are just being carried included.
    pub outgoing_bytes: usize,
}

impl GatewayOptions {
    /// The gateway to a platform, with envoys in the zone `outside`.
    #[expect(
        clippy::expect_used,
        reason = "the name is made here, of letters and digits"
    )]
    pub fn new(platform: impl Into<String>) -> Self {
        let platform = platform.into();
        let mut tenant = "outside-".to_owned();
        for byte in &Sha256::digest(platform.to_ascii_lowercase())[..8] {
            tenant.push_str(&format!("{byte:02x}"));
        }
        Self {
            tenant: TenantId::new(&tenant).expect("a sound name of a tenant"),
            platform,
            zone: "outside".to_owned(),
            ours: "aios".to_owned(),
            addresses: Vec::new(),
            minutes_east: 0,
            guests: 1_024,
            conversations: 4_096,
            outgoing: 1_024,
            outgoing_bytes: 16 << 20,
        }
    }
}

/// Why a string was not let in, or a message not let out.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It is no message.
    #[error(transparent)]
    Text(#[from] ReadError),
    /// It is no message that agents here understand, or none that can be written.
    #[error(transparent)]
    Acl(#[from] AclError),
    /// The envoy's name cannot be made.
    #[error(transparent)]
    Name(#[from] IdentityError),
    /// Nobody says it.
    #[error("the message has no :sender; write one so that it can be answered")]
    NoSender,
    /// The agent is of another platform.
    #[error("`{}` is not an agent of {}; open a gateway to its platform", Printable(.name), Printable(.platform))]
    OtherPlatform {
        /// Who.
        name: String,
        /// Whose agents are let in.
        platform: String,
    },
    /// Nobody is addressed.
    #[error("the message has no :receiver; write one")]
    NoReceiver,
    /// Not an agent that outside agents may speak to.
    #[error("no agent answers to `{}`; export one under this name", Printable(.0))]
    Unknown(String),
    /// The act answers something, but no conversation of these two is known by its name or in-reply-to.
    #[error("the act answers a conversation that is not known here; begin a new one")]
    NoConversation,
    /// More user-defined parameters, or longer ones, than a message carries.
    #[error(
        "{asked} user-defined parameters of a message, {allowed} of at most 1,024 bytes each are taken along"
    )]
    Parameters {
        /// How many there are, or one too long.
        asked: usize,
        /// How many may be.
        allowed: usize,
    },
    /// Something that the gateway would have to remember is longer than it does.
    #[error("the {what} has {asked} bytes, {allowed} are remembered; use a shorter one")]
    TooLong {
        /// What.
        what: &'static str,
        /// Bytes found.
        asked: usize,
        /// Bytes remembered.
        allowed: usize,
    },
    /// More agents in a reply-to than one string, or one sender, may name.
    #[error(
        "reply-to names {asked} agents, {allowed} more may be named; let them speak themselves"
    )]
    Strangers {
        /// How many are named.
        asked: usize,
        /// How many may be.
        allowed: usize,
    },
    /// No room for another outside agent.
    #[error("{allowed} outside agents are known and busy; ask again later")]
    TooManyGuests {
        /// How many may be.
        allowed: usize,
    },
    /// The envoy found no place among the agents.
    #[error(transparent)]
    AgentSystem(#[from] AgentSystemError),
    /// The agent here did not take it.
    #[error(transparent)]
    NotDelivered(#[from] SendError),
    /// The transport does not keep up.
    #[error("{allowed} strings wait to be carried; carry some away first")]
    Full {
        /// How many may wait.
        allowed: usize,
    },
    /// The transport does not keep up.
    #[error(
        "{allowed} bytes may wait to be carried, and these are too many; carry some away first"
    )]
    FullOfBytes {
        /// How many may wait.
        allowed: usize,
    },
    /// The receiver of what goes out was dropped.
    #[error("nobody carries strings away any more; open the gateway anew")]
    Closed,
    /// The report that nobody is there was itself not understood; it goes no further, or it would come back.
    #[error("the receiver is gone, and so is what was said about it")]
    Gone,
}
