//! Checkpoints of agents: the last three of each, signed, and each found by what it holds.
//!
//! A checkpoint is a short record that says what its content is by hash, and that the node which saved it stands for: under `snapshot/{agent}`
//! the last, under `snapshot/{agent}~1` and `~2` the two before it. The contents lie under `checkpoint/{agent}/{hash}`, so that what has not
//! changed is not written twice and what is handed on is a hundred bytes. One that cannot be read, or that somebody else has signed, is never
//! as if there were none: the agent goes on from an earlier one or is parked, both are said, and the record is set aside and kept. What an
//! earlier version wrote is not signed; somebody who knows the folder has it adopted, once.

use std::sync::Arc;

use aios_memory::{Store, StoreError};
use aios_protocols::{AgentId, PublicKey, Signature, SigningIdentity, Timestamp};
use aios_work::content::{hex, unhex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::agent::{Snapshot, SnapshotError};

/// Where the records lie.
const RECORDS: &str = "snapshot/";
/// Where the contents lie.
const CONTENTS: &str = "checkpoint/";
/// Where records lie that could not be used.
const ASIDE: &str = "checkpoint-aside/";
/// So many of each agent are kept, and as many that could not be used.
const KEPT: usize = 3;
/// The form that is written, and the newest that is read. Of the first form a record was its content, unsigned.
const FORM: u16 = 2;
/// What is signed, so that a signature over anything else is none over a checkpoint.
const PURPOSE: &str = "application/vnd.aios.checkpoint";

/// Why a checkpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The record does not read.
    #[error("its record does not read: {0}")]
    Record(String),
    /// The record is of a later version.
    #[error(
        "it was written in form {found}, and this version reads up to form {FORM}; use the version that wrote it, or a newer one"
    )]
    Form {
        /// The form it has.
        found: u16,
    },
    /// Nobody stands for it.
    #[error(
        "it is not signed, and checkpoints of this node are; where a version before this one wrote it and nobody else could write the storage folder, `aios agent adopt {agent}` signs it"
    )]
    Unsigned {
        /// Whose it is.
        agent: AgentId,
    },
    /// Somebody else stands for it.
    #[error(
        "it is signed with the key {found}, and this node signs with {expected}; put back the key that it was made under"
    )]
    OtherKey {
        /// The key that signed.
        found: String,
        /// The key of this node.
        expected: String,
    },
    /// The signature does not fit: the record was altered.
    #[error("its signature does not fit: the record was altered after it was signed")]
    BadSignature,
    /// What it says it holds is not there.
    #[error("its content {0} is not there")]
    NoContent(String),
    /// What it holds is something else.
    #[error("its content was altered")]
    Altered,
    /// What it holds does not read.
    #[error("{0}")]
    Content(String),
}

impl From<SnapshotError> for CheckpointError {
    fn from(error: SnapshotError) -> Self {
        Self::Content(error.to_string())
    }
}

/// What was found of an agent.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// There never was one.
    None,
    /// The newest that can be used; and why newer ones cannot.
    Usable(Snapshot, Vec<CheckpointError>),
    /// There are some, and none can be used; why the newest cannot.
    Unusable(CheckpointError),
}

/// The checkpoints of one world.
pub(crate) struct Checkpoints {
    store: Arc<dyn Store>,
    /// Who stands for them; nobody in a world that has no keys that outlast it.
    signer: Option<Arc<SigningIdentity>>,
}

/// A checkpoint, as it is on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    form: u16,
    /// Counts the checkpoints of one agent.
    number: u64,
    /// When it was saved, in microseconds since 1970.
    at_us: u64,
    /// SHA-256 of its content, hexadecimal.
    content: String,
    /// How long its content is.
    bytes: u64,
    /// The public key it is signed with, and the signature, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed: Option<Signed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    key: String,
    signature: String,
}

/// What a record reads as.
enum Read {
    /// A record of the first form, which is its own content.
    Whole(Snapshot),
    Record(Record),
}

