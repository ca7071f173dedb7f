//! Matrix times activations: one token straight from the blocks, many tokens over rows unpacked once.

use super::Kernel;
use super::lanes::Lanes;
use crate::matrix::{Lane2, Matrix, Packed};

/// Rows that the many-token kernel unpacks together.
pub(super) const TILE_ROWS: usize = 4;

/// One token: each weight is read once, so nothing is unpacked to memory.
pub(super) struct One<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) first_row: usize,
    pub(super) x: &'a [Lane2],
    pub(super) sums: &'a [f32],
    /// One place for each row from `first_row`.
    pub(super) out: &'a mut [f32],
}

impl Kernel for One<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let blocks = self.matrix.blocks();
        let rows = self.first_row * blocks..(self.first_row + self.out.len()) * blocks;
        match self.matrix.packed() {
            Packed::F32(values) => {
                for (out, w) in self.out.iter_mut().zip(values[rows].chunks_exact(blocks)) {
                    *out = dot_f32(lanes, w, self.x);
                }
            }
            Packed::Q4_1 { quants, scales } => {
                let rows = quants[rows.clone()]
                    .chunks_exact(blocks)
                    .zip(scales[rows].chunks_exact(blocks));
                for (out, (q, s)) in self.out.iter_mut().zip(rows) {
                    *out = dot_q4_1(lanes, q, s, self.x, self.sums);
                }
            }
            Packed::Q8_0 { quants, scales } => {
                let rows = quants[rows.clone()]
                    .chunks_exact(blocks)
                    .zip(scales[rows].chunks_exact(blocks));
                for (out, (q, s)) in self.out.iter_mut().zip(rows) {
                    *out = dot_q8_0(lanes, q, s, self.x);
                }
            }
        }
    }
}

#[inline(always)]
fn dot_f32<L: Lanes>(l: L, w: &[Lane2], x: &[Lane2]) -> f32 {
    let mut sum = l.splat(0.0);
    for (w, x) in w.iter().zip(x) {
        sum = l.fma(l.load(&w[0]), l.load(&x[0]), sum);
        sum = l.fma(l.load(&w[1]), l.load(&x[1]), sum);
    }
    l.sum(sum)
}

/// `sum over blocks of scale * (q . x) + minimum * sum(x)`.
#[inline(always)]
fn dot_q4_1<L: Lanes>(l: L, q: &[[u8; 16]], s: &[[f32; 2]], x: &[Lane2], sums: &[f32]) -> f32 {
    let mut sum = l.splat(0.0);
    let mut minima = 0.0;
    for (((q, [scale, minimum]), x), block_sum) in q.iter().zip(s).zip(x).zip(sums) {
        let (low, high) = l.nibbles(q);
        let block = l.fma(high, l.load(&x[1]), l.mul(low, l.load(&x[0])));
        sum = l.fma(l.splat(*scale), block, sum);
        minima += minimum * block_sum;
    }
    l.sum(sum) + minima
}

#[inline(always)]
fn dot_q8_0<L: Lanes>(l: L, q: &[[[i8; 16]; 2]], s: &[f32], x: &[Lane2]) -> f32 {
    let mut sum = l.splat(0.0);
    for ((q, scale), x) in q.iter().zip(s).zip(x) {
        let block = l.fma(
            l.bytes(&q[1]),
            l.load(&x[1]),
            l.mul(l.bytes(&q[0]), l.load(&x[0])),
        );
        sum = l.fma(l.splat(*scale), block, sum);
    }
    l.sum(sum)
}

/// Many tokens: a few rows are unpacked into the first-level cache and multiplied with all tokens.
pub(super) struct Many<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) first_row: usize,
    pub(super) x: &'a [Lane2],
    pub(super) tokens: usize,
    /// `[row][token]` from `first_row`.
    pub(super) out: &'a mut [f32],
}

impl Kernel for Many<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        if L::WIDE {
            self.tiles::<L, 4>(lanes)
        } else {
            self.tiles::<L, 2>(lanes)
        }
    }
}

