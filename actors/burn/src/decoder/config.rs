//! What a file says of a model's shape, checked, and in what the families differ.

use crate::error::LoadError;
use crate::gguf::{Gguf, Value};
use crate::matrix::load_vector;

/// Bounds against files that ask for absurd amounts; far above every model of this kind. What a file says costs nothing
/// by itself: caches and tables grow with the positions in use.
const CONTEXT_MAX: usize = 1 << 20;
const LAYERS_MAX: usize = 1024;
/// Real models have 64 to 256.
const DIM_MAX: usize = 1 << 12;
/// Real models have 1e-6 to 1e-5.
const EPSILON_MAX: f32 = 0.1;
/// Real models have 1e4 to 1e8.
const ROPE_BASE_MAX: f64 = 1e12;
/// Real models have 1 to 64.
const SLOWER_MAX: f64 = 1e6;

/// What a file says besides its numbers by naming its family.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    /// Rows of queries and keys interleave the two numbers of each rotated pair; otherwise first halves come first.
    pub(super) is_interleaved: bool,
    /// Queries, keys and values have something added to them.
    pub(super) has_bias: bool,
    /// Queries and keys are normalised head by head.
    pub(super) has_head_norms: bool,
    /// What attention and feed-forward give is normalised before it is added.
    pub(super) has_outer_norms: bool,
    /// Embeddings are multiplied with the root of the width.
    scales_embedding: bool,
    gate: Gate,
    /// How many layers lie between two that see everything, where a window is said without saying this.
    window_every: Option<usize>,
    /// Numbers of layers at which scores are scaled by the width over the heads and not by the length of a head.
    scales_by_width_at: Option<usize>,
}

/// The families that are read.
static FAMILIES: [Family; 4] = [
    Family {
        is_interleaved: true,
        ..plain("llama")
    },
    Family {
        has_bias: true,
        ..plain("qwen2")
    },
    Family {
        has_head_norms: true,
        ..plain("qwen3")
    },
    Family {
        has_head_norms: true,
        has_outer_norms: true,
        scales_embedding: true,
        gate: Gate::Gelu,
        window_every: Some(6),
        // The one size of this family that does so; its file does not say it.
        scales_by_width_at: Some(62),
        ..plain("gemma3")
    },
];

const fn plain(name: &'static str) -> Family {
    Family {
        name,
        is_interleaved: false,
        has_bias: false,
        has_head_norms: false,
        has_outer_norms: false,
        scales_embedding: false,
        gate: Gate::Silu,
        window_every: None,
        scales_by_width_at: None,
    }
}