impl Record {
    /// What is said of a content, unsigned.
    fn of(content: &[u8], number: u64, now: Timestamp) -> Self {
        Self {
            form: FORM,
            number,
            at_us: now.as_micros(),
            content: hash(content),
            bytes: content.len() as u64,
            signed: None,
        }
    }

    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self).map_err(|error| StoreError::Io {
            reason: format!("a checkpoint cannot be written: {error}"),
        })
    }

    /// Every byte that the node stands for.
    fn body(&self, agent: &AgentId) -> Vec<u8> {
        format!(
            "{}\n{agent}\n{}\n{}\n{}\n{}",
            self.form, self.number, self.at_us, self.content, self.bytes
        )
        .into_bytes()
    }

    fn sign(mut self, agent: &AgentId, signer: &SigningIdentity) -> Self {
        let signature = signer.sign(PURPOSE, &self.body(agent));
        self.signed = Some(Signed {
            key: signer.public_key().to_string(),
            signature: hex(&signature.to_bytes()),
        });
        self
    }

    /// Whether this node stands for it.
    fn check(&self, agent: &AgentId, key: &PublicKey) -> Result<(), CheckpointError> {
        let unsigned = || CheckpointError::Unsigned {
            agent: agent.clone(),
        };
        let signed = self.signed.as_ref().ok_or_else(unsigned)?;
        if signed.key != key.to_string() {
            return Err(CheckpointError::OtherKey {
                found: signed.key.clone(),
                expected: key.to_string(),
            });
        }
        // One way to write it: whatever else stands there was put there by somebody.
        let signature = unhex(&signed.signature).filter(|it| hex(it) == signed.signature);
        let signature = signature.and_then(|bytes| Signature::from_slice(&bytes));
        let holds =
            signature.is_some_and(|signature| key.verifies(PURPOSE, &self.body(agent), &signature));
        if holds {
            Ok(())
        } else {
            Err(CheckpointError::BadSignature)
        }
    }
}

fn read(bytes: &[u8]) -> Result<Read, CheckpointError> {
    #[derive(Deserialize)]
    struct Form {
        form: u16,
    }
    if Snapshot::is_one(bytes) {
        return Ok(Read::Whole(Snapshot::decode(bytes)?));
    }
    let not_one = |error: serde_json::Error| CheckpointError::Record(error.to_string());
    // A newer form may not mean what it reads as.
    let Form { form } = serde_json::from_slice(bytes).map_err(not_one)?;
    if form > FORM {
        return Err(CheckpointError::Form { found: form });
    }
    serde_json::from_slice(bytes)
        .map(Read::Record)
        .map_err(not_one)
}

impl Checkpoints {
    pub(crate) fn new(store: Arc<dyn Store>, signer: Option<Arc<SigningIdentity>>) -> Self {
        Self { store, signer }
    }

    /// What is there of an agent.
    pub(crate) fn load(&self, agent: &AgentId) -> Result<Found, StoreError> {
        let mut unusable = Vec::new();
        for age in 0..KEPT {
            let Some(stored) = self.store.get(&record_key(agent, age))? else {
                continue;
            };
            match self.open(agent, &stored)? {
                Ok(snapshot) => return Ok(Found::Usable(snapshot, unusable)),
                Err(error) => unusable.push(error),
            }
        }
        let newest = unusable.into_iter().next();
        Ok(newest.map_or(Found::None, Found::Unusable))
    }

