//! all-MiniLM-L6-v2: text to a vector of length 1, on any Burn device.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData, activation};
use safetensors::{Dtype, SafeTensors};

use crate::error::LoadError;
use crate::store::read_file;
use crate::wordpiece::{Encoded, WordPieces};

/// The model was trained on this many tokens, though it has places for more and its tokenizer file says less.
pub(crate) const CONTEXT: usize = 256;
const HIDDEN: usize = 384;
const HEADS: usize = 12;
const DIM: usize = HIDDEN / HEADS;
const INNER: usize = 1536;
const LAYERS: usize = 6;
const EPSILON: f32 = 1e-12;

pub(crate) struct MiniLm {
    device: Device,
    tokenizer: WordPieces,
    /// `[vocabulary][HIDDEN]`, in main memory: a token needs only its own row.
    words: Vec<f32>,
    /// Position and segment embeddings, `[CONTEXT][HIDDEN]`.
    places: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    parameters: u64,
}

struct Layer {
    qkv: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    inner: Linear,
    outer: Linear,
    norm: Norm,
}

/// `x W + b` with `W` as `[in, out]`.
struct Linear {
    weight: Tensor<2>,
    bias: Tensor<3>,
}

struct Norm {
    scale: Tensor<3>,
    shift: Tensor<3>,
}

impl MiniLm {
    /// Loads `model.safetensors` and `tokenizer.json`.
    pub(crate) fn load(
        weights: &Path,
        tokenizer: &Path,
        device: Device,
    ) -> Result<Self, LoadError> {
        let bytes = read_file(weights)?;
        let file = crate::weights::open(&bytes)?;
        let source = Source {
            file: &file,
            device: &device,
        };
        let (words, rows) = source.table("embeddings.word_embeddings.weight")?;
        let tokenizer = WordPieces::parse(&read_file(tokenizer)?, rows)?;
        let (positions, places) = source.table("embeddings.position_embeddings.weight")?;
        if places < CONTEXT {
            let (found, wanted) = (vec![places, HIDDEN], vec![CONTEXT, HIDDEN]);
            return Err(LoadError::BadShape {
                tensor: "embeddings.position_embeddings.weight".into(),
                found,
                wanted,
            });
        }
        let (segments, _) = source.table("embeddings.token_type_embeddings.weight")?;
        let places = positions.chunks_exact(HIDDEN).take(CONTEXT);
        let places = places
            .flat_map(|row| row.iter().zip(&segments).map(|(a, b)| a + b))
            .collect();
        let norm = source.norm("embeddings.LayerNorm")?;
        let layers = (0..LAYERS)
            .map(|i| source.layer(i))
            .collect::<Result<_, _>>()?;
        let parameters = file
            .tensors()
            .iter()
            .filter(|(_, t)| t.dtype() == Dtype::F32)
            .map(|(_, t)| t.data().len() as u64 / 4)
            .sum();
        Ok(Self {
            words,
            places,
            norm,
            layers,
            parameters,
            tokenizer,
            device,
        })
    }

    pub(crate) const fn dimensions() -> usize {
        HIDDEN
    }

    pub(crate) fn parameters(&self) -> u64 {
        self.parameters
    }

    /// Ids of a text, at most [`CONTEXT`].
    pub(crate) fn encode(&self, text: &str) -> Result<Encoded, String> {
        self.tokenizer.encode(text, CONTEXT)
    }

    /// One vector for each list of ids: mean over its tokens, then length 1.
    pub(crate) fn embed(&self, batch: &[&[u32]]) -> Result<Vec<Vec<f32>>, String> {
        let (texts, longest) = (
            batch.len(),
            batch.iter().map(|ids| ids.len()).max().unwrap_or(0),
        );
        if longest == 0 {
            return Ok(vec![vec![0.0; HIDDEN]; texts]);
        }
        let mut rows = vec![0.0; texts * longest * HIDDEN];
        let mut hidden = vec![0.0; texts * longest];
        let mut share = vec![0.0; texts * longest];
        for (text, ids) in batch.iter().enumerate() {
            for place in 0..longest {
                let at = text * longest + place;
                let Some(id) = ids.get(place) else {
                    hidden[at] = -1.0e30;
                    continue;
                };
                share[at] = 1.0 / ids.len() as f32;
                let word = &self.words[*id as usize * HIDDEN..][..HIDDEN];
                let place = &self.places[place * HIDDEN..][..HIDDEN];
                for ((out, word), place) in rows[at * HIDDEN..][..HIDDEN]
                    .iter_mut()
                    .zip(word)
                    .zip(place)
                {
                    *out = word + place;
                }
            }
        }
        let tensor = |values: Vec<f32>, shape: [usize; 3]| {
            Tensor::<3>::from_data(TensorData::new(values, shape), &self.device)
        };
        let mut x = self.norm.apply(tensor(rows, [texts, longest, HIDDEN]));
        let hidden = tensor(hidden, [texts, 1, longest]).reshape([texts, 1, 1, longest]);
        for layer in &self.layers {
            x = layer.apply(x, &hidden);
        }
        let mean = tensor(share, [texts, 1, longest])
            .matmul(x)
            .reshape([texts, HIDDEN]);
        let values: Vec<f32> = mean.try_into_vec_as().map_err(|e| e.to_string())?;
        values
            .chunks_exact(HIDDEN)
            .map(|mean| {
                let length = mean.iter().map(|v| v * v).sum::<f32>().sqrt();
                if !(length > 0.0 && length.is_finite()) {
                    return Err(format!("an embedding has length {length}"));
                }
                Ok(mean.iter().map(|v| v / length).collect())
            })
            .collect()
    }
}

