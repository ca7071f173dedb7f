//! Small models of each family with random weights in any format, the same each time they are made.

use crate::tiny::{File, Tensor, Value, stand_in};

const HIDDEN: u64 = 256;
const FEED_FORWARD: u64 = 512;
const VOCABULARY: u64 = 288;
/// As wide as a head is in none of the sums of the others.
const DIM: u64 = 64;
const CONTEXT: u32 = 256;

/// A family's model, what is special about it said in its name.
pub(crate) const FAMILIES: [&str; 6] = ["llama", "llama3", "linear", "qwen2", "qwen3", "gemma3"];
/// Numbers of the formats, names, bytes of a block of 32 (or 256) weights, and where scales and minima are.
pub(crate) const FORMATS: [(u32, &str, usize, usize); 11] = [
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (30, "BF16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
];

/// Random numbers that are the same everywhere.
struct Dice(u64);

impl Dice {
    fn byte(&mut self) -> u8 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 56) as u8
    }

    /// From -1 to 1.
    fn number(&mut self) -> f32 {
        let bits =
            u32::from(self.byte()) << 16 | u32::from(self.byte()) << 8 | u32::from(self.byte());
        bits as f32 / 8_388_607.5 - 1.0
    }

    /// A tensor whose weights are about `size`.
    fn tensor(&mut self, name: &str, dims: &[u64], kind: u32, size: f32) -> Tensor {
        let count: u64 = dims.iter().product();
        let data = match kind {
            0 => (0..count)
                .flat_map(|_| (size * 1.7 * self.number()).to_le_bytes())
                .collect(),
            1 => (0..count)
                .flat_map(|_| half::f16::from_f32(size * 1.7 * self.number()).to_le_bytes())
                .collect(),
            30 => (0..count)
                .flat_map(|_| half::bf16::from_f32(size * 1.7 * self.number()).to_le_bytes())
                .collect(),
            _ => self.blocks(count as usize, kind, size),
        };
        Tensor {
            name: name.to_owned(),
            dims: dims.to_vec(),
            kind,
            data,
            offset: None,
        }
    }

    fn blocks(&mut self, count: usize, kind: u32, size: f32) -> Vec<u8> {
        let (_, name, weights, bytes) = FORMATS.into_iter().find(|f| f.0 == kind).unwrap();
        let mut out = Vec::new();
        for _ in 0..count / weights {
            let mut block: Vec<u8> = (0..bytes).map(|_| self.byte()).collect();
            // What quants (and scales of parts) stray by, and what they are in the middle.
            let (stray, middle) = match name {
                "Q4_0" => (4.6, None),
                "Q4_1" => (4.6, Some(-7.5)),
                "Q5_0" => (9.2, None),
                "Q5_1" => (9.2, Some(-15.5)),
                "Q8_0" => (74.0, None),
                "Q4_K" => (270.0, Some(7.5)),
                "Q5_K" => (540.0, Some(15.5)),
                _ => (1360.0, None),
            };
            let scale = size / stray * (1.0 + 0.5 * self.number());
            let at = if name == "Q6_K" { 208 } else { 0 };
            block[at..at + 2].copy_from_slice(&half::f16::from_f32(scale).to_le_bytes());
            if let Some(middle) = middle {
                let minimum = half::f16::from_f32(scale * middle);
                block[2..4].copy_from_slice(&minimum.to_le_bytes());
            }
            out.extend(block);
        }
        out
    }
}

