//! Who asks whom: reads go home, appends and proposals to the last believed leader, hints are
//! followed.
//! It never asks anyone; it is told what was answered.

use crate::action::NodeId;
use crate::systems::{Op, Outcome};

/// How often a hint is followed within one operation. Three are enough for a leadership that moved
/// twice meanwhile; without a bound two nodes that name each other would be asked for ever.
pub const HOPS_MAX: u32 = 3;

/// What one process believes about the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    nodes: u8,
    home: NodeId,
    believed: NodeId,
}

impl Route {
    /// At first home is believed to lead.
    pub fn new(nodes: u8, home: NodeId) -> Self {
        assert!(home.0 >= 1 && home.0 <= nodes, "home is a node of the cluster");
        Route { nodes, home, believed: home }
    }

    /// The node asked first.
    pub fn first(self, op: &Op) -> NodeId {
        if leads(op) { self.believed } else { self.home }
    }

    /// Whom to ask next within the same operation, after `hops` hints were followed.
    pub fn hop(self, op: &Op, outcome: &Outcome, hops: u32) -> Option<NodeId> {
        let hint = self.hint(outcome)?;
        (leads(op) && hops < HOPS_MAX).then_some(hint)
    }

    /// Learns where the next append goes.
    pub fn learn(&mut self, op: &Op, asked: NodeId, outcome: &Outcome) {
        if leads(op) {
            self.believed = match outcome {
                Outcome::Ok(_) => asked,
                Outcome::Fail(_) | Outcome::Info(_) => {
                    self.hint(outcome).unwrap_or(NodeId(asked.0 % self.nodes + 1))
                }
            };
        }
    }

    /// A hint that names no node of the cluster is no hint.
    fn hint(self, outcome: &Outcome) -> Option<NodeId> {
        let Outcome::Fail(failure) = outcome else { return None };
        let refused = failure.error.as_deref() == Some("not-leader");
        failure.leader.filter(|leader| refused && leader.0 <= self.nodes)
    }
}

/// Whether the operation is the leader's business.
fn leads(op: &Op) -> bool {
    match op {
        Op::Append { .. } | Op::Open | Op::Propose { .. } => true,
        Op::Read { .. } | Op::Tail | Op::Promote | Op::Status => false,
    }
}

#[cfg(test)]
mod tests {
    use schism_verify::history::{Level, Value};

    use super::*;
    use crate::systems::{Answer, Failure};

    const READ: Op = Op::Read { from: 0, limit: None, level: Level::Linearizable };

    fn append() -> Op {
        Op::Append { value: Value::Int(1), session: None, expect: None }
    }

    fn ok() -> Outcome {
        Outcome::Ok(Answer::Appended { offset: 0, duplicate: false })
    }

    fn fail(error: &str, leader: Option<u8>) -> Outcome {
        let leader = leader.map(NodeId);
        Outcome::Fail(Failure { error: Some(error.into()), leader, ..Failure::default() })
    }

    #[test]
    fn the_next_append_goes_where_the_contract_says() {
        // Three nodes, home n2; after these answers the next append goes there.
        let check = |answers: &[(u8, Outcome)], expected: u8| {
            let mut route = Route::new(3, NodeId(2));
            for (asked, outcome) in answers {
                route.learn(&append(), NodeId(*asked), outcome);
            }
            assert_eq!(route.first(&append()), NodeId(expected), "{answers:?}");
            assert_eq!(route.first(&READ), NodeId(2), "reads always go home");
            assert_eq!(route.first(&Op::Tail), NodeId(2), "tails always go home");
        };
        check(&[], 2);
        check(&[(3, ok())], 3);
        check(&[(2, fail("not-leader", Some(1)))], 1);
        check(&[(2, fail("not-leader", None))], 3);
        check(&[(3, fail("overloaded", None))], 1);
        check(&[(3, fail("conflict", None))], 1);
        check(&[(3, Outcome::Info("timeout".into()))], 1);
        check(&[(2, fail("not-leader", Some(9)))], 3);
        check(&[(2, fail("refused", Some(1)))], 3);
        check(&[(2, fail("not-leader", Some(3))), (3, Outcome::Info("timeout".into()))], 1);
    }

    #[test]
    fn what_reads_are_told_moves_no_append() {
        let mut route = Route::new(3, NodeId(1));
        route.learn(&READ, NodeId(1), &fail("not-leader", Some(3)));
        assert_eq!(route.first(&append()), NodeId(1));
    }

    #[test]
    fn hints_are_followed_three_times() {
        let route = Route::new(5, NodeId(1));
        let hint = fail("not-leader", Some(4));
        let check = |op: &Op, outcome: &Outcome, hops: u32, expected: Option<u8>| {
            assert_eq!(route.hop(op, outcome, hops), expected.map(NodeId));
        };
        check(&append(), &hint, 0, Some(4));
        check(&append(), &hint, 2, Some(4));
        check(&append(), &hint, 3, None);
        check(&append(), &fail("not-leader", None), 0, None);
        check(&append(), &ok(), 0, None);
        check(&READ, &hint, 0, None);
    }
}
