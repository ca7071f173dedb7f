//! The forward pass as Burn tensors: on a GPU, and on any other Burn device as a check on the fused kernels.

use burn::tensor::{Device, Tensor, TensorData, activation};

use super::{Config, Decoder, Layer, Rotation, Weights};
use crate::matrix::Matrix;

/// Tokens of a prompt computed together.
const CHUNK: usize = 256;
/// Scores of a pass, heads times tokens times positions: 64 MB, however long the text before it is.
const SCORES_MAX: usize = 1 << 24;
/// Room of a cache grows in steps of this many positions.
const STEP: usize = 256;

pub(crate) struct Tensors {
    config: Config,
    device: Device,
    /// Rows of the embedding stay in main memory: a token needs only its own.
    embedding: Matrix,
    layers: Vec<LayerTensors>,
    final_norm: Tensor<1>,
    /// `[hidden, vocabulary]`
    output: Tensor<2>,
    rotation: Rotation,
    caches: Vec<Cache>,
    weight_bytes: usize,
}

/// Matrices are kept `[in, out]`.
struct LayerTensors {
    attention_norm: Tensor<1>,
    qkv: Tensor<2>,
    attention_out: Tensor<2>,
    feed_norm: Tensor<1>,
    gate_up: Tensor<2>,
    down: Tensor<2>,
}

/// Keys and values, `[kv_head, capacity, dim]` for each layer.
#[derive(Default)]
struct Cache {
    layers: Vec<[Tensor<3>; 2]>,
    capacity: usize,
    len: usize,
}

impl Tensors {
    pub(crate) fn new(weights: Weights, device: Device, slots: usize) -> Self {
        let rotation = Rotation::new(&weights.config);
        let mut values = 0;
        let mut matrix = |m: &Matrix| {
            values += m.rows() * m.cols();
            Tensor::<2>::from_data(TensorData::new(m.values(), [m.rows(), m.cols()]), &device)
                .transpose()
        };
        let vector =
            |v: &[f32]| Tensor::<1>::from_data(TensorData::new(v.to_vec(), [v.len()]), &device);
        let mut layer = |l: &Layer| LayerTensors {
            attention_norm: vector(&l.attention_norm),
            qkv: matrix(&l.qkv),
            attention_out: matrix(&l.attention_out),
            feed_norm: vector(&l.feed_norm),
            gate_up: matrix(&l.gate_up),
            down: matrix(&l.down),
        };
        let layers = weights.layers.iter().map(&mut layer).collect();
        let output = matrix(weights.output());
        Self {
            layers,
            final_norm: vector(&weights.final_norm),
            output,
            rotation,
            caches: (0..slots).map(|_| Cache::default()).collect(),
            weight_bytes: values * size_of::<f32>() + weights.embedding.bytes(),
            embedding: weights.embedding,
            config: weights.config,
            device,
        }
    }

