//! What the engine of the demo says. It has no weights, so nothing has to be fetched and every run is the same: it plays the model's part,
//! the slip in the fourth act included. Everything else is the node's own doing.

use aios_inference::Scripts;
use serde_json::json;

/// What the fourth act is about.
pub(super) const QUESTION: &str = "Add 12.50, 7.25 and 3.10.";
/// The figure that is planted, and the right one.
pub(super) const PLANTED: &str = "The total is 23.85.";
pub(super) const RIGHT: &str = "The total is 22.85.";

/// The engine's part.
pub(super) fn scripts() -> Scripts {
    Scripts::answering(says)
}

fn says(prompt: &str) -> String {
    let has = |mark: &str| prompt.contains(mark);
    let line = if has("You are the auditor.") {
        match (has("\"result\":"), has("\"error\":")) {
            (false, _) => json!({"tool": "calc", "args": {"expression": "12.50 + 7.25 + 3.10"}}),
            // Until somebody objects.
            (true, false) => json!({"answer": PLANTED}),
            (true, true) => json!({"answer": RIGHT}),
        }
    } else if has("You are the clerk.") {
        match has("\"result\":") || has("\"error\":") {
            false => {
                json!({"tool": "till__refund", "args": {"order": order(prompt), "amount": 18.25}})
            }
            true => json!({"answer": "It is given back."}),
        }
    } else {
        // Whatever else is asked of it is left to rules and templates.
        return String::new();
    };
    line.to_string()
}

/// The order that the clerk was told of last.
fn order(prompt: &str) -> String {
    let told = prompt.rsplit("Refund order ").next().unwrap_or_default();
    told.chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '-')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slip_is_made_once_and_the_order_is_the_one_that_was_named() {
        let auditor = "You are the auditor.";
        assert!(says(auditor).contains("calc"));
        assert!(says(&format!("{auditor} \"result\": 22.85")).contains("23.85"));
        assert!(says(&format!("{auditor} \"result\": 22.85 \"error\": no")).contains("22.85"));
        let clerk = "You are the clerk. Refund order act-5-17.";
        assert!(says(clerk).contains("\"act-5-17\""));
        assert_eq!(says("Who are you?"), "");
    }
}
