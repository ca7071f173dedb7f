//! Dense vectors, searched exactly.
//!
//! Below some ten thousand vectors a scan over contiguous memory is faster than a graph index, forgets a removed vector
//! at once, and is right by construction; an approximate index would be measured against it.

use std::collections::HashMap;

use crate::MemoryError;

/// Vectors of one length, by key; nearest by cosine.
#[derive(Clone, Debug)]
pub struct VectorIndex {
    dimensions: usize,
    /// Unit vectors, one after the other, in the order of `keys`.
    data: Vec<f32>,
    keys: Vec<u32>,
    place: HashMap<u32, usize>,
}

impl VectorIndex {
    /// An empty index for vectors of this length.
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            data: Vec::new(),
            keys: Vec::new(),
            place: HashMap::new(),
        }
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds a vector, or replaces the one of that key. Any length but zero will do: it is normalised.
    pub fn insert(&mut self, key: u32, vector: &[f32]) -> Result<(), MemoryError> {
        let unit = self.unit(vector)?;
        self.remove(key);
        self.place.insert(key, self.keys.len());
        self.keys.push(key);
        self.data.extend_from_slice(&unit);
        Ok(())
    }

    /// Removes a vector; says whether it was there.
    pub fn remove(&mut self, key: u32) -> bool {
        let Some(place) = self.place.remove(&key) else {
            return false;
        };
        // The last vector takes the free place, so that the data stays contiguous.
        let last = self.keys.len() - 1;
        self.data
            .copy_within(last * self.dimensions.., place * self.dimensions);
        self.data.truncate(last * self.dimensions);
        self.keys.swap_remove(place);
        if let Some(moved) = self.keys.get(place) {
            self.place.insert(*moved, place);
        }
        true
    }

    /// The `k` nearest keys with their cosine in -1..=1, nearest first, the lower key first among equals.
    pub fn nearest(&self, vector: &[f32], k: usize) -> Result<Vec<(u32, f32)>, MemoryError> {
        let unit = self.unit(vector)?;
        let rows = self.data.chunks_exact(self.dimensions.max(1));
        let mut scored: Vec<(u32, f32)> = self
            .keys
            .iter()
            .zip(rows)
            .map(|(key, row)| (*key, dot(row, &unit)))
            .collect();
        best(&mut scored, k);
        Ok(scored)
    }

    /// Checks a vector and gives it length 1.
    pub(crate) fn unit(&self, vector: &[f32]) -> Result<Vec<f32>, MemoryError> {
        if vector.len() != self.dimensions {
            return Err(MemoryError::Dimensions {
                asked: vector.len(),
                allowed: self.dimensions,
            });
        }
        let norm = vector
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt();
        if !norm.is_finite() || norm < 1e-12 {
            return Err(MemoryError::NoDirection);
        }
        Ok(vector
            .iter()
            .map(|x| (f64::from(*x) / norm) as f32)
            .collect())
    }
}

/// Keeps the `k` highest scores, highest first, the lower key first among equals.
pub(crate) fn best(scored: &mut Vec<(u32, f32)>, k: usize) {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if k == 0 {
        scored.clear();
    } else if scored.len() > k {
        scored.select_nth_unstable_by(k - 1, order);
        scored.truncate(k);
    }
    scored.sort_unstable_by(order);
}

/// Eight sums side by side, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (heads, tails) = (a.chunks_exact(8).zip(b.chunks_exact(8)), (a.len() / 8) * 8);
    let mut sums = [0f32; 8];
    for (x, y) in heads {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let tail: f32 = a[tails..].iter().zip(&b[tails..]).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_vector_without_direction_or_of_another_length_is_refused() {
        let mut index = VectorIndex::new(3);
        for (vector, refused) in [
            (vec![0.0; 3], "zero"),
            (vec![f32::NAN, 0.0, 1.0], "not finite"),
            (vec![f32::INFINITY, 0.0, 1.0], "not finite"),
            (vec![1.0; 2], "2 dimensions"),
        ] {
            let error = index.insert(1, &vector).unwrap_err().to_string();
            assert!(
                error.contains(refused) || error.contains("zero or not finite"),
                "{vector:?}: {error}"
            );
        }
        assert!(index.is_empty());
    }

    #[derive(Clone, Debug)]
    enum Act {
        Insert(u32, [f32; 11]),
        Remove(u32),
    }

    fn vectors() -> impl Strategy<Value = [f32; 11]> {
        prop::array::uniform11(-1f32..1.0)
            .prop_filter("has a direction", |v| v.iter().any(|x| x.abs() > 0.01))
    }

    proptest! {
        #[test]
        fn nearest_agrees_with_a_plain_search_after_any_inserts_and_removes(
            acts in prop::collection::vec(
                prop_oneof![
                    3 => (0u32..20, vectors()).prop_map(|(key, v)| Act::Insert(key, v)),
                    1 => (0u32..20).prop_map(Act::Remove),
                ],
                0..60,
            ),
            query in vectors(),
            k in 0usize..25,
        ) {
            let mut index = VectorIndex::new(11);
            let mut model = std::collections::BTreeMap::new();
            for act in acts {
                match act {
                    Act::Insert(key, vector) => {
                        index.insert(key, &vector).unwrap();
                        model.insert(key, vector);
                    }
                    Act::Remove(key) => prop_assert_eq!(index.remove(key), model.remove(&key).is_some()),
                }
            }
            let cosine = |a: &[f32], b: &[f32]| {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
                dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
            };
            let found = index.nearest(&query, k).unwrap();
            prop_assert_eq!(index.len(), model.len());
            prop_assert_eq!(found.len(), k.min(model.len()));
            let mut expected: Vec<f64> = model.values().map(|vector| cosine(vector, &query)).collect();
            expected.sort_by(|a, b| b.total_cmp(a));
            for ((key, score), expected) in found.iter().zip(expected) {
                prop_assert!((f64::from(*score) - expected).abs() < 1e-5);
                prop_assert!((cosine(&model[key], &query) - f64::from(*score)).abs() < 1e-5);
            }
        }
    }
}
