//! Messages as bytes: the only place where signed bytes are made and read.
//!
//! A frame is `magic and version (4) | signature (64) | body`; the body is protobuf. Protobuf has many encodings of
//! one message, so what is signed is the body exactly as it travels, wrapped as `signing` says. The layout is
//! drawn in `docs/formats/message.md` and held by golden bytes in `tests/golden`.
//!
//! Sender and key id come first in a body, in this order, so that a receiver can find the key and check the signature
//! with two bounded reads; protobuf decoding starts only after the signature held.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;

use crate::limits::{DecodeError, EncodeError, Limits, MAX_PARTY, OverLimit, VERSION};
use crate::{
    Content, ConversationId, Envelope, KeyId, Message, MessageId, Party, Performative,
    ProtocolName, PublicKey, Qos, Signature, SigningIdentity, TenantId, Timestamp, TraceContext,
    wire,
};

/// First bytes of every frame; the fourth is the version.
const MAGIC: [u8; 3] = *b"AIM";
const SIGNATURE_AT: usize = MAGIC.len() + 1;
const BODY_AT: usize = SIGNATURE_AT + Signature::LENGTH;
/// What a message's signature is made for; a signature over anything else is none over a message.
const MESSAGE_TYPE: &str = "application/vnd.aios.fipa-acl";

/// A signed message as it travels. Cloning is a reference count; nothing about it is trusted.
#[derive(Clone)]
pub struct Sealed {
    frame: Bytes,
    /// The key under which the signature holds: found by whoever held this frame or a clone of it, or known to whoever made it with that key's
    /// secret. Bytes never change, so it holds for the next one too, who looks at everything else anew. Bytes that came from elsewhere know
    /// of no key.
    holds_under: Arc<OnceLock<[u8; 32]>>,
}

impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.frame == other.frame
    }
}

impl Eq for Sealed {}

impl std::hash::Hash for Sealed {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.frame.hash(state);
    }
}

impl Sealed {
    /// Takes bytes as they came; nothing is checked yet.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self {
            frame: bytes.into(),
            holds_under: Arc::default(),
        }
    }

    /// The frame.
    pub fn as_bytes(&self) -> &Bytes {
        &self.frame
    }

    /// The frame.
    pub fn into_bytes(self) -> Bytes {
        self.frame
    }

    /// Length of the frame in bytes.
    pub fn len(&self) -> usize {
        self.frame.len()
    }

    /// True of an empty frame, which no message has.
    pub fn is_empty(&self) -> bool {
        self.frame.is_empty()
    }

    /// The frame of a signature that was made just now, over this body, with the secret half of this key.
    fn signed(signature: &Signature, body: &[u8], key: &PublicKey) -> Self {
        let frame = Self::assemble(signature, body);
        let _ = frame.holds_under.set(key.to_bytes());
        frame
    }

    fn assemble(signature: &Signature, body: &[u8]) -> Self {
        let mut frame = BytesMut::with_capacity(BODY_AT + body.len());
        frame.put_slice(&MAGIC);
        frame.put_u8(VERSION);
        frame.put_slice(&signature.to_bytes());
        frame.put_slice(body);
        Self::from_bytes(frame.freeze())
    }

    /// Whether the signature is this key's over the whole body. The arithmetic is done once for a frame and its clones; signing is that once
    /// for a frame that was made here.
    pub(crate) fn holds_under(&self, key: &PublicKey, signature: &Signature, body: &[u8]) -> bool {
        let bytes = key.to_bytes();
        if self.holds_under.get() == Some(&bytes) {
            return true;
        }
        let holds = key.verifies(MESSAGE_TYPE, body, signature);
        if holds {
            // Another key that fits the same frame may have been first; then this one is looked at again.
            let _ = self.holds_under.set(bytes);
        }
        holds
    }

    /// Signature and body, once the fixed part is right.
    pub(crate) fn parts(&self) -> Result<(Signature, Bytes), DecodeError> {
        let too_short = DecodeError::TooShort {
            asked: self.frame.len(),
            allowed: BODY_AT,
        };
        let Some((head, _)) = self.frame.split_at_checked(BODY_AT) else {
            return Err(too_short);
        };
        let (magic, rest) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(DecodeError::Magic);
        }
        let (version, signature) = rest.split_at(1);
        if version != [VERSION] {
            return Err(DecodeError::Version { found: version[0] });
        }
        let signature = Signature::from_slice(signature).ok_or(too_short)?;
        Ok((signature, self.frame.slice(BODY_AT..)))
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.frame.len())
    }
}

