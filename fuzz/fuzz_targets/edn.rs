//! `cargo +nightly fuzz run edn`: see `schism_fuzz::edn`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::edn(bytes));
