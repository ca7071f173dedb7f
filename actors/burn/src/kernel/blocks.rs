//! The blocks of each format, thirty-two weights at a time, on lanes. What they mean is written plainly in
//! `matrix::exact`, and the tests hold one to the other.

use super::lanes::{Lanes, half};

/// Thirty-two neighbouring weights: `scales[h] * halves[h] + minimum`.
pub(super) struct Group<V> {
    pub(super) halves: [V; 2],
    pub(super) scales: [f32; 2],
    pub(super) minimum: f32,
}

impl<V> Group<V> {
    #[inline(always)]
    fn new(halves: [V; 2], scale: f32, minimum: f32) -> Self {
        Self {
            halves,
            scales: [scale; 2],
            minimum,
        }
    }
}

/// A format's blocks. A plain format's are thirty-two numbers.
pub(super) trait Blocks {
    /// Its bytes.
    type Block: Copy;
    /// Thirty-twos in a block.
    const GROUPS: usize;
    /// Scales are 1 and there is no minimum.
    const IS_PLAIN: bool = false;
    /// There is a minimum.
    const HAS_MINIMUM: bool = false;
    /// The two halves have scales of their own.
    const TWO_SCALES: bool = false;

    /// The blocks in these bytes.
    fn of(bytes: &[u8]) -> &[Self::Block];
    /// Hands out the groups of a block in their order.
    fn each<L: Lanes>(l: L, block: &Self::Block, take: impl FnMut(usize, Group<L::V>));
}

/// Runs `$work` with `$blocks` standing for the blocks of a format.
macro_rules! with_blocks {
    (@ $name:ident, $blocks:ident => $work:expr) => {{
        type $blocks = crate::kernel::blocks::$name;
        $work
    }};
    ($format:expr, $blocks:ident => $work:expr) => {
        match $format {
            Format::F32 => with_blocks!(@ F32, $blocks => $work),
            Format::F16 => with_blocks!(@ F16, $blocks => $work),
            Format::Bf16 => with_blocks!(@ Bf16, $blocks => $work),
            Format::Q4_0 => with_blocks!(@ Q4_0, $blocks => $work),
            Format::Q4_1 => with_blocks!(@ Q4_1, $blocks => $work),
            Format::Q5_0 => with_blocks!(@ Q5_0, $blocks => $work),
            Format::Q5_1 => with_blocks!(@ Q5_1, $blocks => $work),
            Format::Q8_0 => with_blocks!(@ Q8_0, $blocks => $work),
            Format::Q4K => with_blocks!(@ Q4K, $blocks => $work),
            Format::Q5K => with_blocks!(@ Q5K, $blocks => $work),
            Format::Q6K => with_blocks!(@ Q6K, $blocks => $work),
        }
    };
}
pub(super) use with_blocks;

/// Sixteen bytes of a block.
#[inline(always)]
fn part<const FROM: usize, const N: usize>(block: &[u8; N], at: usize) -> &[u8; 16] {
    const { assert!(FROM + 16 <= N) };
    // The length is known, so what cannot fail costs nothing.
    match block[FROM + at..FROM + at + 16].first_chunk() {
        Some(part) => part,
        None => &[0; 16],
    }
}

#[inline(always)]
fn half_of<const AT: usize, const N: usize>(block: &[u8; N]) -> f32 {
    half([block[AT], block[AT + 1]])
}

macro_rules! blocks_of {
    ($bytes:expr) => {
        type Block = [u8; $bytes];

        #[inline(always)]
        fn of(bytes: &[u8]) -> &[[u8; $bytes]] {
            bytes.as_chunks().0
        }
    };
}

pub(super) struct F32;

impl Blocks for F32 {
    blocks_of!(128);
    const GROUPS: usize = 1;
    const IS_PLAIN: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 128], mut take: impl FnMut(usize, Group<L::V>)) {
        let numbers = block.as_chunks::<4>().0;
        let side = |h: usize| {
            let values: [f32; 16] =
                std::array::from_fn(|i| f32::from_le_bytes(numbers[16 * h + i]));
            l.load(&values)
        };
        take(0, Group::new([side(0), side(1)], 1.0, 0.0));
    }
}

pub(super) struct F16;

