//! Memory follows the bytes of a model's files, never what they say: at most four times the files and 100 MB. Each file is
//! loaded by a process of its own, whose highest memory the system keeps.
#![cfg(target_os = "linux")]
// The measured process tells what it found in this way.
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, missing_docs)]

mod tiny;

use std::path::Path;
use std::process::Command;

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::{BlockingEngine, EmbedRequest, InferRequest, ModelRole, ModelSource};

use crate::tiny::{File, Value, zeros};

/// Where the file lies that a process started by this test is to load.
const LOADS: &str = "AIOS_TEST_LOADS";
const MB: u64 = 1 << 20;

/// In the process that is measured: loads, answers if it can, and tells its highest memory in bytes.
fn load_and_tell(path: &Path) {
    let role = match path.extension() {
        Some(_) => ModelRole::Generate,
        None => ModelRole::Embed,
    };
    let mut engine = BurnEngine::new(BurnConfig {
        device: DeviceChoice::Cpu,
        threads: Some(1),
    })
    .unwrap();
    let source = ModelSource {
        name: "m".into(),
        role,
        path: path.to_owned(),
    };
    let outcome = match (engine.load_model(&source), role) {
        (Err(error), _) => error.to_string(),
        (Ok(_), ModelRole::Generate) => {
            let request = InferRequest::raw("many words before a").max_tokens(8);
            let answer = engine.infer(&request);
            answer.map_or_else(|error| error.to_string(), |answer| answer.text)
        }
        (Ok(_), ModelRole::Embed) => {
            format!("{:?}", engine.embed(&EmbedRequest::new(["a"])).is_ok())
        }
    };
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let highest = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = highest
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    println!("peak={} said={outcome:.200}", kilobytes * 1024);
}

struct Case {
    name: &'static str,
    /// File names and contents. One file is a language model, two are an embedder's.
    files: Vec<(&'static str, Vec<u8>)>,
    /// A part of what came of it.
    says: &'static str,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut language = |name, file: File, says| {
        cases.push(Case {
            name,
            files: vec![("m.gguf", file.bytes())],
            says,
        });
    };
    let bytes = vec![0; 16 << 20];
    language(
        "a list of bytes",
        File::good().with("x.note", Value::list(0, 16 << 20, &bytes)),
        "😸!",
    );
    language(
        "a list of empty texts",
        File::good().with("x.note", Value::list(8, 2 << 20, &bytes)),
        "😸!",
    );
    language(
        "a list of empty lists",
        File::good().with("x.note", Value::list(9, 1 << 20, &[0; 12].repeat(1 << 20))),
        "😸!",
    );
    language(
        "an endless context",
        File::of_size(512, 1, 32, 1 << 20),
        "😸!",
    );
    let mut many_keys = File::good();
    many_keys
        .metadata
        .extend((0..60_000).map(|i| (format!("{i}"), Value::bool(1))));
    language("many keys", many_keys.clone(), "😸!");
    many_keys
        .metadata
        .extend((60_000..600_000).map(|i| (format!("{i}"), Value::bool(1))));
    language("too many keys", many_keys, "metadata keys, at most");
    let with = |width: u64, gate: u32, up: u32, down: u32| {
        let mut file = File::of_size(64, 4, 32, 64)
            .with("llama.feed_forward_length", Value::u32(width as u32));
        for (name, dims, kind) in [
            ("ffn_gate", [64, width], gate),
            ("ffn_up", [64, width], up),
            ("ffn_down", [width, 64], down),
        ] {
            let name = format!("blk.0.{name}.weight");
            *file.tensor(&name) = zeros(&name, &dims, kind);
        }
        file
    };
    language("halves", with(40_000, 1, 1, 1), "😸!");
    language("mixed formats", with(100_000, 3, 8, 3), "😸!");
    language("a wide layer of few bits", with(160_000, 3, 3, 3), "😸!");
    for (name, kind, merges, says) in [
        ("many tokens and merges", 1, true, "😸!"),
        ("many control tokens", 3, false, "😸!"),
        (
            "more tokens than any model",
            1,
            false,
            "at most 524288 are read",
        ),
    ] {
        let count: u32 = if says.starts_with("at most") {
            600_000
        } else {
            300_000
        };
        let mut file = File::of_size(64, 4, 32, 64);
        let mut tokens: Vec<String> = (0..=255).map(|b| tiny::stand_in(b).to_string()).collect();
        tokens.extend((256..288).map(|i| format!("<{i}>")));
        let letters: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
        let word = |mut i: u32, len: usize| -> String {
            (0..len)
                .map(|_| {
                    let c = letters[i as usize % letters.len()];
                    i /= letters.len() as u32;
                    c
                })
                .collect()
        };
        // Pairs of letters, then four letters of two pairs each, so that all can be merged.
        let pairs = (0..62 * 62).map(|i| word(i, 2));
        let fours = (0..count - 288 - 62 * 62).map(|i| word(i, 4));
        let made: Vec<String> = pairs.chain(fours).collect();
        if merges {
            let merges: Vec<String> = made
                .iter()
                .map(|t| {
                    let (a, b) = t.split_at(t.len() / 2);
                    format!("{a} {b}")
                })
                .collect();
            file = file.with("tokenizer.ggml.merges", Value::texts(&merges));
        }
        tokens.extend(made);
        let kinds: Vec<i32> = (0..count as i32)
            .map(|i| {
                if i < 256 {
                    1
                } else if i < 288 {
                    3
                } else {
                    kind
                }
            })
            .collect();
        file = file
            .with("tokenizer.ggml.tokens", Value::texts(&tokens))
            .with("tokenizer.ggml.token_type", Value::i32s(&kinds));
        for (name, old) in [("token_embd.weight", 288 * 64), ("output.weight", 288 * 64)] {
            let tensor = file.tensor(name);
            assert_eq!(tensor.data.len(), old * 4);
            // As few bits as a file can have: what is left of the table does not matter here.
            *tensor = zeros(name, &[64, u64::from(count)], 3);
        }
        language(name, file, if kind == 3 || merges { "" } else { says });
    }

