//! The processor's own kernels: matrix times activations straight from quantised weights, and attention.
//!
//! Decoding reads each weight once for each token, so its speed is bytes: Q4_1 is a fifth of `f32`. Its activations stay `f32`
//! throughout, so the result differs from an exact computation only by the order of sums. Prompts are read with activations
//! of [sixteen bits](sixteen) where weights are quantised, unless it is to be [exact](Kernels::exact). Rows are shared out over a small
//! thread pool of our own; nothing here waits on anything else.

mod attention;
mod blocks;
mod curve;
mod lanes;
mod product;
mod sixteen;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use self::attention::Attend;
use self::curve::Gated;
use self::lanes::{Lanes, Portable};
use self::product::{Many, One};
use self::sixteen::{Fill, Panels, Sixteen};
use crate::decoder::Gate;
use crate::matrix::{BLOCK, Lane2, Matrix, Rows};

/// Tokens from which on sixteen bits are faster.
const SIXTEEN_FROM: usize = 12;

/// Below this many multiplications a second thread costs more than it brings.
const PARALLEL_FROM: usize = 100_000;

/// The instruction set in use, found once at start.
#[derive(Clone, Copy)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    Portable,
}

impl Isa {
    /// The widest this processor has.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(isa) = pulp::x86::V4::try_new() {
                return Self::Avx512(isa);
            }
            if let Some(isa) = pulp::x86::V3::try_new() {
                return Self::Avx2(isa);
            }
        }
        Self::Portable
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            Self::Portable => "portable",
        }
    }

    #[inline]
    fn run(self, kernel: impl Kernel) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(isa) => isa.vectorize(On(kernel, isa)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(isa) => isa.vectorize(On(kernel, isa)),
            Self::Portable => kernel.run(Portable),
        }
    }
}

/// Work written once over [`Lanes`]. `run` and all it calls must be `inline(always)`, or the instruction set is lost.
trait Kernel {
    fn run<L: Lanes>(self, lanes: L);
}

struct On<K, L>(K, L);

impl<K: Kernel, L: Lanes> NullaryFnOnce for On<K, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.0.run(self.1);
    }
}

/// One row of activations for each token, with the block sums that the minimum of Q4_1 is multiplied with.
#[derive(Default)]
pub(crate) struct Activations {
    values: Vec<Lane2>,
    sums: Vec<f32>,
    tokens: usize,
}

impl Activations {
    /// Sets the size and hands out all values, token after token, to be overwritten; call [`sum`](Self::sum) after.
    pub(crate) fn resize(&mut self, tokens: usize, cols: usize) -> &mut [f32] {
        self.tokens = tokens;
        self.values.resize(tokens * cols / BLOCK, [[0.0; 16]; 2]);
        self.values.as_flattened_mut().as_flattened_mut()
    }

    pub(crate) fn sum(&mut self) {
        self.sums.clear();
        self.sums.extend(self.values.iter().map(|[a, b]| {
            let pairs: [f32; 16] = std::array::from_fn(|i| a[i] + b[i]);
            Portable.sum(pairs)
        }));
    }
}

/// Instruction set and threads. Clones share the threads.
#[derive(Clone)]
pub(crate) struct Kernels {
    isa: Isa,
    pool: Arc<rayon::ThreadPool>,
    threads: usize,
    exact: bool,
    turned: Vec<f32>,
    panels: Panels,
}

