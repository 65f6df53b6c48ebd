//! Raft in virtual time: a seeded cluster in memory under every fault that a pure machine can meet,
//! watched at every step by an observer that shares no code with the protocol.
//!
//! `cargo test -p schism-protocol --test raft`; `SCHISM_SEED=17` runs one seed of each sweep and
//! prints what happened.

#![allow(clippy::print_stdout)] // for people: what was run, and one seed told aloud

mod bugs;
mod clients;
mod cluster;
mod codec;
mod directed;
mod disk;
mod lone;
mod nemesis;
mod observer;
mod sweep;
