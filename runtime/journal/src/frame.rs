//! One entry as it lies in a segment. Drawn in `docs/formats/journal.md`; held by the golden bytes in `tests/golden`.
//!
//! Every byte is checked for its value or covered by a checksum, and the whole frame by the digest that the next frame carries. The
//! checksums begin with the journal's own salt, so that bytes which somebody puts into an entry cannot pass for a frame when the place
//! where frames begin has been lost.

use std::fmt;

use crate::digest::Digest;

/// How a frame begins.
pub(crate) const MAGIC: [u8; 4] = *b"AIJ\x01";
/// The format of a segment that is written, and the newest that is read.
pub(crate) const VERSION: u16 = 1;
/// Bytes before the body.
pub(crate) const HEADER: usize = 60;
/// Most bytes of a body. What is larger is a blob, and the entry names it.
pub const BODY_MAX: usize = 16 * 1024 * 1024;

/// Flag: the unit goes on in the next frame.
const MORE: u8 = 1;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An entry.
    Entry,
    /// A statement of the journal about itself, signed.
    Statement,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Entry => 1,
            Self::Statement => 2,
        }
    }
}

/// A frame, its body borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) sequence: u64,
    /// Digest of the whole frame before.
    pub(crate) previous: Digest,
    /// How many entries before this one were not yet known to be lasting when it was written. What is damaged further back was lasting,
    /// so it is damage and no torn write.
    pub(crate) behind: u16,
    pub(crate) kind: Kind,
    /// Whether the unit goes on in the next frame.
    pub(crate) more: bool,
    pub(crate) body: &'a [u8],
}

/// What is wrong with the bytes where a frame should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// The file ends within it.
    Cut {
        /// Bytes that are there.
        have: u64,
        /// Bytes that it says it has.
        need: u64,
    },
    /// It does not begin as an entry does.
    NoEntry,
    /// Its header does not fit its checksum.
    Header,
    /// Its body does not fit its checksum.
    Body,
    /// Its header is whole and says what this version does not know.
    Unknown {
        /// What.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// It is whole and does not follow from what stands before it: one of the two was exchanged.
    Unlinked,
    /// It is whole and has another number than is due here.
    OutOfOrder {
        /// The number it has.
        found: u64,
    },
    /// Entries are missing up to this number.
    Missing {
        /// The last that is missing.
        until: u64,
    },
    /// One of a segment's two headers is damaged; the other was used.
    SegmentHeader,
    /// Both headers of a segment are damaged.
    SegmentHeaders,
    /// The segment is of a version this program does not know.
    SegmentVersion {
        /// The version.
        found: u16,
    },
    /// The segment is another journal's.
    Foreign,
    /// Its signature is not that of the key it names.
    Signature,
    /// It is signed by a key that is not trusted here.
    Key,
    /// Its checksum fits and it cannot be read all the same.
    Unreadable {
        /// Why.
        why: String,
    },
    /// The disk did not give it.
    Disk {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { have, need } => {
                write!(f, "it is cut off: {have} of {need} bytes are there")
            }
            Self::NoEntry => f.write_str("no entry begins here"),
            Self::Header => f.write_str("its header does not fit its checksum"),
            Self::Body => f.write_str("its content does not fit its checksum"),
            Self::Unknown { what, value } => write!(
                f,
                "its {what} {value} is not known to this version; read it with a newer one"
            ),
            Self::Unlinked => f.write_str(
                "it does not follow from the entry before it; one of the two was exchanged",
            ),
            Self::OutOfOrder { found } => write!(f, "entry {found} stands in its place"),
            Self::Missing { until } => write!(f, "it and all up to {until} are missing"),
            Self::SegmentHeader => {
                f.write_str("one of the segment's two headers is damaged; the other was used")
            }
            Self::SegmentHeaders => f.write_str("both headers of the segment are damaged"),
            Self::SegmentVersion { found } => write!(
                f,
                "the segment has format {found}, this version reads up to {}; read it with a newer one",
                VERSION
            ),
            Self::Foreign => f.write_str("the segment belongs to another journal"),
            Self::Signature => f.write_str("its signature does not fit"),
            Self::Key => f.write_str("it is signed by a key that is not trusted"),
            Self::Unreadable { why } => write!(f, "it cannot be read: {why}"),
            Self::Disk { why } => write!(f, "the disk did not give it: {why}"),
        }
    }
}

