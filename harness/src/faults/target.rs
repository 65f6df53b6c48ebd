//! Which nodes a fault means: words, a node, a number, a set. Shared by all faults that hit nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::fault::{Piece, Topology};
use super::keys::{Draw, Key, plain};
use crate::action::{NodeId, NodeView, View};

/// The key `target`.
pub const KEY: Key = Key {
    name: "target",
    values: "one, leader, followers, minority, majority, all, rolling, a node (n2), a number of \
             nodes, or {all: [n1, n3]}",
    default: "one",
};

/// A value of `target`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    Word(Word),
    Node(NodeId),
    Count(u64),
    Set(Set),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    One,
    Leader,
    Followers,
    Minority,
    Majority,
    All,
    /// One after the other.
    Rolling,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Set {
    all: Vec<NodeId>,
}

/// A drawn target, and an order of nodes to find them by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Aim {
    pub target: Target,
    /// What the target is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<Word>,
    order: Vec<NodeId>,
}

/// How a drawn node that stands for the leader is told of: `drawn: nobody leads here`.
pub const DRAWN: &str = "drawn: nobody leads here";

impl Target {
    /// Whether a cluster of so many nodes has it.
    pub fn check(&self, nodes: u8) -> Result<(), String> {
        match self {
            Target::Word(Word::Followers) if nodes < 2 => {
                Err("a cluster of 1 has no followers".to_owned())
            }
            Target::Word(Word::Minority) if nodes < 3 => Err(format!(
                "a cluster of {nodes} has no minority to hit; a minority needs 3 nodes"
            )),
            Target::Word(_) => Ok(()),
            Target::Node(node) => exists(*node, nodes),
            Target::Count(0) => Err("found `0`; a target is at least 1 node".to_owned()),
            Target::Count(count) if *count > u64::from(nodes) => {
                Err(format!("{count} targets of {nodes} nodes"))
            }
            Target::Count(_) => Ok(()),
            Target::Set(Set { all }) if all.is_empty() => {
                Err("a set of nodes is written {all: [n1, n3]}".to_owned())
            }
            Target::Set(Set { all }) => {
                all.iter().try_for_each(|node| exists(*node, nodes))?;
                let twice = all.iter().enumerate().find(|(at, node)| all[..*at].contains(node));
                twice.map_or(Ok(()), |(_, node)| Err(format!("`{node}` is listed twice")))
            }
        }
    }
}

impl Aim {
    /// Draws it.
    pub fn choose(targets: &Draw<Target>, topology: Topology, rng: &mut ChaCha8Rng) -> Aim {
        Aim { target: targets.one(rng), of: None, order: order(topology.nodes, rng) }
    }

    /// `rolling`: every node in the drawn order, each for its share of the time; any other target:
    /// one strike.
    pub fn pieces(self, lasts: Duration) -> Vec<Piece<Aim>> {
        if self.target != Target::Word(Word::Rolling) {
            return vec![Piece { after: Duration::ZERO, lasts, choice: self }];
        }
        let share = lasts / self.order.len() as u32;
        let piece = |(position, node): (usize, &NodeId)| Piece {
            after: share * position as u32,
            lasts: share,
            choice: Aim {
                target: Target::Node(*node),
                of: Some(Word::Rolling),
                order: vec![*node],
            },
        };
        self.order.iter().enumerate().map(piece).collect()
    }

    /// The nodes meant, now: those that `able` says can be hit come first. The error says why
    /// nobody.
    pub fn nodes(
        &self,
        topology: Topology,
        view: &View,
        able: impl Fn(&NodeView) -> bool,
    ) -> Result<BTreeSet<NodeId>, String> {
        let count = topology.nodes;
        let leader = || match view.leader.or_else(|| stand_in(&self.order, view, &able)) {
            Some(leader) => Ok(leader),
            None if view.leaderless => Err("no node is left to hit"),
            None => Err("no leader"),
        };
        let some = |count: usize| {
            let can = |node: &NodeId| seen(*node, view).is_none_or(&able);
            let mut order = self.order.clone();
            order.sort_by_key(|node| !can(node));
            if order.first().is_some_and(can) {
                Ok(order.into_iter().take(count).collect())
            } else {
                Err("no node is left to hit")
            }
        };
        let nodes: BTreeSet<NodeId> = match &self.target {
            Target::Word(Word::One) => some(1)?,
            Target::Word(Word::Leader) => BTreeSet::from([leader()?]),
            Target::Word(Word::Followers) => {
                let leader = leader()?;
                NodeId::all(count).filter(|node| *node != leader).collect()
            }
            Target::Word(Word::Minority) => some(usize::from((count - 1) / 2))?,
            Target::Word(Word::Majority) => some(usize::from(count / 2 + 1))?,
            Target::Word(Word::All | Word::Rolling) => NodeId::all(count).collect(),
            Target::Node(node) => BTreeSet::from([*node]),
            Target::Count(count) => some(*count as usize)?,
            Target::Set(Set { all }) => all.iter().copied().collect(),
        };
        if nodes.is_empty() { Err("nobody is meant".to_owned()) } else { Ok(nodes) }
    }

