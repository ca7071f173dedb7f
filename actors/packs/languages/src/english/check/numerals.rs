//! Numerals: how digits and number words are read.

/// A number as its digits stand: value, half of its last place, bytes used.
pub(super) struct Digits {
    pub(super) value: f64,
    pub(super) half: f64,
    pub(super) len: usize,
    pub(super) trailing_zeros: u32,
}

pub(super) fn scale(letters: &str) -> Option<f64> {
    match letters {
        "k" | "K" => Some(1e3),
        "M" | "mn" | "mln" | "mm" | "MM" => Some(1e6),
        "B" | "bn" | "bln" => Some(1e9),
        "T" | "tn" => Some(1e12),
        _ => None,
    }
}

pub(super) fn long_scale(lower: &str) -> Option<f64> {
    match lower {
        "thousand" => Some(1e3),
        "million" | "mn" | "mio" => Some(1e6),
        "billion" | "bn" => Some(1e9),
        "trillion" => Some(1e12),
        _ => None,
    }
}

pub(super) fn small_number(lower: &str) -> Option<f64> {
    const LOW: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let low = LOW.iter().position(|word| *word == lower);
    let tens = || {
        TENS.iter()
            .position(|word| *word == lower)
            .map(|index| (index + 2) * 10)
    };
    low.or_else(tens)
        .and_then(|n| u32::try_from(n).ok())
        .map(f64::from)
}

/// Reads the number a text starts with. Groups of three behind commas are thousands; a lone comma with another count of digits
/// behind it is a decimal comma; both signs together are told apart by which comes last.
pub(super) fn read_digits(text: &str) -> Option<Digits> {
    let mut run = String::new();
    let mut len = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next_digit = chars.peek().is_some_and(char::is_ascii_digit);
        match c {
            '0'..='9' => run.push(c),
            '.' | ',' if next_digit => run.push(c),
            // Narrow and non-breaking spaces group thousands.
            '\u{a0}' | '\u{202f}' | '\u{2009}' if next_digit => {}
            _ => break,
        }
        len += c.len_utf8();
    }
    let dots = run.matches('.').count();
    let commas = run.matches(',').count();
    let grouped = |sign: char| {
        let mut parts = run.split(sign);
        let first = parts.next().map_or(0, str::len);
        (1..=3).contains(&first)
            && parts.all(|part| {
                part.split(['.', ','])
                    .next()
                    .is_some_and(|group| group.len() == 3)
            })
    };
    let plain = match (dots, commas) {
        (0 | 1, 0) => run.clone(),
        (_, 0) if grouped('.') => run.replace('.', ""),
        (0, _) if grouped(',') => run.replace(',', ""),
        (0, 1) => run.replace(',', "."),
        (1, _) if run.find('.') > run.rfind(',') && grouped(',') => run.replace(',', ""),
        (_, 1) if run.rfind(',') > run.rfind('.') && grouped('.') => {
            run.replace('.', "").replace(',', ".")
        }
        (0, _) => {
            // A list without spaces, "1,2,3": the first number is the claim.
            let first = run.split(',').next()?;
            return plain_digits(first, first.len());
        }
        // Versions and other dotted numbers.
        _ => return None,
    };
    plain_digits(&plain, len)
}

fn plain_digits(plain: &str, len: usize) -> Option<Digits> {
    let value: f64 = plain.parse().ok().filter(|value: &f64| value.is_finite())?;
    let decimals = plain
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let zeros = if decimals == 0 {
        plain.len() - plain.trim_end_matches('0').len()
    } else {
        0
    };
    Some(Digits {
        value,
        half: 0.5 * 10f64.powi(-i32::try_from(decimals).unwrap_or(i32::MAX).min(300)),
        len,
        trailing_zeros: u32::try_from(zeros).unwrap_or(0).min(15),
    })
}
