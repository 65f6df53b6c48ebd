//! Protocols that keep a total order, each as a pure state machine.
//!
//! A protocol is told what happened ([`Input`]) and says what should be done about it ([`Output`]).
//! The same code runs in the real server (crate `schism-node`) and in the seeded in-memory cluster
//! of this crate's tests: `cargo test -p schism-protocol`.
//!
//! Nothing here ever reads a clock, opens a socket or a file, starts a thread, logs a line, draws
//! unseeded randomness or iterates an unordered map: `clippy.toml` refuses each of them.
//!
//! # Layout, in reading order
//!
//! * [`machine`]: the vocabulary between a protocol and the world.
//! * [`wire`]: how messages become bytes; [`ProtocolRow`]: what a protocol says of itself;
//!   [`States`]: its states as a lecture draws them.
//! * [`common`]: what protocols that keep a log share.
//! * [`sequencer`]: one node orders for ever.
//! * [`failover`]: an operator chooses who orders.
//! * [`paxos`]: single decisions; [`log_from_consensus`] and [`consensus_from_log`] make each from
//!   the other.
//! * [`multi_paxos`]; [`raft`]; [`vsr`] (with a disk, in memory, and as published); [`zab`]: each
//!   one's `rules.rs` is the index of its paper's safety argument.
//! * [`bugs`]: planted bugs, each overriding one rule.

// A field such as `to: NodeId` of a message needs no sentence; what does has one.
#![allow(missing_docs)]

pub mod bugs;
pub mod common;
pub mod consensus_from_log;
pub mod failover;
pub mod log_from_consensus;
pub mod machine;
pub mod multi_paxos;
pub mod paxos;
pub mod raft;
pub mod sequencer;
pub mod vsr;
pub mod wire;
pub mod zab;

pub use bugs::{BUGS, Bug};
pub use machine::*;

mod row;
mod states;

pub use row::ProtocolRow;
pub use schism_facts::{
    Acks, BugRow, CommitQuorum, Epochs, FramePart, FrameRow, OptionIs, OptionRow, Progress, Reads,
    SystemRow, Traces,
};
pub use states::*;

/// Every protocol, in the order people read about them.
pub const PROTOCOLS: &[ProtocolRow] = &[
    sequencer::ROW,
    failover::ROW,
    raft::ROW,
    multi_paxos::ROW,
    vsr::ROW,
    vsr::MEMORY_ROW,
    vsr::PAPER_ROW,
    zab::ROW,
    paxos::ROW,
    log_from_consensus::ROW,
    consensus_from_log::ROW,
];
