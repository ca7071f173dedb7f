//! From bytes to text, and the refusal of what is no text.

use crate::{Reserved, WorkspaceError};

/// Text, and how it was encoded.
pub struct Decoded {
    /// The text.
    pub text: String,
    /// What it was encoded in.
    pub encoding: &'static str,
    /// What was lost, each in one sentence.
    pub warnings: Vec<String>,
}

/// How known binary formats begin, and what to do with such a file.
const FORMATS: [(&[u8], &str); 12] = [
    (
        b"%PDF-",
        "is a PDF document; export its text or table first",
    ),
    (
        b"PK\x03\x04",
        "is a ZIP archive or an Office file such as .xlsx or .docx; save it as CSV or plain text first",
    ),
    (
        b"\xd0\xcf\x11\xe0",
        "is an old Office file such as .xls or .doc; save it as CSV or plain text first",
    ),
    (b"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (
        b"\x28\xb5\x2f\xfd",
        "is compressed with zstd; unpack it first",
    ),
    (b"BZh", "is compressed with bzip2; unpack it first"),
    (b"\x89PNG", "is a PNG image, not text"),
    (b"\xff\xd8\xff", "is a JPEG image, not text"),
    (b"GIF8", "is a GIF image, not text"),
    (
        b"SQLite format 3",
        "is an SQLite database; export a table as CSV first",
    ),
    (b"PAR1", "is a Parquet file; export it as CSV first"),
    (b"\x7fELF", "is a program, not text"),
];

/// Decodes UTF-8 (with or without byte order mark), UTF-16 (likewise), or else what the bytes look like: the code pages of the languages
/// that are written, of old Macs and of DOS. What would be unreadable in each of them is refused.
///
/// `held` is what was set aside for the bytes; afterwards it is what the text takes.
pub fn decode(file: &str, bytes: Vec<u8>, held: &mut Reserved) -> Result<Decoded, WorkspaceError> {
    let refuse = |problem: &str| WorkspaceError::Unreadable {
        file: file.to_owned(),
        problem: problem.to_owned(),
    };
    if let Some((_, problem)) = FORMATS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(refuse(problem));
    }
    let mut warnings = Vec::new();
    let marked = encoding_rs::Encoding::for_bom(&bytes);
    let wide = marked
        .map(|(encoding, _)| encoding)
        .filter(|encoding| *encoding != encoding_rs::UTF_8)
        .or_else(|| two_bytes_a_letter(&bytes));
    let (text, encoding) = match wide {
        Some(encoding) => {
            if marked.is_none() {
                warnings.push(format!(
                    "no byte order mark; read as {}, because every second byte is zero",
                    encoding.name()
                ));
            }
            // Two bytes become three at most.
            held.grow(bytes.len() as u64 / 2 * 3)?;
            let (text, _, broken) = encoding.decode(&bytes);
            if broken {
                warnings.push(format!(
                    "some characters are not valid {} and are shown as \u{fffd}",
                    encoding.name()
                ));
            }
            let text = text.into_owned();
            held.shrink(bytes.len() as u64 / 2 * 3 + bytes.len() as u64);
            held.grow(text.len() as u64)?;
            (text, encoding.name())
        }
        None => {
            let skip = marked.map_or(0, |(_, length)| length);
            match String::from_utf8(bytes) {
                Ok(text) if skip == 0 => (text, "UTF-8"),
                Ok(mut text) => {
                    text.drain(..skip);
                    (text, "UTF-8")
                }
                Err(invalid) => {
                    let bytes = invalid.into_bytes();
                    refuse_binary(&bytes).map_err(refuse)?;
                    let page = Page::of(bytes.get(skip..).unwrap_or_default());
                    // An accented letter becomes two bytes, a typographic sign three.
                    let long = bytes.iter().filter(|byte| !byte.is_ascii()).count() as u64;
                    held.grow(bytes.len() as u64 + 2 * long)?;
                    let text = page.decode(bytes.get(skip..).unwrap_or_default());
                    let Some(text) = text.filter(|text| is_readable(text)) else {
                        return Err(refuse(
                            "is not UTF-8, and what else it is was not recognised; save it as UTF-8",
                        ));
                    };
                    warnings.push(format!(
                        "not UTF-8; read as {}, which its letters look like",
                        page.name()
                    ));
                    held.shrink(2 * (bytes.len() as u64 + long));
                    held.grow(text.len() as u64)?;
                    (text, page.name())
                }
            }
        }
    };
    // DOS programs marked the end of a text with Ctrl-Z; of a short text one is much.
    let mut text = text;
    if text.ends_with('\u{1a}') {
        text.pop();
    }
    refuse_binary(text.as_bytes()).map_err(refuse)?;
    Ok(Decoded {
        text,
        encoding,
        warnings,
    })
}