impl Blocks for F16 {
    blocks_of!(64);
    const GROUPS: usize = 1;
    const IS_PLAIN: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 64], mut take: impl FnMut(usize, Group<L::V>)) {
        let sides = block.as_chunks::<32>().0;
        let halves = [l.halves(&sides[0]), l.halves(&sides[1])];
        take(0, Group::new(halves, 1.0, 0.0));
    }
}

pub(super) struct Bf16;

impl Blocks for Bf16 {
    blocks_of!(64);
    const GROUPS: usize = 1;
    const IS_PLAIN: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 64], mut take: impl FnMut(usize, Group<L::V>)) {
        let sides = block.as_chunks::<32>().0;
        let halves = [l.upper_halves(&sides[0]), l.upper_halves(&sides[1])];
        take(0, Group::new(halves, 1.0, 0.0));
    }
}

pub(super) struct Q4_0;

impl Blocks for Q4_0 {
    blocks_of!(18);
    const GROUPS: usize = 1;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 18], mut take: impl FnMut(usize, Group<L::V>)) {
        let (low, high) = l.nibbles(part::<2, 18>(block, 0));
        let scale = half_of::<0, 18>(block);
        take(0, Group::new([low, high], scale, -8.0 * scale));
    }
}

pub(super) struct Q4_1;

impl Blocks for Q4_1 {
    blocks_of!(20);
    const GROUPS: usize = 1;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 20], mut take: impl FnMut(usize, Group<L::V>)) {
        let (low, high) = l.nibbles(part::<4, 20>(block, 0));
        let (scale, minimum) = (half_of::<0, 20>(block), half_of::<2, 20>(block));
        take(0, Group::new([low, high], scale, minimum));
    }
}

pub(super) struct Q5_0;

impl Blocks for Q5_0 {
    blocks_of!(22);
    const GROUPS: usize = 1;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 22], mut take: impl FnMut(usize, Group<L::V>)) {
        let (low, high) = l.nibbles(part::<6, 22>(block, 0));
        let low = l.add_where(low, u16::from_le_bytes([block[2], block[3]]), 16.0);
        let high = l.add_where(high, u16::from_le_bytes([block[4], block[5]]), 16.0);
        let scale = half_of::<0, 22>(block);
        take(0, Group::new([low, high], scale, -16.0 * scale));
    }
}

pub(super) struct Q5_1;

impl Blocks for Q5_1 {
    blocks_of!(24);
    const GROUPS: usize = 1;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 24], mut take: impl FnMut(usize, Group<L::V>)) {
        let (low, high) = l.nibbles(part::<8, 24>(block, 0));
        let low = l.add_where(low, u16::from_le_bytes([block[4], block[5]]), 16.0);
        let high = l.add_where(high, u16::from_le_bytes([block[6], block[7]]), 16.0);
        let (scale, minimum) = (half_of::<0, 24>(block), half_of::<2, 24>(block));
        take(0, Group::new([low, high], scale, minimum));
    }
}

pub(super) struct Q8_0;

impl Blocks for Q8_0 {
    blocks_of!(34);
    const GROUPS: usize = 1;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 34], mut take: impl FnMut(usize, Group<L::V>)) {
        let side = |at| l.signed(l.bytes(part::<2, 34>(block, at)));
        take(
            0,
            Group::new([side(0), side(16)], half_of::<0, 34>(block), 0.0),
        );
    }
}

/// The eight scales and eight minima of a block of 256, six bits each, taken apart all at once.
#[inline(always)]
fn scales_and_minima(packed: &[u8; 12]) -> [[u8; 8]; 2] {
    let word = |at: usize| {
        u32::from_le_bytes([packed[at], packed[at + 1], packed[at + 2], packed[at + 3]])
    };
    let (scales, minima, rest) = (word(0), word(4), word(8));
    let join = |first: u32, second: u32| (u64::from(first) | u64::from(second) << 32).to_le_bytes();
    let upper = |first: u32| first >> 2 & 0x3030_3030;
    [
        join(scales & 0x3F3F_3F3F, rest & 0x0F0F_0F0F | upper(scales)),
        join(
            minima & 0x3F3F_3F3F,
            rest >> 4 & 0x0F0F_0F0F | upper(minima),
        ),
    ]
}

