//! Strikes of faults as the nemesis recorded them: from when to when, at whom, with what bite.
//! It never decides whether a fault bit: the heal event says it.

use std::collections::BTreeSet;

use schism_verify::history::{Event, Name, Process};

use super::{event_time, object, word};
use crate::action::{Action, Bite, Endpoint, NodeId, Overlay};
use crate::draw::text::cut;

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
    pub effect: Option<Action>,
    pub targets: Vec<String>,
    pub bite: Option<Bite>,
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
                effect: serde_json::from_value(value["effect"].clone()).ok(),
                targets: list(&value["targets"]),
                bite: None,
                effective: None,
            }),
            Some("heal") => {
                let overlay = value["overlay"].as_u64();
                let healed = strikes.iter_mut().rev().find(|strike| {
                    strike.to_ns.is_none() && strike.fault == event.f && strike.overlay == overlay
                });
                if let Some(strike) = healed {
                    strike.to_ns = Some(at);
                    strike.bite = serde_json::from_value(value["bit"].clone()).ok();
                    strike.effective = value["effective"]
                        .as_bool()
                        .or_else(|| strike.bite.as_ref().map(Bite::is_effective));
                }
            }
            _ => {}
        }
    }
    strikes
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

    pub fn down(&self) -> BTreeSet<u8> {
        match &self.effect {
            Some(Action::Hold(Overlay::Down { nodes })) => numbers(nodes),
            None if *self.fault == *"crash" => self.target_numbers(),
            _ => BTreeSet::new(),
        }
    }

    pub fn paused(&self) -> BTreeSet<u8> {
        match &self.effect {
            Some(Action::Hold(Overlay::Pause { nodes })) => numbers(nodes),
            None if *self.fault == *"pause" => self.target_numbers(),
            _ => BTreeSet::new(),
        }
    }

    /// Who is kept from whom, of `count` nodes; None when it blocks nothing between nodes.
    pub fn sides(&self, count: u8) -> Option<Sides> {
        let Some(Action::Hold(Overlay::Block { flows, .. })) = &self.effect else { return None };
        let mut cut: BTreeSet<(u8, u8)> = BTreeSet::new();
        for flow in flows {
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

    pub fn slowed(&self) -> BTreeSet<u8> {
        let Some(Action::Hold(Overlay::Delay { flows, .. })) = &self.effect else {
            return BTreeSet::new();
        };
        let ends = flows.iter().flat_map(|flow| [flow.from, flow.to]);
        ends.filter_map(|end| match end {
            Endpoint::Node(node) => Some(node.0),
            Endpoint::Client(_) => None,
        })
        .collect()
    }

    /// What it did, in words: `held 1.2 MB, refused 3 connections`.
    pub fn bite_words(&self) -> String {
        match (&self.bite, self.effective) {
            (Some(bite), Some(true)) => bite_words(bite),
            (_, Some(false)) => "no effect".into(),
            (_, Some(true)) => "bit".into(),
            (_, None) => "never healed".into(),
        }
    }

    fn target_numbers(&self) -> BTreeSet<u8> {
        let nodes = self.targets.iter().filter_map(|name| NodeId::try_from(name.clone()).ok());
        nodes.map(|node| node.0).collect()
    }
}

fn numbers(nodes: &BTreeSet<NodeId>) -> BTreeSet<u8> {
    nodes.iter().map(|node| node.0).collect()
}

fn frames(count: u64) -> String {
    format!("{count} {}", if count == 1 { "frame" } else { "frames" })
}

fn held_frames(bite: &Bite) -> String {
    format!(
        "held {} of {} epochs, median {} ms, longest {} ms",
        frames(bite.held_frames),
        bite.held_epochs,
        bite.median_hold_ms,
        bite.longest_hold_ms
    )
}

pub fn bite_words(bite: &Bite) -> String {
    let count = |count: u64, one: &str, many: &str| {
        format!("{count} {}", if count == 1 { one } else { many })
    };
    let processes = |n| count(n, "process", "processes");
    let connections = |n| count(n, "connection", "connections");
    let parts = [
        (bite.killed, format!("killed {}", processes(bite.killed))),
        (bite.stopped, format!("stopped {}", processes(bite.stopped))),
        (bite.held_bytes, format!("held {}", bytes(bite.held_bytes))),
        (bite.dropped_bytes, format!("swallowed {}", bytes(bite.dropped_bytes))),
        (bite.reset_connections, format!("reset {}", connections(bite.reset_connections))),
        (bite.refused_connections, format!("refused {}", connections(bite.refused_connections))),
        (
            bite.delayed_segments,
            format!("delayed {}", count(bite.delayed_segments, "segment", "segments")),
        ),
        (bite.held_frames, held_frames(bite)),
        (bite.dropped_frames, format!("dropped {}", frames(bite.dropped_frames))),
        (bite.duplicated_frames, format!("doubled {}", frames(bite.duplicated_frames))),
        (bite.reordered_frames, format!("reordered {}", frames(bite.reordered_frames))),
        (bite.promoted, format!("opened epoch {}", bite.epoch)),
    ];
    let said: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    if said.is_empty() { "no effect".into() } else { said.join(", ") }
}

/// `1.2 MB`.
fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}