    fn pass(&mut self, slot: usize, tokens: &[u32], want_logits: bool) -> Option<Tensor<2>> {
        let Config {
            hidden,
            feed_forward,
            heads,
            kv_heads,
            dim,
            epsilon,
            ..
        } = self.config;
        let (n, group) = (tokens.len(), heads / kv_heads);
        let cache = &mut self.caches[slot];
        let (past, total) = (cache.len, cache.len + n);
        let half = dim / 2;
        let (cos, sin) = self.rotation.from(past, n);
        let table = |t: &[f32]| {
            Tensor::<3>::from_data(TensorData::new(t.to_vec(), [1, n, half]), &self.device)
        };
        let (cos, sin) = (table(cos), table(sin));
        let turn = |x: Tensor<3>| {
            let (a, b) = (x.clone().narrow(2, 0, half), x.narrow(2, half, half));
            let first = a.clone() * cos.clone() - b.clone() * sin.clone();
            Tensor::cat(vec![first, b * cos.clone() + a * sin.clone()], 2)
        };
        let mask = (n > 1).then(|| {
            // Token i sees positions up to past + i.
            let hidden_from = |token: usize| past + token + 1;
            let mask: Vec<f32> = (0..n * total)
                .map(|i| {
                    if i % total < hidden_from(i / total) {
                        0.0
                    } else {
                        -1.0e30
                    }
                })
                .collect();
            Tensor::<3>::from_data(TensorData::new(mask, [1, n, total]), &self.device)
        });

        let mut rows = vec![0.0; n * hidden];
        for (token, row) in tokens.iter().zip(rows.chunks_exact_mut(hidden)) {
            self.embedding.row(*token as usize, row);
        }
        let mut stream = Tensor::<2>::from_data(TensorData::new(rows, [n, hidden]), &self.device);

        for (layer, cached) in self.layers.iter().zip(&mut cache.layers) {
            let x =
                normalise(stream.clone(), &layer.attention_norm, epsilon).matmul(layer.qkv.clone());
            let part = |from: usize, count: usize| {
                x.clone()
                    .narrow(1, from * dim, count * dim)
                    .reshape([n, count, dim])
                    .swap_dims(0, 1)
            };
            let q = turn(part(0, heads)) * (1.0 / (dim as f32).sqrt());
            let fresh = [
                turn(part(heads, kv_heads)),
                part(heads + kv_heads, kv_heads),
            ];
            for (held, fresh) in cached.iter_mut().zip(fresh) {
                let taken = std::mem::replace(held, fresh.clone());
                *held = taken.slice_assign([0..kv_heads, past..total, 0..dim], fresh);
            }
            // Heads of one group share keys, so they are rows of one matrix.
            let k = cached[0].clone().narrow(1, 0, total);
            let v = cached[1].clone().narrow(1, 0, total);
            let scores = q
                .reshape([kv_heads, group * n, dim])
                .matmul(k.swap_dims(1, 2))
                .reshape([heads, n, total]);
            let scores = match &mask {
                Some(mask) => scores + mask.clone(),
                None => scores,
            };
            let weights = activation::softmax(scores, 2).reshape([kv_heads, group * n, total]);
            let out = weights
                .matmul(v)
                .reshape([heads, n, dim])
                .swap_dims(0, 1)
                .reshape([n, hidden]);
            stream = stream + out.matmul(layer.attention_out.clone());

            let x =
                normalise(stream.clone(), &layer.feed_norm, epsilon).matmul(layer.gate_up.clone());
            let (gate, up) = (
                x.clone().narrow(1, 0, feed_forward),
                x.narrow(1, feed_forward, feed_forward),
            );
            stream = stream + (activation::silu(gate) * up).matmul(layer.down.clone());
        }
        cache.len = total;
        want_logits.then(|| {
            normalise(stream.narrow(0, n - 1, 1), &self.final_norm, epsilon)
                .matmul(self.output.clone())
        })
    }
}

impl Decoder for Tensors {
    fn config(&self) -> &Config {
        &self.config
    }

    fn chunk(&self, slot: usize) -> usize {
        let seen = self.caches[slot].len + CHUNK;
        (SCORES_MAX / (self.config.heads * seen)).clamp(1, CHUNK)
    }

    fn reserve(&mut self, slot: usize, positions: usize) {
        let Config {
            layers,
            kv_heads,
            dim,
            context,
            ..
        } = self.config;
        let cache = &mut self.caches[slot];
        if positions <= cache.capacity {
            return;
        }
        let capacity = super::room(cache.capacity, positions, STEP, context);
        let empty = || Tensor::<3>::zeros([kv_heads, capacity, dim], &self.device);
        let old = std::mem::take(&mut cache.layers);
        cache.layers = if old.is_empty() {
            (0..layers).map(|_| [empty(), empty()]).collect()
        } else {
            let grow = |side: Tensor<3>| {
                empty().slice_assign(
                    [0..kv_heads, 0..cache.len, 0..dim],
                    side.narrow(1, 0, cache.len),
                )
            };
            old.into_iter()
                .map(|sides| {
                    if cache.len == 0 {
                        [empty(), empty()]
                    } else {
                        sides.map(grow)
                    }
                })
                .collect()
        };
        cache.capacity = capacity;
    }

    fn len(&self, slot: usize) -> usize {
        self.caches[slot].len
    }

    fn truncate(&mut self, slot: usize, positions: usize) {
        let cache = &mut self.caches[slot];
        cache.len = cache.len.min(positions);
    }

    fn wipe(&mut self, slot: usize) {
        let cache = &mut self.caches[slot];
        for side in cache.layers.iter_mut().flatten() {
            // In place where the tensor is the only owner of its buffer, which a cache is between two requests.
            let taken = std::mem::replace(side, Tensor::zeros([1, 1, 1], &self.device));
            *side = taken.mul_scalar(0.0);
        }
        *cache = Cache::default();
    }

    fn forward(
        &mut self,
        slot: usize,
        tokens: &[u32],
        logits: Option<&mut Vec<f32>>,
    ) -> Result<(), String> {
        if tokens.is_empty() {
            return Ok(());
        }
        if let Some(last) = self.pass(slot, tokens, logits.is_some())
            && let Some(logits) = logits
        {
            *logits = last.try_into_vec_as().map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }
}

/// Root-mean-square normalisation of each row, scaled by `weight`.
fn normalise(x: Tensor<2>, weight: &Tensor<1>, epsilon: f32) -> Tensor<2> {
    let mean = (x.clone() * x.clone()).mean_dim(1);
    x / (mean + epsilon).sqrt() * weight.clone().unsqueeze::<2>()
}