    /// Of a system whose nodes forget what they knew when they are killed: the nodes meant, cut
    /// down to so many, in the drawn order, that a majority still remembers. Named nodes are hit as
    /// named.
    pub fn spared(&self, nodes: &BTreeSet<NodeId>, view: &View) -> BTreeSet<NodeId> {
        if !view.forgets || matches!(self.target, Target::Set(_)) {
            return nodes.clone();
        }
        let remembers = |node: &NodeId| {
            seen(*node, view).is_some_and(|node| node.running) && !view.forgot.contains(node)
        };
        let count = view.nodes.len();
        let mut known = NodeId::all(count as u8).filter(remembers).count();
        let majority = count / 2 + 1;
        let drawn = self.order.iter();
        let drawn = drawn.chain(nodes.iter().filter(|node| !self.order.contains(node)));
        let hit = drawn.filter(|node| nodes.contains(node)).filter(|node| {
            let costs = usize::from(remembers(node));
            let may = known - costs >= majority || costs == 0;
            known -= if may { costs } else { 0 };
            may
        });
        hit.copied().collect()
    }

    /// `n2 (leader)`, `n1, n3 (minority)`; where nobody leads, `n2 (drawn: nobody leads here)`.
    pub fn describe(&self, nodes: &BTreeSet<NodeId>, view: &View) -> String {
        let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        let names = names.join(", ");
        let word = match &self.target {
            Target::Word(Word::Leader) if view.leaderless => return format!("{names} ({DRAWN})"),
            Target::Word(Word::Followers) if view.leaderless => {
                let spared = NodeId::all(view.nodes.len() as u8).find(|node| !nodes.contains(node));
                let spared = spared.expect("followers are all but one");
                return format!("{names} (all but {spared}, {DRAWN})");
            }
            Target::Word(Word::One) => None,
            Target::Word(word) => Some(*word),
            _ => self.of,
        };
        let leads = nodes.len() == 1 && view.leader.is_some_and(|leader| nodes.contains(&leader));
        match word {
            Some(word) if leads && word != Word::Leader => {
                format!("{names} ({}, leader)", plain(word))
            }
            Some(word) => format!("{names} ({})", plain(word)),
            None if leads => format!("{names} (leader)"),
            None => names,
        }
    }
}

/// A drawn order of all nodes.
pub fn order(nodes: u8, rng: &mut ChaCha8Rng) -> Vec<NodeId> {
    let mut order: Vec<NodeId> = NodeId::all(nodes).collect();
    order.shuffle(rng);
    order
}

/// Who stands for the leader of a system in which nobody leads: of the drawn order the first that
/// can be hit. None where somebody may lead, and where nobody can be hit.
pub fn stand_in(order: &[NodeId], view: &View, able: impl Fn(&NodeView) -> bool) -> Option<NodeId> {
    let can = |node: &NodeId| seen(*node, view).is_none_or(&able);
    order.iter().copied().find(|node| view.leaderless && can(node))
}

/// Whether a cluster of so many nodes has this one.
pub fn exists(node: NodeId, nodes: u8) -> Result<(), String> {
    if node.0 <= nodes {
        return Ok(());
    }
    Err(format!("`{node}` is not in the cluster; its nodes are n1 to n{nodes}"))
}

