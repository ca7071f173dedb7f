//! One question to an agent, as far as it has come. Pure: what its model said and what its tools gave in, the next thing to do out.

use std::collections::HashSet;

use aios_actors::recovery::Trajectory;
use aios_work::Ended;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::act::{self, Act};
use super::transcript::Transcript;

/// The same act without anything new coming of it.
const REPEATS: u32 = 3;
/// Answers that do not fit before it is given up.
const REPAIRS: u32 = 3;

/// One question on its way.
pub(super) struct Run {
    allowed: u32,
    turn: u32,
    unfit: u32,
    guard: Trajectory,
    /// What was seen so far; what was not seen before is progress.
    seen: HashSet<[u8; 32]>,
    said: String,
    pub(super) transcript: Transcript,
}

/// What to do about what the model said.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Call this tool; [`Run::saw`] takes what it gave.
    Call {
        /// Its name.
        tool: String,
        /// What it is called with.
        args: Value,
    },
    /// It has answered.
    Done(Value),
    /// It is told what was wrong, and thinks again.
    Again,
    /// It is stopped.
    Stop(Ended),
    /// It came to nothing.
    Fail(String),
}

impl Run {
    /// Nothing was said yet.
    pub(super) fn new(turns: u32) -> Self {
        Self {
            allowed: turns,
            turn: 0,
            unfit: 0,
            guard: Trajectory::new(REPEATS),
            seen: HashSet::new(),
            said: String::new(),
            transcript: Transcript::default(),
        }
    }

    /// Turns that were begun.
    pub(super) fn turns(&self) -> u32 {
        self.turn
    }

    /// The next turn begins; its number, from 1.
    pub(super) fn turn(&mut self) -> Result<u32, Ended> {
        if self.turn >= self.allowed {
            return Err(Ended::TooLong {
                asked: self.turn.saturating_add(1),
                allowed: self.allowed,
            });
        }
        self.turn += 1;
        Ok(self.turn)
    }

    /// The model said this. `cut_off` if it ran out of tokens; `granted` says whether it has a tool, `fits` what is wrong with an answer.
    pub(super) fn said(
        &mut self,
        said: &str,
        cut_off: bool,
        granted: impl Fn(&str) -> Result<(), String>,
        fits: impl Fn(&Value) -> Result<(), String>,
    ) -> Next {
        self.said = said.to_owned();
        let act = match act::read(said) {
            Ok(act) => act,
            Err(_) if cut_off => return self.wrong("it was cut off before its end; say less"),
            Err(why) => return self.wrong(&why),
        };
        match act {
            Act::Answer(answer) => match fits(&answer) {
                Ok(()) => Next::Done(answer),
                Err(why) => self.wrong(&format!("the answer is not as it must be: {why}")),
            },
            Act::Call { tool, args } => {
                if let Err(why) = granted(&tool) {
                    return self.wrong(&why);
                }
                let progress = self.seen.len() as u64;
                match self
                    .guard
                    .about_to(&tool, args.to_string().as_bytes(), progress)
                {
                    Ok(()) => Next::Call { tool, args },
                    Err(looping) => Next::Stop(Ended::Looping(looping)),
                }
            }
        }
    }

    /// Its answer was judged, and it is told what is wrong with it.
    pub(super) fn refused(&mut self, why: &str) -> Next {
        self.wrong(why)
    }

    /// What it said cannot be used: it is told why, a few times.
    fn wrong(&mut self, why: &str) -> Next {
        self.unfit += 1;
        if self.unfit >= REPAIRS {
            let times = self.unfit;
            return Next::Fail(format!(
                "what the model said could not be used {times} times, the last because {why}"
            ));
        }
        self.transcript.push(&self.said, &json!({"error": why}));
        Next::Again
    }

    /// A tool gave this, or failed so.
    pub(super) fn saw(&mut self, tool: &str, outcome: &Result<Value, String>) {
        let seen = match outcome {
            Ok(value) => json!({"tool": tool, "result": value}),
            Err(error) => json!({"tool": tool, "error": error}),
        };
        if self.seen.insert(Sha256::digest(seen.to_string()).into()) && outcome.is_ok() {
            // Whoever gets on may err again.
            self.unfit = 0;
        }
        self.transcript.push(&self.said, &seen);
    }
}

