//! Each instruction set against plain `f64` sums, on every format and on sizes that leave remainders.

use super::*;
use crate::gguf::Format;
use crate::matrix::testing::quantised;

fn instruction_sets() -> Vec<Isa> {
    #[allow(unused_mut)]
    let mut sets = vec![Isa::Portable];
    #[cfg(target_arch = "x86_64")]
    {
        sets.extend(pulp::x86::V3::try_new().map(Isa::Avx2));
        sets.extend(pulp::x86::V4::try_new().map(Isa::Avx512));
    }
    sets
}

fn noise(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| (((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).powi(3))
        .collect()
}

#[test]
fn products_are_the_sums_they_stand_for() {
    for isa in instruction_sets() {
        for threads in [1, 3] {
            for (format, exact) in Format::ALL.iter().flat_map(|f| [(*f, true), (*f, false)]) {
                let mut kernels = Kernels::new(isa, threads).unwrap().exact(exact);
                for (rows, cols, tokens) in [
                    (1, 32_usize, 1),
                    (7, 96, 1),
                    (960, 576, 1),
                    (13, 64, 2),
                    (6, 96, 5),
                    (330, 576, 9),
                    (331, 576, 33),
                    (3, 256, 1),
                    (3, 1536, 1),
                    // More blocks than have their scales taken at once, and some over.
                    (2, 2592, 1),
                    (2, 4352, 1),
                    (5, 512, 7),
                ] {
                    if !cols.is_multiple_of(format.block().0) {
                        continue;
                    }
                    let matrix = quantised(format, rows, cols, 3);
                    let (weights, input) = (matrix.values(), noise(tokens * cols, 5));
                    let mut x = Activations::default();
                    x.resize(tokens, cols).copy_from_slice(&input);
                    x.sum();
                    let mut out = vec![f32::NAN; tokens * rows];
                    kernels.product(&matrix, &x, &mut out);
                    for (place, out) in out.iter().enumerate() {
                        let (token, row) = (place / rows, place % rows);
                        let pairs = weights[row * cols..][..cols]
                            .iter()
                            .zip(&input[token * cols..][..cols]);
                        let (sum, size) = pairs.fold((0.0, 0.0), |(sum, size), (w, x)| {
                            let product = f64::from(*w) * f64::from(*x);
                            (sum + product, size + product.abs())
                        });
                        let apart = (f64::from(*out) - sum).abs();
                        let name = isa.name();
                        // What sixteen bits of the largest activation round off, and signs that happen to agree.
                        let most = if exact { 1e-5 } else { 3e-5 };
                        assert!(
                            apart <= most * size + 1e-6,
                            "{name} {format:?}, exact {exact}, {rows}x{cols}, {tokens} tokens: {out}, {sum}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn attention_weighs_values_by_softmax() {
    let (heads, kv_heads, dim, capacity) = (6, 2, 80, 50);
    let (k, v) = (
        noise(kv_heads * capacity * dim, 1),
        noise(kv_heads * capacity * dim, 2),
    );
    for isa in instruction_sets() {
        for (past, tokens, window) in [
            (0, 1, usize::MAX),
            (0, 4, usize::MAX),
            (30, 1, usize::MAX),
            (20, 30, usize::MAX),
            (20, 30, 7),
        ] {
            let shape = AttentionShape {
                heads,
                kv_heads,
                dim,
                capacity,
                window,
                scale: 0.2,
            };
            let kernels = Kernels::new(isa, 2).unwrap();
            let q = noise(tokens * heads * dim, 3);
            let mut out = vec![f32::NAN; q.len()];
            kernels.attend(&shape, &q, &k, &v, past, &mut out);
            for (place, (q, out)) in q.chunks_exact(dim).zip(out.chunks_exact(dim)).enumerate() {
                let (token, head) = (place / heads, place % heads);
                let first = head / (heads / kv_heads) * capacity * dim;
                let seen = past + token + 1;
                let row = |side: &[f32], at: usize| side[first + at * dim..][..dim].to_vec();
                let score = |at| {
                    let products = q.iter().zip(row(&k, at)).map(|(q, k)| f64::from(q * k));
                    0.2 * products.sum::<f64>()
                };
                let from = seen - seen.min(window);
                let weights: Vec<f64> = (from..seen).map(|at| score(at).exp()).collect();
                let total: f64 = weights.iter().sum();
                for (i, out) in out.iter().enumerate() {
                    let wanted: f64 = (from..seen)
                        .map(|at| weights[at - from] / total * f64::from(row(&v, at)[i]))
                        .sum();
                    assert!(
                        (f64::from(*out) - wanted).abs() < 1e-5,
                        "{} {past}+{token}: {out}, {wanted}",
                        isa.name()
                    );
                }
            }
        }
    }
}
