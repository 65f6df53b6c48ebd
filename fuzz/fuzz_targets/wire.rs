//! `cargo +nightly fuzz run wire`: see `schism_fuzz::wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::wire(bytes));
