//! Times as `1:45` writes them, in the smallest of their parts.

/// The parts of a cell such as `1:45` or `0:03:20`, and their sum in the smallest of them.
pub(super) fn clock(text: &str) -> Option<(usize, i64)> {
    let parts: Vec<&str> = text.trim().split(':').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(digits) {
        return None;
    }
    let (first, rest) = parts.split_first()?;
    let mut sum: i64 = first.parse().ok().filter(|hours| *hours < 10_000)?;
    for part in rest {
        let number: i64 = part.parse().ok().filter(|number| *number < 60)?;
        if part.len() != 2 {
            return None;
        }
        sum = sum * 60 + number;
    }
    Some((parts.len(), sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_last_are_sums_of_their_smallest_part() {
        for (text, wanted) in [
            ("1:45", Some((2, 105))),
            ("0:50", Some((2, 50))),
            ("26:05", Some((2, 1565))),
            ("0:03:20", Some((3, 200))),
            ("1:5", None),
            ("1:75", None),
            ("12", None),
            ("a:10", None),
            ("1:00:00:00", None),
        ] {
            assert_eq!(clock(text), wanted, "{text}");
        }
    }
}
