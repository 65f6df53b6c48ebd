//! Formats of history files: one file each. This is their table.

pub mod jsonl;
