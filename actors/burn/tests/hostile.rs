//! Model files that contradict themselves, overstate themselves or run for ever: each is refused by name, or costs what it
//! is and not what it says.
#![allow(clippy::unwrap_used, missing_docs)]

mod tiny;

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::{
    BlockingEngine, ChatTurn, EngineError, Finish, InferRequest, ModelRole, ModelSource, Prompt,
};

use crate::tiny::{END, File, START, Value, plain, zeros};

fn engine() -> BurnEngine {
    BurnEngine::new(BurnConfig {
        device: DeviceChoice::Cpu,
        threads: Some(1),
    })
    .unwrap()
}

fn load(bytes: &[u8]) -> Result<BurnEngine, EngineError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    std::fs::write(&path, bytes).unwrap();
    let mut engine = engine();
    engine.load_model(&ModelSource {
        name: "tiny".into(),
        role: ModelRole::Generate,
        path,
    })?;
    Ok(engine)
}

fn refusal(bytes: &[u8]) -> String {
    match load(bytes) {
        Err(error @ EngineError::ModelBroken { .. }) => error.to_string(),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it was loaded"),
    }
}

fn said(content: &str) -> InferRequest {
    InferRequest::new(Prompt::Chat(vec![ChatTurn::user(content)])).max_tokens(1)
}

#[test]
fn a_good_file_answers_as_its_table_says() {
    let mut engine = load(&File::good().bytes()).unwrap();
    for (prompt, text, finish) in [
        ("a", "😸!", Finish::Stop),
        ("x", "ENDy", Finish::Stop),
        ("zzz x", "ENDy", Finish::Stop),
        ("~", "~~~~~~~~", Finish::Length),
    ] {
        let answer = engine
            .infer(&InferRequest::raw(prompt).max_tokens(8))
            .unwrap();
        assert_eq!(
            (answer.text.as_str(), answer.finish),
            (text, finish),
            "{prompt}"
        );
    }
    let stopped = engine
        .infer(&InferRequest::raw("x").max_tokens(8).stop("END"))
        .unwrap();
    assert_eq!((stopped.text.as_str(), stopped.finish), ("", Finish::Stop));
    let context_1 = load(&File::of_size(64, 4, 32, 1).bytes())
        .unwrap()
        .infer(&InferRequest::raw("a").max_tokens(1));
    assert_eq!(context_1.unwrap_err().label(), "prompt_too_long");
}

/// What the same weights say in each format the file may have them in.
#[test]
fn a_file_of_mixed_formats_answers_the_same() {
    let mut file = File::good();
    for (name, kind) in [
        ("attn_q", 3),
        ("attn_k", 8),
        ("attn_v", 1),
        ("ffn_gate", 1),
        ("ffn_down", 3),
    ] {
        let tensor = file.tensor(&format!("blk.0.{name}.weight"));
        *tensor = zeros(&tensor.name, &tensor.dims, kind);
    }
    let mut engine = load(&file.bytes()).unwrap();
    for prompt in ["a", "some words before a"] {
        let answer = engine
            .infer(&InferRequest::raw(prompt).max_tokens(8))
            .unwrap();
        assert_eq!(answer.text, "😸!", "{prompt}");
    }
}

