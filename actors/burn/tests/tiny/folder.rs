//! The same models as people publish them: a configuration, a vocabulary, and weights in safetensors.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::{File, Tensor, Value};

const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// A published model in the making; every part can be spoilt before it is written.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) config: Json,
    pub(crate) tokenizer: Json,
    pub(crate) tokenizer_config: Json,
    /// Names, formats, shapes (the slowest dimension first) and bytes.
    pub(crate) tensors: Vec<(String, &'static str, Vec<u64>, Vec<u8>)>,
}

impl Published {
    pub(crate) fn of(file: &File) -> Self {
        let said = Said(file);
        let family = said.text("general.architecture");
        let (config, dim) = said.config(&family);
        let tensors = file.tensors.iter().filter_map(|tensor| {
            let name = published(&family, &tensor.name)?;
            let format = match tensor.kind {
                0 => "F32",
                1 => "F16",
                30 => "BF16",
                kind => panic!("format {kind} is not published so"),
            };
            let shape = tensor.dims.iter().rev().copied().collect();
            Some((name, format, shape, weights(&family, tensor, dim)))
        });
        Self {
            config,
            tokenizer: said.tokenizer(),
            tokenizer_config: json!({}),
            tensors: tensors.collect(),
        }
    }

    /// The files of weights: tensors are dealt to them in turn, and a list says to which.
    pub(crate) fn files(&self, count: usize) -> (Option<Json>, Vec<(String, Vec<u8>)>) {
        if count == 1 {
            let all: Vec<_> = self.tensors.iter().collect();
            return (
                None,
                vec![("model.safetensors".to_owned(), safetensors(&all))],
            );
        }
        let name = |n: usize| format!("model-{:05}-of-{count:05}.safetensors", n + 1);
        let (mut list, mut files) = (Map::new(), Vec::new());
        for n in 0..count {
            let here: Vec<_> = self.tensors.iter().skip(n).step_by(count).collect();
            for (tensor, ..) in &here {
                list.insert(tensor.clone(), json!(name(n)));
            }
            files.push((name(n), safetensors(&here)));
        }
        let index = json!({"metadata": {"total_size": 1}, "weight_map": list});
        (Some(index), files)
    }

    pub(crate) fn write(&self, folder: &Path, count: usize) {
        let (index, files) = self.files(count);
        let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
        put("config.json", self.config.to_string().as_bytes());
        put("tokenizer.json", self.tokenizer.to_string().as_bytes());
        put(
            "tokenizer_config.json",
            self.tokenizer_config.to_string().as_bytes(),
        );
        if let Some(index) = index {
            put("model.safetensors.index.json", index.to_string().as_bytes());
        }
        for (name, bytes) in files {
            put(&name, &bytes);
        }
    }
}

/// A file of such tensors.
pub(crate) fn safetensors(tensors: &[&(String, &'static str, Vec<u64>, Vec<u8>)]) -> Vec<u8> {
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, format, shape, bytes) in tensors {
        let begin = data.len();
        data.extend(bytes);
        header.insert(
            name.clone(),
            json!({"dtype": format, "shape": shape, "data_offsets": [begin, data.len()]}),
        );
    }
    let mut header = Json::Object(header).to_string();
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }
    [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        &data,
    ]
    .concat()
}

/// What a tensor is called; none for what is said elsewhere.
fn published(family: &str, name: &str) -> Option<String> {
    Some(match name {
        "token_embd.weight" => "model.embed_tokens.weight".to_owned(),
        "output_norm.weight" => "model.norm.weight".to_owned(),
        "output.weight" => "lm_head.weight".to_owned(),
        "rope_freqs.weight" => return None,
        _ => {
            let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
            let (part, kind) = rest.split_once('.')?;
            let part = match (part, family) {
                ("attn_norm", _) => "input_layernorm",
                ("attn_q", _) => "self_attn.q_proj",
                ("attn_k", _) => "self_attn.k_proj",
                ("attn_v", _) => "self_attn.v_proj",
                ("attn_output", _) => "self_attn.o_proj",
                ("attn_q_norm", _) => "self_attn.q_norm",
                ("attn_k_norm", _) => "self_attn.k_norm",
                ("post_attention_norm", _) => "post_attention_layernorm",
                ("ffn_norm", "gemma3") => "pre_feedforward_layernorm",
                ("ffn_norm", _) => "post_attention_layernorm",
                ("post_ffw_norm", _) => "post_feedforward_layernorm",
                ("ffn_gate", _) => "mlp.gate_proj",
                ("ffn_up", _) => "mlp.up_proj",
                ("ffn_down", _) => "mlp.down_proj",
                _ => panic!("no such part: {name}"),
            };
            format!("model.layers.{layer}.{part}.{kind}")
        }
    })
}

