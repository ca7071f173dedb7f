//! Signed FIPA-ACL messages: the words agents use.
//!
//! An agent writes a [`Draft`]; its [`Sealer`] stamps and signs it into a [`Sealed`] frame; the receiver's
//! [`Verifier`] turns the frame into a [`Trusted`] message or a [`Refusal`]. [`conversation`] then says whether the
//! act was expected, and [`access`] who may open what. Nothing here reads a clock, draws a random number or touches a
//! socket: time and randomness are arguments, so every rule can be tested as a table.
//!
//! Read in this order: identity, performative, signing, message, draft, codec, keys, replay, verifier, conversation.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agent_card;
mod calendar;
mod codec;
mod content;
mod draft;
mod envelope;
mod identity;
mod ids;
mod key_claim;
mod keys;
mod limits;
mod message;
mod open_to;
mod performative;
mod printable;
mod protocol_name;
mod reason;
mod refusal;
mod replay;
mod sealer;
mod signing;
mod timestamp;
mod trace;
mod verifier;
mod wire;

pub mod access;
pub mod conversation;
pub mod fipa_string;
pub mod ports;
pub mod subject;
pub mod tensor;

pub use agent_card::{AgentCard, CardError, Endpoint};
pub use codec::Sealed;
pub use content::{Content, ContentError};
pub use conversation::{Conversation, ConversationKey, Conversations, OutOfProtocol};
pub use draft::Draft;
pub use envelope::{Envelope, Qos};
pub use identity::{AgentId, IdentityError, Party, PrincipalId, PrincipalKind, TenantId, Tier};
pub use ids::{ConversationId, IdError, MessageId};
pub use key_claim::KeyClaim;
pub use keys::{KeyDirectory, KeyProblem, KeyRegistry, RegistryError};
pub use limits::{DecodeError, EncodeError, Limits, OverLimit};
pub use message::Message;
pub use open_to::{OpenTo, Opener, Role};
pub use performative::{Performative, UnknownPerformative};
pub use printable::{Printable, is_printable};
pub use protocol_name::{ProtocolName, UnknownProtocol};
pub use reason::{NotAReason, Reason, ReasonKind};
pub use refusal::Refusal;
pub use replay::{ReplayProblem, ReplayWindow, ReplayWindows};
pub use sealer::{SealError, Sealer, Sequencer};
pub use signing::{KeyError, KeyId, PublicKey, Signature, SigningIdentity};
pub use subject::{Subject, SubjectError, SubjectPattern};
pub use timestamp::{Timestamp, TimestampError};
pub use trace::{TraceContext, TraceError};
pub use verifier::{Authentic, Trusted, Verifier, authenticate};
