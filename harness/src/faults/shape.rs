//! The shapes of a partition: who no longer hears whom, as directed pairs of nodes.
//! It never knows clients or styles.

use std::collections::BTreeSet;

use serde_json::Value;

use super::target::{self, nodes_of};
use crate::action::{NodeId, View};

/// Pairs (from, to): what `from` says does not reach `to`.
pub type Cut = BTreeSet<(NodeId, NodeId)>;

const SHAPES: &[&str] =
    &["isolate", "isolate-leader", "halves", "minority", "ring", "bridge", "one-way", "random"];

/// Whether this shape exists in a cluster of so many nodes.
pub fn check(shape: &Value, nodes: u8) -> Result<(), String> {
    let least = match shape {
        Value::Array(_) => return groups(shape, nodes).map(drop),
        Value::String(word) if SHAPES.contains(&word.as_str()) => match word.as_str() {
            // One node against the other two at the least.
            "minority" => 3,
            // Below 3 no node could reach a majority without reaching everyone.
            "ring" | "bridge" => 3,
            _ => 2,
        },
        other => {
            let word = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
            return Err(format!(
                "unknown shape `{word}`; shapes are {}, or groups [[n1, n2], [n3, n4, n5]]",
                SHAPES.join(", ")
            ));
        }
    };
    if nodes < least {
        let word = shape.as_str().unwrap_or("a partition");
        return Err(format!("`{word}` needs at least {least} nodes; there are {nodes}"));
    }
    Ok(())
}

/// The pairs of a drawn strike, never empty; None when nobody leads and the leader was meant.
/// Where nobody ever leads, a drawn node is cut off in the leader's place.
pub fn cut(detail: &Value, nodes: u8, view: &View) -> Option<Cut> {
    let order = nodes_of(&detail["order"]);
    let all: Vec<NodeId> = NodeId::all(nodes).collect();
    let half = order.len() / 2;
    let cut = match detail["shape"].as_str() {
        Some("isolate") => apart(&order[..1], &order[1..]),
        Some("isolate-leader") => {
            let leader = view.leader.or_else(|| drawn(detail, view))?;
            let others: Vec<NodeId> = all.into_iter().filter(|node| *node != leader).collect();
            apart(&[leader], &others)
        }
        Some("halves") => apart(&order[..half], &order[half..]),
        Some("minority") => {
            let few = (order.len() - 1) / 2;
            apart(&order[..few], &order[few..])
        }
        Some("ring") => ring(&order),
        Some("bridge") => {
            let (left, right) = order[1..].split_at((order.len() - 1) / 2);
            apart(left, right)
        }
        Some("one-way") => {
            // The side speaks and is not answered: what the rest says does not reach it.
            let side = detail["side"].as_u64().unwrap_or(1) as usize;
            let (side, rest) = order.split_at(side.clamp(1, order.len() - 1));
            rest.iter().flat_map(|&from| side.iter().map(move |&to| (from, to))).collect()
        }
        Some("random") => random(&order, detail["coins"].as_u64().unwrap_or(0)),
        _ => groups(&detail["shape"], nodes).expect("checked when it was read"),
    };
    assert!(!cut.is_empty(), "a partition cuts something");
    Some(cut)
}

/// Who stands for the leader. A node that is down is cut off without anyone noticing, so one that
/// runs comes first.
fn drawn(detail: &Value, view: &View) -> Option<NodeId> {
    let running = target::drawn(detail, view, |node| node.running && !node.paused);
    running.or_else(|| target::drawn(detail, view, |_| true))
}

