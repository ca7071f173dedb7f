//! Workbooks are archives, and an archive says of itself what it likes. Before one is read all of it is unpacked into nothing, to know how
//! much there really is, and what the parts claim is looked at.

use std::io::{Cursor, Read};

use aios_tools::WorkspaceError;
use zip::{CompressionMethod, ZipArchive};

use super::Source;
use crate::document::Builder;

/// Parts of an archive; a workbook has a few for each sheet.
const PARTS: usize = 10_000;
/// How many times its own size a workbook may unpack to. Sheets are text that repeats itself: 20 times is usual, 60 was seen.
const TIMES: u64 = 200;
/// Bytes that are allowed besides, for small files.
const BESIDES: u64 = 4 << 20;
/// What a reader holds of a byte of the parts that it keeps.
const HELD: u64 = 3;

/// What kind of workbook an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Workbook {
    /// Office Open XML.
    Xlsx,
    /// OpenDocument.
    Ods,
}

/// The kind of workbook that these bytes are, if they are one.
pub(super) fn workbook(bytes: &[u8]) -> Option<Workbook> {
    if !bytes.starts_with(b"PK\x03\x04") {
        return None;
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut kind = String::new();
    if let Ok(part) = archive.by_name("mimetype") {
        part.take(100).read_to_string(&mut kind).ok()?;
    }
    let ods = kind.starts_with("application/vnd.oasis.opendocument.spreadsheet");
    let xlsx = archive
        .file_names_raw()
        .any(|name| name.to_ascii_lowercase().ends_with(b"xl/workbook.xml"));
    match (ods, xlsx) {
        (true, _) => Some(Workbook::Ods),
        (_, true) => Some(Workbook::Xlsx),
        _ => None,
    }
}

/// Unpacks everything once and sets room aside for it.
pub(super) fn measure(
    source: &Source<'_>,
    bytes: &[u8],
    out: &mut Builder,
) -> Result<(), WorkspaceError> {
    let damaged =
        |error: &dyn std::fmt::Display| source.refuse(format!("is a damaged workbook: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    if archive.len() > PARTS {
        return Err(source.refuse(format!(
            "is a workbook of {} parts, at most {PARTS} are read",
            archive.len()
        )));
    }
    let allowed = (bytes.len() as u64)
        .saturating_mul(TIMES)
        .saturating_add(BESIDES);
    let (mut all, mut chunk) = (0_u64, vec![0; 1 << 16]);
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).map_err(|error| damaged(&error))?;
        if !matches!(
            part.compression(),
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return Err(source.refuse("is a workbook packed in a way that no workbook is"));
        }
        let (mut read, mut ahead) = (0_u64, Vec::new());
        loop {
            (source.check)()?;
            let count = part.read(&mut chunk).map_err(|error| damaged(&error))?;
            let Some(piece) = chunk.get(..count).filter(|piece| !piece.is_empty()) else {
                break;
            };
            // What it claims stands in its first tag.
            if ahead.len() < 4_096 {
                ahead.extend_from_slice(piece.get(..4_096.min(count)).unwrap_or_default());
            }
            read += count as u64;
            all += count as u64;
            if all > allowed {
                return Err(source.refuse(format!(
                    "unpacks to more than {} of its {}; save it anew or keep only the sheets that matter",
                    aios_tools::size(allowed),
                    aios_tools::size(bytes.len() as u64)
                )));
            }
        }
        claims(&ahead, read).map_err(|problem| source.refuse(problem))?;
    }
    out.held().grow(all.saturating_mul(HELD))
}

/// A part that says it holds more strings than it has bytes lies.
fn claims(ahead: &[u8], bytes: u64) -> Result<(), &'static str> {
    const LIES: &str = "is a workbook that claims to hold more than it has";
    if ahead.starts_with(&[0xff, 0xfe]) || ahead.starts_with(&[0xfe, 0xff]) {
        return Err("is a workbook whose parts are not in UTF-8");
    }
    let wanted = b"ount";
    for at in 0..ahead.len().saturating_sub(wanted.len()) {
        if !ahead.get(at..).is_some_and(|rest| rest.starts_with(wanted)) {
            continue;
        }
        let digits = ahead
            .iter()
            .skip(at + wanted.len())
            .take(64)
            .skip_while(|byte| !byte.is_ascii_digit() && **byte != b'>')
            .take_while(|byte| byte.is_ascii_digit());
        let claimed = digits.fold(0_u64, |claimed, digit| {
            claimed
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        });
        if claimed > bytes {
            return Err(LIES);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_above_the_bytes_is_a_lie() {
        for (part, bytes, lies) in [
            ("<sst uniqueCount=\"5\">", 100, false),
            ("<sst count='9' uniqueCount = '99999999999'>", 100, true),
            (
                "<sst uniqueCount=\"99999999999999999999999999\">",
                100,
                true,
            ),
            ("<sst>", 5, false),
            ("<sst count=\"\">9999", 19, false),
        ] {
            assert_eq!(claims(part.as_bytes(), bytes).is_err(), lies, "{part}");
        }
    }
}
