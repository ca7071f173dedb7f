//! What comes of a call of an agent, and the call that is under way.

use aios_work::{Artifact, Effect, Fact};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What came of a call, as it is committed.
#[derive(Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) outcome: Result<Value, String>,
    pub(super) facts: Vec<Fact>,
    pub(super) artifacts: Vec<Artifact>,
}

impl Seen {
    pub(super) fn error(why: impl Into<String>) -> Self {
        Self {
            outcome: Err(why.into()),
            facts: Vec::new(),
            artifacts: Vec::new(),
        }
    }
}

/// The call that is under way, if cut short nobody would know whether it was carried out.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<Option<String>>);

impl UnderWay {
    pub(super) fn begins(&self, tool: &str, effect: Option<Effect>) {
        let doubtful = matches!(effect, Some(Effect::Ask | Effect::Query));
        *self.0.lock() = doubtful.then(|| tool.to_owned());
    }

    pub(super) fn ends(&self) {
        self.0.lock().take();
    }

    /// The tool of a call that was dropped before it came back.
    pub(super) fn cut_short(&self) -> Option<String> {
        self.0.lock().take()
    }
}
