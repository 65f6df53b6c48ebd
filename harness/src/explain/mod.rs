//! A small run told step by step: who said what to whom, when it arrived, what each node did about
//! it, which way it went through its states, and where the nine steps of the lecture notes happen.
//!
//! ```text
//! schism explain raft
//! ```
//!
//! The simulated world performs the run and writes down what happened; [`telling`] makes a story
//! of it, which is data; [`terminal`] and [`page`] draw it. Nothing here runs a protocol.

mod describe;
mod labels;
mod marks;
pub mod page;
mod picture;
pub mod states;
pub mod steps;
pub mod telling;
pub mod terminal;

use std::collections::BTreeMap;

use states::States;
use steps::Step;

/// What happened, in order of time. All times are simulated nanoseconds since the start.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Story {
    pub system: String,
    pub about: String,
    /// How many nodes, n1 first.
    pub nodes: u8,
    pub seed: u64,
    /// What the director had done, each with its start.
    pub chapters: Vec<(u64, String)>,
    /// Messages that changed something, by the time they were sent.
    pub messages: Vec<Message>,
    /// What nodes and clients did, by time.
    pub notes: Vec<Note>,
    /// Messages without news, by name: heartbeats nobody acts on.
    pub undrawn: BTreeMap<String, u64>,
    /// A node as a state machine, and who went which way.
    pub states: States,
    pub end_ns: u64,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// Who sent it: 1 is n1.
    pub from: u8,
    pub to: u8,
    /// Its name, from the protocol's table of frames.
    pub name: String,
    pub epoch: u64,
    pub sent_ns: u64,
    /// When it arrived; None: the receiver was down.
    pub arrives_ns: Option<u64>,
    /// Which of the nine steps it is.
    pub step: Option<Step>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Note {
    pub at_ns: u64,
    /// Where: 1 is n1.
    pub node: u8,
    pub what: What,
    /// Which of the nine steps it is.
    pub step: Option<Step>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It started, for the first time or again.
    Starts,
    Crashes,
    /// It has this role now, in this epoch.
    Role(String, u64),
    Asked(String),
    Answers(String),
    /// It does this, in the protocol's own words.
    Does(String),
}

impl What {
    pub fn words(&self) -> String {
        match self {
            What::Starts => "starts".into(),
            What::Crashes => "CRASHES".into(),
            What::Role(role, epoch) if is_ballot(*epoch) => {
                format!("{role}, {}", show_epoch(*epoch))
            }
            What::Role(role, epoch) => format!("{role}, epoch {epoch}"),
            What::Asked(what) => format!("client: {what}"),
            What::Answers(what) => format!("answers {what}"),
            What::Does(what) => what.clone(),
        }
    }
}

/// Ballots are epochs too: a round and a node in one number, as in every frame's header.
fn is_ballot(epoch: u64) -> bool {
    epoch > 0xff
}

/// An epoch, or `(3, n1)` for a ballot.
pub fn show_epoch(epoch: u64) -> String {
    if is_ballot(epoch) {
        format!("({}, n{})", epoch >> 8, epoch & 0xff)
    } else {
        epoch.to_string()
    }
}

/// A time in milliseconds, as both renderers show it.
pub fn millis(at_ns: u64) -> String {
    format!("{:.1}", at_ns as f64 / 1e6)
}
