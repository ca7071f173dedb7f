//! Byte-level BPE: text is cut into words by a rule that a file names, and each word's bytes are merged.

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

use super::Kinds;
use crate::error::LoadError;

/// How text is cut into words, by the names that files give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    names: &'static [&'static str],
    /// A pattern of words; the one of GPT-2 where there is none.
    words: Option<&'static str>,
    /// Each digit stands alone before that.
    digits: bool,
    /// Composed and decomposed characters are the same text.
    composes: bool,
    /// A word that is a token is not merged together.
    whole_words: bool,
    /// A prompt begins with the begin token, where the file does not say so.
    pub(super) begins: bool,
}

/// What a file that gives no name says is done to a text, see [`Cut`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Does<'a> {
    pub(crate) words: Option<&'a str>,
    pub(crate) digits: bool,
    pub(crate) composes: bool,
    pub(crate) whole_words: bool,
}

const GPT_2: Cut = Cut {
    names: &["gpt-2", "phi-2", "olmo", "mpt"],
    words: None,
    digits: false,
    composes: false,
    whole_words: false,
    begins: false,
};

const CUTS: [Cut; 4] = [
    GPT_2,
    Cut {
        names: &["smollm", "codeshell", "exaone", "minerva-7b"],
        digits: true,
        ..GPT_2
    },
    Cut {
        names: &["llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral"],
        words: Some(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ),
        whole_words: true,
        begins: true,
        ..GPT_2
    },
    Cut {
        names: &["qwen2", "deepseek-r1-qwen"],
        words: Some(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ),
        composes: true,
        ..GPT_2
    },
];

impl Cut {
    pub(super) fn named(name: &str) -> Result<Self, LoadError> {
        let found = CUTS.into_iter().find(|cut| cut.names.contains(&name));
        found.ok_or_else(|| LoadError::Unsupported {
            what: "the pre-tokenizer (tokenizer.ggml.pre)",
            found: name.to_owned(),
            wanted: "gpt-2, smollm, llama-bpe and qwen2 are supported; run this model in a server and name that in [engines]",
        })
    }

    /// The name of the one that does exactly this.
    pub(super) fn that_does(does: &Does<'_>) -> Option<&'static str> {
        let same = |cut: &&Cut| {
            let it_does = (cut.words, cut.digits, cut.composes, cut.whole_words);
            it_does == (does.words, does.digits, does.composes, does.whole_words)
        };
        CUTS.iter().find(same)?.names.first().copied()
    }

    fn pre_tokenizer(self) -> Result<Sequence, String> {
        let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
        if self.digits {
            steps.push(Digits::new(true).into());
        }
        if let Some(words) = self.words {
            let pattern = SplitPattern::Regex(words.to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
            steps.push(split.map_err(|e| e.to_string())?.into());
        }
        steps.push(ByteLevel::new(false, true, self.words.is_none()).into());
        Ok(Sequence::new(steps))
    }
}

/// The merging of a vocabulary.
pub(super) fn merging(
    cut: Cut,
    tokens: &[&str],
    kinds: &Kinds,
    merges: &[&str],
) -> Result<tokenizers::Tokenizer, LoadError> {
    let broken = |reason: String| LoadError::Tokenizer { reason };
    let mut vocabulary = Vocab::default();
    vocabulary.reserve(tokens.len());
    for (id, token) in (0u32..).zip(tokens) {
        if let Some(first) = vocabulary.insert((*token).to_owned(), id) {
            return Err(broken(format!(
                "tokens {first} and {id} are both {token:?}"
            )));
        }
    }
    // Control tokens stand for no text: no merge makes one, and no byte is one.
    for (token, _) in (tokens.iter().zip(0u32..)).filter(|(_, id)| kinds.is_control(*id)) {
        vocabulary.remove(*token);
    }
    // What has no token vanishes from every prompt. Real vocabularies lack some bytes their training text never had, control
    // characters among them; none lacks what is printed.
    for byte in (0x20..=0x7E).chain([b'\n']) {
        if !vocabulary.contains_key(stand_in(byte).encode_utf8(&mut [0; 4])) {
            return Err(broken(format!("no token for the byte {byte:#04x}")));
        }
    }
    let merges = merges
        .iter()
        .map(|merge| match merge.split_once(' ') {
            Some((a, b)) => Ok((a.to_owned(), b.to_owned())),
            None => Err(broken(format!("merge {merge:?} is not two tokens"))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let bpe = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .ignore_merges(cut.whole_words)
        .build()
        .map_err(|e| broken(e.to_string()))?;
    let mut tokenizer = tokenizers::Tokenizer::new(bpe);
    if cut.composes {
        tokenizer.with_normalizer(Some(NormalizerWrapper::from(NFC)));
    }
    tokenizer.with_pre_tokenizer(Some(cut.pre_tokenizer().map_err(broken)?));
    Ok(tokenizer)
}

/// The bytes behind a token's printable stand-ins, as GPT-2 writes them.
pub(super) fn bytes_of(token: &str) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(token.len());
    for c in token.chars() {
        match byte_of(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.to_string().bytes()),
        }
    }
    bytes.into()
}

/// The printable character that stands for a byte.
fn stand_in(byte: u8) -> char {
    // Each byte has one, see the test below.
    (0x21..=0x143)
        .filter_map(char::from_u32)
        .find(|c| byte_of(*c) == Some(byte))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// GPT-2 prints bytes that are visible in Latin-1 as themselves and numbers the others from U+0100 on.
fn byte_of(c: char) -> Option<u8> {
    match u32::from(c) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => u8::try_from(code).ok(),
        code @ 0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        code @ 0x121..=0x142 => u8::try_from(code - 0x121 + 0x7F).ok(),
        0x143 => Some(0xAD),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_cover_each_byte_once() {
        let mut seen = [0; 256];
        for code in 0x21..=0x143 {
            if let Some(byte) = char::from_u32(code).and_then(byte_of) {
                seen[usize::from(byte)] += 1;
            }
        }
        assert_eq!(seen, [1; 256]);
        for (stand_in, byte) in [
            ('Ġ', b' '),
            ('Ċ', b'\n'),
            ('ĉ', b'\t'),
            ('a', b'a'),
            ('é', 0xE9),
        ] {
            assert_eq!(byte_of(stand_in), Some(byte), "{stand_in}");
        }
    }
}
