//! promote: the operator's hand in manual failover: a node is asked to lead, once.
//! It never waits for the answer, and nothing of it is healed.
//!
//! ```yaml
//! - promote: {to: next, after: 3s}       # 3 s after a strike, if it took the leader away
//! - promote: {to: n2, at: 10s}           # at 10 s, whoever leads
//! ```

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::counter::{Counter, count};
use super::fault::{Aimed, Fault, Spec, Subject, Topology, When};
use super::keys::{Draw, Key, KeyError};
use super::target;
use crate::action::{Action, EPOCH, Endpoint, Flow, NodeId, Operator, PROMOTED, View};

pub const FAULT: Fault = Fault {
    name: "promote",
    about: "ask a node to lead, as an operator does by hand (manual failover)",
    keys: &[Key {
        name: "to",
        values: "next (a running node that does not lead), one (any of them), or a node (n2)",
        default: "next",
    }],
    counters: &[
        Counter::sum(PROMOTED, |promoted| format!("promoted {}", count(promoted, "node", "nodes"))),
        Counter::max(EPOCH, |epoch| format!("opened epoch {epoch}")),
    ],
    by_hand: true,
    ..Fault::of::<Promote>()
};

#[derive(Deserialize)]
struct Promote {
    to: Draw<To>,
}

#[derive(Serialize, Deserialize)]
struct Choice {
    to: To,
    order: Vec<NodeId>,
    /// It does nothing to a leader that is there.
    #[serde(rename = "if-leader-gone", default, skip_serializing_if = "std::ops::Not::not")]
    if_leader_gone: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum To {
    Word(Word),
    Node(NodeId),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Next,
    One,
}

impl Spec for Promote {
    type Choice = Choice;

    fn check(&self, of: &Subject) -> Result<(), KeyError> {
        self.to.check("to", |to| match *to {
            To::Node(node) if node.0 > of.topology.nodes => {
                let nodes = of.topology.nodes;
                Err(format!("`{node}` is no node to promote; write next, one, or n1 to n{nodes}"))
            }
            _ => Ok(()),
        })
    }

    fn choose(&self, when: &When, topology: Topology, rng: &mut ChaCha8Rng) -> Choice {
        Choice {
            to: self.to.one(rng),
            order: target::order(topology.nodes, rng),
            if_leader_gone: matches!(when, When::After(_)),
        }
    }

