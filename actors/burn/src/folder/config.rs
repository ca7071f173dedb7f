//! What `config.json` says of a model, in the words of a GGUF file.

use std::f64::consts::TAU;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{CONFIG, part, read_json};
use crate::error::LoadError;
use crate::gguf::{Assembly, Format, Kept};
use crate::store::Store;

/// What a GGUF file calls the embedding and the output matrix.
pub(super) const EMBEDDING: &str = "token_embd.weight";
pub(super) const OUTPUT: &str = "output.weight";
/// The families by the names they have in such files.
const FAMILIES: [(&str, &str); 4] = [
    ("llama", "llama"),
    ("qwen2", "qwen2"),
    ("qwen3", "qwen3"),
    ("gemma3_text", "gemma3"),
];
/// The length of a head that gives factors; more are refused where the rest of the sizes is checked.
const DIM_MAX: u64 = 1 << 12;
/// Without a word of it each sixth layer of that family sees everything, and at this many layers scores are scaled in another way.
const WINDOW_EVERY: u64 = 6;
const SCALES_BY_WIDTH_AT: u64 = 62;

/// A model's shape.
pub(super) struct Config {
    written: Written,
    family: &'static str,
}

#[derive(Deserialize)]
struct Written {
    model_type: String,
    hidden_size: Option<u64>,
    intermediate_size: Option<u64>,
    num_hidden_layers: Option<u64>,
    num_attention_heads: Option<u64>,
    num_key_value_heads: Option<u64>,
    head_dim: Option<u64>,
    max_position_embeddings: Option<u64>,
    vocab_size: Option<u64>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_local_base_freq: Option<f64>,
    rope_scaling: Option<Rope>,
    rope_parameters: Option<Ropes>,
    tie_word_embeddings: Option<bool>,
    hidden_act: Option<String>,
    hidden_activation: Option<String>,
    sliding_window: Option<u64>,
    use_sliding_window: Option<bool>,
    #[serde(alias = "_sliding_window_pattern")]
    sliding_window_pattern: Option<u64>,
    layer_types: Option<Vec<String>>,
    query_pre_attn_scalar: Option<f64>,
    attn_logit_softcapping: Option<f64>,
    final_logit_softcapping: Option<f64>,
    use_bidirectional_attention: Option<bool>,
    quantization_config: Option<IgnoredAny>,
    bos_token_id: Option<Ids>,
    eos_token_id: Option<Ids>,
}

/// How pairs turn, as newer files say it: for all layers or for each kind.
#[derive(Deserialize)]
struct Ropes {
    full_attention: Option<Rope>,
    sliding_attention: Option<Rope>,
    #[serde(flatten)]
    all: Rope,
}

#[derive(Clone, Default, Deserialize)]
struct Rope {
    rope_theta: Option<f64>,
    #[serde(alias = "type")]
    rope_type: Option<String>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(u64),
    Many(Vec<u64>),
}

impl Ids {
    fn all(&self) -> &[u64] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }
}

