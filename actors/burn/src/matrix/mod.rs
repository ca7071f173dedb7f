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

/// Weights stored one way, block after block, row after row.
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

/// Neighbouring rows of a [`Matrix`] that are stored the same way.
#[derive(Debug)]
pub(crate) struct Rows {
    rows: usize,
    /// Blocks in a row.
    blocks: usize,
    packed: Packed,
}

/// `rows x cols` weights; `cols` is a multiple of [`BLOCK`].
///
/// Rows that a file stores in different ways stay as they are: one common form would be several times the file.
#[derive(Debug)]
pub(crate) struct Matrix {
    rows: usize,
    cols: usize,
    parts: Vec<Rows>,
}

/// A tensor on its way into a matrix.
pub(crate) struct Source<'a> {
    pub(crate) name: String,
    pub(crate) view: TensorView<'a>,
    pub(crate) rows: usize,
    /// Row `i` of the matrix is row `order(i)` of the tensor.
    pub(crate) order: &'a dyn Fn(usize) -> usize,
}

impl Matrix {
    /// Takes a tensor of exactly the wanted shape out of a file.
    pub(crate) fn load(
        name: &str,
        view: TensorView<'_>,
        rows: usize,
        cols: usize,
    ) -> Result<Self, LoadError> {
        let source = Source {
            name: name.to_owned(),
            view,
            rows,
            order: &|row| row,
        };
        Self::stack(cols, &[source])
    }

