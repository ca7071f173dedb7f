//! Small Llama files whose greedy answers are known before they are computed.
//!
//! Attention and feed-forward weights are zero, so what enters the output matrix is the embedding of the last token, and
//! the model is a table of which token follows which. Byte `b` has id `b`; from 256 on come control tokens.
#![allow(dead_code)]

pub(crate) mod folder;

/// Ids of the control tokens.
pub(crate) const START: u32 = 257;
pub(crate) const END: u32 = 258;
const CONTROL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const VOCABULARY: u64 = 288;
const HIDDEN: u64 = 64;
const FEED_FORWARD: u64 = 32;
const ALIGNMENT: usize = 32;

/// What follows what: after the last byte of a chain comes the end.
const CHAINS: [&[u8]; 3] = [b"a\xF0\x9F\x98\xB8!", b"xENDy", b"~"];

/// A metadata value in the making: its kind and its bytes.
#[derive(Clone)]
pub(crate) struct Value(pub(crate) u32, pub(crate) Vec<u8>);

impl Value {
    pub(crate) fn u32(number: u32) -> Self {
        Self(4, number.to_le_bytes().to_vec())
    }

    pub(crate) fn f32(number: f32) -> Self {
        Self(6, number.to_le_bytes().to_vec())
    }

    pub(crate) fn bool(value: u8) -> Self {
        Self(7, vec![value])
    }

    pub(crate) fn text(text: &str) -> Self {
        Self(8, counted(text.as_bytes()))
    }

    pub(crate) fn list(kind: u32, count: u64, items: &[u8]) -> Self {
        Self(
            9,
            [&kind.to_le_bytes()[..], &count.to_le_bytes(), items].concat(),
        )
    }

    pub(crate) fn texts<T: AsRef<str>>(texts: &[T]) -> Self {
        let items: Vec<u8> = texts
            .iter()
            .flat_map(|text| counted(text.as_ref().as_bytes()))
            .collect();
        Self::list(8, texts.len() as u64, &items)
    }

    pub(crate) fn i32s(numbers: &[i32]) -> Self {
        let items: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        Self::list(5, numbers.len() as u64, &items)
    }
}

/// A tensor in the making.
#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    /// The fastest dimension first, as in the file.
    pub(crate) dims: Vec<u64>,
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
    /// Where it is said to lie, if not behind the one before.
    pub(crate) offset: Option<u64>,
}

impl Tensor {
    /// The same weights in Q8_0, a quarter of the bytes of F32: a scale and 32 numbers from -127 to 127.
    pub(crate) fn pack(&mut self) {
        assert_eq!(self.kind, 0, "only F32 is packed");
        let mut packed = Vec::new();
        for block in self.data.as_chunks::<128>().0 {
            let values = block.as_chunks::<4>().0;
            let values = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
            let largest = values.clone().fold(0.0_f32, |most, v| most.max(v.abs()));
            let scale = half::f16::from_f32(largest / 127.0);
            packed.extend(scale.to_le_bytes());
            packed.extend(values.flat_map(|v| match scale.to_f32() {
                0.0 => [0],
                scale => ((v / scale).round() as i8).to_le_bytes(),
            }));
        }
        (self.kind, self.data) = (8, packed);
    }
}

/// A whole file in the making; every part can be spoilt before it is written.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) version: u32,
    pub(crate) metadata: Vec<(String, Value)>,
    pub(crate) tensors: Vec<Tensor>,
}

impl File {
    /// The good one.
    pub(crate) fn good() -> Self {
        Self::of_size(HIDDEN, 4, FEED_FORWARD, 64)
    }

    /// A good one that is small enough to be kept: what is large in it has blocks.
    pub(crate) fn small() -> Self {
        let mut file = Self::of_size(32, 2, 32, 16);
        for tensor in &mut file.tensors {
            if tensor.dims.len() > 1 {
                tensor.pack();
            }
        }
        file
    }

