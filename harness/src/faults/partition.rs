//! partition: some nodes no longer hear some others. Shapes say who, styles say how it feels.
//! A shape is a set of directed pairs of nodes; clients lose what their home node loses.

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::counter::{Counter, bytes, count};
use super::fault::{Aimed, Fault, Spec, Subject, Topology, When};
use super::keys::{Draw, Key, KeyError, plain};
use super::shape::{Cut, Luck, Shape};
use crate::action::{
    ClientId, DROPPED_BYTES, Endpoint, Flow, HELD_BYTES, LinkOverlay, NodeId, REFUSED_CONNECTIONS,
    RESET_CONNECTIONS, Style, View,
};

pub const FAULT: Fault = Fault {
    name: "partition",
    about: "cut nodes, and the clients at their side, off from others",
    keys: &[
        Key {
            name: "shape",
            values: "isolate, isolate-leader, halves, minority, ring, bridge, one-way, random, or \
                     groups [[n1, n2], [n3, n4, n5]]",
            default: "isolate",
        },
        Key { name: "style", values: "hold, reset, refuse, blackhole", default: "hold" },
        Key { name: "clients", values: "follow, free, only", default: "follow" },
    ],
    counters: &[
        Counter::sum(HELD_BYTES, |held| format!("held {}", bytes(held))),
        Counter::sum(DROPPED_BYTES, |dropped| format!("swallowed {}", bytes(dropped))),
        Counter::sum(RESET_CONNECTIONS, |reset| {
            format!("reset {}", count(reset, "connection", "connections"))
        }),
        Counter::sum(REFUSED_CONNECTIONS, |refused| {
            format!("refused {}", count(refused, "connection", "connections"))
        }),
    ],
    class: "f-partition",
    ..Fault::of::<Partition>()
};

#[derive(Deserialize)]
struct Partition {
    shape: Draw<Shape>,
    style: Draw<Style>,
    clients: Draw<Clients>,
}

#[derive(Serialize, Deserialize)]
struct Choice {
    shape: Shape,
    style: Style,
    clients: Clients,
    #[serde(flatten)]
    luck: Luck,
}

/// Which side of a partition clients are on.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Clients {
    /// Their home's.
    Follow,
    /// They see all nodes.
    Free,
    /// They lose what their home would lose, and the nodes lose nothing.
    Only,
}

impl Spec for Partition {
    type Choice = Choice;

    fn check(&self, of: &Subject) -> Result<(), KeyError> {
        self.shape.check("shape", |shape| shape.check(of.topology.nodes))?;
        self.clients.check("clients", |clients| match clients {
            Clients::Only => Ok(()),
            _ => of.between_nodes("`clients: only` cuts clients off from nodes"),
        })
    }

    fn choose(&self, _: &When, topology: Topology, rng: &mut ChaCha8Rng) -> Choice {
        Choice {
            shape: self.shape.one(rng),
            style: self.style.one(rng),
            clients: self.clients.one(rng),
            luck: Luck::draw(topology.nodes, rng),
        }
    }

    fn resolve(choice: &Choice, topology: Topology, view: &View) -> Result<Aimed, String> {
        let Topology { nodes, clients } = topology;
        let (cut, shape) = choice.shape.cut(&choice.luck, nodes, view)?;
        let clients = if choice.clients == Clients::Free { 0 } else { clients };
        let (mut flows, style) = (flows(&cut, nodes, clients), choice.style);
        let mut words = format!("{shape}, {}", plain(style));
        if choice.clients == Clients::Only {
            let is_node = |end| matches!(end, Endpoint::Node(_));
            flows.retain(|flow| !is_node(flow.from) || !is_node(flow.to));
            words += ", clients only";
        }
        Ok(Aimed { action: LinkOverlay::Block { flows, style }.into(), words })
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{aimed, drawn, error, resolve, spec, view, words};
    use super::*;
    use crate::action::{Action, Overlay};

    fn blocked(shape: Value, clients: &str, leader: Option<u8>) -> BTreeSet<Flow> {
        let spec = spec("partition", &[("shape", shape), ("clients", json!(clients))]);
        let topology = Topology { nodes: 5, clients: 10 };
        let detail = &drawn(&spec, topology, 7)[0].2;
        match resolve("partition", detail, topology, &view(5, leader)).map(|aimed| aimed.action) {
            Ok(Action::Hold(Overlay::Links(overlay))) if overlay.blocks() => {
                overlay.flows().clone()
            }
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
        let only = blocked(json!("isolate-leader"), "only", Some(2));
        let is_node = |end| matches!(end, Endpoint::Node(_));
        assert!(only.iter().all(|flow| !is_node(flow.from) || !is_node(flow.to)), "{only:?}");
        assert_eq!(only.len(), flows.len() - 8);
        assert!(blocked(json!("isolate-leader"), "free", None).is_empty(), "nobody leads");
    }

    #[test]
    fn it_says_what_it_does() {
        let check = |shape: Value, leader: Option<u8>, expected: &str| {
            assert_eq!(words("partition", &[("shape", shape)], &view(5, leader)), expected);
        };
        check(json!("isolate-leader"), Some(2), "isolate n2 (leader), hold");
        check(json!("isolate-leader"), None, "no leader");
        let groups = json!([["n1", "n2"], ["n3", "n4", "n5"]]);
        check(groups, Some(2), "groups {n1,n2 | n3,n4,n5}, hold");
    }

    #[test]
    fn where_nobody_ever_leads_a_drawn_node_is_cut_off() {
        // Who is down, and who is cut off, each as places of the drawn order.
        let check = |down: &[usize], alone: usize| {
            let mut view = View { leaderless: true, ..view(5, None) };
            let leader = [("shape", json!("isolate-leader"))];
            let topology = Topology { nodes: 5, clients: 2 };
            let detail = drawn(&spec("partition", &leader), topology, 7).remove(0).2;
            let order: Vec<NodeId> = serde_json::from_value(detail["order"].clone()).unwrap();
            for place in down {
                view.nodes[usize::from(order[*place].0) - 1].running = false;
            }
            let (found, alone) = (aimed("partition", &leader, &view).unwrap(), order[alone]);
            assert_eq!(found.action.targets(), BTreeSet::from([alone]));
            assert_eq!(found.words, format!("isolate {alone} (drawn: nobody leads here), hold"));
        };
        check(&[], 0);
        check(&[0, 1], 2);
        check(&[0, 1, 2, 3, 4], 0);
    }

    #[test]
    fn unknown_values_are_refused_with_those_there_are() {
        let check = |key: &str, value: Value, word: &str| {
            let error = error("partition", &[(key, value)], 5);
            assert!(error.key == key && error.message.contains(word), "{error:?}");
        };
        check("style", json!("drop"), "unknown style `drop`; `style` takes hold, reset");
        check("clients", json!("stay"), "`clients` takes follow, free");
        check("shape", json!("star"), "unknown shape `star`; `shape` takes isolate, isolate-l");
        check("shape", json!(2), "unknown shape `2`");
    }

    #[test]
    fn the_second_value_of_a_key_is_named() {
        let mut spec = spec("partition", &[]);
        spec.keys.insert("style".to_owned(), vec![json!("hold"), json!("drop")]);
        let of = super::super::tests::subject(5);
        assert_eq!(FAULT.check(&spec, &of).unwrap_err().index, 1);
    }
}
