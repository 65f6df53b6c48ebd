//! Which nodes a fault means: words, a node, a number, a set. Shared by all faults that hit nodes.
//! It never strikes; it says whom.

use std::collections::BTreeSet;

use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::FaultSpec;
use super::{Key, KeyError, Topology, check_each, draw};
use crate::action::{NodeId, NodeView, View};

/// The key `target`.
pub const KEY: Key = Key {
    name: "target",
    values: "one, leader, followers, minority, majority, all, rolling, a node (n2), a number of \
             nodes, or {all: [n1, n3]}",
    default: "one",
};

/// The words that may stand under `target`.
const WORDS: &[&str] = &["one", "leader", "followers", "minority", "majority", "all", "rolling"];

/// Whom a value of `target` means.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Target {
    Leader,
    Followers,
    /// So many, whichever come first in the strike's drawn order.
    Some(usize),
    Exactly(BTreeSet<NodeId>),
}

/// Checks every value of `target`.
pub fn check(spec: &FaultSpec, topology: Topology) -> Result<(), KeyError> {
    check_each(spec, KEY.name, |value| parse(value, topology.nodes).map(drop))
}

/// Draws a target and an order of nodes to resolve it with.
pub fn choose(spec: &FaultSpec, topology: Topology, rng: &mut ChaCha8Rng) -> Value {
    let target = draw(spec, KEY.name, rng).clone();
    json!({ "target": target, "order": order(topology.nodes, rng) })
}

/// A drawn order of all nodes.
pub fn order(nodes: u8, rng: &mut ChaCha8Rng) -> Vec<NodeId> {
    let mut order: Vec<NodeId> = NodeId::all(nodes).collect();
    order.shuffle(rng);
    order
}

/// Who stands for the leader of a system in which nobody leads: of the drawn order the first that
/// can be hit. None where somebody may lead, and where nobody can be hit.
pub fn drawn(detail: &Value, view: &View, able: impl Fn(&NodeView) -> bool) -> Option<NodeId> {
    let hit = |node: &NodeId| view.nodes.get(usize::from(node.0) - 1).is_none_or(&able);
    let order = view.leaderless.then(|| nodes_of(&detail["order"]))?;
    order.into_iter().find(hit)
}

/// How a drawn node that stands for the leader is told of: `drawn: nobody leads here`.
pub const DRAWN: &str = "drawn: nobody leads here";

/// The nodes meant, now: those that `able` says can be hit come first. The error says why nobody.
pub fn resolve(
    detail: &Value,
    topology: Topology,
    view: &View,
    able: impl Fn(&NodeView) -> bool,
) -> Result<BTreeSet<NodeId>, &'static str> {
    let target = parse(&detail["target"], topology.nodes).expect("checked when it was read");
    let can = |node: NodeId| view.nodes.get(usize::from(node.0) - 1).is_none_or(&able);
    let leader = || match view.leader.or_else(|| drawn(detail, view, &able)) {
        Some(leader) => Ok(leader),
        None if view.leaderless => Err("no node is left to hit"),
        None => Err("no leader"),
    };
    match target {
        Target::Leader => leader().map(|leader| BTreeSet::from([leader])),
        Target::Followers => leader()
            .map(|leader| NodeId::all(topology.nodes).filter(|node| *node != leader).collect()),
        Target::Exactly(nodes) => Ok(nodes),
        Target::Some(count) => {
            let mut order: Vec<NodeId> = nodes_of(&detail["order"]);
            order.sort_by_key(|node| !can(*node));
            if !order.first().is_some_and(|node| can(*node)) {
                return Err("no node is left to hit");
            }
            Ok(order.into_iter().take(count).collect())
        }
    }
    .and_then(|nodes| if nodes.is_empty() { Err("nobody is meant") } else { Ok(nodes) })
}

/// Of a system whose nodes forget what they knew when they are killed: the nodes meant, cut down to
/// so many, in the drawn order, that a majority still remembers. Named nodes are hit as named.
pub fn spared(nodes: BTreeSet<NodeId>, detail: &Value, view: &View) -> BTreeSet<NodeId> {
    if !view.forgets || detail["target"].is_object() {
        return nodes;
    }
    let remembers = |node: &NodeId| {
        let runs = view.nodes.get(usize::from(node.0) - 1).is_some_and(|node| node.running);
        runs && !view.forgot.contains(node)
    };
    let count = view.nodes.len();
    let (mut known, majority) = (NodeId::all(count as u8).filter(remembers).count(), count / 2 + 1);
    let order = nodes_of(&detail["order"]);
    let drawn = order.iter().chain(nodes.iter().filter(|node| !order.contains(node)));
    let hit = drawn.filter(|node| nodes.contains(node)).filter(|node| {
        let costs = usize::from(remembers(node));
        let may = known - costs >= majority || costs == 0;
        known -= if may { costs } else { 0 };
        may
    });
    hit.copied().collect()
}

/// How spared nodes are told of.
pub const SPARED: &str = "more would forget together, for good";

