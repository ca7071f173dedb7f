//! Times as `1:45` writes them, in the smallest of their parts, and as `1:01.4` does, in seconds.

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

/// The seconds of a cell such as `1:01.4` or `1:02:03,25`, and how many decimals they have; of `58.7` too, which is less than a minute.
pub(super) fn seconds(text: &str) -> Option<(f64, u32)> {
    let text = text.trim();
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_part = part.bytes().all(|byte| byte.is_ascii_digit()) && part.len() <= 6;
    if whole.is_empty() || !is_part || whole.len() < text.len() && part.is_empty() {
        return None;
    }
    let whole = match whole.contains(':') {
        true => clock(whole)?.1,
        false => clock(&format!("0:{whole:0>2}"))?.1,
    };
    // Together as they are written, so that the decimals are what they say.
    let seconds: f64 = format!("{whole}.{part}0").parse().ok()?;
    Some((seconds, u32::try_from(part.len()).ok()?))
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

    #[test]
    fn times_with_parts_of_a_second_are_seconds() {
        for (text, wanted) in [
            ("1:01.4", Some((61.4, 1))),
            ("1:02:03,25", Some((3_723.25, 2))),
            ("58.7", Some((58.7, 1))),
            ("0:58", Some((58.0, 0))),
            ("9.07", Some((9.07, 2))),
            ("1:61.4", None),
            ("61.4", None),
            ("1:01.", None),
            ("1.01.4", None),
            ("-1:01.4", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }
}
