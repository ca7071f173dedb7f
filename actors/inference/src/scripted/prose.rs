//! Prose from the facts in a prompt, and from nothing else.

use std::fmt::Write;

/// What is said where the prompt holds no facts. It holds no number either.
const NOTHING: &str = "The prompt holds no facts, so there is nothing to report.";

/// How an order begins that is followed by the text it is about.
const REWRITE: &str = "Rewrite";

/// What is to be rewritten as it stands, or a sentence for each fact of the prompt, in order.
///
/// To be rewritten is what follows an empty line behind a line that begins with `Rewrite`.
///
/// A fact is a line `name: value` that begins with a dash or an asterisk, or whose value has a number in it; or any
/// other line with a number that begins with a dash or an asterisk.
pub(super) fn write(prompt: &str) -> String {
    if let Some(text) = to_rewrite(prompt) {
        return text.to_owned();
    }
    let mut text = String::new();
    for line in prompt.lines() {
        if let Some(sentence) = sentence(line) {
            let gap = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{gap}{sentence}");
        }
    }
    if text.is_empty() {
        NOTHING.to_owned()
    } else {
        text
    }
}

/// What comes last in a prompt whose last order is to rewrite it.
fn to_rewrite(prompt: &str) -> Option<&str> {
    let (before, text) = prompt.trim_end().rsplit_once("\n\n")?;
    let order = before.lines().next_back()?;
    order.starts_with(REWRITE).then_some(text.trim())
}

fn sentence(line: &str) -> Option<String> {
    let line = line.trim();
    let bare = line.strip_prefix(['-', '*']).map(str::trim_start);
    let (listed, line) = (bare.is_some(), bare.unwrap_or(line));
    match line.split_once([':', '=']) {
        Some((name, value))
            if is_name(name) && !value.trim().is_empty() && (listed || has_number(value)) =>
        {
            let (name, value) = (name.trim(), value.trim().trim_end_matches(['.', ';', ',']));
            Some(format!("{} is {value}.", capital(name)))
        }
        _ if listed && has_number(line) => Some(format!(
            "{}.",
            capital(line.trim_end_matches(['.', ';', ',']))
        )),
        _ => None,
    }
}

/// A few words that do not hold a sentence.
fn is_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.len() <= 80 && !text.contains(['.', '?', '!', '{', '"'])
}

/// Whether a word begins with a figure, a sign and currency aside: `-4.1` does, `Q3` does not.
pub(super) fn has_number(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        word.trim_start_matches(|c: char| !c.is_alphanumeric())
            .starts_with(|c: char| c.is_ascii_digit())
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_fact_becomes_a_sentence_and_an_instruction_does_not() {
        for (prompt, expected) in [
            (
                "Summarise.\n- revenue: 1,234.50 EUR\n- best month: July",
                "Revenue is 1,234.50 EUR. Best month is July.",
            ),
            (
                "change = -4.1 %;\nGoal: analyze Q3 sales",
                "Change is -4.1 %.",
            ),
            ("* 12 rows were skipped", "12 rows were skipped."),
            ("What is the capital of France?", NOTHING),
            ("Answer as {\"a\": 1}", NOTHING),
            ("", NOTHING),
            (
                "Rewrite these sentences.\n\nRevenue is 3. It rose by 1.",
                "Revenue is 3. It rose by 1.",
            ),
            (
                "Your last text had faults:\n- 4 is wrong\nDo it again.\n\nRewrite this.\n\nRevenue is 3.\n",
                "Revenue is 3.",
            ),
            ("Rewrite\n\n", NOTHING),
        ] {
            assert_eq!(write(prompt), expected, "{prompt:?}");
        }
    }

    proptest! {
        #[test]
        fn no_number_is_invented(prompt in "([-*]? ?[a-zA-Z0-9 .,:=%?]{0,30}\n){0,5}") {
            let figures = |text: &str| -> Vec<String> {
                let split = |c: char| !c.is_ascii_digit();
                text.split(split).filter(|run| !run.is_empty()).map(str::to_owned).collect()
            };
            let given = figures(&prompt);
            for figure in figures(&write(&prompt)) {
                prop_assert!(given.contains(&figure), "{figure} is not in {prompt:?}");
            }
        }
    }
}
