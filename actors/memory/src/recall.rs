//! Documents, recalled by meaning and by words at once.
//!
//! Two rankings, by cosine and by BM25, are joined by reciprocal-rank fusion (Cormack, Clarke and Büttcher, SIGIR
//! 2009): it needs no scores on a common scale, so neither side can drown the other. Without a vector the words alone
//! decide: that is the fallback while an embedder is down. Namespaces (one per tenant) never see each other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde::Serialize;

use crate::document::{PREFIX, decode, encode, key};
use crate::{Document, InMemoryStore, KeywordIndex, MemoryError, Provenance, Store, VectorIndex};

/// Rank offset of the fusion; 60 is the paper's value.
const RANK_OFFSET: f64 = 60.0;
/// A ranking is read this many times deeper than the answer is long, so that the other can lift what it ranks low.
const DEPTH: usize = 4;

/// The numbers of a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorLimits {
    /// Length of every vector.
    pub dimensions: usize,
    /// Documents in one namespace; above some ten thousand an exact search is no longer quick.
    pub documents: usize,
    /// Documents in all.
    pub documents_in_all: usize,
    /// Vectors of the documents in one namespace.
    pub vectors: usize,
    /// Vectors in all, of which a long document has several: 100,000 of 384 dimensions are 154 MB.
    pub vectors_in_all: usize,
    /// Longest text in bytes.
    pub text_bytes: usize,
}

impl Default for VectorLimits {
    fn default() -> Self {
        Self {
            dimensions: 384,
            documents: 10_000,
            documents_in_all: 50_000,
            vectors: 20_000,
            vectors_in_all: 100_000,
            text_bytes: 8192,
        }
    }
}

/// What to recall.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The words.
    pub text: String,
    /// The meaning, one vector for each part of the words; none while there is no embedder.
    pub embeddings: Vec<Vec<f32>>,
    /// At most this many hits.
    pub k: usize,
}

/// A place in one of the two rankings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// From 1.
    pub rank: usize,
    /// The ranking's own score: cosine, or BM25.
    pub score: f32,
}

/// A recalled document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// Its name.
    pub id: String,
    /// What it says.
    pub text: String,
    /// Where it comes from.
    pub provenance: Provenance,
    /// Fused score, 0 to 1: 1 is first in both rankings.
    pub score: f64,
    /// Its place by meaning.
    pub dense: Option<Ranked>,
    /// Its place by words.
    pub keyword: Option<Ranked>,
}

/// The documents of all namespaces, indexed in process and kept on a store.
pub struct VectorMemory {
    store: Arc<dyn Store>,
    limits: VectorLimits,
    spaces: RwLock<HashMap<String, Space>>,
    /// Held over a whole write, so that store and index cannot disagree; readers do not wait for the disk.
    writing: Mutex<()>,
}

struct Space {
    vectors: VectorIndex,
    words: KeywordIndex,
    documents: HashMap<u32, IndexedDocument>,
    keys: HashMap<String, u32>,
    next: u32,
}

struct IndexedDocument {
    id: String,
    text: String,
    provenance: Provenance,
}

impl Space {
    fn new(dimensions: usize) -> Self {
        Self {
            vectors: VectorIndex::new(dimensions),
            words: KeywordIndex::new(),
            documents: HashMap::new(),
            keys: HashMap::new(),
            next: 0,
        }
    }

    fn insert(&mut self, document: Document) -> Result<(), MemoryError> {
        let key = self.keys.get(&document.id).copied().unwrap_or(self.next);
        self.vectors.insert(key, &document.embeddings)?;
        self.next = self.next.max(key + 1);
        self.words.insert(key, &document.text);
        self.keys.insert(document.id.clone(), key);
        let Document {
            id,
            text,
            provenance,
            ..
        } = document;
        self.documents.insert(
            key,
            IndexedDocument {
                id,
                text,
                provenance,
            },
        );
        Ok(())
    }

    fn remove(&mut self, id: &str) -> bool {
        let Some(key) = self.keys.remove(id) else {
            return false;
        };
        self.vectors.remove(key);
        self.words.remove(key);
        self.documents.remove(&key);
        true
    }
}

impl VectorMemory {
    /// A memory that is gone when the process is.
    pub fn in_memory(limits: VectorLimits) -> Self {
        Self {
            store: Arc::new(InMemoryStore::new()),
            limits,
            spaces: RwLock::default(),
            writing: Mutex::default(),
        }
    }

