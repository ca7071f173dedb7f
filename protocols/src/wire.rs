//! A body's fields, counted and measured before any of it is decoded.
//!
//! Decoding makes a value of every field it meets, so a megabyte of empty ones costs far more than its bytes. This is
//! one pass over tags and lengths that makes nothing, and whatever it lets through decodes to a message of about the
//! allowed size. It knows protobuf's wire format and the numbers of `codec`'s body, and judges no values.

use crate::limits::{DecodeError, Limits, MAX_PARTY, OverLimit};
use crate::{KeyId, TenantId};

/// Fields other than receivers, reply-to parties and metadata. A message has at most 19 of them, each once; protobuf
/// allows to repeat them and to add unknown ones, which makes room for what later versions add.
const OTHER_FIELDS: usize = 64;
/// Bytes of a UUID.
const UUID: usize = 16;
/// Bytes of a trace context.
const TRACE: usize = 25;

/// Refuses a body with more fields, or longer ones, than a message within the limits has.
pub(crate) fn check(body: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    let (mut receivers, mut reply_to, mut pairs, mut others) = (0, 0, 0, 0);
    let mut fields = Fields(body);
    while let Some(field) = fields.next()? {
        let (count, what, allowed) = match field.number {
            4 => (&mut receivers, "receivers", limits.parties),
            5 => (&mut reply_to, "reply-to parties", limits.parties),
            22 => (&mut pairs, "pairs of metadata", limits.metadata),
            _ => (&mut others, "fields", OTHER_FIELDS),
        };
        *count += 1;
        at_most(what, *count, allowed)?;
        let Some(value) = field.value else {
            continue;
        };
        let (what, allowed) = match field.number {
            1 | 4 | 5 => ("bytes of an identifier", MAX_PARTY),
            2 => ("bytes of key id", KeyId::LENGTH),
            7 => ("bytes of language", limits.parameter),
            8 => ("bytes of encoding", limits.parameter),
            9 => ("bytes of ontology", limits.parameter),
            11 => ("bytes of conversation id", UUID),
            12 => ("bytes of reply-with", limits.parameter),
            13 => ("bytes of in-reply-to", limits.parameter),
            15 => ("bytes of message id", UUID),
            16 => ("bytes of tenant", TenantId::MAX_LENGTH),
            21 => ("bytes of trace context", TRACE),
            22 => {
                check_pair(value, limits)?;
                continue;
            }
            // The content, bounded by the frame, and what this version does not know and does not read.
            _ => continue,
        };
        at_most(what, value.len(), allowed)?;
    }
    Ok(())
}

/// A pair of a map is a message of two fields.
fn check_pair(pair: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    let mut parts = 0;
    let mut fields = Fields(pair);
    while let Some(field) = fields.next()? {
        parts += 1;
        at_most("parts of a pair of metadata", parts, 2)?;
        let what = match field.number {
            1 => "bytes of a metadata key",
            _ => "bytes of a metadata value",
        };
        let length = field.value.map_or(0, <[u8]>::len);
        at_most(what, length, limits.metadata_text)?;
    }
    Ok(())
}

fn at_most(what: &'static str, asked: usize, allowed: usize) -> Result<(), OverLimit> {
    if asked > allowed {
        return Err(OverLimit {
            what,
            asked,
            allowed,
        });
    }
    Ok(())
}

/// One field as it stands there; a number has no value here.
struct Field<'a> {
    number: u64,
    value: Option<&'a [u8]>,
}

/// The fields still to come.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<Field<'a>>, DecodeError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => {
                self.varint()?;
                None
            }
            1 => {
                self.take(8)?;
                None
            }
            2 => {
                let length = self.varint()?;
                Some(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                None
            }
            other => {
                return Err(broken(&format!(
                    "no message has fields of wire type {other}"
                )));
            }
        };
        Ok(Some(Field {
            number: key >> 3,
            value,
        }))
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let Some((&byte, rest)) = self.0.split_first() else {
                return Err(broken("it ends within a number"));
            };
            self.0 = rest;
            // What the tenth byte has beyond 64 bits is for the decoder to refuse.
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(broken("it has a number of more than ten bytes"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let split = usize::try_from(length).ok();
        let split = split.and_then(|length| self.0.split_at_checked(length));
        let (value, rest) = split.ok_or_else(|| broken("it ends within a field"))?;
        self.0 = rest;
        Ok(value)
    }
}

fn broken(why: &str) -> DecodeError {
    DecodeError::Protobuf(why.to_owned())
}