    /// What a record holds, if this node stands for it.
    fn open(
        &self,
        agent: &AgentId,
        stored: &[u8],
    ) -> Result<Result<Snapshot, CheckpointError>, StoreError> {
        let record = match read(stored) {
            // Of the first form none is signed.
            Ok(Read::Whole(_)) if self.signer.is_some() => {
                let agent = agent.clone();
                return Ok(Err(CheckpointError::Unsigned { agent }));
            }
            Ok(Read::Whole(snapshot)) => return Ok(Ok(snapshot)),
            Ok(Read::Record(record)) => record,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(signer) = &self.signer
            && let Err(error) = record.check(agent, &signer.public_key())
        {
            return Ok(Err(error));
        }
        let Some(content) = self.store.get(&content_key(agent, &record.content))? else {
            return Ok(Err(CheckpointError::NoContent(record.content)));
        };
        if hash(&content) != record.content {
            return Ok(Err(CheckpointError::Altered));
        }
        Ok(Snapshot::decode(&content).map_err(CheckpointError::from))
    }

    /// Keeps a checkpoint, and the two before it; lasting when this returns.
    pub(crate) fn save(
        &self,
        agent: &AgentId,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let content = snapshot.encode();
        let named = hash(&content);
        let mut before = Vec::with_capacity(KEPT);
        for age in 0..KEPT {
            let Some(stored) = self.store.get(&record_key(agent, age))? else {
                continue;
            };
            match read(&stored) {
                Ok(Read::Record(record)) if self.stands_for(agent, &record) => {
                    let same = age == 0 && record.content == named;
                    let whole = || self.store.get(&content_key(agent, &named));
                    if same && whole()?.as_ref() == Some(&content) {
                        return self.store.flush();
                    }
                    before.push((record.number, Some(record.content), stored));
                }
                Ok(Read::Whole(_)) if self.signer.is_none() => before.push((0, None, stored)),
                // What cannot be used takes no place from what can, and is not thrown away.
                _ => self.set_aside(agent, &stored, now)?,
            }
        }
        let number = before.first().map_or(1, |(number, ..)| number + 1);
        let record = Record::of(&content, number, now);
        let record = match &self.signer {
            Some(signer) => record.sign(agent, signer),
            None => record,
        };
        let written = record.encode()?;
        // The content first: a record that is there has it.
        self.store
            .put(&content_key(agent, &record.content), &content)?;
        let gone = before.split_off(before.len().min(KEPT - 1));
        for (age, (_, _, stored)) in before.iter().enumerate().rev() {
            self.store.put(&record_key(agent, age + 1), stored)?;
        }
        for age in before.len() + 1..KEPT {
            self.store.delete(&record_key(agent, age))?;
        }
        self.store.put(&record_key(agent, 0), &written)?;
        for content in gone.into_iter().filter_map(|(_, content, _)| content) {
            let held = before
                .iter()
                .any(|(_, other, _)| other.as_ref() == Some(&content));
            if !held && content != record.content {
                self.store.delete(&content_key(agent, &content))?;
            }
        }
        self.store.flush()
    }

    /// Signs what an earlier version, or a world without a key, has left unsigned: from now on it is as if this node had saved it. What
    /// somebody else has signed stays theirs. Returns which records that are, in words; not yet lasting.
    pub(crate) fn adopt(&self, agent: &AgentId, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let Some(signer) = &self.signer else {
            return Ok(Vec::new());
        };
        let mut adopted = Vec::new();
        for age in 0..KEPT {
            let key = record_key(agent, age);
            let Some(stored) = self.store.get(&key)? else {
                continue;
            };
            let record = match read(&stored) {
                Ok(Read::Whole(_)) => {
                    let record = Record::of(&stored, 0, now);
                    let content = content_key(agent, &record.content);
                    self.store.put(&content, &stored)?;
                    record
                }
                Ok(Read::Record(record)) if record.signed.is_none() => record,
                _ => continue,
            };
            let name = String::from_utf8_lossy(&key);
            let Record { content, bytes, .. } = &record;
            adopted.push(format!("{name}: {bytes} bytes with the hash {content}"));
            self.store
                .put(&key, &record.sign(agent, signer).encode()?)?;
        }
        Ok(adopted)
    }

    fn stands_for(&self, agent: &AgentId, record: &Record) -> bool {
        let key = self.signer.as_ref().map(|signer| signer.public_key());
        key.is_none_or(|key| record.check(agent, &key).is_ok())
    }

    /// Keeps a record that cannot be used, for whoever wants to know why.
    fn set_aside(&self, agent: &AgentId, stored: &[u8], now: Timestamp) -> Result<(), StoreError> {
        let prefix = format!("{ASIDE}{agent}/");
        let there = self.store.scan_prefix(prefix.as_bytes(), None, 2 * KEPT)?;
        let surplus = (there.len() + 1).saturating_sub(KEPT);
        for (key, _) in there.into_iter().take(surplus) {
            self.store.delete(&key)?;
        }
        let name = &hash(stored)[..16];
        let key = format!("{prefix}{:020}-{name}", now.as_micros());
        self.store.put(key.as_bytes(), stored)
    }

    /// Throws all of an agent's away, those that were set aside too.
    pub(crate) fn discard(&self, agent: &AgentId) -> Result<(), StoreError> {
        for age in 0..KEPT {
            self.store.delete(&record_key(agent, age))?;
        }
        for prefix in [format!("{CONTENTS}{agent}/"), format!("{ASIDE}{agent}/")] {
            loop {
                let page = self.store.scan_prefix(prefix.as_bytes(), None, 16)?;
                if page.is_empty() {
                    break;
                }
                for (key, _) in page {
                    self.store.delete(&key)?;
                }
            }
        }
        self.store.flush()
    }
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn content_key(agent: &AgentId, hash: &str) -> Vec<u8> {
    format!("{CONTENTS}{agent}/{hash}").into_bytes()
}

/// The last one lies under the agent's name alone; the name of no agent holds this sign.
fn record_key(agent: &AgentId, age: usize) -> Vec<u8> {
    match age {
        0 => format!("{RECORDS}{agent}"),
        age => format!("{RECORDS}{agent}~{age}"),
    }
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use aios_memory::InMemoryStore;
    use aios_protocols::PrincipalId;

    use super::*;

    fn agent() -> AgentId {
        "macro.clerk.001@local".parse().unwrap()
    }

    fn node(seed: u8) -> Arc<SigningIdentity> {
        let party: PrincipalId = "user:owner@local".parse().unwrap();
        Arc::new(SigningIdentity::from_seed(party, [seed; 32]))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(std::time::Duration::from_secs(seconds))
    }

    fn snapshot(text: &str) -> Snapshot {
        Snapshot::new(1, text.as_bytes().to_vec())
    }

    fn world(store: &Arc<dyn Store>, signer: Option<Arc<SigningIdentity>>) -> Checkpoints {
        Checkpoints::new(Arc::clone(store), signer)
    }

    fn keys(store: &Arc<dyn Store>) -> Vec<String> {
        let all = store.scan_prefix(b"", None, 100).unwrap();
        let name = |(key, _): (Vec<u8>, Vec<u8>)| String::from_utf8(key).unwrap();
        all.into_iter().map(name).collect()
    }

    #[test]
    fn the_last_three_stay_with_what_they_hold_and_nothing_else() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let checkpoints = world(&store, Some(node(1)));
        assert_eq!(checkpoints.load(&agent()).unwrap(), Found::None);
        for (second, text) in ["a", "b", "c", "d", "d", "b", "d", "d", "e"]
            .iter()
            .enumerate()
        {
            checkpoints
                .save(&agent(), &snapshot(text), at(second as u64))
                .unwrap();
            let found = checkpoints.load(&agent()).unwrap();
            assert_eq!(found, Found::Usable(snapshot(text), Vec::new()));
        }
        // e, d, b, and before it d once more, whose content is still one of theirs.
        let keys = keys(&store);
        let of = |prefix: &str| keys.iter().filter(|key| key.starts_with(prefix)).count();
        assert_eq!(
            (of(RECORDS), of(CONTENTS), keys.len()),
            (3, 3, 6),
            "{keys:?}"
        );
        // Saved once more after its content was lost, it is there again.
        let lost = content_key(&agent(), &hash(&snapshot("e").encode()));
        store.delete(&lost).unwrap();
        let found = checkpoints.load(&agent()).unwrap();
        assert!(matches!(found, Found::Usable(_, unusable) if unusable.len() == 1));
        checkpoints.save(&agent(), &snapshot("e"), at(20)).unwrap();
        let found = checkpoints.load(&agent()).unwrap();
        assert_eq!(found, Found::Usable(snapshot("e"), Vec::new()));
        checkpoints.discard(&agent()).unwrap();
        assert_eq!(checkpoints.load(&agent()).unwrap(), Found::None);
        assert!(store.scan_prefix(b"", None, 9).unwrap().is_empty());
    }

    /// Whatever bit of a record or of its content is another one: an earlier checkpoint is taken up and it is said, or none is.
    #[test]
    fn every_altered_bit_is_noticed() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let checkpoints = world(&store, Some(node(1)));
        checkpoints.save(&agent(), &snapshot("one"), at(1)).unwrap();
        checkpoints.save(&agent(), &snapshot("two"), at(2)).unwrap();
        let content = content_key(&agent(), &hash(&snapshot("two").encode()));
        for key in [record_key(&agent(), 0), content] {
            let whole = store.get(&key).unwrap().unwrap();
            for at in 0..whole.len() * 8 {
                let mut altered = whole.clone();
                altered[at / 8] ^= 1 << (at % 8);
                store.put(&key, &altered).unwrap();
                match checkpoints.load(&agent()).unwrap() {
                    Found::Usable(found, why) => {
                        assert_eq!(found, snapshot("one"), "bit {at}");
                        assert_eq!(why.len(), 1, "bit {at}");
                    }
                    other => panic!("bit {at}: {other:?}"),
                }
            }
            store.put(&key, &whole).unwrap();
        }
        // Another sound one in its place is none either.
        let content = content_key(&agent(), &hash(&snapshot("two").encode()));
        let whole = store.get(&content).unwrap().unwrap();
        store.put(&content, &snapshot("six").encode()).unwrap();
        let found = checkpoints.load(&agent()).unwrap();
        let altered = vec![CheckpointError::Altered];
        assert_eq!(found, Found::Usable(snapshot("one"), altered));
        store.put(&content, &whole).unwrap();
        let found = checkpoints.load(&agent()).unwrap();
        assert_eq!(found, Found::Usable(snapshot("two"), Vec::new()));
    }

