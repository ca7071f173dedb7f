//! A model's weights, taken out of a file by their names, shapes checked.

use super::Config;
use super::config::Family;
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::matrix::{Arena, Matrix, Source, halves_first, load_vector};

/// One layer's weights. Matrices that read the same activations are stacked. Rows of each query and key head have first halves
/// before second halves.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attention_norm: Vec<f32>,
    /// Queries, keys, values.
    pub(super) qkv: Matrix,
    pub(super) qkv_bias: Option<Vec<f32>>,
    /// Of each head of the queries and of the keys.
    pub(super) head_norms: Option<[Vec<f32>; 2]>,
    pub(super) attention_out: Matrix,
    pub(super) attention_out_norm: Option<Vec<f32>>,
    pub(super) feed_norm: Vec<f32>,
    /// Gate, then up.
    pub(super) gate_up: Matrix,
    pub(super) down: Matrix,
    pub(super) down_norm: Option<Vec<f32>>,
}

/// A model's weights.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(crate) config: Config,
    pub(super) embedding: Matrix,
    pub(super) layers: Vec<Layer>,
    pub(super) final_norm: Vec<f32>,
    /// `None` where the embedding is the output matrix too.
    pub(super) output: Option<Matrix>,
}

impl Weights {
    pub(crate) fn load(file: &Gguf) -> Result<Self, LoadError> {
        let (family, config) = Config::read(file)?;
        let parts = Parts {
            file,
            family,
            config: &config,
        };
        parts.check_all_used()?;
        let mut arena = Arena::of(file.weight_bytes())?;
        let layers = (0..config.layers).map(|i| parts.layer(i, &mut arena));
        let layers = layers.collect::<Result<_, _>>()?;
        let (rows, cols) = (config.vocabulary, config.hidden);
        let output = match file.find_tensor("output.weight") {
            Some(view) => Some(Matrix::load("output.weight", view, rows, cols, &mut arena)?),
            None => None,
        };
        let embedding = parts.matrix("token_embd.weight", rows, cols, &mut arena)?;
        arena.finish();
        Ok(Self {
            embedding,
            layers,
            final_norm: parts.norm("output_norm.weight", cols)?,
            output,
            config,
        })
    }

    pub(super) fn output(&self) -> &Matrix {
        self.output.as_ref().unwrap_or(&self.embedding)
    }

    /// A digest of all that is computed with: sizes, scales and weights as they lie in memory. Two models with the same one make the same
    /// keys, values and logits of the same tokens.
    #[cfg(feature = "device")]
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut all = blake3::Hasher::new();
        all.update(format!("{:?}", self.config).as_bytes());
        let matrix = |all: &mut blake3::Hasher, matrix: &Matrix| {
            all.update(format!("{}x{}", matrix.rows(), matrix.cols()).as_bytes());
            for part in matrix.parts() {
                all.update(part.format().name().as_bytes());
                all.update(part.bytes_from(0));
            }
        };
        let vector = |all: &mut blake3::Hasher, vector: &[f32]| {
            for value in vector {
                all.update(&value.to_le_bytes());
            }
        };
        matrix(&mut all, &self.embedding);
        if let Some(output) = &self.output {
            matrix(&mut all, output);
        }
        for layer in &self.layers {
            let matrices = [
                &layer.qkv,
                &layer.attention_out,
                &layer.gate_up,
                &layer.down,
            ];
            matrices.iter().for_each(|it| matrix(&mut all, it));
            vector(&mut all, &layer.attention_norm);
            vector(&mut all, &layer.feed_norm);
            let further = [&layer.qkv_bias, &layer.attention_out_norm, &layer.down_norm];
            let further = further.into_iter().flatten();
            let heads = layer.head_norms.iter().flatten();
            further.chain(heads).for_each(|it| vector(&mut all, it));
        }
        vector(&mut all, &self.final_norm);
        *all.finalize().as_bytes()
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

/// Where the parts of a model come from.
struct Parts<'a> {
    file: &'a Gguf,
    family: &'static Family,
    config: &'a Config,
}

impl<'a> Parts<'a> {
    fn matrix(
        &self,
        name: &str,
        rows: usize,
        cols: usize,
        arena: &mut Arena,
    ) -> Result<Matrix, LoadError> {
        Matrix::load(name, self.file.tensor(name)?, rows, cols, arena)
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, LoadError> {
        load_vector(name, self.file.tensor(name)?, len)
    }

    /// The scales of a norm.
    fn norm(&self, name: &str, len: usize) -> Result<Vec<f32>, LoadError> {
        let mut scales = self.vector(name, len)?;
        if self.file.kept().norms_beyond_one {
            scales.iter_mut().for_each(|scale| *scale += 1.0);
        }
        Ok(scales)
    }

    /// Whether the file puts the two numbers of each rotated pair beside each other.
    fn is_interleaved(&self) -> bool {
        self.family.is_interleaved && !self.file.kept().halves_first
    }

    fn source(
        &self,
        name: String,
        rows: usize,
        pairs_of: Option<usize>,
    ) -> Result<Source<'a>, LoadError> {
        Ok(Source {
            view: self.file.tensor(&name)?,
            name,
            rows,
            pairs_of,
        })
    }

