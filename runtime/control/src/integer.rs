//! Integers as JSON has them: `5`, `5.0` and `5e0` are one number there, and whoever writes by a schema may write any of them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserializer, de};

/// Reads an integer of zero or more.
pub(crate) fn integer<'de, D: Deserializer<'de>, T: TryFrom<u64>>(from: D) -> Result<T, D::Error> {
    from.deserialize_any(Whole(PhantomData))
}

/// The same, or none.
pub(crate) fn may_be<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    from.deserialize_option(MayBe(PhantomData))
}

struct Whole<T>(PhantomData<T>);

impl<T: TryFrom<u64>> Visitor<'_> for Whole<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = 8 * size_of::<T>();
        write!(f, "an integer of zero or more in {bits} bits")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        // 2^64, the first that is too large.
        const END: f64 = 18_446_744_073_709_551_616.0;
        if value.fract() != 0.0 || !(0.0..END).contains(&value) {
            return Err(E::invalid_value(Unexpected::Float(value), &self));
        }
        self.visit_u64(value as u64)
    }
}

struct MayBe<T>(PhantomData<T>);

impl<'de, T: TryFrom<u64>> Visitor<'de> for MayBe<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Whole::<T>(PhantomData).expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: de::Deserializer<'de>>(self, from: D) -> Result<Option<T>, D::Error> {
        integer(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Two {
        #[serde(deserialize_with = "super::integer")]
        number: u32,
        #[serde(default, deserialize_with = "super::may_be")]
        other: Option<u64>,
    }

    #[test]
    fn a_number_is_whole_however_it_is_written_and_nothing_else_is() {
        for (written, number, other) in [
            (r#"{"number": 6039}"#, 6_039, None),
            (r#"{"number": 6039.0, "other": null}"#, 6_039, None),
            (r#"{"number": 6e3, "other": 1.0}"#, 6_000, Some(1)),
            (r#"{"number": -0.0}"#, 0, None),
            (
                r#"{"number": 0, "other": 18446744073709551615}"#,
                0,
                Some(u64::MAX),
            ),
        ] {
            let read: Two = serde_json::from_str(written).unwrap();
            assert_eq!((read.number, read.other), (number, other), "{written}");
        }
        for written in [
            r#"{"number": 1.5}"#,
            r#"{"number": -1}"#,
            r#"{"number": -1.0}"#,
            r#"{"number": 4294967296}"#,
            r#"{"number": 4294967296.0}"#,
            r#"{"number": 0, "other": 18446744073709551616}"#,
            r#"{"number": 0, "other": 1e300}"#,
            r#"{"number": "1"}"#,
            r#"{"number": null}"#,
            r#"{"number": true}"#,
        ] {
            assert!(serde_json::from_str::<Two>(written).is_err(), "{written}");
        }
    }
}