impl Frame<'_> {
    /// Writes the frame behind what is in `out` and gives its digest.
    pub(crate) fn write(&self, salt: u32, out: &mut Vec<u8>) -> Digest {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        // Bodies are at most BODY_MAX, which fits.
        let length = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(self.previous.as_bytes());
        out.extend_from_slice(&self.behind.to_le_bytes());
        out.push(self.kind.code());
        out.push(if self.more { MORE } else { 0 });
        out.extend_from_slice(&checksum(salt, self.body).to_le_bytes());
        let header = checksum(salt, &out[start..]);
        out.extend_from_slice(&header.to_le_bytes());
        out.extend_from_slice(self.body);
        Digest::of(&out[start..])
    }
}

/// The length of the frame that begins here, as its header says; the header is checked, the body is not.
pub(crate) fn measure(bytes: &[u8], salt: u32) -> Result<usize, Flaw> {
    let Some(header) = bytes.first_chunk::<HEADER>() else {
        return Err(Flaw::Cut {
            have: bytes.len() as u64,
            need: HEADER as u64,
        });
    };
    if header[..4] != MAGIC {
        return Err(Flaw::NoEntry);
    }
    if u32_at(header, 56) != checksum(salt, &header[..56]) {
        return Err(Flaw::Header);
    }
    let length = u32_at(header, 4) as usize;
    if length > BODY_MAX {
        return Err(Flaw::Unknown {
            what: "length",
            value: length as u64,
        });
    }
    Ok(HEADER + length)
}

/// Reads the frame that these bytes begin with; `bytes` may go on behind it.
pub(crate) fn read(bytes: &[u8], salt: u32) -> Result<Frame<'_>, Flaw> {
    let length = measure(bytes, salt)?;
    let Some(frame) = bytes.get(..length) else {
        return Err(Flaw::Cut {
            have: bytes.len() as u64,
            need: length as u64,
        });
    };
    let (header, body) = frame.split_at(HEADER);
    if u32_at(header, 52) != checksum(salt, body) {
        return Err(Flaw::Body);
    }
    let kind = match header[50] {
        1 => Kind::Entry,
        2 => Kind::Statement,
        other => {
            return Err(Flaw::Unknown {
                what: "kind",
                value: other.into(),
            });
        }
    };
    if header[51] & !MORE != 0 {
        return Err(Flaw::Unknown {
            what: "flags",
            value: header[51].into(),
        });
    }
    let mut previous = [0; Digest::LENGTH];
    previous.copy_from_slice(&header[16..48]);
    Ok(Frame {
        sequence: u64_at(header, 8),
        previous: Digest::from_bytes(previous),
        behind: u16::from_le_bytes([header[48], header[49]]),
        kind,
        more: header[51] & MORE != 0,
        body,
    })
}

pub(crate) fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// The number at this place; whoever calls has seen that it is there.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(body: &[u8]) -> Frame<'_> {
        Frame {
            sequence: 7,
            previous: Digest::of(b"six"),
            behind: 3,
            kind: Kind::Entry,
            more: true,
            body,
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_its_digest_is_over_all_of_it() {
        let mut bytes = b"before".to_vec();
        let digest = frame(b"body").write(5, &mut bytes);
        assert_eq!(digest, Digest::of(&bytes[6..]));
        bytes.extend_from_slice(b"behind");
        assert_eq!(read(&bytes[6..], 5), Ok(frame(b"body")));
        assert_eq!(measure(&bytes[6..], 5), Ok(HEADER + 4));
    }

    #[test]
    fn a_frame_changed_in_any_bit_or_cut_anywhere_is_no_frame() {
        let mut bytes = Vec::new();
        frame(b"some content").write(5, &mut bytes);
        for cut in 0..bytes.len() {
            assert!(
                matches!(read(&bytes[..cut], 5), Err(Flaw::Cut { have, .. }) if have == cut as u64),
                "{cut}"
            );
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                let flaw = read(&bytes, 5).unwrap_err();
                let expected = match at {
                    0..4 => Flaw::NoEntry,
                    4..60 => Flaw::Header,
                    _ => Flaw::Body,
                };
                assert_eq!(flaw, expected, "byte {at}, bit {bit}");
                bytes[at] ^= 1 << bit;
            }
        }
        assert_eq!(read(&bytes, 6), Err(Flaw::Header), "another journal's salt");
    }
}
