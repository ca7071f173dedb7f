//! What somebody looks for in particular.

use aios_control::Watch;
use aios_protocols::ConversationId;

/// What somebody looks for in particular.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) watch: Watch,
    /// The conversation, if it is one that there can be.
    conversation: Option<ConversationId>,
}

impl Choice {
    pub(crate) fn new(watch: Watch) -> Self {
        let conversation = watch.conversation.as_deref();
        Self {
            conversation: conversation.and_then(|id| id.parse().ok()),
            watch,
        }
    }

    pub(crate) fn has_conversation(&self, id: &ConversationId) -> bool {
        self.watch.conversation.is_none() || self.conversation.as_ref() == Some(id)
    }
}
