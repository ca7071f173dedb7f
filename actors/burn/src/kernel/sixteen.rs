//! Matrix times the activations of many tokens, at sixteen bits.
//!
//! Quants are whole numbers, so sums of their products can be: a pair of activations of sixteen bits takes the place of one
//! float, which is half the multiplications. Thirty-two neighbouring activations share a scale, so what is rounded off is at most
//! 1/65,534 of the largest of them; the rest of the computation stays in `f32`, sums of blocks (for minima) included. A
//! lane is a token.

use super::blocks::{Blocks, with_blocks};
use super::lanes::Lanes;
use super::{Activations, Kernel};
use crate::gguf::Format;
use crate::matrix::{BLOCK, Rows};

/// Rows that are computed together: as many sums as stay in registers.
pub(super) const TILE_ROWS: usize = 8;
/// Tokens of a panel.
const LANES: usize = 16;
/// Pairs of a block.
const PAIRS: usize = BLOCK / 2;
/// The largest activation of a block stands for this.
const LARGEST: f32 = 32_767.0;

/// The activations of sixteen tokens each, pair by pair.
#[derive(Clone, Default)]
pub(super) struct Panels {
    /// `[panel][block][pair]`, of each token two neighbours.
    pairs: Vec<[i32; LANES]>,
    /// `[panel][block]`
    scales: Vec<[f32; LANES]>,
    /// `[panel][block]`, of unrounded activations.
    sums: Vec<[f32; LANES]>,
    blocks: usize,
}

/// Fills the panels.
pub(super) struct Fill<'a> {
    pub(super) x: &'a Activations,
    pub(super) panels: &'a mut Panels,
}

impl Kernel for Fill<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Self { x, panels } = self;
        let blocks = x.values.len() / x.tokens;
        let count = x.tokens.div_ceil(LANES) * blocks;
        panels.blocks = blocks;
        panels.pairs.resize(count * PAIRS, [0; LANES]);
        panels.scales.resize(count, [0.0; LANES]);
        panels.sums.resize(count, [0.0; LANES]);
        for token in 0..x.tokens.next_multiple_of(LANES) {
            let (panel, lane) = (token / LANES, token % LANES);
            for block in 0..blocks {
                let place = panel * blocks + block;
                let pairs = &mut panels.pairs[place * PAIRS..][..PAIRS];
                if token >= x.tokens {
                    // What is left over of the last panel counts for nothing.
                    pairs.iter_mut().for_each(|pair| pair[lane] = 0);
                    panels.scales[place][lane] = 0.0;
                    panels.sums[place][lane] = 0.0;
                    continue;
                }
                let [a, b] = &x.values[token * blocks + block];
                let mut most = [0.0f32; 16];
                for i in 0..16 {
                    most[i] = a[i].abs().max(b[i].abs());
                }
                let most = most.iter().fold(0.0f32, |m, x| m.max(*x));
                let turn = l.splat(if most > 0.0 { LARGEST / most } else { 0.0 });
                for (h, half) in [a, b].into_iter().enumerate() {
                    let rounded = l.pairs(l.mul(l.load(half), turn));
                    for (pair, rounded) in pairs[8 * h..].iter_mut().zip(rounded) {
                        pair[lane] = rounded;
                    }
                }
                panels.scales[place][lane] = most / LARGEST;
                panels.sums[place][lane] = x.sums[token * blocks + block];
            }
        }
    }
}

/// The product.
pub(super) struct Sixteen<'a> {
    pub(super) matrix: &'a Rows,
    pub(super) first_row: usize,
    pub(super) x: &'a Panels,
    pub(super) tokens: usize,
    /// `[row][token]` from `first_row`.
    pub(super) out: &'a mut [f32],
}

/// Some rows taken apart: quants pair by pair, scales and minima.
struct Tile {
    /// `[row][block]`
    quants: Vec<[i32; PAIRS]>,
    scales: Vec<[f32; 2]>,
    minima: Vec<f32>,
}