/// `n2 (leader)`, `n1, n3 (minority)`; where nobody leads, `n2 (drawn: nobody leads here)`.
pub fn describe(detail: &Value, nodes: &BTreeSet<NodeId>, view: &View) -> String {
    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    let count = view.nodes.len() as u8;
    match detail["target"].as_str() {
        Some("leader") if view.leaderless => return format!("{} ({DRAWN})", names.join(", ")),
        Some("followers") if view.leaderless => {
            let spared = NodeId::all(count).find(|node| !nodes.contains(node));
            let spared = spared.expect("followers are all but one");
            return format!("{} (all but {spared}, {DRAWN})", names.join(", "));
        }
        _ => {}
    }
    let word = match &detail["target"] {
        Value::String(word) if word == "one" => None,
        Value::String(word) if WORDS.contains(&word.as_str()) => Some(word.as_str()),
        _ => detail["of"].as_str(),
    };
    let leads = view.leader.is_some_and(|leader| nodes.contains(&leader));
    let note = match (word, leads) {
        (Some(word), true) if word != "leader" && nodes.len() == 1 => format!(" ({word}, leader)"),
        (Some(word), _) => format!(" ({word})"),
        (None, true) if nodes.len() == 1 => " (leader)".to_owned(),
        _ => String::new(),
    };
    format!("{}{note}", names.join(", "))
}

/// The nodes of a JSON list.
pub fn nodes_of(list: &Value) -> Vec<NodeId> {
    serde_json::from_value(list.clone()).expect("a plan lists nodes")
}

fn parse(value: &Value, nodes: u8) -> Result<Target, String> {
    match value {
        Value::String(word) => match word.as_str() {
            "one" => Ok(Target::Some(1)),
            "leader" => Ok(Target::Leader),
            "followers" if nodes < 2 => Err("a cluster of 1 has no followers".to_owned()),
            "followers" => Ok(Target::Followers),
            "minority" if nodes < 3 => Err(format!(
                "a cluster of {nodes} has no minority to hit; a minority needs 3 nodes"
            )),
            "minority" => Ok(Target::Some(usize::from((nodes - 1) / 2))),
            "majority" => Ok(Target::Some(usize::from(nodes / 2 + 1))),
            "all" | "rolling" => Ok(Target::Exactly(NodeId::all(nodes).collect())),
            word => Ok(Target::Exactly(BTreeSet::from([node(word, nodes)?]))),
        },
        Value::Number(number) => match number.as_u64() {
            Some(0) | None => Err(format!("found `{number}`; a target is at least 1 node")),
            Some(count) if count > u64::from(nodes) => {
                Err(format!("{count} targets of {nodes} nodes"))
            }
            Some(count) => Ok(Target::Some(count as usize)),
        },
        Value::Object(map) => match (map.get("all"), map.len()) {
            (Some(Value::Array(items)), 1) if !items.is_empty() => {
                let mut set = BTreeSet::new();
                for item in items {
                    let name = item.as_str().ok_or_else(|| format!("`{item}` is not a node"))?;
                    if !set.insert(node(name, nodes)?) {
                        return Err(format!("`{name}` is listed twice"));
                    }
                }
                Ok(Target::Exactly(set))
            }
            _ => Err("a set of nodes is written {all: [n1, n3]}".to_owned()),
        },
        other => Err(format!("found `{other}`; a target is {}", KEY.values)),
    }
}