    #[test]
    fn what_nobody_or_somebody_else_stands_for_is_not_taken_up_and_is_kept() {
        for other in [None, Some(node(2))] {
            let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
            let theirs = other.is_some();
            world(&store, other)
                .save(&agent(), &snapshot("theirs"), at(1))
                .unwrap();
            let mine = world(&store, Some(node(1)));
            match mine.load(&agent()).unwrap() {
                Found::Unusable(CheckpointError::OtherKey { .. }) => assert!(theirs),
                Found::Unusable(CheckpointError::Unsigned { .. }) => assert!(!theirs),
                other => panic!("{other:?}"),
            }
            let record = store.get(&record_key(&agent(), 0)).unwrap();
            mine.save(&agent(), &snapshot("mine"), at(2)).unwrap();
            let found = mine.load(&agent()).unwrap();
            assert_eq!(found, Found::Usable(snapshot("mine"), Vec::new()));
            let aside = store.scan_prefix(ASIDE.as_bytes(), None, 9).unwrap();
            assert_eq!(aside.len(), 1);
            assert_eq!(Some(&aside[0].1), record.as_ref());
            for second in 3..20 {
                store.put(&record_key(&agent(), 0), b"?").unwrap();
                mine.save(&agent(), &snapshot("mine"), at(second)).unwrap();
            }
            let aside = store.scan_prefix(ASIDE.as_bytes(), None, 9).unwrap();
            assert_eq!(aside.len(), KEPT, "bounded");
        }
        // A record of one agent says nothing about another.
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let mine = world(&store, Some(node(1)));
        mine.save(&agent(), &snapshot("x"), at(1)).unwrap();
        let other: AgentId = "macro.clerk.002@local".parse().unwrap();
        for (from, to) in [
            (record_key(&agent(), 0), record_key(&other, 0)),
            (
                content_key(&agent(), &hash(&snapshot("x").encode())),
                content_key(&other, &hash(&snapshot("x").encode())),
            ),
        ] {
            let bytes = store.get(&from).unwrap().unwrap();
            store.put(&to, &bytes).unwrap();
        }
        let found = mine.load(&other).unwrap();
        assert_eq!(found, Found::Unusable(CheckpointError::BadSignature));
    }