impl Kernel for Sixteen<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Self { matrix, x, .. } = self;
        let places = TILE_ROWS * x.blocks;
        let mut tile = Tile {
            quants: vec![[0; PAIRS]; places],
            scales: vec![[0.0; 2]; places],
            minima: vec![0.0; places],
        };
        with_blocks!(matrix.format(), B => {
            for (i, out) in self.out.chunks_mut(TILE_ROWS * self.tokens).enumerate() {
                let rows = out.len() / self.tokens;
                let first = self.first_row + i * TILE_ROWS;
                let packed = &matrix.bytes_from(first)[..rows * matrix.row_bytes()];
                take_apart::<B, L>(l, packed, &mut tile);
                for panel in 0..self.tokens.div_ceil(LANES) {
                    let sums = multiply::<B, L>(l, &tile, x, panel);
                    let from = panel * LANES;
                    let count = LANES.min(self.tokens - from);
                    for (row, sums) in sums.iter().enumerate().take(rows) {
                        out[row * self.tokens + from..][..count].copy_from_slice(&sums[..count]);
                    }
                }
            }
        });
    }
}

#[inline(always)]
fn take_apart<B: Blocks, L: Lanes>(l: L, rows: &[u8], tile: &mut Tile) {
    for (i, block) in B::of(rows).iter().enumerate() {
        B::quants(l, block, |g, [a, b]| {
            let place = i * B::GROUPS + g;
            let (a, b) = (l.pairs(a), l.pairs(b));
            tile.quants[place] = std::array::from_fn(|i| if i < 8 { a[i] } else { b[i - 8] });
            (tile.scales[place], tile.minima[place]) = B::head(block, g);
        });
    }
}

/// Products of the rows of a tile with the tokens of a panel.
#[inline(always)]
fn multiply<B: Blocks, L: Lanes>(
    l: L,
    tile: &Tile,
    x: &Panels,
    panel: usize,
) -> [[f32; LANES]; TILE_ROWS] {
    let blocks = x.blocks;
    let quants: [&[[i32; PAIRS]]; TILE_ROWS] =
        std::array::from_fn(|row| &tile.quants[row * blocks..][..blocks]);
    let scales: [&[[f32; 2]]; TILE_ROWS] =
        std::array::from_fn(|row| &tile.scales[row * blocks..][..blocks]);
    let minima: [&[f32]; TILE_ROWS] =
        std::array::from_fn(|row| &tile.minima[row * blocks..][..blocks]);
    let pairs = &x.pairs[panel * blocks * PAIRS..][..blocks * PAIRS];
    let x_scales = &x.scales[panel * blocks..][..blocks];
    let x_sums = &x.sums[panel * blocks..][..blocks];
    let mut sums = [l.splat(0.0); TILE_ROWS];
    for (block, pairs) in pairs.as_chunks::<PAIRS>().0.iter().enumerate() {
        let x_scale = l.load(&x_scales[block]);
        // Where the two halves of a block have scales of their own they are summed one after the other.
        let runs = B::SCALES;
        #[allow(clippy::needless_range_loop)]
        for run in 0..runs {
            let (from, to) = (run * PAIRS / runs, (run + 1) * PAIRS / runs);
            let mut whole = [l.nothing(); TILE_ROWS];
            for at in from..to {
                let x = l.whole(&pairs[at]);
                for row in 0..TILE_ROWS {
                    whole[row] = l.add_products(whole[row], x, quants[row][block][at]);
                }
            }
            for row in 0..TILE_ROWS {
                let scale = l.mul(x_scale, l.splat(scales[row][block][run]));
                sums[row] = l.fma(l.numbers(whole[row]), scale, sums[row]);
            }
        }
        if B::HAS_MINIMUM {
            let x_sum = l.load(&x_sums[block]);
            for row in 0..TILE_ROWS {
                sums[row] = l.fma(l.splat(minima[row][block]), x_sum, sums[row]);
            }
        }
    }
    sums.map(|sum| l.store(sum))
}
