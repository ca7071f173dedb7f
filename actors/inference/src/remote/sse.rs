//! Server-sent events out of bytes, as the WHATWG's HTML standard reads them (section 9.2.6).
//!
//! Bytes come in pieces of any size; an event comes out once its empty line was seen. What is kept is bounded by one event.

/// Longest event: a chunk of text has some hundred bytes, a whole call of a tool some thousand.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its type; empty where none was given.
    pub(super) name: String,
    /// Its data lines, joined by line feeds.
    pub(super) data: String,
}

/// An event is longer than any that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Takes bytes, gives events.
#[derive(Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    /// A line feed after a carriage return ends no second line.
    after_return: bool,
    begun: bool,
}

impl Reader {
    /// Reads on; the events that are whole by now.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let ends = byte == b'\n' || byte == b'\r';
            let doubled = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            if doubled {
                continue;
            }
            if ends {
                events.extend(self.end_of_line());
            } else {
                self.line.push(byte);
                if self.line.len() + self.event.data.len() > EVENT_BYTES_MAX {
                    return Err(TooLong);
                }
            }
        }
        Ok(events)
    }

    fn end_of_line(&mut self) -> Option<Event> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "event" => self.event.name = value.to_owned(),
            // Comments keep the line open; ids and retries are of no use here.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> Event {
        Event {
            name: name.into(),
            data: data.into(),
        }
    }

    #[test]
    fn events_come_out_the_same_however_the_bytes_come_in() {
        let stream = "\u{feff}data: a\n\n: comment\n\nevent: x\r\ndata:b\r\ndata: c\r\n\r\nid: 7\n\ndata\n\nevent: gone\n\ndata: é東\r\rdata: cut";
        let expected = [
            event("", "a"),
            event("x", "b\nc"),
            event("", ""),
            event("", "é東"),
        ];
        for size in 1..=stream.len() {
            let mut reader = Reader::default();
            let events: Vec<Event> = stream
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| reader.read(piece).unwrap())
                .collect();
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_without_an_end_is_refused_and_not_kept() {
        let mut reader = Reader::default();
        let piece = vec![b'x'; 1 << 16];
        let end = (0..100).find(|_| reader.read(&piece).is_err());
        assert!(end.is_some_and(|pieces| pieces <= 16));
        let mut reader = Reader::default();
        let lines = b"data: 0123456789\n".repeat(1 << 12);
        let end = (0..100).find(|_| reader.read(&lines).is_err());
        assert!(end.is_some());
    }
}
