//! JSON, whole or line by line. A value is walked and not built, so what a file holds is held once; each object is a row of its plain members.

use std::cell::RefCell;
use std::fmt;

use aios_tools::WorkspaceError;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Source;
use crate::document::Builder;
use crate::place::Mark;

/// A schema is a small file.
const SCHEMA_BYTES: usize = 64 << 10;
/// A pointer's longest part, in characters.
const PART: usize = 80;
/// A pointer's longest form, in bytes.
const POINTER: usize = 600;
/// What a plain member takes beside its text until its row is told.
const HELD_OF_MEMBER: u64 = 56;

pub(super) fn read(
    source: &Source<'_>,
    text: &str,
    out: &mut Builder,
) -> Result<(), WorkspaceError> {
    if text.len() <= SCHEMA_BYTES
        && let Ok(value) = serde_json::from_str::<serde_json::Value>(text)
        && is_schema(&value)
    {
        out.schema(value);
    }
    let walk = Walk {
        source,
        out: RefCell::new(out),
        failed: RefCell::new(None),
        seen: std::cell::Cell::new(0),
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let lines = source.file.ends_with('l') || source.file.ends_with("ndjson");
    let mut values = 0_usize;
    // Several values, one behind the other, are lines of JSON.
    while values == 0 || reader.end().is_err() {
        let several = values > 0 || lines;
        let mut path = if several {
            format!("/{values}")
        } else {
            String::new()
        };
        let read = Node {
            walk: &walk,
            path: &mut path,
        }
        .deserialize(&mut reader);
        if let Some(failed) = walk.failed.borrow_mut().take() {
            return Err(failed);
        }
        match read {
            Ok(Leaf::Plain(value)) => {
                walk.out.borrow_mut().row(0, [(0, value.as_str())])?;
            }
            Ok(Leaf::Deep) => {}
            Err(error) if values == 0 => {
                return Err(source.refuse(format!("cannot be read as JSON: {error}")));
            }
            Err(error) => {
                let mut out = walk.out.borrow_mut();
                let place = crate::place::Place {
                    pointer: Some(path),
                    ..out.here(0)
                };
                out.unread(place, &format!("the rest cannot be read as JSON: {error}"));
                break;
            }
        }
        values += 1;
    }
    walk.out.into_inner().end()
}

/// Whether a value describes others.
pub(crate) fn is_schema(value: &serde_json::Value) -> bool {
    let has = |name: &str| value.get(name).is_some_and(serde_json::Value::is_object);
    let named = value
        .get("$schema")
        .is_some_and(serde_json::Value::is_string);
    let object = value.get("type").and_then(serde_json::Value::as_str) == Some("object");
    has("properties") && (named || object)
}

struct Walk<'w, 'b> {
    source: &'w Source<'w>,
    out: RefCell<&'b mut Builder>,
    /// Why the walk ended, where it was not the text's fault.
    failed: RefCell<Option<WorkspaceError>>,
    seen: std::cell::Cell<usize>,
}

impl Walk<'_, '_> {
    fn did<E: de::Error>(&self, done: Result<(), WorkspaceError>) -> Result<(), E> {
        done.map_err(|error| {
            *self.failed.borrow_mut() = Some(error);
            E::custom("the walk was ended")
        })
    }

    fn step<E: de::Error>(&self) -> Result<(), E> {
        self.seen.set(self.seen.get() + 1);
        self.did(self.source.go_on(self.seen.get()))
    }
}

/// What a member is.
enum Leaf {
    /// A value that fits in a row.
    Plain(String),
    /// An object or list, which has told its own rows.
    Deep,
}

struct Node<'n, 'w, 'b> {
    walk: &'n Walk<'w, 'b>,
    path: &'n mut String,
}

impl<'de> DeserializeSeed<'de> for Node<'_, '_, '_> {
    type Value = Leaf;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Leaf, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_, '_> {
    type Value = Leaf;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Leaf, E> {
        Ok(Leaf::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Leaf, E> {
        Ok(Leaf::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Leaf, E> {
        Ok(Leaf::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Leaf, E> {
        Ok(Leaf::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Leaf, E> {
        Ok(Leaf::Plain(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Leaf, E> {
        Ok(Leaf::Plain(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Leaf, A::Error> {
        let mut plain = Plain::default();
        let length = self.path.len();
        let mut at = 0_usize;
        loop {
            self.walk.step()?;
            deeper(self.path, &at.to_string());
            let next = list.next_element_seed(Node {
                walk: self.walk,
                path: &mut *self.path,
            });
            self.path.truncate(length);
            match next? {
                None => break,
                Some(Leaf::Plain(value)) => plain.add(self.walk, "", &value)?,
                Some(Leaf::Deep) => {}
            }
            at += 1;
        }
        plain.tell(self.walk, self.path)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Leaf, A::Error> {
        let mut plain = Plain::default();
        let length = self.path.len();
        while let Some(name) = members.next_key::<String>()? {
            self.walk.step()?;
            deeper(self.path, &name);
            let member = members.next_value_seed(Node {
                walk: self.walk,
                path: &mut *self.path,
            });
            self.path.truncate(length);
            if let Leaf::Plain(value) = member? {
                plain.add(self.walk, &name, &value)?;
            }
        }
        plain.tell(self.walk, self.path)
    }
}

/// The plain members of an object or list.
#[derive(Default)]
struct Plain {
    members: Vec<String>,
    /// What is set aside for them.
    held: u64,
}

impl Plain {
    fn add<E: de::Error>(&mut self, walk: &Walk<'_, '_>, name: &str, value: &str) -> Result<(), E> {
        if value.trim().is_empty() {
            return Ok(());
        }
        let room = (name.len() + value.len()) as u64 + HELD_OF_MEMBER;
        walk.did(walk.out.borrow_mut().held().grow(room))?;
        self.held += room;
        self.members.push(if name.is_empty() {
            value.to_owned()
        } else {
            format!("{name}: {value}")
        });
        Ok(())
    }

    /// A row for them; a member has its name with it.
    fn tell<E: de::Error>(self, walk: &Walk<'_, '_>, path: &str) -> Result<Leaf, E> {
        if self.members.is_empty() {
            return Ok(Leaf::Deep);
        }
        let told = || {
            let mut out = walk.out.borrow_mut();
            out.section(1, path, Mark::Pointer)?;
            out.row(0, (0..).zip(self.members.iter().map(String::as_str)))?;
            out.held().shrink(self.held);
            Ok(())
        };
        walk.did(told())?;
        Ok(Leaf::Deep)
    }
}

/// A pointer to a member, with the two signs escaped that have a meaning there.
fn deeper(path: &mut String, name: &str) {
    if path.len() > POINTER {
        return;
    }
    path.push('/');
    for c in name.chars().take(PART) {
        match c {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            c => path.push(c),
        }
    }
}
