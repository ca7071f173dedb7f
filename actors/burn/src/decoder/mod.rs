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
use crate::matrix::{Matrix, Source, load_vector};

pub(crate) use self::cache::HostCache;
pub(crate) use self::fused::Fused;
#[cfg(feature = "device")]
pub(crate) use self::tensors::Tensors;

/// Bounds against files that ask for absurd amounts; far above every model of this kind. What a file says costs nothing
/// by itself: caches and tables grow with the positions in use.
const CONTEXT_MAX: usize = 1 << 20;
const LAYERS_MAX: usize = 1024;
/// Real models have 1e-6 to 1e-5.
const EPSILON_MAX: f32 = 0.1;
/// Real models have 1e4 to 1e8.
const ROPE_BASE_MAX: f64 = 1e12;

/// What the engine asks of a language model: token ids in, logits out, one cache for each slot.
pub(crate) trait Decoder: Send {
    fn config(&self) -> &Config;
    /// Tokens to hand over at once while a prompt is read into a slot; between two hand-overs a request can be called off.
    fn chunk(&self, slot: usize) -> usize;
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
        let kv_heads = file.find_size("llama.attention.head_count_kv")?;
        let rope_base = match file.get("llama.rope.freq_base") {
            Some(_) => file.float("llama.rope.freq_base")?,
            None => 10_000.0,
        };
        let config = Self {
            layers: file.size("llama.block_count")?,
            hidden,
            feed_forward: file.size("llama.feed_forward_length")?,
            heads,
            kv_heads: kv_heads.unwrap_or(heads),
            dim: hidden / heads,
            vocabulary: file.tensor("token_embd.weight")?.shape[0],
            context: file.size("llama.context_length")?,
            rope_base,
            epsilon: file.float("llama.attention.layer_norm_rms_epsilon")? as f32,
        };
        config.check()?;
        config.check_file(file)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), LoadError> {
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
        if !(self.rope_base > 1.0 && self.rope_base <= ROPE_BASE_MAX) {
            return refuse(
                "the rotary base (llama.rope.freq_base)",
                self.rope_base.to_string(),
                "a number above 1 and up to 1e12 is wanted",
            );
        }
        if !(self.epsilon > 0.0 && self.epsilon <= EPSILON_MAX) {
            return refuse(
                "the epsilon (llama.attention.layer_norm_rms_epsilon)",
                self.epsilon.to_string(),
                "a number above 0 and up to 0.1 is wanted",
            );
        }
        Ok(())
    }

    /// What the file says besides must agree, and nothing may change the computation that is not computed here.
    fn check_file(&self, file: &Gguf) -> Result<(), LoadError> {
        for (key, wanted, other) in [
            ("llama.vocab_size", self.vocabulary, "the embedding"),
            (
                "llama.rope.dimension_count",
                self.dim,
                "the width of a head",
            ),
            (
                "llama.attention.key_length",
                self.dim,
                "the width of a head",
            ),
            (
                "llama.attention.value_length",
                self.dim,
                "the width of a head",
            ),
        ] {
            match file.find_size(key)? {
                Some(found) if found != wanted => {
                    return Err(LoadError::Contradiction {
                        key: key.to_owned(),
                        found,
                        other,
                        wanted,
                    });
                }
                _ => {}
            }
        }
        let refuse = |what, found: String, wanted| {
            Err(LoadError::Unsupported {
                what,
                found: format!("{found:.60}"),
                wanted,
            })
        };
        let scaling = match file.get("llama.rope.scaling.type") {
            // Without a type a factor scales linearly.
            None => file.get("llama.rope.scaling.factor"),
            Some(Value::Text("none")) => None,
            Some(kind) => Some(kind),
        };
        match scaling {
            None => {}
            Some(Value::Float(factor)) if factor == 0.0 || factor == 1.0 => {}
            Some(kind) => {
                let found = format!("{kind:?}");
                return refuse("rotary scaling", found, "none is supported");
            }
        }
        match file.get("llama.expert_count") {
            None | Some(Value::Unsigned(0)) => Ok(()),
            Some(experts) => refuse(
                "the number of experts",
                format!("{experts:?}"),
                "models without experts are supported",
            ),
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
        let keep = |row| row;
        let halves = |row| halves_first(row, dim);
        let source = |name: &str, rows| -> Result<Source<'_>, LoadError> {
            Ok(Source {
                view: file.tensor(name)?,
                name: name.to_owned(),
                rows,
                order: &keep,
            })
        };
        let turned = |name: &str, rows| -> Result<Source<'_>, LoadError> {
            Ok(Source {
                order: &halves,
                ..source(name, rows)?
            })
        };
        let matrix = |name: &str, rows, cols| Matrix::load(name, file.tensor(name)?, rows, cols);
        let vector = |name: &str| load_vector(name, file.tensor(name)?, hidden);
        check_all_used(file, config.layers)?;
        let mut layers = Vec::new();
        for i in 0..config.layers {
            let name = |part: &str| format!("blk.{i}.{part}.weight");
            let qkv = [
                turned(&name("attn_q"), heads * dim)?,
                turned(&name("attn_k"), kv_heads * dim)?,
                source(&name("attn_v"), kv_heads * dim)?,
            ];
            let gate_up = [
                source(&name("ffn_gate"), feed_forward)?,
                source(&name("ffn_up"), feed_forward)?,
            ];
            layers.push(Layer {
                attention_norm: vector(&name("attn_norm"))?,
                qkv: Matrix::stack(hidden, &qkv)?,
                attention_out: matrix(&name("attn_output"), hidden, hidden)?,
                feed_norm: vector(&name("ffn_norm"))?,
                gate_up: Matrix::stack(hidden, &gate_up)?,
                down: matrix(&name("ffn_down"), hidden, feed_forward)?,
            });
        }
        let output = match file.find_tensor("output.weight") {
            Some(view) => Some(Matrix::load("output.weight", view, vocabulary, hidden)?),
            None => None,
        };
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

