//! `cargo +nightly fuzz run porcupine_register`: see `schism_fuzz::porcupine_register`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::porcupine_register(bytes));
