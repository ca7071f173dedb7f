//! What an answer of an agent may rest on.

use aios_work::{Document, Fact, Material, figures};
use serde_json::Value;

/// Bytes of all texts that an answer may rest on, and how many of them; a message holds a megabyte.
const TEXTS_BYTES: usize = 256 << 10;
const TEXTS: usize = 64;
/// Figures that it may rest on.
const FIGURES: usize = 512;

/// What an answer may rest on: what tools gave, the latest last.
#[derive(Default)]
pub(super) struct Grounds {
    pub(super) facts: Vec<Fact>,
    pub(super) texts: Vec<Material>,
    bytes: usize,
}

impl Grounds {
    /// A tool gave this.
    pub(super) fn add(&mut self, turn: u32, tool: &str, value: &Value, facts: &[Fact]) {
        let own = match facts.is_empty() {
            true => figures(&format!("turn-{turn}"), tool, value).0,
            false => facts.to_vec(),
        };
        let room = FIGURES.saturating_sub(self.facts.len());
        self.facts.extend(own.into_iter().take(room));
        let text = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        if self.texts.len() < TEXTS && self.bytes + text.len() <= TEXTS_BYTES {
            self.bytes += text.len();
            self.texts.push(Material::Document(Document {
                name: format!("{tool} of turn {turn}"),
                text,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_rests_on_a_bounded_part_of_what_tools_gave() {
        let mut grounds = Grounds::default();
        grounds.add(1, "price", &json!({"price": 12.5, "unit": "EUR"}), &[]);
        assert_eq!(grounds.facts.len(), 1);
        assert_eq!(grounds.facts[0].unit.as_deref(), Some("EUR"));
        let own = grounds.facts.clone();
        grounds.add(2, "sum", &json!("12.5 in all"), &own);
        assert_eq!(grounds.facts.len(), 2, "a tool's own facts are taken");
        for turn in 3..1_000 {
            let many: Vec<u32> = (0..100).collect();
            grounds.add(turn, "list", &json!(many), &[]);
            grounds.add(turn, "read", &json!("x".repeat(10_000)), &[]);
        }
        assert!(grounds.facts.len() <= FIGURES && grounds.texts.len() <= TEXTS);
        assert!(grounds.bytes <= TEXTS_BYTES);
    }
}
