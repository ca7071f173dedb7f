//! Both ways to compute on models of each kind of layer.

use std::collections::BTreeMap;

use super::config::{Turn, Window};
use super::*;
use crate::gguf::Format;
use crate::kernel::{Isa, Kernels};
use crate::matrix::testing::quantised;

pub(super) fn small() -> Config {
    Config {
        layers: 2,
        hidden: 64,
        feed_forward: 96,
        heads: 4,
        kv_heads: 2,
        dim: 16,
        vocabulary: 40,
        context: 64,
        epsilon: 1e-5,
        turn: Turn {
            base: 10_000.0,
            slower: 1.0,
            factors: None,
        },
        window: None,
        embedding_scale: 1.0,
        score_scale: 0.25,
        gate: Gate::Silu,
    }
}

/// A model with every part that any family has.
fn full() -> Config {
    Config {
        dim: 32,
        turn: Turn {
            factors: Some((0..16).map(|i| 1.0 + i as f32 / 4.0).collect()),
            ..small().turn
        },
        window: Some(Window {
            positions: 5,
            every: 2,
            turn: Turn {
                base: 100.0,
                ..small().turn
            },
        }),
        embedding_scale: 8.0,
        score_scale: 0.1,
        gate: Gate::Gelu,
        ..small()
    }
}

fn weights(config: Config, is_full: bool) -> Weights {
    let norm = |len: usize, by: f32| -> Vec<f32> {
        (0..len).map(|i| by + (i % 7) as f32 / 10.0).collect()
    };
    let (heads, all) = (
        config.heads * config.dim,
        (config.heads + 2 * config.kv_heads) * config.dim,
    );
    let layer = |i: usize| Layer {
        attention_norm: norm(64, 1.5),
        qkv: quantised(Format::Q4_1, all, 64, i),
        qkv_bias: is_full.then(|| norm(all, -0.3)),
        head_norms: is_full.then(|| [norm(config.dim, 0.8), norm(config.dim, 0.6)]),
        attention_out: quantised(Format::Q5_0, 64, heads, i + 10),
        attention_out_norm: is_full.then(|| norm(64, 0.5)),
        feed_norm: norm(64, 0.5),
        gate_up: quantised(Format::Bf16, 192, 64, i + 20),
        down: quantised(Format::Q4_0, 64, 96, i + 30),
        down_norm: is_full.then(|| norm(64, 0.4)),
    };
    Weights {
        embedding: quantised(Format::Q8_0, 40, 64, 1),
        layers: (0..config.layers).map(layer).collect(),
        final_norm: vec![1.0; 64],
        output: None,
        config,
    }
}

/// A model without anything special.
#[cfg(feature = "device")]
pub(super) fn plain(config: Config) -> Weights {
    weights(config, false)
}

fn models() -> BTreeMap<&'static str, fn() -> Weights> {
    BTreeMap::from([
        ("plain", (|| weights(small(), false)) as fn() -> Weights),
        ("full", || weights(full(), true)),
    ])
}

/// Logits after each piece of a text, with a step back in between.
fn logits(decoder: &mut dyn Decoder) -> Vec<Vec<f32>> {
    let ids: Vec<u32> = (0..30).map(|i| i * 7 % 40).collect();
    let mut all = Vec::new();
    decoder.reserve(1, 20);
    for (from, to) in [(0, 1), (1, 13), (13, 14), (8, 20), (20, 30)] {
        decoder.truncate(1, from);
        decoder.reserve(1, to);
        let mut logits = Vec::new();
        decoder
            .forward(1, &ids[from..to], Some(&mut logits))
            .unwrap();
        assert_eq!(decoder.len(1), to);
        all.push(logits);
    }
    decoder.wipe(1);
    assert_eq!(decoder.len(1), 0);
    all
}

fn assert_alike(name: &str, found: &[Vec<f32>], wanted: &[Vec<f32>]) {
    let largest = wanted.iter().flatten().fold(0.0f32, |m, v| m.max(v.abs()));
    assert!(largest > 0.1, "the model says something");
    for (step, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        let apart = found
            .iter()
            .zip(wanted)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(
            apart <= 1e-4 * largest,
            "{name}, step {step}: off by {apart}"
        );
    }
}

#[test]
fn fused_kernels_and_tensors_compute_the_same() {
    for (name, model) in models() {
        let fused = |threads| Fused::new(model(), Kernels::new(Isa::detect(), threads).unwrap(), 2);
        let wanted = logits(&mut fused(1));
        assert_alike(
            &format!("{name}, two threads"),
            &logits(&mut fused(2)),
            &wanted,
        );
        #[cfg(feature = "device")]
        assert_alike(
            &format!("{name}, flex"),
            &logits(&mut Tensors::new(model(), burn::tensor::Device::flex(), 2)),
            &wanted,
        );
    }
}

/// Runs on the software adapter of a build machine too; passes over a machine without any adapter.
#[cfg(feature = "device")]
#[test]
fn an_adapter_computes_what_the_processor_does() {
    let Ok(adapter) = crate::device::adapter() else {
        return;
    };
    for (name, model) in models() {
        let kernels = Kernels::new(Isa::detect(), 1).unwrap();
        let wanted = logits(&mut Fused::new(model(), kernels, 2));
        assert_alike(
            &format!("{name}, wgpu"),
            &logits(&mut Tensors::new(model(), adapter.device.clone(), 2)),
            &wanted,
        );
    }
}
