//! The shapes of a partition: who no longer hears whom, as directed pairs of nodes.
//! It never knows clients or styles.

use std::collections::BTreeSet;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::keys::plain;
use super::target::{self, exists, stand_in};
use crate::action::{NodeId, View};

/// Pairs (from, to): what `from` says does not reach `to`.
pub type Cut = BTreeSet<(NodeId, NodeId)>;

/// A value of `shape`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Shape {
    Named(Named),
    /// Nodes hear each other when they share a group.
    Groups(Vec<Vec<NodeId>>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Named {
    Isolate,
    IsolateLeader,
    Halves,
    Minority,
    Ring,
    Bridge,
    OneWay,
    Random,
}

/// All random choices that a shape may need. All of them are always drawn, so that the random
/// stream does not depend on the shape.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Luck {
    order: Vec<NodeId>,
    /// How many are on one side.
    side: u8,
    coins: u64,
}

impl Luck {
    /// Draws it.
    pub fn draw(nodes: u8, rng: &mut ChaCha8Rng) -> Luck {
        let order = target::order(nodes, rng);
        Luck { order, side: rng.random_range(1..nodes.max(2)), coins: rng.random() }
    }
}

impl Shape {
    /// Whether it exists in a cluster of so many nodes.
    pub fn check(&self, nodes: u8) -> Result<(), String> {
        let name = match self {
            Shape::Named(name) => name,
            Shape::Groups(groups) => {
                groups.iter().flatten().try_for_each(|node| exists(*node, nodes))?;
                let alone = |node: &NodeId| !groups.iter().any(|group| group.contains(node));
                if let Some(node) = NodeId::all(nodes).find(alone) {
                    return Err(format!("{node} is in no group; every node belongs to one"));
                }
                if between(groups, nodes).is_empty() {
                    return Err("these groups separate nobody".to_owned());
                }
                return Ok(());
            }
        };
        let least = match name {
            // A minority is one node against two at the least. Below 3 no node could reach a
            // majority without reaching everyone, in a ring or over a bridge.
            Named::Minority | Named::Ring | Named::Bridge => 3,
            _ => 2,
        };
        if nodes < least {
            let name = plain(name);
            return Err(format!("`{name}` needs at least {least} nodes; there are {nodes}"));
        }
        Ok(())
    }

    /// The pairs to cut, never none, and the shape in words: `halves {n1,n2 | n3,n4}`.
    /// The error says why there is nobody to cut off. Where nobody ever leads, a drawn node is cut
    /// off in the leader's place.
    pub fn cut(&self, luck: &Luck, nodes: u8, view: &View) -> Result<(Cut, String), String> {
        let order = &luck.order[..];
        let alone = |node: NodeId, note: &str| {
            let others: Vec<NodeId> = NodeId::all(nodes).filter(|other| *other != node).collect();
            (apart(&[node], &others), format!("isolate {node}{note}"))
        };
        let sides = |name: &str, count: usize| {
            let (left, right) = order.split_at(count);
            (apart(left, right), format!("{name} {{{} | {}}}", set(left), set(right)))
        };
        let name = match self {
            Shape::Named(name) => name,
            Shape::Groups(groups) => {
                let names: Vec<String> = groups.iter().map(|group| set(group)).collect();
                return Ok((between(groups, nodes), format!("groups {{{}}}", names.join(" | "))));
            }
        };
        let (cut, words) = match name {
            Named::Isolate if view.leader == Some(order[0]) => alone(order[0], " (leader)"),
            Named::Isolate => alone(order[0], ""),
            Named::IsolateLeader => match (view.leader, drawn(order, view)) {
                (Some(leader), _) => alone(leader, " (leader)"),
                (None, Some(drawn)) => alone(drawn, &format!(" ({})", target::DRAWN)),
                (None, None) => return Err("no leader".to_owned()),
            },
            Named::Halves => sides("halves", order.len() / 2),
            Named::Minority => sides("minority", (order.len() - 1) / 2),
            Named::Ring => {
                let names: Vec<String> = order.iter().map(ToString::to_string).collect();
                (ring(order), format!("ring {}", names.join("-")))
            }
            Named::Bridge => {
                let (left, right) = order[1..].split_at((order.len() - 1) / 2);
                let sides = format!("{{{} | {}}}", set(left), set(right));
                (apart(left, right), format!("bridge {} between {sides}", order[0]))
            }
            Named::OneWay => {
                // The side speaks and is not answered: what the rest says does not reach it.
                let (side, rest) = order.split_at(usize::from(luck.side));
                let pairs = rest.iter().flat_map(|&from| side.iter().map(move |&to| (from, to)));
                (pairs.collect(), format!("one-way {{{}}} -> {{{}}}", set(side), set(rest)))
            }
            Named::Random => {
                let cut = random(order, luck.coins);
                let pairs = cut.iter().filter(|(from, to)| from < to);
                let names: Vec<String> = pairs.map(|(from, to)| format!("{from}-{to}")).collect();
                let words = format!("random, cut {}", names.join(" "));
                (cut, words)
            }
        };
        assert!(!cut.is_empty(), "a partition cuts something");
        Ok((cut, words))
    }
}

