//! Matrix times activations: one token straight from the blocks, many tokens over rows unpacked once.

use super::Kernel;
use super::blocks::{Blocks, HEADS, with_blocks};
use super::lanes::Lanes;
use crate::gguf::Format;
use crate::matrix::{Lane2, Rows};

/// Rows that the many-token kernel unpacks together.
pub(super) const TILE_ROWS: usize = 4;

/// One token: each weight is read once, so nothing is unpacked to memory.
pub(super) struct One<'a> {
    pub(super) matrix: &'a Rows,
    pub(super) first_row: usize,
    pub(super) x: &'a [Lane2],
    pub(super) sums: &'a [f32],
    /// One place for each row from `first_row`.
    pub(super) out: &'a mut [f32],
}

impl Kernel for One<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let row_bytes = self.matrix.row_bytes();
        let rows = self
            .matrix
            .bytes_from(self.first_row)
            .chunks_exact(row_bytes);
        with_blocks!(self.matrix.format(), B => {
            let mut rows = rows.map(|row| lanes.store(dot::<B, L>(lanes, row, self.x, self.sums)));
            let mut four = [[0.0; 16]; 4];
            for out in self.out.chunks_mut(four.len()) {
                for (place, row) in four.iter_mut().zip(&mut rows) {
                    *place = row;
                }
                out.copy_from_slice(&lanes.sums(&four)[..out.len()]);
            }
        });
    }
}

/// `sum over groups of scale * (q . x) + minimum * sum(x)`, as the sum of sixteen lanes.
#[inline(always)]
fn dot<B: Blocks, L: Lanes>(l: L, row: &[u8], x: &[Lane2], sums: &[f32]) -> L::V {
    // Two sums, so that a group need not wait for the one before it.
    let (mut sum, mut minima) = ([l.splat(0.0); 2], l.splat(0.0));
    let mut scales = [1.0; HEADS];
    let blocks = HEADS / B::SCALES / B::GROUPS;
    let groups = blocks * B::GROUPS;
    let x = x.chunks(groups).zip(sums.chunks(groups));
    for (blocks, (x, sums)) in B::of(row).chunks(blocks).zip(x) {
        minima = B::heads(l, blocks, sums, &mut scales, minima);
        if B::GROUPS > 1 {
            let of_blocks = scales.chunks_exact(B::GROUPS * B::SCALES);
            for ((block, x), scales) in blocks.iter().zip(x.chunks_exact(B::GROUPS)).zip(of_blocks)
            {
                add::<B, L, 0>(l, block, x, scales, &mut sum);
            }
            continue;
        }
        let (pairs, last) = blocks.as_chunks::<2>();
        let of_pairs = x.as_chunks::<2>().0.iter().zip(scales.as_chunks::<2>().0);
        for ([one, other], (x, scales)) in pairs.iter().zip(of_pairs) {
            add::<B, L, 0>(l, one, &x[..1], &scales[..1], &mut sum);
            add::<B, L, 1>(l, other, &x[1..], &scales[1..], &mut sum);
        }
        if let ([last], [.., x]) = (last, x) {
            add::<B, L, 0>(
                l,
                last,
                std::slice::from_ref(x),
                &scales[blocks.len() - 1..],
                &mut sum,
            );
        }
    }
    let [a, b] = sum;
    let sum = l.fma(a, l.splat(1.0), b);
    if B::HAS_MINIMUM {
        l.fma(minima, l.splat(1.0), sum)
    } else {
        sum
    }
}

/// Adds a block's products, from one of the sums on.
#[inline(always)]
fn add<B: Blocks, L: Lanes, const FIRST: usize>(
    l: L,
    block: &B::Block,
    x: &[Lane2],
    scales: &[f32],
    sums: &mut [L::V; 2],
) {
    B::quants(l, block, |g, [low, high]| {
        let (x0, x1) = (l.load(&x[g][0]), l.load(&x[g][1]));
        let sum = &mut sums[(FIRST + g) % 2];
        if B::IS_PLAIN {
            *sum = l.fma(high, x1, l.fma(low, x0, *sum));
        } else if B::SCALES == 2 {
            *sum = l.fma(l.splat(scales[2 * g]), l.mul(low, x0), *sum);
            *sum = l.fma(l.splat(scales[2 * g + 1]), l.mul(high, x1), *sum);
        } else {
            let products = l.fma(high, x1, l.mul(low, x0));
            *sum = l.fma(l.splat(scales[g]), products, *sum);
        }
    });
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

/// Many tokens: a few rows are unpacked into the first-level cache and multiplied with all tokens.
pub(super) struct Many<'a> {
    pub(super) matrix: &'a Rows,
    pub(super) first_row: usize,
    pub(super) x: &'a [Lane2],
    pub(super) tokens: usize,
    /// `[row][token]` from `first_row`.
    pub(super) out: &'a mut [f32],
}

