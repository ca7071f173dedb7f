//! An event on its way to those who watch: it is put into words once, however many hear of it. Over a socket it is a part of a reply, which is
//! written for each.

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
}

impl Told {
    /// The event as JSON, as it travels by every transport. Written when it is asked for first.
    pub fn json(&self) -> &str {
        // Its body is JSON already, so it can always be written.
        let written = || serde_json::to_string(&self.0.event).unwrap_or_default();
        self.0.json.get_or_init(written)
    }
}

impl From<Event> for Told {
    fn from(event: Event) -> Self {
        Self(Arc::new(Shared {
            event,
            json: OnceLock::new(),
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
}
