//! The functions between products, written so that the compiler computes many numbers at once.

use super::Kernel;
use super::lanes::Lanes;
use crate::decoder::Gate;

/// Beyond these there is nothing but zero and infinity.
const LEAST: f32 = -87.3;
const MOST: f32 = 88.7;
/// The natural logarithm of two in two parts, of which the first has few enough bits to be multiplied exactly.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// `e` to the power of `x`, within three units in the last place.
///
/// `x` is taken apart into a multiple of the logarithm of two, which is an exponent, and a rest of at most half of it, for
/// which a polynomial is close enough (the one of Moshier's Cephes library).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(LEAST, MOST);
    let doublings = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = x - doublings * LN_2[0] - doublings * LN_2[1];
    let mut sum = 1.987_569_1e-4;
    for factor in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        sum = sum * r + factor;
    }
    let power = sum * r * r + r + 1.0;
    // Within -126 and 128 by the bounds above.
    let exponent = (doublings as i32 + 127) << 23;
    power * f32::from_bits(exponent as u32)
}

/// Turns scores into weights that are not yet divided by their sum, which it returns.
#[inline(always)]
pub(super) fn weights(scores: &mut [f32], highest: f32) -> f32 {
    for score in scores.iter_mut() {
        *score = exp(*score - highest);
    }
    let (chunks, rest) = scores.as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for chunk in chunks {
        for i in 0..16 {
            sums[i] += chunk[i];
        }
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// `out = bend(gate) * up`, where each row holds the gates and then what they let through.
pub(super) struct Gated<'a> {
    pub(super) gate: Gate,
    pub(super) rows: &'a [f32],
    pub(super) width: usize,
    pub(super) out: &'a mut [f32],
}

impl Kernel for Gated<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let rows = self.rows.chunks_exact(2 * self.width);
        for (row, out) in rows.zip(self.out.chunks_exact_mut(self.width)) {
            let (gate, up) = row.split_at(self.width);
            match self.gate {
                Gate::Silu => bent(out, gate, up, |x| x / (1.0 + exp(-x))),
                Gate::Gelu => bent(out, gate, up, gelu),
            }
        }
    }
}

#[inline(always)]
fn bent(out: &mut [f32], gate: &[f32], up: &[f32], bend: impl Fn(f32) -> f32) {
    for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
        *out = bend(*gate) * up;
    }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    const ROOT_OF_8_OVER_PI: f32 = 1.595_769;
    // Half of one plus the hyperbolic tangent of half of this.
    x / (1.0 + exp(-ROOT_OF_8_OVER_PI * (x + 0.044_715 * x * x * x)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_close_everywhere() {
        let mut x = -87.0f32;
        while x < 88.0 {
            let exact = f64::from(x).exp();
            let apart = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(apart < 4e-7, "{x}: {} and not {exact}", exp(x));
            x += 0.003_7;
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-1e9) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn gates_bend_as_their_formulas_say() {
        for i in -400..400 {
            let x = i as f32 / 40.0;
            let wide = f64::from(x);
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044_715 * wide.powi(3));
            let exact = 0.5 * wide * (1.0 + inner.tanh());
            assert!((f64::from(gelu(x)) - exact).abs() < 1e-6, "{x}");
        }
    }
}
