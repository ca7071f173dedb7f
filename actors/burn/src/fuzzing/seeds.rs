//! The model files among the seeds of `gguf`: how each is made, and what it stands for.
//!
//! `AIOS_WRITE_SEEDS=1 cargo test -p aios-burn seeds` writes them anew.

use std::path::Path;

use serde_json::json;

use super::tiny::folder::Published;
use super::tiny::{END, File, Value, plain, zeros};
use super::{answered, answered_from_folder};
use crate::error::LoadError;

/// What becomes of a file.
enum Fate {
    /// It is read, and behind the letter `a` comes this token.
    Read(u32),
    /// It is refused, in these words.
    Refused(&'static str),
}

use Fate::{Read, Refused};

const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// What the table of the tiny files says of the letter `a`, and what it says where the embedding is the output matrix too.
const NEXT: u32 = 0xF0;
const ITSELF: u32 = b'a' as u32;

/// Files that differ from the good one in what their name says, and in nothing else.
fn files() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let model = File::small;
    let with = |key: &str, value: Value| model().with(key, value).bytes();
    let twice = |key: &str, value: Value| {
        let mut file = model();
        file.metadata.push((key.to_owned(), value));
        file.bytes()
    };
    let tensors = |change: &dyn Fn(&mut File)| {
        let mut file = model();
        change(&mut file);
        file.bytes()
    };
    let whole = model().bytes();
    // A letter among the control tokens.
    let is_control = |id| id > 255 || id == i32::from(b'A');
    let kinds: Vec<i32> = (0..288)
        .map(|id| if is_control(id) { 3 } else { 1 })
        .collect();
    vec![
        ("model", whole.clone(), Read(NEXT)),
        (
            "model_version_2",
            tensors(&|file| file.version = 2),
            Read(NEXT),
        ),
        (
            "model_q4_template",
            tensors(&|file| {
                for tensor in &mut file.tensors {
                    if tensor.name.starts_with("blk.") && tensor.dims.len() > 1 {
                        *tensor = zeros(&tensor.name, &tensor.dims, 3);
                    }
                }
                *file = file.clone().template(CHATML);
            }),
            Read(NEXT),
        ),
        (
            "output_from_the_embedding",
            tensors(&|file| file.tensors.retain(|tensor| tensor.name != "output.weight")),
            Read(ITSELF),
        ),
        (
            "context_of_a_million",
            with("llama.context_length", Value::u32(1 << 20)),
            Read(NEXT),
        ),
        ("every_kind", every_kind().bytes(), Read(NEXT)),
        (
            "long_list",
            with("x.note", Value::list(0, 4096, &[0; 4096])),
            Read(NEXT),
        ),
        (
            "lists_in_lists",
            with("x.note", lists(&[(8, 1, "x"), (0, 3, "abc")])),
            Read(NEXT),
        ),
        (
            "metadata_alone",
            tensors(&|file| file.tensors.clear()),
            Refused("tensor \"token_embd.weight\" is missing"),
        ),
        (
            "cut",
            whole[..whole.len() - 1].to_vec(),
            Refused("the file ends early, in tensor \"blk.0.ffn_down.weight\""),
        ),
        (
            "cut_in_the_metadata",
            whole[..400].to_vec(),
            Refused("the file ends early, in metadata \"tokenizer.ggml.pre\""),
        ),
        (
            "context_above_a_million",
            with("llama.context_length", Value::u32((1 << 20) + 1)),
            Refused("the model's size is 1048577 tokens and 1 layers"),
        ),
        (
            "key_twice",
            twice("llama.context_length", Value::u32(16)),
            Refused("metadata \"llama.context_length\" comes twice"),
        ),
        (
            "tensor_twice",
            tensors(&|file| file.tensors.push(file.tensors[1].clone())),
            Refused("tensor \"output_norm.weight\" occurs twice"),
        ),
        (
            "tensors_overlap",
            tensors(&|file| file.tensor("output_norm.weight").offset = Some(0)),
            Refused("tensors \"output_norm.weight\" and \"token_embd.weight\" share bytes"),
        ),
        (
            "tensor_unaligned",
            tensors(&|file| file.tensor("output_norm.weight").offset = Some(4)),
            Refused("tensor \"output_norm.weight\" lies at offset 4, no multiple"),
        ),
        (
            "tensor_nobody_uses",
            tensors(&|file| {
                file.tensors
                    .push(plain("output_norm.bias", &[32], &[0.0; 32]))
            }),
            Refused("tensor \"output_norm.bias\" is not used by this model"),
        ),
        (
            "weight_without_end",
            tensors(&|file| {
                let endless = half::f16::INFINITY.to_le_bytes();
                file.tensor("output.weight").data[..2].copy_from_slice(&endless);
            }),
            Refused("tensor \"output.weight\" holds a number that is not finite"),
        ),
        (
            "end_beyond_the_vocabulary",
            with("tokenizer.ggml.eos_token_id", Value::u32(END + 30)),
            Refused("metadata \"tokenizer.ggml.eos_token_id\" is missing or not the id"),
        ),
        (
            "byte_without_token",
            with("tokenizer.ggml.token_type", Value::i32s(&kinds)),
            Refused("tokenizer: no token for the byte 0x41"),
        ),
        (
            "merge_of_one",
            with("tokenizer.ggml.merges", Value::texts(&["ab"])),
            Refused("tokenizer: merge \"ab\" is not two tokens"),
        ),
        (
            "template_unclosed",
            model().template("{% for m in messages %}").bytes(),
            Refused("chat template: "),
        ),
    ]
}