    pub(crate) fn of_size(hidden: u64, heads: u32, feed_forward: u64, context: u32) -> Self {
        let mut tokens: Vec<String> = (0..=255).map(|b| stand_in(b).to_string()).collect();
        tokens.extend(CONTROL.iter().map(|name| (*name).to_owned()));
        let rest = VOCABULARY - tokens.len() as u64;
        tokens.extend((0..rest).map(|i| format!("<|reserved_{i}|>")));
        let kinds: Vec<i32> = (0..VOCABULARY)
            .map(|i| if i < 256 { 1 } else { 3 })
            .collect();
        let metadata = [
            ("general.architecture", Value::text("llama")),
            ("llama.block_count", Value::u32(1)),
            ("llama.embedding_length", Value::u32(hidden as u32)),
            ("llama.feed_forward_length", Value::u32(feed_forward as u32)),
            ("llama.attention.head_count", Value::u32(heads)),
            ("llama.context_length", Value::u32(context)),
            ("llama.attention.layer_norm_rms_epsilon", Value::f32(1e-5)),
            ("tokenizer.ggml.model", Value::text("gpt2")),
            ("tokenizer.ggml.pre", Value::text("smollm")),
            ("tokenizer.ggml.tokens", Value::texts(&tokens)),
            ("tokenizer.ggml.token_type", Value::i32s(&kinds)),
            ("tokenizer.ggml.merges", Value::texts::<&str>(&[])),
            ("tokenizer.ggml.eos_token_id", Value::u32(END)),
        ];
        let (embedding, output) = table(hidden as usize);
        let (h, f) = (hidden, feed_forward);
        let zeros = |cols: u64, rows: u64| vec![0.0; (cols * rows) as usize];
        let ones = vec![1.0; h as usize];
        let tensors = vec![
            plain("token_embd.weight", &[h, VOCABULARY], &embedding),
            plain("output_norm.weight", &[h], &ones),
            plain("output.weight", &[h, VOCABULARY], &output),
            plain("blk.0.attn_norm.weight", &[h], &ones),
            plain("blk.0.attn_q.weight", &[h, h], &zeros(h, h)),
            plain("blk.0.attn_k.weight", &[h, h], &zeros(h, h)),
            plain("blk.0.attn_v.weight", &[h, h], &zeros(h, h)),
            plain("blk.0.attn_output.weight", &[h, h], &zeros(h, h)),
            plain("blk.0.ffn_norm.weight", &[h], &ones),
            plain("blk.0.ffn_gate.weight", &[h, f], &zeros(h, f)),
            plain("blk.0.ffn_up.weight", &[h, f], &zeros(h, f)),
            plain("blk.0.ffn_down.weight", &[f, h], &zeros(f, h)),
        ];
        Self {
            version: 3,
            metadata: metadata
                .map(|(key, value)| (key.to_owned(), value))
                .to_vec(),
            tensors,
        }
    }

    /// Sets a key, or adds it.
    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        match self.metadata.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = value,
            None => self.metadata.push((key.to_owned(), value)),
        }
        self
    }

    #[must_use]
    pub(crate) fn without(mut self, key: &str) -> Self {
        self.metadata.retain(|(known, _)| known != key);
        self
    }

    #[must_use]
    pub(crate) fn template(self, template: &str) -> Self {
        self.with("tokenizer.chat_template", Value::text(template))
    }

    pub(crate) fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors
            .iter_mut()
            .find(|tensor| tensor.name == name)
            .expect("a tensor of that name")
    }

    #[must_use]
    pub(crate) fn with_tensor(mut self, name: &str, change: impl FnOnce(&mut Tensor)) -> Self {
        change(self.tensor(name));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, Value(kind, bytes)) in &self.metadata {
            out.extend(counted(key.as_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend(bytes);
        }
        let mut offset = 0;
        for tensor in &self.tensors {
            out.extend(counted(tensor.name.as_bytes()));
            out.extend((tensor.dims.len() as u32).to_le_bytes());
            tensor.dims.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(tensor.kind.to_le_bytes());
            out.extend(tensor.offset.unwrap_or(offset).to_le_bytes());
            offset += tensor.data.len().next_multiple_of(ALIGNMENT) as u64;
        }
        for tensor in &self.tensors {
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
            out.extend(&tensor.data);
        }
        out
    }
}

pub(crate) fn plain(name: &str, dims: &[u64], values: &[f32]) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dims: dims.to_vec(),
        kind: 0,
        data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        offset: None,
    }
}

/// A tensor of zero bytes in a format: 1 for F16, 3 for Q4_1, 8 for Q8_0.
pub(crate) fn zeros(name: &str, dims: &[u64], kind: u32) -> Tensor {
    let (weights, bytes) = match kind {
        0 => (1, 4),
        1 => (1, 2),
        3 => (32, 20),
        _ => (32, 34),
    };
    let count = dims.iter().product::<u64>() / weights * bytes;
    Tensor {
        name: name.to_owned(),
        dims: dims.to_vec(),
        kind,
        data: vec![0; count as usize],
        offset: None,
    }
}

pub(crate) fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u64).to_le_bytes()[..], bytes].concat()
}

/// The embedding and the output matrix: each token in a chain has a direction of its own, which the next one answers to.
fn table(hidden: usize) -> (Vec<f32>, Vec<f32>) {
    let mut embedding = vec![0.0; VOCABULARY as usize * hidden];
    let mut output = embedding.clone();
    let mut direction = 0;
    for chain in CHAINS {
        for (i, token) in chain.iter().enumerate() {
            let next = match chain {
                b"~" => u32::from(b'~'),
                _ => chain.get(i + 1).map_or(END, |next| u32::from(*next)),
            };
            embedding[usize::from(*token) * hidden + direction] = 1.0;
            output[next as usize * hidden + direction] = 4.0;
            direction += 1;
        }
    }
    (embedding, output)
}

/// The printable character that byte-level vocabularies write for a byte.
pub(crate) fn stand_in(byte: u8) -> char {
    let is_printed = |b: u8| matches!(b, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    if is_printed(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|b| !is_printed(*b)).count() as u32;
    char::from_u32(0x100 + before).expect("a character")
}
