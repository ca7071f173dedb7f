//! A charter written as the file it is read from. What is as usual is left out; each value is written as JSON, which is YAML too.

use serde_json::{Value, json};

use super::{Charter, CharterBudget, Privacy, RestartRule};

impl Charter {
    /// The file that [`Charter::parse`] reads as an equal charter.
    #[must_use]
    pub fn write(&self) -> String {
        let mut lines = vec![
            line("name", &json!(self.name)),
            line("description", &json!(self.description)),
        ];
        if self.role != format!("macro.{}", self.name) {
            lines.push(line("role", &json!(self.role)));
        }
        for (key, names) in [
            ("tools", &self.tools),
            ("domains", &self.domains),
            ("delegates", &self.delegates),
        ] {
            if !names.is_empty() {
                lines.push(line(key, &json!(names)));
            }
        }
        for (key, value) in [
            ("model", self.model.as_ref().map(|model| json!(model))),
            ("input", self.input.clone()),
            ("output", self.output.clone()),
            ("criteria", self.criteria.as_ref().map(|name| json!(name))),
        ] {
            lines.extend(value.map(|value| line(key, &value)));
        }
        if self.budget != CharterBudget::default() {
            lines.push(line("budget", &budget(&self.budget)));
        }
        if self.restart != RestartRule::default() {
            lines.push(line("restart", &json!(self.restart)));
        }
        if self.durable {
            lines.push(line("durable", &json!(true)));
        }
        if self.privacy != Privacy::default() {
            lines.push(line("privacy", &json!(self.privacy)));
        }
        format!("---\n{}---\n\n{}\n", lines.concat(), self.instructions)
    }
}

fn line(key: &str, value: &Value) -> String {
    format!("{key}: {value}\n")
}

/// What of a budget is not as usual, in the words of the front matter.
fn budget(budget: &CharterBudget) -> Value {
    let usual = CharterBudget::default();
    let mut written = serde_json::Map::new();
    if budget.tokens != usual.tokens {
        written.insert("tokens".to_owned(), json!(budget.tokens));
    }
    if let Some(micros) = budget.money_micros {
        written.insert("money".to_owned(), json!(micros as f64 / 1e6));
    }
    if budget.time_ms != usual.time_ms {
        written.insert("time".to_owned(), json!(format!("{}ms", budget.time_ms)));
    }
    if budget.turns != usual.turns {
        written.insert("turns".to_owned(), json!(budget.turns));
    }
    Value::Object(written)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_text() -> impl Strategy<Value = String> {
        // Whatever a text may hold, but for the blanks around it, which are no part of it.
        "[ -~äß€\n\t'\":#{}-]{1,60}".prop_filter_map("blank", |text| {
            let text = text.trim().to_owned();
            (!text.is_empty()).then_some(text)
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_equal(
            (description, instructions) in (any_text(), any_text()),
            (tools, domains) in (
                prop::collection::btree_set("[a-z_]{1,12}", 0..4),
                prop::collection::btree_set("[a-z]{1,12}", 0..4),
            ),
            (tokens, money, time_ms, turns) in (
                1..CharterBudget::TOKENS_MAX,
                prop::option::of(0..1_000_000_000u64),
                1..CharterBudget::TIME_MS_MAX,
                1..=CharterBudget::TURNS_MAX,
            ),
            (other_role, temporary, local, schema) in any::<(bool, bool, bool, bool)>(),
        ) {
            let charter = Charter {
                name: "clerk".into(),
                description,
                role: if other_role { "macro.other" } else { "macro.clerk" }.into(),
                tools: tools.into_iter().collect(),
                model: schema.then(|| "some model".into()),
                domains: domains.into_iter().collect(),
                input: schema.then(|| json!({"type": "object", "properties": {"a: b": {"enum": ["x\n", "---"]}}})),
                output: None,
                budget: CharterBudget { tokens, money_micros: money, time_ms, turns },
                restart: if temporary { RestartRule::Temporary } else { RestartRule::Permanent },
                durable: local,
                delegates: Vec::new(),
                criteria: None,
                privacy: if local { Privacy::Local } else { Privacy::Any },
                instructions,
            };
            prop_assert_eq!(Charter::parse(&charter.write()), Ok(charter));
        }
    }
}
