//! The three systems that Viewstamped Replication is here, by what survives a crash: their rows,
//! and how a replica of each is started. It never decides anything.

use super::message::Body;
use super::rules::{Rules, Sound};
use super::state::Mode;
use super::{Vsr, options, states};
use crate::machine::{Boot, BootError, Machine, Outputs, erase};
use crate::{CommitQuorum, Progress, ProtocolRow, Reads, SystemRow, Traces};

/// With a disk, as a row of the table of protocols.
pub const ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        options: options::DURABLE,
        reads: Reads::EveryNode,
        frames: Body::FRAMES,
        ..SystemRow::new(
            "vsr",
            "replicas take turns as primary; what a majority has on disk stays (Liskov 2012)",
        )
    },
    build: |boot, out| start(Mode::Durable, boot, &Sound, out),
    states: states::DURABLE,
};

/// In memory, made safe by keeping the view.
pub const MEMORY_ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        name: "vsr-memory",
        about: "vsr without a disk for the log; survives while a majority never stops at once",
        options: options::MEMORY,
        progress: Progress::MajorityInMemory,
        traces: IN_MEMORY,
        ..ROW.facts
    },
    build: |boot, out| start(Mode::Memory, boot, &Sound, out),
    states: states::IN_MEMORY,
};

/// In memory, as published.
pub const PAPER_ROW: ProtocolRow = ProtocolRow {
    facts: SystemRow {
        name: "vsr-paper",
        about: "vsr in memory exactly as published: a recovered node's old messages can undo it",
        options: options::PAPER,
        ..MEMORY_ROW.facts
    },
    build: |boot, out| start(Mode::Paper, boot, &Sound, out),
    states: states::IN_MEMORY,
};

/// Nothing acknowledged is on a disk (no I6); views grow within an incarnation.
const IN_MEMORY: Traces = Traces {
    without: &[6],
    commit_quorum: CommitQuorum::MajorityInMemory,
    epoch_outlives_crashes: false,
    ..Traces::ALL
};

/// Starts a replica whose messages are bytes, in one of the three modes.
pub fn start(
    mode: Mode,
    boot: Boot,
    rules: &'static dyn Rules,
    out: &mut Outputs<bytes::Bytes>,
) -> Result<Box<dyn Machine>, BootError> {
    let mut said = Vec::new();
    let replica = Vsr::boot(mode, boot, rules, &mut said)?;
    Ok(erase(replica, said, out))
}
