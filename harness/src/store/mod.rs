//! The run directory: the one place that writes files.

pub mod verdict_file;
