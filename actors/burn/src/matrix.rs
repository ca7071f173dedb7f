//! Weight matrices as they stay in memory: quantised, in the layout the kernels read.
//!
//! A block is 32 neighbouring weights of a row. Q4_1 keeps its nibbles (low nibbles are weights 0 to 15, high nibbles 16 to
//! 31) and widens scale and minimum to `f32`, which costs 4 bytes a block and saves a conversion in the innermost loop.

use half::f16;

use crate::error::LoadError;
use crate::gguf::{Format, TensorView};

/// Weights in a block.
pub(crate) const BLOCK: usize = 32;

/// A block of unquantised values, as two times sixteen lanes.
pub(crate) type Lane2 = [[f32; 16]; 2];

/// The weights of a [`Matrix`], block after block, row after row.
#[derive(Debug)]
pub(crate) enum Packed {
    /// Plain weights.
    F32(Vec<Lane2>),
    /// `scale * nibble + minimum`; scales hold the pair (scale, minimum).
    Q4_1 {
        quants: Vec<[u8; 16]>,
        scales: Vec<[f32; 2]>,
    },
    /// `scale * byte`.
    Q8_0 {
        quants: Vec<[[i8; 16]; 2]>,
        scales: Vec<f32>,
    },
}

/// `rows x cols` weights; `cols` is a multiple of [`BLOCK`].
#[derive(Debug)]
pub(crate) struct Matrix {
    rows: usize,
    cols: usize,
    packed: Packed,
}

impl Matrix {
    /// Takes a tensor of exactly the wanted shape out of a file.
    pub(crate) fn load(
        name: &str,
        view: TensorView<'_>,
        rows: usize,
        cols: usize,
    ) -> Result<Self, LoadError> {
        if view.shape != [rows, cols] || !cols.is_multiple_of(BLOCK) {
            return Err(LoadError::BadShape {
                tensor: name.to_owned(),
                found: view.shape.to_vec(),
                wanted: vec![rows, cols],
            });
        }
        let packed = match view.format {
            Format::F32 | Format::F16 => Packed::F32(lanes(&floats(view))),
            Format::Q4_1 => {
                let blocks = view.bytes.as_chunks::<20>().0;
                Packed::Q4_1 {
                    scales: blocks
                        .iter()
                        .map(|b| [half_at(b, 0), half_at(b, 2)])
                        .collect(),
                    quants: blocks
                        .iter()
                        .map(|b| std::array::from_fn(|i| b[4 + i]))
                        .collect(),
                }
            }
            Format::Q8_0 => {
                let blocks = view.bytes.as_chunks::<34>().0;
                let quant = |b: &[u8; 34], i: usize| i8::from_le_bytes([b[2 + i]]);
                Packed::Q8_0 {
                    scales: blocks.iter().map(|b| half_at(b, 0)).collect(),
                    quants: blocks
                        .iter()
                        .map(|b| {
                            std::array::from_fn(|h| std::array::from_fn(|i| quant(b, 16 * h + i)))
                        })
                        .collect(),
                }
            }
        };
        let matrix = Self { rows, cols, packed };
        if !matrix.scales_are_finite() {
            return Err(LoadError::NotFinite {
                tensor: name.to_owned(),
            });
        }
        Ok(matrix)
    }

    /// A matrix of plain weights, row after row. `values` must hold `rows * cols` of them.
    pub(crate) fn from_values(values: &[f32], rows: usize, cols: usize) -> Self {
        assert_eq!(
            values.len(),
            rows * cols,
            "a matrix is given all its values"
        );
        Self {
            rows,
            cols,
            packed: Packed::F32(lanes(values)),
        }
    }

