//! Viewstamped Replication: its profiles, planted bugs, tricky rules one by one, and frames.

mod bugs;
mod codec;
mod directed;
mod handover;
mod lone;
mod sweep;
mod transfer;
