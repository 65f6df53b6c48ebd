//! partition: some nodes no longer hear some others. Shapes say who, styles say how it feels.
//! A shape is a set of directed pairs of nodes; clients lose what their home node loses.

use std::collections::BTreeSet;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::FaultSpec;
use super::shape::{self, Cut};
use super::{Fault, Key, KeyError, Topology, check_each, draw, target};
use crate::action::{Action, ClientId, Endpoint, Flow, NodeId, Overlay, Strike, Style, View};

/// The fault `partition`.
pub struct Partition;

impl Fault for Partition {
    fn name(&self) -> &'static str {
        "partition"
    }

    fn about(&self) -> &'static str {
        "cut nodes, and the clients at their side, off from others"
    }

    fn keys(&self) -> &'static [Key] {
        &[
            Key {
                name: "shape",
                values: "isolate, isolate-leader, halves, minority, ring, bridge, one-way, \
                         random, or groups [[n1, n2], [n3, n4, n5]]",
                default: "isolate",
            },
            Key { name: "style", values: "hold, reset, refuse, blackhole", default: "hold" },
            Key { name: "clients", values: "follow, free", default: "follow" },
        ]
    }

    fn check(&self, spec: &FaultSpec, topology: Topology) -> Result<(), KeyError> {
        check_each(spec, "shape", |value| shape::check(value, topology.nodes))?;
        check_each(spec, "style", |value| style(value).map(drop))?;
        check_each(spec, "clients", |value| match value.as_str() {
            Some("follow" | "free") => Ok(()),
            _ => Err(format!("found `{}`; clients are follow or free", plain(value))),
        })
    }

    fn choose(&self, spec: &FaultSpec, topology: Topology, rng: &mut ChaCha8Rng) -> Value {
        let shape = draw(spec, "shape", rng).clone();
        let style = draw(spec, "style", rng).clone();
        let clients = draw(spec, "clients", rng).clone();
        // Drawn whether the shape needs it or not: the stream then does not depend on the shape.
        let order = target::order(topology.nodes, rng);
        let side = rng.random_range(1..topology.nodes.max(2));
        let coins: u64 = rng.random();
        json!({
            "shape": shape, "style": style, "clients": clients,
            "order": order, "side": side, "coins": coins,
        })
    }

    fn resolve(&self, strike: &Strike, topology: Topology, view: &View) -> Vec<Action> {
        let Some(cut) = shape::cut(&strike.detail, topology.nodes, view) else {
            return Vec::new();
        };
        let clients = match strike.detail["clients"].as_str() {
            Some("follow") => topology.clients.max(view.clients),
            _ => 0,
        };
        let style = style(&strike.detail["style"]).expect("checked when it was read");
        vec![Action::Hold(Overlay::Block { flows: flows(&cut, topology.nodes, clients), style })]
    }

    fn describe(&self, strike: &Strike, effects: &[Action], view: &View) -> String {
        if effects.is_empty() {
            return "no leader".to_owned();
        }
        let nodes = view.nodes.len() as u8;
        let shape = shape::describe(&strike.detail, nodes, view);
        format!("{shape}, {}", plain(&strike.detail["style"]))
    }
}

/// The pairs, and what clients lose by being at their home's side.
fn flows(cut: &Cut, nodes: u8, clients: u16) -> BTreeSet<Flow> {
    let mut flows = BTreeSet::new();
    for &(from, to) in cut {
        flows.insert(Flow { from: Endpoint::Node(from), to: Endpoint::Node(to) });
    }
    for client in (0..clients).map(ClientId) {
        let home = client.home(nodes);
        for node in NodeId::all(nodes) {
            if cut.contains(&(home, node)) {
                flows.insert(Flow { from: Endpoint::Client(client), to: Endpoint::Node(node) });
            }
            if cut.contains(&(node, home)) {
                flows.insert(Flow { from: Endpoint::Node(node), to: Endpoint::Client(client) });
            }
        }
    }
    flows
}