impl SigningIdentity {
    /// Signs a stamped message of this party.
    pub fn seal(&self, message: &Message, limits: &Limits) -> Result<Sealed, EncodeError> {
        if message.sender != *self.party() || message.envelope.key_id != self.key_id() {
            return Err(EncodeError::NotTheSigner {
                sender: message.sender.clone(),
                signer: self.party().clone(),
            });
        }
        let body = encode_body(message, limits)?;
        let signature = self.sign(MESSAGE_TYPE, &body);
        Ok(Sealed::signed(&signature, &body, &self.public_key()))
    }
}

/// The body as it travels. Numbers never change; new fields get new numbers.
#[derive(Clone, PartialEq, prost::Message)]
struct Body {
    #[prost(string, tag = "1")]
    sender: String,
    #[prost(bytes = "bytes", tag = "2")]
    key_id: Bytes,
    #[prost(int32, tag = "3")]
    performative: i32,
    #[prost(string, repeated, tag = "4")]
    receivers: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    reply_to: Vec<String>,
    #[prost(bytes = "bytes", tag = "6")]
    content: Bytes,
    #[prost(string, optional, tag = "7")]
    language: Option<String>,
    #[prost(string, optional, tag = "8")]
    encoding: Option<String>,
    #[prost(string, optional, tag = "9")]
    ontology: Option<String>,
    #[prost(int32, tag = "10")]
    protocol: i32,
    #[prost(bytes = "bytes", tag = "11")]
    conversation_id: Bytes,
    #[prost(string, optional, tag = "12")]
    reply_with: Option<String>,
    #[prost(string, optional, tag = "13")]
    in_reply_to: Option<String>,
    #[prost(uint64, optional, tag = "14")]
    reply_by: Option<u64>,
    #[prost(bytes = "bytes", tag = "15")]
    message_id: Bytes,
    #[prost(string, tag = "16")]
    tenant: String,
    #[prost(uint64, tag = "17")]
    epoch: u64,
    #[prost(uint64, tag = "18")]
    sequence: u64,
    #[prost(int32, tag = "19")]
    qos: i32,
    #[prost(uint64, tag = "20")]
    timestamp: u64,
    /// Trace id, span id, flags: 25 bytes, or none.
    #[prost(bytes = "bytes", tag = "21")]
    trace: Bytes,
    #[prost(btree_map = "string, string", tag = "22")]
    metadata: BTreeMap<String, String>,
}

/// The body's bytes. The message must be within the limits.
fn encode_body(message: &Message, limits: &Limits) -> Result<Vec<u8>, EncodeError> {
    if message.receivers.is_empty() {
        return Err(EncodeError::NoReceiver);
    }
    check_limits(message, limits)?;
    let text = |party: &Party| party.as_str().to_owned();
    let envelope = &message.envelope;
    let body = Body {
        sender: text(&message.sender),
        key_id: Bytes::copy_from_slice(envelope.key_id.as_bytes()),
        performative: message.performative.number(),
        receivers: message.receivers.iter().map(text).collect(),
        reply_to: message.reply_to.iter().map(text).collect(),
        content: message.content.as_bytes().clone(),
        language: message.language.clone(),
        encoding: message.encoding.clone(),
        ontology: message.ontology.clone(),
        protocol: message.protocol.map_or(0, ProtocolName::number),
        conversation_id: Bytes::copy_from_slice(message.conversation_id.as_bytes()),
        reply_with: message.reply_with.clone(),
        in_reply_to: message.in_reply_to.clone(),
        reply_by: message.reply_by.map(Timestamp::as_micros),
        message_id: Bytes::copy_from_slice(envelope.id.as_bytes()),
        tenant: envelope.tenant.as_str().to_owned(),
        epoch: envelope.epoch,
        sequence: envelope.sequence,
        qos: envelope.qos.number(),
        timestamp: envelope.timestamp.as_micros(),
        trace: envelope.trace.map_or_else(Bytes::new, write_trace),
        metadata: envelope.metadata.clone(),
    }
    .encode_to_vec();
    let asked = BODY_AT + body.len();
    if asked > limits.frame {
        return Err(over("bytes of a frame", asked, limits.frame).into());
    }
    Ok(body)
}

