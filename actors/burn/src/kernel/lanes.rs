//! Sixteen `f32` lanes on whatever the processor has: AVX-512, AVX2 with FMA, or plain arrays.
//!
//! The arrays are the reference: all three keep the same sixteen partial sums and add them in the same order, so a kernel
//! written over [`Lanes`] differs between machines only by the rounding of fused multiply-adds.

/// Sixteen lanes and the few operations the kernels need.
pub(super) trait Lanes: Copy + Send + Sync {
    /// Sixteen `f32`.
    type V: Copy;
    /// Whether there are registers enough for tiles of four by four.
    const WIDE: bool;

    /// The same value in each lane.
    fn splat(self, value: f32) -> Self::V;
    /// Sixteen values from memory.
    fn load(self, values: &[f32; 16]) -> Self::V;
    /// `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The low nibbles and the high nibbles of sixteen bytes, as numbers from 0 to 15.
    fn nibbles(self, bytes: &[u8; 16]) -> (Self::V, Self::V);
    /// Sixteen signed bytes as numbers.
    fn bytes(self, bytes: &[i8; 16]) -> Self::V;
    /// The lanes in memory.
    fn store(self, v: Self::V) -> [f32; 16];

    /// Sum of the lanes, by halves.
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        let v = self.store(v);
        let mut eight = [0.0; 8];
        for i in 0..8 {
            eight[i] = v[i] + v[i + 8];
        }
        let four = [
            eight[0] + eight[4],
            eight[1] + eight[5],
            eight[2] + eight[6],
            eight[3] + eight[7],
        ];
        (four[0] + four[2]) + (four[1] + four[3])
    }
}

/// Plain arrays: the reference, and what a processor without the extensions runs.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Lanes for Portable {
    type V = [f32; 16];
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [value; 16]
    }

    #[inline(always)]
    fn load(self, values: &[f32; 16]) -> Self::V {
        *values
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // A true fused operation only where the base instruction set has one; elsewhere it would be a library call.
        if cfg!(target_arch = "aarch64") {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        } else {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }
    }

    #[inline(always)]
    fn nibbles(self, bytes: &[u8; 16]) -> (Self::V, Self::V) {
        (
            std::array::from_fn(|i| f32::from(bytes[i] & 15)),
            std::array::from_fn(|i| f32::from(bytes[i] >> 4)),
        )
    }

    #[inline(always)]
    fn bytes(self, bytes: &[i8; 16]) -> Self::V {
        std::array::from_fn(|i| f32::from(bytes[i]))
    }

    #[inline(always)]
    fn store(self, v: Self::V) -> [f32; 16] {
        v
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use pulp::x86::{V3, V4};
    use pulp::{cast, f32x8, f32x16, i8x16, u8x16, u32x16};

    use super::Lanes;

    impl Lanes for V4 {
        type V = f32x16;
        const WIDE: bool = true;

        #[inline(always)]
        fn splat(self, value: f32) -> f32x16 {
            self.splat_f32x16(value)
        }

        #[inline(always)]
        fn load(self, values: &[f32; 16]) -> f32x16 {
            cast(*values)
        }

        #[inline(always)]
        fn mul(self, a: f32x16, b: f32x16) -> f32x16 {
            self.mul_f32x16(a, b)
        }

        #[inline(always)]
        fn fma(self, a: f32x16, b: f32x16, c: f32x16) -> f32x16 {
            self.mul_add_f32x16(a, b, c)
        }

        #[inline(always)]
        fn nibbles(self, bytes: &[u8; 16]) -> (f32x16, f32x16) {
            // A permutation looks only at the low four bits of an index, so it masks, converts and spreads in one step.
            let numbers: f32x16 = cast([
                0.0f32, 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.,
            ]);
            let wide: u32x16 = self.convert_u8x16_to_u32x16(cast::<_, u8x16>(*bytes));
            let high = self.shr_const_u32x16::<4>(wide);
            let pick = |index: u32x16| {
                cast(
                    self.avx512f
                        ._mm512_permutexvar_ps(cast(index), cast(numbers)),
                )
            };
            (pick(wide), pick(high))
        }

        #[inline(always)]
        fn bytes(self, bytes: &[i8; 16]) -> f32x16 {
            self.convert_i32x16_to_f32x16(self.convert_i8x16_to_i32x16(cast::<_, i8x16>(*bytes)))
        }

        #[inline(always)]
        fn store(self, v: f32x16) -> [f32; 16] {
            cast(v)
        }
    }

    impl Lanes for V3 {
        type V = [f32x8; 2];
        const WIDE: bool = false;

        #[inline(always)]
        fn splat(self, value: f32) -> Self::V {
            [self.splat_f32x8(value); 2]
        }

        #[inline(always)]
        fn load(self, values: &[f32; 16]) -> Self::V {
            cast(*values)
        }

        #[inline(always)]
        fn mul(self, a: Self::V, b: Self::V) -> Self::V {
            [self.mul_f32x8(a[0], b[0]), self.mul_f32x8(a[1], b[1])]
        }

        #[inline(always)]
        fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            [
                self.mul_add_f32x8(a[0], b[0], c[0]),
                self.mul_add_f32x8(a[1], b[1], c[1]),
            ]
        }

        #[inline(always)]
        fn nibbles(self, bytes: &[u8; 16]) -> (Self::V, Self::V) {
            let mask = self.splat_u8x16(15);
            let low = self.and_u8x16(cast(*bytes), mask);
            let high = self.and_u8x16(cast(self.shr_const_u16x8::<4>(cast(*bytes))), mask);
            let wide = |v: u8x16| {
                let upper = u128::from_le_bytes(cast(v)) >> 64;
                [v, cast(upper.to_le_bytes())]
                    .map(|v| self.convert_i32x8_to_f32x8(self.convert_u8x16_to_i32x8(v)))
            };
            (wide(low), wide(high))
        }

        #[inline(always)]
        fn bytes(self, bytes: &[i8; 16]) -> Self::V {
            let v: i8x16 = cast(*bytes);
            let upper = u128::from_le_bytes(cast(v)) >> 64;
            [v, cast(upper.to_le_bytes())]
                .map(|v| self.convert_i32x8_to_f32x8(self.convert_i8x16_to_i32x8(v)))
        }

        #[inline(always)]
        fn store(self, v: Self::V) -> [f32; 16] {
            cast(v)
        }
    }
}
