//! The blocks of each format, thirty-two weights at a time, on lanes. What they mean is written plainly in
//! `matrix::exact`, and the tests hold one to the other.

use super::lanes::{Lanes, half};

/// The most scales that are taken from a row at once.
pub(super) const HEADS: usize = 64;

/// A format's blocks. A plain format's are thirty-two numbers. Thirty-two neighbouring weights are a group: two halves of sixteen, each
/// `scale * quant + minimum`.
pub(super) trait Blocks {
    /// Its bytes.
    type Block: Copy;
    /// Groups of a block.
    const GROUPS: usize;
    /// Scales are 1 and there is no minimum.
    const IS_PLAIN: bool = false;
    /// There is a minimum.
    const HAS_MINIMUM: bool = false;
    /// The scales of a group: the two halves may have scales of their own.
    const SCALES: usize = 1;

    /// The blocks in these bytes.
    fn of(bytes: &[u8]) -> &[Self::Block];
    /// Hands out the quants of the groups of a block in their order.
    fn quants<L: Lanes>(l: L, block: &Self::Block, take: impl FnMut(usize, [L::V; 2]));
    /// The scales of a group's halves and its minimum.
    fn head(block: &Self::Block, group: usize) -> ([f32; 2], f32);

    /// The scales of some neighbouring blocks one after the other, and `sum` with the products of their minima and `sums`, of activations.
    /// A plain format has neither.
    #[inline(always)]
    fn heads<L: Lanes>(
        _: L,
        _: &[Self::Block],
        _sums: &[f32],
        _scales: &mut [f32; HEADS],
        sum: L::V,
    ) -> L::V {
        sum
    }
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

#[inline(always)]
fn four_of<const AT: usize, const N: usize>(blocks: &[[u8; N]; 16], at: usize) -> u64 {
    const { assert!(AT + 2 <= N) };
    let mut four = 0;
    for i in 0..4 {
        let one = u16::from_le_bytes([blocks[at + i][AT], blocks[at + i][AT + 1]]);
        four |= u64::from(one) << (16 * i);
    }
    four
}

/// The numbers of 16 bits at one place of sixteen blocks.
#[inline(always)]
fn halves_of<L: Lanes, const AT: usize, const N: usize>(l: L, blocks: &[[u8; N]; 16]) -> L::V {
    let fours = [
        four_of::<AT, N>(blocks, 0),
        four_of::<AT, N>(blocks, 4),
        four_of::<AT, N>(blocks, 8),
        four_of::<AT, N>(blocks, 12),
    ];
    l.halves(&pulp::cast(fours))
}

/// A format whose blocks are one group each.
trait Small<const N: usize>: Blocks<Block = [u8; N]> {
    /// The scales and minima of sixteen blocks.
    fn sixteen<L: Lanes>(l: L, blocks: &[[u8; N]; 16]) -> [L::V; 2];
}

/// The heads of such blocks, sixteen at a time.
#[inline(always)]
fn by_sixteen<B: Small<N>, L: Lanes, const N: usize>(
    l: L,
    blocks: &[[u8; N]],
    sums: &[f32],
    scales: &mut [f32; HEADS],
    mut sum: L::V,
) -> L::V {
    let (runs, rest) = blocks.as_chunks::<16>();
    let of_runs = scales.as_chunks_mut::<16>().0;
    for ((run, sums), scales) in runs.iter().zip(sums.as_chunks::<16>().0).zip(of_runs) {
        let [own, minima] = B::sixteen(l, run);
        *scales = l.store(own);
        if B::HAS_MINIMUM {
            sum = l.fma(minima, l.load(sums), sum);
        }
    }
    let done = 16 * runs.len();
    let mut minima = 0.0;
    for (at, block) in rest.iter().enumerate() {
        let (own, minimum) = B::head(block, 0);
        scales[done + at] = own[0];
        if B::HAS_MINIMUM {
            minima += minimum * sums[done + at];
        }
    }
    if B::HAS_MINIMUM && !rest.is_empty() {
        let mut lanes = [0.0; 16];
        lanes[0] = minima;
        sum = l.fma(l.load(&lanes), l.splat(1.0), sum);
    }
    sum
}

/// The heads of a format as a function for all of its kind takes them.
macro_rules! heads_by {
    ($all:ident) => {
        #[inline(always)]
        fn heads<L: Lanes>(
            l: L,
            blocks: &[Self::Block],
            sums: &[f32],
            scales: &mut [f32; HEADS],
            sum: L::V,
        ) -> L::V {
            $all::<Self, L, _>(l, blocks, sums, scales, sum)
        }
    };
}

pub(super) struct F32;

impl Blocks for F32 {
    blocks_of!(128);
    const GROUPS: usize = 1;
    const IS_PLAIN: bool = true;

