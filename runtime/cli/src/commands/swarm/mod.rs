//! The micro agents of a running node.

pub(crate) mod agent;
pub(crate) mod show;
pub(crate) mod top;

/// A count with a space between thousands.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_stand_apart() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1 000"),
            (4_000_000, "4 000 000"),
        ] {
            assert_eq!(super::grouped(count), text);
        }
    }
}