impl Kernel for Many<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let blocks = self.x.len() / self.tokens;
        let side = if L::WIDE { 4 } else { 2 };
        let mut unpacked = vec![[[0.0f32; 16]; 2]; TILE_ROWS * blocks];
        for (tile, out) in self.out.chunks_mut(TILE_ROWS * self.tokens).enumerate() {
            let rows = out.len() / self.tokens;
            let first = self.first_row + tile * TILE_ROWS;
            let packed = &self.matrix.bytes_from(first)[..rows * self.matrix.row_bytes()];
            with_blocks!(self.matrix.format(), B => unpack::<B, L>(lanes, packed, &mut unpacked));
            // Whole tiles, then what is left over one by one.
            let (whole_rows, whole_tokens) = (rows - rows % side, self.tokens - self.tokens % side);
            for row in (0..whole_rows).step_by(side) {
                for token in (0..whole_tokens).step_by(side) {
                    let (w, x) = (&unpacked[row * blocks..], &self.x[token * blocks..]);
                    let place = row * self.tokens + token;
                    if L::WIDE {
                        for (r, sums) in tile_of_4(lanes, rows_of(w, blocks), rows_of(x, blocks))
                            .iter()
                            .enumerate()
                        {
                            out[place + r * self.tokens..][..4].copy_from_slice(sums);
                        }
                    } else {
                        for (r, sums) in tile_of_2(lanes, rows_of(w, blocks), rows_of(x, blocks))
                            .iter()
                            .enumerate()
                        {
                            out[place + r * self.tokens..][..2].copy_from_slice(sums);
                        }
                    }
                }
            }
            for row in 0..rows {
                let left = if row < whole_rows { whole_tokens } else { 0 };
                for token in left..self.tokens {
                    let (w, x) = (
                        &unpacked[row * blocks..][..blocks],
                        &self.x[token * blocks..][..blocks],
                    );
                    out[row * self.tokens + token] = dot_f32(lanes, w, x);
                }
            }
        }
    }
}

/// The first `N` rows of a matrix with this many blocks to a row.
#[inline(always)]
fn rows_of<const N: usize>(values: &[Lane2], blocks: usize) -> [&[Lane2]; N] {
    std::array::from_fn(|row| &values[row * blocks..][..blocks])
}

/// Products of four rows with four tokens.
///
/// Written out, because sums in a loop over rows and tokens would live in memory: this way all sixteen stay in registers.
#[inline(always)]
fn tile_of_4<L: Lanes>(l: L, w: [&[Lane2]; 4], x: [&[Lane2]; 4]) -> [[f32; 4]; 4] {
    let (w, x) = (w.map(<[_]>::as_flattened), x.map(<[_]>::as_flattened));
    let steps = w[0].len();
    let (w, x) = (w.map(|w| &w[..steps]), x.map(|x| &x[..steps]));
    let zero = [l.splat(0.0); 4];
    let (mut a, mut b, mut c, mut d) = (zero, zero, zero, zero);
    for i in 0..steps {
        let (x0, x1, x2, x3) = (
            l.load(&x[0][i]),
            l.load(&x[1][i]),
            l.load(&x[2][i]),
            l.load(&x[3][i]),
        );
        let w0 = l.load(&w[0][i]);
        a = [
            l.fma(w0, x0, a[0]),
            l.fma(w0, x1, a[1]),
            l.fma(w0, x2, a[2]),
            l.fma(w0, x3, a[3]),
        ];
        let w1 = l.load(&w[1][i]);
        b = [
            l.fma(w1, x0, b[0]),
            l.fma(w1, x1, b[1]),
            l.fma(w1, x2, b[2]),
            l.fma(w1, x3, b[3]),
        ];
        let w2 = l.load(&w[2][i]);
        c = [
            l.fma(w2, x0, c[0]),
            l.fma(w2, x1, c[1]),
            l.fma(w2, x2, c[2]),
            l.fma(w2, x3, c[3]),
        ];
        let w3 = l.load(&w[3][i]);
        d = [
            l.fma(w3, x0, d[0]),
            l.fma(w3, x1, d[1]),
            l.fma(w3, x2, d[2]),
            l.fma(w3, x3, d[3]),
        ];
    }
    let sums = |v: [L::V; 4]| [l.sum(v[0]), l.sum(v[1]), l.sum(v[2]), l.sum(v[3])];
    [sums(a), sums(b), sums(c), sums(d)]
}

/// Products of two rows with two tokens, where registers are few.
#[inline(always)]
fn tile_of_2<L: Lanes>(l: L, w: [&[Lane2]; 2], x: [&[Lane2]; 2]) -> [[f32; 2]; 2] {
    let (w, x) = (w.map(<[_]>::as_flattened), x.map(<[_]>::as_flattened));
    let steps = w[0].len();
    let (w, x) = (w.map(|w| &w[..steps]), x.map(|x| &x[..steps]));
    let zero = [l.splat(0.0); 2];
    let (mut a, mut b) = (zero, zero);
    for i in 0..steps {
        let (x0, x1) = (l.load(&x[0][i]), l.load(&x[1][i]));
        let w0 = l.load(&w[0][i]);
        a = [l.fma(w0, x0, a[0]), l.fma(w0, x1, a[1])];
        let w1 = l.load(&w[1][i]);
        b = [l.fma(w1, x0, b[0]), l.fma(w1, x1, b[1])];
    }
    [[l.sum(a[0]), l.sum(a[1])], [l.sum(b[0]), l.sum(b[1])]]
}

/// The weights of whole rows.
#[inline(always)]
fn unpack<B: Blocks, L: Lanes>(l: L, rows: &[u8], out: &mut [Lane2]) {
    for (block, out) in B::of(rows).iter().zip(out.chunks_exact_mut(B::GROUPS)) {
        B::quants(l, block, |g, halves| {
            let (scales, minimum) = B::head(block, g);
            let minimum = l.splat(minimum);
            for (h, half) in halves.into_iter().enumerate() {
                let scale = l.splat(scales[h]);
                out[g][h] = l.store(match (B::IS_PLAIN, B::HAS_MINIMUM) {
                    (true, _) => half,
                    (false, true) => l.fma(scale, half, minimum),
                    (false, false) => l.mul(scale, half),
                });
            }
        });
    }
}