/// Bytes that are looked at to know in what they are written.
const SAMPLE: usize = 1 << 20;

/// UTF-16 without a byte order mark: every second byte of plain letters is zero.
fn two_bytes_a_letter(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let sample = bytes.get(..bytes.len().min(4_096))?;
    let zeros = |from: usize| {
        sample
            .iter()
            .skip(from)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd, half) = (zeros(0), zeros(1), sample.len() / 2);
    if half < 4 || bytes.len() % 2 == 1 {
        None
    } else if odd * 10 > half * 7 && even == 0 {
        Some(encoding_rs::UTF_16LE)
    } else if even * 10 > half * 7 && odd == 0 {
        Some(encoding_rs::UTF_16BE)
    } else {
        None
    }
}

/// A way to write letters with single bytes, or with several.
#[derive(Clone, Copy)]
enum Page {
    Known(&'static encoding_rs::Encoding),
    /// The code page of DOS in western Europe.
    Dos,
}

/// The upper half of code page 850.
const DOS: &str = "\
ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐\
└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

impl Page {
    fn of(bytes: &[u8]) -> Self {
        // What stands before the first foreign letter says nothing.
        let first = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(0);
        let from = first.saturating_sub(64);
        let sample = bytes
            .get(from..bytes.len().min(from + SAMPLE))
            .unwrap_or_default();
        let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
        detector.feed(sample, true);
        let guessed = detector.guess(None, chardetng::Utf8Detection::Deny);
        // Where the letters are the same in both, the more usual one is meant.
        let usual = Self::Known(encoding_rs::WINDOWS_1252);
        let same = usual.decode(sample).is_some()
            && usual.decode(sample) == Self::Known(guessed).decode(sample);
        let guessed = if same {
            encoding_rs::WINDOWS_1252
        } else {
            guessed
        };
        let western = guessed == encoding_rs::WINDOWS_1252;
        if !western {
            return Self::Known(guessed);
        }
        let sample = sample.get(..sample.len().min(1 << 16)).unwrap_or_default();
        let pages = [
            Self::Known(guessed),
            Self::Known(encoding_rs::WINDOWS_1250),
            Self::Known(encoding_rs::MACINTOSH),
            Self::Dos,
        ];
        // The first of equals is the most usual.
        let score = |page: &Self| {
            page.decode(sample)
                .map_or(i64::MIN, |text| western_score(&text))
        };
        let best = pages.iter().rev().max_by_key(|page| score(page));
        best.copied().unwrap_or(Self::Known(guessed))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Known(encoding) => encoding.name(),
            Self::Dos => "IBM850",
        }
    }

    /// The text, if all bytes have a meaning.
    fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Known(encoding) => {
                let (text, broken) = encoding.decode_without_bom_handling(bytes);
                (!broken).then(|| text.into_owned())
            }
            Self::Dos => {
                let upper: Vec<char> = DOS.chars().collect();
                let letter = |byte: &u8| match byte.checked_sub(0x80) {
                    None => Some(char::from(*byte)),
                    Some(at) => upper.get(usize::from(at)).copied(),
                };
                bytes.iter().map(letter).collect()
            }
        }
    }
}

/// How much a text looks like one of western or central Europe: its letters are such as stand in words.
fn western_score(text: &str) -> i64 {
    const USUAL: &str = "äöüßéèêëàâáãåæçîïíìñóòôõøúùûœýěščřžůťďňąćęłńśźżőű";
    let (mut score, mut before) = (0, ' ');
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        let (after_word, into_word) = (before.is_alphabetic(), next.is_alphabetic());
        let usual = |letter: char| USUAL.contains(letter);
        let capital = letter.is_uppercase() && letter.to_lowercase().next().is_some_and(usual);
        score += match letter {
            letter if letter.is_ascii() => 0,
            // Italian ends words with these; within words they are Czech in the wrong page.
            'ì' | 'ò' if into_word => 1,
            letter if usual(letter) && (after_word || into_word) => 3,
            letter if usual(letter) => 0,
            // A capital begins a word, or stands in one of capitals.
            _ if capital && into_word && !before.is_lowercase() => 2,
            '\u{2019}' => 1,
            _ if after_word && into_word => -3,
            '€' | '£' | '°' | '–' | '\u{a0}' | '²' | '³' | '½' => 1,
            _ => -1,
        };
        before = letter;
    }
    score
}

/// Whether a person could read it: signs do not stand within words, and nothing is a control character.
fn is_readable(text: &str) -> bool {
    let (mut foreign, mut odd, mut before) = (0_u64, 0_u64, ' ');
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_ascii() {
            foreign += 1;
            let within =
                before.is_alphabetic() && letters.peek().is_some_and(|next| next.is_alphabetic());
            let sign =
                !letter.is_alphanumeric() && !matches!(letter, '\u{2019}' | '·' | '–' | '\u{ad}');
            odd += u64::from((within && sign) || letter.is_control() || letter == '\u{fffd}');
        }
        before = letter;
    }
    odd * 4 <= foreign
}