    fn layer(&self, i: usize, arena: &mut Arena) -> Result<Layer, LoadError> {
        let Config {
            hidden,
            feed_forward,
            heads,
            kv_heads,
            dim,
            ..
        } = *self.config;
        let name = |part: &str| format!("blk.{i}.{part}.weight");
        let norm = |part: &str, len| self.norm(&name(part), len);
        let pairs_of = self.is_interleaved().then_some(dim);
        let qkv = [
            self.source(name("attn_q"), heads * dim, pairs_of)?,
            self.source(name("attn_k"), kv_heads * dim, pairs_of)?,
            self.source(name("attn_v"), kv_heads * dim, None)?,
        ];
        let gate_up = [
            self.source(name("ffn_gate"), feed_forward, None)?,
            self.source(name("ffn_up"), feed_forward, None)?,
        ];
        let outer = |part| {
            self.family
                .has_outer_norms
                .then(|| norm(part, hidden))
                .transpose()
        };
        let head_norms = if self.family.has_head_norms {
            Some([norm("attn_q_norm", dim)?, norm("attn_k_norm", dim)?])
        } else {
            None
        };
        Ok(Layer {
            attention_norm: norm("attn_norm", hidden)?,
            qkv: Matrix::stack(hidden, &qkv, arena)?,
            qkv_bias: self.bias(i)?,
            head_norms,
            attention_out: self.matrix(&name("attn_output"), hidden, heads * dim, arena)?,
            attention_out_norm: outer("post_attention_norm")?,
            feed_norm: norm("ffn_norm", hidden)?,
            gate_up: Matrix::stack(hidden, &gate_up, arena)?,
            down: self.matrix(&name("ffn_down"), hidden, feed_forward, arena)?,
            down_norm: outer("post_ffw_norm")?,
        })
    }

    fn bias(&self, layer: usize) -> Result<Option<Vec<f32>>, LoadError> {
        if !self.family.has_bias {
            return Ok(None);
        }
        let Config {
            heads,
            kv_heads,
            dim,
            ..
        } = *self.config;
        let mut all = Vec::new();
        for (part, rows) in [
            ("attn_q", heads),
            ("attn_k", kv_heads),
            ("attn_v", kv_heads),
        ] {
            let mut bias = self.vector(&format!("blk.{layer}.{part}.bias"), rows * dim)?;
            if self.is_interleaved() && part != "attn_v" {
                halves_first(&mut bias, dim, 1);
            }
            all.extend(bias);
        }
        Ok(Some(all))
    }

    /// A tensor that is left out changes every answer a little, which nobody would notice.
    fn check_all_used(&self) -> Result<(), LoadError> {
        const OF_LAYER: [&str; 9] = [
            "attn_norm.weight",
            "attn_q.weight",
            "attn_k.weight",
            "attn_v.weight",
            "attn_output.weight",
            "ffn_norm.weight",
            "ffn_gate.weight",
            "ffn_up.weight",
            "ffn_down.weight",
        ];
        let of_family = |part: &str| match part {
            "attn_q.bias" | "attn_k.bias" | "attn_v.bias" => self.family.has_bias,
            "attn_q_norm.weight" | "attn_k_norm.weight" => self.family.has_head_norms,
            "post_attention_norm.weight" | "post_ffw_norm.weight" => self.family.has_outer_norms,
            _ => OF_LAYER.contains(&part),
        };
        let of_layer = |name: &str| {
            let (number, part) = name.strip_prefix("blk.")?.split_once('.')?;
            // A number is known only as it is written here: `01` is another name.
            let known = number
                .parse()
                .is_ok_and(|n: usize| n < self.config.layers && n.to_string() == number);
            (known && of_family(part)).then_some(())
        };
        let is_used = |name: &str| match name {
            "token_embd.weight" | "output_norm.weight" | "output.weight" | "rope_freqs.weight" => {
                true
            }
            _ => of_layer(name).is_some(),
        };
        match self.file.tensor_names().find(|name| !is_used(name)) {
            None => Ok(()),
            Some(name) => Err(LoadError::TensorUnused {
                tensor: name.to_owned(),
            }),
        }
    }
}