    #[inline(always)]
    fn head(_: &[u8; 128], _: usize) -> ([f32; 2], f32) {
        ([1.0; 2], 0.0)
    }

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 128], mut take: impl FnMut(usize, [L::V; 2])) {
        let numbers = block.as_chunks::<4>().0;
        let side = |h: usize| {
            let values: [f32; 16] =
                std::array::from_fn(|i| f32::from_le_bytes(numbers[16 * h + i]));
            l.load(&values)
        };
        take(0, [side(0), side(1)]);
    }
}

pub(super) struct F16;

impl Blocks for F16 {
    blocks_of!(64);
    const GROUPS: usize = 1;
    const IS_PLAIN: bool = true;

    #[inline(always)]
    fn head(_: &[u8; 64], _: usize) -> ([f32; 2], f32) {
        ([1.0; 2], 0.0)
    }

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 64], mut take: impl FnMut(usize, [L::V; 2])) {
        let sides = block.as_chunks::<32>().0;
        take(0, [l.halves(&sides[0]), l.halves(&sides[1])]);
    }
}

pub(super) struct Bf16;

impl Blocks for Bf16 {
    blocks_of!(64);
    const GROUPS: usize = 1;
    const IS_PLAIN: bool = true;

    #[inline(always)]
    fn head(_: &[u8; 64], _: usize) -> ([f32; 2], f32) {
        ([1.0; 2], 0.0)
    }

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 64], mut take: impl FnMut(usize, [L::V; 2])) {
        let sides = block.as_chunks::<32>().0;
        take(0, [l.upper_halves(&sides[0]), l.upper_halves(&sides[1])]);
    }
}

pub(super) struct Q4_0;

impl Blocks for Q4_0 {
    blocks_of!(18);
    const GROUPS: usize = 1;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn head(block: &[u8; 18], _: usize) -> ([f32; 2], f32) {
        let scale = half_of::<0, 18>(block);
        ([scale; 2], -8.0 * scale)
    }

    heads_by!(by_sixteen);

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 18], mut take: impl FnMut(usize, [L::V; 2])) {
        take(0, l.nibbles(part::<2, 18>(block, 0)));
    }
}

impl Small<18> for Q4_0 {
    #[inline(always)]
    fn sixteen<L: Lanes>(l: L, blocks: &[[u8; 18]; 16]) -> [L::V; 2] {
        let scales = halves_of::<L, 0, 18>(l, blocks);
        [scales, l.mul(scales, l.splat(-8.0))]
    }
}

pub(super) struct Q4_1;

impl Blocks for Q4_1 {
    blocks_of!(20);
    const GROUPS: usize = 1;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn head(block: &[u8; 20], _: usize) -> ([f32; 2], f32) {
        let scale = half_of::<0, 20>(block);
        ([scale; 2], half_of::<2, 20>(block))
    }

    heads_by!(by_sixteen);

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 20], mut take: impl FnMut(usize, [L::V; 2])) {
        take(0, l.nibbles(part::<4, 20>(block, 0)));
    }
}

