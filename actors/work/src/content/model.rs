//! What thought for a goal, and how it was asked: with it the same can be asked again.

use serde::{Deserialize, Serialize};

/// What thought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ModelReport {
    /// `burn` or `scripted`, or what an embedder brought.
    pub engine: String,
    /// Where it computed.
    pub device: String,
    /// The language model's name; empty for an engine without one.
    pub name: String,
    /// What was thought for the goal, thoughts that differ in nothing but their prompts as one; at most [`THOUGHTS_TOLD`]. None in what
    /// earlier versions kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thoughts: Vec<ThoughtReport>,
}

/// Kinds of thoughts that are told of one goal: with the longest names they are half of what a message has room for beside an answer.
pub const THOUGHTS_TOLD: usize = 32;
/// Characters of a name that are told: a server may call its model what it likes.
const NAME_MAX: usize = 100;

/// Thoughts that were asked for alike and came from the same model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThoughtReport {
    /// What it was asked for: `plan`, `write` or `judge`.
    pub purpose: String,
    /// The engine that answered.
    pub engine: String,
    /// The model, as its engine calls it.
    pub model: String,
    /// Its version, where the engine tells: its format and a digest of its weights for a model file (`Q4_1 0f3a...`), or a server's fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How it was asked.
    pub settings: ThoughtSettings,
    /// How many there were.
    pub calls: u64,
    /// Tokens of all of them, prompts included.
    pub tokens: u64,
}

/// What a thought was asked with, beside its prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThoughtSettings {
    /// New tokens it could have at most.
    pub max_tokens: u32,
    /// How its tokens were chosen.
    pub sampling: SamplingReport,
    /// It had to keep to a schema.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub schema: bool,
}

/// How tokens were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplingReport {
    /// Always the likeliest.
    Greedy,
    /// Drawn at random.
    Seeded {
        /// Seed of the draw.
        seed: u64,
        /// Above 1 flattens, below 1 sharpens.
        temperature: f32,
        /// Smallest set of tokens whose probabilities reach this sum.
        top_p: f32,
        /// At most this many candidates; 0 means all.
        top_k: usize,
    },
}

impl ThoughtReport {
    /// One more thought among those of a goal.
    pub fn note(mut self, among: &mut Vec<Self>) {
        for name in [&mut self.engine, &mut self.model] {
            cut(name);
        }
        self.version.iter_mut().for_each(cut);
        if let Some(known) = among.iter_mut().find(|known| known.is_as(&self)) {
            known.calls = known.calls.saturating_add(self.calls);
            known.tokens = known.tokens.saturating_add(self.tokens);
        } else if among.len() < THOUGHTS_TOLD {
            among.push(self);
        }
    }

    fn is_as(&self, other: &Self) -> bool {
        self.settings == other.settings
            && [&self.purpose, &self.engine, &self.model]
                == [&other.purpose, &other.engine, &other.model]
            && self.version == other.version
    }
}

fn cut(name: &mut String) {
    if let Some((end, _)) = name.char_indices().nth(NAME_MAX) {
        name.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thought(model: &str, max_tokens: u32) -> ThoughtReport {
        ThoughtReport {
            purpose: "write".to_owned(),
            engine: "there".to_owned(),
            model: model.to_owned(),
            version: None,
            settings: ThoughtSettings {
                max_tokens,
                sampling: SamplingReport::Greedy,
                schema: false,
            },
            calls: 1,
            tokens: 10,
        }
    }

    #[test]
    fn thoughts_are_told_apart_by_all_but_what_they_took_and_there_is_an_end_of_them() {
        let mut among = Vec::new();
        for one in [
            thought("m", 8),
            thought("n", 8),
            thought("m", 8),
            thought("m", 9),
        ] {
            one.note(&mut among);
        }
        let told: Vec<_> = (among.iter())
            .map(|one| {
                (
                    one.model.as_str(),
                    one.settings.max_tokens,
                    one.calls,
                    one.tokens,
                )
            })
            .collect();
        assert_eq!(told, [("m", 8, 2, 20), ("n", 8, 1, 10), ("m", 9, 1, 10)]);
        for at in 0..100 {
            thought("\u{1f638}".repeat(1_000).as_str(), at).note(&mut among);
        }
        assert_eq!(among.len(), THOUGHTS_TOLD);
        assert!(
            among
                .iter()
                .all(|one| one.model.chars().count() <= NAME_MAX)
        );
    }

    #[test]
    fn what_earlier_versions_kept_is_read() {
        let kept = r#"{"engine":"burn","device":"cpu","name":"m"}"#;
        let report: ModelReport = serde_json::from_str(kept).unwrap();
        assert_eq!(report.thoughts, []);
        assert_eq!(serde_json::to_string(&report).unwrap(), kept);
        let sampling = SamplingReport::Seeded {
            seed: 7,
            temperature: 0.5,
            top_p: 1.0,
            top_k: 0,
        };
        let mut report = report;
        let mut one = thought("m", 8);
        one.settings.sampling = sampling;
        one.note(&mut report.thoughts);
        let told = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<ModelReport>(&told).unwrap(), report);
    }
}