impl Config {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let written: Written = read_json(CONFIG, bytes)?;
        let found = &written.model_type;
        if found == "gemma3" {
            let reason = "it is a model of texts and pictures; take one of this family for texts alone, such as a GGUF file";
            return Err(part(CONFIG, reason));
        }
        let known = FAMILIES.iter().find(|(name, _)| name == found);
        let (_, family) = known.ok_or_else(|| LoadError::Architecture {
            found: found.clone(),
        })?;
        let config = Self { written, family };
        config.check()?;
        Ok(config)
    }

    fn is_gemma(&self) -> bool {
        self.family == "gemma3"
    }

    /// What changes the computation and has no word in the other form.
    fn check(&self) -> Result<(), LoadError> {
        let said = &self.written;
        let refuse = |what: String| Err(part(CONFIG, what));
        if said.quantization_config.is_some() {
            return refuse(
                "quantization_config: weights that were quantised after training are read from GGUF files alone; take one of those, or the weights as they were trained".to_owned(),
            );
        }
        let activation = said.hidden_activation.as_ref().or(said.hidden_act.as_ref());
        let wanted = if self.is_gemma() {
            "gelu_pytorch_tanh"
        } else {
            "silu"
        };
        if let Some(found) = activation.filter(|found| *found != wanted) {
            return refuse(format!("hidden_act is {found:?}; {wanted} is computed"));
        }
        if said.use_bidirectional_attention == Some(true) {
            return refuse(
                "use_bidirectional_attention: tokens see what comes before them alone".to_owned(),
            );
        }
        if !self.is_gemma() && said.use_sliding_window == Some(true) {
            return refuse(
                "use_sliding_window: this family is computed without windows".to_owned(),
            );
        }
        if let (Some(kinds), true) = (&said.layer_types, self.is_gemma()) {
            let every = self.window_every()?;
            let is_full = |at: usize| (at as u64 + 1).is_multiple_of(every);
            let wanted = |at: usize| match is_full(at) {
                true => "full_attention",
                false => "sliding_attention",
            };
            if let Some((at, kind)) = (0..).zip(kinds).find(|(at, kind)| **kind != wanted(*at)) {
                return refuse(format!(
                    "layer_types: layer {at} is {kind:?} where one in {every} sees everything"
                ));
            }
        }
        if let Some(scalar) = said.query_pre_attn_scalar {
            let by_width = said.num_hidden_layers == Some(SCALES_BY_WIDTH_AT);
            let wanted = match by_width {
                true => self.width_of_a_head(),
                false => self.dim(),
            };
            if Some(scalar) != wanted.map(|wanted| wanted as f64) {
                return refuse(format!(
                    "query_pre_attn_scalar is {scalar}; the length of a head is computed"
                ));
            }
        }
        Ok(())
    }

    fn width_of_a_head(&self) -> Option<u64> {
        let said = &self.written;
        said.hidden_size?.checked_div(said.num_attention_heads?)
    }

    fn dim(&self) -> Option<u64> {
        self.written.head_dim.or_else(|| self.width_of_a_head())
    }

    fn window_every(&self) -> Result<u64, LoadError> {
        match self.written.sliding_window_pattern {
            Some(0) => Err(part(CONFIG, "sliding_window_pattern is 0")),
            every => Ok(every.unwrap_or(WINDOW_EVERY)),
        }
    }

    /// Whether the embedding is the output matrix too.
    pub(super) fn is_tied(&self) -> bool {
        let tied = self.written.tie_word_embeddings;
        tied.unwrap_or_else(|| self.is_gemma())
    }

    pub(super) fn kept(&self) -> Kept {
        Kept {
            halves_first: true,
            norms_beyond_one: self.is_gemma(),
        }
    }

    /// The token that begins a prompt, and those that end an answer.
    pub(super) fn begin(&self) -> Option<u64> {
        self.written.bos_token_id.as_ref()?.all().first().copied()
    }

    pub(super) fn ends(&self) -> &[u64] {
        self.written.eos_token_id.as_ref().map_or(&[], Ids::all)
    }

    /// Turns at all places, and at those that see a window.
    fn turns(&self) -> (Rope, Rope) {
        let said = &self.written;
        match &said.rope_parameters {
            Some(ropes) => {
                let full = ropes.full_attention.clone();
                let full = full.unwrap_or_else(|| ropes.all.clone());
                (full, ropes.sliding_attention.clone().unwrap_or_default())
            }
            None => {
                let full = Rope {
                    rope_theta: said.rope_theta,
                    ..said.rope_scaling.clone().unwrap_or_default()
                };
                let windowed = Rope {
                    rope_theta: said.rope_local_base_freq,
                    ..Rope::default()
                };
                (full, windowed)
            }
        }
    }

    /// Says everything but the tensors of files and the vocabulary.
    pub(super) fn say(&self, made: &mut Assembly) -> Result<(), LoadError> {
        let said = &self.written;
        made.text("general.architecture", self.family);
        let key = |rest: &str| format!("{}.{rest}", self.family);
        let sizes = [
            ("embedding_length", "hidden_size", said.hidden_size, true),
            (
                "feed_forward_length",
                "intermediate_size",
                said.intermediate_size,
                true,
            ),
            (
                "block_count",
                "num_hidden_layers",
                said.num_hidden_layers,
                true,
            ),
            (
                "attention.head_count",
                "num_attention_heads",
                said.num_attention_heads,
                true,
            ),
            (
                "attention.head_count_kv",
                "num_key_value_heads",
                said.num_key_value_heads,
                false,
            ),
            ("attention.key_length", "head_dim", said.head_dim, false),
            (
                "context_length",
                "max_position_embeddings",
                said.max_position_embeddings,
                true,
            ),
            ("vocab_size", "vocab_size", said.vocab_size, false),
        ];
        for (ours, theirs, size, is_needed) in sizes {
            match size {
                Some(size) => made.size(&key(ours), size),
                None if is_needed => return Err(part(CONFIG, format!("{theirs} is missing"))),
                None => {}
            }
        }
        let epsilon = said.rms_norm_eps;
        let epsilon = epsilon.ok_or_else(|| part(CONFIG, "rms_norm_eps is missing"))?;
        made.float(&key("attention.layer_norm_rms_epsilon"), epsilon);
        for (rest, cap) in [
            ("attn_logit_softcapping", said.attn_logit_softcapping),
            ("final_logit_softcapping", said.final_logit_softcapping),
        ] {
            if let Some(cap) = cap {
                made.float(&key(rest), cap);
            }
        }
        let (full, windowed) = self.turns();
        self.say_turn(&full, made)?;
        if self.is_gemma() {
            if let Some(window) = said.sliding_window {
                made.size(&key("attention.sliding_window"), window);
                let every = self.window_every()?;
                made.size(&key("attention.sliding_window_pattern"), every);
            }
            if let Some(base) = windowed.rope_theta {
                made.float(&key("rope.freq_base_swa"), base);
            }
            if let Some(kind) = windowed.rope_type.filter(|kind| kind != "default") {
                let reason =
                    format!("rotary scaling {kind:?} of layers with a window is not computed");
                return Err(part(CONFIG, reason));
            }
        }
        Ok(())
    }

    fn say_turn(&self, turn: &Rope, made: &mut Assembly) -> Result<(), LoadError> {
        let key = |rest: &str| format!("{}.rope.{rest}", self.family);
        if let Some(base) = turn.rope_theta {
            made.float(&key("freq_base"), base);
        }
        match turn.rope_type.as_deref() {
            None | Some("default") => {}
            Some("llama3") => {
                let factors = self.factors(turn)?;
                let bytes: Vec<u8> = factors.iter().flat_map(|f| f.to_le_bytes()).collect();
                let store = made.store(Store::Memory(bytes));
                made.tensor(
                    "rope_freqs.weight",
                    vec![factors.len()],
                    Format::F32,
                    store,
                    0,
                )?;
            }
            // What is not computed is refused where turns are read.
            Some(kind) => {
                made.text(&key("scaling.type"), kind);
                if let Some(factor) = turn.factor {
                    made.float(&key("scaling.factor"), factor);
                }
            }
        }
        Ok(())
    }

    /// What each pair turns slower by: fast ones as they are, slow ones by all of the factor, and between them in between.
    fn factors(&self, turn: &Rope) -> Result<Vec<f32>, LoadError> {
        let Rope {
            rope_theta,
            factor: Some(factor),
            low_freq_factor: Some(low),
            high_freq_factor: Some(high),
            original_max_position_embeddings: Some(context),
            ..
        } = *turn
        else {
            let reason = "rope_scaling llama3 has factor, low_freq_factor, high_freq_factor and original_max_position_embeddings; one is missing";
            return Err(part(CONFIG, reason));
        };
        let is_sound = factor >= 1.0 && low > 0.0 && high > low && factor.is_finite();
        if !is_sound || !high.is_finite() || context == 0 {
            let reason = "rope_scaling llama3: factor is at least 1, high_freq_factor above low_freq_factor, and both above 0";
            return Err(part(CONFIG, reason));
        }
        let dim = self.dim().filter(|dim| (2..=DIM_MAX).contains(dim));
        let dim = dim.ok_or_else(|| part(CONFIG, "head_dim is missing or no length of a head"))?;
        let (base, context) = (rope_theta.unwrap_or(10_000.0), context as f64);
        let slower = |pair: u64| {
            let wave = TAU * base.powf(2.0 * pair as f64 / dim as f64);
            let turns = context / wave;
            let share = ((turns - low) / (high - low)).clamp(0.0, 1.0);
            (1.0 / ((1.0 - share) / factor + share)) as f32
        };
        Ok((0..dim / 2).map(slower).collect())
    }

    /// A tensor's name in the other form; none for what nobody reads. One that is known to nobody keeps its name, and is refused by it.
    pub(super) fn tensor(&self, name: &str) -> Option<String> {
        let ours = match name {
            "model.embed_tokens.weight" => EMBEDDING,
            "model.norm.weight" => "output_norm.weight",
            // Where it is tied to the embedding, whatever lies there is not read.
            "lm_head.weight" if self.is_tied() => return None,
            "lm_head.weight" => OUTPUT,
            _ => return self.tensor_of_layer(name),
        };
        Some(ours.to_owned())
    }

    fn tensor_of_layer(&self, name: &str) -> Option<String> {
        let as_it_is = || Some(format!("({name})"));
        let of_layer = name.strip_prefix("model.layers.");
        let Some((layer, rest)) = of_layer.and_then(|rest| rest.split_once('.')) else {
            return as_it_is();
        };
        // Angles, which are computed.
        if rest == "self_attn.rotary_emb.inv_freq" {
            return None;
        }
        let Some((part, kind)) = rest.rsplit_once('.') else {
            return as_it_is();
        };
        let part = match part {
            "input_layernorm" => "attn_norm",
            "self_attn.q_proj" => "attn_q",
            "self_attn.k_proj" => "attn_k",
            "self_attn.v_proj" => "attn_v",
            "self_attn.o_proj" => "attn_output",
            "self_attn.q_norm" => "attn_q_norm",
            "self_attn.k_norm" => "attn_k_norm",
            "post_attention_layernorm" if self.is_gemma() => "post_attention_norm",
            "post_attention_layernorm" => "ffn_norm",
            "pre_feedforward_layernorm" if self.is_gemma() => "ffn_norm",
            "post_feedforward_layernorm" if self.is_gemma() => "post_ffw_norm",
            "mlp.gate_proj" => "ffn_gate",
            "mlp.up_proj" => "ffn_up",
            "mlp.down_proj" => "ffn_down",
            _ => return as_it_is(),
        };
        Some(format!("blk.{layer}.{part}.{kind}"))
    }
}
