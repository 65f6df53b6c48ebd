//! promote: the operator's hand in manual failover: a node is asked to lead, once.
//! It never waits for the answer, and nothing of it is healed.
//!
//! ```yaml
//! - promote: {to: next, after: 3s}       # 3 s after a strike, if it took the leader away
//! - promote: {to: n2, at: 10s}           # at 10 s, whoever leads
//! ```

use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::FaultSpec;
use super::{Fault, IF_LEADER_GONE, Key, KeyError, Topology, check_each, draw, target};
use crate::action::{Action, Endpoint, Flow, NodeId, Operator, Strike, View};

/// The fault `promote`.
pub struct Promote;

impl Fault for Promote {
    fn name(&self) -> &'static str {
        "promote"
    }

    fn about(&self) -> &'static str {
        "ask a node to lead, as an operator does by hand (manual failover)"
    }

    fn keys(&self) -> &'static [Key] {
        &[Key {
            name: "to",
            values: "next (a running node that does not lead), one (any of them), or a node (n2)",
            default: "next",
        }]
    }

    fn by_hand(&self) -> bool {
        true
    }

    fn check(&self, spec: &FaultSpec, topology: Topology) -> Result<(), KeyError> {
        check_each(spec, "to", |value| match value.as_str() {
            Some("next" | "one") => Ok(()),
            Some(name) => target::node(name, topology.nodes).map(drop).map_err(|_| {
                let nodes = topology.nodes;
                format!("`{name}` is no node to promote; write next, one, or n1 to n{nodes}")
            }),
            None => Err(format!("found `{value}`; write next, one, or a node such as n2")),
        })
    }

    fn choose(&self, spec: &FaultSpec, topology: Topology, rng: &mut ChaCha8Rng) -> Value {
        let to = draw(spec, "to", rng).clone();
        json!({"to": to, "order": target::order(topology.nodes, rng)})
    }

    fn resolve(&self, strike: &Strike, topology: Topology, view: &View) -> Vec<Action> {
        let node = whom(strike, topology, view).ok();
        node.map(|node| Action::Once(Operator::Promote { node })).into_iter().collect()
    }

    fn describe(&self, strike: &Strike, effects: &[Action], view: &View) -> String {
        let [Action::Once(Operator::Promote { node }), ..] = effects else {
            let nodes = view.nodes.len() as u8;
            let topology = Topology { nodes, clients: view.clients };
            let why = whom(strike, topology, view).err();
            return why.unwrap_or_else(|| "nothing was done".into());
        };
        match view.leader {
            Some(leader) if leader != *node => format!("promote {node} in place of {leader}"),
            _ => format!("promote {node}"),
        }
    }
}

/// The node to promote, or why none is.
fn whom(strike: &Strike, topology: Topology, view: &View) -> Result<NodeId, String> {
    if strike.detail[IF_LEADER_GONE] == true
        && let Some(leader) = view.leader.filter(|&leader| reaches_majority(leader, view))
    {
        return Err(format!("{leader} leads, and can be reached"));
    }
    let order: Vec<NodeId> = match strike.detail["to"].as_str().expect("checked when it was read") {
        "one" => target::nodes_of(&strike.detail["order"]),
        "next" => {
            let after = view.leader.map_or(0, |leader| leader.0);
            (0..topology.nodes).map(|step| NodeId((after + step) % topology.nodes + 1)).collect()
        }
        name => return target::node(name, topology.nodes),
    };
    let able = |node: &NodeId| Some(*node) != view.leader && up(*node, view);
    let able: Vec<NodeId> = order.into_iter().filter(able).collect();
    // Nobody promotes a node that can be seen to be cut off, if there is another.
    let connected = able.iter().find(|&&node| reaches_majority(node, view));
    connected.or(able.first()).copied().ok_or_else(|| "no node is left to promote".into())
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
    use super::super::tests::{effects, spec, view};
    use super::*;

    /// Whom a promotion `to` means, or why nobody.
    fn check(to: &str, after: bool, view: &View, expected: &str) {
        let spec = spec("promote", &[("to", json!(to))]);
        let (mut strike, _) = effects(&spec, 3, 2, view);
        strike.detail[IF_LEADER_GONE] = json!(after);
        let topology = Topology { nodes: 3, clients: 2 };
        let effects = Promote.resolve(&strike, topology, view);
        let told = match effects[..] {
            [Action::Once(Operator::Promote { node })] => {
                assert_eq!(super::super::targets(&effects), [node].into());
                node.to_string()
            }
            _ => Promote.describe(&strike, &effects, view),
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
        let error = |to: Value| {
            let topology = Topology { nodes: 3, clients: 2 };
            Promote.check(&spec("promote", &[("to", to)]), topology).unwrap_err().message
        };
        assert_eq!(error(json!("n4")), "`n4` is no node to promote; write next, one, or n1 to n3");
        assert!(error(json!("leader")).contains("`leader` is no node to promote"));
        assert!(error(json!(2)).contains("found `2`"));
    }
}
