//! What a server says of itself, made fit to be shown: one line, bounded, without what steers a terminal.

use serde_json::Value;

use super::key::Key;

/// Characters that are kept of it.
const SHOWN_MAX: usize = 300;

/// A server's words in one line.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (at, word) in text.split_whitespace().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        for letter in word.chars() {
            if letter.is_control() || is_steering(letter) {
                out.extend(letter.escape_unicode());
            } else {
                out.push(letter);
            }
        }
        if out.chars().count() > SHOWN_MAX {
            let cut: String = out.chars().take(SHOWN_MAX).collect();
            return cut + "...";
        }
    }
    if out.is_empty() {
        out.push_str("it says nothing");
    }
    out
}

/// The same, without the key that the server was given: it is taken out before anything is cut or folded.
pub(super) fn without(key: Option<&Key>, text: &str) -> String {
    match key {
        Some(key) => shown(&key.taken_out_of(text)),
        None => shown(text),
    }
}

/// Turns the direction of writing, or is not seen at all.
fn is_steering(letter: char) -> bool {
    matches!(letter, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// The sentence of an error, in any of the forms that servers have for it: `{"error": {"message"}}`, `{"error": ".."}`,
/// `{"message"}`, `{"detail"}`, or the text itself.
pub(super) fn of_error(body: &str, key: Option<&Key>) -> String {
    let value = serde_json::from_str::<Value>(body).ok();
    let said = value.as_ref().and_then(sentence);
    without(key, said.as_deref().unwrap_or(body))
}

/// The sentence of an error that came as JSON.
pub(super) fn sentence(value: &Value) -> Option<String> {
    let error = value.get("error").unwrap_or(value);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    text(error).or_else(|| {
        ["message", "detail", "msg"]
            .iter()
            .find_map(|name| error.get(name).and_then(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_found_bounded_and_escaped() {
        for (body, expected) in [
            (
                r#"{"error":{"message":"no such model","code":404}}"#,
                "no such model",
            ),
            (r#"{"error":"model 'x' not found"}"#, "model 'x' not found"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                "Overloaded",
            ),
            ("<h1>502\n Bad\tGateway</h1>", "<h1>502 Bad Gateway</h1>"),
            ("\u{1b}[2Jgone\u{202e}", "\\u{1b}[2Jgone\\u{202e}"),
            ("", "it says nothing"),
        ] {
            assert_eq!(of_error(body, None), expected);
        }
        assert!(of_error(&"word ".repeat(1_000_000), None).len() < 400);
        assert!(of_error(&"w".repeat(1_000_000), None).chars().count() < 400);
    }
}
