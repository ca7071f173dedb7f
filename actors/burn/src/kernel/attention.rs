//! Attention of the query heads that share one key and value head, over one token's past.

use super::Kernel;
use super::curve::weights;
use super::lanes::Lanes;

pub(super) struct Attend<'a> {
    /// `[head][dim]`, the heads of one group.
    pub(super) q: &'a [f32],
    /// `[position][dim]`, as far as the token may see.
    pub(super) k: &'a [f32],
    pub(super) v: &'a [f32],
    /// Length of a head, a multiple of 16.
    pub(super) dim: usize,
    pub(super) scale: f32,
    /// Kept by the caller so that its memory is used again.
    pub(super) scores: &'a mut Vec<f32>,
    pub(super) out: &'a mut [f32],
}

impl Kernel for Attend<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let (k, v) = (self.k.as_chunks::<16>().0, self.v.as_chunks::<16>().0);
        let chunks = self.dim / 16;
        for (q, out) in self
            .q
            .chunks_exact(self.dim)
            .zip(self.out.chunks_exact_mut(self.dim))
        {
            let q = q.as_chunks::<16>().0;
            self.scores.clear();
            let mut highest = f32::NEG_INFINITY;
            for k in k.chunks_exact(chunks) {
                let mut sum = l.splat(0.0);
                for (q, k) in q.iter().zip(k) {
                    sum = l.fma(l.load(q), l.load(k), sum);
                }
                let score = l.sum(sum) * self.scale;
                highest = highest.max(score);
                self.scores.push(score);
            }
            let total = weights(self.scores, highest);
            let out = out.as_chunks_mut::<16>().0;
            let mut at = 0;
            while at < chunks {
                if at + 4 <= chunks {
                    weigh::<L, 4>(l, self.scores, 1.0 / total, v, chunks, at, out);
                    at += 4;
                } else {
                    weigh::<L, 1>(l, self.scores, 1.0 / total, v, chunks, at, out);
                    at += 1;
                }
            }
        }
    }
}

/// `C` chunks of the weighted sum of the values.
#[inline(always)]
fn weigh<L: Lanes, const C: usize>(
    l: L,
    scores: &[f32],
    factor: f32,
    v: &[[f32; 16]],
    chunks: usize,
    at: usize,
    out: &mut [[f32; 16]],
) {
    let mut sums = [l.splat(0.0); C];
    for (score, v) in scores.iter().zip(v.chunks_exact(chunks)) {
        let score = l.splat(*score);
        let v = &v[at..at + C];
        for c in 0..C {
            sums[c] = l.fma(score, l.load(&v[c]), sums[c]);
        }
    }
    for c in 0..C {
        out[at + c] = l.store(l.mul(l.splat(factor), sums[c]));
    }
}
