//! Strikes of faults as the nemesis recorded them: from when to when, at whom, with what effect.

use std::collections::BTreeSet;

use schism_verify::history::{Event, Name, nemesis};
use serde::Deserialize;

use crate::action::{Action, Effect, Endpoint, Flow, NodeId, NodeShape, Overlay};
use crate::draw::text::cut;
use crate::faults;

/// One overlay of one strike, from its start to its heal.
#[derive(Clone, Debug)]
pub struct Strike {
    pub fault: Name,
    pub overlay: Option<u64>,
    pub from_ns: u64,
    /// When its heal was confirmed. None: never.
    pub to_ns: Option<u64>,
    /// `isolate n2 (leader), hold`.
    pub describe: String,
    /// What it does to nodes and links, where recorded.
    pub action: Option<Action>,
    /// The nodes it aims at.
    pub targets: Vec<NodeId>,
    /// What it did.
    pub effect: Option<Effect>,
    /// Whether it had an effect. None: it was not healed, so nobody said.
    pub effective: Option<bool>,
}

/// Which nodes a partition keeps from which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sides {
    /// Groups with no way between them, the largest first.
    Groups(Vec<BTreeSet<u8>>),
    /// Some pairs are cut, yet everyone is connected through someone: the nodes with a cut link.
    Touched(BTreeSet<u8>),
}

impl Strike {
    /// As the history has it, on this clock.
    pub(super) fn new(strike: &nemesis::Strike<'_>, clock: impl Fn(&Event) -> u64) -> Strike {
        let healed = strike.healed.as_ref();
        Strike {
            fault: strike.fault.clone(),
            overlay: strike.start.overlay,
            from_ns: clock(strike.started),
            to_ns: healed.map(|(event, _)| clock(event)),
            describe: cut(&strike.start.describe, 160),
            action: Action::deserialize(&strike.start.action).ok(),
            targets: strike.start.targets.clone(),
            effect: healed.map(|(_, heal)| heal.effect.clone()),
            effective: healed.map(|(_, heal)| heal.is_effective()),
        }
    }

    /// `partition isolate n2 (leader), hold`.
    pub fn title(&self) -> String {
        let targets: Vec<String> = self.targets.iter().map(NodeId::to_string).collect();
        let what =
            if self.describe.is_empty() { targets.join(", ") } else { self.describe.clone() };
        if what.starts_with(&*self.fault) { what } else { format!("{} {what}", self.fault) }
    }

    /// What it makes of a node.
    pub fn shape(&self, node: u8) -> NodeShape {
        match &self.action {
            Some(Action::Hold(Overlay::Nodes(overlay)))
                if overlay.nodes().contains(&NodeId(node)) =>
            {
                overlay.shape()
            }
            _ => NodeShape::default(),
        }
    }

    /// Who is kept from whom, of `count` nodes; None when it blocks nothing between nodes.
    pub fn sides(&self, count: u8) -> Option<Sides> {
        let Some(Action::Hold(Overlay::Links(overlay))) = &self.action else { return None };
        let blocked = overlay.flows().iter().filter(|_| overlay.blocks());
        let mut cut: BTreeSet<(u8, u8)> = BTreeSet::new();
        for flow in blocked {
            if let (Endpoint::Node(from), Endpoint::Node(to)) = (flow.from, flow.to) {
                cut.insert((from.0.min(to.0), from.0.max(to.0)));
            }
        }
        if cut.is_empty() {
            return None;
        }
        let mut groups: Vec<BTreeSet<u8>> = Vec::new();
        for node in 1..=count {
            let linked = |other: &u8| !cut.contains(&(node.min(*other), node.max(*other)));
            let (joined, apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|group| group.iter().any(linked));
            groups = apart;
            groups.push(joined.into_iter().flatten().chain([node]).collect());
        }
        if groups.len() < 2 {
            return Some(Sides::Touched(cut.into_iter().flat_map(|(a, b)| [a, b]).collect()));
        }
        groups.sort_by_key(|group| (std::cmp::Reverse(group.len()), group.first().copied()));
        Some(Sides::Groups(groups))
    }

    /// Whether it slows links of a node.
    pub fn slows(&self, node: u8) -> bool {
        let Some(Action::Hold(Overlay::Links(overlay))) = &self.action else { return false };
        let node = Endpoint::Node(NodeId(node));
        let touches = |flow: &Flow| flow.from == node || flow.to == node;
        overlay.delays() && overlay.flows().iter().any(touches)
    }

    /// What it did, in words: `held 1.2 MB, refused 3 connections`.
    pub fn effect_words(&self) -> String {
        match (&self.effect, self.effective) {
            (Some(effect), Some(true)) => faults::tell(effect),
            (_, Some(false)) => "no effect".into(),
            (_, Some(true)) => "an effect".into(),
            (_, None) => "never healed".into(),
        }
    }
}
