//! Sixteen `f32` lanes on whatever the processor has: AVX-512, AVX2 with FMA, or plain arrays.
//!
//! The arrays are the reference: all three keep the same sixteen partial sums and add them in the same order, so a kernel
//! written over [`Lanes`] differs between machines only by the rounding of fused multiply-adds.

/// Sixteen lanes and the few operations the kernels need.
pub(super) trait Lanes: Copy + Send + Sync {
    /// Sixteen `f32`.
    type V: Copy;
    /// Sixteen bytes.
    type B: Copy;
    /// Sixteen `i32`.
    type I: Copy;
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
    /// Sixteen bytes from memory.
    fn bytes(self, bytes: &[u8; 16]) -> Self::B;
    /// The bits of each byte that the mask has too.
    fn and(self, b: Self::B, mask: u8) -> Self::B;
    /// Each byte less that much, as a signed one.
    fn less(self, b: Self::B, much: u8) -> Self::B;
    /// The bits of both.
    fn or(self, a: Self::B, b: Self::B) -> Self::B;
    /// Each byte's bits `N` places down.
    fn down<const N: i32>(self, b: Self::B) -> Self::B;
    /// Each byte's bits `N` places up.
    fn up<const N: i32>(self, b: Self::B) -> Self::B;
    /// Bytes as numbers from 0 to 255.
    fn unsigned(self, b: Self::B) -> Self::V;
    /// Bytes as numbers from -128 to 127.
    fn signed(self, b: Self::B) -> Self::V;
    /// The low nibbles and the high nibbles of sixteen bytes, as numbers from 0 to 15.
    #[inline(always)]
    fn nibbles(self, bytes: &[u8; 16]) -> [Self::V; 2] {
        let b = self.bytes(bytes);
        let high = self.down::<4>(b);
        [self.unsigned(self.and(b, 15)), self.unsigned(high)]
    }
    /// The same with a fifth bit for each, those of the low nibbles first: numbers from 0 to 31.
    #[inline(always)]
    fn fifths(self, bytes: &[u8; 16], bits: u32) -> [Self::V; 2] {
        let [low, high] = self.nibbles(bytes);
        [
            self.add_where(low, bits as u16, 16.0),
            self.add_where(high, (bits >> 16) as u16, 16.0),
        ]
    }
    /// `v`, and in the lanes whose bit is set that much more.
    fn add_where(self, v: Self::V, bits: u16, more: f32) -> Self::V;
    /// Sixteen numbers of 16 bits, each finite.
    fn halves(self, bytes: &[u8; 32]) -> Self::V;
    /// Sixteen numbers of 16 bits whose upper half is that of an `f32`.
    fn upper_halves(self, bytes: &[u8; 32]) -> Self::V;
    /// The lanes in memory.
    fn store(self, v: Self::V) -> [f32; 16];
    /// The lanes as the nearest whole numbers of sixteen bits, two neighbours in each.
    fn pairs(self, v: Self::V) -> [i32; 8];
    /// Zeros.
    fn nothing(self) -> Self::I;
    /// Sixteen whole numbers from memory.
    fn whole(self, values: &[i32; 16]) -> Self::I;
    /// Each lane of `sum` and the products of both numbers in the lane of `x` with both numbers in `w`.
    fn add_products(self, sum: Self::I, x: Self::I, w: i32) -> Self::I;
    /// Whole numbers as floats.
    fn numbers(self, v: Self::I) -> Self::V;

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

    /// The sums of the lanes of four at once: one by one each would wait for its own steps.
    #[inline(always)]
    fn sums(self, v: &[[f32; 16]; 4]) -> [f32; 4] {
        let mut four = [[0.0; 4]; 4];
        for (v, four) in v.iter().zip(&mut four) {
            let mut eight = [0.0; 8];
            for i in 0..8 {
                eight[i] = v[i] + v[i + 8];
            }
            for i in 0..4 {
                four[i] = eight[i] + eight[i + 4];
            }
        }
        let mut out = [0.0; 4];
        for (row, out) in out.iter_mut().enumerate() {
            *out = (four[row][0] + four[row][2]) + (four[row][1] + four[row][3]);
        }
        out
    }
}

