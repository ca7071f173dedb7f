//! Weight matrices as they stay in memory: as they lie in the file, block after block, so that a model takes what its file
//! takes. The kernels read the blocks; what the blocks mean is written down in [`exact`].

mod arena;
mod exact;
#[cfg(test)]
mod tests;

pub(crate) use arena::Arena;
use arena::Stretch;

use crate::error::LoadError;
use crate::gguf::{Format, TensorView};

/// Weights that activations are counted in: every format's blocks are as many or a multiple.
pub(crate) const BLOCK: usize = 32;

/// A block of unquantised values, as two times sixteen lanes.
pub(crate) type Lane2 = [[f32; 16]; 2];

/// Neighbouring rows of a [`Matrix`] that are stored the same way.
#[derive(Debug)]
pub(crate) struct Rows {
    rows: usize,
    format: Format,
    row_bytes: usize,
    bytes: Stretch,
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
    /// Rows of heads of this many come first the even, then the odd ones, see [`halves_first`].
    pub(crate) pairs_of: Option<usize>,
}

impl Matrix {
    /// Takes a tensor of exactly the wanted shape out of a file.
    pub(crate) fn load(
        name: &str,
        view: TensorView<'_>,
        rows: usize,
        cols: usize,
        arena: &mut Arena,
    ) -> Result<Self, LoadError> {
        let source = Source {
            name: name.to_owned(),
            view,
            rows,
            pairs_of: None,
        };
        Self::stack(cols, &[source], arena)
    }

