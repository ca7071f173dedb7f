#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| aios_fuzz::wire::wire(bytes));
