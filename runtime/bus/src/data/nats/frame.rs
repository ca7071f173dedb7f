//! What travels on the wire: a payload, and headers that say who published it and prove it. Pure; neither a clock nor a connection.
//!
//! Signed is the text of all that a reader relies on, so that a frame cannot be moved to another subject, another tenant or another time:
//!
//! ```text
//! subject \n signer \n tenant \n message id \n microseconds since 1970 \n traceparent or nothing \n payload
//! ```
//!
//! None of the lines before the payload can hold a line break, so no two frames give the same text. The signature is made over that text
//! for the purpose [`PURPOSE`], in the form of all signatures of this system (`docs/formats/data-bus.md`).

use std::fmt::Write as _;
use std::time::Duration;

use aios_protocols::{
    KeyDirectory, KeyId, KeyProblem, Party, PublicKey, Signature, SigningIdentity, TenantId,
    Timestamp, TraceContext,
};
use bytes::Bytes;
use thiserror::Error;

/// What the signature is made for.
pub const PURPOSE: &str = "application/vnd.aios.data-bus";

/// Names of the headers.
pub mod header {
    /// Names the frame once and for all; a server stores it once.
    pub const MESSAGE_ID: &str = "Nats-Msg-Id";
    /// Who published.
    pub const SIGNER: &str = "Aios-Signer";
    /// The name of the signer's key.
    pub const KEY: &str = "Aios-Key";
    /// The signature, 128 hexadecimal digits.
    pub const SIGNATURE: &str = "Aios-Signature";
    /// Whose data it is.
    pub const TENANT: &str = "Aios-Tenant";
    /// When it was published, in microseconds since 1970.
    pub const TIME: &str = "Aios-Time";
    /// The trace it belongs to, as the W3C writes it.
    pub const TRACE: &str = "traceparent";
    /// The same for those who read the older name.
    pub const TRACE_TOO: &str = "X-Trace-Parent";
    /// Why a frame lies among the dead letters.
    pub const REASON: &str = "Aios-Reason";
    /// Where a dead letter was published first.
    pub const SUBJECT: &str = "Aios-Subject";
}

/// A frame before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Where it is published, with the tenant's prefix if it has one.
    pub subject: String,
    /// Whose data it is.
    pub tenant: TenantId,
    /// Its name; the same whenever it is sent again.
    pub id: String,
    /// When it was published first.
    pub time: Timestamp,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
    /// What is published.
    pub payload: Bytes,
}

/// Why a frame is not believed. Each has a name under which it is counted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameRefused {
    /// It carries no signature.
    #[error("the frame has no {0} header; publish with a key")]
    Unsigned(&'static str),
    /// A header cannot be read.
    #[error("the {0} header of the frame cannot be read")]
    Malformed(&'static str),
    /// Nobody knows the signer.
    #[error("the signer {0} is not registered here")]
    UnknownSigner(Party),
    /// The signer's key does not count.
    #[error("the key of {signer} does not count: {problem}")]
    Key {
        /// Who.
        signer: Party,
        /// Why.
        problem: KeyProblem,
    },
    /// The signature is not this key's over these bytes: forged, cut short, or moved from another subject.
    #[error("the signature of {0} does not hold over this frame")]
    BadSignature(Party),
    /// It is older than whoever listens now takes.
    #[error("the frame is {age:?} old, {allowed:?} are allowed")]
    Stale {
        /// How old.
        age: Duration,
        /// How old it may be.
        allowed: Duration,
    },
    /// Its time is ahead.
    #[error("the frame is from the future; set the signer's clock")]
    FromTheFuture,
    /// It is another tenant's.
    #[error("the frame is about {0}, which is not served here")]
    WrongTenant(TenantId),
}

impl FrameRefused {
    /// Who signed it, or claims to have, as far as the check got to know.
    pub fn claimed_signer(&self) -> Option<&Party> {
        match self {
            Self::UnknownSigner(signer) | Self::BadSignature(signer) | Self::Key { signer, .. } => {
                Some(signer)
            }
            _ => None,
        }
    }

    /// The word it is counted by.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unsigned(_) => "unsigned",
            Self::Malformed(_) => "malformed",
            Self::UnknownSigner(_) => "unknown-signer",
            Self::Key { .. } => "key",
            Self::BadSignature(_) => "bad-signature",
            Self::Stale { .. } => "stale",
            Self::FromTheFuture => "from-the-future",
            Self::WrongTenant(_) => "wrong-tenant",
        }
    }
}

/// A frame whose signer is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Who published.
    pub signer: Party,
    /// What.
    pub frame: Frame,
}