    /// Whoever can write the store and has no key of the node puts nothing there that is taken up, in whatever form.
    #[test]
    fn what_is_not_signed_is_refused_until_it_is_adopted_and_then_is_as_any_other() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let mine = world(&store, Some(node(1)));
        mine.save(&agent(), &snapshot("mine"), at(1)).unwrap();
        // An older one of the same node is still good, and the planted one takes no place from it.
        let signed = store.get(&record_key(&agent(), 0)).unwrap().unwrap();
        let planted = snapshot("planted").encode();
        store.put(&record_key(&agent(), 1), &signed).unwrap();
        store.put(&record_key(&agent(), 0), &planted).unwrap();
        let unsigned = vec![CheckpointError::Unsigned { agent: agent() }];
        let found = mine.load(&agent()).unwrap();
        assert_eq!(found, Found::Usable(snapshot("mine"), unsigned));
        mine.save(&agent(), &snapshot("next"), at(2)).unwrap();
        assert!(!keys(&store).iter().any(|key| {
            key.starts_with(RECORDS) && store.get(key.as_bytes()).unwrap().unwrap() == planted
        }));
        let aside = store.scan_prefix(ASIDE.as_bytes(), None, 9).unwrap();
        assert_eq!(aside[0].1, planted, "and it is kept");
        // What somebody else has signed is not adopted, nor what is no checkpoint.
        mine.discard(&agent()).unwrap();
        let theirs = world(&store, Some(node(2)));
        theirs.save(&agent(), &snapshot("theirs"), at(3)).unwrap();
        store.put(&record_key(&agent(), 1), b"?").unwrap();
        assert_eq!(mine.adopt(&agent(), at(4)).unwrap().len(), 0);
        let found = mine.load(&agent()).unwrap();
        assert!(matches!(
            found,
            Found::Unusable(CheckpointError::OtherKey { .. })
        ));
        // A world without keys adopts nothing, and what it saved is adopted by one with keys.
        mine.discard(&agent()).unwrap();
        let plain = world(&store, None);
        plain.save(&agent(), &snapshot("a"), at(5)).unwrap();
        plain.save(&agent(), &snapshot("b"), at(6)).unwrap();
        assert_eq!(plain.adopt(&agent(), at(7)).unwrap().len(), 0);
        assert_eq!(mine.adopt(&agent(), at(7)).unwrap().len(), 2);
        assert_eq!(mine.adopt(&agent(), at(8)).unwrap().len(), 0, "once");
        let found = mine.load(&agent()).unwrap();
        assert_eq!(found, Found::Usable(snapshot("b"), Vec::new()));
        mine.save(&agent(), &snapshot("c"), at(9)).unwrap();
        store.put(&record_key(&agent(), 0), b"?").unwrap();
        let Found::Usable(found, _) = mine.load(&agent()).unwrap() else {
            panic!("the one before is as any other");
        };
        assert_eq!(found, snapshot("b"));
    }

    /// The files hold what earlier versions wrote; each version reads all of them.
    #[test]
    fn every_form_that_was_ever_written_is_read() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let mine = world(&store, Some(node(1)));
        let first = include_bytes!("../tests/golden/checkpoint/1.bin");
        store.put(&record_key(&agent(), 0), first).unwrap();
        let found = world(&store, None).load(&agent()).unwrap();
        assert_eq!(found, Found::Usable(snapshot("state"), Vec::new()));
        // Unsigned, it is a node's that signs only when somebody has said so.
        let unsigned = CheckpointError::Unsigned { agent: agent() };
        assert!(unsigned.to_string().contains("aios agent adopt"));
        assert_eq!(mine.load(&agent()).unwrap(), Found::Unusable(unsigned));
        assert_eq!(mine.adopt(&agent(), at(1)).unwrap().len(), 1);
        let found = mine.load(&agent()).unwrap();
        assert_eq!(found, Found::Usable(snapshot("state"), Vec::new()));
        assert_eq!(snapshot("state").encode(), first, "and is still a content");
        let second = include_bytes!("../tests/golden/checkpoint/2.json");
        store.put(&record_key(&agent(), 0), second).unwrap();
        let content = content_key(&agent(), &hash(first));
        store.put(&content, first).unwrap();
        let found = mine.load(&agent()).unwrap();
        assert_eq!(found, Found::Usable(snapshot("state"), Vec::new()));
        // Ed25519 signs the same bytes the same way.
        mine.discard(&agent()).unwrap();
        mine.save(&agent(), &snapshot("state"), at(1_000)).unwrap();
        let written = store.get(&record_key(&agent(), 0)).unwrap().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&written),
            String::from_utf8_lossy(second)
        );
        let newer = br#"{"form":3,"number":1}"#;
        store.put(&record_key(&agent(), 0), newer).unwrap();
        let found = mine.load(&agent()).unwrap();
        assert_eq!(found, Found::Unusable(CheckpointError::Form { found: 3 }));
    }
}