    /// Puts tensors of the same width below each other, so that one pass computes them all.
    ///
    /// Each is read to its last place in the arena: beside the file there is never more than the result.
    pub(crate) fn stack(
        cols: usize,
        sources: &[Source<'_>],
        arena: &mut Arena,
    ) -> Result<Self, LoadError> {
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
        for alike in sources.chunk_by(|a, b| a.view.format == b.view.format) {
            let format = alike[0].view.format;
            let (weights, bytes) = format.block();
            let all = alike.iter().map(|source| source.view.len).sum();
            let (stretch, mut rest) = arena.take(all)?;
            let part = Rows {
                rows: alike.iter().map(|source| source.rows).sum(),
                format,
                row_bytes: cols / weights * bytes,
                bytes: stretch,
            };
            for source in alike {
                let (place, later) = rest.split_at_mut(source.view.len);
                rest = later;
                source.view.read(place)?;
                if !is_finite(format, place) {
                    return Err(LoadError::NotFinite {
                        tensor: source.name.clone(),
                    });
                }
                if let Some(dim) = source.pairs_of {
                    halves_first(place, dim, part.row_bytes);
                }
            }
            parts.push(part);
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

    /// The rows from the first to the last, in runs that are stored the same way.
    pub(crate) fn parts(&self) -> &[Rows] {
        &self.parts
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len()).sum()
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

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The blocks of the rows from one on.
    pub(crate) fn bytes_from(&self, row: usize) -> &[u8] {
        &self.bytes[row * self.row_bytes..]
    }

    /// Bytes of a row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    fn row(&self, row: usize, out: &mut [f32]) {
        let (weights, bytes) = self.format.block();
        let row = &self.bytes_from(row)[..self.row_bytes];
        for (out, block) in out.chunks_exact_mut(weights).zip(row.chunks_exact(bytes)) {
            exact::weights(self.format, block, out);
        }
    }
}

/// Whether all weights are numbers: with quants of few bits it is enough that what they are multiplied with is one.
fn is_finite(format: Format, bytes: &[u8]) -> bool {
    let (_, block_bytes) = format.block();
    // All exponent bits of a number in 16 bits are set in infinities and in what is no number.
    let half = |b: &[u8], at: usize| u16::from_le_bytes([b[at], b[at + 1]]) & 0x7C00 != 0x7C00;
    match format {
        Format::F32 => {
            let mut numbers = bytes.as_chunks().0.iter();
            numbers.all(|b| f32::from_le_bytes(*b).is_finite())
        }
        Format::F16 => bytes.chunks_exact(2).all(|b| half(b, 0)),
        Format::Bf16 => bytes
            .chunks_exact(2)
            .all(|b| u16::from_le_bytes([b[0], b[1]]) & 0x7F80 != 0x7F80),
        _ => bytes
            .chunks_exact(block_bytes)
            .all(|block| exact::scales_at(format).iter().all(|at| half(block, *at))),
    }
}

/// Puts the even rows of each head before its odd ones.
///
/// Some files interleave the two numbers of each rotated pair. Queries and keys meet only in dot products, which do not care
/// about order, so first halves are put before second halves: rotation then works on whole runs of lanes.
pub(crate) fn halves_first<T: Copy>(rows: &mut [T], dim: usize, width: usize) {
    let mut kept = Vec::with_capacity(dim * width);
    for head in rows.chunks_exact_mut(dim * width) {
        kept.clear();
        kept.extend_from_slice(head);
        for (at, row) in head.chunks_exact_mut(width).enumerate() {
            let from = if at < dim / 2 {
                2 * at
            } else {
                2 * (at - dim / 2) + 1
            };
            row.copy_from_slice(&kept[from * width..][..width]);
        }
    }
}

/// A vector of exactly `len` plain weights, such as a norm's.
pub(crate) fn load_vector(
    name: &str,
    view: TensorView<'_>,
    len: usize,
) -> Result<Vec<f32>, LoadError> {
    if view.shape != [len] || !view.format.is_plain() {
        return Err(LoadError::BadShape {
            tensor: name.to_owned(),
            found: view.shape.to_vec(),
            wanted: vec![len],
        });
    }
    let mut bytes = vec![0; view.len];
    view.read(&mut bytes)?;
    if !is_finite(view.format, &bytes) {
        return Err(LoadError::NotFinite {
            tensor: name.to_owned(),
        });
    }
    let mut values = vec![0.0; len];
    let blocks = bytes.chunks_exact(view.format.block().1);
    for (out, block) in values.chunks_exact_mut(1).zip(blocks) {
        exact::weights(view.format, block, out);
    }
    Ok(values)
}

#[cfg(test)]
pub(crate) mod testing {
    use half::f16;

    use super::*;
    use crate::store::Store;

    /// A matrix of noise in a format, as a file would hold it.
    pub(crate) fn quantised(format: Format, rows: usize, cols: usize, seed: usize) -> Matrix {
        of_bytes(format, rows, cols, &noise(format, rows * cols, seed))
    }

    /// A matrix with an arena of its own.
    pub(crate) fn alone<E: std::fmt::Debug>(
        make: impl FnOnce(&mut super::Arena) -> Result<Matrix, E>,
    ) -> Result<Matrix, E> {
        let mut arena = super::Arena::of(1 << 24).unwrap();
        let matrix = make(&mut arena);
        arena.finish();
        matrix
    }

    /// A matrix of these very bytes.
    pub(crate) fn of_bytes(format: Format, rows: usize, cols: usize, bytes: &[u8]) -> Matrix {
        let store = Store::Memory(bytes.to_vec());
        let shape = [rows, cols];
        let view = TensorView::new(&shape, format, 0, bytes.len(), &store);
        alone(|arena| Matrix::load("noise", view, rows, cols, arena)).unwrap()
    }

    /// Blocks of noise whose weights are some hundredths.
    pub(crate) fn noise(format: Format, weights: usize, seed: usize) -> Vec<u8> {
        let byte =
            |i: usize| (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 40_503) >> 7) as u8;
        let (of_block, bytes) = format.block();
        if format.is_plain() {
            let value = |i: usize| (f32::from(byte(i)) - 127.5) / 1000.0;
            return (0..weights)
                .flat_map(|i| match format {
                    Format::F32 => value(i).to_le_bytes().to_vec(),
                    Format::F16 => f16::from_f32(value(i)).to_le_bytes().to_vec(),
                    _ => half::bf16::from_f32(value(i)).to_le_bytes().to_vec(),
                })
                .collect();
        }
        // What the largest quant is, so that each format's weights are as large.
        let largest = match format {
            Format::Q8_0 => 127.0,
            Format::Q4K => 63.0 * 15.0,
            Format::Q5K => 63.0 * 31.0,
            Format::Q6K => 127.0 * 31.0,
            Format::Q5_0 | Format::Q5_1 => 31.0,
            _ => 15.0,
        };
        let mut out: Vec<u8> = (0..weights / of_block * bytes)
            .map(|i| byte(i * 31))
            .collect();
        for (i, block) in out.chunks_exact_mut(bytes).enumerate() {
            for (n, at) in exact::scales_at(format).iter().enumerate() {
                let scale = (0.1 + f32::from(byte(i)) / 2000.0) / largest;
                let value = match (format, n) {
                    (Format::Q4_1 | Format::Q5_1, 1) => -scale * largest / 2.0,
                    (Format::Q4K, 1) => scale * 7.5,
                    (Format::Q5K, 1) => scale * 15.5,
                    // Scales below zero are allowed.
                    _ if i % 3 == 0 => -scale,
                    _ => scale,
                };
                block[*at..at + 2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
            }
        }
        out
    }
}
