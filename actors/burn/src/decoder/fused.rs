//! The forward pass on the processor, straight from quantised weights.

use super::{Config, Decoder, HostCache, Rotation, Weights};
use crate::kernel::{Activations, AttentionShape, Kernels};

/// Tokens of a prompt computed together: enough to hide the unpacking of weights, few enough for the second-level cache.
const CHUNK: usize = 64;
/// Numbers held for the tokens of a chunk: 32 MB, however wide the model is.
const BUFFER_MAX: usize = 1 << 23;

pub(crate) struct Fused {
    weights: Weights,
    kernels: Kernels,
    rotation: Rotation,
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
        let rotation = Rotation::new(&weights.config);
        let caches = (0..slots).map(|_| HostCache::default()).collect();
        Self {
            weights,
            kernels,
            rotation,
            caches,
            buffers: Buffers::default(),
        }
    }

    fn pass(&mut self, slot: usize, tokens: &[u32], logits: Option<&mut Vec<f32>>) {
        let Self {
            weights,
            kernels,
            rotation,
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
        let shape = AttentionShape {
            heads,
            kv_heads,
            dim,
            capacity: cache.capacity(),
        };
        let qkv_width = (heads + 2 * kv_heads) * dim;
        let (cos, sin) = rotation.from(past, n);

        stream.resize(n * hidden, 0.0);
        qkv.resize(n * qkv_width, 0.0);
        queries.resize(n * hidden, 0.0);
        gate_up.resize(n * 2 * feed_forward, 0.0);
        added.resize(n * hidden, 0.0);
        for (token, row) in tokens.iter().zip(stream.chunks_exact_mut(hidden)) {
            weights.embedding.row(*token as usize, row);
        }

        for (i, layer) in weights.layers.iter().enumerate() {
            normalise(stream, &layer.attention_norm, epsilon, x.resize(n, hidden));
            x.sum();
            kernels.product(&layer.qkv, x, qkv);
            for (token, row) in qkv.chunks_exact_mut(qkv_width).enumerate() {
                let range = token * dim / 2..(token + 1) * dim / 2;
                for head in row[..(heads + kv_heads) * dim].chunks_exact_mut(dim) {
                    rotate(head, &cos[range.clone()], &sin[range.clone()]);
                }
            }
            let key_at = |token, head| {
                let key = token * qkv_width + (heads + head) * dim;
                [key, key + kv_heads * dim]
            };
            cache.write(config, i, n, key_at, qkv);
            for (q, row) in queries
                .chunks_exact_mut(hidden)
                .zip(qkv.chunks_exact(qkv_width))
            {
                q.copy_from_slice(&row[..hidden]);
            }
            let [k, v] = cache.layer(i);
            kernels.attend(&shape, queries, k, v, past, x.resize(n, hidden));
            x.sum();
            kernels.product(&layer.attention_out, x, added);
            add(stream, added);

            normalise(stream, &layer.feed_norm, epsilon, x.resize(n, hidden));
            x.sum();
            kernels.product(&layer.gate_up, x, gate_up);
            let inner = x.resize(n, feed_forward).chunks_exact_mut(feed_forward);
            for (out, row) in inner.zip(gate_up.chunks_exact(2 * feed_forward)) {
                let (gate, up) = row.split_at(feed_forward);
                for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                    *out = gate / (1.0 + (-gate).exp()) * up;
                }
            }
            x.sum();
            kernels.product(&layer.down, x, added);
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
            ..
        } = self.weights.config;
        // The stream, queries, what is added, queries with keys and values (twice, as the product writes them), the gates
        // likewise, and the input of the widest product.
        let of_a_token = 9 * hidden + 5 * feed_forward;
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

    fn weight_bytes(&self) -> usize {
        self.weights.bytes()
    }
}

/// Root-mean-square normalisation of each row of `x`, scaled by `weight`.
fn normalise(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = weight.len();
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        // Sixteen partial sums: exact enough, and the compiler can keep them in registers.
        let mut squares = [0.0f32; 16];
        for chunk in x.chunks_exact(16) {
            for (sum, x) in squares.iter_mut().zip(chunk) {
                *sum += x * x;
            }
        }
        let factor = 1.0 / (squares.iter().sum::<f32>() / width as f32 + epsilon).sqrt();
        for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
            *out = x * factor * weight;
        }
    }
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
