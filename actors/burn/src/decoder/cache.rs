//! Keys and values of one conversation, in main memory.

use zeroize::Zeroize;

use super::Config;

/// Room grows in steps of this many positions.
const STEP: usize = 128;
/// A wiped cache keeps at most this much room; a longer one is given back.
const KEPT: usize = 1024;

/// `[kv_head][capacity][dim]` for each layer.
#[derive(Debug, Default)]
pub(crate) struct HostCache {
    layers: Vec<[Vec<f32>; 2]>,
    capacity: usize,
    len: usize,
}

impl HostCache {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn reserve(&mut self, config: &Config, positions: usize) {
        if positions <= self.capacity {
            return;
        }
        let capacity = super::room(self.capacity, positions, STEP, config.context);
        let mut layers = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let mut fresh = [0, 1].map(|_| vec![0.0; config.kv_heads * capacity * config.dim]);
            if let Some(old) = self.layers.get_mut(layer) {
                for (fresh, old) in fresh.iter_mut().zip(old) {
                    let heads = fresh.chunks_exact_mut(capacity * config.dim);
                    for (fresh, old) in
                        heads.zip(old.chunks_exact(self.capacity.max(1) * config.dim))
                    {
                        fresh[..self.len * config.dim]
                            .copy_from_slice(&old[..self.len * config.dim]);
                    }
                    old.zeroize();
                    // Given back at once, so that growing needs room for one layer more and not for a second cache.
                    *old = Vec::new();
                }
            }
            layers.push(fresh);
        }
        self.layers = layers;
        self.capacity = capacity;
    }

    pub(crate) fn truncate(&mut self, positions: usize) {
        self.len = self.len.min(positions);
    }

    pub(crate) fn wipe(&mut self) {
        for side in self.layers.iter_mut().flatten() {
            side.as_mut_slice().zeroize();
        }
        self.len = 0;
        if self.capacity > KEPT {
            self.layers = Vec::new();
            self.capacity = 0;
        }
    }

    /// Writes the newest positions of one layer; `k` and `v` are `[token][kv_head][dim]` with `stride` between tokens.
    pub(super) fn write(
        &mut self,
        config: &Config,
        layer: usize,
        tokens: usize,
        row: impl Fn(usize, usize) -> [usize; 2],
        from: &[f32],
    ) {
        let dim = config.dim;
        for (side, target) in self.layers[layer].iter_mut().enumerate() {
            for token in 0..tokens {
                for head in 0..config.kv_heads {
                    let source = row(token, head)[side];
                    let place = (head * self.capacity + self.len + token) * dim;
                    target[place..place + dim].copy_from_slice(&from[source..source + dim]);
                }
            }
        }
    }

    /// Appends the first positions as bytes, `[layer][keys, values][kv_head][position][dim]`.
    pub(super) fn give(&self, config: &Config, positions: usize, into: &mut Vec<u8>) {
        let dim = config.dim;
        // At once, so that growing leaves no copy behind that nobody wipes; some more for whatever the caller ends it with.
        let values = 2 * config.layers * config.kv_heads * positions.min(self.len) * dim;
        into.reserve(4 * values + 64);
        for side in self.layers.iter().flatten() {
            for head in side.chunks_exact(self.capacity.max(1) * dim) {
                let held = &head[..positions.min(self.len) * dim];
                into.extend(held.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
    }

    /// Holds from now on so many positions, as [`give`](Self::give) wrote them; whether there are as many bytes as they take.
    pub(super) fn take(&mut self, config: &Config, positions: usize, from: &[u8]) -> bool {
        let dim = config.dim;
        let wanted = 2 * config.layers * config.kv_heads * positions * dim;
        let (values, rest) = from.as_chunks::<4>();
        if values.len() != wanted || !rest.is_empty() || positions > config.context {
            return false;
        }
        self.reserve(config, positions);
        let mut rows = values.chunks_exact((positions * dim).max(1));
        let capacity = self.capacity.max(1);
        for side in self.layers.iter_mut().flatten() {
            for (head, row) in side.chunks_exact_mut(capacity * dim).zip(&mut rows) {
                for (place, value) in head.iter_mut().zip(row) {
                    *place = f32::from_le_bytes(*value);
                }
            }
        }
        self.len = positions;
        true
    }

    pub(super) fn layer(&self, layer: usize) -> &[Vec<f32>; 2] {
        &self.layers[layer]
    }

    pub(super) fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }
}

impl Drop for HostCache {
    fn drop(&mut self) {
        self.layers.iter_mut().flatten().for_each(Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            hidden: 32,
            feed_forward: 32,
            heads: 2,
            kv_heads: 2,
            vocabulary: 1,
            context: 4096,
            ..crate::decoder::tests::small()
        }
    }

    fn filled(tokens: usize) -> HostCache {
        let mut cache = HostCache::default();
        cache.reserve(&config(), tokens);
        let from: Vec<f32> = (0..tokens * 64).map(|i| i as f32 + 1.0).collect();
        for layer in 0..2 {
            cache.write(
                &config(),
                layer,
                tokens,
                |t, h| [t * 64 + h * 16, t * 64 + 32 + h * 16],
                &from,
            );
        }
        cache.advance(tokens);
        cache
    }

    #[test]
    fn growing_keeps_what_is_held() {
        let mut cache = filled(3);
        let before: Vec<f32> = cache.layer(1)[1][cache.capacity() * 16..][..48].to_vec();
        cache.reserve(&config(), STEP + 1);
        assert_eq!(cache.capacity(), 2 * STEP);
        assert_eq!(cache.layer(1)[1][cache.capacity() * 16..][..48], before);
    }

    #[test]
    fn what_was_given_is_taken_bit_for_bit_and_nothing_of_another_length() {
        let cache = filled(3);
        let mut bytes = Vec::new();
        cache.give(&config(), 2, &mut bytes);
        assert_eq!(bytes.len(), 2 * 2 * 2 * 2 * 16 * 4);
        let mut other = HostCache::default();
        for wrong in [&bytes[1..], &bytes[4..], &[]] {
            assert!(!other.take(&config(), 2, wrong));
        }
        assert!(!other.take(&config(), 3, &bytes));
        assert!(other.take(&config(), 2, &bytes));
        let mut again = Vec::new();
        other.give(&config(), 2, &mut again);
        assert_eq!((other.len(), again == bytes), (2, true));
        // What is read afterwards goes behind it.
        other.reserve(&config(), STEP + 1);
        let mut grown = Vec::new();
        other.give(&config(), 2, &mut grown);
        assert!(grown == bytes);
    }

    #[test]
    fn wiping_leaves_zeros_and_no_large_memory() {
        let mut cache = filled(3);
        cache.wipe();
        assert_eq!((cache.len(), cache.capacity()), (0, STEP));
        assert!(cache.layers.iter().flatten().flatten().all(|v| *v == 0.0));
        cache.reserve(&config(), KEPT + 1);
        cache.wipe();
        assert_eq!(cache.capacity(), 0);
    }
}