/// Reads a whole body. Content shares the frame's memory.
pub(crate) fn decode_body(bytes: Bytes, limits: &Limits) -> Result<Message, DecodeError> {
    wire::check(&bytes, limits)?;
    let body = Body::decode(bytes).map_err(|error| DecodeError::Protobuf(error.to_string()))?;
    let message = Message {
        performative: Performative::from_number(body.performative)
            .ok_or_else(|| value("performative", body.performative))?,
        sender: read_party("sender", &body.sender)?,
        receivers: read_parties("receiver", &body.receivers, limits)?,
        reply_to: read_parties("reply-to", &body.reply_to, limits)?,
        content: Content::bytes(body.content),
        language: body.language,
        encoding: body.encoding,
        ontology: body.ontology,
        protocol: match body.protocol {
            0 => None,
            number => {
                Some(ProtocolName::from_number(number).ok_or_else(|| value("protocol", number))?)
            }
        },
        conversation_id: ConversationId::from_bytes(array(
            "conversation id",
            &body.conversation_id,
        )?),
        reply_with: body.reply_with,
        in_reply_to: body.in_reply_to,
        reply_by: body
            .reply_by
            .map(|micros| read_time("reply-by", micros))
            .transpose()?,
        envelope: Envelope {
            id: MessageId::from_bytes(array("message id", &body.message_id)?),
            tenant: TenantId::new(&body.tenant).map_err(|problem| DecodeError::Identity {
                field: "tenant",
                problem,
            })?,
            key_id: KeyId::from_bytes(array("key id", &body.key_id)?),
            epoch: body.epoch,
            sequence: body.sequence,
            qos: Qos::from_number(body.qos).ok_or_else(|| value("qos class", body.qos))?,
            timestamp: read_time("timestamp", body.timestamp)?,
            trace: read_trace(&body.trace)?,
            metadata: body.metadata,
        },
    };
    if message.receivers.is_empty() {
        return Err(DecodeError::Missing("receiver"));
    }
    check_limits(&message, limits)?;
    Ok(message)
}

/// Sender and key id at the beginning of a body, read before the signature is known to hold: two bounded reads.
pub(crate) fn read_head(body: &[u8]) -> Result<(Party, KeyId), DecodeError> {
    let (sender, rest) = read_field(body, 1, MAX_PARTY).ok_or(DecodeError::Head)?;
    let (key_id, _) = read_field(rest, 2, KeyId::LENGTH).ok_or(DecodeError::Head)?;
    let sender = std::str::from_utf8(sender).map_err(|_| DecodeError::Head)?;
    Ok((
        read_party("sender", sender)?,
        KeyId::from_bytes(array("key id", key_id)?),
    ))
}

/// One length-delimited field with this number, and what follows it.
fn read_field(bytes: &[u8], number: u8, longest: usize) -> Option<(&[u8], &[u8])> {
    const LENGTH_DELIMITED: u8 = 2;
    let (&tag, rest) = bytes.split_first()?;
    if tag != number << 3 | LENGTH_DELIMITED {
        return None;
    }
    // Lengths here stay below 2^14, so the varint has one or two bytes.
    let (&low, rest) = rest.split_first()?;
    let (length, rest) = if low < 0x80 {
        (usize::from(low), rest)
    } else {
        let (&high, rest) = rest.split_first()?;
        if high == 0 || high >= 0x80 {
            return None;
        }
        (usize::from(low & 0x7f) | usize::from(high) << 7, rest)
    };
    if length > longest {
        return None;
    }
    rest.split_at_checked(length)
}

fn check_limits(message: &Message, limits: &Limits) -> Result<(), OverLimit> {
    at_most("receivers", message.receivers.len(), limits.parties)?;
    at_most("reply-to parties", message.reply_to.len(), limits.parties)?;
    let parameters = [
        ("bytes of language", &message.language),
        ("bytes of encoding", &message.encoding),
        ("bytes of ontology", &message.ontology),
        ("bytes of reply-with", &message.reply_with),
        ("bytes of in-reply-to", &message.in_reply_to),
    ];
    for (what, parameter) in parameters {
        at_most(
            what,
            parameter.as_ref().map_or(0, String::len),
            limits.parameter,
        )?;
    }
    let metadata = &message.envelope.metadata;
    at_most("pairs of metadata", metadata.len(), limits.metadata)?;
    for (key, value) in metadata {
        at_most("bytes of a metadata key", key.len(), limits.metadata_text)?;
        at_most(
            "bytes of a metadata value",
            value.len(),
            limits.metadata_text,
        )?;
    }
    Ok(())
}

