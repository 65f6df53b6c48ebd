//! `cargo +nightly fuzz run porcupine_kv`: see `schism_fuzz::porcupine_kv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::porcupine_kv(bytes));
