//! `cargo +nightly fuzz run json_array`: see `schism_fuzz::json_array`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::json_array(bytes));
