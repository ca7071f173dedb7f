//! What is kept of a message that was not delivered.
//!
//! What is private, and a text that somebody brings to be judged, was meant for its receiver alone: of such a message there is only its head,
//! for whoever looks after the node to see that it came to nothing. So it is of what nobody here can verify, which could not be sent again
//! either.

use std::sync::Arc;

use aios_protocols::{Content, KeyRegistry, Limits, Message, Refusal, Sealed, authenticate};
use aios_supervisor::{DeadLetters, Reason};
use aios_work::content::ontology;

use crate::agent::{Clock, is_private};

/// An undelivered message.
#[derive(Debug, Clone)]
pub enum Remains {
    /// The frame that its sender signed.
    Whole(Sealed),
    /// Who said it to whom and when, and nothing of what it says; else why nobody can read it.
    Head {
        /// The message, without content.
        message: Result<Box<Message>, Refusal>,
        /// Bytes of the frame that it had.
        frame: usize,
        /// Bytes of it that are kept.
        kept: usize,
    },
}

impl Remains {
    /// Bytes of the frame that its sender signed.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        match self {
            Self::Whole(frame) => frame.len(),
            Self::Head { frame, .. } => *frame,
        }
    }

    /// Bytes that it takes here.
    pub(crate) fn kept_bytes(&self) -> usize {
        match self {
            Self::Whole(frame) => frame.len(),
            Self::Head { kept, .. } => *kept,
        }
    }
}

/// Whether it is meant for its receiver alone.
fn is_confided(message: &Message) -> bool {
    let ontology = message.ontology.as_deref();
    is_private(message) || matches!(ontology, Some(ontology::JUDGE | ontology::STREAM))
}

/// Where the messages of a world go that reach nobody.
#[derive(Clone)]
pub(crate) struct Unheard {
    pub(crate) letters: DeadLetters<Remains>,
    pub(crate) keys: Arc<KeyRegistry>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Unheard {
    /// Keeps of a message what may be kept.
    pub(crate) fn push(&self, frame: Sealed, reason: Reason, sender: Option<Arc<str>>) {
        self.letters.push(self.letter(frame), reason, sender);
    }

    fn letter(&self, frame: Sealed) -> Remains {
        let now = self.clock.now();
        let (message, content) = match authenticate(&frame, &*self.keys, &Limits::default(), now) {
            Ok(message) if !is_confided(&message) => return Remains::Whole(frame),
            Ok(message) => {
                let mut head = message.message().clone();
                let content = std::mem::replace(&mut head.content, Content::bytes(Vec::new()));
                (Ok(Box::new(head)), content.len())
            }
            Err(refusal) => (Err(refusal), frame.len()),
        };
        Remains::Head {
            message,
            frame: frame.len(),
            kept: frame.len() - content,
        }
    }
}
