//! What a follower does with a delivery. Pure; the shell is `follow`.
//!
//! A follower keeps a view of a stream, and with it, in one local transaction, the sequence that the view has come to. That sequence alone
//! says what is next: what is not above it is passed over, so a message has its effect once, however often it is delivered. The server
//! counts its deliveries; a gap in that count means that one was lost on the way, and then the follower asks anew from where its view is.

use std::time::Duration;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// In the stream.
    pub stream: u64,
    /// Among the deliveries to this follower since it last asked.
    pub delivery: u64,
}

/// What to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// It is next: apply it.
    Apply,
    /// The view has it: acknowledge it, and nothing else.
    PassOver,
    /// One before it was lost on the way: ask anew.
    AskAnew,
}

/// The count of deliveries since the follower last asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    seen: u64,
}

impl Order {
    /// Judges a delivery, given what the view has come to.
    pub fn take(&mut self, delivered: Delivered, applied: u64) -> Take {
        if delivered.delivery != self.seen + 1 {
            return Take::AskAnew;
        }
        self.seen = delivered.delivery;
        if delivered.stream <= applied {
            Take::PassOver
        } else {
            Take::Apply
        }
    }
}

/// What follows an attempt to apply a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Tell the server that it is done.
    Acknowledge,
    /// Once more after this wait; the server is told that work goes on.
    Wait(Duration),
    /// Among the dead letters with it; the view passes it over.
    DeadLetter,
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The view and its sequence are written.
    Done,
    /// It may go better next time.
    NotNow,
    /// It never will.
    Never,
}

/// What follows. `attempt` counts from 1.
pub fn next(applied: Applied, attempt: u32, attempts_max: u32) -> Next {
    match applied {
        Applied::Done => Next::Acknowledge,
        Applied::Never => Next::DeadLetter,
        Applied::NotNow if attempt >= attempts_max => Next::DeadLetter,
        Applied::NotNow => {
            let doubled = Duration::from_millis(50).saturating_mul(1 << attempt.min(10));
            Next::Wait(doubled.min(Duration::from_secs(5)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_effect_once_and_none_is_left_out() {
        let mut order = Order::default();
        let mut applied = 4;
        for (stream, delivery, expected) in [
            (5, 1, Take::Apply),
            (6, 2, Take::Apply),
            // Delivered again, because its acknowledgement was lost.
            (5, 3, Take::PassOver),
            // Sequences of other subjects lie between.
            (9, 4, Take::Apply),
            // The fifth delivery was lost.
            (11, 6, Take::AskAnew),
        ] {
            let took = order.take(Delivered { stream, delivery }, applied);
            assert_eq!(took, expected, "{stream}");
            if took == Take::Apply {
                applied = stream;
            }
        }
        assert_eq!(applied, 9, "asked anew from behind what is applied");
        let mut order = Order::default();
        let anew = Delivered {
            stream: 10,
            delivery: 1,
        };
        assert_eq!(order.take(anew, applied), Take::Apply);
    }

    #[test]
    fn what_follows_an_attempt() {
        for (applied, attempt, expected) in [
            (Applied::Done, 1, Next::Acknowledge),
            (Applied::NotNow, 1, Next::Wait(Duration::from_millis(100))),
            (Applied::NotNow, 2, Next::Wait(Duration::from_millis(200))),
            (Applied::NotNow, 3, Next::DeadLetter),
            (Applied::Never, 1, Next::DeadLetter),
        ] {
            assert_eq!(next(applied, attempt, 3), expected);
        }
        assert_eq!(
            next(Applied::NotNow, 90, 100),
            Next::Wait(Duration::from_secs(5))
        );
    }
}