impl Small<20> for Q4_1 {
    #[inline(always)]
    fn sixteen<L: Lanes>(l: L, blocks: &[[u8; 20]; 16]) -> [L::V; 2] {
        let scales = halves_of::<L, 0, 20>(l, blocks);
        [scales, halves_of::<L, 2, 20>(l, blocks)]
    }
}

/// The thirty-two fifth bits of a block.
#[inline(always)]
fn bits_of<const AT: usize, const N: usize>(block: &[u8; N]) -> u32 {
    const { assert!(AT + 4 <= N) };
    u32::from_le_bytes([block[AT], block[AT + 1], block[AT + 2], block[AT + 3]])
}

pub(super) struct Q5_0;

impl Blocks for Q5_0 {
    blocks_of!(22);
    const GROUPS: usize = 1;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn head(block: &[u8; 22], _: usize) -> ([f32; 2], f32) {
        let scale = half_of::<0, 22>(block);
        ([scale; 2], -16.0 * scale)
    }

    heads_by!(by_sixteen);

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 22], mut take: impl FnMut(usize, [L::V; 2])) {
        take(
            0,
            l.fifths(part::<6, 22>(block, 0), bits_of::<2, 22>(block)),
        );
    }
}

impl Small<22> for Q5_0 {
    #[inline(always)]
    fn sixteen<L: Lanes>(l: L, blocks: &[[u8; 22]; 16]) -> [L::V; 2] {
        let scales = halves_of::<L, 0, 22>(l, blocks);
        [scales, l.mul(scales, l.splat(-16.0))]
    }
}

pub(super) struct Q5_1;

impl Blocks for Q5_1 {
    blocks_of!(24);
    const GROUPS: usize = 1;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn head(block: &[u8; 24], _: usize) -> ([f32; 2], f32) {
        let scale = half_of::<0, 24>(block);
        ([scale; 2], half_of::<2, 24>(block))
    }

    heads_by!(by_sixteen);

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 24], mut take: impl FnMut(usize, [L::V; 2])) {
        take(
            0,
            l.fifths(part::<8, 24>(block, 0), bits_of::<4, 24>(block)),
        );
    }
}

impl Small<24> for Q5_1 {
    #[inline(always)]
    fn sixteen<L: Lanes>(l: L, blocks: &[[u8; 24]; 16]) -> [L::V; 2] {
        let scales = halves_of::<L, 0, 24>(l, blocks);
        [scales, halves_of::<L, 2, 24>(l, blocks)]
    }
}

pub(super) struct Q8_0;

impl Blocks for Q8_0 {
    blocks_of!(34);
    const GROUPS: usize = 1;

    #[inline(always)]
    fn head(block: &[u8; 34], _: usize) -> ([f32; 2], f32) {
        let scale = half_of::<0, 34>(block);
        ([scale; 2], 0.0)
    }

    heads_by!(by_sixteen);

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 34], mut take: impl FnMut(usize, [L::V; 2])) {
        let side = |at| l.signed(l.bytes(part::<2, 34>(block, at)));
        take(0, [side(0), side(16)]);
    }
}

