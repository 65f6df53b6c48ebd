//! A system given as a command line: any program that speaks a client protocol. The built-in
//! protocols are launched the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use schism_facts::{Acks, FrameRow, Progress, Reads, SystemRow, Traces};
use schism_verify::models::Model;

use super::clients::program::ProgramClient;
use super::clients::{self, Making};
use super::{Client, Dial, Launch, Layout, Network, NodeStatus, System, progress};
use crate::action::{NodeId, View};
use crate::workload::ClientSpec;

/// A command line with holes, and how long a node may take to answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandSystem {
    argv: Vec<String>,
    client: ClientSpec,
    ready: Duration,
    network: Network,
    row: SystemRow,
    acks: Acks,
    /// A leader that reaches no majority is kept by whoever hears it.
    keeps_its_leader: bool,
}

impl CommandSystem {
    /// `argv` may hold `{id}`, `{peer}`, `{client}`, `{peers}`, `{ip}`, `{ips}`, `{data}`,
    /// `{trace}`, `{delivered}` and `{seed}`, anywhere in an argument. Nothing is known of it: a
    /// majority must do, what it acknowledges stays, and all invariants hold of its traces.
    pub fn new(argv: Vec<String>, client: ClientSpec, ready: Duration) -> Self {
        assert!(!argv.is_empty(), "a command line names a program");
        let row = SystemRow::new("", "a system of one's own");
        let (network, acks) = (Network::default(), Acks::default());
        CommandSystem { argv, client, ready, network, row, acks, keeps_its_leader: false }
    }

    /// The same system, whose nodes reach each other so.
    #[must_use]
    pub fn over(self, network: Network) -> Self {
        CommandSystem { network, ..self }
    }

    /// The same system, of which is known what its row says, started with these options.
    #[must_use]
    pub fn known(self, row: &SystemRow, options: &BTreeMap<String, String>) -> Self {
        let (acks, keeps_its_leader) = (row.acks(options), row.keeps_its_leader(options));
        CommandSystem { row: *row, acks, keeps_its_leader, ..self }
    }
}

impl System for CommandSystem {
    fn launch(&self, node: NodeId, layout: &Layout) -> Launch {
        let peers: Vec<String> =
            layout.peers.iter().map(|(peer, address)| format!("{peer}={address}")).collect();
        let ips: Vec<String> = layout.ips.iter().map(|(node, ip)| format!("{node}={ip}")).collect();
        let holes = [
            ("{id}", node.to_string()),
            ("{peer}", layout.peer.to_string()),
            ("{client}", layout.client.to_string()),
            ("{peers}", peers.join(",")),
            ("{data}", layout.data.display().to_string()),
            ("{trace}", layout.trace.display().to_string()),
            ("{delivered}", layout.delivered.display().to_string()),
            ("{seed}", layout.seed.to_string()),
            ("{ip}", layout.ips[&node].to_string()),
            ("{ips}", ips.join(",")),
        ];
        let argv = self.argv.iter().map(|argument| fill(argument, &holes)).collect();
        Launch::of(argv)
    }

    fn client(&self, model: &'static Model, dial: Rc<dyn Dial>) -> Box<dyn Client> {
        match &self.client {
            ClientSpec::Named { name, options } => {
                let client = clients::named(name).expect("a workload's client is of the table");
                (client.make)(Making { model, dial, options: options.clone() })
            }
            ClientSpec::Program { command } => {
                Box::new(ProgramClient::new(model, dial, command.clone()))
            }
        }
    }

    /// A program may misread what nodes told it, and so may a client of another's protocol.
    fn own_protocol(&self) -> bool {
        self.client == ClientSpec::lines()
    }

    fn leader(&self, statuses: &BTreeMap<NodeId, NodeStatus>) -> Option<NodeId> {
        leader(statuses)
    }

    fn can_progress(&self, view: &View) -> bool {
        let is_kept = self.keeps_its_leader && progress::is_kept_from_electing(view);
        progress::can(self.row.progress, view) && !is_kept
    }

