//! How a node is started, and what is done in it besides: data, without a hole, so that nothing can
//! leak.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::action::NodeId;

/// Everything that a node is started with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Launch {
    /// What runs on it, in the order of starting.
    pub processes: Vec<Program>,
    /// Where they stand. None: where this program does.
    pub folder: Option<PathBuf>,
    /// Whom they run as, where root starts them. None: whoever starts them.
    pub user: Option<String>,
    /// It is prepared and started only once the node before is ready.
    pub waits: bool,
    /// How it is seen that it is ready.
    pub ready: Ready,
    /// Tried once all nodes are ready, until each has succeeded once.
    pub once: Vec<Step>,
    /// Prints who leads: a node's name or an address.
    pub leader: Option<Step>,
    /// How an operator makes it lead.
    pub promotion: Option<Promotion>,
}

/// One of the processes of a node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Program {
    /// What people call it; empty for the only one.
    pub name: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The same for every start but the first, where it differs.
    pub again: Option<Vec<String>>,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
    /// Written before the first start.
    pub files: BTreeMap<PathBuf, NodeFile>,
    /// Done once, before the first start.
    pub setup: Vec<Step>,
    /// Done before every start.
    pub before_start: Vec<Step>,
    /// Done instead before a restart while this other node leads.
    pub rejoin: BTreeMap<NodeId, Vec<Step>>,
}

/// A file that a node finds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeFile {
    /// What stands in it.
    pub bytes: Vec<u8>,
    /// Its permissions, where they matter.
    pub mode: Option<u32>,
}

/// A command that ends by itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Step {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Added to the environment.
    pub env: BTreeMap<String, String>,
    /// How long it may take.
    pub within: Duration,
}

/// How it is seen that a node is ready.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Ready {
    /// A client asks.
    #[default]
    Status,
    /// It can be connected to at this port.
    Tcp(u16),
    /// It answers this URL with a 2xx.
    Http(String),
    /// It has written this since it was started.
    Log(String),
    /// This succeeds in it.
    Command(Step),
}

/// How an operator makes a node lead.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Promotion {
    /// Whoever leads is killed before, and started again after.
    pub fence: bool,
    /// In the new leader.
    pub command: Step,
    /// In this node, when that other one is promoted.
    pub others: BTreeMap<NodeId, Vec<Step>>,
}

impl Launch {
    /// A node of one process, started as it is.
    pub fn of(argv: Vec<String>) -> Self {
        Launch { processes: vec![Program { argv, ..Program::default() }], ..Launch::default() }
    }

    /// Whether something has to be done before it can be started for the first time.
    pub fn is_prepared(&self) -> bool {
        self.waits
            || self
                .processes
                .iter()
                .any(|one| !one.setup.is_empty() || !one.before_start.is_empty())
    }

    /// What comes before a restart while `leader` leads.
    pub fn before_again(&self, node: NodeId, leader: Option<NodeId>) -> Vec<Step> {
        let other = leader.filter(|leader| *leader != node);
        let of = |one: &Program| match other.and_then(|leader| one.rejoin.get(&leader)) {
            Some(rejoin) if !rejoin.is_empty() => rejoin.clone(),
            _ => one.before_start.clone(),
        };
        self.processes.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_rejoins_only_whom_another_leads() {
        let step = |word: &str| Step { argv: vec![word.to_owned()], ..Step::default() };
        let program = Program {
            before_start: vec![step("before")],
            rejoin: BTreeMap::from([(NodeId(2), vec![step("rejoin")])]),
            ..Program::default()
        };
        let launch = Launch { processes: vec![program], ..Launch::default() };
        let check = |leader: Option<u8>, expected: &str| {
            let steps = launch.before_again(NodeId(1), leader.map(NodeId));
            assert_eq!(steps, [step(expected)], "{leader:?}");
        };
        check(None, "before");
        check(Some(1), "before");
        check(Some(2), "rejoin");
        check(Some(3), "before");
        assert!(launch.is_prepared() && !Launch::of(vec!["x".into()]).is_prepared());
    }
}
