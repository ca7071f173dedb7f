//! Strings of other platforms. What is read can be written, and reads the same again.

#![no_main]

use aios_protocols::fipa_string::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(acl) = parse(text) {
        let written = acl.to_string();
        assert_eq!(parse(&written), Ok(acl), "{written}");
    }
});
