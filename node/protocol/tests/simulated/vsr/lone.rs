//! One replica and nobody else.

use std::collections::BTreeSet;

use schism_protocol::common::disk::Hard;
use schism_protocol::vsr::message::{Body, Message, Suffix};
use schism_protocol::vsr::{HardState, Mode, Sound, Vsr};
use schism_protocol::wire::Wire;
use schism_protocol::{EntryId, Epoch, Index, NodeId, Output, TraceEvent};

use crate::world::lone as world;
use crate::world::lone::{Lone, noops};
pub use crate::world::lone::{N2, N3, noop, value};

/// Node 1 of three: primary of views 3, 6, ...; n2 of 1, 4, ...; n3 of 2, 5, ...
pub type Durable = Lone<Vsr, OnDisk>;
/// The same, of the system that keeps its log in memory.
pub type Memory = Lone<Vsr, InMemory>;

/// What survives a crash.
pub trait Keeps: Default {
    const MODE: Mode;
}

#[derive(Default)]
pub struct OnDisk;

impl Keeps for OnDisk {
    const MODE: Mode = Mode::Durable;
}

#[derive(Default)]
pub struct InMemory;

impl Keeps for InMemory {
    const MODE: Mode = Mode::Memory;
}

/// The entries after the one at `prev`, which was proposed in `prev_epoch`, by their epochs.
pub fn suffix(prev: u64, prev_epoch: u64, epochs: &[u64], last: u64) -> Suffix {
    let prev = EntryId { epoch: Epoch(prev_epoch), index: Index(prev) };
    let entries = noops(prev.index.0 + 1, epochs);
    Suffix { prev, entries, last: Index(last) }
}

pub fn change(normal: u64, commit: u64, suffix: Suffix) -> Body {
    Body::DoViewChange { normal: Epoch(normal), commit: Index(commit), suffix }
}

pub fn new_state(commit: u64, suffix: Suffix) -> Body {
    Body::NewState { commit: Index(commit), suffix, more: false }
}

impl<K: Keeps> Lone<Vsr, K> {
    /// Booted with this view, last normal view and log.
    pub fn new(hard: Option<(u64, u64)>, epochs: &[u64]) -> Self {
        Self::with(hard, epochs, &[])
    }

    /// The same with these options.
    pub fn with(hard: Option<(u64, u64)>, epochs: &[u64], options: &[(&str, &str)]) -> Self {
        let hard =
            hard.map(|(view, normal)| HardState { view: Epoch(view), normal: Epoch(normal) });
        let state = hard.map(|hard| hard.encode()).unwrap_or_default();
        let boot = world::boot(3, state, noops(1, epochs), options);
        let start = |said: &mut _| Vsr::boot(K::MODE, boot, &Sound, said).expect("a sound disk");
        Lone::of(start, K::default())
    }

    pub fn hears(&mut self, from: NodeId, view: u64, body: Body) -> &mut Self {
        self.receives(from, Message { view: Epoch(view), body })
    }

    pub fn prepare(&mut self, from: NodeId, view: u64, prev: u64, epochs: &[u64]) -> &mut Self {
        let entries = noops(prev + 1, epochs);
        self.hears(
            from,
            view,
            Body::Prepare { prev: Index(prev), commit: Index(0), round: 0, entries },
        )
    }

    pub fn wants(&mut self, from: NodeId, view: u64, wanted: u64) -> &mut Self {
        self.hears(from, view, Body::StartViewChange { wanted: Epoch(wanted) })
    }

    pub fn view(&self) -> u64 {
        self.status().epoch.0
    }

    pub fn last(&self) -> u64 {
        self.status().last.0
    }

    pub fn sent(&self) -> Vec<(NodeId, u64, Body)> {
        self.messages().map(|(to, message)| (to, message.view.0, message.body.clone())).collect()
    }

    /// The kinds of what was sent, each once.
    pub fn kinds(&self) -> Vec<u8> {
        let kinds: BTreeSet<u8> = self.messages().map(|(_, message)| message.encode()[0]).collect();
        kinds.into_iter().collect()
    }

    pub fn acknowledged(&self) -> Vec<u64> {
        let acknowledged = self.sent().into_iter().filter_map(|(_, _, body)| match body {
            Body::PrepareOk { upto, .. } => Some(upto.0),
            _ => None,
        });
        acknowledged.collect()
    }

    pub fn first(&self, wanted: impl Fn(&TraceEvent) -> bool) -> Option<usize> {
        self.said.iter().position(|output| matches!(output, Output::Trace(event) if wanted(event)))
    }
}
