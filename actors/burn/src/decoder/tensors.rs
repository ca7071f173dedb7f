//! The forward pass as Burn tensors: on a GPU, and on any other Burn device as a check on the fused kernels.

use burn::tensor::{Device, Tensor, TensorData, activation};

use super::{Config, Decoder, Gate, Layer, Rotations, Weights};
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
    rotations: Rotations,
    caches: Vec<Cache>,
    weight_bytes: usize,
}

/// Matrices are kept `[in, out]`.
struct LayerTensors {
    attention_norm: Tensor<1>,
    qkv: Tensor<2>,
    qkv_bias: Option<Tensor<1>>,
    head_norms: Option<[Tensor<1>; 2]>,
    attention_out: Tensor<2>,
    attention_out_norm: Option<Tensor<1>>,
    feed_norm: Tensor<1>,
    gate_up: Tensor<2>,
    down: Tensor<2>,
    down_norm: Option<Tensor<1>>,
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
        let rotations = Rotations::new(&weights.config);
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
            qkv_bias: l.qkv_bias.as_deref().map(vector),
            head_norms: l
                .head_norms
                .as_ref()
                .map(|norms| [vector(&norms[0]), vector(&norms[1])]),
            attention_out: matrix(&l.attention_out),
            attention_out_norm: l.attention_out_norm.as_deref().map(vector),
            feed_norm: vector(&l.feed_norm),
            gate_up: matrix(&l.gate_up),
            down: matrix(&l.down),
            down_norm: l.down_norm.as_deref().map(vector),
        };
        let layers = weights.layers.iter().map(&mut layer).collect();
        let output = matrix(weights.output());
        Self {
            layers,
            final_norm: vector(&weights.final_norm),
            output,
            rotations,
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
        self.rotations.reach(total);
        let views = [false, true].map(|is_windowed| {
            let (cos, sin) = self.rotations.of_layer(is_windowed, past, n);
            let table = |t: &[f32]| {
                Tensor::<3>::from_data(TensorData::new(t.to_vec(), [1, n, half]), &self.device)
            };
            let window = self.config.window.as_ref().filter(|_| is_windowed);
            let seen = window.map_or(usize::MAX, |window| window.positions);
            View {
                cos: table(cos),
                sin: table(sin),
                mask: (n > 1 || total > seen).then(|| mask(past, n, seen, &self.device)),
            }
        });

        let mut rows = vec![0.0; n * hidden];
        for (token, row) in tokens.iter().zip(rows.chunks_exact_mut(hidden)) {
            self.embedding.row(*token as usize, row);
        }
        let mut stream = Tensor::<2>::from_data(TensorData::new(rows, [n, hidden]), &self.device)
            * self.config.embedding_scale;

        for (i, (layer, cached)) in self.layers.iter().zip(&mut cache.layers).enumerate() {
            let view = &views[usize::from(self.config.is_windowed(i))];
            let mut x =
                normalise(stream.clone(), &layer.attention_norm, epsilon).matmul(layer.qkv.clone());
            if let Some(bias) = &layer.qkv_bias {
                x = x + bias.clone().unsqueeze::<2>();
            }
            let part = |from: usize, count: usize| {
                x.clone()
                    .narrow(1, from * dim, count * dim)
                    .reshape([n, count, dim])
                    .swap_dims(0, 1)
            };
            let normed = |x: Tensor<3>, which: usize| match &layer.head_norms {
                Some(norms) => normalise(x, &norms[which], epsilon),
                None => x,
            };
            let q = view.turn(normed(part(0, heads), 0)) * self.config.score_scale;
            let fresh = [
                view.turn(normed(part(heads, kv_heads), 1)),
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
            let scores = match &view.mask {
                Some(mask) => scores + mask.clone(),
                None => scores,
            };
            let weights = activation::softmax(scores, 2).reshape([kv_heads, group * n, total]);
            let out = weights
                .matmul(v)
                .reshape([heads, n, dim])
                .swap_dims(0, 1)
                .reshape([n, heads * dim]);
            stream = stream
                + outer(
                    out.matmul(layer.attention_out.clone()),
                    &layer.attention_out_norm,
                    epsilon,
                );

            let x =
                normalise(stream.clone(), &layer.feed_norm, epsilon).matmul(layer.gate_up.clone());
            let (gate, up) = (
                x.clone().narrow(1, 0, feed_forward),
                x.narrow(1, feed_forward, feed_forward),
            );
            let gate = match self.config.gate {
                Gate::Silu => activation::silu(gate),
                Gate::Gelu => gelu(gate),
            };
            stream = stream
                + outer(
                    (gate * up).matmul(layer.down.clone()),
                    &layer.down_norm,
                    epsilon,
                );
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
            // Whole, so that nothing is copied but into its place, and what grew out of its room leaves nothing behind.
            let grow = |side: Tensor<3>| {
                let more = [kv_heads, capacity - cache.capacity, dim];
                let room = Tensor::<3>::zeros(more, &self.device);
                let grown = Tensor::cat(vec![side.clone(), room], 1);
                overwritten(side);
                grown
            };
            old.into_iter().map(|sides| sides.map(grow)).collect()
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
        for side in std::mem::take(&mut cache.layers).into_iter().flatten() {
            overwritten(side);
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

/// Leaves zeros where a tensor was. That is done in place, because a cache is the only owner of its buffers between two passes. A product with
/// zero would leave the signs of what was there.
fn overwritten(side: Tensor<3>) {
    let [heads, positions, dim] = side.dims();
    drop(side.slice_fill([0..heads, 0..positions, 0..dim], 0.0));
}

/// What layers of one kind share in a pass: by how much pairs turn, and what a token does not see.
struct View {
    /// `[1, token, pair]`
    cos: Tensor<3>,
    sin: Tensor<3>,
    /// `[1, token, position]`
    mask: Option<Tensor<3>>,
}

impl View {
    /// Turns each pair of `[head, token, dim]`, whose first numbers come before the second ones.
    fn turn(&self, x: Tensor<3>) -> Tensor<3> {
        let half = x.dims()[2] / 2;
        let (a, b) = (x.clone().narrow(2, 0, half), x.narrow(2, half, half));
        let (cos, sin) = (&self.cos, &self.sin);
        let first = a.clone() * cos.clone() - b.clone() * sin.clone();
        Tensor::cat(vec![first, b * cos.clone() + a * sin.clone()], 2)
    }
}

/// Token `i` sees the last positions up to `past + i`, itself among them.
fn mask(past: usize, tokens: usize, seen: usize, device: &Device) -> Tensor<3> {
    let total = past + tokens;
    let mask: Vec<f32> = (0..tokens * total)
        .map(|i| {
            let (end, position) = (past + i / total + 1, i % total);
            let is_seen = position < end && position >= end.saturating_sub(seen);
            if is_seen { 0.0 } else { -1.0e30 }
        })
        .collect();
    Tensor::from_data(TensorData::new(mask, [1, tokens, total]), device)
}

/// Root-mean-square normalisation over the last dimension, scaled by `weight`.
fn normalise<const D: usize>(x: Tensor<D>, weight: &Tensor<1>, epsilon: f32) -> Tensor<D> {
    let mean = (x.clone() * x.clone()).mean_dim(D - 1);
    x / (mean + epsilon).sqrt() * weight.clone().unsqueeze::<D>()
}

fn outer(x: Tensor<2>, norm: &Option<Tensor<1>>, epsilon: f32) -> Tensor<2> {
    match norm {
        Some(norm) => normalise(x, norm, epsilon),
        None => x,
    }
}

/// As [`Gate::Gelu`] says.
fn gelu(x: Tensor<2>) -> Tensor<2> {
    let cube = x.clone() * x.clone() * x.clone();
    let inner = (x.clone() + cube * 0.044_715) * 0.797_884_6;
    x * 0.5 * (inner.tanh() + 1.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use super::super::tests::{plain, small};
    use super::*;

    /// Two rows of a cache that lie behind each other there and nowhere else, because each was computed by itself. Kept so that what looks for
    /// them finds no copy here.
    struct Hidden(Vec<u8>);

    impl Hidden {
        /// The first two keys of the last head of a layer, taken one by one: at the beginning of freed memory its allocator writes something of its own.
        fn of(decoder: &Tensors, slot: usize, layer: usize) -> Self {
            let keys = &decoder.caches[slot].layers[layer][0];
            let (heads, dim) = (decoder.config.kv_heads, decoder.config.dim);
            let row = |at: usize| -> Vec<u8> {
                let row: Vec<f32> = keys
                    .clone()
                    .slice([heads - 1..heads, at..at + 1, 0..dim])
                    .try_into_vec_as()
                    .unwrap();
                row.iter()
                    .flat_map(|value| value.to_le_bytes().map(|byte| !byte))
                    .collect()
            };
            Self([row(0), row(1)].concat())
        }

        /// What multiplying them by zero would leave.
        fn signs(&self) -> Self {
            let words = self.0.chunks_exact(4);
            let signs = words.flat_map(|word| [!0, !0, !0, word[3] | 0x7f]);
            Self(signs.collect())
        }

        /// How often they are found in what this process can write to.
        fn found(&self) -> usize {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let memory = File::open("/proc/self/mem").unwrap();
            let (mut found, mut page) = (0, vec![0; 1 << 16]);
            let own = page.as_ptr_range();
            let own = own.start as u64..own.end as u64;
            for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
                let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
                let address = |text: &str| u64::from_str_radix(text, 16).unwrap();
                let (mut at, to) = (address(from), address(to));
                // Each piece begins with the end of the one before; floats lie at multiples of four.
                while at + (self.0.len() as u64) <= to {
                    let length = page.len().min((to - at) as usize);
                    let Ok(read) = memory.read_at(&mut page[..length], at) else {
                        break;
                    };
                    for place in (0..read.saturating_sub(self.0.len() - 1)).step_by(4) {
                        let there = page[place..place + self.0.len()].iter();
                        let is_own = own.contains(&(at + place as u64));
                        found += usize::from(!is_own && there.zip(&self.0).all(|(a, b)| *a == !*b));
                    }
                    if read < length || at + (length as u64) >= to {
                        break;
                    }
                    at += (length - self.0.len()) as u64 & !3;
                }
            }
            page.fill(0);
            found
        }
    }

    #[test]
    fn neither_a_session_that_is_closed_nor_one_that_grew_leaves_keys_or_their_signs_in_memory() {
        let config = Config {
            context: 4 * STEP,
            ..small()
        };
        let mut decoder = Tensors::new(plain(config), Device::flex(), 2);
        decoder.reserve(1, 2);
        for token in [11, 23] {
            decoder.forward(1, &[token], None).unwrap();
        }
        let layers = decoder.config.layers;
        let hidden: Vec<Hidden> = (0..layers).map(|at| Hidden::of(&decoder, 1, at)).collect();
        let found = || hidden.iter().map(Hidden::found).collect::<Vec<_>>();
        assert_eq!(found(), vec![1; layers], "they lie in the cache alone");
        decoder.reserve(1, STEP + 1);
        assert_eq!(decoder.caches[1].capacity, 2 * STEP);
        assert_eq!(
            found(),
            vec![1; layers],
            "not where they were before it grew"
        );
        decoder.wipe(1);
        assert_eq!(found(), vec![0; layers]);
        let signs: Vec<usize> = hidden.iter().map(|it| it.signs().found()).collect();
        assert_eq!(signs, vec![0; layers], "not even their signs");
        assert_eq!((decoder.len(1), decoder.caches[1].capacity), (0, 0));
    }
}
