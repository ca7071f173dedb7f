//! What is held of every model file, whatever bytes it has. Called by the fuzz targets in `tests/fuzz`, and over their kept seeds here.

use std::sync::LazyLock;

use aios_inference::{ChatRole, ChatTurn};

use crate::decoder::{Decoder, Fused, Weights};
use crate::error::LoadError;
use crate::folder::Parts;
use crate::gguf::Gguf;
use crate::kernel::{Isa, Kernels};
use crate::store::Store;
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;
use crate::weights;
use crate::wordpiece::WordPieces;

/// A small file with a vocabulary, for what needs one beside its own input.
const SEED: &[u8] = include_bytes!("../../../tests/fuzz/seeds/gguf/model");
const TEXT: &str = "Revenue rose by 4.5 % in Bremen.<|im_end|>\u{e9}\u{1f638}";

/// Tokens of a text that is embedded.
const LONGEST: usize = 256;
/// Rows of the embedding that the vocabulary is for.
const ROWS: usize = 30_522;

fn worded(error: &LoadError) {
    assert!(!error.to_string().is_empty());
}

/// One thread of the processor's own kernels, started once.
static KERNELS: LazyLock<Kernels> = LazyLock::new(|| match Kernels::new(Isa::Portable, 1) {
    Ok(kernels) => kernels,
    Err(error) => panic!("no thread to compute on: {error}"),
});

static VOCABULARY: LazyLock<Tokenizer> = LazyLock::new(|| {
    let read = Gguf::parse(SEED.to_vec())
        .and_then(|file| Tokenizer::load(&file, Weights::load(&file)?.config.vocabulary));
    match read {
        Ok(tokenizer) => tokenizer,
        Err(error) => panic!("the seed is whole, and yet: {error}"),
    }
});

/// A whole GGUF file: refused by name, or read, its vocabulary used and one token computed.
pub fn gguf(data: &[u8]) {
    if let Err(error) = answered(data, 0) {
        worded(&error);
    }
}

/// A model in a folder: configuration, vocabulary, what is said of the vocabulary, the list of files, each behind a NUL byte, and one file of
/// weights. Refused by name, or read, its vocabulary used and one token computed.
pub fn model_folder(data: &[u8]) {
    if let Err(error) = answered_from_folder(data, 0) {
        worded(&error);
    }
}

/// The scores of what follows a token, read and computed in the engine's order.
fn answered(data: &[u8], token: u32) -> Result<Vec<f32>, LoadError> {
    // No format is denser than 18 bytes for 32 weights, and each tensor has its own.
    computed(Gguf::parse(data.to_vec())?, data.len() as u64 * 2, token)
}

/// The same of a folder.
fn answered_from_folder(data: &[u8], token: u32) -> Result<Vec<f32>, LoadError> {
    let mut parts = data.splitn(5, |byte| *byte == 0).map(<[u8]>::to_vec);
    let mut next = || parts.next().unwrap_or_default();
    let (config, tokenizer) = (next(), next());
    let tokenizer_config = Some(next()).filter(|part| !part.is_empty());
    let index = Some(next()).filter(|part| !part.is_empty());
    let bytes = next();
    let names = Parts::names(index.as_deref())?;
    let weights = names
        .into_iter()
        .map(|name| (name, Store::Memory(bytes.clone())));
    let parts = Parts {
        config,
        tokenizer,
        tokenizer_config,
        template: None,
        // Of many files each would be a copy of the only one.
        weights: weights.take(2).collect(),
        index,
    };
    // As of a GGUF file; angles that stand in no file are computed, half of a head's length.
    computed(parts.model()?, data.len() as u64 * 2 + 2048, token)
}

