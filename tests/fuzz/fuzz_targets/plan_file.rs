#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aios_fuzz::plans::plan_file(data));