/// Plain arrays: the reference, and what a processor without the extensions runs.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Lanes for Portable {
    type V = [f32; 16];
    type B = [u8; 16];
    type I = [i32; 16];
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
    fn bytes(self, bytes: &[u8; 16]) -> Self::B {
        *bytes
    }

    #[inline(always)]
    fn and(self, b: Self::B, mask: u8) -> Self::B {
        b.map(|b| b & mask)
    }

    #[inline(always)]
    fn less(self, b: Self::B, much: u8) -> Self::B {
        b.map(|b| b.wrapping_sub(much))
    }

    #[inline(always)]
    fn or(self, a: Self::B, b: Self::B) -> Self::B {
        std::array::from_fn(|i| a[i] | b[i])
    }

    #[inline(always)]
    fn down<const N: i32>(self, b: Self::B) -> Self::B {
        b.map(|b| b >> N)
    }

    #[inline(always)]
    fn up<const N: i32>(self, b: Self::B) -> Self::B {
        b.map(|b| b << N)
    }

    #[inline(always)]
    fn unsigned(self, b: Self::B) -> Self::V {
        b.map(f32::from)
    }

    #[inline(always)]
    fn signed(self, b: Self::B) -> Self::V {
        b.map(|b| f32::from(b as i8))
    }

    #[inline(always)]
    fn add_where(self, v: Self::V, bits: u16, more: f32) -> Self::V {
        std::array::from_fn(|i| {
            if bits >> i & 1 == 1 {
                v[i] + more
            } else {
                v[i]
            }
        })
    }

    #[inline(always)]
    fn halves(self, bytes: &[u8; 32]) -> Self::V {
        std::array::from_fn(|i| half([bytes[2 * i], bytes[2 * i + 1]]))
    }

    #[inline(always)]
    fn upper_halves(self, bytes: &[u8; 32]) -> Self::V {
        std::array::from_fn(|i| {
            f32::from_bits(u32::from_le_bytes([0, 0, bytes[2 * i], bytes[2 * i + 1]]))
        })
    }

    #[inline(always)]
    fn store(self, v: Self::V) -> [f32; 16] {
        v
    }

    #[inline(always)]
    fn pairs(self, v: Self::V) -> [i32; 8] {
        let whole = |i: usize| v[i].round_ties_even() as i16;
        std::array::from_fn(|i| pair([whole(2 * i), whole(2 * i + 1)]))
    }

    #[inline(always)]
    fn nothing(self) -> Self::I {
        [0; 16]
    }

    #[inline(always)]
    fn whole(self, values: &[i32; 16]) -> Self::I {
        *values
    }

    #[inline(always)]
    fn add_products(self, sum: Self::I, x: Self::I, w: i32) -> Self::I {
        let both = |pair: i32| [i32::from(pair as i16), pair >> 16];
        let w = both(w);
        std::array::from_fn(|i| {
            let x = both(x[i]);
            sum[i] + x[0] * w[0] + x[1] * w[1]
        })
    }

    #[inline(always)]
    fn numbers(self, v: Self::I) -> Self::V {
        v.map(|n| n as f32)
    }
}

/// Two numbers in one, the first in the lower half.
#[inline(always)]
fn pair([first, second]: [i16; 2]) -> i32 {
    i32::from(second) << 16 | i32::from(first as u16)
}

/// A finite number of 16 bits. The exponents differ by 112, which a product makes up for, also where there is no leading one.
#[inline(always)]
pub(super) fn half(bytes: [u8; 2]) -> f32 {
    let wide = i32::from(i16::from_le_bytes(bytes)) << 13;
    f32::from_bits(wide as u32 & 0x8FFF_E000) * UP_112
}

