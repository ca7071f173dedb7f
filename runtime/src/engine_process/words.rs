//! What a node and its engine's process say to each other. One end of the socket is in the node, the other in the process that it started.

use aios_inference::{
    Capabilities, EngineError, Health, InferRequest, Inference, ModelInfo, ModelSource, SessionId,
    Token,
};
use aios_protocols::TraceContext;
use aios_protocols::tensor::{PoolAddress, TensorGrant};
use serde::{Deserialize, Serialize};

/// What the node says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToHost {
    /// The pool whose memory was just handed over.
    Pool(PoolAddress),
    Infer {
        call: u64,
        request: Box<InferRequest>,
        /// Milliseconds for it.
        left_ms: Option<u64>,
        /// Whether tokens are wanted as they are made.
        stream: bool,
    },
    Embed {
        call: u64,
        texts: Vec<String>,
        left_ms: Option<u64>,
        traceparent: Option<String>,
    },
    Load {
        call: u64,
        source: ModelSource,
    },
    Unload {
        call: u64,
        model: String,
    },
    Health {
        call: u64,
    },
    /// What is remembered of a session is wanted, as frames.
    Save {
        call: u64,
        session: SessionId,
        traceparent: Option<String>,
    },
    /// The next bytes of a session that is given back, and how many there are in all.
    Part {
        parts: u64,
        grant: TensorGrant,
        of: usize,
        traceparent: Option<String>,
    },
    /// All those parts were told.
    Restore {
        call: u64,
        parts: u64,
        session: SessionId,
        traceparent: Option<String>,
    },
    /// A session is over. Nobody waits for an answer.
    Close {
        session: SessionId,
    },
    /// Nobody wants the answer any more.
    Cancel {
        call: u64,
    },
}

/// The trace that a call belongs to, as the frames that it leads to name it; zeros for none, as of one that nobody can read.
pub(super) fn trace_id(traceparent: Option<&str>) -> [u8; 16] {
    let trace = traceparent.and_then(|text| text.parse::<TraceContext>().ok());
    trace.map_or([0; 16], |trace| *trace.trace_id())
}

/// What the process says. Each call ends with one of the last eight.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromHost {
    Ready(Capabilities),
    /// The engine could not be built.
    Failed(EngineError),
    Token {
        call: u64,
        token: Token,
    },
    /// Some of the vectors, in order, and how many bytes of its text each stands for, and of how many.
    Vectors {
        call: u64,
        grant: TensorGrant,
        read: Vec<(usize, usize)>,
    },
    /// The next bytes of a session that is saved, and how many there are in all.
    Part {
        call: u64,
        grant: TensorGrant,
        of: usize,
    },
    /// So many bytes were told in parts; none where there is nothing to save.
    Saved {
        call: u64,
        bytes: usize,
    },
    /// The session is remembered again, with so many tokens.
    Restored {
        call: u64,
        tokens: u64,
    },
    Inferred {
        call: u64,
        inference: Box<Inference>,
    },
    Embedded {
        call: u64,
    },
    Loaded {
        call: u64,
        model: ModelInfo,
        capabilities: Capabilities,
    },
    Unloaded {
        call: u64,
        capabilities: Capabilities,
    },
    Health {
        call: u64,
        health: Health,
    },
    Refused {
        call: u64,
        error: EngineError,
    },
}

impl FromHost {
    /// Which call it is about.
    pub(super) fn call(&self) -> Option<u64> {
        match self {
            Self::Ready(_) | Self::Failed(_) => None,
            Self::Token { call, .. }
            | Self::Vectors { call, .. }
            | Self::Part { call, .. }
            | Self::Saved { call, .. }
            | Self::Restored { call, .. }
            | Self::Inferred { call, .. }
            | Self::Embedded { call }
            | Self::Loaded { call, .. }
            | Self::Unloaded { call, .. }
            | Self::Health { call, .. }
            | Self::Refused { call, .. } => Some(*call),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::wire::{Ear, say};
    use aios_inference::{Grammar, Sampling, ToolDefinition};

    #[test]
    fn a_request_and_its_answer_arrive_as_they_were_sent() {
        let (here, there) = UnixStream::pair().unwrap();
        let mut ear = Ear::new(there);
        let mut request = InferRequest::chat("Be brief.", "Why?")
            .max_tokens(7)
            .sampling(Sampling::Seeded {
                seed: u64::MAX,
                temperature: 0.7,
                top_p: 0.9,
                top_k: 40,
            })
            .stop("\n")
            .session(SessionId("s".into()))
            .json_schema("{}")
            .tools([ToolDefinition {
                name: "t".into(),
                description: "d".into(),
                input: serde_json::json!({"type": "object"}),
            }]);
        request.traceparent =
            Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
        let said = ToHost::Infer {
            call: 3,
            request: Box::new(request.clone()),
            left_ms: Some(9),
            stream: true,
        };
        say(&here, &said).unwrap();
        let Some(ToHost::Infer { request: heard, .. }) = ear.next().unwrap() else {
            panic!("something else was heard");
        };
        // All but the flag, which is nobody's yet.
        let mut heard = *heard;
        heard.cancel = request.cancel.clone();
        assert_eq!(format!("{heard:?}"), format!("{request:?}"));
        assert!(matches!(heard.grammar, Some(Grammar::JsonSchema(_))));

        let inference = Inference {
            text: "Because.".into(),
            calls: Vec::new(),
            ids: vec![1, 2],
            prompt_ids: vec![3],
            usage: aios_inference::Usage::default(),
            by: aios_inference::Served::default(),
            finish: aios_inference::Finish::Stop,
            top_logits: vec![(1, 0.1), (2, f32::NEG_INFINITY)],
            timings: aios_inference::Timings::default(),
        };
        let said = FromHost::Inferred {
            call: 3,
            inference: Box::new(inference.clone()),
        };
        say(&here, &said).unwrap();
        let Some(FromHost::Inferred {
            inference: heard, ..
        }) = ear.next().unwrap()
        else {
            panic!("something else was heard");
        };
        assert_eq!(*heard, inference);
    }
}
