//! The Llama architecture as GGUF files hold it: sizes, weights, and two ways to compute them.
//!
//! [`Fused`] runs on the processor, straight from quantised weights. [`Tensors`] runs on any Burn device. Both are a
//! [`Decoder`], and tests hold them to the same figures.

mod cache;
mod fused;
#[cfg(feature = "device")]
mod tensors;

use crate::error::LoadError;
use crate::gguf::{Gguf, Value};
use crate::matrix::{Matrix, load_vector};

pub(crate) use self::cache::HostCache;
pub(crate) use self::fused::Fused;
#[cfg(feature = "device")]
pub(crate) use self::tensors::Tensors;

/// Bounds against files that ask for absurd amounts; far above every model of this kind.
const CONTEXT_MAX: usize = 1 << 20;
const LAYERS_MAX: usize = 1024;

/// What the engine asks of a language model: token ids in, logits out, one cache for each slot.
pub(crate) trait Decoder: Send {
    fn config(&self) -> &Config;
    /// Tokens to hand over at once while a prompt is read; between two hand-overs a request can be called off.
    fn chunk(&self) -> usize;
    /// Makes room for this many positions in a slot, keeping what it holds.
    fn reserve(&mut self, slot: usize, positions: usize);
    /// Positions a slot holds.
    fn len(&self, slot: usize) -> usize;
    /// Forgets all but the first positions of a slot.
    fn truncate(&mut self, slot: usize, positions: usize);
    /// Overwrites what a slot holds with zeros and gives large memory back.
    fn wipe(&mut self, slot: usize);
    /// Appends tokens to a slot. With `logits`, writes those of the last token, one for each vocabulary entry.
    ///
    /// The caller has reserved room and checked that ids are below the vocabulary's size.
    fn forward(
        &mut self,
        slot: usize,
        tokens: &[u32],
        logits: Option<&mut Vec<f32>>,
    ) -> Result<(), String>;
    /// Bytes held by the weights.
    fn weight_bytes(&self) -> usize;
}

/// Sizes of a model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) feed_forward: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    /// Length of a head.
    pub(crate) dim: usize,
    pub(crate) vocabulary: usize,
    pub(crate) context: usize,
    pub(crate) rope_base: f64,
    pub(crate) epsilon: f32,
}

impl Config {
    fn read(file: &Gguf) -> Result<Self, LoadError> {
        let architecture = file.text("general.architecture")?;
        if architecture != "llama" {
            return Err(LoadError::Architecture {
                found: architecture.to_owned(),
                wanted: "llama",
            });
        }
        let heads = file.size("llama.attention.head_count")?;
        let hidden = file.size("llama.embedding_length")?;
        let kv_heads = match file.get("llama.attention.head_count_kv") {
            Some(_) => file.size("llama.attention.head_count_kv")?,
            None => heads,
        };
        let embedding = file.tensor("token_embd.weight")?;
        let rope_base = match file.get("llama.rope.freq_base") {
            Some(_) => file.float("llama.rope.freq_base")?,
            None => 10_000.0,
        };
        let config = Self {
            layers: file.size("llama.block_count")?,
            hidden,
            feed_forward: file.size("llama.feed_forward_length")?,
            heads,
            kv_heads,
            dim: hidden / heads,
            vocabulary: embedding.shape[0],
            context: file.size("llama.context_length")?,
            rope_base,
            epsilon: file.float("llama.attention.layer_norm_rms_epsilon")? as f32,
        };
        config.check(file)?;
        Ok(config)
    }

    fn check(&self, file: &Gguf) -> Result<(), LoadError> {
        let refuse = |what, found: String, wanted| {
            Err(LoadError::Unsupported {
                what,
                found,
                wanted,
            })
        };
        if !self.hidden.is_multiple_of(self.heads) || !self.heads.is_multiple_of(self.kv_heads) {
            let found = format!(
                "{} wide, {} heads, {} key heads",
                self.hidden, self.heads, self.kv_heads
            );
            return refuse(
                "the layout of heads",
                found,
                "each must divide the one before",
            );
        }
        if !self.dim.is_multiple_of(16) {
            return refuse(
                "the length of a head",
                self.dim.to_string(),
                "a multiple of 16 is wanted",
            );
        }
        if self.context > CONTEXT_MAX || self.layers > LAYERS_MAX {
            let found = format!("{} tokens and {} layers", self.context, self.layers);
            return refuse(
                "the model's size",
                found,
                "at most 1048576 tokens and 1024 layers are read",
            );
        }
        if self.rope_base <= 1.0 || self.epsilon <= 0.0 || !self.epsilon.is_finite() {
            let found = format!("{} and {}", self.rope_base, self.epsilon);
            return refuse(
                "the rotary base or epsilon",
                found,
                "positive numbers are wanted",
            );
        }
        if let Some(Value::Unsigned(turned)) = file.get("llama.rope.dimension_count")
            && *turned != self.dim as u64
        {
            return refuse(
                "the number of rotated dimensions",
                turned.to_string(),
                "the whole head is wanted",
            );
        }
        match file.get("llama.rope.scaling.type") {
            None => Ok(()),
            Some(Value::Text(kind)) if kind == "none" => Ok(()),
            Some(kind) => refuse("rotary scaling", format!("{kind:?}"), "none is supported"),
        }
    }
}

