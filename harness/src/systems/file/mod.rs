//! A system as a system file describes it. Nothing of it is code: the file says what is started and
//! asked, and this fills its holes once addresses are known.

mod fill;
mod programs;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use schism_facts::{Acks, Reads};
use schism_verify::models::Model;

use super::clients::program::ProgramClient;
use super::clients::{self, Making};
use super::command::leader;
use super::launch::{NodeFile, Program, Promotion, Ready, Step};
use super::{Client, Dial, Launch, Layout, NodeStatus, System, progress};
use crate::action::{NodeId, View};
use crate::workload::{self, ClientSpec, Hole, Leader, Network, Order, Process, SystemFile, Text};
use fill::Filler;

/// Starting a command-line tool takes longer than this only on a machine that swaps.
const LEADER_MIN: Duration = Duration::from_secs(2);

/// A system file, and what of it was found here.
#[derive(Debug)]
pub struct FileSystem {
    file: SystemFile,
    /// Its programs by name.
    programs: OnceCell<BTreeMap<String, PathBuf>>,
}

impl FileSystem {
    /// Nothing is looked for yet.
    pub fn new(file: SystemFile) -> Self {
        FileSystem { file, programs: OnceCell::new() }
    }

    fn programs(&self) -> &BTreeMap<String, PathBuf> {
        // Whoever starts nodes has looked before; who judges a run needs no program.
        self.programs.get_or_init(|| programs::find(&self.file).unwrap_or_default())
    }

    fn process(process: &Process, filler: Filler<'_>) -> Program {
        let env = filler.env(process);
        let steps = |filler: Filler<'_>, steps: &[workload::Step]| -> Vec<Step> {
            let one = |step: &workload::Step| Step {
                argv: filler.argv(&step.command),
                env: env.clone(),
                within: step.within,
            };
            steps.iter().map(one).collect()
        };
        let rejoin = |leader: NodeId| {
            (leader, steps(Filler { leader: Some(leader), ..filler }, &process.rejoin))
        };
        let file = |file: &workload::FileText| {
            let path = filler.layout.data.join(filler.text(&file.path));
            let bytes = filler.text(&file.text).into_bytes();
            (path, NodeFile { bytes, mode: file.mode })
        };
        Program {
            name: process.name.clone(),
            argv: filler.argv(&process.command),
            again: process.again.as_ref().map(|again| filler.argv(again)),
            files: process.files.iter().map(file).collect(),
            setup: steps(filler, &process.setup),
            before_start: steps(filler, &process.before_start),
            rejoin: filler.layout.ips.keys().copied().map(rejoin).collect(),
            env: env.clone(),
        }
    }

    /// A command that is no process's own.
    fn step(&self, command: &[Text], within: Duration, filler: Filler<'_>) -> Step {
        let env = self.file.on(filler.node).first().map(|process| filler.env(process));
        Step { argv: filler.argv(command), env: env.unwrap_or_default(), within }
    }

    fn is_ready(&self, filler: Filler<'_>) -> Ready {
        match &self.file.ready {
            workload::Ready::Status => Ready::Status,
            workload::Ready::Tcp(port) => Ready::Tcp(*port),
            workload::Ready::Http(url) => Ready::Http(filler.text(url)),
            workload::Ready::Log(text) => Ready::Log(filler.text(text)),
            workload::Ready::Command(command) => {
                Ready::Command(self.step(command, self.file.within, filler))
            }
        }
    }

    fn promotion(&self, filler: Filler<'_>) -> Option<Promotion> {
        let promote = self.file.promote.as_ref()?;
        let step = |command: &[Text], leader: NodeId| {
            let filler = Filler { leader: Some(leader), ..filler };
            self.step(command, promote.within, filler)
        };
        let others = |leader: &NodeId| {
            let steps = promote.others.iter().map(|command| step(command, *leader));
            (*leader, steps.collect())
        };
        Some(Promotion {
            fence: promote.fence,
            command: step(&promote.command, filler.node),
            others: filler.layout.ips.keys().map(others).collect(),
        })
    }
}

impl System for FileSystem {
    fn launch(&self, node: NodeId, layout: &Layout) -> Launch {
        let programs = self.programs();
        let filler = Filler { file: &self.file, programs, node, layout, leader: None };
        let once = self.file.once.iter().filter(|once| once.on == node);
        let leader = match &self.file.leader {
            Leader::Command { command, every } => {
                Some(self.step(command, (*every).max(LEADER_MIN), filler))
            }
            Leader::Client | Leader::None => None,
        };
        Launch {
            processes: self.file.on(node).iter().map(|one| Self::process(one, filler)).collect(),
            folder: Some(layout.data.clone()),
            user: self.file.user.clone(),
            waits: self.file.start == Order::InOrder && node != NodeId(1),
            ready: self.is_ready(filler),
            once: once.map(|one| self.step(&one.step.command, one.step.within, filler)).collect(),
            leader,
            promotion: self.promotion(filler),
        }
    }

