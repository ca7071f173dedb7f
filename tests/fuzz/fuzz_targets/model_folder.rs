#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aios_burn::fuzzing::model_folder(data));