/// One layer's weights. Matrices that read the same activations are stacked.
#[derive(Debug)]
pub(crate) struct Layer {
    attention_norm: Vec<f32>,
    /// Queries, keys, values. Rows of each query and key head are reordered, see [`halves_first`].
    qkv: Matrix,
    attention_out: Matrix,
    feed_norm: Vec<f32>,
    /// Gate, then up.
    gate_up: Matrix,
    down: Matrix,
}

/// A model's weights, shapes checked.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(crate) config: Config,
    embedding: Matrix,
    layers: Vec<Layer>,
    final_norm: Vec<f32>,
    /// `None` where the embedding is the output matrix too.
    output: Option<Matrix>,
}

impl Weights {
    pub(crate) fn load(file: &Gguf) -> Result<Self, LoadError> {
        let config = Config::read(file)?;
        let Config {
            hidden,
            feed_forward,
            heads,
            kv_heads,
            dim,
            vocabulary,
            ..
        } = config;
        let mut known = 2;
        let matrix = |name: &str, rows, cols| Matrix::load(name, file.tensor(name)?, rows, cols);
        let vector = |name: &str| load_vector(name, file.tensor(name)?, hidden);
        let mut layers = Vec::new();
        for i in 0..config.layers {
            let name = |part: &str| format!("blk.{i}.{part}.weight");
            let q = matrix(&name("attn_q"), heads * dim, hidden)?
                .reorder_rows(|row| halves_first(row, dim));
            let k = matrix(&name("attn_k"), kv_heads * dim, hidden)?
                .reorder_rows(|row| halves_first(row, dim));
            let v = matrix(&name("attn_v"), kv_heads * dim, hidden)?;
            let gate = matrix(&name("ffn_gate"), feed_forward, hidden)?;
            let up = matrix(&name("ffn_up"), feed_forward, hidden)?;
            layers.push(Layer {
                attention_norm: vector(&name("attn_norm"))?,
                qkv: Matrix::stack(vec![q, k, v]),
                attention_out: matrix(&name("attn_output"), hidden, hidden)?,
                feed_norm: vector(&name("ffn_norm"))?,
                gate_up: Matrix::stack(vec![gate, up]),
                down: matrix(&name("ffn_down"), hidden, feed_forward)?,
            });
            known += 9;
        }
        let output = match file.find_tensor("output.weight") {
            Some(view) => Some(Matrix::load("output.weight", view, vocabulary, hidden)?),
            None => None,
        };
        known += usize::from(output.is_some());
        // A bias or a frequency table that is left out changes every answer a little, which nobody would notice.
        if file.tensor_count() != known {
            let found = format!("{} tensors", file.tensor_count());
            return Err(LoadError::Unsupported {
                what: "the file",
                found,
                wanted: "it has tensors this model does not use",
            });
        }
        Ok(Self {
            embedding: matrix("token_embd.weight", vocabulary, hidden)?,
            layers,
            final_norm: vector("output_norm.weight")?,
            output,
            config,
        })
    }

    fn output(&self) -> &Matrix {
        self.output.as_ref().unwrap_or(&self.embedding)
    }

    pub(crate) fn bytes(&self) -> usize {
        let layer = |l: &Layer| {
            l.qkv.bytes() + l.attention_out.bytes() + l.gate_up.bytes() + l.down.bytes()
        };
        self.embedding.bytes()
            + self.output.as_ref().map_or(0, Matrix::bytes)
            + self.layers.iter().map(layer).sum::<usize>()
    }
}

/// Which row of a head's matrix comes to place `row`.
///
/// The file interleaves the two numbers of each rotated pair. Queries and keys meet only in dot products, which do not care
/// about order, so first halves are put before second halves: rotation then works on whole runs of lanes.
fn halves_first(row: usize, dim: usize) -> usize {
    let (head, at) = (row / dim, row % dim);
    let half = dim / 2;
    head * dim
        + if at < half {
            2 * at
        } else {
            2 * (at - half) + 1
        }
}