/// A model of a family with its matrices in a format.
pub(crate) fn model(family: &str, kind: u32) -> File {
    let mut dice = Dice(kind.into());
    let architecture = match family {
        "llama3" | "linear" => "llama",
        other => other,
    };
    let (heads, kv_heads, layers) = match family {
        "gemma3" => (8, 4, 7),
        "qwen2" => (4, 1, 2),
        _ => (4, 2, 2),
    };
    let key = |rest: &str| format!("{architecture}.{rest}");
    let number = |rest: &str, n: u32| (key(rest), Value::u32(n));
    let float = |rest: &str, n: f32| (key(rest), Value::f32(n));
    let mut metadata = vec![
        ("general.architecture".to_owned(), Value::text(architecture)),
        number("block_count", layers),
        number("embedding_length", HIDDEN as u32),
        number("feed_forward_length", FEED_FORWARD as u32),
        number("attention.head_count", heads as u32),
        number("attention.head_count_kv", kv_heads as u32),
        number("attention.key_length", DIM as u32),
        number("attention.value_length", DIM as u32),
        number("context_length", CONTEXT),
        float("attention.layer_norm_rms_epsilon", 1e-6),
    ];
    let base = if family == "gemma3" { 1e6 } else { 1e4 };
    metadata.push(float("rope.freq_base", base));
    match family {
        "linear" => {
            metadata.push((key("rope.scaling.type"), Value::text("linear")));
            metadata.push(float("rope.scaling.factor", 4.0));
        }
        "gemma3" => metadata.push(number("attention.sliding_window", 16)),
        _ => {}
    }
    metadata.extend(match family {
        "gemma3" => pieces(),
        "llama3" => bytes("llama-bpe"),
        "qwen2" | "qwen3" => bytes("qwen2"),
        _ => bytes("smollm"),
    });

    let (h, f, q, kv) = (HIDDEN, FEED_FORWARD, heads * DIM, kv_heads * DIM);
    let of = |width: u64| 1.0 / (width as f32).sqrt();
    // Where the embedding is the output matrix too it is small.
    let embedding = match family {
        "gemma3" | "qwen3" => 0.1,
        _ => 1.0,
    };
    let mut tensors = vec![dice.tensor("token_embd.weight", &[h, VOCABULARY], kind, embedding)];
    let norm = |dice: &mut Dice, name: &str, len: u64| {
        let mut norm = dice.tensor(name, &[len], 0, 0.15);
        for bytes in norm.data.as_chunks_mut::<4>().0 {
            *bytes = (1.0 + f32::from_le_bytes(*bytes)).to_le_bytes();
        }
        norm
    };
    tensors.push(norm(&mut dice, "output_norm.weight", h));
    if !matches!(family, "gemma3" | "qwen3") {
        tensors.push(dice.tensor("output.weight", &[h, VOCABULARY], kind, 2.0 * of(h)));
    }
    if family == "llama3" {
        let factors: Vec<f32> = (0..DIM / 2)
            .map(|i| if i < 8 { 1.0 } else { 1.0 + i as f32 / 4.0 })
            .collect();
        tensors.push(crate::tiny::plain(
            "rope_freqs.weight",
            &[DIM / 2],
            &factors,
        ));
    }
    for layer in 0..layers {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        let mut put = |part: &str, cols: u64, rows: u64, much: f32| {
            tensors.push(dice.tensor(&name(part), &[cols, rows], kind, much * of(cols)));
        };
        // Queries and keys that tell positions apart.
        put("attn_q", h, q, 1.5);
        put("attn_k", h, kv, 1.5);
        put("attn_v", h, kv, 1.0);
        put("attn_output", q, h, 1.0);
        put("ffn_gate", h, f, 1.0);
        put("ffn_up", h, f, 1.0);
        put("ffn_down", f, h, 1.0);
        tensors.push(norm(&mut dice, &name("attn_norm"), h));
        tensors.push(norm(&mut dice, &name("ffn_norm"), h));
        if family == "qwen2" {
            for (part, rows) in [("attn_q", q), ("attn_k", kv), ("attn_v", kv)] {
                tensors.push(dice.tensor(&format!("blk.{layer}.{part}.bias"), &[rows], 0, 0.5));
            }
        }
        if matches!(family, "qwen3" | "gemma3") {
            tensors.push(norm(&mut dice, &name("attn_q_norm"), DIM));
            tensors.push(norm(&mut dice, &name("attn_k_norm"), DIM));
        }
        if family == "gemma3" {
            tensors.push(norm(&mut dice, &name("post_attention_norm"), h));
            tensors.push(norm(&mut dice, &name("post_ffw_norm"), h));
        }
    }
    File {
        version: 3,
        metadata,
        tensors,
    }
}

/// A byte-level vocabulary with a few merges.
fn bytes(cut: &str) -> Vec<(String, Value)> {
    let mut tokens: Vec<String> = (0..=255).map(|b| stand_in(b).to_string()).collect();
    let merges = [
        "t h", "th e", "Ġ the", "1 2", "12 3", "e r", "' s", "Ġ Ġ", "Ċ Ċ",
    ];
    tokens.extend(merges.map(|merge| merge.replace(' ', "")));
    let plain = tokens.len();
    tokens.push("<think>".to_owned());
    tokens.extend(["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(str::to_owned));
    tokens.extend((tokens.len()..VOCABULARY as usize).map(|i| format!("<|reserved_{i}|>")));
    let kind = |id: usize| match id {
        _ if id < plain => 1,
        _ if id == plain => 4,
        _ => 3,
    };
    let kinds: Vec<i32> = (0..tokens.len()).map(kind).collect();
    let end = plain as u32 + 3;
    [
        ("tokenizer.ggml.model", Value::text("gpt2")),
        ("tokenizer.ggml.pre", Value::text(cut)),
        ("tokenizer.ggml.tokens", Value::texts(&tokens)),
        ("tokenizer.ggml.token_type", Value::i32s(&kinds)),
        ("tokenizer.ggml.merges", Value::texts(&merges)),
        ("tokenizer.ggml.bos_token_id", Value::u32(plain as u32 + 1)),
        ("tokenizer.ggml.eos_token_id", Value::u32(end)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}

/// A SentencePiece vocabulary: what is unknown, begin, end, each byte, and some pieces.
fn pieces() -> Vec<(String, Value)> {
    let mut tokens: Vec<String> = ["<unk>", "<bos>", "<eos>"].map(str::to_owned).to_vec();
    let mut kinds = vec![2, 3, 3];
    tokens.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    kinds.extend([6; 256]);
    tokens.push("\n\n".to_owned());
    tokens.push("<end_of_turn>".to_owned());
    kinds.extend([4, 4]);
    let some = [
        "▁", "t", "h", "e", "▁t", "th", "the", "▁the", "é", "r", "er", "he", "▁er",
    ];
    tokens.extend(some.map(str::to_owned));
    kinds.extend([1; 13]);
    let rest = VOCABULARY as usize - tokens.len();
    tokens.extend((0..rest).map(|i| format!("<unused{i}>")));
    kinds.extend(vec![5; rest]);
    let scores: Vec<u8> = (0..tokens.len())
        .flat_map(|id| match kinds[id] {
            1 => (261.0 - id as f32).to_le_bytes(),
            _ => 0.0f32.to_le_bytes(),
        })
        .collect();
    [
        ("tokenizer.ggml.model", Value::text("llama")),
        ("tokenizer.ggml.pre", Value::text("default")),
        ("tokenizer.ggml.tokens", Value::texts(&tokens)),
        ("tokenizer.ggml.scores", Value::list(6, VOCABULARY, &scores)),
        ("tokenizer.ggml.token_type", Value::i32s(&kinds)),
        ("tokenizer.ggml.bos_token_id", Value::u32(1)),
        ("tokenizer.ggml.eos_token_id", Value::u32(2)),
        ("tokenizer.ggml.add_space_prefix", Value::bool(0)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}
