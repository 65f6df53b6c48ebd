//! `cargo +nightly fuzz run jepsen_text`: see `schism_fuzz::jepsen_text`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::jepsen_text(bytes));