/// A tensor's bytes as they are published: pairs that are turned lie half a head apart, and gemma's norms lack one.
fn weights(family: &str, tensor: &Tensor, dim: usize) -> Vec<u8> {
    let name = &tensor.name;
    if family == "llama" && (name.contains("attn_q.") || name.contains("attn_k.")) {
        let rows = *tensor.dims.last().unwrap() as usize;
        let width = tensor.data.len() / rows;
        let row = |at: usize| &tensor.data[at * width..][..width];
        let halves = (0..rows).flat_map(|at| {
            let (head, within) = (at / dim * dim, at % dim);
            let from = match within < dim / 2 {
                true => 2 * within,
                false => 2 * (within - dim / 2) + 1,
            };
            row(head + from)
        });
        return halves.copied().collect();
    }
    if family == "gemma3" && name.contains("norm") {
        let values = tensor.data.as_chunks::<4>().0.iter();
        return values
            .flat_map(|v| (f32::from_le_bytes(*v) - 1.0).to_le_bytes())
            .collect();
    }
    tensor.data.clone()
}

/// What a file says, read back.
struct Said<'a>(&'a File);

impl Said<'_> {
    fn find(&self, key: &str) -> Option<&Value> {
        let found = self.0.metadata.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value)
    }

    fn text(&self, key: &str) -> String {
        let Value(8, bytes) = self.find(key).unwrap() else {
            panic!("{key} is no text");
        };
        String::from_utf8(bytes[8..].to_vec()).unwrap()
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.find(key)? {
            Value(4, bytes) => Some(u32::from_le_bytes(bytes[..4].try_into().unwrap()).into()),
            Value(kind, _) => panic!("{key} is of kind {kind}"),
        }
    }

    fn float(&self, key: &str) -> Option<f64> {
        match self.find(key)? {
            // As many digits as a file would be written with.
            Value(6, bytes) => {
                let number = f32::from_le_bytes(bytes[..4].try_into().unwrap());
                number.to_string().parse().ok()
            }
            Value(kind, _) => panic!("{key} is of kind {kind}"),
        }
    }

    fn texts(&self, key: &str) -> Vec<String> {
        let Some(Value(9, bytes)) = self.find(key) else {
            return Vec::new();
        };
        let (mut rest, mut texts) = (&bytes[12..], Vec::new());
        while let Some((len, more)) = rest.split_first_chunk::<8>() {
            let (text, more) = more.split_at(u64::from_le_bytes(*len) as usize);
            texts.push(String::from_utf8(text.to_vec()).unwrap());
            rest = more;
        }
        texts
    }

    /// Numbers of four bytes.
    fn fours(&self, key: &str) -> Vec<[u8; 4]> {
        let Some(Value(9, bytes)) = self.find(key) else {
            return Vec::new();
        };
        bytes[12..].as_chunks::<4>().0.to_vec()
    }

    fn config(&self, family: &str) -> (Json, usize) {
        let number = |rest: &str| self.number(&format!("{family}.{rest}"));
        let float = |rest: &str| self.float(&format!("{family}.{rest}"));
        let (hidden, heads) = (number("embedding_length"), number("attention.head_count"));
        let dim = number("attention.key_length");
        let has_output = self.0.tensors.iter().any(|t| t.name == "output.weight");
        let mut config = json!({
            "model_type": if family == "gemma3" { "gemma3_text" } else { family },
            "architectures": ["Any"],
            "hidden_size": hidden,
            "intermediate_size": number("feed_forward_length"),
            "num_hidden_layers": number("block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": number("attention.head_count_kv"),
            "head_dim": dim,
            "max_position_embeddings": number("context_length"),
            "rms_norm_eps": float("attention.layer_norm_rms_epsilon"),
            "rope_theta": float("rope.freq_base"),
            "rope_scaling": null,
            "tie_word_embeddings": !has_output,
            "hidden_act": if family == "gemma3" { "gelu_pytorch_tanh" } else { "silu" },
            "bos_token_id": self.number("tokenizer.ggml.bos_token_id"),
            "eos_token_id": [self.number("tokenizer.ggml.eos_token_id")],
        });
        if let Some(factor) = float("rope.scaling.factor") {
            config["rope_scaling"] = json!({"type": "linear", "factor": factor});
        }
        if let Some(window) = number("attention.sliding_window") {
            config["sliding_window"] = json!(window);
            config["_sliding_window_pattern"] = json!(6);
            config["query_pre_attn_scalar"] = json!(dim);
            config["rope_local_base_freq"] = json!(10_000.0);
        }
        let dim = dim.unwrap_or_else(|| hidden.unwrap() / heads.unwrap());
        (config, dim as usize)
    }

    fn tokenizer(&self) -> Json {
        let tokens = self.texts("tokenizer.ggml.tokens");
        let kinds = self.fours("tokenizer.ggml.token_type");
        let kinds: Vec<i32> = kinds.into_iter().map(i32::from_le_bytes).collect();
        let (mut vocabulary, mut added) = (Map::new(), Vec::new());
        for ((id, token), kind) in (0..).zip(&tokens).zip(&kinds) {
            match kind {
                3 | 4 => added.push(json!({"id": id, "content": token, "special": *kind == 3})),
                5 => {}
                _ => {
                    vocabulary.insert(token.clone(), json!(id));
                }
            }
        }
        let begin = self.number("tokenizer.ggml.bos_token_id");
        let begin = begin.map(|id| tokens[id as usize].clone());
        let before = json!({"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": begin, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]});
        let bytes = |pattern: Option<&str>, first: Option<Json>| {
            let split = pattern.map(|words| {
                json!({"type": "Split", "pattern": {"Regex": words}, "behavior": "Isolated", "invert": false})
            });
            let last = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": pattern.is_none()});
            let steps: Vec<Json> = first.into_iter().chain(split).chain([last]).collect();
            json!({"type": "Sequence", "pretokenizers": steps})
        };
        let is_pieces = self.text("tokenizer.ggml.model") == "llama";
        let merges = match is_pieces {
            true => self.merges_of_pieces(&tokens, &kinds),
            false => json!(self.texts("tokenizer.ggml.merges")),
        };
        let (normalizer, cut, after) = match self.text("tokenizer.ggml.pre").as_str() {
            "smollm" => {
                let digits = json!({"type": "Digits", "individual_digits": true});
                (json!(null), bytes(None, Some(digits)), json!(null))
            }
            "llama-bpe" => {
                let after =
                    json!({"type": "Sequence", "processors": [{"type": "ByteLevel"}, before]});
                (json!(null), bytes(Some(LLAMA_3), None), after)
            }
            "qwen2" => (
                json!({"type": "NFC"}),
                bytes(Some(QWEN_2), None),
                json!({"type": "ByteLevel"}),
            ),
            "default" => {
                let spaces =
                    json!({"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"});
                let cut = json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false});
                (spaces, cut, before)
            }
            other => panic!("no such rule: {other}"),
        };
        json!({
            "version": "1.0",
            "added_tokens": added,
            "normalizer": normalizer,
            "pre_tokenizer": cut,
            "post_processor": after,
            "model": {
                "type": "BPE",
                "dropout": null,
                "unk_token": if is_pieces { json!("<unk>") } else { json!(null) },
                "byte_fallback": is_pieces,
                "ignore_merges": self.text("tokenizer.ggml.pre") == "llama-bpe",
                "vocab": vocabulary,
                "merges": merges,
            },
        })
    }

    /// Every way in which two pieces make a third, the best of the third first.
    fn merges_of_pieces(&self, tokens: &[String], kinds: &[i32]) -> Json {
        let scores = self.fours("tokenizer.ggml.scores");
        let mut made: Vec<(f32, String, String)> = Vec::new();
        let is_piece = |name: &str| {
            let id = tokens.iter().position(|token| token == name);
            id.is_some_and(|id| kinds[id] == 1)
        };
        for (id, token) in tokens.iter().enumerate().filter(|(id, _)| kinds[*id] == 1) {
            for (at, _) in token.char_indices().skip(1) {
                let (one, other) = token.split_at(at);
                if is_piece(one) && is_piece(other) {
                    let score = f32::from_le_bytes(scores[id]);
                    made.push((score, one.to_owned(), other.to_owned()));
                }
            }
        }
        made.sort_by(|a, b| b.0.total_cmp(&a.0));
        let pairs = made.into_iter().map(|(_, one, other)| json!([one, other]));
        pairs.collect()
    }
}
