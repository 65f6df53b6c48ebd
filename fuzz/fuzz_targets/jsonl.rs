//! `cargo +nightly fuzz run jsonl`: see `schism_fuzz::jsonl`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::jsonl(bytes));
