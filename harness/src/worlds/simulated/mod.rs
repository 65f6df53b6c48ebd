//! A cluster in this process, in virtual time: machines, links that take a few milliseconds, disks
//! that take less. Small and friendly: it loses nothing but what a crash loses. With `explain`,
//! which tells what happened here, and `main.rs` it alone knows our protocols.
//!
//! It never judges; the simulated cluster of the protocols' own tests does, under every fault.

mod disk;
mod script;
mod stage;

use schism_protocol::{PROTOCOLS, ProtocolRow, Reply, Request, TraceEvent};

use stage::Stage;

/// What happened on the stage. All times are simulated nanoseconds since the start.
pub struct Play {
    pub row: &'static ProtocolRow,
    /// What the script did, each with its start.
    pub chapters: Vec<(u64, String)>,
    /// In order of time.
    pub scenes: Vec<Scene>,
    pub end_ns: u64,
}

pub struct Scene {
    pub at_ns: u64,
    /// 1 is n1.
    pub node: u8,
    /// Whether it leads the highest epoch that anyone leads.
    pub leads: bool,
    pub what: Happened,
}

pub enum Happened {
    Starts,
    Crashes,
    /// A client asks it.
    Asked(Request),
    Replies(Reply),
    Says(TraceEvent),
    /// Along this arrow of the row's picture of its states.
    Goes(usize),
    Sends(Sent),
}

#[derive(Clone, Copy)]
pub struct Sent {
    pub to: u8,
    /// The kind and the epoch in the header of its frame.
    pub kind: u8,
    pub epoch: u64,
    /// None: the receiver was down.
    pub arrives_ns: Option<u64>,
    /// From one that does not lead to the one that does.
    pub to_leader: bool,
    /// Something was kept, said or answered in the step that sent it, or in the one it caused.
    pub news: bool,
}

/// Performs the script for a system and writes down what happened. An error says what there is.
pub fn play(system: &str, nodes: u8, seed: u64) -> Result<Play, String> {
    let row = row(system)?;
    let mut stage = Stage::new(row, nodes, seed);
    script::perform(&mut stage)?;
    Ok(stage.finish())
}

fn row(system: &str) -> Result<&'static ProtocolRow, String> {
    PROTOCOLS.iter().find(|row| row.facts.name == system).ok_or_else(|| {
        let known: Vec<&str> = PROTOCOLS.iter().map(|row| row.facts.name).collect();
        format!("unknown system {system:?}; there are: {}", known.join(", "))
    })
}