    fn serving(&self, view: &View) -> BTreeSet<NodeId> {
        if self.can_progress(view) {
            progress::serving(self.row.progress, view)
        } else {
            BTreeSet::new()
        }
    }

    fn reads(&self) -> Reads {
        self.row.reads
    }

    fn leaderless(&self) -> bool {
        self.row.leaderless
    }

    fn forgets(&self) -> bool {
        self.row.progress == Progress::MajorityInMemory
    }

    fn memory_lost(&self, view: &View) -> Option<String> {
        progress::memory_lost(self.row.progress, view)
    }

    fn waits_for_operator(&self) -> bool {
        self.row.progress.is_by_hand()
    }

    fn writes_evidence(&self) -> bool {
        self.argv.iter().any(|a| a.contains("{trace}") || a.contains("{delivered}"))
    }

    fn acks(&self) -> Acks {
        self.acks
    }

    fn traces(&self) -> Traces {
        self.row.traces
    }

    fn frames(&self) -> &'static [FrameRow] {
        self.row.frames
    }

    fn ready(&self) -> Duration {
        self.ready
    }

    fn network(&self) -> Network {
        self.network
    }
}

/// Each hole once, from left to right: what fills one is never itself filled.
fn fill(argument: &str, holes: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(argument.len());
    let mut rest = argument;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open..];
        if let Some((hole, text)) = holes.iter().find(|(hole, _)| rest.starts_with(hole)) {
            filled.push_str(text);
            rest = &rest[hole.len()..];
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled + rest
}

/// A node that leads by its own word counts before one that is only named; the highest epoch wins.
pub(super) fn leader(statuses: &BTreeMap<NodeId, NodeStatus>) -> Option<NodeId> {
    let own = statuses.iter().filter(|(_, s)| s.role == "leader").map(|(&node, s)| (s.epoch, node));
    // Whoever says of itself that it does not lead, in that epoch or later, does not.
    let denies = |leader: &NodeId, epoch| {
        statuses.get(leader).is_some_and(|own| own.role != "leader" && own.epoch >= epoch)
    };
    let named = statuses.values().filter_map(|s| s.leader.map(|leader| (s.epoch, leader)));
    let named = named.filter(|(epoch, leader)| !denies(leader, *epoch));
    let (own, named) = (own.max(), named.max());
    match (own, named) {
        (Some((epoch, node)), Some((newer, other))) => {
            Some(if newer > epoch { other } else { node })
        }
        (Some((_, node)), None) | (None, Some((_, node))) => Some(node),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_once() {
        let holes = [("{id}", "n1".to_string()), ("{data}", "/tmp/{id}".to_string())];
        let check = |argument: &str, expected: &str| assert_eq!(fill(argument, &holes), expected);
        check("--id={id}", "--id=n1");
        check("{data}/{id}", "/tmp/{id}/n1");
        check("{\"json\": {}}", "{\"json\": {}}");
        check("{unknown}{id}", "{unknown}n1");
    }

    #[test]
    fn the_highest_epoch_names_the_leader() {
        let status = |role: &str, epoch, leader: Option<u8>| NodeStatus {
            role: role.into(),
            epoch,
            leader: leader.map(NodeId),
            delivered: None,
        };
        let check = |statuses: &[NodeStatus], expected: Option<u8>| {
            let statuses = NodeId::all(9).zip(statuses.iter().cloned()).collect();
            assert_eq!(leader(&statuses), expected.map(NodeId));
        };
        check(&[], None);
        check(&[status("follower", 1, None)], None);
        check(&[status("leader", 1, Some(1)), status("follower", 1, Some(1))], Some(1));
        check(&[status("leader", 1, Some(1)), status("leader", 2, Some(2))], Some(2));
        check(&[status("leader", 1, Some(1)), status("follower", 2, Some(3))], Some(3));
        check(&[status("follower", 2, Some(2)), status("candidate", 1, None)], Some(2));
        check(&[status("follower", 1, Some(2)), status("candidate", 2, None)], None);
    }
}
