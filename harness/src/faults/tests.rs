//! What holds for every fault: what is drawn can be resolved, and what is done can be said.

use proptest::prelude::*;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

use super::When;
use super::*;

pub fn rng_of(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

pub fn rng() -> ChaCha8Rng {
    rng_of(7)
}

pub fn view(nodes: u8, leader: Option<u8>) -> View {
    let node = NodeView { running: true, paused: false };
    View { nodes: vec![node; usize::from(nodes)], leader: leader.map(NodeId), ..View::default() }
}

pub fn spec(kind: &str, keys: &[(&str, Value)]) -> FaultSpec {
    FaultSpec {
        kind: kind.to_owned(),
        when: When::Every(Duration::from_secs(1)),
        lasts: vec![Duration::from_secs(1)],
        keys: keys.iter().map(|(key, value)| ((*key).to_owned(), vec![value.clone()])).collect(),
    }
}

/// Draws a strike and resolves it.
pub fn effects(spec: &FaultSpec, nodes: u8, clients: u16, view: &View) -> (Strike, Vec<Action>) {
    let topology = Topology { nodes, clients };
    let fault = find(&spec.kind).unwrap();
    assert_eq!(fault.check(spec, topology), Ok(()));
    let strike = Strike {
        id: 0,
        fault: spec.kind.clone(),
        at: Duration::ZERO,
        lasts: Duration::from_secs(1),
        early: false,
        detail: fault.choose(spec, topology, &mut rng()),
    };
    let effects = resolve(&strike, topology, view);
    assert_eq!(effects, resolve(&strike, topology, view), "resolving draws nothing");
    (strike, effects)
}

#[test]
fn every_row_of_the_table_has_its_own_name_and_says_what_it_is() {
    let names: BTreeSet<&str> = FAULTS.iter().map(|fault| fault.name()).collect();
    assert_eq!(names.len(), FAULTS.len());
    assert!(FAULTS.iter().all(|fault| !fault.about().is_empty()));
    assert!(find("crash").is_some() && find("meteor").is_none());
}

#[test]
fn crash_and_pause_hit_whom_they_name() {
    let view = view(3, Some(2));
    for (kind, words) in [("crash", "crash n2 (leader)"), ("pause", "pause n2 (leader)")] {
        let spec = spec(kind, &[("target", json!("leader"))]);
        let (strike, effects) = effects(&spec, 3, 2, &view);
        assert_eq!(targets(&effects), BTreeSet::from([NodeId(2)]));
        assert_eq!(describe(&strike, &effects, &view), words);
        let nobody = self::view(3, None);
        assert!(resolve(&strike, Topology { nodes: 3, clients: 2 }, &nobody).is_empty());
        assert_eq!(describe(&strike, &[], &nobody), "no leader");
    }
}

#[test]
fn rolling_takes_one_node_after_the_other() {
    let topology = Topology { nodes: 4, clients: 0 };
    let spec = spec("crash", &[("target", json!("rolling"))]);
    let crash = find("crash").unwrap();
    let detail = crash.choose(&spec, topology, &mut rng());
    let pieces = crash.pieces(detail, Duration::from_secs(2), topology);
    let starts: Vec<u128> = pieces.iter().map(|piece| piece.after.as_millis()).collect();
    assert_eq!(starts, [0, 500, 1_000, 1_500]);
    let nodes: BTreeSet<String> =
        pieces.iter().map(|piece| piece.detail["target"].to_string()).collect();
    assert_eq!(nodes.len(), 4, "every node once");
}

#[test]
fn the_side_with_more_to_lose_is_the_target() {
    let spec = spec(
        "partition",
        &[
            ("shape", json!([["n1", "n2"], ["n3", "n4", "n5"]])),
            ("style", json!("hold")),
            ("clients", json!("follow")),
        ],
    );
    let (_, effects) = effects(&spec, 5, 10, &view(5, None));
    assert_eq!(targets(&effects), BTreeSet::from([NodeId(1), NodeId(2)]));
}

/// Everything that the keys' documentation names, and a few values with parameters.
fn every_value() -> Vec<FaultSpec> {
    let mut specs = Vec::new();
    let targets = ["one", "leader", "followers", "minority", "majority", "all", "rolling", "n2"];
    let targets = targets.iter().map(|word| json!(word));
    for target in targets.chain([json!(1), json!(2), json!({"all": ["n1", "n2"]})]) {
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
    for links in [json!("all"), json!("peers"), json!("clients"), json!({"from": "n1", "to": "n2"})]
    {
        let rest =
            [("delay", json!("5ms")), ("jitter", json!(0)), ("distribution", json!("pareto"))];
        specs.push(spec("latency", &[&[("links", links)], &rest[..]].concat()));
    }
    specs
}

fn is_empty(effect: &Action) -> bool {
    let Action::Hold(overlay) = effect else { return false };
    match overlay {
        Overlay::Block { flows, .. }
        | Overlay::Delay { flows, .. }
        | Overlay::Frames { flows, .. } => flows.is_empty(),
        Overlay::Pause { nodes } | Overlay::Down { nodes } => nodes.is_empty(),
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
            let fault = find(&spec.kind).unwrap();
            if fault.check(&spec, topology).is_err() {
                prop_assert!(nodes < 3, "{spec:?} is possible with {nodes} nodes");
                continue;
            }
            let detail = fault.choose(&spec, topology, &mut rng_of(seed));
            prop_assert_eq!(&detail, &fault.choose(&spec, topology, &mut rng_of(seed)));
            let lasts = Duration::from_secs(1);
            for piece in fault.pieces(detail, lasts, topology) {
                prop_assert!(piece.after + piece.lasts <= lasts);
                let strike = Strike {
                    id: 0,
                    fault: spec.kind.clone(),
                    at: piece.after,
                    lasts: piece.lasts,
                    early: false,
                    detail: piece.detail,
                };
                let effects = resolve(&strike, topology, &view);
                prop_assert_eq!(&effects, &resolve(&strike, topology, &view));
                prop_assert!(!effects.iter().any(is_empty), "{:?}", effects);
                prop_assert_eq!(targets(&effects).is_empty(), effects.is_empty());
                let words = describe(&strike, &effects, &view);
                let nobody = words == "no leader" || words.starts_with("no node is left to ");
                prop_assert!(!leaderless || words != "no leader", "nobody ever leads");
                prop_assert!(!words.is_empty() && nobody == effects.is_empty(), "{}", words);
            }
        }
    }
}
