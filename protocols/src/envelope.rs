//! What stands around FIPA's 13 parameters: who signed it when, in which order, for whom it is paid.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{KeyId, MessageId, TenantId, Timestamp, TraceContext};

/// How soon a message should be taken up.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[repr(i32)]
pub enum Qos {
    /// Below 50 ms.
    Realtime = 1,
    /// Below 500 ms.
    #[default]
    Interactive = 2,
    /// When there is room.
    Bulk = 3,
}

impl Qos {
    /// All classes, the most urgent first.
    pub const ALL: [Qos; 3] = [Qos::Realtime, Qos::Interactive, Qos::Bulk];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Qos::Realtime => "realtime",
            Qos::Interactive => "interactive",
            Qos::Bulk => "bulk",
        }
    }

    /// The wire number.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The class with this wire number.
    pub const fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Qos::Realtime),
            2 => Some(Qos::Interactive),
            3 => Some(Qos::Bulk),
            _ => None,
        }
    }
}

impl fmt::Display for Qos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The transport's part of a message. All of it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Names the message.
    pub id: MessageId,
    /// Whose data it is about.
    pub tenant: TenantId,
    /// Which of the sender's keys signed it.
    pub key_id: KeyId,
    /// Grows whenever the sender may have forgotten its sequence numbers.
    pub epoch: u64,
    /// Position in the sender's stream to this receiver within the epoch, from 1.
    pub sequence: u64,
    /// How soon it should be taken up.
    pub qos: Qos,
    /// When it was signed.
    pub timestamp: Timestamp,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// Free pairs; few and short.
    pub metadata: BTreeMap<String, String>,
}