/// A key for each kind of value, at the edges of what it holds.
fn every_kind() -> File {
    let values: [(u32, &[u8]); 11] = [
        (0, &[1]),
        (1, &[0xff]),
        (2, &[1, 2]),
        (3, &[1, 2]),
        (4, &[1, 0, 0, 0]),
        (5, &[0xff; 4]),
        (6, &f32::INFINITY.to_le_bytes()),
        (7, &[1]),
        (10, &[0xff; 8]),
        (11, &[0xff; 8]),
        (12, &[0; 8]),
    ];
    let mut file = File::small()
        .with("x.8", Value::text("t"))
        .with("x.9", Value::list(7, 2, &[0, 1]));
    for (kind, bytes) in values {
        file = file.with(&format!("x.{kind}"), Value(kind, bytes.to_vec()));
    }
    file
}

/// A list of lists; texts are counted, bytes stand alone.
fn lists(inner: &[(u32, u64, &str)]) -> Value {
    let mut items = Vec::new();
    for (kind, count, content) in inner {
        items.extend(kind.to_le_bytes());
        items.extend(count.to_le_bytes());
        if *kind == 8 {
            items.extend((content.len() as u64).to_le_bytes());
        }
        items.extend(content.as_bytes());
    }
    Value::list(9, inner.len() as u64, &items)
}

/// Folders that differ from the good one in what their name says, their parts as the target takes them.
fn folders() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let mut file = File::of_size(32, 2, 32, 16);
    // The embedding is the output matrix too, in half of the bytes.
    file.tensors.retain(|tensor| tensor.name != "output.weight");
    for tensor in file.tensors.iter_mut().filter(|t| t.dims.len() > 1) {
        let values = tensor.data.as_chunks::<4>().0.iter();
        let halves = values.map(|v| half::f16::from_f32(f32::from_le_bytes(*v)));
        (tensor.kind, tensor.data) = (1, halves.flat_map(half::f16::to_le_bytes).collect());
    }
    let good = Published::of(&file);
    let one = "model-00001-of-00001.safetensors";
    let written = |of: &Published, index: Option<serde_json::Value>| {
        let (_, files) = of.files(1);
        let index = index.map(|index| index.to_string()).unwrap_or_default();
        let parts = [
            of.config.to_string(),
            of.tokenizer.to_string(),
            of.tokenizer_config.to_string(),
            index,
        ];
        let small: Vec<u8> = parts
            .iter()
            .flat_map(|part| [part.as_bytes(), b"\0"].concat())
            .collect();
        [small, files[0].1.clone()].concat()
    };
    let listed = |name: &str| {
        let tensors = good
            .tensors
            .iter()
            .map(|(tensor, ..)| (tensor.clone(), json!(name)));
        json!({"metadata": {"total_size": 0}, "weight_map": tensors.collect::<serde_json::Map<_, _>>()})
    };
    let spoilt = |change: &dyn Fn(&mut Published)| {
        let mut other = good.clone();
        change(&mut other);
        written(&other, None)
    };
    let mut twice = listed(one);
    twice["weight_map"]["model.norm.weight"] = json!("other.safetensors");
    vec![
        ("one_file", written(&good, None), Read(ITSELF)),
        (
            "a_list_of_one_file",
            written(&good, Some(listed(one))),
            Read(ITSELF),
        ),
        (
            "turns_of_llama_3",
            spoilt(&|of| {
                of.config["rope_scaling"] = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": 8});
            }),
            Read(ITSELF),
        ),
        (
            "a_list_that_leads_out",
            written(&good, Some(listed("../model.safetensors"))),
            Refused("it names the file \"../model.safetensors\"; only files of this folder"),
        ),
        (
            "a_tensor_in_another_file",
            written(&good, Some(twice)),
            Refused("which model.safetensors.index.json says is in"),
        ),
        (
            "weights_of_eight_bits",
            spoilt(&|of| {
                let tensor = &mut of.tensors[0];
                (tensor.1, tensor.2[1]) = ("I8", 64);
            }),
            Refused("is stored as I8; F32, F16 and BF16 are read"),
        ),
    ]
}

#[test]
fn each_model_among_the_seeds_is_made_here_and_meets_the_fate_of_its_name() {
    meet("gguf", files(), answered);
    meet("model_folder", folders(), answered_from_folder);
}

fn meet(
    target: &str,
    made: Vec<(&str, Vec<u8>, Fate)>,
    answered: fn(&[u8], u32) -> Result<Vec<f32>, LoadError>,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fuzz/seeds")
        .join(target);
    let again = "AIOS_WRITE_SEEDS=1 cargo test -p aios-burn seeds";
    for (name, bytes, fate) in made {
        let path = folder.join(name);
        if std::env::var_os("AIOS_WRITE_SEEDS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}; {again}"));
        assert!(
            kept == bytes,
            "{name} is not the file that is made here; {again}"
        );
        match (fate, answered(&kept, ITSELF)) {
            (Read(next), Ok(scores)) => {
                let best = (0..).zip(&scores).max_by(|a, b| a.1.total_cmp(b.1));
                assert_eq!(best.map(|(id, _)| id), Some(next), "{name}");
            }
            (Refused(says), Err(error)) => {
                let error = error.to_string();
                assert!(error.contains(says), "{name}: {error}");
            }
            (Read(_), Err(error)) => panic!("{name} is good, and yet: {error}"),
            (Refused(says), Ok(_)) => panic!("{name} was read; wanted: {says}"),
        }
    }
}