impl Many<'_> {
    /// Walks over tiles of `S` rows by `S` tokens; what is left over goes one by one.
    #[inline(always)]
    fn tiles<L: Lanes, const S: usize>(self, l: L) {
        let blocks = self.matrix.blocks();
        let mut unpacked = vec![[[0.0f32; 16]; 2]; TILE_ROWS * blocks];
        for (tile, out) in self.out.chunks_mut(TILE_ROWS * self.tokens).enumerate() {
            let rows = out.len() / self.tokens;
            let first = self.first_row + tile * TILE_ROWS;
            unpack(
                l,
                self.matrix,
                first * blocks,
                &mut unpacked[..rows * blocks],
            );
            let mut row = 0;
            while row < rows {
                let step = if row + S <= rows { S } else { 1 };
                let mut token = 0;
                while token < self.tokens {
                    let w = &unpacked[row * blocks..];
                    let x = &self.x[token * blocks..];
                    if step == S && token + S <= self.tokens {
                        let sums = tile_sums::<L, S, S>(l, w, x, blocks);
                        for (r, sums) in sums.iter().enumerate() {
                            out[(row + r) * self.tokens + token..][..S].copy_from_slice(sums);
                        }
                        token += S;
                    } else if step == S {
                        for (r, [sum]) in tile_sums::<L, S, 1>(l, w, x, blocks).iter().enumerate() {
                            out[(row + r) * self.tokens + token] = *sum;
                        }
                        token += 1;
                    } else {
                        out[row * self.tokens + token] = dot_f32(l, &w[..blocks], &x[..blocks]);
                        token += 1;
                    }
                }
                row += step;
            }
        }
    }
}

/// Products of `R` rows with `T` tokens.
#[inline(always)]
fn tile_sums<L: Lanes, const R: usize, const T: usize>(
    l: L,
    w: &[Lane2],
    x: &[Lane2],
    blocks: usize,
) -> [[f32; T]; R] {
    let w: [&[Lane2]; R] = std::array::from_fn(|r| &w[r * blocks..][..blocks]);
    let x: [&[Lane2]; T] = std::array::from_fn(|t| &x[t * blocks..][..blocks]);
    let mut sums = [[l.splat(0.0); T]; R];
    for b in 0..blocks {
        for half in 0..2 {
            let x: [L::V; T] = std::array::from_fn(|t| l.load(&x[t][b][half]));
            for r in 0..R {
                let w = l.load(&w[r][b][half]);
                for t in 0..T {
                    sums[r][t] = l.fma(w, x[t], sums[r][t]);
                }
            }
        }
    }
    std::array::from_fn(|r| std::array::from_fn(|t| l.sum(sums[r][t])))
}

/// Exact weights of the blocks from `first`.
#[inline(always)]
fn unpack<L: Lanes>(l: L, matrix: &Matrix, first: usize, out: &mut [Lane2]) {
    let range = first..first + out.len();
    match matrix.packed() {
        Packed::F32(values) => out.copy_from_slice(&values[range]),
        Packed::Q4_1 { quants, scales } => {
            for ((out, q), [scale, minimum]) in out
                .iter_mut()
                .zip(&quants[range.clone()])
                .zip(&scales[range])
            {
                let (low, high) = l.nibbles(q);
                let (scale, minimum) = (l.splat(*scale), l.splat(*minimum));
                *out = [
                    l.store(l.fma(scale, low, minimum)),
                    l.store(l.fma(scale, high, minimum)),
                ];
            }
        }
        Packed::Q8_0 { quants, scales } => {
            for ((out, q), scale) in out
                .iter_mut()
                .zip(&quants[range.clone()])
                .zip(&scales[range])
            {
                let scale = l.splat(*scale);
                *out = [
                    l.store(l.mul(scale, l.bytes(&q[0]))),
                    l.store(l.mul(scale, l.bytes(&q[1]))),
                ];
            }
        }
    }
}
