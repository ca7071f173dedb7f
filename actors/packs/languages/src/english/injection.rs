//! Orders hidden in data.

/// Phrases by which data tries to give orders. Found ones are reported, never obeyed.
#[must_use]
pub fn injections(data: &str) -> Vec<&'static str> {
    const PHRASES: [&str; 14] = [
        "ignore previous instructions",
        "ignore all previous",
        "ignore the above",
        "disregard the above",
        "disregard previous",
        "forget your instructions",
        "you are now",
        "new instructions",
        "system prompt",
        "<|im_start|>",
        "as an ai language model",
        "do not tell the user",
        "act as if",
        "override your",
    ];
    let lower = data.to_lowercase();
    PHRASES
        .into_iter()
        .filter(|phrase| lower.contains(phrase))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_in_data_is_named() {
        assert_eq!(
            injections("Please IGNORE previous instructions"),
            ["ignore previous instructions"]
        );
    }
}
