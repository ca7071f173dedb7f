//! Identifiers, subjects, dates and traces: what parses prints the same.

#![no_main]

use aios_protocols::{Party, Reason, Subject, SubjectPattern, Timestamp, TraceContext};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(party) = text.parse::<Party>() {
        assert_eq!(party.as_str(), text);
    }
    if let Ok(subject) = text.parse::<Subject>() {
        assert_eq!(subject.as_str(), text);
    }
    if let Ok(pattern) = text.parse::<SubjectPattern>() {
        assert_eq!(pattern.as_str(), text);
    }
    if let Ok(moment) = Timestamp::from_fipa(text) {
        assert_eq!(Timestamp::from_fipa(&moment.to_fipa()), Ok(moment));
    }
    if let Ok(trace) = text.parse::<TraceContext>() {
        assert_eq!(trace.to_string(), text);
    }
    if let Ok(reason) = text.parse::<Reason>() {
        assert_eq!(reason.to_string().parse(), Ok(reason));
    }
});