fn at_most(what: &'static str, asked: usize, allowed: usize) -> Result<(), OverLimit> {
    if asked > allowed {
        return Err(over(what, asked, allowed));
    }
    Ok(())
}

fn over(what: &'static str, asked: usize, allowed: usize) -> OverLimit {
    OverLimit {
        what,
        asked,
        allowed,
    }
}

fn value(field: &'static str, value: impl fmt::Display) -> DecodeError {
    DecodeError::Value {
        field,
        value: value.to_string(),
    }
}

fn read_party(field: &'static str, text: &str) -> Result<Party, DecodeError> {
    text.parse()
        .map_err(|problem| DecodeError::Identity { field, problem })
}

fn read_parties(
    field: &'static str,
    texts: &[String],
    limits: &Limits,
) -> Result<BTreeSet<Party>, DecodeError> {
    at_most("parties in one field", texts.len(), limits.parties)?;
    texts.iter().map(|text| read_party(field, text)).collect()
}

fn read_time(field: &'static str, micros: u64) -> Result<Timestamp, DecodeError> {
    Timestamp::from_micros(micros).map_err(|_| value(field, micros))
}

fn array<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    bytes.try_into().map_err(|_| match bytes.len() {
        0 => DecodeError::Missing(field),
        length => value(
            field,
            format_args!("a value of {length} bytes instead of {N}"),
        ),
    })
}

fn write_trace(trace: TraceContext) -> Bytes {
    let mut bytes = Vec::with_capacity(25);
    bytes.extend_from_slice(trace.trace_id());
    bytes.extend_from_slice(trace.span_id());
    bytes.push(trace.flags());
    bytes.into()
}

fn read_trace(bytes: &[u8]) -> Result<Option<TraceContext>, DecodeError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let bytes: [u8; 25] = array("trace context", bytes)?;
    let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
    trace_id.copy_from_slice(&bytes[..16]);
    span_id.copy_from_slice(&bytes[16..24]);
    TraceContext::new(trace_id, span_id, bytes[24])
        .map(Some)
        .map_err(|problem| value("trace context", problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrincipalId;

    fn identity(seed: u8) -> SigningIdentity {
        let ann: PrincipalId = "user:ann@local".parse().unwrap();
        SigningIdentity::from_seed(ann, [seed; 32])
    }

    #[test]
    fn what_was_signed_here_holds_under_its_signers_key_and_as_it_was_made_alone() {
        let (hers, other) = (identity(1), identity(2).public_key());
        let body = b"a body".to_vec();
        let signature = hers.sign(MESSAGE_TYPE, &body);
        let frame = Sealed::signed(&signature, &body, &hers.public_key());
        let known = |frame: &Sealed| frame.holds_under.get().copied();
        assert_eq!(known(&frame.clone()), Some(hers.public_key().to_bytes()));
        assert!(!frame.holds_under(&other, &signature, &body));
        // Whoever is handed bytes alone proves them, however alike they are.
        let again = Sealed::from_bytes(frame.as_bytes().clone());
        assert_eq!((known(&again), &again), (None, &frame));
        assert!(again.holds_under(&hers.public_key(), &signature, &body));
    }

    #[test]
    fn a_frame_that_holds_under_one_key_holds_under_no_other_and_in_no_other_bytes() {
        let (hers, other) = (identity(1), identity(2).public_key());
        let body = b"a body".to_vec();
        let frame = Sealed::assemble(&hers.sign(MESSAGE_TYPE, &body), &body);
        let holds = |frame: &Sealed, key: &PublicKey| {
            let (signature, body) = frame.parts().unwrap();
            frame.holds_under(key, &signature, &body)
        };
        assert!(!holds(&frame, &other));
        for _ in 0..2 {
            assert!(holds(&frame.clone(), &hers.public_key()));
            assert!(!holds(&frame, &other));
        }
        for at in SIGNATURE_AT..frame.len() {
            let mut bytes = frame.as_bytes().to_vec();
            bytes[at] ^= 1;
            let altered = Sealed::from_bytes(bytes);
            assert!(!holds(&altered, &hers.public_key()), "byte {at}");
        }
    }
}