/// Two to the power of 112.
const UP_112: f32 = f32::from_bits((112 + 127) << 23);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use pulp::x86::{V3, V4};
    use pulp::{cast, f32x8, f32x16, i8x16, i32x8, i32x16, u8x16, u16x16, u32x8, u32x16};

    use super::Lanes;

    impl Lanes for V4 {
        type V = f32x16;
        type B = u8x16;
        type I = i32x16;
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
        fn nibbles(self, bytes: &[u8; 16]) -> [f32x16; 2] {
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
            [pick(wide), pick(high)]
        }

        #[inline(always)]
        fn unsigned(self, b: u8x16) -> f32x16 {
            self.convert_i32x16_to_f32x16(cast(self.convert_u8x16_to_u32x16(b)))
        }

        #[inline(always)]
        fn signed(self, b: u8x16) -> f32x16 {
            self.convert_i32x16_to_f32x16(self.convert_i8x16_to_i32x16(cast::<_, i8x16>(b)))
        }

        #[inline(always)]
        fn add_where(self, v: f32x16, bits: u16, more: f32) -> f32x16 {
            let more = self.splat(more);
            cast(
                self.avx512f
                    ._mm512_mask_add_ps(cast(v), bits, cast(v), cast(more)),
            )
        }

        #[inline(always)]
        fn halves(self, bytes: &[u8; 32]) -> f32x16 {
            cast(self.avx512f._mm512_cvtph_ps(cast(*bytes)))
        }

        #[inline(always)]
        fn upper_halves(self, bytes: &[u8; 32]) -> f32x16 {
            let wide = self.convert_u16x16_to_u32x16(cast::<_, u16x16>(*bytes));
            cast(self.shl_const_u32x16::<16>(wide))
        }

        #[inline(always)]
        fn bytes(self, bytes: &[u8; 16]) -> u8x16 {
            cast(*bytes)
        }

        #[inline(always)]
        fn and(self, b: u8x16, mask: u8) -> u8x16 {
            self.and_u8x16(b, self.splat_u8x16(mask))
        }

        #[inline(always)]
        fn less(self, b: u8x16, much: u8) -> u8x16 {
            self.wrapping_sub_u8x16(b, self.splat_u8x16(much))
        }

        #[inline(always)]
        fn or(self, a: u8x16, b: u8x16) -> u8x16 {
            self.or_u8x16(a, b)
        }

        #[inline(always)]
        fn down<const N: i32>(self, b: u8x16) -> u8x16 {
            self.and(cast(self.shr_const_u16x8::<N>(cast(b))), 0xFF >> N)
        }

        #[inline(always)]
        fn up<const N: i32>(self, b: u8x16) -> u8x16 {
            self.and(cast(self.shl_const_u16x8::<N>(cast(b))), 0xFF << N)
        }

        #[inline(always)]
        fn store(self, v: f32x16) -> [f32; 16] {
            cast(v)
        }

        #[inline(always)]
        fn pairs(self, v: f32x16) -> [i32; 8] {
            let whole = self.avx512f._mm512_cvtps_epi32(cast(v));
            cast(self.avx512f._mm512_cvtepi32_epi16(whole))
        }

        #[inline(always)]
        fn nothing(self) -> i32x16 {
            self.splat_i32x16(0)
        }

        #[inline(always)]
        fn whole(self, values: &[i32; 16]) -> i32x16 {
            cast(*values)
        }

        #[inline(always)]
        fn add_products(self, sum: i32x16, x: i32x16, w: i32) -> i32x16 {
            let w = self.splat_i32x16(w);
            let products = self.avx512bw._mm512_madd_epi16(cast(x), cast(w));
            self.wrapping_add_i32x16(sum, cast(products))
        }

        #[inline(always)]
        fn numbers(self, v: i32x16) -> f32x16 {
            self.convert_i32x16_to_f32x16(v)
        }
    }

    /// Eight bytes in the lower half of sixteen.
    #[inline(always)]
    fn eight(bytes: &[u8; 8]) -> u8x16 {
        cast(u128::from(u64::from_le_bytes(*bytes)).to_le_bytes())
    }

    /// Parts of what [`Lanes`] asks for; functions, because a closure may be left out of line, and the instruction set with it.
    trait Eight {
        /// Each of sixteen bytes in a lane of its own.
        fn wide(self, bytes: &[u8; 16]) -> [u32x8; 2];
        fn numbers(self, v: u32x8) -> f32x8;
        fn low(self, v: u32x8) -> u32x8;
        fn high(self, v: u32x8) -> u32x8;
        /// In each lane the bit so many places and its own number from the lowest, at the place above a nibble.
        fn fifth(self, bits: u32x8, from: u32) -> u32x8;
        /// As `half` does it.
        fn eight_halves(self, bytes: [u8; 16]) -> f32x8;
    }

    impl Eight for V3 {
        #[inline(always)]
        fn numbers(self, v: u32x8) -> f32x8 {
            self.convert_i32x8_to_f32x8(cast(v))
        }

        #[inline(always)]
        fn low(self, v: u32x8) -> u32x8 {
            self.and_u32x8(v, self.splat_u32x8(15))
        }

        #[inline(always)]
        fn high(self, v: u32x8) -> u32x8 {
            self.shr_const_u32x8::<4>(v)
        }

        #[inline(always)]
        fn fifth(self, bits: u32x8, from: u32) -> u32x8 {
            let places = [
                from,
                from + 1,
                from + 2,
                from + 3,
                from + 4,
                from + 5,
                from + 6,
                from + 7,
            ];
            self.and_u32x8(self.shr_dyn_u32x8(bits, cast(places)), self.splat_u32x8(16))
        }

        #[inline(always)]
        fn eight_halves(self, bytes: [u8; 16]) -> f32x8 {
            let wide: u32x8 = self.convert_u16x8_to_u32x8(cast(bytes));
            let sign = self.and_u32x8(self.shl_const_u32x8::<16>(wide), self.splat_u32x8(1 << 31));
            let rest = self.and_u32x8(
                self.shl_const_u32x8::<13>(wide),
                self.splat_u32x8(0x0FFF_E000),
            );
            self.mul_f32x8(
                cast(self.or_u32x8(sign, rest)),
                self.splat_f32x8(super::UP_112),
            )
        }

        #[inline(always)]
        fn wide(self, bytes: &[u8; 16]) -> [u32x8; 2] {
            let [a, b]: [[u8; 8]; 2] = cast(*bytes);
            [
                cast(self.convert_u8x16_to_i32x8(eight(&a))),
                cast(self.convert_u8x16_to_i32x8(eight(&b))),
            ]
        }
    }

    impl Lanes for V3 {
        type V = [f32x8; 2];
        type B = u8x16;
        type I = [i32x8; 2];
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
        fn unsigned(self, b: u8x16) -> Self::V {
            let upper = u128::from_le_bytes(cast(b)) >> 64;
            [b, cast(upper.to_le_bytes())]
                .map(|b| self.convert_i32x8_to_f32x8(self.convert_u8x16_to_i32x8(b)))
        }

        #[inline(always)]
        fn signed(self, b: u8x16) -> Self::V {
            let b: i8x16 = cast(b);
            let upper = u128::from_le_bytes(cast(b)) >> 64;
            [b, cast(upper.to_le_bytes())]
                .map(|b| self.convert_i32x8_to_f32x8(self.convert_i8x16_to_i32x8(b)))
        }

        #[inline(always)]
        fn nibbles(self, bytes: &[u8; 16]) -> [Self::V; 2] {
            let [a, b] = self.wide(bytes);
            [
                [
                    Eight::numbers(self, self.low(a)),
                    Eight::numbers(self, self.low(b)),
                ],
                [
                    Eight::numbers(self, self.high(a)),
                    Eight::numbers(self, self.high(b)),
                ],
            ]
        }

        #[inline(always)]
        fn fifths(self, bytes: &[u8; 16], bits: u32) -> [Self::V; 2] {
            // Each lane moves its own bit; the lowest four come from below the place above a nibble.
            let bits = self.splat_u32x8(bits);
            let above = self.shl_const_u32x8::<4>(bits);
            let [a, b] = self.wide(bytes);
            let low = [
                self.or_u32x8(self.low(a), self.fifth(above, 0)),
                self.or_u32x8(self.low(b), self.fifth(above, 8)),
            ];
            let high = [
                self.or_u32x8(self.high(a), self.fifth(above, 16)),
                self.or_u32x8(self.high(b), self.fifth(bits, 20)),
            ];
            [
                [Eight::numbers(self, low[0]), Eight::numbers(self, low[1])],
                [Eight::numbers(self, high[0]), Eight::numbers(self, high[1])],
            ]
        }

        #[inline(always)]
        fn add_where(self, v: Self::V, bits: u16, more: f32) -> Self::V {
            let of_lane: u32x8 = cast([1u32, 2, 4, 8, 16, 32, 64, 128]);
            let more: u32x8 = cast(self.splat_f32x8(more));
            let one = |v: f32x8, bits: u16| {
                let found = self.and_u32x8(self.splat_u32x8(u32::from(bits)), of_lane);
                let is_set = self.cmp_eq_u32x8(found, of_lane);
                self.add_f32x8(v, cast(self.and_u32x8(cast(is_set), more)))
            };
            [one(v[0], bits & 0xFF), one(v[1], bits >> 8)]
        }

        #[inline(always)]
        fn halves(self, bytes: &[u8; 32]) -> Self::V {
            let sides: [[u8; 16]; 2] = cast(*bytes);
            [self.eight_halves(sides[0]), self.eight_halves(sides[1])]
        }

        #[inline(always)]
        fn upper_halves(self, bytes: &[u8; 32]) -> Self::V {
            let sides: [[u8; 16]; 2] = cast(*bytes);
            sides.map(|side| {
                let wide: u32x8 = self.convert_u16x8_to_u32x8(cast(side));
                cast(self.shl_const_u32x8::<16>(wide))
            })
        }

        #[inline(always)]
        fn bytes(self, bytes: &[u8; 16]) -> u8x16 {
            cast(*bytes)
        }

        #[inline(always)]
        fn and(self, b: u8x16, mask: u8) -> u8x16 {
            self.and_u8x16(b, self.splat_u8x16(mask))
        }

        #[inline(always)]
        fn less(self, b: u8x16, much: u8) -> u8x16 {
            self.wrapping_sub_u8x16(b, self.splat_u8x16(much))
        }

        #[inline(always)]
        fn or(self, a: u8x16, b: u8x16) -> u8x16 {
            self.or_u8x16(a, b)
        }

        #[inline(always)]
        fn down<const N: i32>(self, b: u8x16) -> u8x16 {
            self.and(cast(self.shr_const_u16x8::<N>(cast(b))), 0xFF >> N)
        }

        #[inline(always)]
        fn up<const N: i32>(self, b: u8x16) -> u8x16 {
            self.and(cast(self.shl_const_u16x8::<N>(cast(b))), 0xFF << N)
        }

        #[inline(always)]
        fn store(self, v: Self::V) -> [f32; 16] {
            cast(v)
        }

        #[inline(always)]
        fn pairs(self, v: Self::V) -> [i32; 8] {
            let whole: [i32x8; 2] = v.map(|v| cast(self.avx._mm256_cvtps_epi32(cast(v))));
            let whole: [i32; 16] = cast(whole);
            std::array::from_fn(|i| super::pair([whole[2 * i] as i16, whole[2 * i + 1] as i16]))
        }

        #[inline(always)]
        fn nothing(self) -> Self::I {
            [self.splat_i32x8(0); 2]
        }

        #[inline(always)]
        fn whole(self, values: &[i32; 16]) -> Self::I {
            cast(*values)
        }

        #[inline(always)]
        fn add_products(self, sum: Self::I, x: Self::I, w: i32) -> Self::I {
            let w = self.splat_i32x8(w);
            let products = |x: i32x8| cast(self.avx2._mm256_madd_epi16(cast(x), cast(w)));
            [
                self.wrapping_add_i32x8(sum[0], products(x[0])),
                self.wrapping_add_i32x8(sum[1], products(x[1])),
            ]
        }

        #[inline(always)]
        fn numbers(self, v: Self::I) -> Self::V {
            v.map(|v| self.convert_i32x8_to_f32x8(v))
        }
    }
}
