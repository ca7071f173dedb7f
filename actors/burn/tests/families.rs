//! Each family and each format against figures of an independent float64 computation, see `docs/formats/golden-logits.md`.
//!
//! `AIOS_WRITE_MODELS=FOLDER cargo test -p aios-burn --test families` writes the models that the reference reads.
// How far each model is off is told to whoever asks with --nocapture.
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, missing_docs)]

mod made;
mod tiny;

use std::path::Path;

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::{BlockingEngine, EngineError, InferRequest, ModelRole, ModelSource};
use serde::Deserialize;
use serde_json::json;

use crate::made::{FAMILIES, FORMATS, model};
use crate::tiny::folder::Published;
use crate::tiny::{File, plain};

/// How far logits may be from the exact ones, with activations as they are and at sixteen bits.
const TOLERANCES: [(bool, f32); 2] = [(true, 1e-3), (false, 1e-2)];

#[derive(Deserialize)]
struct Case {
    model: String,
    prompt: String,
    prompt_ids: Vec<u32>,
    top_logits: Vec<(u32, f32)>,
}

/// Every family in full precision and in mixed formats of one, and the first family in every format.
fn models() -> Vec<(String, File)> {
    let mut models = Vec::new();
    for (kind, format, ..) in FORMATS {
        for family in FAMILIES {
            if family == "llama" || format == "F32" || format == "Q4_K" {
                models.push((format!("{family}-{format}"), model(family, kind)));
            }
        }
    }
    models
}

fn load(folder: &Path, file: &File, exact: bool) -> BurnEngine {
    let path = folder.join("model.gguf");
    std::fs::write(&path, file.bytes()).unwrap();
    load_from(&path, exact)
}

fn load_from(path: &Path, exact: bool) -> BurnEngine {
    try_from(path, exact).unwrap()
}

fn try_from(path: &Path, exact: bool) -> Result<BurnEngine, EngineError> {
    let mut engine = BurnEngine::new(BurnConfig {
        device: DeviceChoice::Cpu,
        threads: Some(1),
    })
    .unwrap();
    if exact {
        engine = engine.exact();
    }
    engine.load_model(&ModelSource {
        name: "made".into(),
        role: ModelRole::Generate,
        path: path.to_owned(),
    })?;
    Ok(engine)
}

#[test]
fn each_family_and_each_format_is_computed_faithfully() {
    if let Some(folder) = std::env::var_os("AIOS_WRITE_MODELS") {
        for (name, file) in models() {
            let path = Path::new(&folder).join(format!("{name}.gguf"));
            std::fs::write(path, file.bytes()).unwrap();
        }
        return;
    }
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden/families.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut found = 0;
    let each = models()
        .into_iter()
        .flat_map(|model| TOLERANCES.map(|how| (model.clone(), how)));
    for ((name, file), (exact, most)) in each {
        let mut engine = load(folder.path(), &file, exact);
        let mut apart = 0.0f32;
        for case in cases.iter().filter(|case| case.model == name) {
            found += 1;
            let mut request = InferRequest::raw(&case.prompt).max_tokens(1);
            request.top_logits = 20;
            let answer = engine.infer(&request).unwrap();
            assert_eq!(answer.prompt_ids, case.prompt_ids, "{name}");
            for ((id, logit), (wanted_id, wanted)) in answer.top_logits.iter().zip(&case.top_logits)
            {
                let exact = case.top_logits.iter().find(|(other, _)| other == id);
                let exact = exact.map_or(*wanted, |(_, exact)| *exact);
                apart = apart.max((logit - exact).abs());
                assert!(
                    (logit - exact).abs() < most && (logit - wanted).abs() < most,
                    "{name}: {id} has {logit}, exactly {exact}; {wanted_id} has {wanted}"
                );
            }
        }
        println!("{name:12} exact {exact:5}: off by {apart:.5}");
    }
    assert_eq!((found, cases.len()), (2 * cases.len(), 2 * models().len()));
}

