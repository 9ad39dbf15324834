#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| why403_fuzz::fuzzed::records::check(data));
