//! What a test makes a scripted engine do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::{EngineError, Finish, InferRequest};

/// Prompts that are remembered for a test to read.
const PROMPTS_MAX: usize = 256;

/// One step of a script. [`Delay`](Script::Delay) and [`Hang`](Script::Hang) hold a generation up, which then goes on
/// with the next step, or by the rules where there is none.
#[derive(Clone, Debug)]
pub enum Script {
    /// Answers with this text.
    Reply(String),
    /// Follows the rules, as without a script.
    Rules,
    /// Fails with this error.
    Fail(EngineError),
    /// Panics with this message.
    Panic(String),
    /// Takes this long, but hears a cancel and a deadline.
    Delay(Duration),
    /// Hears nothing until the gate is opened.
    Hang(Gate),
}

/// A door that a test opens once.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    open: bool,
    waiting: usize,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everybody through, now and later.
    pub fn open(&self) {
        self.0.0.lock().open = true;
        self.0.1.notify_all();
    }

    /// Blocks until somebody stands before the gate.
    pub fn reached(&self) {
        let mut state = self.0.0.lock();
        while state.waiting == 0 {
            self.0.1.wait(&mut state);
        }
    }

    fn pass(&self) {
        let mut state = self.0.0.lock();
        state.waiting += 1;
        self.0.1.notify_all();
        while !state.open {
            self.0.1.wait(&mut state);
        }
    }
}

/// The steps to come and the prompts that were seen. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Scripts(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    steps: VecDeque<Script>,
    prompts: VecDeque<String>,
    answers: Option<Answers>,
}

/// What is answered when no step is left, by the prompt.
#[derive(Clone)]
struct Answers(Arc<dyn Fn(&str) -> String + Send + Sync>);

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answers")
    }
}

pub(super) enum Lead {
    Reply(String),
    Interrupted(Finish),
    Rules,
}

impl Scripts {
    /// A script of these steps.
    pub fn new(steps: impl IntoIterator<Item = Script>) -> Self {
        let scripts = Self::default();
        scripts.0.lock().steps.extend(steps);
        scripts
    }

    /// A script without steps that answers each prompt as `answer` says: for many askers at once, whose order nobody knows.
    pub fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let scripts = Self::default();
        scripts.0.lock().answers = Some(Answers(Arc::new(answer)));
        scripts
    }

    /// Adds a step at the end.
    pub fn push(&self, step: Script) {
        self.0.lock().steps.push_back(step);
    }

    /// Steps that are still to come.
    pub fn left(&self) -> usize {
        self.0.lock().steps.len()
    }

    /// The last prompts, oldest first.
    pub fn prompts(&self) -> Vec<String> {
        self.0.lock().prompts.iter().cloned().collect()
    }

    pub(super) fn saw(&self, prompt: String) {
        let mut state = self.0.lock();
        if state.prompts.len() == PROMPTS_MAX {
            state.prompts.pop_front();
        }
        state.prompts.push_back(prompt);
    }

    /// What the script says about this generation.
    pub(super) fn lead(&self, request: &InferRequest) -> Result<Lead, EngineError> {
        loop {
            // Bound first: the lock must not be held while a step holds the engine up.
            let (step, answers) = {
                let mut state = self.0.lock();
                (state.steps.pop_front(), state.answers.clone())
            };
            if let (None, Some(Answers(answer))) = (&step, answers) {
                return Ok(Lead::Reply(answer(&request.prompt.text())));
            }
            match step {
                None | Some(Script::Rules) => return Ok(Lead::Rules),
                Some(Script::Reply(text)) => return Ok(Lead::Reply(text)),
                Some(Script::Fail(error)) => return Err(error),
                #[allow(clippy::panic)]
                Some(Script::Panic(message)) => panic!("{message}"),
                Some(Script::Hang(gate)) => gate.pass(),
                Some(Script::Delay(time)) => {
                    let end = Instant::now() + time;
                    while Instant::now() < end {
                        if let Some(finish) = request.interrupted() {
                            return Ok(Lead::Interrupted(finish));
                        }
                        std::thread::sleep(Duration::from_millis(1).min(time));
                    }
                }
            }
        }
    }
}