impl Kernels {
    /// `threads` of 0 counts as 1.
    pub(crate) fn new(isa: Isa, threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("aios-kernel-{i}"))
            .build()?;
        Ok(Self {
            isa,
            pool: Arc::new(pool),
            threads,
            exact: false,
            turned: Vec::new(),
            panels: Panels::default(),
        })
    }

    /// Activations stay as they are, in prompts too.
    pub(crate) fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }

    /// The threads. A whole forward pass is installed on them, so that its many small steps need no hand-over each.
    pub(crate) fn pool(&self) -> Arc<rayon::ThreadPool> {
        Arc::clone(&self.pool)
    }

    /// `out[token][row] = matrix[row] . x[token]`; `out` has `tokens * rows` places.
    pub(crate) fn product(&mut self, matrix: &Matrix, x: &Activations, out: &mut [f32]) {
        let (rows, tokens) = (matrix.rows(), x.tokens);
        assert_eq!(
            x.values.len(),
            tokens * matrix.cols() / BLOCK,
            "activations are as wide as the matrix"
        );
        debug_assert_eq!(
            x.sums.len(),
            x.values.len(),
            "the sums are of these activations"
        );
        assert_eq!(out.len(), tokens * rows, "there is a place for each result");
        let isa = self.isa;
        if tokens == 1 {
            let mut rest = out;
            for part in matrix.parts() {
                let (out, later) = rest.split_at_mut(part.len());
                rest = later;
                let share = share(part.len(), matrix.cols(), self.threads);
                split(out, share, 1, |first_row, out| {
                    isa.run(One {
                        matrix: part,
                        first_row,
                        x: &x.values,
                        sums: &x.sums,
                        out,
                    })
                });
            }
        } else {
            // Threads own rows, so they write rows; tokens are put first afterwards.
            self.turned.resize(rows * tokens, 0.0);
            let threads = self.threads;
            let is_sixteen =
                |part: &Rows| !self.exact && tokens >= SIXTEEN_FROM && !part.format().is_plain();
            if matrix.parts().iter().any(is_sixteen) {
                isa.run(Fill {
                    x,
                    panels: &mut self.panels,
                });
            }
            let panels = &self.panels;
            let mut rest = self.turned.as_mut_slice();
            for part in matrix.parts() {
                let (out, later) = rest.split_at_mut(part.len() * tokens);
                rest = later;
                let share = share(part.len(), matrix.cols() * tokens, threads);
                split(out, share, tokens, |first_row, out| {
                    if is_sixteen(part) {
                        return isa.run(Sixteen {
                            matrix: part,
                            first_row,
                            x: panels,
                            tokens,
                            out,
                        });
                    }
                    isa.run(Many {
                        matrix: part,
                        first_row,
                        x: &x.values,
                        tokens,
                        out,
                    });
                });
            }
            turn(&self.turned, out, rows, tokens);
        }
    }

    /// `out = bend(gate) * up` for each row of `2 * width` numbers: gates, then what they let through.
    pub(crate) fn gate(&self, gate: Gate, rows: &[f32], width: usize, out: &mut [f32]) {
        self.isa.run(Gated {
            gate,
            rows,
            width,
            out,
        });
    }

    /// Causal attention of new tokens over the cache of one layer, which already holds them.
    ///
    /// `q` and `out` are `[token][head][dim]`; `k` and `v` are `[kv_head][capacity][dim]`. Token `i` sees positions up to
    /// `past + i`, and of these the last of the window.
    pub(crate) fn attend(
        &self,
        shape: &AttentionShape,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        past: usize,
        out: &mut [f32],
    ) {
        let AttentionShape {
            heads,
            kv_heads,
            dim,
            capacity,
            window,
            scale,
        } = *shape;
        let group = heads / kv_heads * dim;
        let isa = self.isa;
        let one = |scores: &mut Vec<f32>, (place, (q, out)): (usize, (&[f32], &mut [f32]))| {
            let (token, kv_head) = (place / kv_heads, place % kv_heads);
            let head = kv_head * capacity * dim;
            let end = past + token + 1;
            let seen = head + end.saturating_sub(window) * dim..head + end * dim;
            isa.run(Attend {
                q,
                k: &k[seen.clone()],
                v: &v[seen],
                dim,
                scale,
                scores,
                out,
            });
        };
        let tokens = q.len() / (heads * dim);
        if self.threads > 1 && heads * dim * (past + tokens) * tokens >= PARALLEL_FROM {
            let pairs = q
                .par_chunks_exact(group)
                .zip(out.par_chunks_exact_mut(group));
            pairs.enumerate().for_each_init(Vec::new, one);
        } else {
            let mut scores = Vec::new();
            q.chunks_exact(group)
                .zip(out.chunks_exact_mut(group))
                .enumerate()
                .for_each(|pair| one(&mut scores, pair));
        }
    }
}

/// Sizes of one layer's attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionShape {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    /// Length of a head.
    pub(crate) dim: usize,
    /// Positions there is room for in the cache.
    pub(crate) capacity: usize,
    /// Positions a token sees, itself among them.
    pub(crate) window: usize,
    /// What products of queries and keys are multiplied with.
    pub(crate) scale: f32,
}

/// Rows for each thread: all for one if the work is small, else equal shares of whole tiles.
fn share(rows: usize, work_of_row: usize, threads: usize) -> usize {
    if rows * work_of_row < PARALLEL_FROM || threads == 1 {
        rows
    } else {
        rows.div_ceil(threads)
            .next_multiple_of(product::TILE_ROWS.max(sixteen::TILE_ROWS))
    }
}

/// Puts tokens before rows, in squares that stay in the first-level cache.
fn turn(from: &[f32], to: &mut [f32], rows: usize, tokens: usize) {
    const SIDE: usize = 16;
    for first_row in (0..rows).step_by(SIDE) {
        for first_token in (0..tokens).step_by(SIDE) {
            for token in first_token..(first_token + SIDE).min(tokens) {
                let to = &mut to[token * rows..][first_row..(first_row + SIDE).min(rows)];
                for (i, to) in to.iter_mut().enumerate() {
                    *to = from[(first_row + i) * tokens + token];
                }
            }
        }
    }
}

/// Runs `work(first_row, out)` over shares of rows, `width` results to a row.
fn split(out: &mut [f32], share: usize, width: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    if share * width >= out.len() {
        work(0, out);
    } else {
        out.par_chunks_mut(share * width)
            .enumerate()
            .for_each(|(i, out)| work(i * share, out));
    }
}
