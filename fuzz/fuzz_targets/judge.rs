//! `cargo +nightly fuzz run judge`: see `schism_fuzz::judge`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::judge(bytes));