/// Cosines and sines of the rotation, `[position][pair]`.
#[derive(Debug)]
struct Rotation {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

impl Rotation {
    fn new(config: &Config) -> Self {
        let half = config.dim / 2;
        let angle = |i: usize| {
            let (position, pair) = ((i / half) as f64, (i % half) as f64);
            position / config.rope_base.powf(pair / half as f64)
        };
        let angles = 0..config.context * half;
        Self {
            cos: angles.clone().map(|i| angle(i).cos() as f32).collect(),
            sin: angles.map(|i| angle(i).sin() as f32).collect(),
            half,
        }
    }

    /// Cosines and sines from a position on, for as many positions.
    fn from(&self, position: usize, count: usize) -> (&[f32], &[f32]) {
        let range = position * self.half..(position + count) * self.half;
        (&self.cos[range.clone()], &self.sin[range])
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, DeviceKind};

    use super::*;
    use crate::kernel::{Isa, Kernels};
    use crate::matrix::testing::quantised;

    const SMALL: Config = Config {
        layers: 2,
        hidden: 64,
        feed_forward: 96,
        heads: 4,
        kv_heads: 2,
        dim: 16,
        vocabulary: 40,
        context: 64,
        rope_base: 10_000.0,
        epsilon: 1e-5,
    };

    fn small() -> Weights {
        let layer = |i: usize| Layer {
            attention_norm: vec![1.5; 64],
            qkv: quantised("Q4_1", 128, 64, i),
            attention_out: quantised("Q4_1", 64, 64, i + 10),
            feed_norm: vec![0.5; 64],
            gate_up: quantised("Q4_1", 192, 64, i + 20),
            down: quantised("Q4_1", 64, 96, i + 30),
        };
        Weights {
            config: SMALL,
            embedding: quantised("Q8_0", 40, 64, 1),
            layers: (0..SMALL.layers).map(layer).collect(),
            final_norm: vec![1.0; 64],
            output: None,
        }
    }

    /// Logits after each piece of a text, with a step back in between.
    fn logits(decoder: &mut dyn Decoder) -> Vec<Vec<f32>> {
        let ids: Vec<u32> = (0..30).map(|i| i * 7 % 40).collect();
        let mut all = Vec::new();
        decoder.reserve(1, 20);
        for (from, to) in [(0, 1), (1, 13), (13, 14), (8, 20), (20, 30)] {
            decoder.truncate(1, from);
            decoder.reserve(1, to);
            let mut logits = Vec::new();
            decoder
                .forward(1, &ids[from..to], Some(&mut logits))
                .unwrap();
            assert_eq!(decoder.len(1), to);
            all.push(logits);
        }
        decoder.wipe(1);
        assert_eq!(decoder.len(1), 0);
        all
    }

    fn assert_alike(name: &str, found: &[Vec<f32>], wanted: &[Vec<f32>]) {
        let largest = wanted.iter().flatten().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(largest > 0.1, "the model says something");
        for (step, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            let apart = found
                .iter()
                .zip(wanted)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(
                apart <= 1e-4 * largest,
                "{name}, step {step}: off by {apart}"
            );
        }
    }

    #[test]
    fn fused_kernels_and_tensors_compute_the_same() {
        let fused = |threads| Fused::new(small(), Kernels::new(Isa::detect(), threads).unwrap(), 2);
        let wanted = logits(&mut fused(1));
        assert_alike("two threads", &logits(&mut fused(2)), &wanted);
        assert_alike(
            "flex",
            &logits(&mut Tensors::new(small(), Device::flex(), 2)),
            &wanted,
        );
    }

    /// Runs on the software adapter of a build machine too; passes over a machine without any adapter.
    #[test]
    fn an_adapter_computes_what_the_processor_does() {
        let device = match Device::wgpu_options().init() {
            Ok(device) => device,
            Err(burn_wgpu::WgpuInitError::Registration { .. }) => {
                Device::wgpu(DeviceKind::DefaultDevice)
            }
            Err(_) => return,
        };
        let wanted = logits(&mut Fused::new(
            small(),
            Kernels::new(Isa::detect(), 1).unwrap(),
            2,
        ));
        assert_alike(
            "wgpu",
            &logits(&mut Tensors::new(small(), device, 2)),
            &wanted,
        );
    }

    #[test]
    fn pairs_are_taken_apart_head_by_head() {
        let order: Vec<usize> = (0..8).map(|row| halves_first(row, 4)).collect();
        assert_eq!(order, [0, 2, 1, 3, 4, 6, 5, 7]);
    }

    #[test]
    fn rotation_turns_by_the_position_over_the_base() {
        let rotation = Rotation::new(&Config { dim: 32, ..SMALL });
        let (cos, sin) = rotation.from(3, 1);
        assert!((cos[0] - 3f32.cos()).abs() < 1e-6 && (sin[0] - 3f32.sin()).abs() < 1e-6);
        assert!((sin[8] - (3.0f32 / 100.0).sin()).abs() < 1e-6);
    }
}
