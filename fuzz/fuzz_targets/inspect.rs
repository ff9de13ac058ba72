#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| precast_fuzz::inspection::check(bytes));
