//! Dead letters as the contract shows them.

use aios_actors::{AgentSystem, Remains, ResendError, Undelivered};
use aios_control::{ControlError, ErrorKind, LetterLine, LetterShown, Letters};
use aios_protocols::{Message, Timestamp};
use aios_supervisor::DeadLetter;

/// A letter as it is kept; nobody has looked into it yet, and where it comes from is no place for that.
pub(super) fn in_passing(letter: &DeadLetter<Remains>) -> LetterLine {
    LetterLine {
        number: letter.number,
        at: Timestamp::since_epoch(letter.at).to_string(),
        reason: letter.reason.label().to_owned(),
        why: letter.reason.to_string(),
        sender: letter.sender.as_deref().map(str::to_owned),
        receivers: Vec::new(),
        act: None,
        message: None,
        conversation: None,
        reply_by: None,
        bytes: letter.item.frame_bytes() as u64,
        unreadable: None,
    }
}

fn line(letter: &Undelivered) -> LetterLine {
    let message = letter.message.as_ref().ok();
    let said = |part: fn(&Message) -> String| message.map(part);
    LetterLine {
        number: letter.number,
        at: letter.at.to_string(),
        reason: letter.reason.label().to_owned(),
        why: letter.reason.to_string(),
        sender: said(|message| message.sender.to_string())
            .or_else(|| letter.sender.as_deref().map(str::to_owned)),
        receivers: message
            .map(|message| message.receivers.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        act: said(|message| message.performative.as_str().to_owned()),
        message: said(|message| message.id().to_string()),
        conversation: said(|message| message.conversation_id.to_string()),
        reply_by: message
            .and_then(|message| message.reply_by)
            .map(|at| at.to_string()),
        bytes: letter.bytes as u64,
        unreadable: letter.message.as_ref().err().map(ToString::to_string),
    }
}

/// All that are kept, the newest first.
pub(crate) fn list(system: &AgentSystem) -> Letters {
    let counts = system.dead_letters().counts();
    let by_reason = counts.by_reason.into_iter();
    Letters {
        total: counts.total,
        forgotten: counts.forgotten,
        taken: counts.taken,
        by_reason: by_reason
            .map(|(word, count)| (word.to_owned(), count))
            .collect(),
        kept: system.undelivered().iter().rev().map(line).collect(),
    }
}

/// One of them, with what it says if it is about data of this tenant.
pub(crate) fn one(
    system: &AgentSystem,
    number: u64,
    tenant: &str,
) -> Result<LetterShown, ControlError> {
    let letter = system
        .undelivered_one(number)
        .ok_or_else(|| refusal(&ResendError::Unknown { number }))?;
    let message = letter.message.as_ref().ok();
    let message =
        message.filter(|message| letter.whole && message.envelope.tenant.as_str() == tenant);
    let content = message.and_then(|message| message.content.as_str());
    let mut cut = LetterShown::CONTENT_MAX;
    while content.is_some_and(|text| cut < text.len() && !text.is_char_boundary(cut)) {
        cut -= 1;
    }
    Ok(LetterShown {
        line: line(&letter),
        content: content.map(|text| text[..cut.min(text.len())].to_owned()),
        cut: content.is_some_and(|text| text.len() > cut),
    })
}

/// Why a letter was not sent again, or is not there.
pub(crate) fn refusal(error: &ResendError) -> ControlError {
    let kind = match error {
        ResendError::Unknown { .. } => ErrorKind::Unknown,
        ResendError::Unreadable { .. }
        | ResendError::HeadAlone { .. }
        | ResendError::Late { .. } => ErrorKind::Conflict,
        ResendError::NotSent { .. } => ErrorKind::Unavailable,
    };
    let advice = match error {
        ResendError::Unknown { .. } => "look at the dead letters there are",
        ResendError::Unreadable { .. }
        | ResendError::HeadAlone { .. }
        | ResendError::Late { .. } => "throw it away; whoever sent it has to say it anew",
        ResendError::NotSent { .. } => "send it again when its receiver is back",
    };
    ControlError::new(kind, error.to_string()).advise(advice)
}
