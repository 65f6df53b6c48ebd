//! `cargo +nightly fuzz run operations`: see `schism_fuzz::operations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::operations(bytes));