/// The shape in words: `halves {n1,n2 | n3,n4,n5}`.
pub fn describe(detail: &Value, nodes: u8, view: &View) -> String {
    let order = nodes_of(&detail["order"]);
    let half = order.len() / 2;
    let alone = |node: NodeId| {
        let note = if view.leader == Some(node) { " (leader)" } else { "" };
        format!("isolate {node}{note}")
    };
    match detail["shape"].as_str() {
        Some("isolate") => alone(order[0]),
        Some("isolate-leader") => match (view.leader, drawn(detail, view)) {
            (Some(leader), _) => alone(leader),
            (None, Some(drawn)) => format!("isolate {drawn} ({})", target::DRAWN),
            (None, None) => "isolate nobody".to_owned(),
        },
        Some("halves") => format!("halves {{{} | {}}}", set(&order[..half]), set(&order[half..])),
        Some("minority") => {
            let few = (order.len() - 1) / 2;
            format!("minority {{{} | {}}}", set(&order[..few]), set(&order[few..]))
        }
        Some("ring") => {
            let names: Vec<String> = order.iter().map(ToString::to_string).collect();
            format!("ring {}", names.join("-"))
        }
        Some("bridge") => {
            let (left, right) = order[1..].split_at((order.len() - 1) / 2);
            format!("bridge {} between {{{} | {}}}", order[0], set(left), set(right))
        }
        Some("one-way") => {
            let side = detail["side"].as_u64().unwrap_or(1) as usize;
            let (side, rest) = order.split_at(side.clamp(1, order.len() - 1));
            format!("one-way {{{}}} -> {{{}}}", set(side), set(rest))
        }
        Some("random") => {
            let cut = cut(detail, nodes, view).unwrap_or_default();
            let pairs = cut.iter().filter(|(from, to)| from < to);
            let names: Vec<String> = pairs.map(|(from, to)| format!("{from}-{to}")).collect();
            format!("random, cut {}", names.join(" "))
        }
        _ => {
            let groups = parse_groups(&detail["shape"], nodes).unwrap_or_default();
            let names: Vec<String> = groups.iter().map(|group| set(group)).collect();
            format!("groups {{{}}}", names.join(" | "))
        }
    }
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

/// Every pair by a coin; if all came up whole, the first pair of the order is cut.
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

/// Nodes hear each other when they share a group.
fn groups(shape: &Value, nodes: u8) -> Result<Cut, String> {
    let groups = parse_groups(shape, nodes)?;
    let mut cut = Cut::new();
    for a in NodeId::all(nodes) {
        if !groups.iter().any(|group| group.contains(&a)) {
            return Err(format!("{a} is in no group; every node belongs to one"));
        }
        for b in NodeId::all(nodes).filter(|b| *b != a) {
            if !groups.iter().any(|group| group.contains(&a) && group.contains(&b)) {
                cut.insert((a, b));
            }
        }
    }
    if cut.is_empty() {
        return Err("these groups separate nobody".to_owned());
    }
    Ok(cut)
}

fn parse_groups(shape: &Value, nodes: u8) -> Result<Vec<Vec<NodeId>>, String> {
    const HOW: &str = "groups are written [[n1, n2], [n3, n4, n5]]";
    let Value::Array(groups) = shape else { return Err(HOW.to_owned()) };
    let group = |group: &Value| {
        let Value::Array(names) = group else { return Err(HOW.to_owned()) };
        names
            .iter()
            .map(|name| target::node(name.as_str().ok_or_else(|| HOW.to_owned())?, nodes))
            .collect::<Result<Vec<_>, _>>()
    };
    groups.iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{rng_of, view};
    use super::*;

    /// Drawn details of this shape for many seeds.
    fn drawn(shape: &'static str, nodes: u8) -> impl Iterator<Item = (Value, Cut)> {
        (0..50).map(move |seed| {
            let mut rng = rng_of(seed);
            let order = target::order(nodes, &mut rng);
            let coins = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let side = 1 + seed as u8 % (nodes - 1);
            let detail = json!({"shape": shape, "order": order, "side": side, "coins": coins});
            let cut = cut(&detail, nodes, &view(nodes, Some(1))).unwrap();
            (detail, cut)
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
            for shape in SHAPES.iter().filter(|shape| check(&json!(shape), nodes).is_ok()) {
                for (detail, cut) in drawn(shape, nodes) {
                    assert!(!cut.is_empty(), "{detail}");
                    assert!(cut.iter().all(|(from, to)| from != to), "{detail}");
                    assert!(!describe(&detail, nodes, &view(nodes, None)).is_empty());
                }
            }
        }
    }

    #[test]
    fn in_a_ring_every_node_reaches_a_majority_and_no_two_the_same() {
        for nodes in 3..=9 {
            for (detail, cut) in drawn("ring", nodes) {
                let seen: BTreeSet<_> = NodeId::all(nodes).map(|n| reach(&cut, n, nodes)).collect();
                assert_eq!(seen.len(), usize::from(nodes), "{detail}");
                assert!(seen.iter().all(|seen| seen.len() > usize::from(nodes) / 2), "{detail}");
            }
        }
    }

    #[test]
    fn a_bridge_reaches_everyone_and_the_halves_not_each_other() {
        for nodes in 3..=9 {
            for (detail, cut) in drawn("bridge", nodes) {
                let sizes: Vec<usize> =
                    NodeId::all(nodes).map(|n| reach(&cut, n, nodes).len()).collect();
                let whole = sizes.iter().filter(|size| **size == usize::from(nodes)).count();
                assert_eq!(whole, 1, "{detail}");
                // Each half with the bridge: as even as the number of nodes allows.
                assert!(sizes.iter().all(|size| *size > usize::from((nodes - 1) / 2)), "{detail}");
            }
        }
    }

    #[test]
    fn a_minority_leaves_a_quorum_on_the_other_side() {
        for nodes in 3..=9 {
            for (detail, cut) in drawn("minority", nodes) {
                let quorum = usize::from(nodes / 2 + 1);
                let many = NodeId::all(nodes).filter(|n| reach(&cut, *n, nodes).len() >= quorum);
                assert_eq!(many.count(), usize::from(nodes - (nodes - 1) / 2), "{detail}");
            }
        }
    }

    #[test]
    fn one_way_lets_requests_pass_and_answers_not() {
        for (detail, cut) in drawn("one-way", 5) {
            assert!(cut.iter().all(|&(from, to)| !cut.contains(&(to, from))), "{detail}");
        }
    }

    #[test]
    fn groups_talk_inside_and_may_share_a_node() {
        let given = |shape: Value, nodes| groups(&shape, nodes).map(|cut| cut.len());
        assert_eq!(given(json!([["n1", "n2"], ["n3", "n4", "n5"]]), 5), Ok(12));
        assert_eq!(given(json!([["n1", "n2"], ["n2", "n3"]]), 3), Ok(2));
        let check = |shape: Value, nodes, word: &str| {
            let error = super::check(&shape, nodes).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        check(json!([["n1", "n2"], ["n3"]]), 4, "n4 is in no group");
        check(json!([["n1", "n2", "n3"]]), 3, "separate nobody");
        check(json!([["n1", "n9"], ["n2"]]), 3, "n1 to n3");
        check(json!([["n1", 2], ["n3"]]), 3, "groups are written");
        check(json!(["n1", "n2"]), 3, "groups are written");
        check(json!("halves"), 1, "at least 2 nodes");
        check(json!("ring"), 2, "at least 3 nodes");
    }
}