fn computed(file: Gguf, allowed: u64, token: u32) -> Result<Vec<f32>, LoadError> {
    let weights: u64 = file.formats().iter().map(|(_, weights)| weights).sum();
    assert!(weights <= allowed, "{weights} weights");
    let weights = Weights::load(&file)?;
    let vocabulary = weights.config.vocabulary;
    let tokenizer = Tokenizer::load(&file, vocabulary)?;
    used(&tokenizer);
    ChatTemplate::of_file(&file, &tokenizer)?;

    let mut model = Fused::new(weights, KERNELS.clone(), 1);
    model.reserve(0, 1);
    let mut logits = Vec::new();
    if let Err(error) = model.forward(0, &[token], Some(&mut logits)) {
        panic!("what was read is computed: {error}");
    }
    assert_eq!((logits.len(), model.len(0)), (vocabulary, 1));
    model.wipe(0);
    assert_eq!(model.len(0), 0);
    Ok(logits)
}

fn used(tokenizer: &Tokenizer) {
    assert!((tokenizer.end() as usize) < tokenizer.len());
    if let Ok(ids) = tokenizer.encode(TEXT, &[]) {
        assert!(ids.iter().all(|id| (*id as usize) < tokenizer.len()));
    }
    // Where every word is literal nothing of it is a control token.
    if let Ok(ids) = tokenizer.encode(TEXT, std::slice::from_ref(&(0..TEXT.len()))) {
        let controls = ids.iter().filter(|id| tokenizer.is_control(**id)).count();
        assert!(
            controls <= 1,
            "only what begins every text may be one: {ids:?}"
        );
    }
}

/// A vocabulary as an embedding model brings it, and a model with as many rows as tokens come with BERT.
pub fn tokenizer_file(data: &[u8]) {
    let tokenizer = match WordPieces::parse(data, ROWS) {
        Ok(tokenizer) => tokenizer,
        Err(error) => return worded(&error),
    };
    if let Ok(encoded) = tokenizer.encode(TEXT, LONGEST) {
        assert!(encoded.ids.len() <= LONGEST);
        assert!(encoded.ids.iter().all(|id| (*id as usize) < ROWS));
        assert!(TEXT.get(..encoded.bytes_read).is_some());
    }
}

/// A chat template before a NUL byte, and what a user says behind it: laid out, or refused in words; and whatever the user says, none of
/// it is taken for a control token.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (source, said) = text.split_once('\0').unwrap_or((text, "Hello <|im_end|>"));
    let template = match ChatTemplate::new(Some(source)) {
        Ok(template) => template,
        Err(error) => return worded(&error),
    };
    let turns = [(ChatRole::System, "Be brief."), (ChatRole::User, said)];
    let turns = turns.map(|(role, content)| ChatTurn::new(role, content));
    match template.lay_out(&turns, VOCABULARY.controls()) {
        Ok(layout) => {
            let mut last = 0;
            for range in &layout.literal {
                assert!(last <= range.start && range.end <= layout.text.len());
                assert!(layout.text.get(range.clone()).is_some());
                last = range.end;
            }
            let _ = VOCABULARY.encode(&layout.text, &layout.literal);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Weights of an embedding model.
pub fn safetensors(data: &[u8]) {
    let file = match weights::open(data) {
        Ok(file) => file,
        Err(error) => return worded(&error),
    };
    for (name, view) in file.tensors() {
        let elements: usize = view.shape().iter().product();
        let bits = view.dtype().bitsize() * elements;
        assert_eq!(bits, view.data().len() * 8, "{name}");
        assert!(file.tensor(&name).is_ok());
    }
}

#[cfg(test)]
#[path = "../../../tests/fuzz/src/replay.rs"]
mod replay;

#[cfg(test)]
mod seeds;

#[cfg(test)]
#[path = "../tests/tiny/mod.rs"]
mod tiny;

#[cfg(test)]
mod tests {
    use super::replay::replay;
    use super::*;

    #[test]
    fn every_kept_seed_and_its_mutations_keep_the_rules() {
        replay("gguf", gguf, 3_000);
        replay("tokenizer_file", tokenizer_file, 1_000);
        replay("template", template, 1_000);
        replay("safetensors", safetensors, 3_000);
        replay("model_folder", model_folder, 1_000);
    }
}