/// Who stands for the leader. A node that is down is cut off without anyone noticing, so one that
/// runs comes first.
fn drawn(order: &[NodeId], view: &View) -> Option<NodeId> {
    let running = stand_in(order, view, |node| node.running && !node.paused);
    running.or_else(|| stand_in(order, view, |_| true))
}

fn set(nodes: &[NodeId]) -> String {
    let mut nodes = nodes.to_vec();
    nodes.sort_unstable();
    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    names.join(",")
}

/// Neither side hears the other.
fn apart(left: &[NodeId], right: &[NodeId]) -> Cut {
    let pairs = left.iter().flat_map(|&a| right.iter().map(move |&b| (a, b)));
    pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
}

/// In a circle, every node hears its neighbours up to the distance that makes a majority with
/// itself, so that no two nodes see the same majority. Of 3 nodes that would be everyone: there the
/// circle is open, and the two ends hear only the middle.
fn ring(order: &[NodeId]) -> Cut {
    let count = order.len();
    if count == 3 {
        return apart(&order[..1], &order[2..]);
    }
    let majority = count / 2 + 1;
    let reach = majority / 2; // the least k with 2k + 1 >= majority
    let mut cut = Cut::new();
    for (i, &a) in order.iter().enumerate() {
        for (j, &b) in order.iter().enumerate() {
            let straight = i.abs_diff(j);
            if straight.min(count - straight) > reach {
                cut.insert((a, b));
            }
        }
    }
    cut
}

/// Each pair is cut with probability 1/2; if none was, the first pair of the order is.
fn random(order: &[NodeId], coins: u64) -> Cut {
    let mut cut = Cut::new();
    let mut coins = coins;
    for (i, &a) in order.iter().enumerate() {
        for &b in &order[i + 1..] {
            if coins & 1 == 1 {
                cut.extend([(a, b), (b, a)]);
            }
            // 64 coins go round: enough for 11 nodes before they repeat.
            coins = coins.rotate_right(1);
        }
    }
    if cut.is_empty() {
        cut.extend([(order[0], order[1]), (order[1], order[0])]);
    }
    cut
}

