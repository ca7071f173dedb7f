//! Units of one kind: which are so many times another one, so that a column of `2 kg` and `250 g` is told in one of them.

/// Units with their kind and how many of its smallest they are. What a day or a box holds is not known.
#[rustfmt::skip]
const SIZES: [(&str, &str, u64); 23] = [
    ("mg", "mass", 1), ("g", "mass", 1_000), ("kg", "mass", 1_000_000), ("t", "mass", 1_000_000_000),
    ("mm", "length", 1), ("cm", "length", 10), ("m", "length", 1_000), ("km", "length", 1_000_000),
    ("ml", "volume", 1), ("cl", "volume", 10), ("l", "volume", 1_000), ("hl", "volume", 100_000),
    ("s", "time", 1), ("min", "time", 60), ("h", "time", 3_600),
    ("Wh", "energy", 1), ("kWh", "energy", 1_000), ("MWh", "energy", 1_000_000), ("GWh", "energy", 1_000_000_000),
    ("kB", "data", 1), ("MB", "data", 1_000), ("GB", "data", 1_000_000), ("TB", "data", 1_000_000_000),
];

fn size(unit: &str) -> Option<(&'static str, u64)> {
    let known = SIZES.iter().find(|(name, ..)| *name == unit);
    known.map(|(_, kind, size)| (*kind, *size))
}

/// How many of `to` one of `unit` is, as a number over another.
pub(super) fn ratio(unit: &str, to: &str) -> Option<(u64, u64)> {
    let ((kind, one), (other, into)) = (size(unit)?, size(to)?);
    (kind == other).then_some((one, into))
}

/// Digits behind the point that are added where `unit` is told in `to`.
pub(super) fn decimals(unit: &str, to: &str) -> u32 {
    let (one, into) = ratio(unit, to).unwrap_or((1, 1));
    (into / one.max(1)).checked_ilog10().unwrap_or(0)
}

/// The unit in which all of these are told, most frequent first: the most frequent one, the larger of two as frequent; the smallest where
/// they are not ten times each other, so that no part of it is rounded. None where they are not of one kind.
pub(super) fn common(counts: &[(&'static str, u64)]) -> Option<&'static str> {
    let (first, most) = *counts.first()?;
    let (kind, _) = size(first)?;
    let sizes: Vec<(&'static str, u64, u64)> = counts
        .iter()
        .map(|(unit, count)| {
            let (own, size) = size(unit)?;
            (own == kind).then_some((*unit, *count, size))
        })
        .collect::<Option<_>>()?;
    let smallest = sizes.iter().min_by_key(|(.., size)| *size)?;
    let tens = sizes.iter().all(|(.., size)| {
        let times = size / smallest.2;
        10_u64.checked_pow(times.checked_ilog10().unwrap_or(0)) == Some(times)
    });
    if !tens {
        return Some(smallest.0);
    }
    let often = sizes.iter().filter(|(_, count, _)| *count == most);
    often.max_by_key(|(.., size)| *size).map(|(unit, ..)| *unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_one_kind_are_told_in_one_of_them_and_others_in_none() {
        for (counts, unit) in [
            (vec![("g", 2), ("kg", 2)], Some("kg")),
            (vec![("g", 3), ("kg", 1)], Some("g")),
            (vec![("h", 3), ("min", 1)], Some("min")),
            (vec![("kg", 1), ("l", 1)], None),
            (vec![("d", 1), ("h", 1)], None),
            (vec![("EUR", 1), ("USD", 1)], None),
        ] {
            assert_eq!(common(&counts), unit, "{counts:?}");
        }
        assert_eq!(ratio("g", "kg"), Some((1_000, 1_000_000)));
        assert_eq!(decimals("g", "kg"), 3);
        assert_eq!(decimals("kg", "g"), 0);
    }
}
