//! The form of what comes as JSON: it is taken as it would be written, and no otherwise.
//!
//! The reader that is derived for a type takes more than the type's schema says: a list of its fields' values for an object, a number for the
//! name of a variant (inside what says by a field which it is), an object of one empty field for a name. So a request that was read is
//! held against what came, as it would be written itself: where it would write a text, a text has to stand. What it leaves to its usual value
//! need not stand there. One rule for all types and all transports, and nothing that a type has to say of itself.

use std::fmt;

use serde::de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use serde_json::{Map, Number, Value};

/// Why something was not read.
#[derive(Debug)]
pub(crate) enum FormError {
    /// It is not JSON, or says a name twice.
    Json(serde_json::Error),
    /// It is not what is meant.
    Meaning(serde_json::Error),
    /// Something else stands where one thing is wanted.
    Kind {
        /// Where: names and numbers with points between them; empty for the whole.
        at: String,
        /// What is wanted there.
        wanted: &'static str,
        /// What stands there.
        is: &'static str,
    },
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) | Self::Meaning(error) => error.fmt(f),
            Self::Kind { at, wanted, is } if at.is_empty() => {
                write!(f, "{wanted} is wanted, and {is} is there")
            }
            Self::Kind { at, wanted, is } => {
                write!(f, "{wanted} is wanted at `{at}`, and {is} is there")
            }
        }
    }
}

impl std::error::Error for FormError {}

/// Reads what was written as JSON.
pub(crate) fn read<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, FormError> {
    let Said(said) = serde_json::from_slice(bytes).map_err(FormError::Json)?;
    take(&said)
}

/// Reads an object that was written as JSON.
#[cfg(feature = "http")]
pub(crate) fn fields(bytes: &[u8]) -> Result<Map<String, Value>, FormError> {
    let Said(said) = serde_json::from_slice(bytes).map_err(FormError::Json)?;
    match said {
        Value::Object(fields) => Ok(fields),
        other => Err(wrong("an object", &other).into()),
    }
}

/// The same of JSON that was taken apart already.
pub(crate) fn take<T: DeserializeOwned + Serialize>(said: &Value) -> Result<T, FormError> {
    let read = T::deserialize(said).map_err(FormError::Meaning)?;
    match read.serialize(Beside(said)) {
        Ok(()) => Ok(read),
        Err(wrong) => Err(wrong.into()),
    }
}

/// JSON in which no object says a name twice: of two values one would be left out in silence.
struct Said(Value);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Whole)
    }
}

struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Said;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Said, E> {
        Ok(Said(Value::Null))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Said, E> {
        Ok(Said(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Said, E> {
        Ok(Said(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Said, E> {
        Ok(Said(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Said, E> {
        Ok(Said(
            Number::from_f64(value).map_or(Value::Null, Value::Number),
        ))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Said, E> {
        Ok(Said(value.into()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Said, E> {
        Ok(Said(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Said, A::Error> {
        let mut all = Vec::new();
        while let Some(Said(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Said(all.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Said, A::Error> {
        let mut all = Map::new();
        while let Some((name, Said(value))) = fields.next_entry::<String, _>()? {
            if all.contains_key(&name) {
                let name: String = name.chars().take(80).collect();
                return Err(de::Error::custom(format_args!("{name:?} is said twice")));
            }
            all.insert(name, value);
        }
        Ok(Said(all.into()))
    }
}

/// Something else than what would be written.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// Where, the innermost part first.
    at: Vec<String>,
    wanted: &'static str,
    is: &'static str,
}

impl From<Wrong> for FormError {
    fn from(wrong: Wrong) -> Self {
        let at: Vec<&str> = wrong.at.iter().rev().map(String::as_str).collect();
        Self::Kind {
            at: at.join("."),
            wanted: wrong.wanted,
            is: wrong.is,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is wanted", self.wanted)
    }
}

impl std::error::Error for Wrong {}

/// A value that cannot be written has no form.
impl ser::Error for Wrong {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self {
            at: Vec::new(),
            wanted: "what can be written",
            is: "something else",
        }
    }
}

fn wrong(wanted: &'static str, said: &Value) -> Wrong {
    let is = match said {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Wrong {
        at: Vec::new(),
        wanted,
        is,
    }
}

fn is(fits: bool, wanted: &'static str, said: &Value) -> Result<(), Wrong> {
    match fits {
        true => Ok(()),
        false => Err(wrong(wanted, said)),
    }
}

/// Writes nothing: holds what would be written against what stands there.
#[derive(Clone, Copy)]
struct Beside<'a>(&'a Value);

impl<'a> Beside<'a> {
    fn list(self) -> Result<Items<'a>, Wrong> {
        let items = self.0.as_array().ok_or_else(|| wrong("a list", self.0))?;
        Ok(Items { items, next: 0 })
    }

    fn object(self) -> Result<Entries<'a>, Wrong> {
        let fields = self
            .0
            .as_object()
            .ok_or_else(|| wrong("an object", self.0))?;
        Ok(Entries { fields, name: None })
    }

    /// What stands under the name of a variant.
    fn variant(self, name: &'static str) -> Result<Self, Wrong> {
        let within = self.0.as_object().and_then(|fields| fields.get(name));
        let within = within.ok_or_else(|| wrong("an object with one field", self.0))?;
        Ok(Self(within))
    }

    fn held<T: Serialize + ?Sized>(self, value: &T, at: &str) -> Result<(), Wrong> {
        value.serialize(self).map_err(|mut wrong| {
            wrong.at.push(at.to_owned());
            wrong
        })
    }
}

/// Kinds of numbers, which are one kind in JSON.
macro_rules! numbers {
    ($($name:ident: $of:ty),*) => {
        $(fn $name(self, _: $of) -> Result<(), Wrong> {
            is(self.0.is_number(), "a number", self.0)
        })*
    };
}

impl<'a> Serializer for Beside<'a> {
    type Ok = ();
    type Error = Wrong;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Entries<'a>;
    type SerializeStructVariant = Entries<'a>;

    numbers!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64
    );

    fn serialize_bool(self, _: bool) -> Result<(), Wrong> {
        is(self.0.is_boolean(), "true or false", self.0)
    }

    fn serialize_char(self, _: char) -> Result<(), Wrong> {
        is(self.0.is_string(), "a text", self.0)
    }

    fn serialize_str(self, _: &str) -> Result<(), Wrong> {
        is(self.0.is_string(), "a text", self.0)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Wrong> {
        is(self.0.is_array(), "a list", self.0)
    }

    fn serialize_none(self) -> Result<(), Wrong> {
        is(self.0.is_null(), "null", self.0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Wrong> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Wrong> {
        is(self.0.is_null(), "null", self.0)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Wrong> {
        is(self.0.is_null(), "null", self.0)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Wrong> {
        is(self.0.is_string(), "a name", self.0)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Wrong> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Wrong> {
        self.variant(name)?.held(value, name)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Wrong> {
        self.list()
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Wrong> {
        self.list()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Wrong> {
        self.list()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Items<'a>, Wrong> {
        self.variant(name)?.list()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, Wrong> {
        self.object()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries<'a>, Wrong> {
        self.object()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Entries<'a>, Wrong> {
        self.variant(name)?.object()
    }
}

/// Items as they would be written, beside those that stand there.
struct Items<'a> {
    items: &'a [Value],
    next: usize,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Wrong> {
        let at = self.next;
        self.next += 1;
        match self.items.get(at) {
            Some(said) => Beside(said).held(value, &at.to_string()),
            None => Ok(()),
        }
    }
}

/// Items of all kinds of lists are held against what stands there in one way.
macro_rules! items {
    ($($kind:ident: $item:ident),*) => {
        $(impl ser::$kind for Items<'_> {
            type Ok = ();
            type Error = Wrong;

            fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Wrong> {
                self.item(value)
            }

            fn end(self) -> Result<(), Wrong> {
                Ok(())
            }
        })*
    };
}

items!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

/// Fields as they would be written, beside those that stand there.
struct Entries<'a> {
    fields: &'a Map<String, Value>,
    /// The one whose value comes next.
    name: Option<String>,
}

impl Entries<'_> {
    /// What would be left out because it is what it usually is: nobody writes that as parts of something.
    fn usual(&self, name: &str) -> Result<(), Wrong> {
        let parts = match self.fields.get(name) {
            Some(Value::Array(items)) => items.len(),
            Some(Value::Object(fields)) => fields.len(),
            _ => 0,
        };
        match self.fields.get(name) {
            Some(said) if parts > 0 => {
                let mut wrong = wrong("a plain value", said);
                wrong.at.push(name.to_owned());
                Err(wrong)
            }
            _ => Ok(()),
        }
    }

    fn entry<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), Wrong> {
        match self.fields.get(name) {
            Some(said) => Beside(said).held(value, name),
            None => Ok(()),
        }
    }
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Wrong;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Wrong> {
        self.name = match key.serialize(serde_json::value::Serializer) {
            Ok(Value::String(name)) => Some(name),
            Ok(other) => Some(other.to_string()),
            Err(error) => return Err(ser::Error::custom(error)),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Wrong> {
        match self.name.take() {
            Some(name) => self.entry(&name, value),
            None => Ok(()),
        }
    }

    fn end(self) -> Result<(), Wrong> {
        Ok(())
    }
}

/// Objects of all kinds are held against what stands there in one way.
macro_rules! fields {
    ($($kind:ident),*) => {
        $(impl ser::$kind for Entries<'_> {
            type Ok = ();
            type Error = Wrong;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Wrong> {
                self.entry(name, value)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), Wrong> {
                self.usual(name)
            }

            fn end(self) -> Result<(), Wrong> {
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
    enum Outer {
        Of { inner: Inner, at: Option<Place> },
        Whole(Place),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
    enum Inner {
        Nothing {},
        Named {
            name: Name,
        },
        Many {
            names: Vec<Name>,
            by: BTreeMap<String, u8>,
        },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Name {
        North,
        South,
        Degrees(f64),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Place {
        x: u32,
        #[serde(default, skip_serializing_if = "Way::is_on")]
        way: Way,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Way {
        #[default]
        On,
        Back,
    }

    impl Way {
        fn is_on(&self) -> bool {
            *self == Self::On
        }
    }

    #[test]
    fn what_is_read_is_taken_as_it_would_be_written() {
        for written in [
            r#"{"is":"of","inner":{"is":"nothing"}}"#,
            r#"{"is":"of","inner":{"is":"nothing"},"at":null}"#,
            r#"{"is":"of","inner":{"is":"nothing"},"at":{"x":1,"note":null}}"#,
            r#"{"is":"of","inner":{"is":"named","name":"north"},"at":{"x":1,"note":"n"}}"#,
            r#"{"is":"of","inner":{"is":"named","name":{"degrees":5}}}"#,
            r#"{"is":"of","inner":{"is":"many","names":["south",{"degrees":1.5}],"by":{"a":1}}}"#,
            r#"{"is":"whole","x":7}"#,
            r#"{"is":"whole","x":7,"way":"on"}"#,
            r#"{"is":"whole","x":7,"way":"back"}"#,
        ] {
            let read = read::<Outer>(written.as_bytes());
            assert!(read.is_ok(), "{written}: {read:?}");
        }
    }

    #[test]
    fn what_would_be_written_otherwise_is_refused_with_its_place() {
        for (written, at) in [
            (r#"["whole",7]"#, ""),
            (r#"{"is":"whole","x":7,"way":{"on":null}}"#, "way"),
            (r#"{"is":"whole","x":7,"way":{"back":null}}"#, "way"),
            (r#"{"is":"of","inner":{"is":0}}"#, "inner.is"),
            (r#"{"is":"of","inner":["nothing"]}"#, "inner"),
            (
                r#"{"is":"of","inner":{"is":"named","name":{"north":null}}}"#,
                "inner.name",
            ),
            (
                r#"{"is":"of","inner":{"is":"many","names":["north",{"south":null}],"by":{}}}"#,
                "inner.names.1",
            ),
            (
                r#"{"is":"of","inner":{"is":"nothing"},"at":[1,"on"]}"#,
                "at",
            ),
        ] {
            let plain = serde_json::from_str::<Outer>(written);
            assert!(
                plain.is_ok(),
                "the derived reader takes {written}: {plain:?}"
            );
            match read::<Outer>(written.as_bytes()) {
                Err(FormError::Kind { at: said, .. }) => assert_eq!(said, at, "{written}"),
                other => panic!("{written}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_said_twice_and_what_is_no_json_is_refused() {
        for written in [
            r#"{"is":"whole","x":7,"x":8}"#,
            r#"{"is":"of","inner":{"is":"many","names":[],"by":{"a":1,"a":2}}}"#,
            r#"{"is":"whole","x":7} 1"#,
            "",
        ] {
            let refused = read::<Outer>(written.as_bytes());
            assert!(
                matches!(refused, Err(FormError::Json(_))),
                "{written}: {refused:?}"
            );
        }
        let twice = read::<Outer>(br#"{"is":"whole","x":7,"x":8}"#).unwrap_err();
        assert!(twice.to_string().contains("\"x\" is said twice"), "{twice}");
        let error = fields(b"[1]").unwrap_err();
        assert_eq!(
            error.to_string(),
            "an object is wanted, and a list is there"
        );
    }
}