/// A bias or a frequency table that is left out changes every answer a little, which nobody would notice.
fn check_all_used(file: &Gguf, layers: usize) -> Result<(), LoadError> {
    const OF_LAYER: [&str; 9] = [
        "attn_norm",
        "attn_q",
        "attn_k",
        "attn_v",
        "attn_output",
        "ffn_norm",
        "ffn_gate",
        "ffn_up",
        "ffn_down",
    ];
    let of_layer = |name: &str| {
        let (number, part) = name.strip_prefix("blk.")?.split_once('.')?;
        let part = part.strip_suffix(".weight")?;
        // A number is known only as it is written here: `01` is another name.
        let known = number
            .parse()
            .is_ok_and(|n: usize| n < layers && n.to_string() == number);
        (known && OF_LAYER.contains(&part)).then_some(())
    };
    let is_used = |name: &str| {
        matches!(
            name,
            "token_embd.weight" | "output_norm.weight" | "output.weight"
        ) || of_layer(name).is_some()
    };
    match file.tensor_names().find(|name| !is_used(name)) {
        None => Ok(()),
        Some(name) => Err(LoadError::TensorUnused {
            tensor: name.to_owned(),
        }),
    }
}

/// Room for at least so many positions: a little more, so that growing token by token copies each position seldom, and
/// never more than the context.
fn room(capacity: usize, positions: usize, step: usize, context: usize) -> usize {
    positions
        .max(capacity + capacity / 2)
        .next_multiple_of(step)
        .min(context.max(positions))
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

/// Cosines and sines of the rotation, `[position][pair]`, as far as positions were used.
#[derive(Debug)]
struct Rotation {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
    base: f64,
}

impl Rotation {
    fn new(config: &Config) -> Self {
        Self {
            cos: Vec::new(),
            sin: Vec::new(),
            half: config.dim / 2,
            base: config.rope_base,
        }
    }

    /// Cosines and sines from a position on, for as many positions.
    fn from(&mut self, position: usize, count: usize) -> (&[f32], &[f32]) {
        let (half, base) = (self.half, self.base);
        let range = position * half..(position + count) * half;
        let angle = |i: usize| {
            let (position, pair) = ((i / half) as f64, (i % half) as f64);
            position / base.powf(pair / half as f64)
        };
        let fresh = self.cos.len()..range.end.max(self.cos.len());
        self.cos
            .extend(fresh.clone().map(|i| angle(i).cos() as f32));
        self.sin.extend(fresh.map(|i| angle(i).sin() as f32));
        (&self.cos[range.clone()], &self.sin[range])
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

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
        let Ok(adapter) = crate::device::adapter() else {
            return;
        };
        let wanted = logits(&mut Fused::new(
            small(),
            Kernels::new(Isa::detect(), 1).unwrap(),
            2,
        ));
        assert_alike(
            "wgpu",
            &logits(&mut Tensors::new(small(), adapter.device, 2)),
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
        let mut rotation = Rotation::new(&Config { dim: 32, ..SMALL });
        assert!(rotation.cos.is_empty(), "a table is as long as it was used");
        let (cos, sin) = rotation.from(3, 1);
        assert!((cos[0] - 3f32.cos()).abs() < 1e-6 && (sin[0] - 3f32.sin()).abs() < 1e-6);
        assert!((sin[8] - (3.0f32 / 100.0).sin()).abs() < 1e-6);
    }
}
