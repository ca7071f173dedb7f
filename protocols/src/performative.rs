//! The 22 communicative acts of FIPA00037, with the numbers they have on the wire.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::printable::Printable;

macro_rules! performatives {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// What a message does. The number is the protobuf number and never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(i32)]
        pub enum Performative {
            $($(#[$doc])* #[serde(rename = $text)] $name = $number,)*
        }

        impl Performative {
            /// All acts, in the order of their numbers.
            pub const ALL: [Performative; 22] = [$(Performative::$name,)*];

            /// FIPA's word for the act: `accept-proposal`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Performative::$name => $text,)*
                }
            }

            /// The act with this wire number.
            pub const fn from_number(number: i32) -> Option<Self> {
                match number {
                    $($number => Some(Performative::$name),)*
                    _ => None,
                }
            }
        }
    };
}

performatives! {
    /// Do this.
    Request = 1, "request";
    /// This is true.
    Inform = 2, "inform";
    /// I would do this under these conditions.
    Propose = 3, "propose";
    /// Do what you proposed.
    AcceptProposal = 4, "accept-proposal";
    /// Do not do what you proposed.
    RejectProposal = 5, "reject-proposal";
    /// I will do it.
    Agree = 6, "agree";
    /// I will not do it, with the reason.
    Refuse = 7, "refuse";
    /// I no longer want it.
    Cancel = 8, "cancel";
    /// I tried and it failed, with the reason.
    Failure = 9, "failure";
    /// Is this true?
    QueryIf = 10, "query-if";
    /// Which thing is it?
    QueryRef = 11, "query-ref";
    /// Yes, that is true (to one who was unsure).
    Confirm = 12, "confirm";
    /// I did not understand your act. Never answered in turn.
    NotUnderstood = 13, "not-understood";
    /// Who would do this, and how?
    Cfp = 14, "cfp";
    /// No, that is false (to one who believed it).
    Disconfirm = 15, "disconfirm";
    /// Tells whether something is true.
    InformIf = 16, "inform-if";
    /// Tells which thing it is.
    InformRef = 17, "inform-ref";
    /// Take this message as sent to you and pass it on.
    Propagate = 18, "propagate";
    /// Pass this message on to agents that fit a description.
    Proxy = 19, "proxy";
    /// Do this once a condition holds.
    RequestWhen = 20, "request-when";
    /// Do this each time a condition begins to hold.
    RequestWhenever = 21, "request-whenever";
    /// Tell me the value, and again whenever it changes.
    Subscribe = 22, "subscribe";
}

impl Performative {
    /// The wire number.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// True of acts that want the receiver to do something: taken up after their reply-by they are dropped.
    pub const fn is_directive(self) -> bool {
        use Performative::*;
        matches!(
            self,
            Request
                | QueryIf
                | QueryRef
                | Cfp
                | Proxy
                | Propagate
                | RequestWhen
                | RequestWhenever
                | Subscribe
        )
    }

    /// True of acts after which the sender waits for an answer.
    pub const fn expects_reply(self) -> bool {
        use Performative::*;
        matches!(
            self,
            Request
                | QueryIf
                | QueryRef
                | Cfp
                | Proxy
                | RequestWhen
                | RequestWhenever
                | Subscribe
                | Propose
                | AcceptProposal
                | Cancel
        )
    }

    /// False of acts that only make sense within a conversation: answers, and cancel.
    pub const fn can_open(self) -> bool {
        use Performative::*;
        !matches!(
            self,
            Agree | Refuse | Failure | AcceptProposal | RejectProposal | NotUnderstood | Cancel
        )
    }
}

impl fmt::Display for Performative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is none of the 22 acts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{}` is not one of FIPA's 22 communicative acts", Printable(.0))]
pub struct UnknownPerformative(pub String);

impl FromStr for Performative {
    type Err = UnknownPerformative;

    /// Case does not matter, as FIPA00070 has it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|act| act.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownPerformative(text.chars().take(40).collect()))
    }
}

impl From<Performative> for i32 {
    fn from(act: Performative) -> i32 {
        act.number()
    }
}
