//! `cargo +nightly fuzz run packed`: see `schism_fuzz::packed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::packed(bytes));