#[inline(always)]
fn packed_scales<const N: usize>(block: &[u8; N]) -> [[u8; 8]; 2] {
    let packed: [u8; 12] = std::array::from_fn(|i| block[4 + i]);
    scales_and_minima(&packed)
}

pub(super) struct Q4K;

impl Blocks for Q4K {
    blocks_of!(144);
    const GROUPS: usize = 8;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 144], mut take: impl FnMut(usize, Group<L::V>)) {
        let (scale, minimum) = (half_of::<0, 144>(block), -half_of::<2, 144>(block));
        let [scales, minima] = packed_scales(block);
        for pair in 0..4 {
            let (a, c) = l.nibbles(part::<16, 144>(block, 32 * pair));
            let (b, d) = l.nibbles(part::<16, 144>(block, 32 * pair + 16));
            for (g, halves) in [(2 * pair, [a, b]), (2 * pair + 1, [c, d])] {
                let (s, m) = (f32::from(scales[g]), f32::from(minima[g]));
                take(g, Group::new(halves, scale * s, minimum * m));
            }
        }
    }
}

pub(super) struct Q5K;

impl Blocks for Q5K {
    blocks_of!(176);
    const GROUPS: usize = 8;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 176], mut take: impl FnMut(usize, Group<L::V>)) {
        let (scale, minimum) = (half_of::<0, 176>(block), -half_of::<2, 176>(block));
        let [scales, minima] = packed_scales(block);
        // Each pair of parts takes the two lowest bits and leaves the others one place lower.
        let mut fifths = [0, 16].map(|at| l.bytes(part::<16, 176>(block, at)));
        for pair in 0..4 {
            let side = |h: usize| {
                let quants = l.bytes(part::<48, 176>(block, 32 * pair + 16 * h));
                let low = l.or(l.and(quants, 15), l.up::<4>(l.and(fifths[h], 1)));
                let high = l.or(l.down::<4>(quants), l.up::<3>(l.and(fifths[h], 2)));
                (l.unsigned(low), l.unsigned(high))
            };
            let ((a, c), (b, d)) = (side(0), side(1));
            fifths = fifths.map(|bits| l.down::<2>(bits));
            for (g, halves) in [(2 * pair, [a, b]), (2 * pair + 1, [c, d])] {
                let (s, m) = (f32::from(scales[g]), f32::from(minima[g]));
                take(g, Group::new(halves, scale * s, minimum * m));
            }
        }
    }
}

pub(super) struct Q6K;

impl Blocks for Q6K {
    blocks_of!(210);
    const GROUPS: usize = 8;
    const TWO_SCALES: bool = true;

    #[inline(always)]
    fn each<L: Lanes>(l: L, block: &[u8; 210], mut take: impl FnMut(usize, Group<L::V>)) {
        let scale = half_of::<208, 210>(block);
        // Six bits less 32, as a signed byte: with bit 5 turned over it stands for the sign, and is put into bits 6 and 7.
        let signed = |quant: L::B| {
            let turned = l.xor(quant, 32);
            let sign = l.and(turned, 32);
            l.signed(l.or(turned, l.or(l.up::<1>(sign), l.up::<2>(sign))))
        };
        for half_at in 0..2 {
            let mut upper = [0, 16].map(|at| l.bytes(part::<128, 210>(block, 32 * half_at + at)));
            for run in 0..4 {
                let side = |h: usize| {
                    let quants =
                        l.bytes(part::<0, 210>(block, 64 * half_at + run % 2 * 32 + 16 * h));
                    let low = if run < 2 {
                        l.and(quants, 15)
                    } else {
                        l.down::<4>(quants)
                    };
                    signed(l.or(low, l.up::<4>(l.and(upper[h], 3))))
                };
                let halves = [side(0), side(1)];
                upper = upper.map(|bits| l.down::<2>(bits));
                let g = 4 * half_at + run;
                let scales = [0, 1].map(|h| scale * f32::from(block[192 + 2 * g + h] as i8));
                take(
                    g,
                    Group {
                        halves,
                        scales,
                        minimum: 0.0,
                    },
                );
            }
        }
    }
}