    let words = |rows: usize| {
        let data = rows * 384 * 4;
        let header = format!(
            r#"{{"embeddings.word_embeddings.weight":{{"dtype":"F32","shape":[{rows},384],"data_offsets":[0,{data}]}}}}"#
        );
        [
            &(header.len() as u64).to_le_bytes()[..],
            header.as_bytes(),
            &vec![0; data],
        ]
        .concat()
    };
    let tokenizer = |vocabulary: &str, more: &str| {
        format!(
            r#"{{"normalizer":{{"type":"BertNormalizer"}},"pre_tokenizer":{{"type":"BertPreTokenizer"}},{more}"model":{{"type":"WordPiece",
            "unk_token":"a","continuing_subword_prefix":"","max_input_chars_per_word":100,"vocab":{{{vocabulary}}}}}}}"#
        )
        .into_bytes()
    };
    let vocabulary = |count: usize| {
        let tokens: Vec<String> = (0..count).map(|i| format!("\"{i}\":{i}")).collect();
        tokens.join(",")
    };
    let small = r#""a":0,"[CLS]":1,"[SEP]":2"#;
    let mut embedder = |name, weights: Vec<u8>, tokenizer: Vec<u8>, says| {
        cases.push(Case {
            name,
            files: vec![
                ("model.safetensors", weights),
                ("tokenizer.json", tokenizer),
            ],
            says,
        });
    };
    embedder(
        "a vocabulary without rows",
        words(3),
        tokenizer(&vocabulary(400_000), ""),
        "has id",
    );
    embedder(
        "an endless vocabulary",
        words(3),
        tokenizer(&vocabulary(900_000), ""),
        "more than 524288 tokens",
    );
    embedder(
        "a token of any length",
        words(3),
        tokenizer(&format!(r#"{small},"{}":0"#, "x".repeat(16 << 20)), ""),
        "longer than 1024 bytes",
    );
    let added = format!(
        r#""added_tokens":[{}],"#,
        vec![r#"{"id":0,"content":"a"}"#; 500_000].join(",")
    );
    embedder(
        "many added tokens",
        words(3),
        tokenizer(small, &added),
        "embeddings.position_embeddings.weight",
    );
    let ids = format!(
        r#""post_processor":{{"special_tokens":{{"a":{{"ids":[{}]}}}}}},"#,
        vec!["0"; 4 << 20].join(",")
    );
    embedder(
        "many ids of one token",
        words(3),
        tokenizer(small, &ids),
        "embeddings.position_embeddings.weight",
    );
    let unknown = format!(r#""decoder":[{}],"#, vec!["{}"; 4 << 20].join(","));
    embedder(
        "much of what nobody reads",
        words(3),
        tokenizer(small, &unknown),
        "embeddings.position_embeddings.weight",
    );
    let tensors: Vec<String> = (0..15_000)
        .map(|i| format!(r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#))
        .collect();
    let header = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    embedder(
        "many tensors",
        header(&format!("{{{}}}", tensors.join(","))),
        tokenizer(small, ""),
        "word_embeddings",
    );
    embedder(
        "a long shape",
        header(&format!(
            r#"{{"a":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}}}"#,
            "1,".repeat(500_000)
        )),
        tokenizer(small, ""),
        "safetensors",
    );
    embedder(
        "a long header",
        header(&" ".repeat(16 << 20)),
        tokenizer(small, ""),
        "its header says",
    );
    cases
}

#[test]
fn memory_follows_the_file_and_not_what_it_says() {
    if let Some(path) = std::env::var_os(LOADS) {
        return load_and_tell(Path::new(&path));
    }
    let mut wrong = Vec::new();
    for Case { name, files, says } in cases() {
        let folder = tempfile::tempdir().unwrap();
        let mut size = 0;
        for (file, bytes) in &files {
            size += bytes.len() as u64;
            std::fs::write(folder.path().join(file), bytes).unwrap();
        }
        let path = match files.len() {
            1 => folder.path().join(files[0].0),
            _ => folder.path().to_owned(),
        };
        drop(files);
        let begun = std::time::Instant::now();
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "memory_follows_the_file_and_not_what_it_says",
                "--nocapture",
            ])
            .env(LOADS, &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{name}: {said} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let (_, told) = said
            .split_once("peak=")
            .unwrap_or_else(|| panic!("{name}: {said}"));
        let peak: u64 = told.split(' ').next().unwrap().parse().unwrap();
        println!(
            "{name:28} {:>6.1} MB in files, {:>6.1} MB at most, {:?}: {}",
            size as f64 / MB as f64,
            peak as f64 / MB as f64,
            begun.elapsed(),
            told.lines().next().unwrap_or_default(),
        );
        if !told.contains(says) {
            wrong.push(format!("{name}: {told}"));
        }
        if peak > 4 * size + 100 * MB {
            wrong.push(format!("{name}: {peak} bytes for {size}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
