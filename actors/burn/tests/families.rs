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
use aios_inference::{BlockingEngine, InferRequest, ModelRole, ModelSource};
use serde::Deserialize;

use crate::made::{FAMILIES, FORMATS, model};
use crate::tiny::File;

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
    let mut engine = BurnEngine::new(BurnConfig {
        device: DeviceChoice::Cpu,
        threads: Some(1),
    })
    .unwrap();
    if exact {
        engine = engine.exact();
    }
    let loaded = engine.load_model(&ModelSource {
        name: "made".into(),
        role: ModelRole::Generate,
        path,
    });
    loaded.unwrap();
    engine
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