/// Reads one header.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Frame {
    /// The headers that prove it.
    pub fn headers(&self, identity: &SigningIdentity) -> Vec<(&'static str, String)> {
        let signer = identity.party().as_str();
        let signature = identity.sign(PURPOSE, &self.signed(signer));
        let mut headers = vec![
            (header::MESSAGE_ID, self.id.clone()),
            (header::SIGNER, signer.to_owned()),
            (header::KEY, identity.key_id().to_string()),
            (header::SIGNATURE, hex(&signature.to_bytes())),
            (header::TENANT, self.tenant.as_str().to_owned()),
            (header::TIME, self.time.as_micros().to_string()),
        ];
        if let Some(trace) = self.trace {
            headers.push((header::TRACE, trace.to_string()));
            headers.push((header::TRACE_TOO, trace.to_string()));
        }
        headers
    }

    /// What is signed.
    fn signed(&self, signer: &str) -> Vec<u8> {
        let trace = self.trace.map(|trace| trace.to_string());
        let head = format!(
            "{}\n{signer}\n{}\n{}\n{}\n{}\n",
            self.subject,
            self.tenant.as_str(),
            self.id,
            self.time.as_micros(),
            trace.unwrap_or_default(),
        );
        let mut bytes = Vec::with_capacity(head.len() + self.payload.len());
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

/// Proves who published a frame that came in.
///
/// # Errors
/// The first thing that does not hold.
pub fn prove(
    subject: &str,
    payload: Bytes,
    headers: Lookup<'_>,
    keys: &dyn KeyDirectory,
    now: Timestamp,
) -> Result<Proven, FrameRefused> {
    let claimed = Claimed::read(subject, payload, headers)?;
    let (signer, key) = (&claimed.signer, claimed.key);
    let public = keys
        .key(signer, key, now)
        .map_err(|problem| match problem {
            KeyProblem::UnknownParty => FrameRefused::UnknownSigner(signer.clone()),
            problem => FrameRefused::Key {
                signer: signer.clone(),
                problem,
            },
        })?;
    claimed.proven_by(&public)
}

/// A frame that this very identity has signed; none for any other.
pub(super) fn signed_by(
    own: &SigningIdentity,
    subject: &str,
    payload: Bytes,
    headers: Lookup<'_>,
) -> Option<Frame> {
    let claimed = Claimed::read(subject, payload, headers).ok()?;
    let mine = claimed.signer == *own.party();
    let proven = mine.then(|| claimed.proven_by(&own.public_key()))?;
    Some(proven.ok()?.frame)
}

/// A frame that came in, and who it says has signed it.
struct Claimed {
    signer: Party,
    key: KeyId,
    signature: Signature,
    frame: Frame,
}

impl Claimed {
    fn read(subject: &str, payload: Bytes, headers: Lookup<'_>) -> Result<Self, FrameRefused> {
        let text = |name: &'static str| headers(name).ok_or(FrameRefused::Unsigned(name));
        let malformed = FrameRefused::Malformed;
        let signature = unhex::<{ Signature::LENGTH }>(&text(header::SIGNATURE)?)
            .ok_or(malformed(header::SIGNATURE))?;
        let signer = text(header::SIGNER)?
            .parse()
            .map_err(|_| malformed(header::SIGNER))?;
        let key = unhex::<{ KeyId::LENGTH }>(&text(header::KEY)?).ok_or(malformed(header::KEY))?;
        let micros: u64 = text(header::TIME)?
            .parse()
            .map_err(|_| malformed(header::TIME))?;
        let frame = Frame {
            subject: subject.to_owned(),
            tenant: TenantId::new(&text(header::TENANT)?).map_err(|_| malformed(header::TENANT))?,
            id: text(header::MESSAGE_ID)?,
            time: Timestamp::since_epoch(Duration::from_micros(micros)),
            trace: headers(header::TRACE)
                .filter(|text| !text.is_empty())
                .map(|text| text.parse())
                .transpose()
                .map_err(|_| malformed(header::TRACE))?,
            payload,
        };
        Ok(Self {
            signer,
            key: KeyId::from_bytes(key),
            signature: Signature::from_bytes(&signature),
            frame,
        })
    }

    fn proven_by(self, public: &PublicKey) -> Result<Proven, FrameRefused> {
        let Self { signer, frame, .. } = self;
        if !public.verifies(PURPOSE, &frame.signed(signer.as_str()), &self.signature) {
            return Err(FrameRefused::BadSignature(signer));
        }
        Ok(Proven { signer, frame })
    }
}

/// What whoever listens now asks beyond that: the frame is of these days and of this tenant. A reader of what was kept asks for the tenant
/// alone.
///
/// # Errors
/// What does not hold.
pub fn admit(
    proven: &Proven,
    tenant: &TenantId,
    age_max: Option<Duration>,
    now: Timestamp,
) -> Result<(), FrameRefused> {
    if proven.frame.tenant != *tenant {
        return Err(FrameRefused::WrongTenant(proven.frame.tenant.clone()));
    }
    if proven.frame.time > now + Timestamp::CLOCK_SKEW {
        return Err(FrameRefused::FromTheFuture);
    }
    let age = now.since(proven.frame.time);
    match age_max {
        Some(allowed) if age > allowed => Err(FrameRefused::Stale { age, allowed }),
        _ => Ok(()),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aios_protocols::{KeyRegistry, PrincipalId};

    use super::*;

    const NOW: Timestamp = Timestamp::ZERO;

    fn identity(seed: u8) -> SigningIdentity {
        let party: PrincipalId = "service:node@local".parse().unwrap();
        SigningIdentity::from_seed(party, [seed; 32])
    }

    fn frame() -> Frame {
        Frame {
            subject: "aios.events.task.g1".into(),
            tenant: TenantId::new("local").unwrap(),
            id: "box-7".into(),
            time: NOW,
            trace: Some(
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                    .parse()
                    .unwrap(),
            ),
            payload: Bytes::from_static(b"{}"),
        }
    }

    fn keys(identity: &SigningIdentity) -> KeyRegistry {
        let keys = KeyRegistry::new();
        keys.register(&identity.claim(0), NOW).unwrap();
        keys
    }

    #[test]
    fn what_was_signed_is_proven_and_whatever_was_changed_is_not() {
        let mine = identity(1);
        let keys = keys(&mine);
        let sent: BTreeMap<_, _> = frame().headers(&mine).into_iter().collect();
        type Change = fn(&mut String, &mut Vec<u8>, &mut BTreeMap<&'static str, String>);
        let table: [(&str, Change, Option<&str>); 12] = [
            ("nothing", |_, _, _| {}, None),
            ("subject", |s, _, _| s.push('2'), Some("bad-signature")),
            ("payload", |_, p, _| p.push(b' '), Some("bad-signature")),
            ("cut short", |_, p, _| p.truncate(1), Some("bad-signature")),
            (
                "id",
                |_, _, h| _ = h.insert(header::MESSAGE_ID, "box-8".into()),
                Some("bad-signature"),
            ),
            (
                "tenant",
                |_, _, h| _ = h.insert(header::TENANT, "other".into()),
                Some("bad-signature"),
            ),
            (
                "time",
                |_, _, h| _ = h.insert(header::TIME, "1".into()),
                Some("bad-signature"),
            ),
            (
                "trace",
                |_, _, h| _ = h.remove(header::TRACE),
                Some("bad-signature"),
            ),
            (
                "no signature",
                |_, _, h| _ = h.remove(header::SIGNATURE),
                Some("unsigned"),
            ),
            (
                "half a signature",
                |_, _, h| h.get_mut(header::SIGNATURE).unwrap().truncate(64),
                Some("malformed"),
            ),
            (
                "another key's name",
                |_, _, h| _ = h.insert(header::KEY, "0011223344556677".into()),
                Some("key"),
            ),
            (
                "a stranger",
                |_, _, h| _ = h.insert(header::SIGNER, "service:other@local".into()),
                Some("unknown-signer"),
            ),
        ];
        for (what, change, refused) in table {
            let (mut subject, mut payload, mut headers) =
                (frame().subject, frame().payload.to_vec(), sent.clone());
            change(&mut subject, &mut payload, &mut headers);
            let lookup = |name: &str| headers.get(name).cloned();
            let outcome = prove(&subject, payload.into(), &lookup, &keys, NOW);
            match (outcome, refused) {
                (Ok(proven), None) => assert_eq!(proven.frame, frame(), "{what}"),
                (Err(error), Some(label)) => assert_eq!(error.label(), label, "{what}: {error}"),
                (outcome, _) => panic!("{what}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn another_key_of_the_same_name_does_not_sign_for_the_party() {
        let keys = keys(&identity(1));
        let headers: BTreeMap<_, _> = frame().headers(&identity(2)).into_iter().collect();
        let lookup = |name: &str| headers.get(name).cloned();
        let refused = prove(&frame().subject, frame().payload, &lookup, &keys, NOW).unwrap_err();
        assert_eq!(refused.label(), "key");
    }

    #[test]
    fn who_listens_now_takes_neither_the_old_nor_the_future_nor_anothers() {
        let proven = |time: Timestamp, tenant: &str| Proven {
            signer: identity(1).party().clone(),
            frame: Frame {
                time,
                tenant: TenantId::new(tenant).unwrap(),
                ..frame()
            },
        };
        let at = |seconds| Timestamp::since_epoch(Duration::from_secs(seconds));
        let (now, mine) = (at(1_000), TenantId::new("local").unwrap());
        let minute = Some(Duration::from_secs(60));
        for (time, tenant, age_max, refused) in [
            (at(990), "local", minute, None),
            (at(900), "local", minute, Some("stale")),
            (at(900), "local", None, None),
            (at(1_020), "local", minute, None),
            (at(1_100), "local", minute, Some("from-the-future")),
            (at(990), "other", minute, Some("wrong-tenant")),
        ] {
            let outcome = admit(&proven(time, tenant), &mine, age_max, now);
            assert_eq!(outcome.err().map(|error| error.label()), refused);
        }
    }
}