    /// Puts tensors of the same width below each other, so that one pass computes them all.
    ///
    /// Each weight is written once, in its last place: beside the file there is never more than the result.
    pub(crate) fn stack(cols: usize, sources: &[Source<'_>]) -> Result<Self, LoadError> {
        let blocks = cols / BLOCK;
        for Source {
            name, view, rows, ..
        } in sources
        {
            if view.shape != [*rows, cols] || !cols.is_multiple_of(BLOCK) {
                return Err(LoadError::BadShape {
                    tensor: name.clone(),
                    found: view.shape.to_vec(),
                    wanted: vec![*rows, cols],
                });
            }
        }
        let mut parts: Vec<Rows> = Vec::new();
        let same = |a: &Source<'_>, b: &Source<'_>| is_like(a.view.format, b.view.format);
        for alike in sources.chunk_by(same) {
            let rows = alike.iter().map(|source| source.rows).sum::<usize>();
            let mut packed = Packed::with_room(alike[0].view.format, rows * blocks);
            for source in alike {
                let (weights, bytes) = source.view.format.block();
                let row_bytes = cols / weights * bytes;
                for row in 0..source.rows {
                    let from = (source.order)(row) * row_bytes;
                    let row = &source.view.bytes[from..from + row_bytes];
                    if !packed.push_row(source.view.format, row) {
                        return Err(LoadError::NotFinite {
                            tensor: source.name.clone(),
                        });
                    }
                }
            }
            parts.push(Rows {
                rows,
                blocks,
                packed,
            });
        }
        Ok(Self {
            rows: parts.iter().map(|part| part.rows).sum(),
            cols,
            parts,
        })
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

    /// The rows from the first to the last, in runs that are stored the same way.
    pub(crate) fn parts(&self) -> &[Rows] {
        &self.parts
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |part: &Rows| match &part.packed {
            Packed::F32(values) => size_of_val(&values[..]),
            Packed::Q4_1 { quants, scales } => size_of_val(&quants[..]) + size_of_val(&scales[..]),
            Packed::Q8_0 { quants, scales } => size_of_val(&quants[..]) + size_of_val(&scales[..]),
        };
        self.parts.iter().map(bytes).sum()
    }

    /// Writes the exact weights of one row; `out` has `cols` places.
    pub(crate) fn row(&self, mut row: usize, out: &mut [f32]) {
        for part in &self.parts {
            if row < part.rows {
                return part.row(row, out);
            }
            row -= part.rows;
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
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Blocks in a row.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(crate) fn packed(&self) -> &Packed {
        &self.packed
    }

    fn row(&self, row: usize, out: &mut [f32]) {
        let range = row * self.blocks..(row + 1) * self.blocks;
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
}

/// Whether two formats are kept the same way.
fn is_like(a: Format, b: Format) -> bool {
    let plain = |format| matches!(format, Format::F32 | Format::F16);
    a == b || plain(a) && plain(b)
}

impl Packed {
    fn with_room(format: Format, blocks: usize) -> Self {
        match format {
            Format::F32 | Format::F16 => Self::F32(Vec::with_capacity(blocks)),
            Format::Q4_1 => Self::Q4_1 {
                quants: Vec::with_capacity(blocks),
                scales: Vec::with_capacity(blocks),
            },
            Format::Q8_0 => Self::Q8_0 {
                quants: Vec::with_capacity(blocks),
                scales: Vec::with_capacity(blocks),
            },
        }
    }

    /// Appends a row as it lies in a file, in a format [like](is_like) this one; says whether all its numbers are finite.
    fn push_row(&mut self, format: Format, bytes: &[u8]) -> bool {
        let start = self.len();
        match self {
            Self::F32(values) => {
                if format == Format::F32 {
                    let numbers = bytes.as_chunks::<4>().0.as_chunks::<BLOCK>().0;
                    values.extend(numbers.iter().map(|b| lanes(b, |n| f32::from_le_bytes(*n))));
                } else {
                    let numbers = bytes.as_chunks::<2>().0.as_chunks::<BLOCK>().0;
                    values.extend(
                        numbers
                            .iter()
                            .map(|b| lanes(b, |n| f16::from_le_bytes(*n).to_f32())),
                    );
                }
                let new = values[start..].as_flattened().as_flattened();
                new.iter().all(|v| v.is_finite())
            }
            Self::Q4_1 { quants, scales } => {
                for b in bytes.as_chunks::<20>().0 {
                    scales.push([half_at(b, 0), half_at(b, 2)]);
                    quants.push(std::array::from_fn(|i| b[4 + i]));
                }
                let new = scales[start..].as_flattened();
                new.iter().all(|v| v.is_finite())
            }
            Self::Q8_0 { quants, scales } => {
                for b in bytes.as_chunks::<34>().0 {
                    let quant = |i: usize| i8::from_le_bytes([b[2 + i]]);
                    scales.push(half_at(b, 0));
                    quants.push(std::array::from_fn(|h| {
                        std::array::from_fn(|i| quant(16 * h + i))
                    }));
                }
                scales[start..].iter().all(|v| v.is_finite())
            }
        }
    }

    /// Number of blocks.
    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::Q4_1 { quants, .. } => quants.len(),
            Self::Q8_0 { quants, .. } => quants.len(),
        }
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

fn lanes<T>(block: &[T; BLOCK], value: impl Fn(&T) -> f32) -> Lane2 {
    std::array::from_fn(|h| std::array::from_fn(|i| value(&block[16 * h + i])))
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
    fn stacking_keeps_every_row_in_its_order_and_form() {
        let numbers = |from: usize, rows: usize| -> Vec<f32> {
            (from * 32..(from + rows) * 32).map(|i| i as f32).collect()
        };
        let [two, one] = [numbers(0, 2), numbers(2, 1)].map(|values| {
            let bytes = values.iter().flat_map(|v| v.to_le_bytes());
            bytes.collect::<Vec<u8>>()
        });
        let halves: Vec<u8> = numbers(0, 1)
            .iter()
            .flat_map(|v| f16::from_f32(*v).to_le_bytes())
            .collect();
        let packed = q4_1(1.0, 0.0, [0x21; 16]);
        let keep = |row: usize| row;
        let turn = |row: usize| 1 - row;
        let shapes = [[1, 32], [2, 32]];
        let source = |bytes, format, rows: usize, order| Source {
            name: "w".to_owned(),
            view: TensorView {
                shape: &shapes[rows - 1],
                format,
                bytes,
            },
            rows,
            order,
        };
        let sources = [
            source(&two, Format::F32, 2, &turn as &dyn Fn(usize) -> usize),
            source(&one, Format::F32, 1, &keep),
            source(&halves, Format::F16, 1, &keep),
            source(&packed, Format::Q4_1, 1, &keep),
        ];
        let matrix = Matrix::stack(32, &sources).unwrap();
        let quantised = [[1.0; 16], [2.0; 16]].concat();
        let wanted = [
            numbers(1, 1),
            numbers(0, 1),
            numbers(2, 1),
            numbers(0, 1),
            quantised,
        ];
        assert_eq!((matrix.rows(), matrix.values()), (5, wanted.concat()));
        assert_eq!(
            matrix.parts().len(),
            2,
            "what is stored alike lies together"
        );
    }
}
