//! Strikes of faults as the nemesis recorded them: from when to when, at whom, with what effect.

use std::collections::BTreeSet;

use schism_verify::history::{Event, Name, Process};
use serde::de::DeserializeOwned;

use super::{event_time, object, word};
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
    /// The nodes it aims at, by name.
    pub targets: Vec<String>,
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

/// Reads every strike that had a start. Skips and unknown events are passed over.
pub(super) fn read(events: &[Event], timed: bool) -> Vec<Strike> {
    let mut strikes: Vec<Strike> = Vec::new();
    for event in events.iter().filter(|event| event.process() == Process::Nemesis) {
        let value = object(event.value.as_ref());
        let at = event_time(event, timed);
        match value["phase"].as_str() {
            Some("start") => strikes.push(Strike {
                fault: event.f.clone(),
                overlay: value["overlay"].as_u64(),
                from_ns: at,
                to_ns: None,
                describe: cut(&word(&value["describe"]), 160),
                action: named(&value, "action", "effect"),
                targets: list(&value["targets"]),
                effect: None,
                effective: None,
            }),
            Some("heal") => {
                let overlay = value["overlay"].as_u64();
                let healed = strikes.iter_mut().rev().find(|strike| {
                    strike.to_ns.is_none() && strike.fault == event.f && strike.overlay == overlay
                });
                if let Some(strike) = healed {
                    strike.to_ns = Some(at);
                    strike.effect = named(&value, "effect", "bit");
                    strike.effective = value["effective"]
                        .as_bool()
                        .or_else(|| strike.effect.as_ref().map(Effect::is_effective));
                }
            }
            _ => {}
        }
    }
    strikes
}

/// What stands under a name, or under the one that older runs give it.
fn named<T: DeserializeOwned>(value: &serde_json::Value, name: &str, old: &str) -> Option<T> {
    let found = value.get(name).or_else(|| value.get(old))?;
    serde_json::from_value(found.clone()).ok()
}

fn list(value: &serde_json::Value) -> Vec<String> {
    value.as_array().map(|items| items.iter().map(word).collect()).unwrap_or_default()
}

impl Strike {
    /// `partition isolate n2 (leader), hold`.
    pub fn title(&self) -> String {
        let what =
            if self.describe.is_empty() { self.targets.join(", ") } else { self.describe.clone() };
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