    fn resolve(choice: &Choice, topology: Topology, view: &View) -> Result<Aimed, String> {
        let node = whom(choice, topology.nodes, view)?;
        let words = match view.leader {
            Some(leader) if leader != node => format!("promote {node} in place of {leader}"),
            _ => format!("promote {node}"),
        };
        Ok(Aimed { action: Action::Once(Operator::Promote { node }), words })
    }
}

/// The node to promote, or why none is.
fn whom(choice: &Choice, nodes: u8, view: &View) -> Result<NodeId, String> {
    if choice.if_leader_gone
        && let Some(leader) = view.leader.filter(|&leader| reaches_majority(leader, view))
    {
        return Err(format!("{leader} leads, and can be reached"));
    }
    let order: Vec<NodeId> = match choice.to {
        To::Word(Word::One) => choice.order.clone(),
        To::Word(Word::Next) => {
            let after = view.leader.map_or(0, |leader| leader.0);
            (0..nodes).map(|step| NodeId((after + step) % nodes + 1)).collect()
        }
        To::Node(node) => return Ok(node),
    };
    let able = |node: &NodeId| Some(*node) != view.leader && up(*node, view);
    let able: Vec<NodeId> = order.into_iter().filter(able).collect();
    // Nobody promotes a node that can be seen to be cut off, or not to be ready yet, if there is
    // another.
    let connected = |node: &&NodeId| reaches_majority(**node, view);
    let answers = |node: &&NodeId| !view.silent.contains(node);
    let best = able.iter().find(|node| connected(node) && answers(node));
    let best = best.or_else(|| able.iter().find(answers));
    let best = best.or_else(|| able.iter().find(connected)).or(able.first());
    best.copied().ok_or_else(|| "no node is left to promote".into())
}

fn up(node: NodeId, view: &View) -> bool {
    let seen = view.nodes.get(usize::from(node.0) - 1);
    seen.is_some_and(|seen| seen.running && !seen.paused)
}

/// Whether it runs, and reaches a majority, itself included, in both directions.
fn reaches_majority(node: NodeId, view: &View) -> bool {
    let blocked = |from, to| {
        view.blocked.contains(&Flow { from: Endpoint::Node(from), to: Endpoint::Node(to) })
    };
    let reached = NodeId::all(view.nodes.len() as u8)
        .filter(|&other| up(other, view) && !blocked(node, other) && !blocked(other, node));
    up(node, view) && reached.count() > view.nodes.len() / 2
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::super::tests::{drawn, error, resolve, spec, view};
    use super::*;

    /// Whom a promotion `to` means, or why nobody.
    fn check(to: &str, after: bool, view: &View, expected: &str) {
        let mut spec = spec("promote", &[("to", json!(to))]);
        if after {
            spec.when = When::After(Duration::from_secs(1));
        }
        let topology = Topology { nodes: 3, clients: 2 };
        let told = match resolve("promote", &drawn(&spec, topology, 7)[0].2, topology, view) {
            Ok(Aimed { action: Action::Once(Operator::Promote { node }), .. }) => node.to_string(),
            Ok(other) => panic!("{other:?}"),
            Err(why) => why,
        };
        assert_eq!(told, expected, "{to} {view:?}");
    }

    #[test]
    fn next_is_a_running_node_that_does_not_lead() {
        check("next", false, &view(3, Some(1)), "n2");
        check("next", false, &view(3, Some(3)), "n1");
        check("next", false, &view(3, None), "n1");
        let mut down = view(3, Some(1));
        down.nodes[1].running = false;
        check("next", false, &down, "n3");
        down.nodes[2].paused = true;
        check("next", false, &down, "no node is left to promote");
        check("n2", false, &down, "n2");
    }

    #[test]
    fn a_node_that_is_not_ready_yet_is_promoted_only_if_there_is_no_other() {
        let mut starting = view(3, Some(1));
        starting.silent.insert(NodeId(2));
        check("next", false, &starting, "n3");
        check("n2", false, &starting, "n2");
        // One that answers, but is cut off, comes before one that does not answer.
        for other in [NodeId(1), NodeId(2)] {
            let (from, to) = (Endpoint::Node(NodeId(3)), Endpoint::Node(other));
            starting.blocked.insert(Flow { from, to });
        }
        check("next", false, &starting, "n3");
        starting.silent.insert(NodeId(3));
        check("next", false, &starting, "n2");
    }

    #[test]
    fn after_a_strike_only_a_leader_that_is_gone_is_replaced() {
        let cut = |pairs: &[(u8, u8)]| {
            let mut view = view(3, Some(1));
            for &(from, to) in pairs {
                let (from, to) = (Endpoint::Node(NodeId(from)), Endpoint::Node(NodeId(to)));
                view.blocked.insert(Flow { from, to });
            }
            view
        };
        check("next", true, &view(3, Some(1)), "n1 leads, and can be reached");
        check("next", true, &cut(&[(1, 2)]), "n1 leads, and can be reached");
        check("next", true, &cut(&[(1, 2), (3, 1)]), "n2");
        check("next", true, &view(3, None), "n1");
        let mut down = view(3, Some(1));
        down.nodes[0].running = false;
        check("next", true, &down, "n2");
        check("n3", true, &down, "n3");
        let mut stopped = view(3, Some(1));
        stopped.nodes[0].paused = true;
        check("next", true, &stopped, "n2");
    }

    #[test]
    fn only_nodes_are_promoted() {
        let error = |to: Value| error("promote", &[("to", to)], 3).message;
        assert_eq!(error(json!("n4")), "`n4` is no node to promote; write next, one, or n1 to n3");
        assert!(error(json!("leader")).starts_with("unknown to `leader`; `to` takes next (a runn"));
        assert!(error(json!(2)).contains("unknown to `2`"));
    }
}