/// What the factors of this way of turning are, as its authors write it: by the length of each pair's wave.
fn factors_of_llama_3(
    dim: u64,
    base: f64,
    factor: f64,
    low: f64,
    high: f64,
    context: f64,
) -> Vec<f32> {
    let pairs = (0..dim).step_by(2);
    let factor_of = |pair: u64| {
        let wave = std::f64::consts::TAU * base.powf(pair as f64 / dim as f64);
        if wave < context / high {
            1.0
        } else if wave > context / low {
            factor
        } else {
            let smooth = (context / wave - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    pairs.map(|pair| factor_of(pair) as f32).collect()
}

/// The same weights in one file and dealt to three, in each format that is published: the same tokens, the same scores to the last bit.
#[test]
fn a_folder_of_safetensors_says_what_the_same_model_says_in_one_file() {
    let place = tempfile::tempdir().unwrap();
    let kinds = |family: &str| match family {
        "llama" => vec![0, 1, 30],
        _ => vec![0],
    };
    for (family, kind) in FAMILIES
        .iter()
        .flat_map(|family| kinds(family).into_iter().map(move |kind| (*family, kind)))
    {
        let mut file = model(family, kind);
        let mut published = Published::of(&file);
        if family == "llama3" {
            let factors = factors_of_llama_3(64, 1e4, 8.0, 1.0, 4.0, 64.0);
            assert!(
                factors.iter().any(|f| *f > 1.0 && *f < 8.0),
                "some lie between"
            );
            *file.tensor("rope_freqs.weight") = plain("rope_freqs.weight", &[32], &factors);
            published.config["rope_scaling"] = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 64});
        }
        let mut one = load(place.path(), &file, true);
        for count in [1, 3] {
            let folder = place.path().join(format!("{family}-{kind}-{count}"));
            std::fs::create_dir(&folder).unwrap();
            published.write(&folder, count);
            let mut other = load_from(&folder, true);
            for prompt in [
                "the 123 caf\u{e9} in the other's\n\nplace",
                "<|im_start|>user<bos> the <think>",
            ] {
                let mut request = InferRequest::raw(prompt).max_tokens(2);
                request.top_logits = 20;
                let [one, other] =
                    [&mut one, &mut other].map(|engine| engine.infer(&request).unwrap());
                assert_eq!(other.prompt_ids, one.prompt_ids, "{family} {prompt:?}");
                assert_eq!(other.top_logits, one.top_logits, "{family} {prompt:?}");
                assert_eq!(other.ids, one.ids, "{family} {prompt:?}");
            }
        }
    }
}

/// A name, what is done to a folder of files, and what is said of it.
type Spoilt<'a> = (&'a str, &'a dyn Fn(&Path), &'a str);
/// Spoils a model before it is written.
type Change = fn(&mut Published);

