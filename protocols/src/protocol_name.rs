//! The names of FIPA's interaction protocols.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Performative;
use crate::printable::Printable;

/// An interaction protocol whose rules [`crate::conversation`] enforces. The number travels and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(i32)]
pub enum ProtocolName {
    /// FIPA00026.
    FipaRequest = 1,
    /// FIPA00027.
    FipaQuery = 2,
    /// FIPA00028.
    FipaRequestWhen = 3,
    /// FIPA00029.
    FipaContractNet = 4,
    /// FIPA00030.
    FipaIteratedContractNet = 5,
    /// FIPA00033.
    FipaBrokering = 6,
    /// FIPA00034.
    FipaRecruiting = 7,
    /// FIPA00035.
    FipaSubscribe = 8,
    /// FIPA00036.
    FipaPropose = 9,
}

impl ProtocolName {
    /// All protocols, in the order of their numbers.
    pub const ALL: [ProtocolName; 9] = [
        ProtocolName::FipaRequest,
        ProtocolName::FipaQuery,
        ProtocolName::FipaRequestWhen,
        ProtocolName::FipaContractNet,
        ProtocolName::FipaIteratedContractNet,
        ProtocolName::FipaBrokering,
        ProtocolName::FipaRecruiting,
        ProtocolName::FipaSubscribe,
        ProtocolName::FipaPropose,
    ];

    /// FIPA's name: `fipa-contract-net`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProtocolName::FipaRequest => "fipa-request",
            ProtocolName::FipaQuery => "fipa-query",
            ProtocolName::FipaRequestWhen => "fipa-request-when",
            ProtocolName::FipaContractNet => "fipa-contract-net",
            ProtocolName::FipaIteratedContractNet => "fipa-iterated-contract-net",
            ProtocolName::FipaBrokering => "fipa-brokering",
            ProtocolName::FipaRecruiting => "fipa-recruiting",
            ProtocolName::FipaSubscribe => "fipa-subscribe",
            ProtocolName::FipaPropose => "fipa-propose",
        }
    }

    /// The wire number.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The protocol with this wire number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.number() == number)
    }

    /// The protocol that an act opens when its message names none; `None` for an act that stands alone.
    pub const fn natural_for(act: Performative) -> Option<Self> {
        match act {
            Performative::Request => Some(ProtocolName::FipaRequest),
            Performative::QueryIf | Performative::QueryRef => Some(ProtocolName::FipaQuery),
            Performative::RequestWhen => Some(ProtocolName::FipaRequestWhen),
            Performative::Cfp => Some(ProtocolName::FipaContractNet),
            Performative::Proxy => Some(ProtocolName::FipaBrokering),
            Performative::Subscribe | Performative::RequestWhenever => {
                Some(ProtocolName::FipaSubscribe)
            }
            Performative::Propose => Some(ProtocolName::FipaPropose),
            _ => None,
        }
    }
}

impl fmt::Display for ProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no protocol that is enforced here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{}` is not an interaction protocol known here; leave the protocol out or use one of FIPA00026 to FIPA00036",
    Printable(.0)
)]
pub struct UnknownProtocol(pub String);

impl FromStr for ProtocolName {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownProtocol(text.chars().take(40).collect()))
    }
}