    /// Puts matrices of the same width below each other, so that one pass computes them all.
    pub(crate) fn stack(parts: Vec<Self>) -> Self {
        let cols = parts.first().map_or(0, |part| part.cols);
        assert!(
            parts.iter().all(|part| part.cols == cols),
            "stacked matrices have one width"
        );
        let rows = parts.iter().map(|part| part.rows).sum();
        let mut packed: Option<Packed> = None;
        for part in &parts {
            let fits = match (&mut packed, &part.packed) {
                (None, _) => {
                    packed = Some(part.packed.slice(0, part.packed.len()));
                    true
                }
                (Some(whole), next) => whole.append(next),
            };
            if !fits {
                // Differently stored parts meet as plain weights.
                let mut values = vec![0.0; rows * cols];
                let every_row = parts
                    .iter()
                    .flat_map(|part| (0..part.rows).map(move |row| (part, row)));
                for ((part, row), out) in every_row.zip(values.chunks_exact_mut(cols)) {
                    part.row(row, out);
                }
                return Self::from_values(&values, rows, cols);
            }
        }
        Self {
            rows,
            cols,
            packed: packed.unwrap_or(Packed::F32(Vec::new())),
        }
    }

    /// The same rows in another order: row `i` of the result is row `order(i)` of this one.
    pub(crate) fn reorder_rows(&self, order: impl Fn(usize) -> usize) -> Self {
        let blocks = self.blocks();
        let mut packed = self.packed.slice(0, 0);
        for row in 0..self.rows {
            let from = order(row) * blocks;
            packed.append(&self.packed.slice(from, from + blocks));
        }
        Self {
            rows: self.rows,
            cols: self.cols,
            packed,
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// Blocks in a row.
    pub(crate) fn blocks(&self) -> usize {
        self.cols / BLOCK
    }

    pub(crate) fn packed(&self) -> &Packed {
        &self.packed
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        match &self.packed {
            Packed::F32(values) => size_of_val(&values[..]),
            Packed::Q4_1 { quants, scales } => size_of_val(&quants[..]) + size_of_val(&scales[..]),
            Packed::Q8_0 { quants, scales } => size_of_val(&quants[..]) + size_of_val(&scales[..]),
        }
    }

    /// Writes the exact weights of one row; `out` has `cols` places.
    pub(crate) fn row(&self, row: usize, out: &mut [f32]) {
        let range = row * self.blocks()..(row + 1) * self.blocks();
        let out = out.as_chunks_mut::<BLOCK>().0;
        match &self.packed {
            Packed::F32(values) => {
                for (out, block) in out.iter_mut().zip(&values[range]) {
                    out.copy_from_slice(block.as_flattened());
                }
            }
            Packed::Q4_1 { quants, scales } => {
                for ((out, q), [scale, minimum]) in out
                    .iter_mut()
                    .zip(&quants[range.clone()])
                    .zip(&scales[range])
                {
                    for (i, byte) in q.iter().enumerate() {
                        out[i] = scale * f32::from(byte & 15) + minimum;
                        out[i + 16] = scale * f32::from(byte >> 4) + minimum;
                    }
                }
            }
            Packed::Q8_0 { quants, scales } => {
                for ((out, q), scale) in out
                    .iter_mut()
                    .zip(&quants[range.clone()])
                    .zip(&scales[range])
                {
                    for (out, byte) in out.iter_mut().zip(q.as_flattened()) {
                        *out = scale * f32::from(*byte);
                    }
                }
            }
        }
    }

    /// All weights, row after row.
    pub(crate) fn values(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.rows * self.cols];
        for (row, out) in values.chunks_exact_mut(self.cols).enumerate() {
            self.row(row, out);
        }
        values
    }

    fn scales_are_finite(&self) -> bool {
        match &self.packed {
            Packed::F32(values) => values
                .as_flattened()
                .as_flattened()
                .iter()
                .all(|v| v.is_finite()),
            Packed::Q4_1 { scales, .. } => scales.as_flattened().iter().all(|v| v.is_finite()),
            Packed::Q8_0 { scales, .. } => scales.iter().all(|v| v.is_finite()),
        }
    }
}

impl Packed {
    /// Number of blocks.
    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Q4_1 { quants, .. } => quants.len(),
            Self::Q8_0 { quants, .. } => quants.len(),
        }
    }

    fn slice(&self, from: usize, to: usize) -> Self {
        match self {
            Self::F32(values) => Self::F32(values[from..to].to_vec()),
            Self::Q4_1 { quants, scales } => Self::Q4_1 {
                quants: quants[from..to].to_vec(),
                scales: scales[from..to].to_vec(),
            },
            Self::Q8_0 { quants, scales } => Self::Q8_0 {
                quants: quants[from..to].to_vec(),
                scales: scales[from..to].to_vec(),
            },
        }
    }

    /// Appends blocks stored the same way; says whether they were.
    fn append(&mut self, next: &Self) -> bool {
        match (self, next) {
            (Self::F32(values), Self::F32(more)) => values.extend_from_slice(more),
            (
                Self::Q4_1 { quants, scales },
                Self::Q4_1 {
                    quants: q,
                    scales: s,
                },
            ) => {
                quants.extend_from_slice(q);
                scales.extend_from_slice(s);
            }
            (
                Self::Q8_0 { quants, scales },
                Self::Q8_0 {
                    quants: q,
                    scales: s,
                },
            ) => {
                quants.extend_from_slice(q);
                scales.extend_from_slice(s);
            }
            _ => return false,
        }
        true
    }
}

