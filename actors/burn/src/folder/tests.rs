//! What stands between the lines of a published model: names, ends, pieces.

use serde_json::{Value, json};

use super::config::Config;
use super::tokens::Tokens;
use crate::error::LoadError;
use crate::gguf::{Assembly, Gguf, Kept};

fn config(more: Value) -> Config {
    let mut all = json!({"model_type": "llama", "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 4, "max_position_embeddings": 16, "rms_norm_eps": 1e-6, "eos_token_id": [1, 2]});
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    Config::read(all.to_string().as_bytes()).unwrap()
}

/// The vocabulary of pieces that has these merges.
fn pieces(merges: Value, added: Value, said: Value) -> Result<Gguf, LoadError> {
    let tokenizer = json!({
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u{2581}"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}]},
        "pre_tokenizer": null,
        "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>", "merges": merges,
            "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "<0x41>": 3, "a": 4, "b": 5, "ab": 6, "abab": 7, "aba": 8}},
    });
    let tokens = Tokens::read(
        tokenizer.to_string().as_bytes(),
        Some(said.to_string().as_bytes()),
    )?;
    let mut made = Assembly::default();
    tokens.say(11, &config(json!({})), None, &mut made)?;
    made.finish(Kept::default())
}

#[test]
fn the_merges_of_a_vocabulary_of_pieces_are_its_scores() {
    let merges = json!([["a", "b"], ["ab", "ab"], ["aba", "b"], ["ab", "a"]]);
    let added = json!([{"id": 1, "content": "<s>", "special": true}, {"id": 2, "content": "</s>", "special": true},
        {"id": 9, "content": "\n\n", "special": false}]);
    let said = json!({"bos_token": "<s>", "add_bos_token": true, "eos_token": {"content": "</s>"}});
    let file = pieces(merges, added.clone(), said).unwrap();
    let kinds = file.numbers("tokenizer.ggml.token_type", 11).unwrap();
    assert_eq!(kinds, [2, 3, 3, 6, 1, 1, 1, 1, 1, 4, 5]);
    let scores = file.floats("tokenizer.ggml.scores", 11).unwrap();
    assert_eq!(scores[6..9], [0.0, -1.0, -3.0]);
    assert_eq!(
        file.find_flag("tokenizer.ggml.add_space_prefix").unwrap(),
        Some(true)
    );
    assert_eq!(
        file.find_flag("tokenizer.ggml.add_bos_token").unwrap(),
        Some(true)
    );
    // The end that is named, and then those that are listed.
    for (key, id) in [("bos", 1), ("eos", 2), ("eot", 1)] {
        assert_eq!(
            file.size(&format!("tokenizer.ggml.{key}_token_id"))
                .unwrap(),
            id,
            "{key}"
        );
    }
    assert!(file.get("tokenizer.ggml.eom_token_id").is_none());
    let apart = json!([["ab", "ab"], ["ab", "a"], ["aba", "b"]]);
    let error = pieces(apart, added, json!({})).err().unwrap().to_string();
    assert!(error.contains("merges of \"abab\" are apart"), "{error}");
}

#[test]
fn a_tensor_is_known_by_its_published_name_alone() {
    let plain = config(json!({}));
    let gemma = config(json!({"model_type": "gemma3_text", "head_dim": 16}));
    for (name, ours, of_gemma) in [
        (
            "model.embed_tokens.weight",
            "token_embd.weight",
            "token_embd.weight",
        ),
        ("lm_head.weight", "output.weight", ""),
        (
            "model.layers.7.self_attn.q_proj.weight",
            "blk.7.attn_q.weight",
            "blk.7.attn_q.weight",
        ),
        (
            "model.layers.7.self_attn.q_proj.bias",
            "blk.7.attn_q.bias",
            "blk.7.attn_q.bias",
        ),
        (
            "model.layers.7.post_attention_layernorm.weight",
            "blk.7.ffn_norm.weight",
            "blk.7.post_attention_norm.weight",
        ),
        ("model.layers.7.self_attn.rotary_emb.inv_freq", "", ""),
        (
            "token_embd.weight",
            "(token_embd.weight)",
            "(token_embd.weight)",
        ),
        (
            "model.layers.7.mlp.experts.0.up_proj.weight",
            "(model.layers.7.mlp.experts.0.up_proj.weight)",
            "(model.layers.7.mlp.experts.0.up_proj.weight)",
        ),
    ] {
        assert_eq!(plain.tensor(name).unwrap_or_default(), ours, "{name}");
        assert_eq!(gemma.tensor(name).unwrap_or_default(), of_gemma, "{name}");
    }
}

#[test]
fn what_a_configuration_says_in_either_way_is_the_same() {
    let said = |more: Value| {
        let mut made = Assembly::default();
        config(more).say(&mut made).unwrap();
        let file = made.finish(Kept::default()).unwrap();
        let float = |key: &str| file.get(key).map(|_| file.float(key).unwrap());
        (
            float("gemma3.rope.freq_base"),
            float("gemma3.rope.freq_base_swa"),
            float("gemma3.rope.scaling.factor"),
            file.find_size("gemma3.attention.sliding_window_pattern")
                .unwrap(),
        )
    };
    let family = json!({"model_type": "gemma3_text", "head_dim": 16, "sliding_window": 8, "query_pre_attn_scalar": 16});
    let with = |more: Value| {
        let mut all = family.clone();
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        all
    };
    let older = with(
        json!({"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}),
    );
    let newer = with(json!({"rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}));
    let expected = (Some(1e6), Some(1e4), Some(8.0), Some(6));
    assert_eq!(said(older), expected);
    assert_eq!(said(newer), expected);
    let kinds = |of: &[&str]| with(json!({"layer_types": of, "sliding_window_pattern": 2}));
    assert_eq!(
        said(kinds(&["sliding_attention", "full_attention"])).3,
        Some(2)
    );
    let mixed = kinds(&["full_attention", "sliding_attention"]);
    let mut all = json!({"model_type": "gemma3_text"});
    all.as_object_mut()
        .unwrap()
        .extend(mixed.as_object().unwrap().clone());
    let error = Config::read(all.to_string().as_bytes())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("layer 0 is \"full_attention\""), "{error}");
}