impl Small<34> for Q8_0 {
    #[inline(always)]
    fn sixteen<L: Lanes>(l: L, blocks: &[[u8; 34]; 16]) -> [L::V; 2] {
        let scales = halves_of::<L, 0, 34>(l, blocks);
        [scales, scales]
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
fn packed<const N: usize>(block: &[u8; N]) -> [[u8; 8]; 2] {
    let packed: [u8; 12] = std::array::from_fn(|i| block[4 + i]);
    scales_and_minima(&packed)
}

/// The head of a group of a block of 256, whose scale and minimum come first, then the packed ones that these are multiplied with.
#[inline(always)]
fn packed_head<const N: usize>(block: &[u8; N], group: usize) -> ([f32; 2], f32) {
    let (scale, minimum) = (half_of::<0, N>(block), -half_of::<2, N>(block));
    let [scales, minima] = packed(block).map(|own| f32::from(own[group]));
    ([scale * scales; 2], minimum * minima)
}

/// The heads of such blocks.
#[inline(always)]
fn packed_heads<B: Blocks<Block = [u8; N]>, L: Lanes, const N: usize>(
    l: L,
    blocks: &[[u8; N]],
    sums: &[f32],
    scales: &mut [f32; HEADS],
    mut sum: L::V,
) -> L::V {
    let of_blocks = scales
        .as_chunks_mut::<8>()
        .0
        .iter_mut()
        .zip(sums.as_chunks::<8>().0);
    for (block, (scales, sums)) in blocks.iter().zip(of_blocks) {
        let own: [u8; 16] = pulp::cast(packed(block));
        let (scale, minimum) = (half_of::<0, N>(block), -half_of::<2, N>(block));
        let both: [f32; 16] = pulp::cast([[scale; 8], [minimum; 8]]);
        let heads = l.mul(l.load(&both), l.unsigned(l.bytes(&own)));
        // The scales are no minima, so they meet zeros.
        let sums: [f32; 16] = pulp::cast([[0.0; 8], *sums]);
        sum = l.fma(heads, l.load(&sums), sum);
        let heads: [[f32; 8]; 2] = pulp::cast(l.store(heads));
        *scales = heads[0];
    }
    sum
}

pub(super) struct Q4K;

impl Blocks for Q4K {
    blocks_of!(144);
    const GROUPS: usize = 8;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn head(block: &[u8; 144], group: usize) -> ([f32; 2], f32) {
        packed_head(block, group)
    }

    heads_by!(packed_heads);

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 144], mut take: impl FnMut(usize, [L::V; 2])) {
        for pair in 0..4 {
            let [a, c] = l.nibbles(part::<16, 144>(block, 32 * pair));
            let [b, d] = l.nibbles(part::<16, 144>(block, 32 * pair + 16));
            take(2 * pair, [a, b]);
            take(2 * pair + 1, [c, d]);
        }
    }
}

pub(super) struct Q5K;

impl Blocks for Q5K {
    blocks_of!(176);
    const GROUPS: usize = 8;
    const HAS_MINIMUM: bool = true;

    #[inline(always)]
    fn head(block: &[u8; 176], group: usize) -> ([f32; 2], f32) {
        packed_head(block, group)
    }

    heads_by!(packed_heads);

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 176], mut take: impl FnMut(usize, [L::V; 2])) {
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
            take(2 * pair, [a, b]);
            take(2 * pair + 1, [c, d]);
        }
    }
}

pub(super) struct Q6K;

impl Blocks for Q6K {
    blocks_of!(210);
    const GROUPS: usize = 8;
    const SCALES: usize = 2;

    #[inline(always)]
    fn head(block: &[u8; 210], group: usize) -> ([f32; 2], f32) {
        let scale = half_of::<208, 210>(block);
        let own = |h: usize| scale * f32::from(block[192 + 2 * group + h] as i8);
        ([own(0), own(1)], 0.0)
    }

    #[inline(always)]
    fn heads<L: Lanes>(
        l: L,
        blocks: &[[u8; 210]],
        _: &[f32],
        scales: &mut [f32; HEADS],
        sum: L::V,
    ) -> L::V {
        for (block, scales) in blocks.iter().zip(scales.as_chunks_mut::<16>().0) {
            let scale = l.splat(half_of::<208, 210>(block));
            let own = l.signed(l.bytes(part::<192, 210>(block, 0)));
            *scales = l.store(l.mul(scale, own));
        }
        sum
    }

    #[inline(always)]
    fn quants<L: Lanes>(l: L, block: &[u8; 210], mut take: impl FnMut(usize, [L::V; 2])) {
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
                    l.signed(l.less(l.or(low, l.up::<4>(l.and(upper[h], 3))), 32))
                };
                let halves = [side(0), side(1)];
                upper = upper.map(|bits| l.down::<2>(bits));
                take(4 * half_at + run, halves);
            }
        }
    }
}
