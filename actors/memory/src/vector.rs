//! Dense vectors, searched exactly.
//!
//! Below some ten thousand vectors a scan over contiguous memory is faster than a graph index, forgets a removed vector
//! at once, and is right by construction; an approximate index would be measured against it.

use std::collections::HashMap;

use crate::MemoryError;

/// Vectors of one length, one or more for each key; nearest by cosine.
#[derive(Clone, Debug)]
pub struct VectorIndex {
    dimensions: usize,
    /// Unit vectors, one after the other, in the order of `keys`.
    data: Vec<f32>,
    /// The key of each vector.
    keys: Vec<u32>,
    places: HashMap<u32, Vec<usize>>,
}

impl VectorIndex {
    /// An empty index for vectors of this length.
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            data: Vec::new(),
            keys: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Number of vectors of a key.
    pub(crate) fn count(&self, key: u32) -> usize {
        self.places.get(&key).map_or(0, Vec::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds the vectors of a key in place of those it has. Any length but zero will do: they are normalised.
    pub fn insert(&mut self, key: u32, vectors: &[Vec<f32>]) -> Result<(), MemoryError> {
        let units = vectors
            .iter()
            .map(|vector| self.unit(vector))
            .collect::<Result<Vec<_>, _>>()?;
        self.remove(key);
        for unit in units {
            self.places.entry(key).or_default().push(self.keys.len());
            self.keys.push(key);
            self.data.extend_from_slice(&unit);
        }
        Ok(())
    }

    /// Removes the vectors of a key; says whether it had any.
    pub fn remove(&mut self, key: u32) -> bool {
        let Some(mut places) = self.places.remove(&key) else {
            return false;
        };
        // From the last on, so that what moves into a free place is never of this key.
        places.sort_unstable_by(|a, b| b.cmp(a));
        for place in places {
            // The last vector takes the free place, so that the data stays contiguous.
            let last = self.keys.len() - 1;
            self.data
                .copy_within(last * self.dimensions.., place * self.dimensions);
            self.data.truncate(last * self.dimensions);
            self.keys.swap_remove(place);
            let moved = self
                .keys
                .get(place)
                .and_then(|key| self.places.get_mut(key));
            if let Some(at) = moved.and_then(|places| places.iter_mut().find(|at| **at == last)) {
                *at = place;
            }
        }
        true
    }

    /// The `k` nearest keys with their cosine in -1..=1, nearest first, the lower key first among equals. A key is as near
    /// as the nearest of its vectors is to the nearest of these.
    pub fn nearest(&self, vectors: &[Vec<f32>], k: usize) -> Result<Vec<(u32, f32)>, MemoryError> {
        let units = vectors
            .iter()
            .map(|vector| self.unit(vector))
            .collect::<Result<Vec<_>, _>>()?;
        let mut nearest: HashMap<u32, f32> = HashMap::new();
        let rows = self.data.chunks_exact(self.dimensions.max(1));
        for (key, row) in self.keys.iter().zip(rows) {
            for unit in &units {
                let cosine = dot(row, unit);
                let best = nearest.entry(*key).or_insert(cosine);
                *best = best.max(cosine);
            }
        }
        let mut scored: Vec<(u32, f32)> = nearest.into_iter().collect();
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
            let error = index
                .insert(1, &[vec![1.0; 3], vector.clone()])
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(refused) || error.contains("zero or not finite"),
                "{vector:?}: {error}"
            );
        }
        assert!(index.is_empty());
    }

    #[derive(Clone, Debug)]
    enum Act {
        Insert(u32, Vec<[f32; 11]>),
        Remove(u32),
    }

    fn lists(vectors: &[[f32; 11]]) -> Vec<Vec<f32>> {
        vectors.iter().map(|vector| vector.to_vec()).collect()
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
                    3 => (0u32..20, prop::collection::vec(vectors(), 1..4)).prop_map(|(key, v)| Act::Insert(key, v)),
                    1 => (0u32..20).prop_map(Act::Remove),
                ],
                0..60,
            ),
            query in prop::collection::vec(vectors(), 1..3),
            k in 0usize..25,
        ) {
            let mut index = VectorIndex::new(11);
            let mut model = std::collections::BTreeMap::new();
            for act in acts {
                match act {
                    Act::Insert(key, vectors) => {
                        index.insert(key, &lists(&vectors)).unwrap();
                        model.insert(key, vectors);
                    }
                    Act::Remove(key) => prop_assert_eq!(index.remove(key), model.remove(&key).is_some()),
                }
            }
            let cosine = |a: &[f32], b: &[f32]| {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
                dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
            };
            let near = |vectors: &[[f32; 11]]| {
                let pairs = vectors.iter().flat_map(|v| query.iter().map(move |q| cosine(v, q)));
                pairs.fold(f64::MIN, f64::max)
            };
            let found = index.nearest(&lists(&query), k).unwrap();
            prop_assert_eq!(index.len(), model.values().map(Vec::len).sum::<usize>());
            prop_assert_eq!(found.len(), k.min(model.len()));
            let mut expected: Vec<f64> = model.values().map(|vectors| near(vectors)).collect();
            expected.sort_by(|a, b| b.total_cmp(a));
            for ((key, score), expected) in found.iter().zip(expected) {
                prop_assert!((f64::from(*score) - expected).abs() < 1e-5);
                prop_assert!((near(&model[key]) - f64::from(*score)).abs() < 1e-5);
            }
        }
    }
}
