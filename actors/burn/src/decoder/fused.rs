//! The forward pass on the processor, straight from quantised weights.

use super::{Config, Decoder, HostCache, Rotations, Weights};
use crate::kernel::{Activations, AttentionShape, Kernels};

/// Tokens of a prompt computed together: enough to hide the unpacking of weights, few enough for the second-level cache.
const CHUNK: usize = 128;
/// Numbers held for the tokens of a chunk: 32 MB, however wide the model is.
const BUFFER_MAX: usize = 1 << 23;

pub(crate) struct Fused {
    weights: Weights,
    kernels: Kernels,
    rotations: Rotations,
    caches: Vec<HostCache>,
    buffers: Buffers,
}

/// Memory that every pass uses again.
#[derive(Default)]
struct Buffers {
    /// The residual stream, `[token][hidden]`.
    stream: Vec<f32>,
    x: Activations,
    qkv: Vec<f32>,
    queries: Vec<f32>,
    gate_up: Vec<f32>,
    added: Vec<f32>,
}

impl Fused {
    pub(crate) fn new(weights: Weights, kernels: Kernels, slots: usize) -> Self {
        let rotations = Rotations::new(&weights.config);
        let caches = (0..slots).map(|_| HostCache::default()).collect();
        Self {
            weights,
            kernels,
            rotations,
            caches,
            buffers: Buffers::default(),
        }
    }

    fn pass(&mut self, slot: usize, tokens: &[u32], logits: Option<&mut Vec<f32>>) {
        let Self {
            weights,
            kernels,
            rotations,
            caches,
            buffers,
        } = self;
        let Buffers {
            stream,
            x,
            qkv,
            queries,
            gate_up,
            added,
        } = buffers;
        let cache = &mut caches[slot];
        let config = &weights.config;
        let Config {
            hidden,
            feed_forward,
            heads,
            kv_heads,
            dim,
            epsilon,
            ..
        } = *config;
        let (n, past) = (tokens.len(), cache.len());
        let heads_width = heads * dim;
        let qkv_width = heads_width + 2 * kv_heads * dim;
        rotations.reach(past + n);

        stream.resize(n * hidden, 0.0);
        qkv.resize(n * qkv_width, 0.0);
        queries.resize(n * heads_width, 0.0);
        gate_up.resize(n * 2 * feed_forward, 0.0);
        added.resize(n * hidden, 0.0);
        for (token, row) in tokens.iter().zip(stream.chunks_exact_mut(hidden)) {
            weights.embedding.row(*token as usize, row);
            if config.embedding_scale != 1.0 {
                row.iter_mut().for_each(|x| *x *= config.embedding_scale);
            }
        }

        for (i, layer) in weights.layers.iter().enumerate() {
            normalise(stream, &layer.attention_norm, epsilon, x.resize(n, hidden));
            x.sum();
            kernels.product(&layer.qkv, x, qkv);
            let (cos, sin) = rotations.of_layer(config.is_windowed(i), past, n);
            for (token, row) in qkv.chunks_exact_mut(qkv_width).enumerate() {
                if let Some(bias) = &layer.qkv_bias {
                    add(row, bias);
                }
                let range = token * dim / 2..(token + 1) * dim / 2;
                let turned = row[..heads_width + kv_heads * dim].chunks_exact_mut(dim);
                for (at, head) in turned.enumerate() {
                    if let Some([of_query, of_key]) = &layer.head_norms {
                        let norm = if at < heads { of_query } else { of_key };
                        normalise_in_place(head, norm, epsilon);
                    }
                    rotate(head, &cos[range.clone()], &sin[range.clone()]);
                }
            }
            let key_at = |token, head| {
                let key = token * qkv_width + (heads + head) * dim;
                [key, key + kv_heads * dim]
            };
            cache.write(config, i, n, key_at, qkv);
            for (q, row) in queries
                .chunks_exact_mut(heads_width)
                .zip(qkv.chunks_exact(qkv_width))
            {
                q.copy_from_slice(&row[..heads_width]);
            }
            let shape = AttentionShape {
                heads,
                kv_heads,
                dim,
                capacity: cache.capacity(),
                window: config.seen(i),
                scale: config.score_scale,
            };
            let [k, v] = cache.layer(i);
            kernels.attend(&shape, queries, k, v, past, x.resize(n, heads_width));
            x.sum();
            kernels.product(&layer.attention_out, x, added);
            if let Some(norm) = &layer.attention_out_norm {
                normalise_in_place(added, norm, epsilon);
            }
            add(stream, added);

            normalise(stream, &layer.feed_norm, epsilon, x.resize(n, hidden));
            x.sum();
            kernels.product(&layer.gate_up, x, gate_up);
            kernels.gate(
                config.gate,
                gate_up,
                feed_forward,
                x.resize(n, feed_forward),
            );
            x.sum();
            kernels.product(&layer.down, x, added);
            if let Some(norm) = &layer.down_norm {
                normalise_in_place(added, norm, epsilon);
            }
            add(stream, added);
        }
        cache.advance(n);

        if let Some(logits) = logits {
            normalise(
                &stream[(n - 1) * hidden..],
                &weights.final_norm,
                epsilon,
                x.resize(1, hidden),
            );
            x.sum();
            logits.resize(config.vocabulary, 0.0);
            kernels.product(weights.output(), x, logits);
        }
    }
}