    /// A memory over the documents in a store; the indexes are rebuilt from it.
    pub fn open(store: Arc<dyn Store>, limits: VectorLimits) -> Result<Self, MemoryError> {
        let memory = Self {
            store,
            limits,
            spaces: RwLock::default(),
            writing: Mutex::default(),
        };
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = memory
                .store
                .scan_prefix(PREFIX.as_bytes(), after.as_deref(), 256)?;
            let Some((last, _)) = page.last() else {
                return Ok(memory);
            };
            after = Some(last.clone());
            for (key, value) in page {
                let (namespace, document) = decode(&key, &value)?;
                memory.admit(&namespace, &document)?;
                memory.index(&namespace, document)?;
            }
        }
    }

    /// Remembers a document, on the store first; it is safe from a crash once the store is flushed.
    pub fn add(&self, namespace: &str, document: Document) -> Result<(), MemoryError> {
        self.check(namespace, &document)?;
        let _writing = self.writing.lock();
        self.admit(namespace, &document)?;
        self.store
            .put(&key(namespace, &document.id), &encode(&document)?)?;
        self.index(namespace, document)
    }

    /// Forgets a document; says whether it was there.
    pub fn remove(&self, namespace: &str, id: &str) -> Result<bool, MemoryError> {
        let _writing = self.writing.lock();
        self.store.delete(&key(namespace, id))?;
        let mut spaces = self.spaces.write();
        let Some(space) = spaces.get_mut(namespace) else {
            return Ok(false);
        };
        let removed = space.remove(id);
        if space.keys.is_empty() {
            spaces.remove(namespace);
        }
        Ok(removed)
    }

    /// Forgets a document in every namespace whose name begins so; says in how many it was.
    pub fn remove_below(&self, namespaces: &str, id: &str) -> Result<usize, MemoryError> {
        let below: Vec<String> = self
            .spaces
            .read()
            .keys()
            .filter(|name| name.starts_with(namespaces))
            .cloned()
            .collect();
        let mut removed = 0;
        for namespace in below {
            removed += usize::from(self.remove(&namespace, id)?);
        }
        Ok(removed)
    }

    /// Number of documents in a namespace.
    pub fn len(&self, namespace: &str) -> usize {
        self.spaces
            .read()
            .get(namespace)
            .map_or(0, |space| space.keys.len())
    }

    /// Whether a namespace has no documents.
    pub fn is_empty(&self, namespace: &str) -> bool {
        self.len(namespace) == 0
    }

    /// The documents that fit a query best, best first. Documents that share neither words nor direction are left out.
    pub fn recall(&self, namespace: &str, query: &Query) -> Result<Vec<Hit>, MemoryError> {
        let spaces = self.spaces.read();
        let Some(space) = spaces.get(namespace) else {
            return Ok(Vec::new());
        };
        let depth = query.k.saturating_mul(DEPTH);
        let dense = space.vectors.nearest(&query.embeddings, depth)?;
        let words = space.words.search(&query.text, depth);
        let rankings = if query.embeddings.is_empty() {
            1.0
        } else {
            2.0
        };

        let mut places: BTreeMap<u32, (Option<Ranked>, Option<Ranked>)> = BTreeMap::new();
        for (rank, (key, score)) in dense
            .into_iter()
            .filter(|(_, cosine)| *cosine > 0.0)
            .enumerate()
        {
            places.entry(key).or_default().0 = Some(Ranked {
                rank: rank + 1,
                score,
            });
        }
        for (rank, (key, score)) in words.into_iter().enumerate() {
            places.entry(key).or_default().1 = Some(Ranked {
                rank: rank + 1,
                score,
            });
        }
        let part = |place: &Option<Ranked>| {
            place.map_or(0.0, |at| {
                (RANK_OFFSET + 1.0) / (RANK_OFFSET + at.rank as f64)
            })
        };
        let mut hits: Vec<Hit> = places
            .into_iter()
            .filter_map(|(key, (dense, keyword))| {
                let IndexedDocument {
                    id,
                    text,
                    provenance,
                } = space.documents.get(&key)?;
                let score = (part(&dense) + part(&keyword)) / rankings;
                let (id, text, provenance) = (id.clone(), text.clone(), provenance.clone());
                Some(Hit {
                    id,
                    text,
                    provenance,
                    score,
                    dense,
                    keyword,
                })
            })
            .collect();
        // Among equals the nearer in meaning, then the name: the order never depends on a hash.
        let cosine = |hit: &Hit| hit.dense.map_or(0.0, |at| at.score);
        hits.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then(cosine(b).total_cmp(&cosine(a)))
                .then_with(|| a.id.cmp(&b.id))
        });
        hits.truncate(query.k);
        Ok(hits)
    }

    fn check(&self, namespace: &str, document: &Document) -> Result<(), MemoryError> {
        for (what, text, allowed) in [
            ("namespace", namespace, 128),
            ("id", document.id.as_str(), 512),
            ("text", document.text.as_str(), self.limits.text_bytes),
        ] {
            if text.is_empty() || text.len() > allowed {
                return Err(MemoryError::Length {
                    what,
                    asked: text.len(),
                    allowed,
                });
            }
        }
        if namespace.contains('\0') {
            return Err(MemoryError::Namespace);
        }
        if document.embeddings.is_empty() {
            return Err(MemoryError::NoDirection);
        }
        let index = VectorIndex::new(self.limits.dimensions);
        let mut vectors = document.embeddings.iter();
        vectors.try_for_each(|vector| index.unit(vector).map(drop))
    }

    fn admit(&self, namespace: &str, document: &Document) -> Result<(), MemoryError> {
        let spaces = self.spaces.read();
        // Those of a document that is replaced leave.
        let (own, leaving) = spaces.get(namespace).map_or((0, 0), |space| {
            let key = space.keys.get(&document.id);
            let leaving = key.map_or(0, |key| space.vectors.count(*key));
            (space.vectors.len(), leaving)
        });
        let (held, allowed) = (own - leaving, self.limits.vectors);
        if held + document.embeddings.len() > allowed {
            return Err(MemoryError::ShareOfVectors {
                namespace: namespace.to_owned(),
                held,
                asked: document.embeddings.len(),
                allowed,
            });
        }
        let vectors = spaces.values().map(|space| space.vectors.len());
        let (held, allowed) = (vectors.sum::<usize>() - leaving, self.limits.vectors_in_all);
        if held + document.embeddings.len() > allowed {
            return Err(MemoryError::FullOfVectors {
                held,
                asked: document.embeddings.len(),
                allowed,
            });
        }
        if let Some(space) = spaces.get(namespace) {
            if space.keys.contains_key(&document.id) {
                return Ok(());
            }
            let (held, allowed) = (space.keys.len(), self.limits.documents);
            if held >= allowed {
                return Err(MemoryError::Full {
                    namespace: namespace.to_owned(),
                    held,
                    allowed,
                });
            }
        }
        let (held, allowed) = (
            spaces.values().map(|space| space.keys.len()).sum(),
            self.limits.documents_in_all,
        );
        if held >= allowed {
            return Err(MemoryError::FullInAll { held, allowed });
        }
        Ok(())
    }

    fn index(&self, namespace: &str, document: Document) -> Result<(), MemoryError> {
        let mut spaces = self.spaces.write();
        let space = spaces
            .entry(namespace.to_owned())
            .or_insert_with(|| Space::new(self.limits.dimensions));
        space.insert(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: VectorLimits = VectorLimits {
        dimensions: 3,
        documents: 3,
        documents_in_all: 4,
        vectors: 9,
        vectors_in_all: 6,
        text_bytes: 64,
    };

    fn document(id: &str, text: &str, embedding: [f32; 3]) -> Document {
        let provenance = Provenance {
            source: format!("{id}.md"),
            confidence: 1.0,
            ..Provenance::default()
        };
        Document {
            id: id.into(),
            text: text.into(),
            embeddings: vec![embedding.to_vec()],
            provenance,
        }
    }

    fn query(text: &str, embedding: Option<[f32; 3]>) -> Query {
        Query {
            text: text.into(),
            embeddings: embedding.map(Vec::from).into_iter().collect(),
            k: 9,
        }
    }

    fn ids(hits: &[Hit]) -> Vec<&str> {
        hits.iter().map(|hit| hit.id.as_str()).collect()
    }

    fn filled() -> VectorMemory {
        let memory = VectorMemory::in_memory(LIMITS);
        memory
            .add(
                "acme",
                document("sales", "bicycle sales fell", [1.0, 0.0, 0.0]),
            )
            .unwrap();
        memory
            .add(
                "acme",
                document("turnover", "turnover shrank", [0.9, 0.1, 0.0]),
            )
            .unwrap();
        memory
            .add("acme", document("weather", "it rained", [0.0, 0.0, 1.0]))
            .unwrap();
        memory
    }

    #[test]
    fn meaning_and_words_are_fused_and_each_hit_says_why() {
        let memory = filled();
        for (text, embedding, expected) in [
            ("sales", Some([1.0, 0.05, 0.0]), vec!["sales", "turnover"]),
            (
                "turnover",
                Some([1.0, 0.05, 0.0]),
                vec!["turnover", "sales"],
            ),
            ("", Some([1.0, 0.05, 0.0]), vec!["sales", "turnover"]),
            ("rained", None, vec!["weather"]),
            ("unheard", None, vec![]),
            (
                "rained",
                Some([1.0, 0.05, 0.0]),
                vec!["sales", "weather", "turnover"],
            ),
        ] {
            assert_eq!(
                ids(&memory.recall("acme", &query(text, embedding)).unwrap()),
                expected,
                "{text:?}"
            );
        }
        let hits = memory
            .recall("acme", &query("sales", Some([1.0, 0.0, 0.0])))
            .unwrap();
        assert_eq!(
            (hits[0].score, hits[0].provenance.source.as_str()),
            (1.0, "sales.md")
        );
        assert_eq!(
            (hits[0].dense.unwrap().rank, hits[0].keyword.unwrap().rank),
            (1, 1)
        );
        assert_eq!((hits[1].dense.unwrap().rank, hits[1].keyword), (2, None));
    }

    #[test]
    fn a_namespace_never_sees_another_even_one_whose_name_it_begins() {
        let memory = filled();
        memory
            .add(
                "acme2",
                document("secret", "bicycle sales", [1.0, 0.0, 0.0]),
            )
            .unwrap();
        assert!(
            !ids(&memory
                .recall("acme", &query("sales", Some([1.0, 0.0, 0.0])))
                .unwrap())
            .contains(&"secret")
        );
        assert_eq!(memory.recall("other", &query("sales", None)).unwrap(), []);
        let error = memory
            .add("acme\0x", document("a", "a", [1.0, 0.0, 0.0]))
            .unwrap_err();
        assert!(matches!(error, MemoryError::Namespace));
    }

    #[test]
    fn a_full_memory_refuses_the_new_and_still_replaces_the_old() {
        let memory = filled();
        let error = memory
            .add("acme", document("new", "new", [1.0, 0.0, 0.0]))
            .unwrap_err();
        assert!(
            matches!(
                error,
                MemoryError::Full {
                    held: 3,
                    allowed: 3,
                    ..
                }
            ),
            "{error}"
        );
        memory
            .add("acme", document("weather", "it snowed", [0.0, 1.0, 0.0]))
            .unwrap();
        assert_eq!(
            ids(&memory.recall("acme", &query("snowed", None)).unwrap()),
            ["weather"]
        );
        assert_eq!(memory.recall("acme", &query("rained", None)).unwrap(), []);
        memory
            .add("b", document("new", "new", [1.0, 0.0, 0.0]))
            .unwrap();
        let error = memory
            .add("c", document("new", "new", [1.0, 0.0, 0.0]))
            .unwrap_err();
        assert!(
            matches!(
                error,
                MemoryError::FullInAll {
                    held: 4,
                    allowed: 4
                }
            ),
            "{error}"
        );
        assert!(memory.remove("acme", "weather").unwrap());
        memory
            .add("c", document("new", "new", [1.0, 0.0, 0.0]))
            .unwrap();
    }

    #[test]
    fn a_document_that_cannot_be_found_again_is_refused_before_it_is_stored() {
        let memory = VectorMemory::in_memory(LIMITS);
        let long = "x".repeat(65);
        for (namespace, document, what) in [
            (
                "",
                document("a", "a", [1.0, 0.0, 0.0]),
                "namespace of 0 bytes",
            ),
            ("n", document("", "a", [1.0, 0.0, 0.0]), "id of 0 bytes"),
            (
                "n",
                document("a", &long, [1.0, 0.0, 0.0]),
                "text of 65 bytes",
            ),
            ("n", document("a", "a", [0.0; 3]), "vector is zero"),
        ] {
            let error = memory.add(namespace, document).unwrap_err().to_string();
            assert!(error.starts_with(what), "{error}");
        }
        assert_eq!(memory.store.scan_prefix(b"", None, 9).unwrap(), []);
    }

    #[test]
    fn a_long_document_is_found_by_each_of_its_parts() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let memory = VectorMemory::open(store.clone(), LIMITS).unwrap();
        let mut long = document("long", "a beginning and an end", [1.0, 0.0, 0.0]);
        long.embeddings.push(vec![0.0, 1.0, 0.0]);
        memory.add("n", long.clone()).unwrap();
        memory
            .add("n", document("short", "else", [0.0, 0.7, 0.7]))
            .unwrap();
        let found = |memory: &VectorMemory, at| memory.recall("n", &query("", Some(at))).unwrap();
        for at in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] {
            let hits = found(&memory, at);
            assert_eq!(
                (hits[0].id.as_str(), hits[0].dense.unwrap().score),
                ("long", 1.0)
            );
        }
        let two = Query {
            embeddings: vec![vec![0.0, 0.0, 1.0], vec![1.0, 0.0, 0.0]],
            ..query("", None)
        };
        assert_eq!(ids(&memory.recall("n", &two).unwrap()), ["long", "short"]);

        // Three vectors are held, six allowed; a replaced document's own make room for it.
        let mut longer = document("other", "a", [1.0, 0.0, 0.0]);
        longer.embeddings = vec![vec![1.0, 0.0, 0.0]; 4];
        let error = memory.add("n", longer.clone()).unwrap_err();
        assert!(
            matches!(
                error,
                MemoryError::FullOfVectors {
                    held: 3,
                    asked: 4,
                    allowed: 6
                }
            ),
            "{error}"
        );
        longer.id = "long".to_owned();
        memory.add("n", longer).unwrap();
        memory.add("n", long).unwrap();
        let mut none = document("none", "a", [1.0, 0.0, 0.0]);
        none.embeddings.clear();
        assert!(memory.add("n", none).is_err());
        drop(memory);
        let reopened = VectorMemory::open(store, LIMITS).unwrap();
        assert_eq!(found(&reopened, [0.0, 1.0, 0.0])[0].id, "long");
    }

    #[test]
    fn one_namespace_cannot_take_the_others_places_for_vectors() {
        let limits = VectorLimits {
            documents: 10,
            documents_in_all: 20,
            vectors: 4,
            ..LIMITS
        };
        let memory = VectorMemory::in_memory(limits);
        let of = |id: &str, parts: usize| {
            let mut document = document(id, "a", [1.0, 0.0, 0.0]);
            document.embeddings = vec![vec![1.0, 0.0, 0.0]; parts];
            document
        };
        memory.add("greedy", of("one", 3)).unwrap();
        let error = memory.add("greedy", of("two", 2)).unwrap_err();
        assert!(
            matches!(
                &error,
                MemoryError::ShareOfVectors { namespace, held: 3, asked: 2, allowed: 4 }
                    if namespace == "greedy"
            ),
            "{error}"
        );
        memory.add("greedy", of("two", 1)).unwrap();
        // A document that is replaced makes room for itself, and nobody else lacks any.
        memory.add("greedy", of("one", 2)).unwrap();
        memory.add("other", of("one", 3)).unwrap();
        let error = memory.add("third", of("one", 1)).unwrap_err();
        assert!(matches!(error, MemoryError::FullOfVectors { held: 6, .. }));
    }

    #[test]
    fn a_memory_opened_on_the_same_store_recalls_the_same() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let memory = VectorMemory::open(store.clone(), LIMITS).unwrap();
        memory
            .add("acme", document("one", "bicycle sales", [1.0, 0.5, 0.0]))
            .unwrap();
        memory
            .add("acme", document("two", "more sales", [0.0, 0.5, 1.0]))
            .unwrap();
        memory
            .add("acme", document("gone", "sales too", [0.0, 0.5, 1.0]))
            .unwrap();
        memory.remove("acme", "gone").unwrap();
        let asked = query("bicycle sales", Some([0.5, 0.5, 0.0]));
        let before = memory.recall("acme", &asked).unwrap();
        drop(memory);
        let reopened = VectorMemory::open(store.clone(), LIMITS).unwrap();
        assert_eq!(reopened.recall("acme", &asked).unwrap(), before);
        assert_eq!(reopened.len("acme"), 2);
        store.put(b"document/acme\0bad", b"\x09\0\0\0{").unwrap();
        assert!(matches!(
            VectorMemory::open(store, LIMITS),
            Err(MemoryError::Record { .. })
        ));
    }
}
