//! What holds for every fault: what is written is drawn, what is drawn can be resolved, and what is
//! done can be told.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use schism_facts::{FramePart, FrameRow};
use serde_json::{Value, json};

use super::keys::KeyError;
use super::*;
use crate::action::{
    Action, Effect, HELD_BYTES, HELD_EPOCHS, KILLED, LONGEST_HOLD_MS, NodeId, NodeView, Overlay,
    REFUSED_CONNECTIONS, View,
};

pub fn rng_of(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub fn view(nodes: u8, leader: Option<u8>) -> View {
    let node = NodeView { running: true, paused: false };
    View { nodes: vec![node; usize::from(nodes)], leader: leader.map(NodeId), ..View::default() }
}

/// With these keys, and the defaults of all others.
pub fn spec(kind: &str, keys: &[(&str, Value)]) -> FaultSpec {
    let defaults = find(kind).unwrap().keys.iter().map(|key| {
        let given = keys.iter().find(|(name, _)| *name == key.name);
        let value = given.map(|(_, value)| value.clone());
        let value = value.unwrap_or_else(|| serde_yaml::from_str(key.default).unwrap());
        (key.name.to_owned(), vec![value])
    });
    FaultSpec {
        kind: kind.to_owned(),
        when: When::Every(Duration::from_secs(1)),
        lasts: vec![Duration::from_secs(1)],
        keys: defaults.collect(),
    }
}

/// A system of so many nodes and 2 clients, of which all is known.
pub fn subject(nodes: u8) -> Subject {
    const FRAMES: &[FrameRow] = &[
        FrameRow { kind: 1, name: "vote", part: FramePart::Moves },
        FrameRow { kind: 5, name: "append", part: FramePart::Decides },
    ];
    let topology = Topology { nodes, clients: 2 };
    Subject { topology, frames: FRAMES, moves_on: true, epochs_compare: true, direct: false }
}

/// Why these keys are refused.
pub fn error(kind: &str, keys: &[(&str, Value)], nodes: u8) -> KeyError {
    find(kind).unwrap().check(&spec(kind, keys), &subject(nodes)).unwrap_err()
}

/// What is drawn for the parts of one strike of a second.
pub fn drawn(spec: &FaultSpec, topology: Topology, seed: u64) -> Vec<(Duration, Duration, Value)> {
    let fault = find(&spec.kind).unwrap();
    let draw = || fault.draw(spec, Duration::from_secs(1), topology, &mut rng_of(seed));
    assert_eq!(draw(), draw(), "all randomness is the seed's");
    draw().into_iter().map(|piece| (piece.after, piece.lasts, piece.choice)).collect()
}

/// What these choices come to in this world.
pub fn resolve(
    kind: &str,
    detail: &Value,
    topology: Topology,
    view: &View,
) -> Result<Aimed, String> {
    let fault = find(kind).unwrap();
    let resolved = fault.resolve(detail, topology, view);
    assert_eq!(resolved, fault.resolve(detail, topology, view), "resolving draws nothing");
    resolved
}

/// Draws a strike with these keys and resolves it, in a cluster with 2 clients.
pub fn aimed(kind: &str, keys: &[(&str, Value)], view: &View) -> Result<Aimed, String> {
    let of = subject(view.nodes.len() as u8);
    let spec = spec(kind, keys);
    assert_eq!(find(kind).unwrap().check(&spec, &of), Ok(()));
    resolve(kind, &drawn(&spec, of.topology, 7)[0].2, of.topology, view)
}

/// The words of it, or why there is nobody to hit.
pub fn words(kind: &str, keys: &[(&str, Value)], view: &View) -> String {
    aimed(kind, keys, view).map_or_else(|why| why, |aimed| aimed.words)
}

#[test]
fn every_row_of_the_table_has_its_own_name_and_says_what_it_is() {
    let names: BTreeSet<&str> = FAULTS.iter().map(|fault| fault.name).collect();
    assert_eq!(names.len(), FAULTS.len());
    assert!(FAULTS.iter().all(|fault| !fault.name.is_empty() && !fault.about.is_empty()));
    assert!(find("crash").is_some() && find("meteor").is_none());
    let style = crate::draw::page::STYLE;
    for class in FAULTS.iter().map(|fault| fault.class) {
        assert!(style.contains(&format!(".{class} {{")), "style.css has no `.{class}`");
    }
}

#[test]
fn every_counter_is_told() {
    let counters: Vec<_> = FAULTS.iter().flat_map(|fault| fault.counters).collect();
    for counter in &counters {
        let same = counters.iter().filter(|other| other.name == counter.name);
        assert_eq!(same.count(), 1, "{} is told by one fault", counter.name);
        for count in [1, 23] {
            let told = tell(&Effect::from([(counter.name, count)]));
            assert_eq!(told, (counter.told)(count));
            assert!(told.contains(&count.to_string()), "{told}");
        }
    }
    assert!(FAULTS.iter().all(|fault| !fault.counters.is_empty()), "each can have an effect");
    // What worlds count.
    let names = include_str!("../action/effect.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split('"').nth(1));
    for name in names {
        assert!(counters.iter().any(|counter| counter.name == name), "no fault tells of {name}");
    }
}

#[test]
fn an_effect_is_told_and_added_up() {
    let check = |effects: &[&[(&str, u64)]], words: &str| {
        let effect = |counters: &&[(&str, u64)]| {
            Effect(counters.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())
        };
        let effects: Vec<Effect> = effects.iter().map(effect).collect();
        assert_eq!(tell(&add_up(&effects)), words);
    };
    check(&[], "no effect");
    check(&[&[(KILLED, 0)]], "no effect");
    let first: &[(&str, u64)] = &[(REFUSED_CONNECTIONS, 1), (KILLED, 2), (HELD_BYTES, 1_234)];
    check(&[first], "killed 2 processes, held 1.2 kB, refused 1 connection");
    check(&[&[(KILLED, 2)], &[(KILLED, 1)]], "killed 3 processes");
    check(&[&[(LONGEST_HOLD_MS, 2)], &[(LONGEST_HOLD_MS, 1)]], "longest hold 2 ms");
    check(&[&[(HELD_EPOCHS, 2)], &[(HELD_EPOCHS, 2)]], "no effect");
    check(&[&[("gnawed-cables", 2)], &[("gnawed-cables", 1)]], "gnawed-cables 3");
}

#[test]
fn crash_and_pause_hit_whom_they_name() {
    let leader = [("target", json!("leader"))];
    for (kind, words) in [("crash", "crash n2 (leader)"), ("pause", "pause n2 (leader)")] {
        let hit = aimed(kind, &leader, &view(3, Some(2))).unwrap();
        assert_eq!(hit.action.targets(), BTreeSet::from([NodeId(2)]));
        assert_eq!(hit.words, words);
        assert_eq!(aimed(kind, &leader, &view(3, None)), Err("no leader".to_owned()));
    }
}

#[test]
fn rolling_takes_one_node_after_the_other() {
    let topology = Topology { nodes: 4, clients: 0 };
    let pieces = drawn(&spec("crash", &[("target", json!("rolling"))]), topology, 7);
    let starts: Vec<u128> = pieces.iter().map(|(after, ..)| after.as_millis()).collect();
    assert_eq!(starts, [0, 250, 500, 750]);
    let nodes: BTreeSet<String> =
        pieces.iter().map(|(.., detail)| detail["target"].to_string()).collect();
    assert_eq!(nodes.len(), 4, "every node once");
}

#[test]
fn the_side_with_more_to_lose_is_the_target() {
    let groups = [("shape", json!([["n1", "n2"], ["n3", "n4", "n5"]]))];
    let (topology, spec) = (Topology { nodes: 5, clients: 10 }, spec("partition", &groups));
    let detail = &drawn(&spec, topology, 7)[0].2;
    let hit = resolve(&spec.kind, detail, topology, &view(5, None)).unwrap();
    assert_eq!(hit.action.targets(), BTreeSet::from([NodeId(1), NodeId(2)]));
}

/// Everything that the keys' documentation names, and a few values with parameters.
fn every_value() -> Vec<FaultSpec> {
    let mut specs: Vec<FaultSpec> = FAULTS.iter().map(|fault| spec(fault.name, &[])).collect();
    let targets = ["one", "leader", "followers", "minority", "majority", "all", "rolling", "n2"];
    let targets = targets.iter().map(|word| json!(word));
    for target in targets.chain([json!(1), json!(2), json!({"all": ["n2", "n1"]})]) {
        specs.push(spec("crash", &[("target", target.clone())]));
        specs.push(spec("pause", &[("target", target)]));
    }
    for to in ["next", "one", "n2"] {
        specs.push(spec("promote", &[("to", json!(to))]));
    }
    let shapes = ["isolate", "isolate-leader", "halves", "minority", "ring", "bridge", "one-way"];
    let shapes = shapes.iter().map(|word| json!(word));
    for (nth, shape) in shapes.chain([json!("random")]).enumerate() {
        let style = ["hold", "reset", "refuse", "blackhole"][nth % 4];
        let clients = ["follow", "free"][nth % 2];
        let keys = [("shape", shape), ("style", json!(style)), ("clients", json!(clients))];
        specs.push(spec("partition", &keys));
    }
    specs.push(spec("partition", &[("shape", json!([["n1", "n2"], ["n2", "n3"]]))]));
    let words = ["fixed", "uniform", "normal", "exponential", "pareto"].iter().cycle();
    let links = [json!("all"), json!("peers"), json!("clients"), json!({"from": "n1", "to": "n2"})];
    for (links, word) in links.into_iter().zip(words) {
        let keys = [("links", links), ("jitter", json!("1500us")), ("distribution", json!(word))];
        specs.push(spec("latency", &keys));
    }
    for (nth, what) in ["hold", "drop", "duplicate", "reorder"].into_iter().enumerate() {
        let until = ["heal", "moved", "delay", "heal"][nth];
        let share = [json!(1), json!(0.25)][nth % 2].clone();
        let keys = [("do", json!(what)), ("until", json!(until)), ("probability", share)];
        specs.push(spec("frames", &[&keys[..], &[("kind", json!("append"))]].concat()));
    }
    specs
}

#[test]
fn what_is_written_is_what_is_drawn() {
    let topology = Topology { nodes: 5, clients: 2 };
    for spec in every_value() {
        let rolls = spec.keys.get("target").is_some_and(|target| target[0] == "rolling");
        let detail = &drawn(&spec, topology, 7)[0].2;
        for (key, values) in spec.keys.iter().filter(|_| !rolls) {
            assert_eq!(detail[key], values[0], "{}", spec.kind);
        }
    }
}

fn is_empty(action: &Action) -> bool {
    match action {
        Action::Once(_) => false,
        Action::Hold(Overlay::Links(overlay)) => overlay.flows().is_empty(),
        Action::Hold(Overlay::Nodes(overlay)) => overlay.nodes().is_empty(),
    }
}

proptest! {
    #[test]
    fn a_strike_hits_somebody_or_says_why_nobody(
        (nodes, clients, seed) in (1..10_u8, 1..12_u16, any::<u64>()),
        (leader, down, paused) in (prop::option::of(1..10_u8), any::<u16>(), any::<u16>()),
        leaderless in any::<bool>(),
    ) {
        let topology = Topology { nodes, clients };
        let leader = leader.filter(|leader| *leader <= nodes && !leaderless);
        let mut view = View { leaderless, ..view(nodes, leader) };
        for (nth, node) in view.nodes.iter_mut().enumerate() {
            node.running = down >> nth & 1 == 0;
            node.paused = paused >> nth & 1 == 1;
        }
        for spec in every_value() {
            if find(&spec.kind).unwrap().check(&spec, &Subject { topology, ..subject(nodes) }).is_err() {
                // Groups name every node, so the same groups fit only so many.
                let groups = spec.keys.get("shape").is_some_and(|shape| shape[0].is_array());
                prop_assert!(nodes < 3 || groups, "{spec:?} is possible with {nodes} nodes");
                continue;
            }
            for (after, lasts, detail) in drawn(&spec, topology, seed) {
                prop_assert!(after + lasts <= Duration::from_secs(1));
                match resolve(&spec.kind, &detail, topology, &view) {
                    Ok(Aimed { action, words }) => {
                        prop_assert!(!is_empty(&action) && !words.is_empty(), "{:?}", action);
                        prop_assert!(!action.targets().is_empty());
                        let json = serde_json::to_string(&action).unwrap();
                        prop_assert_eq!(serde_json::from_str::<Action>(&json).unwrap(), action);
                    }
                    Err(why) => {
                        let known = why == "no leader" || why.starts_with("no node is left to ");
                        prop_assert!(known, "{}", why);
                        prop_assert!(!leaderless || why != "no leader", "nobody ever leads");
                    }
                }
            }
        }
    }
}