fn seen(node: NodeId, view: &View) -> Option<&NodeView> {
    view.nodes.get(usize::from(node.0) - 1)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{error, rng_of, subject, view};
    use super::*;

    fn nodes(numbers: &[u8]) -> BTreeSet<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    /// A target that was drawn with this order.
    fn aim(target: Value, order: &[u8]) -> Aim {
        let order: Vec<NodeId> = order.iter().copied().map(NodeId).collect();
        serde_json::from_value(json!({"target": target, "order": order})).unwrap()
    }

    fn resolved(target: Value, view: &View) -> Result<BTreeSet<NodeId>, String> {
        let topology = subject(view.nodes.len() as u8).topology;
        let targets = Draw(vec![serde_json::from_value(target).unwrap()]);
        Aim::choose(&targets, topology, &mut rng_of(7)).nodes(topology, view, |node| node.running)
    }

    #[test]
    fn words_mean_so_many_nodes() {
        for nodes in 1..=9_u8 {
            let view = view(nodes, Some(1));
            let check = |word: &str, count: u8| {
                let found = resolved(json!(word), &view).map(|nodes| nodes.len());
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
        assert_eq!(resolved(json!("leader"), &nobody), Err("no leader".into()));
        assert_eq!(resolved(json!("followers"), &nobody), Err("no leader".into()));
        let leads = view(5, Some(3));
        assert_eq!(resolved(json!("leader"), &leads), Ok(nodes(&[3])));
    }

    #[test]
    fn where_nobody_ever_leads_a_drawn_node_stands_for_the_leader() {
        let check = |word: &str, down: &[u8], hit: &[u8], words: &str| {
            let mut view = View { leaderless: true, ..view(4, None) };
            for node in down {
                view.nodes[usize::from(*node) - 1].running = false;
            }
            let aim = aim(json!(word), &[3, 1, 2, 4]);
            let found = aim.nodes(subject(4).topology, &view, |node| node.running);
            assert_eq!(found, Ok(nodes(hit)), "{word}");
            assert_eq!(aim.describe(&nodes(hit), &view), words);
        };
        check("leader", &[], &[3], "n3 (drawn: nobody leads here)");
        check("leader", &[3], &[1], "n1 (drawn: nobody leads here)");
        check("followers", &[], &[1, 2, 4], "n1, n2, n4 (all but n3, drawn: nobody leads here)");
        check("one", &[], &[3], "n3");
        let mut view = View { leaderless: true, ..view(2, None) };
        view.nodes.iter_mut().for_each(|node| node.running = false);
        assert_eq!(resolved(json!("leader"), &view), Err("no node is left to hit".into()));
    }

    #[test]
    fn those_that_can_be_hit_come_first() {
        let mut view = view(5, None);
        for node in [0, 1, 2, 4] {
            view.nodes[node].running = false;
        }
        assert_eq!(resolved(json!("one"), &view), Ok(nodes(&[4])));
        assert!(resolved(json!(2), &view).unwrap().contains(&NodeId(4)));
        view.nodes[3].running = false;
        assert_eq!(resolved(json!("one"), &view), Err("no node is left to hit".into()));
    }

    #[test]
    fn no_majority_of_those_that_forget_is_killed_unless_its_nodes_are_named() {
        let check = |target: Value, forgot: &[u8], hit: &[u8]| {
            let view = View { forgets: true, forgot: nodes(forgot), ..view(5, Some(3)) };
            let aim = aim(target, &[5, 1, 4, 2, 3]);
            let meant = aim.nodes(subject(5).topology, &view, |node| node.running).unwrap();
            assert_eq!(aim.spared(&meant, &view), nodes(hit), "{aim:?}");
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
        let aim = aim(json!("all"), &[1, 2, 3, 4, 5]);
        assert_eq!(aim.spared(&all, &view), all, "disks remember");
    }

    #[test]
    fn impossible_targets_are_refused() {
        let check = |value: Value, nodes: u8, word: &str| {
            let message = error("crash", &[("target", value)], nodes).message;
            assert!(message.contains(word), "{message}");
        };
        check(json!(4), 3, "4 targets of 3 nodes");
        check(json!(0), 3, "at least 1");
        check(json!(-1), 3, "a number of nodes");
        check(json!(1.5), 3, "a number of nodes");
        check(json!("n4"), 3, "n1 to n3");
        check(json!("n0"), 3, "unknown target `n0`; `target` takes one, leader, followers");
        check(json!("leder"), 3, "unknown target `leder`");
        check(json!("minority"), 2, "needs 3 nodes");
        check(json!({"all": ["n1", "n1"]}), 3, "listed twice");
        check(json!({"all": []}), 3, "{all: [n1, n3]}");
        check(json!({"any": ["n1"]}), 3, "{all: [n1, n3]}");
        check(json!(true), 3, "unknown target `true`");
        assert_eq!(Target::Count(3).check(3), Ok(()));
    }
}