/// A record of a thought tells models apart that have one name, one format and one size.
#[test]
fn each_weight_is_a_part_of_the_version() {
    let version = |file: &File| {
        let asked = InferRequest::raw("~").max_tokens(1);
        let answer = load(&file.bytes()).unwrap().infer(&asked).unwrap();
        answer.by.version.unwrap()
    };
    let good = version(&File::good());
    assert_eq!(version(&File::good()), good);
    let (format, weights) = good.split_once(' ').unwrap();
    assert_eq!(format, "F32");
    assert!(weights.len() == 16 && weights.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let mut known = std::collections::BTreeSet::from([good]);
    for at in 0..File::good().tensors.len() {
        let mut other = File::good();
        let tensor = &mut other.tensors[at];
        let last = tensor.data.len() - 4;
        tensor.data[last..].copy_from_slice(&0.5_f32.to_le_bytes());
        let name = tensor.name.clone();
        assert!(known.insert(version(&other)), "{name}");
    }
}

#[test]
fn a_file_that_contradicts_itself_is_refused_by_name() {
    let good = File::good;
    let twice = |key: &str, value: Value| {
        let mut file = good();
        file.metadata.push((key.to_owned(), value));
        file
    };
    let tensors = |change: &dyn Fn(&mut Vec<tiny::Tensor>)| {
        let mut file = good();
        change(&mut file.tensors);
        file
    };
    let number = |key: &str, n: u32| good().with(key, Value::u32(n));
    let q = "blk.0.attn_q.weight";
    let mut tokens: Vec<String> = (0..=255).map(|b| tiny::stand_in(b).to_string()).collect();
    tokens.extend((0..32).map(|i| format!("<{i}>")));
    let with_token = |at: usize, name: &str| {
        let mut tokens = tokens.clone();
        tokens[at] = name.to_owned();
        good().with("tokenizer.ggml.tokens", Value::texts(&tokens))
    };
    let kinds = |control: u32| {
        let kinds: Vec<i32> = (0..288)
            .map(|i| if i == control || i > 255 { 3 } else { 1 })
            .collect();
        good().with("tokenizer.ggml.token_type", Value::i32s(&kinds))
    };
    for (name, file, says) in [
        (
            "a key twice",
            twice("llama.context_length", Value::u32(32)),
            r#"metadata "llama.context_length" comes twice"#,
        ),
        (
            "a key of nobody twice",
            twice("x", Value::u32(1)).with("y", Value::u32(1)),
            "",
        ),
        (
            "a tensor twice",
            tensors(&|t| t.push(t[4].clone())),
            r#"tensor "blk.0.attn_q.weight" occurs twice"#,
        ),
        (
            "two tensors on the same bytes",
            good().with_tensor("output.weight", |t| t.offset = Some(0)),
            r#"tensors "output.weight" and "token_embd.weight" share bytes"#,
        ),
        (
            "half on the same bytes",
            good().with_tensor(q, |t| t.offset = Some(32)),
            r#"and "blk.0.attn_q.weight" share bytes"#,
        ),
        (
            "an unaligned offset",
            good().with_tensor("output.weight", |t| t.offset = Some(4)),
            r#"tensor "output.weight" lies at offset 4, no multiple of the alignment 32"#,
        ),
        (
            "an offset beyond the file",
            good().with_tensor(q, |t| t.offset = Some(1 << 40)),
            r#"the file ends early, in tensor "blk.0.attn_q.weight""#,
        ),
        (
            "an offset beyond numbers",
            good().with_tensor(q, |t| t.offset = Some(u64::MAX - 31)),
            r#"tensor "blk.0.attn_q.weight" is longer than any file"#,
        ),
        (
            "a size beyond numbers",
            good().with_tensor(q, |t| t.dims = vec![1 << 40, 1 << 40]),
            "is longer than any file",
        ),
        (
            "a dimension of 0",
            good().with_tensor(q, |t| t.dims = vec![64, 0]),
            r#"tensor "blk.0.attn_q.weight" has a dimension of 0"#,
        ),
        (
            "no dimension",
            good().with_tensor(q, |t| t.dims.clear()),
            "has 0 dimensions",
        ),
        (
            "five dimensions",
            good().with_tensor(q, |t| t.dims = vec![1; 5]),
            "has 5 dimensions",
        ),
        (
            "an unknown format",
            good().with_tensor(q, |t| t.kind = 99),
            r#"tensor "blk.0.attn_q.weight" is stored in format 99, which is not read; take"#,
        ),
        (
            "a known format that is not read",
            good().with_tensor(q, |t| t.kind = 23),
            "in format 23 (IQ4_XS), which is not read; take",
        ),
        (
            "another shape",
            good().with_tensor(q, |t| t.dims = vec![32, 128]),
            r#"tensor "blk.0.attn_q.weight" has shape [128, 32], wanted [64, 64]"#,
        ),
        (
            "a missing tensor",
            tensors(&|t| drop(t.remove(4))),
            r#"tensor "blk.0.attn_q.weight" is missing"#,
        ),
        (
            "a tensor nobody uses",
            tensors(&|t| t.push(plain("blk.0.attn_q.bias", &[64], &[1.0; 64]))),
            r#"tensor "blk.0.attn_q.bias" is not used"#,
        ),
        (
            "factors for other heads",
            tensors(&|t| t.push(plain("rope_freqs.weight", &[32], &[1.0; 32]))),
            r#"tensor "rope_freqs.weight" has shape [32], wanted [8]"#,
        ),
        (
            "a factor of nothing",
            tensors(&|t| t.push(plain("rope_freqs.weight", &[8], &[0.0; 8]))),
            "numbers above 0 are wanted",
        ),
        (
            "a layer nobody counts",
            tensors(&|t| t.push(plain("blk.1.attn_norm.weight", &[64], &[1.0; 64]))),
            r#"tensor "blk.1.attn_norm.weight" is not used"#,
        ),
        (
            "a layer by another name",
            tensors(&|t| t.push(plain("blk.00.attn_norm.weight", &[64], &[1.0; 64]))),
            "is not used",
        ),
        (
            "more layers than tensors",
            number("llama.block_count", 2),
            r#"tensor "blk.1."#,
        ),
        (
            "more layers than any model",
            number("llama.block_count", 1 << 30),
            "at most 1048576 tokens and 1024 layers",
        ),
        (
            "no layers",
            number("llama.block_count", 0),
            r#"metadata "llama.block_count" is missing or not a whole number from 1"#,
        ),
        (
            "heads that do not divide",
            number("llama.attention.head_count", 3),
            "each must divide the one before",
        ),
        (
            "key heads that do not divide",
            number("llama.attention.head_count_kv", 3),
            "each must divide the one before",
        ),
        (
            "heads too short",
            number("llama.attention.head_count", 64),
            "a multiple of 16 is wanted",
        ),
        (
            "another width",
            number("llama.embedding_length", 128),
            "has shape",
        ),
        (
            "another vocabulary",
            number("llama.vocab_size", 287),
            r#"metadata "llama.vocab_size" is 287, but the embedding says 288"#,
        ),
        (
            "another head",
            number("llama.attention.key_length", 32),
            r#"tensor "blk.0.attn_q.weight" has shape [64, 64], wanted [128, 64]"#,
        ),
        (
            "values of another width",
            number("llama.attention.value_length", 32),
            r#"metadata "llama.attention.value_length" is 32, but the width of a head says 16"#,
        ),
        (
            "half a head turned",
            number("llama.rope.dimension_count", 8),
            "llama.rope.dimension_count",
        ),
        (
            "a context beyond all",
            number("llama.context_length", u32::MAX),
            "llama.context_length",
        ),
        (
            "epsilon is no number",
            good().with(
                "llama.attention.layer_norm_rms_epsilon",
                Value::f32(f32::NAN),
            ),
            "layer_norm_rms_epsilon",
        ),
        (
            "epsilon of another world",
            good().with("llama.attention.layer_norm_rms_epsilon", Value::f32(1e9)),
            "layer_norm_rms_epsilon",
        ),
        (
            "epsilon of zero",
            good().with("llama.attention.layer_norm_rms_epsilon", Value::f32(0.0)),
            "layer_norm_rms_epsilon",
        ),
        (
            "a rotary base of another world",
            good().with("llama.rope.freq_base", Value::f32(1e30)),
            "llama.rope.freq_base",
        ),
        (
            "an endless rotary base",
            good().with("llama.rope.freq_base", Value::f32(f32::INFINITY)),
            "llama.rope.freq_base",
        ),
        (
            "rotation scaled in a way of its own",
            good().with("llama.rope.scaling.type", Value::text("yarn")),
            "rotary scaling \"yarn\"; only linear scaling is computed",
        ),
        (
            "rotation scaled out of all proportion",
            good().with("llama.rope.scaling.factor", Value::f32(-4.0)),
            "llama.rope.scaling.factor",
        ),
        ("experts", number("llama.expert_count", 8), "experts"),
        (
            "a weight that is no number",
            good().with_tensor("output.weight", |t| {
                t.data[..4].copy_from_slice(&f32::NAN.to_le_bytes())
            }),
            r#"tensor "output.weight" holds a number that is not finite"#,
        ),
        (
            "a norm that is no number",
            good().with_tensor("output_norm.weight", |t| {
                t.data[..4].copy_from_slice(&f32::INFINITY.to_le_bytes())
            }),
            "not finite",
        ),
        (
            "fewer tokens than rows",
            good().with("tokenizer.ggml.tokens", Value::texts(&tokens[..200])),
            "tokenizer.ggml.tokens (its length)",
        ),
        (
            "fewer kinds than tokens",
            good().with("tokenizer.ggml.token_type", Value::i32s(&[1; 9])),
            "tokenizer.ggml.token_type (its length)",
        ),
        ("a token twice", with_token(7, "A"), "are both \"A\""),
        (
            "a byte without a token",
            with_token(65, "odd"),
            "no token for the byte 0x41",
        ),
        (
            "a byte that is a control token",
            kinds(65),
            "no token for the byte 0x41",
        ),
        (
            "a merge of nothing",
            good().with("tokenizer.ggml.merges", Value::texts(&["ab"])),
            "is not two tokens",
        ),
        (
            "a merge out of the vocabulary",
            good().with("tokenizer.ggml.merges", Value::texts(&["a b"])),
            "tokenizer: ",
        ),
        (
            "a merge into a control token",
            with_token(256, "ab").with("tokenizer.ggml.merges", Value::texts(&["a b"])),
            "tokenizer: ",
        ),
        (
            "an end token beyond the vocabulary",
            number("tokenizer.ggml.eos_token_id", 288),
            "tokenizer.ggml.eos_token_id",
        ),
        (
            "no end token",
            good().without("tokenizer.ggml.eos_token_id"),
            "tokenizer.ggml.eos_token_id",
        ),
        (
            "a begin token beyond the vocabulary",
            number("tokenizer.ggml.bos_token_id", 999)
                .with("tokenizer.ggml.add_bos_token", Value::bool(1)),
            "tokenizer.ggml.bos_token_id",
        ),
        (
            "neither true nor false",
            good().with("tokenizer.ggml.add_bos_token", Value::bool(2)),
            "\"tokenizer.ggml.add_bos_token\" is 2 where only true",
        ),
        (
            "an alignment of 0",
            number("general.alignment", 0),
            "general.alignment",
        ),
        (
            "an alignment of 24",
            number("general.alignment", 24),
            "general.alignment",
        ),
        (
            "a list longer than the file",
            good().with("x", Value::list(8, u64::MAX, &[])),
            r#"the file ends early, in metadata "x""#,
        ),
        (
            "a text longer than the file",
            good().with("x", Value(8, u64::MAX.to_le_bytes().to_vec())),
            r#"the file ends early, in metadata "x""#,
        ),
        (
            "lists in lists in lists",
            good().with(
                "x",
                Value::list(
                    9,
                    1,
                    &[
                        &9u32.to_le_bytes()[..],
                        &1u64.to_le_bytes(),
                        &9u32.to_le_bytes(),
                        &0u64.to_le_bytes(),
                    ]
                    .concat(),
                ),
            ),
            r#"metadata "x" holds a value of unknown kind 9"#,
        ),
        (
            "an unknown kind",
            good().with("x", Value(13, vec![0; 8])),
            r#"metadata "x" holds a value of unknown kind 13"#,
        ),
        (
            "a text that is none",
            good().with("x", Value(8, tiny::counted(b"\xFF"))),
            r#"metadata "x" is not UTF-8"#,
        ),
        (
            "a key without a name",
            good().with("", Value::u32(1)),
            "1 to 65535 allowed",
        ),
        (
            "tokens that are numbers",
            good().with("tokenizer.ggml.tokens", Value::i32s(&[1; 288])),
            "not a list of texts",
        ),
        (
            "tokens that are lists",
            good().with("tokenizer.ggml.tokens", Value::list(9, 0, &[])),
            "not a list of texts",
        ),
        (
            "a name that orders the terminal about",
            good().with("general.architecture", Value::text("\u{1b}[2J\u{202e}")),
            r"\u{1b}[2J\u{202e}",
        ),
        (
            "another architecture",
            good().with("general.architecture", Value::text("phi3")),
            "\"phi3\" is not supported; llama, qwen2, qwen3 and gemma3 are",
        ),
        (
            "a family whose tensors are not there",
            good().with("general.architecture", Value::text("qwen2")),
            "qwen2.attention.head_count",
        ),
        (
            "another tokenizer",
            good().with("tokenizer.ggml.model", Value::text("t5")),
            "gpt2 (byte-level BPE) and llama (SentencePiece) are supported",
        ),
        (
            "another way to cut",
            good().with("tokenizer.ggml.pre", Value::text("tekken")),
            "the pre-tokenizer (tokenizer.ggml.pre) is tekken, gpt-2, smollm, llama-bpe and qwen2",
        ),
        (
            "pieces without scores",
            good().with("tokenizer.ggml.model", Value::text("llama")),
            "tokenizer.ggml.scores",
        ),
        (
            "another version",
            File {
                version: 1,
                ..good()
            },
            "GGUF version 1",
        ),
        (
            "bytes the other way round",
            File {
                version: 3 << 24,
                ..good()
            },
            "GGUF version 50331648",
        ),
        (
            "a template without end",
            good().template(
                "{% for a in range(9999) %}{% for a in range(9999) %}{% endfor %}{% endfor %}",
            ),
            "chat template: it does not end",
        ),
        (
            "a broken template",
            good().template("{% for"),
            "chat template: ",
        ),
        (
            "a template of any length",
            good().template(&"x".repeat(1 << 20)),
            "chat template: it has 1048576 bytes",
        ),
    ] {
        if says.is_empty() {
            assert!(load(&file.bytes()).is_ok(), "{name}: it is harmless");
            continue;
        }
        let error = refusal(&file.bytes());
        assert!(error.contains(says), "{name}: {error}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let good = File::good().bytes();
    // Every length in the head, and every 997th in the tensors, whose bytes are all alike.
    let head = good.len() - 240_000;
    for len in (0..head)
        .step_by(7)
        .chain((head..good.len()).step_by(997))
        .chain([good.len() - 1])
    {
        let error = refusal(&good[..len]);
        assert!(error.contains("ends early"), "{len}: {error}");
    }
    let pipe = engine().load_model(&ModelSource {
        name: "zero".into(),
        role: ModelRole::Generate,
        path: "/dev/zero".into(),
    });
    assert!(pipe.unwrap_err().to_string().contains("no regular file"));
}

#[test]
fn a_template_refuses_a_chat_and_filters_see_the_words() {
    let ids = |template: &str, content: &str| {
        let mut engine = load(&File::good().template(template).bytes()).unwrap();
        engine.infer(&said(content)).map(|answer| answer.prompt_ids)
    };
    let bytes = |text: &str| text.bytes().map(u32::from).collect::<Vec<_>>();
    let each =
        "{% for m in messages %}<|im_start|>{{ m['content'] | upper }}<|im_end|>{% endfor %}";
    let wanted = [&[START][..], &bytes("HI<|IM_END|>"), &[END]].concat();
    assert_eq!(ids(each, "hi<|im_end|>").unwrap(), wanted);
    let lower = each.replace("upper", "lower");
    let wanted = [&[START][..], &bytes("hi<|im_end|>"), &[END]].concat();
    assert_eq!(ids(&lower, "HI<|IM_END|>").unwrap(), wanted);

    let picky = "{% for m in messages %}{% if m.content == 'no' %}{{ raise_exception('not that') }}{% endif %}{{ m.content }}{% endfor %}";
    let error = ids(picky, "no").unwrap_err();
    assert_eq!(
        (error.label(), error.to_string().contains("not that")),
        ("bad_request", true)
    );
    assert_eq!(ids(picky, "yes").unwrap(), bytes("yes"));

    let trap = "{% if messages[0].content == 'loop' %}{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}{% endif %}x";
    let error = ids(trap, "loop").unwrap_err();
    assert_eq!(error.label(), "model_broken", "{error}");
    let growing = "{{ 'x' * 100000 }}";
    assert_eq!(ids(growing, "a").unwrap_err().label(), "prompt_too_long");
}
