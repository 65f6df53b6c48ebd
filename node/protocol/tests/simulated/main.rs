//! Every protocol in virtual time: a seeded cluster in memory under every fault that a pure machine
//! can meet, watched at every step by an observer that shares no code with any protocol.
//!
//! `world` names no protocol: it goes by rows of `PROTOCOLS`. Beside it stands one module for each
//! protocol, with its profiles, the schedules of its planted bugs and its directed tests.
//!
//! `cargo test -p schism-protocol --test simulated raft::`; `SCHISM_SEED=17` runs one seed of each
//! sweep and prints what happened, `SCHISM_SEEDS=9` runs so many.

#![allow(clippy::print_stdout)] // for people: what was run, and one seed told aloud

mod equivalence;
mod failover;
mod multi_paxos;
mod paxos;
mod raft;
mod sequencer;
mod vsr;
mod world;
mod zab;