/// Text holds no zero bytes and hardly any control characters; one in a hundred is generous.
fn refuse_binary(bytes: &[u8]) -> Result<(), &'static str> {
    let control = bytes
        .iter()
        .filter(|&&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
        .count();
    if bytes.contains(&0) || control * 100 > bytes.len() {
        Err("is a binary file, not text")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn room() -> Reserved {
        crate::Memory::of(u64::MAX).reserve("f", 0).unwrap()
    }

    #[test]
    fn every_usual_encoding_is_read() {
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("né".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let utf16_big: Vec<u8> = [0xfe, 0xff]
            .into_iter()
            .chain("né".encode_utf16().flat_map(u16::to_be_bytes))
            .collect();
        for (bytes, encoding, warnings) in [
            ("né".as_bytes().to_vec(), "UTF-8", 0),
            ("\u{feff}né".as_bytes().to_vec(), "UTF-8", 0),
            (utf16, "UTF-16LE", 0),
            (utf16_big, "UTF-16BE", 0),
            (vec![b'n', 0xe9], "windows-1252", 1),
        ] {
            let decoded = decode("f", bytes, &mut room()).unwrap();
            assert_eq!(
                (
                    decoded.text.as_str(),
                    decoded.encoding,
                    decoded.warnings.len()
                ),
                ("né", encoding, warnings)
            );
        }
    }

    #[test]
    fn letters_tell_what_they_are_written_in() {
        let of = |encoding: &'static encoding_rs::Encoding, text: &str| {
            encoding.encode(text).0.into_owned()
        };
        let dos = |text: &str| -> Vec<u8> {
            let upper: Vec<char> = DOS.chars().collect();
            let byte = |letter: char| match upper.iter().position(|other| *other == letter) {
                Some(at) => 0x80 + at as u8,
                None => letter as u8,
            };
            text.chars().map(byte).collect()
        };
        let german = "Stadt;Umsatz\nKöln;5\nMünchen;7\nGießen;9\nNürnberg;11\n";
        let french =
            "Région;Chiffre\nÎle-de-France;5\nProvence-Alpes-Côte d'Azur;7\nRhône;9\nPyrénées;3\n";
        let russian = "Дата;Регион;Выручка\n2025-01-01;Москва;5499\n2025-02-08;Казань;349\n2025-03-15;Омск;2578\n";
        let chinese =
            "日期,地区,销售额\n2025-01-01,北京,7974\n2025-02-08,上海,1787\n2025-03-15,广州,7992\n";
        let polish =
            "Miasto;Sprzedaż\nŁódź;5\nKraków;7\nGdańsk;9\nWrocław;4\nPoznań;6\nBiałystok;2\n";
        for (text, bytes, encoding) in [
            (
                german,
                of(encoding_rs::WINDOWS_1252, german),
                "windows-1252",
            ),
            (german, of(encoding_rs::MACINTOSH, german), "macintosh"),
            (german, dos(german), "IBM850"),
            (
                french,
                of(encoding_rs::WINDOWS_1252, french),
                "windows-1252",
            ),
            (french, of(encoding_rs::MACINTOSH, french), "macintosh"),
            (
                russian,
                of(encoding_rs::WINDOWS_1251, russian),
                "windows-1251",
            ),
            (chinese, of(encoding_rs::GBK, chinese), "GBK"),
            (
                polish,
                of(encoding_rs::WINDOWS_1250, polish),
                "windows-1250",
            ),
        ] {
            let decoded = decode("f", bytes, &mut room()).unwrap();
            assert_eq!((decoded.text.as_str(), decoded.encoding), (text, encoding));
        }
        let wide: Vec<u8> = "a,b\n1,2\n"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        let decoded = decode("f", wide, &mut room()).unwrap();
        assert_eq!(
            (decoded.text.as_str(), decoded.encoding),
            ("a,b\n1,2\n", "UTF-16BE")
        );
    }

    #[test]
    fn binary_files_are_refused_by_name() {
        for (bytes, says) in [
            (
                b"PK\x03\x04rest".to_vec(),
                "f is a ZIP archive or an Office file such as .xlsx or .docx; save it as CSV or plain text first",
            ),
            (b"a\0b".to_vec(), "f is a binary file, not text"),
            (vec![0xfe, 1, 2, 3], "f is a binary file, not text"),
            (vec![0xff, 0xfe, 0, 0], "f is a binary file, not text"),
        ] {
            assert_eq!(
                decode("f", bytes, &mut room()).err().unwrap().to_string(),
                says
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode("f", bytes, &mut room());
        }
    }
}