#[test]
fn a_folder_that_contradicts_itself_is_refused_by_name() {
    let list = "model.safetensors.index.json";
    let second = "model-00002-of-00003.safetensors";
    let listed = |folder: &Path, change: &dyn Fn(&mut serde_json::Value)| {
        let path = folder.join("model.safetensors.index.json");
        let mut index = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut index);
        std::fs::write(path, index.to_string()).unwrap();
    };
    let files: [Spoilt<'_>; 15] = [
        ("nothing", &|_| {}, ""),
        (
            "a file is gone",
            &|f| std::fs::remove_file(f.join(second)).unwrap(),
            "model-00002-of-00003.safetensors",
        ),
        (
            "a file is a folder",
            &|f| {
                std::fs::remove_file(f.join(second)).unwrap();
                std::fs::create_dir(f.join(second)).unwrap();
            },
            "it is no regular file",
        ),
        (
            "a file is cut",
            &|f| {
                let bytes = std::fs::read(f.join(second)).unwrap();
                std::fs::write(f.join(second), &bytes[..bytes.len() - 1]).unwrap();
            },
            "model-00002-of-00003.safetensors: safetensors: its tensors have",
        ),
        (
            "a file is longer",
            &|f| {
                let mut bytes = std::fs::read(f.join(second)).unwrap();
                bytes.push(0);
                std::fs::write(f.join(second), bytes).unwrap();
            },
            "its tensors have",
        ),
        (
            "a header beyond its file",
            &|f| std::fs::write(f.join(second), (1u64 << 19).to_le_bytes()).unwrap(),
            "ends within its header",
        ),
        (
            "a header beyond all",
            &|f| std::fs::write(f.join(second), [0xff; 16]).unwrap(),
            "its header says",
        ),
        (
            "two files are one",
            &|f| {
                std::fs::copy(f.join("model-00001-of-00003.safetensors"), f.join(second)).unwrap();
            },
            "says is in model-00001-of-00003.safetensors",
        ),
        (
            "a list that leads out",
            &|f| {
                listed(f, &|i| {
                    i["weight_map"]["model.norm.weight"] = json!("../x.safetensors")
                })
            },
            "only files of this folder",
        ),
        (
            "a list that leads away",
            &|f| {
                listed(f, &|i| {
                    i["weight_map"]["model.norm.weight"] = json!("/etc/passwd")
                })
            },
            "only files of this folder",
        ),
        (
            "a list of what is nowhere",
            &|f| listed(f, &|i| i["weight_map"]["ghost"] = json!(second)),
            "it lists \"ghost\", which its file does not hold",
        ),
        (
            "a list with a gap",
            &|f| {
                listed(f, &|i| {
                    i["weight_map"]
                        .as_object_mut()
                        .unwrap()
                        .remove("model.norm.weight");
                })
            },
            "it holds \"model.norm.weight\", which model.safetensors.index.json does not list",
        ),
        (
            "an empty list",
            &|f| listed(f, &|i| i["weight_map"] = json!({})),
            "it names 0 files",
        ),
        (
            "a name twice",
            &|f| {
                std::fs::write(
                    f.join(list),
                    r#"{"weight_map": {"a": "b.safetensors", "a": "c.safetensors"}}"#,
                )
                .unwrap()
            },
            "\"a\" comes twice",
        ),
        (
            "a list that is none",
            &|f| std::fs::write(f.join(list), "[".repeat(100_000)).unwrap(),
            list,
        ),
    ];
    let good = Published::of(&File::good());
    let place = tempfile::tempdir().unwrap();
    let refused = |name: &str, path: &Path, says: &str| match (try_from(path, false), says) {
        (Ok(_), "") => {}
        (Ok(_), _) => panic!("{name}: it was loaded"),
        (Err(error), "") => panic!("{name}: {error}"),
        (Err(error), says) => assert!(error.to_string().contains(says), "{name}: {error}"),
    };
    for (number, (name, spoil, says)) in files.into_iter().enumerate() {
        let folder = place.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        good.write(&folder, 3);
        spoil(&folder);
        refused(name, &folder, says);
    }
    // Any file of it is the whole of it.
    let folder = place.path().join("0");
    refused("its list", &folder.join(list), "");
    refused("one of its files", &folder.join(second), "");

    let parts: [(&str, Change, &str); 27] = [
        (
            "another family",
            |m| m.config["model_type"] = json!("mamba"),
            "architecture \"mamba\" is not supported",
        ),
        (
            "pictures",
            |m| m.config["model_type"] = json!("gemma3"),
            "texts and pictures",
        ),
        (
            "no width",
            |m| m.config["hidden_size"] = json!(null),
            "config.json: hidden_size is missing",
        ),
        (
            "a width of words",
            |m| m.config["hidden_size"] = json!("64"),
            "config.json",
        ),
        (
            "another width",
            |m| m.config["hidden_size"] = json!(128),
            "has shape",
        ),
        (
            "another vocabulary",
            |m| m.config["vocab_size"] = json!(7),
            "vocab_size",
        ),
        (
            "quantised",
            |m| m.config["quantization_config"] = json!({"quant_method": "gptq"}),
            "quantization_config",
        ),
        (
            "another gate",
            |m| m.config["hidden_act"] = json!("relu"),
            "hidden_act is \"relu\"; silu is computed",
        ),
        (
            "another turn",
            |m| m.config["rope_scaling"] = json!({"rope_type": "yarn", "factor": 4.0}),
            "the rotary scaling \"yarn\"",
        ),
        (
            "a turn without end",
            |m| m.config["rope_theta"] = json!(1e300),
            "llama.rope.freq_base",
        ),
        (
            "a turn by halves",
            |m| m.config["rope_scaling"] = json!({"rope_type": "llama3", "factor": 4.0}),
            "one is missing",
        ),
        (
            "a turn backwards",
            |m| {
                m.config["rope_scaling"] = json!({"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 4.0,
            "high_freq_factor": 1.0, "original_max_position_embeddings": 8})
            },
            "high_freq_factor above low_freq_factor",
        ),
        (
            "no output",
            |m| m.tensors.retain(|t| t.0 != "lm_head.weight"),
            "tensor \"lm_head.weight\" is missing",
        ),
        (
            "no embedding",
            |m| m.tensors.retain(|t| t.0 != "model.embed_tokens.weight"),
            "tensor \"model.embed_tokens.weight\" is missing",
        ),
        (
            "a tensor of nobody",
            |m| m.tensors[1].0 = "model.norm.bias".to_owned(),
            "tensor \"(model.norm.bias)\" is not used",
        ),
        (
            "a name of the other form",
            |m| m.tensors[1].0 = "output_norm.weight".to_owned(),
            "tensor \"(output_norm.weight)\" is not used",
        ),
        (
            "bytes for numbers",
            |m| m.tensors[1].1 = "U32",
            "is stored as U32; F32, F16 and BF16 are read",
        ),
        (
            "another tokenizer",
            |m| m.tokenizer["model"]["type"] = json!("Unigram"),
            "BPE is read",
        ),
        (
            "another cut",
            |m| m.tokenizer["pre_tokenizer"]["pretokenizers"][0] = json!({"type": "Metaspace"}),
            "cut in a way that is not known",
        ),
        (
            "another rule",
            |m| {
                m.tokenizer["pre_tokenizer"]["pretokenizers"][0] = json!({"type": "Split", "pattern": {"Regex": "(a+)+b"},
            "behavior": "Isolated", "invert": false})
            },
            "tokenizer.json",
        ),
        (
            "texts are rewritten",
            |m| m.tokenizer["normalizer"] = json!({"type": "Lowercase"}),
            "rewritten in a way that is not known",
        ),
        (
            "a merge of one",
            |m| m.tokenizer["model"]["merges"] = json!(["ab"]),
            "merge 0 is not two tokens",
        ),
        (
            "a token beyond",
            |m| m.tokenizer["model"]["vocab"]["far"] = json!(100_000),
            "has id 100000, but the model knows 288",
        ),
        (
            "an id twice",
            |m| m.tokenizer["model"]["vocab"]["far"] = json!(65),
            "both have id 65",
        ),
        (
            "no end",
            |m| m.config["eos_token_id"] = json!(null),
            "nothing says which token ends an answer",
        ),
        (
            "an end beyond",
            |m| m.config["eos_token_id"] = json!(5_000),
            "tokenizer.ggml.eos_token_id",
        ),
        (
            "a template that is none",
            |m| m.tokenizer_config["chat_template"] = json!(7),
            "chat_template is neither",
        ),
    ];
    for (number, (name, change, says)) in parts.into_iter().enumerate() {
        let folder = place.path().join(format!("part-{number}"));
        std::fs::create_dir(&folder).unwrap();
        let mut model = good.clone();
        change(&mut model);
        model.write(&folder, 1);
        refused(name, &folder, says);
    }
}