impl Decoder for Fused {
    fn config(&self) -> &Config {
        &self.weights.config
    }

    fn chunk(&self, _slot: usize) -> usize {
        let Config {
            hidden,
            feed_forward,
            heads,
            kv_heads,
            dim,
            ..
        } = self.weights.config;
        // The stream and what is added, queries, queries with keys and values (twice, as the product writes them), the gates
        // likewise, and the input of the widest product.
        let of_a_token = 3 * hidden + (4 * heads + 4 * kv_heads) * dim + 5 * feed_forward;
        (BUFFER_MAX / of_a_token).clamp(1, CHUNK)
    }

    fn reserve(&mut self, slot: usize, positions: usize) {
        self.caches[slot].reserve(&self.weights.config, positions);
    }

    fn len(&self, slot: usize) -> usize {
        self.caches[slot].len()
    }

    fn truncate(&mut self, slot: usize, positions: usize) {
        self.caches[slot].truncate(positions);
    }

    fn wipe(&mut self, slot: usize) {
        self.caches[slot].wipe();
    }

    fn forward(
        &mut self,
        slot: usize,
        tokens: &[u32],
        logits: Option<&mut Vec<f32>>,
    ) -> Result<(), String> {
        if !tokens.is_empty() {
            let pool = self.kernels.pool();
            pool.install(|| self.pass(slot, tokens, logits));
        }
        Ok(())
    }

    fn give(&self, slot: usize, positions: usize, into: &mut Vec<u8>) -> bool {
        self.caches[slot].give(&self.weights.config, positions, into);
        true
    }

    fn take(&mut self, slot: usize, positions: usize, from: &[u8]) -> bool {
        self.caches[slot].take(&self.weights.config, positions, from)
    }

    fn gives(&self) -> bool {
        true
    }

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }
}

/// Root-mean-square normalisation of each row of `x`, scaled by `weight`.
fn normalise(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = weight.len();
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let factor = norm_factor(x, epsilon);
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * factor * weight;
        }
    }
}

fn normalise_in_place(x: &mut [f32], weight: &[f32], epsilon: f32) {
    for x in x.chunks_exact_mut(weight.len()) {
        let factor = norm_factor(x, epsilon);
        for (x, weight) in x.iter_mut().zip(weight) {
            *x *= factor * weight;
        }
    }
}

/// One over the root of the mean square; the width is a multiple of 16.
fn norm_factor(x: &[f32], epsilon: f32) -> f32 {
    // Sixteen partial sums: exact enough, and the compiler can keep them in registers.
    let mut squares = [0.0f32; 16];
    for chunk in x.chunks_exact(16) {
        for (sum, x) in squares.iter_mut().zip(chunk) {
            *sum += x * x;
        }
    }
    1.0 / (squares.iter().sum::<f32>() / x.len() as f32 + epsilon).sqrt()
}

/// Turns each pair of a head, whose first numbers come before the second ones.
fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = head.split_at_mut(cos.len());
    for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(cos.iter().zip(sin)) {
        (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
    }
}

fn add(stream: &mut [f32], added: &[f32]) {
    for (sum, added) in stream.iter_mut().zip(added) {
        *sum += added;
    }
}
