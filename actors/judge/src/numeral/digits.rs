//! Digits as they are grouped, and what they can mean.

use super::Reading;

/// The digits a text begins with: how long they are and what they can mean, the likeliest first.
pub(super) fn read(text: &str, comma: bool) -> (usize, Vec<Reading>) {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut groups: Vec<(char, &str)> = vec![(' ', &text[..digits(0)])];
    let mut at = digits(0);
    while let Some(sign) = text[at..].chars().next() {
        let from = at + sign.len_utf8();
        let run = if from < bytes.len() { digits(from) } else { 0 };
        let first = groups[0].1.len();
        let fits = match sign {
            '.' | ',' => run > 0,
            '\'' | '’' | '\u{a0}' | '\u{202f}' | '\u{2009}' => run == 3 && first <= 3,
            ' ' => run == 3 && first <= 3 && groups.iter().skip(1).all(|(other, _)| *other == ' '),
            _ => false,
        };
        if !fits {
            break;
        }
        groups.push((sign, &text[from..from + run]));
        at = from + run;
    }
    let plain =
        |groups: &[(char, &str)]| groups.iter().map(|(_, digits)| *digits).collect::<String>();
    let value = |whole: String, part: &str| {
        let written = format!("{whole}.{part}");
        let value: f64 = written
            .trim_end_matches('.')
            .parse()
            .unwrap_or(f64::INFINITY);
        let places = i32::try_from(part.len()).unwrap_or(0);
        Reading {
            value,
            half: 0.5 * 10f64.powi(-places),
        }
    };
    let tail = &groups[1..];
    let readings = match tail {
        [] => {
            let reading = value(plain(&groups), "");
            let zeros = trailing_zeros(reading.value);
            // 132,400 and 1 300 000 are rounded where they end in zeros.
            let half = if reading.value >= 1000.0 && zeros >= 2 {
                0.5 * 10f64.powi(zeros)
            } else {
                reading.half
            };
            vec![Reading { half, ..reading }]
        }
        _ => {
            let (last, part) = tail[tail.len() - 1];
            let earlier = &tail[..tail.len() - 1];
            let same = earlier.iter().all(|(sign, _)| *sign == last);
            let grouped = tail.iter().all(|(_, digits)| digits.len() == 3)
                || (last == ','
                    && part.len() == 3
                    && earlier.iter().all(|(_, digits)| digits.len() == 2));
            let decimal = matches!(last, '.' | ',');
            let whole = || {
                let reading = value(plain(&groups), "");
                let zeros = trailing_zeros(reading.value);
                let half = if zeros >= 2 {
                    0.5 * 10f64.powi(zeros)
                } else {
                    reading.half
                };
                Reading { half, ..reading }
            };
            let real = || value(plain(&groups[..groups.len() - 1]), part);
            match (earlier.is_empty(), same, grouped, decimal) {
                (true, _, true, true) if groups[0].1.len() <= 3 && groups[0].1 != "0" => {
                    if (last == ',') == comma {
                        vec![real(), whole()]
                    } else {
                        vec![whole(), real()]
                    }
                }
                (true, _, _, true) => vec![real()],
                (_, true, true, _) => vec![whole()],
                // Dots between groups of other lengths are a version or an address.
                (_, true, false, _) => Vec::new(),
                (_, false, _, true) => vec![real()],
                (_, false, true, false) => vec![whole()],
                _ => Vec::new(),
            }
        }
    };
    (at, readings)
}

pub(super) fn trailing_zeros(value: f64) -> i32 {
    if value == 0.0 || value.fract() != 0.0 || value.abs() > 1e15 {
        return 0;
    }
    let mut zeros = 0;
    let mut rest = value.abs();
    while rest % 10.0 == 0.0 {
        rest /= 10.0;
        zeros += 1;
    }
    zeros
}
