//! `cargo +nightly fuzz run workload`: see `schism_fuzz::workload`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| schism_fuzz::workload(bytes));
