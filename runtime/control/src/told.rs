//! An event on its way to those who watch: it is put into words once, however many hear of it. Each transport sends those same bytes, with
//! no more than its own few around them.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Event;

/// An [`Event`] that is told. Cheap to clone; clones are the same event, and share its words.
#[derive(Clone)]
pub struct Told(Arc<Shared>);

struct Shared {
    event: Event,
    json: OnceLock<String>,
    /// The whole of it as a server-sent event.
    #[cfg(feature = "http")]
    frame: OnceLock<bytes::Bytes>,
}

impl Told {
    /// The event as JSON, as it travels by every transport. Written when it is asked for first.
    pub fn json(&self) -> &str {
        // Its body is JSON already, so it can always be written.
        let written = || serde_json::to_string(&self.0.event).unwrap_or_default();
        self.0.json.get_or_init(written)
    }

    /// The event as a server-sent event, whose id is its number: the same bytes for everybody who hears of it.
    #[cfg(feature = "http")]
    pub(crate) fn frame(&self) -> bytes::Bytes {
        let framed = || {
            let Event { seq, kind, .. } = self.0.event;
            // JSON has no line breaks of its own, so it is one line.
            let json = self.json();
            format!("id: {seq}\nevent: {}\ndata: {json}\n\n", kind.as_str()).into()
        };
        self.0.frame.get_or_init(framed).clone()
    }
}

impl From<Event> for Told {
    fn from(event: Event) -> Self {
        Self(Arc::new(Shared {
            event,
            json: OnceLock::new(),
            #[cfg(feature = "http")]
            frame: OnceLock::new(),
        }))
    }
}

impl Deref for Told {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.0.event
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.event.fmt(f)
    }
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        self.0.event == other.0.event
    }
}

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.event.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Event::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::EventKind;

    #[test]
    fn it_is_written_once_for_all_its_clones_and_reads_back_the_same() {
        let told = Told::from(Event {
            seq: 7,
            kind: EventKind::Goal,
            body: json!({"goal_id": "g", "phase": "running"}),
        });
        let other = told.clone();
        let text = told.json();
        assert!(std::ptr::eq(text, other.json()), "the same bytes");
        assert_eq!(text, serde_json::to_string(&told).unwrap());
        assert_eq!(serde_json::from_str::<Told>(text).unwrap(), told);
        assert_eq!(other.body["goal_id"], "g");
    }

    #[cfg(feature = "http")]
    #[test]
    fn as_a_server_sent_event_it_is_the_same_bytes_for_everybody() {
        let told = Told::from(Event {
            seq: 7,
            kind: EventKind::DeadLetter,
            body: json!({"why": "two\nlines\rand \u{2028}"}),
        });
        let (one, other) = (told.frame(), told.clone().frame());
        assert!(std::ptr::eq(one.as_ptr(), other.as_ptr()));
        let expected = format!("id: 7\nevent: dead_letter\ndata: {}\n\n", told.json());
        assert_eq!(one, expected.as_bytes());
        // A break inside would end it there.
        assert_eq!(expected.lines().count(), 4);
        assert!(!expected.contains('\r'));
    }
}
