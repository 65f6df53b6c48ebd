//! What was answered of each kind, and by each node, so that a run does not end before it is known
//! whether what went unanswered at last is answered again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use schism_facts::Reads;
use schism_verify::history::{Event, Level};
use schism_verify::models::Operation;

use crate::action::NodeId;
use crate::clock::Nanos;

/// What must be answered: an operation by anybody, or one that reads by a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Group {
    Kind { name: &'static str, leads: bool, local: bool },
    Node { node: NodeId, name: &'static str, local: bool },
}

#[derive(Clone, Copy, Debug, Default)]
struct Last {
    /// When the latest-asked of those that were answered was asked.
    asked: Option<Nanos>,
    /// Whether the last return was an answer.
    answered: bool,
}

/// The last of each group.
#[derive(Debug)]
pub struct Answered {
    reads: Reads,
    last: RefCell<BTreeMap<Group, Last>>,
}

impl Answered {
    /// Of a system whose reads these nodes answer.
    pub fn new(reads: Reads) -> Self {
        Answered { reads, last: RefCell::default() }
    }

    /// What was asked of `node` at `asked` came back so.
    pub fn note(&self, row: &'static Operation, event: &Event, node: NodeId, asked: Nanos) {
        let local = event.level() == Some(Level::Local);
        let answered = row.is_answered_by(event);
        let mut groups = vec![Group::Kind { name: row.name, leads: row.leads, local }];
        if self.reads.are_owed_by_each(local) && !row.leads {
            groups.push(Group::Node { node, name: row.name, local });
        }
        let mut last = self.last.borrow_mut();
        for group in groups {
            let last = last.entry(group).or_default();
            last.answered = answered;
            if answered {
                last.asked = last.asked.max(Some(asked));
            }
        }
    }

    /// Whether something was unanswered at last that must be answered by these of so many nodes,
    /// and nothing of the kind that was asked after `since` was.
    pub fn owes(&self, serving: &BTreeSet<NodeId>, nodes: u8, since: Nanos) -> bool {
        let demanded = |group: &Group| match group {
            Group::Kind { leads: true, .. } => !serving.is_empty(),
            Group::Kind { leads: false, .. } => serving.len() == usize::from(nodes),
            Group::Node { node, .. } => serving.contains(node),
        };
        self.last.borrow().iter().any(|(group, last)| {
            let again = last.asked.is_some_and(|asked| asked > since);
            demanded(group) && !last.answered && !again
        })
    }
}

#[cfg(test)]
mod tests {
    use schism_verify::history::{Process, Type};
    use schism_verify::models;

    use super::*;

    #[test]
    fn what_went_unanswered_at_last_is_owed_until_it_is_answered_again() {
        let log = models::named("log").unwrap();
        let says = |answered: &Answered, f: &str, kind: Type, node: u8, asked: Nanos| {
            let mut event = Event::new(Process::Client(1), kind, f);
            event.set_error((kind != Type::Ok).then(|| "overloaded".into()));
            answered.note(log.operation(f).unwrap(), &event, NodeId(node), asked);
        };
        let all: BTreeSet<NodeId> = [NodeId(1), NodeId(2)].into();
        let one: BTreeSet<NodeId> = [NodeId(1)].into();
        let each = Answered::new(Reads::EveryNode);
        assert!(!each.owes(&all, 2, 10), "nothing was asked");
        says(&each, "read", Type::Ok, 1, 3);
        says(&each, "read", Type::Info, 2, 5);
        says(&each, "read", Type::Ok, 1, 6);
        assert!(each.owes(&all, 2, 10));
        assert!(!each.owes(&one, 2, 10), "a fault is in its way");
        says(&each, "read", Type::Ok, 2, 9);
        assert!(!each.owes(&all, 2, 10), "it was answered at last");
        says(&each, "read", Type::Ok, 2, 11);
        says(&each, "read", Type::Info, 2, 12);
        assert!(!each.owes(&all, 2, 10), "and since");
        assert!(each.owes(&all, 2, 11));

        let leader = Answered::new(Reads::Leader);
        says(&leader, "append-if", Type::Fail, 2, 1);
        assert!(leader.owes(&one, 2, 10), "an append goes to the leader");
        says(&leader, "append-if", Type::Ok, 1, 2);
        says(&leader, "read", Type::Fail, 2, 1);
        assert!(!leader.owes(&one, 2, 10) && leader.owes(&all, 2, 10));
        says(&leader, "read", Type::Ok, 1, 2);
        assert!(!leader.owes(&all, 2, 10), "one node answers for all");
    }
}