/// Nodes that share no group.
fn between(groups: &[Vec<NodeId>], nodes: u8) -> Cut {
    let together = |a, b| groups.iter().any(|group| group.contains(&a) && group.contains(&b));
    let pairs = NodeId::all(nodes).flat_map(|a| NodeId::all(nodes).map(move |b| (a, b)));
    pairs.filter(|&(a, b)| a != b && !together(a, b)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{error, rng_of, view};
    use super::*;

    const NAMES: [Named; 8] = [
        Named::Isolate,
        Named::IsolateLeader,
        Named::Halves,
        Named::Minority,
        Named::Ring,
        Named::Bridge,
        Named::OneWay,
        Named::Random,
    ];

    /// Cuts of this shape for many seeds, each with its words.
    fn drawn(name: Named, nodes: u8) -> impl Iterator<Item = (String, Cut)> {
        (0..50).map(move |seed| {
            let luck = Luck::draw(nodes, &mut rng_of(seed));
            let (cut, words) = Shape::Named(name).cut(&luck, nodes, &view(nodes, Some(1))).unwrap();
            (words, cut)
        })
    }

    /// Whom a node hears and reaches, itself included.
    fn reach(cut: &Cut, node: NodeId, nodes: u8) -> BTreeSet<NodeId> {
        NodeId::all(nodes)
            .filter(|&other| !cut.contains(&(node, other)) && !cut.contains(&(other, node)))
            .collect()
    }

    #[test]
    fn no_shape_cuts_nothing_or_a_node_from_itself() {
        for nodes in 2..=9 {
            let exists = |name: &Named| Shape::Named(*name).check(nodes).is_ok();
            for (words, cut) in NAMES.into_iter().filter(exists).flat_map(|n| drawn(n, nodes)) {
                assert!(!cut.is_empty() && !words.is_empty(), "{words}");
                assert!(cut.iter().all(|(from, to)| from != to), "{words}");
            }
        }
    }

    #[test]
    fn in_a_ring_every_node_reaches_a_majority_and_no_two_the_same() {
        for nodes in 3..=9 {
            for (words, cut) in drawn(Named::Ring, nodes) {
                let seen: BTreeSet<_> = NodeId::all(nodes).map(|n| reach(&cut, n, nodes)).collect();
                assert_eq!(seen.len(), usize::from(nodes), "{words}");
                assert!(seen.iter().all(|seen| seen.len() > usize::from(nodes) / 2), "{words}");
            }
        }
    }

    #[test]
    fn a_bridge_reaches_everyone_and_the_halves_not_each_other() {
        for nodes in 3..=9 {
            for (words, cut) in drawn(Named::Bridge, nodes) {
                let sizes: Vec<usize> =
                    NodeId::all(nodes).map(|n| reach(&cut, n, nodes).len()).collect();
                let whole = sizes.iter().filter(|size| **size == usize::from(nodes)).count();
                assert_eq!(whole, 1, "{words}");
                // Each half with the bridge: as even as the number of nodes allows.
                assert!(sizes.iter().all(|size| *size > usize::from((nodes - 1) / 2)), "{words}");
            }
        }
    }

    #[test]
    fn a_minority_leaves_a_quorum_on_the_other_side() {
        for nodes in 3..=9 {
            for (words, cut) in drawn(Named::Minority, nodes) {
                let quorum = usize::from(nodes / 2 + 1);
                let many = NodeId::all(nodes).filter(|n| reach(&cut, *n, nodes).len() >= quorum);
                assert_eq!(many.count(), usize::from(nodes - (nodes - 1) / 2), "{words}");
            }
        }
    }

    #[test]
    fn one_way_lets_requests_pass_and_answers_not() {
        for (words, cut) in drawn(Named::OneWay, 5) {
            assert!(cut.iter().all(|&(from, to)| !cut.contains(&(to, from))), "{words}");
        }
    }

    #[test]
    fn groups_talk_inside_and_may_share_a_node() {
        let cut = |shape: Value, nodes| {
            let shape: Shape = serde_json::from_value(shape).unwrap();
            let luck = Luck::draw(nodes, &mut rng_of(7));
            shape.cut(&luck, nodes, &view(nodes, None)).unwrap().0.len()
        };
        assert_eq!(cut(json!([["n1", "n2"], ["n3", "n4", "n5"]]), 5), 12);
        assert_eq!(cut(json!([["n1", "n2"], ["n2", "n3"]]), 3), 2);
        let check = |shape: Value, nodes, word: &str| {
            let message = error("partition", &[("shape", shape)], nodes).message;
            assert!(message.contains(word), "{message}");
        };
        check(json!([["n1", "n2"], ["n3"]]), 4, "n4 is in no group");
        check(json!([["n1", "n2", "n3"]]), 3, "separate nobody");
        check(json!([["n1", "n9"], ["n2"]]), 3, "n1 to n3");
        check(json!([["n1", 2], ["n3"]]), 3, "or groups [[n1, n2], [n3, n4, n5]]");
        check(json!(["n1", "n2"]), 3, "or groups [[n1, n2], [n3, n4, n5]]");
        check(json!("halves"), 1, "at least 2 nodes");
        check(json!("ring"), 2, "at least 3 nodes");
    }
}