impl Layer {
    /// `hidden` is `[texts, 1, 1, places]`: 0 for a token, far below for none.
    fn apply(&self, x: Tensor<3>, hidden: &Tensor<4>) -> Tensor<3> {
        let [texts, places, _] = x.dims();
        let qkv = self.qkv.apply(x.clone());
        let part = |i: usize| {
            qkv.clone()
                .narrow(2, i * HIDDEN, HIDDEN)
                .reshape([texts, places, HEADS, DIM])
                .swap_dims(1, 2)
        };
        let scores = (part(0) * (1.0 / (DIM as f32).sqrt())).matmul(part(1).swap_dims(2, 3))
            + hidden.clone();
        let seen = activation::softmax(scores, 3)
            .matmul(part(2))
            .swap_dims(1, 2)
            .reshape([texts, places, HIDDEN]);
        let x = self
            .attention_norm
            .apply(x + self.attention_out.apply(seen));
        let inner = activation::gelu(self.inner.apply(x.clone()));
        self.norm.apply(x + self.outer.apply(inner))
    }
}

impl Linear {
    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        let [texts, places, width] = x.dims();
        let [_, out] = self.weight.dims();
        x.reshape([texts * places, width])
            .matmul(self.weight.clone())
            .reshape([texts, places, out])
            + self.bias.clone()
    }
}

impl Norm {
    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        let centred = x.clone() - x.mean_dim(2);
        let variance = (centred.clone() * centred.clone()).mean_dim(2);
        centred / (variance + EPSILON).sqrt() * self.scale.clone() + self.shift.clone()
    }
}

struct Source<'a> {
    file: &'a SafeTensors<'a>,
    device: &'a Device,
}

impl Source<'_> {
    /// All values of a tensor and its shape; the names may carry the prefix `bert.`.
    fn values(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>), LoadError> {
        let long = format!("bert.{name}");
        let view = match (self.file.tensor(name), self.file.tensor(&long)) {
            (Ok(_), Ok(_)) => return Err(LoadError::TensorTwice { tensor: long }),
            (Ok(view), _) | (_, Ok(view)) => view,
            (Err(_), Err(_)) => {
                return Err(LoadError::TensorMissing {
                    tensor: name.to_owned(),
                });
            }
        };
        if view.dtype() != Dtype::F32 {
            let found = format!("{:?}", view.dtype());
            return Err(LoadError::Unsupported {
                what: "the number format",
                found,
                wanted: "F32 is read",
            });
        }
        let values: Vec<f32> = view
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect();
        if !values.iter().all(|v| v.is_finite()) {
            return Err(LoadError::NotFinite {
                tensor: name.to_owned(),
            });
        }
        Ok((values, view.shape().to_vec()))
    }

    fn shaped(&self, name: &str, wanted: &[usize]) -> Result<Vec<f32>, LoadError> {
        let (values, found) = self.values(name)?;
        if found != wanted {
            return Err(LoadError::BadShape {
                tensor: name.to_owned(),
                found,
                wanted: wanted.to_vec(),
            });
        }
        Ok(values)
    }

    /// A table of rows of [`HIDDEN`] values, and how many.
    fn table(&self, name: &str) -> Result<(Vec<f32>, usize), LoadError> {
        let (values, shape) = self.values(name)?;
        match shape[..] {
            [rows, HIDDEN] if rows > 0 => Ok((values, rows)),
            _ => Err(LoadError::BadShape {
                tensor: name.to_owned(),
                found: shape,
                wanted: vec![1, HIDDEN],
            }),
        }
    }

    /// Linear layers that read the same input, put beside each other.
    fn linear(&self, names: &[String], input: usize, output: usize) -> Result<Linear, LoadError> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weight.extend(self.shaped(&format!("{name}.weight"), &[output, input])?);
            bias.extend(self.shaped(&format!("{name}.bias"), &[output])?);
        }
        let output = output * names.len();
        Ok(Linear {
            weight: Tensor::<2>::from_data(TensorData::new(weight, [output, input]), self.device)
                .transpose(),
            bias: self.row(bias),
        })
    }

    fn norm(&self, name: &str) -> Result<Norm, LoadError> {
        Ok(Norm {
            scale: self.row(self.shaped(&format!("{name}.weight"), &[HIDDEN])?),
            shift: self.row(self.shaped(&format!("{name}.bias"), &[HIDDEN])?),
        })
    }

    fn row(&self, values: Vec<f32>) -> Tensor<3> {
        let width = values.len();
        Tensor::from_data(TensorData::new(values, [1, 1, width]), self.device)
    }

    fn layer(&self, i: usize) -> Result<Layer, LoadError> {
        let name = |part: &str| format!("encoder.layer.{i}.{part}");
        let qkv = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        Ok(Layer {
            qkv: self.linear(&qkv, HIDDEN, HIDDEN)?,
            attention_out: self.linear(&[name("attention.output.dense")], HIDDEN, HIDDEN)?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            inner: self.linear(&[name("intermediate.dense")], HIDDEN, INNER)?,
            outer: self.linear(&[name("output.dense")], INNER, HIDDEN)?,
            norm: self.norm(&name("output.LayerNorm"))?,
        })
    }
}