fn style(value: &Value) -> Result<Style, String> {
    serde_json::from_value(value.clone()).map_err(|_| {
        format!("unknown style `{}`; styles are hold, reset, refuse, blackhole", plain(value))
    })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{effects, spec, view};
    use super::*;

    fn spec_of(shape: Value, clients: &str) -> FaultSpec {
        spec(
            "partition",
            &[("shape", shape), ("style", json!("hold")), ("clients", json!(clients))],
        )
    }

    fn blocked(shape: Value, clients: &str, leader: Option<u8>) -> BTreeSet<Flow> {
        let (_, effects) = effects(&spec_of(shape, clients), 5, 10, &view(5, leader));
        match effects.into_iter().next() {
            Some(Action::Hold(Overlay::Block { flows, .. })) => flows,
            _ => BTreeSet::new(),
        }
    }

    #[test]
    fn clients_follow_their_home_or_are_free() {
        let node = |number| Endpoint::Node(NodeId(number));
        let client = |number| Endpoint::Client(ClientId(number));
        let flows = blocked(json!("isolate-leader"), "follow", Some(2));
        let has = |from, to| flows.contains(&Flow { from, to });
        assert!(has(node(2), node(1)) && has(node(1), node(2)), "n2 is alone");
        assert!(!has(node(1), node(3)), "the others are together");
        assert!(!has(client(1), node(2)), "client 1 is at home with n2");
        assert!(has(client(1), node(3)) && has(node(3), client(1)), "and sees nobody else");
        assert!(has(client(0), node(2)), "client 0, at home with n1, does not see n2");
        assert!(!has(client(0), node(3)), "but sees n3");
        assert_eq!(blocked(json!("isolate-leader"), "free", Some(2)).len(), 8);
        assert!(blocked(json!("isolate-leader"), "free", None).is_empty(), "nobody leads");
    }

    #[test]
    fn it_says_what_it_does() {
        let check = |shape: Value, words: &str| {
            let view = view(5, Some(2));
            let (strike, effects) = effects(&spec_of(shape, "free"), 5, 10, &view);
            assert_eq!(Partition.describe(&strike, &effects, &view), words);
        };
        check(json!("isolate-leader"), "isolate n2 (leader), hold");
        check(json!([["n1", "n2"], ["n3", "n4", "n5"]]), "groups {n1,n2 | n3,n4,n5}, hold");
        let (strike, _) = effects(&spec_of(json!("isolate-leader"), "free"), 5, 10, &view(5, None));
        assert_eq!(Partition.describe(&strike, &[], &view(5, None)), "no leader");
    }

    #[test]
    fn where_nobody_ever_leads_a_drawn_node_is_cut_off() {
        // Who is down, and who is cut off, each as places of the drawn order.
        let check = |down: &[usize], alone: usize| {
            let mut view = View { leaderless: true, ..view(5, None) };
            let spec = spec_of(json!("isolate-leader"), "free");
            let order = target::nodes_of(&effects(&spec, 5, 10, &view).0.detail["order"]);
            for place in down {
                view.nodes[usize::from(order[*place].0) - 1].running = false;
            }
            let (strike, effects) = effects(&spec, 5, 10, &view);
            let alone = order[alone];
            assert_eq!(super::super::targets(&effects), BTreeSet::from([alone]));
            let words = Partition.describe(&strike, &effects, &view);
            assert_eq!(words, format!("isolate {alone} (drawn: nobody leads here), hold"));
        };
        check(&[], 0);
        check(&[0, 1], 2);
        check(&[0, 1, 2, 3, 4], 0);
    }

    #[test]
    fn unknown_values_are_refused_with_those_there_are() {
        let topology = Topology { nodes: 5, clients: 2 };
        let check = |key: &str, value: Value, word: &str| {
            let mut spec = spec_of(json!("halves"), "free");
            spec.keys.insert(key.to_owned(), vec![json!("hold"), value]);
            if key != "style" {
                spec.keys.get_mut(key).unwrap().remove(0);
            }
            let error = Partition.check(&spec, topology).unwrap_err();
            assert!(error.key == key && error.message.contains(word), "{error:?}");
            assert_eq!(error.index, usize::from(key == "style"));
        };
        check("style", json!("drop"), "unknown style `drop`");
        check("clients", json!("stay"), "follow or free");
        check("shape", json!("star"), "unknown shape `star`");
        check("shape", json!(2), "unknown shape `2`");
    }
}
