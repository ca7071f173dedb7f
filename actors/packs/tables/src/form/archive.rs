//! Workbooks are archives, and an archive says of itself what it likes. Before one is read all of it is unpacked into nothing, to know how
//! much there really is, and what the parts claim is looked at.

use std::io::{Cursor, Read};

use aios_tools::{Reserved, WorkspaceError};
use zip::{CompressionMethod, ZipArchive};

use super::Source;

/// Parts of an archive; a workbook has a few for each sheet.
const PARTS: usize = 10_000;
/// How many times its own size a workbook may unpack to. Sheets are text that repeats itself: 20 times is usual, 60 was seen.
const TIMES: u64 = 200;
/// Bytes that are allowed besides, for small files.
const BESIDES: u64 = 4 << 20;
/// The most that a workbook may unpack to at all.
const MOST: u64 = 2 << 30;

pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Unpacks everything once, and sets room aside for the strings that a reader keeps.
pub(super) fn measure(
    source: &Source<'_>,
    bytes: &[u8],
    held: &mut Reserved,
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
    let length = bytes.len() as u64;
    let allowed = length
        .saturating_mul(TIMES)
        .saturating_add(BESIDES)
        .min(MOST);
    let (mut all, mut kept, mut chunk) = (0_u64, 0_u64, vec![0; 1 << 16]);
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).map_err(|error| damaged(&error))?;
        if !matches!(
            part.compression(),
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return Err(source.refuse("is a workbook packed in a way that no workbook is"));
        }
        // Sheets are read cell by cell; the strings they share are kept.
        let strings = part
            .name_raw()
            .to_ascii_lowercase()
            .ends_with(b"sharedstrings.xml");
        let (mut read, mut ahead) = (0_u64, Vec::new());
        loop {
            (source.check)()?;
            let count = part.read(&mut chunk).map_err(|error| damaged(&error))?;
            let Some(piece) = chunk.get(..count).filter(|piece| !piece.is_empty()) else {
                break;
            };
            if ahead.len() < 4_096 {
                ahead.extend_from_slice(piece.get(..4_096.min(count)).unwrap_or_default());
            }
            read += count as u64;
            all += count as u64;
            kept += if strings { count as u64 } else { 0 };
            if all > allowed {
                return Err(source.refuse(format!(
                    "unpacks to more than {} of its {}; save it anew or keep only the sheet that matters",
                    aios_tools::size(allowed),
                    aios_tools::size(length)
                )));
            }
        }
        claims(&ahead, read).map_err(|problem| source.refuse(problem))?;
    }
    held.grow(kept.saturating_mul(2))
}

/// A part that says it holds more strings than it has bytes lies.
fn claims(ahead: &[u8], bytes: u64) -> Result<(), &'static str> {
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
            return Err("is a workbook that claims to hold more than it has");
        }
    }
    Ok(())
}