/// A node of this cluster by name.
pub fn node(name: &str, nodes: u8) -> Result<NodeId, String> {
    match NodeId::try_from(name.to_owned()) {
        Ok(node) if node.0 <= nodes => Ok(node),
        Ok(_) => Err(format!("`{name}` is not in the cluster; its nodes are n1 to n{nodes}")),
        Err(_) => Err(format!("`{name}` is not a target; targets are {}", KEY.values)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{rng, spec, view};
    use super::*;

    fn resolved(target: Value, nodes: u8, view: &View) -> Result<BTreeSet<NodeId>, &'static str> {
        let topology = Topology { nodes, clients: 0 };
        let detail = choose(&spec("crash", &[("target", target)]), topology, &mut rng());
        resolve(&detail, topology, view, |node| node.running)
    }

    #[test]
    fn words_mean_so_many_nodes() {
        for nodes in 1..=9_u8 {
            let view = view(nodes, Some(1));
            let check = |word: &str, count: u8| {
                let found = resolved(json!(word), nodes, &view).map(|nodes| nodes.len());
                assert_eq!(found, Ok(usize::from(count)), "{word} of {nodes}");
            };
            check("one", 1);
            check("leader", 1);
            check("all", nodes);
            check("majority", nodes / 2 + 1);
            check("n1", 1);
            if nodes > 2 {
                check("minority", (nodes - 1) / 2);
                check("followers", nodes - 1);
                assert!((nodes - 1) / 2 < nodes / 2 + 1, "the rest of a minority is a quorum");
            }
        }
    }

    #[test]
    fn a_leader_that_is_not_there_is_not_hit() {
        let nobody = view(5, None);
        assert_eq!(resolved(json!("leader"), 5, &nobody), Err("no leader"));
        assert_eq!(resolved(json!("followers"), 5, &nobody), Err("no leader"));
        let leads = view(5, Some(3));
        assert_eq!(resolved(json!("leader"), 5, &leads), Ok(BTreeSet::from([NodeId(3)])));
    }

    #[test]
    fn where_nobody_ever_leads_a_drawn_node_stands_for_the_leader() {
        let check = |word: &str, down: &[u8], hit: &[u8], words: &str| {
            let mut view = View { leaderless: true, ..view(4, None) };
            for node in down {
                view.nodes[usize::from(*node) - 1].running = false;
            }
            let hit: BTreeSet<NodeId> = hit.iter().copied().map(NodeId).collect();
            let detail = json!({"target": word, "order": ["n3", "n1", "n2", "n4"]});
            let topology = Topology { nodes: 4, clients: 0 };
            let found = resolve(&detail, topology, &view, |node| node.running);
            assert_eq!(found, Ok(hit.clone()), "{word}");
            assert_eq!(describe(&detail, &hit, &view), words);
        };
        check("leader", &[], &[3], "n3 (drawn: nobody leads here)");
        check("leader", &[3], &[1], "n1 (drawn: nobody leads here)");
        check("followers", &[], &[1, 2, 4], "n1, n2, n4 (all but n3, drawn: nobody leads here)");
        check("one", &[], &[3], "n3");
        let mut view = View { leaderless: true, ..view(2, None) };
        view.nodes.iter_mut().for_each(|node| node.running = false);
        assert_eq!(resolved(json!("leader"), 2, &view), Err("no node is left to hit"));
    }

    #[test]
    fn those_that_can_be_hit_come_first() {
        let mut view = view(5, None);
        for node in [0, 1, 2, 4] {
            view.nodes[node].running = false;
        }
        assert_eq!(resolved(json!("one"), 5, &view), Ok(BTreeSet::from([NodeId(4)])));
        assert!(resolved(json!(2), 5, &view).unwrap().contains(&NodeId(4)));
        view.nodes[3].running = false;
        assert_eq!(resolved(json!("one"), 5, &view), Err("no node is left to hit"));
    }

    #[test]
    fn no_majority_of_those_that_forget_is_killed_unless_its_nodes_are_named() {
        let check = |target: Value, forgot: &[u8], hit: &[u8]| {
            let forgot: BTreeSet<NodeId> = forgot.iter().copied().map(NodeId).collect();
            let view = View { forgets: true, forgot, ..view(5, Some(3)) };
            let detail = json!({"target": target, "order": ["n5", "n1", "n4", "n2", "n3"]});
            let topology = Topology { nodes: 5, clients: 0 };
            let meant = resolve(&detail, topology, &view, |node| node.running).unwrap();
            let hit: BTreeSet<NodeId> = hit.iter().copied().map(NodeId).collect();
            assert_eq!(spared(meant, &detail, &view), hit, "{target}");
        };
        check(json!("all"), &[], &[1, 5]);
        check(json!("followers"), &[], &[1, 5]);
        check(json!("leader"), &[], &[3]);
        check(json!("all"), &[2], &[2, 5]);
        check(json!("all"), &[2, 4], &[2, 4]);
        check(json!("leader"), &[2, 4], &[]);
        check(json!({"all": ["n1", "n2", "n3"]}), &[], &[1, 2, 3]);
        let view = View { forgets: false, ..view(5, None) };
        let all: BTreeSet<NodeId> = NodeId::all(5).collect();
        let detail = json!({"target": "all", "order": ["n1", "n2", "n3", "n4", "n5"]});
        assert_eq!(spared(all.clone(), &detail, &view), all, "disks remember");
    }

    #[test]
    fn impossible_targets_are_refused() {
        let check = |value: Value, nodes: u8, word: &str| {
            let topology = Topology { nodes, clients: 0 };
            let error = super::check(&spec("crash", &[("target", value)]), topology).unwrap_err();
            assert!(error.message.contains(word), "{}", error.message);
        };
        check(json!(4), 3, "4 targets of 3 nodes");
        check(json!(0), 3, "at least 1");
        check(json!(-1), 3, "at least 1");
        check(json!(1.5), 3, "at least 1");
        check(json!("n4"), 3, "n1 to n3");
        check(json!("n0"), 3, "not a target");
        check(json!("leder"), 3, "not a target");
        check(json!("minority"), 2, "needs 3 nodes");
        check(json!({"all": ["n1", "n1"]}), 3, "listed twice");
        check(json!({"all": []}), 3, "{all: [n1, n3]}");
        check(json!({"any": ["n1"]}), 3, "{all: [n1, n3]}");
        check(json!(true), 3, "found `true`");
        let topology = Topology { nodes: 3, clients: 0 };
        assert_eq!(super::check(&spec("crash", &[("target", json!(3))]), topology), Ok(()));
    }
}