#[cfg(test)]
mod tests {
    use aios_work::Looping;

    use super::*;

    fn said(run: &mut Run, text: &str) -> Next {
        let granted = |tool: &str| match tool {
            "add" | "now" => Ok(()),
            other => Err(format!("{other} was not granted")),
        };
        let fits = |answer: &Value| {
            answer
                .is_string()
                .then_some(())
                .ok_or("it is no text".to_owned())
        };
        run.said(text, text.ends_with("..."), granted, fits)
    }

    fn call(tool: &str, args: Value) -> Next {
        Next::Call {
            tool: tool.to_owned(),
            args,
        }
    }

    #[test]
    fn a_run_calls_sees_and_answers() {
        let mut run = Run::new(3);
        assert_eq!(run.turn(), Ok(1));
        let next = said(&mut run, r#"{"tool":"add","args":{"of":[1,2]}}"#);
        assert_eq!(next, call("add", json!({"of": [1, 2]})));
        run.saw("add", &Ok(json!(3)));
        assert_eq!(run.turn(), Ok(2));
        assert_eq!(said(&mut run, r#"{"answer":"3"}"#), Next::Done(json!("3")));
        let chat = run.transcript.chat("", "");
        assert_eq!(chat.last().unwrap().content, r#"{"tool":"add","result":3}"#);
        assert_eq!(run.turn(), Ok(3));
        assert_eq!(
            run.turn(),
            Err(Ended::TooLong {
                asked: 4,
                allowed: 3
            })
        );
    }

    #[test]
    fn going_round_in_circles_is_stopped_and_getting_on_is_not() {
        let again = r#"{"tool":"add","args":{"of":[1,2]}}"#;
        let mut run = Run::new(100);
        for _ in 0..REPEATS + 1 {
            // The first time it is new; from then on it is what is known already.
            assert!(matches!(said(&mut run, again), Next::Call { .. }));
            run.saw("add", &Ok(json!(3)));
        }
        let stopped = said(&mut run, again);
        let looping = Looping {
            act: "add".into(),
            times: REPEATS + 1,
            allowed: REPEATS,
        };
        assert_eq!(stopped, Next::Stop(Ended::Looping(looping)));
        // Two acts in turns are a circle too.
        let mut run = Run::new(100);
        let mut ended = false;
        for at in 0..20 {
            let act = format!(r#"{{"tool":"{}","args":{{}}}}"#, ["add", "now"][at % 2]);
            match said(&mut run, &act) {
                Next::Call { tool, .. } => run.saw(&tool, &Err("no".to_owned())),
                Next::Stop(Ended::Looping(_)) => {
                    ended = true;
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(ended);
        let mut run = Run::new(100);
        for at in 0..50 {
            assert!(matches!(
                said(&mut run, r#"{"tool":"now","args":{}}"#),
                Next::Call { .. }
            ));
            run.saw("now", &Ok(json!(at)));
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_and_after_a_few_times_it_is_over() {
        let rows = [
            "nothing",
            r#"{"tool":"rm","args":{}}"#,
            r#"{"answer":7}"#,
            r#"{"answer":"long lo..."#,
        ];
        for text in rows {
            let mut run = Run::new(100);
            assert_eq!(said(&mut run, text), Next::Again, "{text}");
            assert_eq!(said(&mut run, text), Next::Again, "{text}");
            let Next::Fail(why) = said(&mut run, text) else {
                panic!("{text} goes on")
            };
            assert!(why.contains("3 times, the last because"), "{why}");
        }
        let mut run = Run::new(100);
        for at in 0..10 {
            assert_eq!(said(&mut run, "nothing"), Next::Again);
            assert!(matches!(
                said(&mut run, r#"{"tool":"now"}"#),
                Next::Call { .. }
            ));
            run.saw("now", &Ok(json!(at)));
        }
    }
}