/// A vector of exactly `len` plain weights, such as a norm's.
pub(crate) fn load_vector(
    name: &str,
    view: TensorView<'_>,
    len: usize,
) -> Result<Vec<f32>, LoadError> {
    if view.shape != [len] || !matches!(view.format, Format::F32 | Format::F16) {
        return Err(LoadError::BadShape {
            tensor: name.to_owned(),
            found: view.shape.to_vec(),
            wanted: vec![len],
        });
    }
    let values = floats(view);
    if values.iter().all(|v| v.is_finite()) {
        Ok(values)
    } else {
        Err(LoadError::NotFinite {
            tensor: name.to_owned(),
        })
    }
}

/// Values of a tensor in F32 or F16; nothing for other formats.
fn floats(view: TensorView<'_>) -> Vec<f32> {
    match view.format {
        Format::F32 => view
            .bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
        Format::F16 => view
            .bytes
            .as_chunks()
            .0
            .iter()
            .map(|b| f16::from_le_bytes(*b).to_f32())
            .collect(),
        Format::Q4_1 | Format::Q8_0 => Vec::new(),
    }
}

fn lanes(values: &[f32]) -> Vec<Lane2> {
    values
        .as_chunks::<BLOCK>()
        .0
        .iter()
        .map(|block| std::array::from_fn(|h| std::array::from_fn(|i| block[16 * h + i])))
        .collect()
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A matrix of noise in a format, as a file would hold it.
    pub(crate) fn quantised(format: &str, rows: usize, cols: usize, seed: usize) -> Matrix {
        let byte =
            |i: usize| (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 40_503) >> 7) as u8;
        let blocks = rows * cols / BLOCK;
        let half = |value: f32| f16::from_f32(value).to_le_bytes();
        let scale = |i: usize| 0.002 + f32::from(byte(i)) / 20_000.0;
        let (format, bytes): (Format, Vec<u8>) = match format {
            "Q4_1" => {
                let block = |i: usize| {
                    let quants = (0..16).map(move |j| byte(i * 31 + j));
                    [half(scale(i)), half(-7.5 * scale(i))]
                        .concat()
                        .into_iter()
                        .chain(quants)
                };
                (Format::Q4_1, (0..blocks).flat_map(block).collect())
            }
            "Q8_0" => {
                let block = |i: usize| {
                    half(scale(i) / 16.0)
                        .into_iter()
                        .chain((0..32).map(move |j| byte(i * 37 + j)))
                };
                (Format::Q8_0, (0..blocks).flat_map(block).collect())
            }
            _ => {
                let value = |i: usize| ((f32::from(byte(i)) - 127.5) / 1000.0).to_le_bytes();
                (Format::F32, (0..rows * cols).flat_map(value).collect())
            }
        };
        Matrix::load(
            "noise",
            TensorView {
                shape: &[rows, cols],
                format,
                bytes: &bytes,
            },
            rows,
            cols,
        )
        .unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q4_1(scale: f32, minimum: f32, bytes: [u8; 16]) -> Vec<u8> {
        let mut block = f16::from_f32(scale).to_le_bytes().to_vec();
        block.extend(f16::from_f32(minimum).to_le_bytes());
        block.extend(bytes);
        block
    }

    #[test]
    fn blocks_mean_what_the_format_says() {
        let bytes = q4_1(0.5, -1.0, std::array::from_fn(|i| (i as u8) | 0x30));
        let view = TensorView {
            shape: &[1, 32],
            format: Format::Q4_1,
            bytes: &bytes,
        };
        let values = Matrix::load("w", view, 1, 32).unwrap().values();
        assert_eq!(
            (values[0], values[15], values[16], values[31]),
            (-1.0, 6.5, 0.5, 0.5)
        );

        let mut bytes = f16::from_f32(0.25).to_le_bytes().to_vec();
        bytes.extend((0..32).map(|i| (i as i8 - 16) as u8));
        let view = TensorView {
            shape: &[1, 32],
            format: Format::Q8_0,
            bytes: &bytes,
        };
        let values = Matrix::load("w", view, 1, 32).unwrap().values();
        assert_eq!((values[0], values[16], values[31]), (-4.0, 0.0, 3.75));

        let bytes: Vec<u8> = (0..32)
            .flat_map(|i| f16::from_f32(i as f32).to_le_bytes())
            .collect();
        let view = TensorView {
            shape: &[1, 32],
            format: Format::F16,
            bytes: &bytes,
        };
        assert_eq!(Matrix::load("w", view, 1, 32).unwrap().values()[31], 31.0);
    }

    #[test]
    fn a_wrong_shape_or_an_infinite_scale_is_refused() {
        let bytes = q4_1(f32::INFINITY, 0.0, [0; 16]);
        let view = TensorView {
            shape: &[1, 32],
            format: Format::Q4_1,
            bytes: &bytes,
        };
        assert!(
            Matrix::load("w", view, 1, 32)
                .unwrap_err()
                .to_string()
                .contains("finite")
        );
        assert!(
            Matrix::load("w", view, 2, 32)
                .unwrap_err()
                .to_string()
                .contains("[1, 32], wanted [2, 32]")
        );
    }

    #[test]
    fn stacking_and_reordering_keep_every_row() {
        let numbers = |from: usize, rows: usize| -> Vec<f32> {
            (from * 32..(from + rows) * 32).map(|i| i as f32).collect()
        };
        let plain = Matrix::stack(vec![
            Matrix::from_values(&numbers(0, 2), 2, 32),
            Matrix::from_values(&numbers(2, 1), 1, 32),
        ]);
        assert_eq!((plain.rows(), plain.values()), (3, numbers(0, 3)));

        let bytes = q4_1(1.0, 0.0, [0x21; 16]);
        let quantised = Matrix::load(
            "w",
            TensorView {
                shape: &[1, 32],
                format: Format::Q4_1,
                bytes: &bytes,
            },
            1,
            32,
        )
        .unwrap();
        let mixed = Matrix::stack(vec![quantised, Matrix::from_values(&numbers(0, 1), 1, 32)]);
        assert_eq!(
            (mixed.values()[0], mixed.values()[16], mixed.values()[33]),
            (1.0, 2.0, 1.0)
        );

        let turned = plain.reorder_rows(|row| 2 - row).values();
        assert_eq!((turned[0], turned[64]), (64.0, 0.0));
    }
}
