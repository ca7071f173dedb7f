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

/// Decodes UTF-8 (with or without byte order mark), UTF-16 with byte order mark, or else Windows-1252, which every byte fits.
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
    let (text, encoding) = match encoding_rs::Encoding::for_bom(&bytes) {
        Some((encoding, _)) if encoding != encoding_rs::UTF_8 => {
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
        bom => {
            let skip = bom.map_or(0, |(_, length)| length);
            match String::from_utf8(bytes) {
                Ok(text) if skip == 0 => (text, "UTF-8"),
                Ok(mut text) => {
                    text.drain(..skip);
                    (text, "UTF-8")
                }
                Err(invalid) => {
                    let bytes = invalid.into_bytes();
                    refuse_binary(&bytes).map_err(refuse)?;
                    // An accented letter becomes two bytes, a typographic sign three.
                    let long = bytes.iter().filter(|byte| !byte.is_ascii()).count() as u64;
                    held.grow(bytes.len() as u64 + 2 * long)?;
                    let (text, _) = encoding_rs::WINDOWS_1252
                        .decode_without_bom_handling(bytes.get(skip..).unwrap_or_default());
                    warnings.push(
                        "not UTF-8; read as Windows-1252, so accented letters may be wrong"
                            .to_owned(),
                    );
                    let text = text.into_owned();
                    held.shrink(2 * (bytes.len() as u64 + long));
                    held.grow(text.len() as u64)?;
                    (text, "windows-1252")
                }
            }
        }
    };
    refuse_binary(text.as_bytes()).map_err(refuse)?;
    // DOS programs marked the end of a text with Ctrl-Z.
    let mut text = text;
    if text.ends_with('\u{1a}') {
        text.pop();
    }
    Ok(Decoded {
        text,
        encoding,
        warnings,
    })
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