/// What the gate of a feed-forward does to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// `x / (1 + exp(-x))`
    Silu,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`
    Gelu,
}

/// How pairs turn with positions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Turn {
    pub(crate) base: f64,
    /// Positions count by this much less.
    pub(crate) slower: f64,
    /// What each pair turns slower by, besides.
    pub(crate) factors: Option<Vec<f32>>,
}

/// Layers that see only what came last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    /// Positions a token sees, itself among them.
    pub(crate) positions: usize,
    /// Each so many layers one sees everything.
    pub(crate) every: usize,
    pub(crate) turn: Turn,
}

/// Sizes of a model, and how it computes.
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
    pub(crate) epsilon: f32,
    pub(crate) turn: Turn,
    pub(crate) window: Option<Window>,
    /// What embeddings are multiplied with.
    pub(crate) embedding_scale: f32,
    /// What products of queries and keys are multiplied with.
    pub(crate) score_scale: f32,
    pub(crate) gate: Gate,
}

impl Config {
    /// Whether a layer sees only a window.
    pub(crate) fn is_windowed(&self, layer: usize) -> bool {
        let window = self.window.as_ref();
        window.is_some_and(|window| !(layer + 1).is_multiple_of(window.every))
    }

    /// Positions that a token of a layer sees at most.
    pub(crate) fn seen(&self, layer: usize) -> usize {
        match &self.window {
            Some(window) if self.is_windowed(layer) => window.positions,
            _ => usize::MAX,
        }
    }

    /// The family that a file says it is of, and its sizes.
    pub(super) fn read(file: &Gguf) -> Result<(&'static Family, Self), LoadError> {
        let found = file.text("general.architecture")?;
        let family = FAMILIES.iter().find(|family| family.name == found);
        let family = family.ok_or_else(|| LoadError::Architecture {
            found: found.to_owned(),
        })?;
        let said = Said {
            file,
            name: family.name,
        };
        let config = said.config(family)?;
        said.check(&config)?;
        Ok((family, config))
    }
}

/// The metadata of a family.
struct Said<'a> {
    file: &'a Gguf,
    name: &'static str,
}

impl Said<'_> {
    fn key(&self, rest: &str) -> String {
        format!("{}.{rest}", self.name)
    }

    fn size(&self, rest: &str) -> Result<usize, LoadError> {
        self.file.size(&self.key(rest))
    }

    fn find_size(&self, rest: &str) -> Result<Option<usize>, LoadError> {
        self.file.find_size(&self.key(rest))
    }

    fn find_float(&self, rest: &str) -> Result<Option<f64>, LoadError> {
        let key = self.key(rest);
        self.file
            .get(&key)
            .map(|_| self.file.float(&key))
            .transpose()
    }

    fn refuse<T>(&self, rest: &str, found: String, wanted: &'static str) -> Result<T, LoadError> {
        Err(LoadError::UnsupportedKey {
            key: self.key(rest),
            found: format!("{found:.60}"),
            wanted,
        })
    }

    fn config(&self, family: &Family) -> Result<Config, LoadError> {
        let (heads, hidden) = (
            self.size("attention.head_count")?,
            self.size("embedding_length")?,
        );
        let kv_heads = self.find_size("attention.head_count_kv")?.unwrap_or(heads);
        let dim = match self.find_size("attention.key_length")? {
            Some(dim) => dim,
            None if hidden.is_multiple_of(heads) => hidden / heads,
            None => {
                let found = format!("{heads} in a width of {hidden}");
                return self.refuse(
                    "attention.head_count",
                    found,
                    "each must divide the one before",
                );
            }
        };
        if !heads.is_multiple_of(kv_heads) {
            let found = format!("{kv_heads} for {heads} heads");
            return self.refuse(
                "attention.head_count_kv",
                found,
                "each must divide the one before",
            );
        }
        if !dim.is_multiple_of(16) || dim > DIM_MAX {
            let found = dim.to_string();
            return self.refuse(
                "attention.key_length (the length of a head)",
                found,
                "a multiple of 16 is wanted",
            );
        }
        let (layers, context) = (self.size("block_count")?, self.size("context_length")?);
        if context > CONTEXT_MAX || layers > LAYERS_MAX {
            return Err(LoadError::Unsupported {
                what: "the model's size",
                found: format!("{context} tokens and {layers} layers"),
                wanted: "at most 1048576 tokens and 1024 layers are read",
            });
        }
        let epsilon_key = "attention.layer_norm_rms_epsilon";
        let epsilon = self.file.float(&self.key(epsilon_key))? as f32;
        if !(epsilon > 0.0 && epsilon <= EPSILON_MAX) {
            let wanted = "a number above 0 and up to 0.1 is wanted";
            return self.refuse(epsilon_key, epsilon.to_string(), wanted);
        }
        let by_width = family.scales_by_width_at == Some(layers);
        let score_width = if by_width { hidden / heads } else { dim };
        Ok(Config {
            layers,
            hidden,
            feed_forward: self.size("feed_forward_length")?,
            heads,
            kv_heads,
            dim,
            vocabulary: self.file.tensor("token_embd.weight")?.shape[0],
            context,
            epsilon,
            turn: Turn {
                base: self.base("rope.freq_base")?,
                slower: self.slower()?,
                factors: self.factors(dim)?,
            },
            window: self.window(family)?,
            embedding_scale: if family.scales_embedding {
                (hidden as f32).sqrt()
            } else {
                1.0
            },
            score_scale: 1.0 / (score_width as f32).sqrt(),
            gate: family.gate,
        })
    }

    fn base(&self, rest: &str) -> Result<f64, LoadError> {
        let base = self.find_float(rest)?.unwrap_or(10_000.0);
        if base > 1.0 && base <= ROPE_BASE_MAX {
            Ok(base)
        } else {
            let wanted = "a number above 1 and up to 1e12 is wanted";
            self.refuse(rest, base.to_string(), wanted)
        }
    }

    /// By how much positions are scaled. Without a kind a factor scales linearly.
    fn slower(&self) -> Result<f64, LoadError> {
        let (kind, factor) = ("rope.scaling.type", "rope.scaling.factor");
        match self.file.get(&self.key(kind)) {
            None | Some(Value::Text("linear")) => {}
            Some(Value::Text("none")) => return Ok(1.0),
            Some(other) => {
                let found = format!("the rotary scaling {other}");
                let wanted = "only linear scaling is computed; run this model in a server and name that in [engines]";
                return self.refuse(kind, found, wanted);
            }
        }
        match self.find_float(factor)? {
            None => Ok(1.0),
            // How files say that nothing is scaled.
            Some(0.0) => Ok(1.0),
            Some(by) if (1.0..=SLOWER_MAX).contains(&by) => Ok(by),
            Some(by) => self.refuse(factor, by.to_string(), "a number from 1 to 1e6 is wanted"),
        }
    }

    fn factors(&self, dim: usize) -> Result<Option<Vec<f32>>, LoadError> {
        let name = "rope_freqs.weight";
        let Some(view) = self.file.find_tensor(name) else {
            return Ok(None);
        };
        let factors = load_vector(name, view, dim / 2)?;
        match factors.iter().find(|factor| **factor <= 0.0) {
            None => Ok(Some(factors)),
            Some(factor) => Err(LoadError::Unsupported {
                what: "a factor in the tensor rope_freqs.weight",
                found: factor.to_string(),
                wanted: "numbers above 0 are wanted",
            }),
        }
    }

    fn window(&self, family: &Family) -> Result<Option<Window>, LoadError> {
        let Some(every) = family.window_every else {
            return Ok(None);
        };
        let Some(positions) = self.find_size("attention.sliding_window")? else {
            return Ok(None);
        };
        let pattern = "attention.sliding_window_pattern";
        let every = match self.file.get(&self.key(pattern)) {
            None => every,
            Some(Value::Unsigned(_) | Value::Signed(_)) => self.size(pattern)?,
            Some(other) => {
                return self.refuse(pattern, other.to_string(), "a whole number is wanted");
            }
        };
        Ok(Some(Window {
            positions,
            every,
            turn: Turn {
                base: self.base("rope.freq_base_swa")?,
                slower: 1.0,
                factors: None,
            },
        }))
    }

    /// What the file says besides must agree, and nothing may change the computation that is not computed here.
    fn check(&self, config: &Config) -> Result<(), LoadError> {
        for (rest, wanted, other) in [
            ("vocab_size", config.vocabulary, "the embedding"),
            ("rope.dimension_count", config.dim, "the width of a head"),
            ("attention.value_length", config.dim, "the width of a head"),
        ] {
            match self.find_size(rest)? {
                Some(found) if found != wanted => {
                    return Err(LoadError::Contradiction {
                        key: self.key(rest),
                        found,
                        other,
                        wanted,
                    });
                }
                _ => {}
            }
        }
        for (rest, wanted) in [
            ("expert_count", "models without experts are computed"),
            ("attn_logit_softcapping", "models without it are computed"),
            ("final_logit_softcapping", "models without it are computed"),
            ("attention.scale", "models without it are computed"),
            ("logit_scale", "models without it are computed"),
            ("residual_scale", "models without it are computed"),
            ("embedding_scale", "models without it are computed"),
        ] {
            match self.file.get(&self.key(rest)) {
                None | Some(Value::Unsigned(0) | Value::Signed(0)) => {}
                Some(Value::Float(0.0)) => {}
                Some(value) => return self.refuse(rest, value.to_string(), wanted),
            }
        }
        Ok(())
    }
}
