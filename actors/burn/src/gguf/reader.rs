//! The bytes of a GGUF file, one after the other: lengths are compared with what is left before anything is taken.

use std::fmt;

use crate::error::LoadError;

/// Lists of lists exist in the format but in no model; one level of nesting is plenty.
pub(super) const NESTING_MAX: u32 = 2;

/// A metadata value as it lies in the file. Integers and floats of all widths are widened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    List(List<'a>),
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(n) => n.fmt(f),
            Self::Signed(n) => n.fmt(f),
            Self::Float(n) => n.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(list) => write!(f, "a list of {}", list.len()),
        }
    }
}

/// A list as it lies in the file: its items are read one by one when they are wanted, so that a list costs nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct List<'a> {
    kind: u32,
    count: usize,
    bytes: &'a [u8],
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Whether its items are lists.
    pub(super) fn is_nested(&self) -> bool {
        self.kind == 9
    }

    /// The items of a list of plain values; none of a list of lists.
    pub(super) fn items(self) -> impl Iterator<Item = Value<'a>> {
        let mut reader = Reader::new(self.bytes);
        // The list was read through once, so no item fails now.
        (0..self.count).map_while(move |_| reader.value(self.kind, 0, "a list").ok())
    }
}

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn skip_to(&mut self, at: usize) {
        self.at = at.min(self.bytes.len());
    }

    /// `what` is being read, for the error.
    pub(super) fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], LoadError> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = rest.get(..len) else {
            return Err(self.short(len as u64, what));
        };
        self.at += len;
        Ok(taken)
    }

    fn short(&self, wanted: u64, what: &str) -> LoadError {
        LoadError::Truncated {
            what: what.to_owned(),
            needed: wanted.saturating_add(self.at as u64),
            present: self.bytes.len() as u64,
        }
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], LoadError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, LoadError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, LoadError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A number of items of at least `item` bytes each: refused if that many cannot follow.
    pub(super) fn count(&mut self, item: usize, what: &str) -> Result<usize, LoadError> {
        let count = self.u64(what)?;
        let needed = count.saturating_mul(item as u64);
        if needed > (self.bytes.len() - self.at) as u64 {
            return Err(self.short(needed, what));
        }
        usize::try_from(count).map_err(|_| self.short(needed, what))
    }

    pub(super) fn text(&mut self, what: &str) -> Result<&'a str, LoadError> {
        let len = self.count(1, what)?;
        let bytes = self.take(len, what)?;
        std::str::from_utf8(bytes).map_err(|_| LoadError::NotText {
            what: what.to_owned(),
        })
    }

    pub(super) fn value(
        &mut self,
        kind: u32,
        nesting: u32,
        what: &str,
    ) -> Result<Value<'a>, LoadError> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.array(what)?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.array(what)?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.array(what)?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.array(what)?).into()),
            4 => Value::Unsigned(self.u32(what)?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.array(what)?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array(what)?).into()),
            7 => match self.array(what)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [number] => {
                    return Err(LoadError::BadBool {
                        what: what.to_owned(),
                        number,
                    });
                }
            },
            8 => Value::Text(self.text(what)?),
            9 if nesting > 0 => Value::List(self.list(nesting - 1, what)?),
            10 => Value::Unsigned(self.u64(what)?),
            11 => Value::Signed(i64::from_le_bytes(self.array(what)?)),
            12 => Value::Float(f64::from_le_bytes(self.array(what)?)),
            _ => {
                return Err(LoadError::UnknownValue {
                    what: what.to_owned(),
                    number: kind,
                });
            }
        })
    }

    fn list(&mut self, nesting: u32, what: &str) -> Result<List<'a>, LoadError> {
        let kind = self.u32(what)?;
        // Bytes of an item, or the least it can have.
        let (item, is_fixed) = match kind {
            0 | 1 => (1, true),
            2 | 3 => (2, true),
            4..=6 => (4, true),
            10..=12 => (8, true),
            7 => (1, false),
            8 => (8, false),
            9 => (12, false),
            _ => {
                return Err(LoadError::UnknownValue {
                    what: what.to_owned(),
                    number: kind,
                });
            }
        };
        let count = self.count(item, what)?;
        let start = self.at;
        if is_fixed {
            self.take(count * item, what)?;
        } else {
            for _ in 0..count {
                self.value(kind, nesting, what)?;
            }
        }
        Ok(List {
            kind,
            count,
            bytes: &self.bytes[start..self.at],
        })
    }
}
