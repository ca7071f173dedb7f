//! The figures of an independent float64 computation, see `docs/formats/golden-logits.md`. Fetches the models if need be.
#![allow(clippy::unwrap_used, missing_docs)]

mod models;

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::{BlockingEngine, ChatTurn, EmbedRequest, Finish, InferRequest, Prompt};
use serde::Deserialize;

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
