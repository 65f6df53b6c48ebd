//! Who asks whom: reads go home, what the leader does goes to the last believed leader, hints are
//! followed.

use crate::action::NodeId;
use crate::systems::Leads;

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

    /// The node asked first; `leads`: what is asked is the leader's business.
    pub fn first(self, leads: bool) -> NodeId {
        if leads { self.believed } else { self.home }
    }

    /// Asks that node, and where the leader is asked whom it names instead; learns from the answer.
    /// Who was asked last, and what it said.
    pub async fn ask<T: Leads>(
        &mut self,
        leads: bool,
        mut ask: impl AsyncFnMut(NodeId) -> T,
    ) -> (NodeId, T) {
        let mut node = self.first(leads);
        let mut hops = 0;
        loop {
            let answer = ask(node).await;
            let Some(next) = self.hint(&answer).filter(|_| leads && hops < HOPS_MAX) else {
                self.learn(leads, node, &answer);
                return (node, answer);
            };
            node = next;
            hops += 1;
        }
    }

    fn learn(&mut self, leads: bool, asked: NodeId, answer: &impl Leads) {
        if leads {
            let next = NodeId(asked.0 % self.nodes + 1);
            let instead = self.hint(answer).unwrap_or(next);
            self.believed = if answer.is_ok() { asked } else { instead };
        }
    }

    /// A hint that names no node of the cluster is no hint.
    fn hint(self, answer: &impl Leads) -> Option<NodeId> {
        answer.hint().filter(|leader| leader.0 <= self.nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::Refusal;

    type Answer = Result<(), Refusal>;

    fn fail(error: &str, leader: Option<u8>) -> Answer {
        Err(Refusal { leader: leader.map(NodeId), ..Refusal::certain(error) })
    }

    #[test]
    fn the_next_append_goes_where_the_contract_says() {
        // Three nodes, home n2; after these answers the next append goes there.
        let check = |answers: &[(u8, Answer)], expected: u8| {
            let mut route = Route::new(3, NodeId(2));
            for (asked, answer) in answers {
                route.learn(true, NodeId(*asked), answer);
            }
            assert_eq!(route.first(true), NodeId(expected), "{answers:?}");
            assert_eq!(route.first(false), NodeId(2), "reads always go home");
        };
        let timeout = || Err(Refusal::timeout());
        check(&[], 2);
        check(&[(3, Ok(()))], 3);
        check(&[(2, fail("not-leader", Some(1)))], 1);
        check(&[(2, fail("not-leader", None))], 3);
        check(&[(3, fail("overloaded", None))], 1);
        check(&[(3, fail("conflict", None))], 1);
        check(&[(3, timeout())], 1);
        check(&[(2, fail("not-leader", Some(9)))], 3);
        check(&[(2, fail("refused", Some(1)))], 3);
        check(&[(2, fail("not-leader", Some(3))), (3, timeout())], 1);
    }

    #[test]
    fn what_reads_are_told_moves_no_append() {
        let mut route = Route::new(3, NodeId(1));
        route.learn(false, NodeId(1), &fail("not-leader", Some(3)));
        assert_eq!(route.first(true), NodeId(1));
    }

    #[tokio::test]
    async fn hints_are_followed_three_times() {
        let asked = async |leads: bool, answer: Answer| {
            let mut asked = Vec::new();
            let mut route = Route::new(5, NodeId(1));
            let ask = async |node: NodeId| {
                asked.push(node.0);
                answer.clone()
            };
            let (last, _) = route.ask(leads, ask).await;
            assert_eq!(asked.last(), Some(&last.0));
            asked
        };
        assert_eq!(asked(true, fail("not-leader", Some(4))).await, [1, 4, 4, 4]);
        assert_eq!(asked(true, fail("not-leader", None)).await, [1]);
        assert_eq!(asked(true, Ok(())).await, [1]);
        assert_eq!(asked(false, fail("not-leader", Some(4))).await, [1]);
    }
}