    fn client(&self, model: &'static Model, dial: Rc<dyn Dial>) -> Box<dyn Client> {
        let chosen = |value: &String| {
            let mut value = value.clone();
            for (name, chosen) in &self.file.options {
                value = value.replace(&format!("{{option:{name}}}"), chosen);
            }
            value
        };
        match &self.file.client {
            ClientSpec::Named { name, options } => {
                let chosen = |(name, value): (&String, &String)| (name.clone(), chosen(value));
                let options = options.iter().map(chosen).collect();
                let client = clients::named(name).expect("a workload's client is of the table");
                (client.make)(Making { model, dial, options })
            }
            ClientSpec::Program { command } => {
                let command = command.iter().map(chosen).collect();
                Box::new(ProgramClient::new(model, dial, command))
            }
        }
    }

    fn leader(&self, statuses: &BTreeMap<NodeId, NodeStatus>) -> Option<NodeId> {
        match self.file.leader {
            Leader::None => None,
            Leader::Client => leader(statuses),
            Leader::Command { .. } => most_named(statuses),
        }
    }

    fn leader_every(&self) -> Option<Duration> {
        match self.file.leader {
            Leader::Command { every, .. } => Some(every),
            Leader::Client | Leader::None => None,
        }
    }

    fn can_progress(&self, view: &View) -> bool {
        progress::can(self.file.owes(), view)
    }

    fn serving(&self, view: &View) -> BTreeSet<NodeId> {
        progress::serving(self.file.owes(), view)
    }

    fn reads(&self) -> Reads {
        self.file.serves_reads
    }

    fn reads_go_to_leader(&self) -> bool {
        self.file.serves_reads == Reads::Leader
    }

    fn leaderless(&self) -> bool {
        self.file.leader == Leader::None
    }

    fn waits_for_operator(&self) -> bool {
        self.file.promote.is_some()
    }

    fn own_protocol(&self) -> bool {
        self.file.client == ClientSpec::lines()
    }

    fn writes_evidence(&self) -> bool {
        let written = |hole: &Hole| matches!(hole, Hole::Trace | Hole::Delivered);
        self.file.texts().iter().any(|text| text.has(&written))
    }

    fn acks(&self) -> Acks {
        self.file.acks()
    }

    fn ready(&self) -> Duration {
        self.file.within
    }

    fn find(&self) -> Result<(), String> {
        let found = programs::find(&self.file)?;
        programs::check_globs(&self.file)?;
        // Whoever asked before found the same.
        let _ = self.programs.set(found);
        Ok(())
    }

    fn version(&self) -> Option<Vec<String>> {
        let command = &self.file.version;
        (!command.is_empty()).then(|| fill::without_node(command, self.programs()))
    }

    fn network(&self) -> Network {
        self.file.network
    }

    fn ports(&self) -> Vec<u16> {
        self.file.ports.iter().map(|(_, port)| *port).collect()
    }

    fn peer_port(&self) -> Option<u16> {
        self.file.port("peer")
    }

    fn client_port(&self) -> Option<u16> {
        self.file.client_port()
    }

    fn data(&self) -> Option<PathBuf> {
        self.file.data.clone()
    }
}

/// Whom most nodes name; nobody, if two are named as often.
fn most_named(statuses: &BTreeMap<NodeId, NodeStatus>) -> Option<NodeId> {
    let mut named: BTreeMap<NodeId, usize> = BTreeMap::new();
    for leader in statuses.values().filter_map(|status| status.leader) {
        *named.entry(leader).or_default() += 1;
    }
    let most = named.values().max().copied()?;
    let mut first = named.into_iter().filter(|(_, count)| *count == most);
    let (leader, _) = first.next()?;
    first.next().is_none().then_some(leader)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_most_name_leads() {
        let check = |named: &[Option<u8>], expected: Option<u8>| {
            let status = |leader: &Option<u8>| NodeStatus {
                leader: leader.map(NodeId),
                ..NodeStatus::default()
            };
            let statuses = NodeId::all(9).zip(named.iter().map(status)).collect();
            assert_eq!(most_named(&statuses), expected.map(NodeId), "{named:?}");
        };
        check(&[], None);
        check(&[Some(2), Some(2), Some(1)], Some(2));
        check(&[Some(2), Some(1)], None);
        check(&[None, None, Some(3)], Some(3));
    }
}
