//! What the blocks of each format mean, written as plainly as their definition: the reference for the kernels, and what a
//! single row is read by.

use half::{bf16, f16};

use crate::gguf::Format;

/// Writes the exact weights of one block; `out` has as many places as the block has weights.
// The definitions speak of the number of a weight.
#[allow(clippy::needless_range_loop)]
pub(crate) fn weights(format: Format, block: &[u8], out: &mut [f32]) {
    let half = |at: usize| f16::from_le_bytes([block[at], block[at + 1]]).to_f32();
    match format {
        Format::F32 => {
            out[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]);
        }
        Format::F16 => out[0] = half(0),
        Format::Bf16 => out[0] = bf16::from_le_bytes([block[0], block[1]]).to_f32(),
        // Low nibbles are weights 0 to 15, high nibbles 16 to 31, here and in all formats of 32.
        Format::Q4_0 => {
            for i in 0..32 {
                out[i] = half(0) * (nibble(&block[2..], i) - 8.0);
            }
        }
        Format::Q4_1 => {
            for i in 0..32 {
                out[i] = half(0) * nibble(&block[4..], i) + half(2);
            }
        }
        // Four bytes hold the fifth bits, weight 0 in the lowest.
        Format::Q5_0 => {
            for i in 0..32 {
                let fifth = 16.0 * bit(&block[2..], i);
                out[i] = half(0) * (nibble(&block[6..], i) + fifth - 16.0);
            }
        }
        Format::Q5_1 => {
            for i in 0..32 {
                let fifth = 16.0 * bit(&block[4..], i);
                out[i] = half(0) * (nibble(&block[8..], i) + fifth) + half(2);
            }
        }
        Format::Q8_0 => {
            for i in 0..32 {
                out[i] = half(0) * f32::from(block[2 + i] as i8);
            }
        }
        // Eight parts of 32 weights, each with a scale and a minimum of six bits. Two parts share 32 bytes: the first has
        // the low nibbles, the second the high ones.
        Format::Q4K => {
            for i in 0..256 {
                let (scale, minimum) = scale_and_minimum(&block[4..16], i / 32);
                let byte = block[16 + i / 64 * 32 + i % 32];
                let quant = if i / 32 % 2 == 0 {
                    byte & 15
                } else {
                    byte >> 4
                };
                out[i] = half(0) * scale * f32::from(quant) - half(2) * minimum;
            }
        }
        // As before; the fifth bits of part `p` are the bits `p` of 32 bytes.
        Format::Q5K => {
            for i in 0..256 {
                let (scale, minimum) = scale_and_minimum(&block[4..16], i / 32);
                let byte = block[48 + i / 64 * 32 + i % 32];
                let quant = if i / 32 % 2 == 0 {
                    byte & 15
                } else {
                    byte >> 4
                };
                let fifth = block[16 + i % 32] >> (i / 32) & 1;
                out[i] = half(0) * scale * f32::from(quant + 16 * fifth) - half(2) * minimum;
            }
        }
        // Two halves of 128 weights; of each, four runs of 32: low nibbles of 64 bytes, then their high nibbles. The upper
        // two bits of the four runs share 32 bytes. Each sixteen weights have a scale.
        Format::Q6K => {
            for i in 0..256 {
                let (half_at, run, at) = (i / 128, i / 32 % 4, i % 32);
                let byte = block[half_at * 64 + run % 2 * 32 + at];
                let low = if run < 2 { byte & 15 } else { byte >> 4 };
                let high = block[128 + half_at * 32 + at] >> (2 * run) & 3;
                let scale = f32::from(block[192 + i / 16] as i8);
                out[i] = half(208) * scale * (f32::from(low + 16 * high) - 32.0);
            }
        }
    }
}

/// Where a block has the numbers that its weights are multiplied with.
pub(crate) const fn scales_at(format: Format) -> &'static [usize] {
    match format {
        Format::F32 | Format::F16 | Format::Bf16 => &[],
        Format::Q4_0 | Format::Q5_0 | Format::Q8_0 => &[0],
        Format::Q4_1 | Format::Q5_1 | Format::Q4K | Format::Q5K => &[0, 2],
        Format::Q6K => &[208],
    }
}

fn nibble(bytes: &[u8], i: usize) -> f32 {
    f32::from(if i < 16 {
        bytes[i] & 15
    } else {
        bytes[i - 16] >> 4
    })
}

fn bit(bytes: &[u8], i: usize) -> f32 {
    f32::from(bytes[i / 8] >> (i % 8) & 1)
}

/// Twelve bytes hold eight scales and eight minima of six bits: the first four of each in the low six bits of bytes 0 to 3
/// and 4 to 7; of the others the low four bits in bytes 8 to 11, the upper two above the first ones.
fn scale_and_minimum(packed: &[u8], part: usize) -> (f32, f32) {
    let (scale, minimum) = if part < 4 {
        (packed[part] & 63, packed[part + 4] & 63)
    } else {
        (
            packed[part + 4] & 15 | packed[part - 4] >> 6 << 4,
            packed[part + 4] >> 4 | packed[part] >> 6 << 4,
        )
    };
    (f32::from(scale), f32::from(minimum))
}
