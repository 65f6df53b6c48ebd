//! Raft: its profiles, its planted bugs, its tricky rules one by one, its frames.

mod bugs;
mod codec;
mod directed;
mod flp;
mod installed;
mod lone;
mod sweep;
