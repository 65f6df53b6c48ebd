//! What nodes must agree on: I1, I3, I4, I5, I7, the cluster's part of I9, I11, and the slots.
//! It never decides by time, but for I7 and I11, which are about time.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use schism_facts::{CommitQuorum, Traces};

use super::log::At;
use super::node::{Faults, Node, Witness, name};
use super::rules;
use super::slots::Slots;
use crate::checkers::told::Told;
use crate::evidence::trace::{Said, What};
use crate::history::Name;
use crate::verdict::Kind;

/// Where a request was executed, its result, and who said so first.
type Executed = (u64, Option<u64>, Witness);

pub(super) struct World<'a> {
    pub told: Told,
    rules: &'a Traces,
    slots: Slots,
    pub counts_quorums: bool,
    /// I1: who led each epoch.
    leaders: BTreeMap<u64, Witness>,
    /// I3: the chain of each (index, epoch).
    epochs: HashMap<(u64, u64), (u64, Witness), FixedState>,
    /// I5: the chain of each committed index.
    committed: HashMap<u64, (u64, Witness), FixedState>,
    /// I9: the index and result of each (client, seq).
    executed: HashMap<(Name, u64), Executed, FixedState>,
    /// I4: the greatest index committed in epochs up to this one, with its chain.
    by_epoch: Vec<(u64, u64, u64)>,
    /// I11: the greatest index committed by this time.
    by_time: Vec<(u64, u64)>,
}

impl<'a> World<'a> {
    /// Commits are looked up from both sides of their time, so they are gathered first.
    pub fn new(traces: &BTreeMap<&str, &[Said]>, rules: &'a Traces) -> Self {
        let mut by_epoch: Vec<(u64, u64, u64)> = Vec::new();
        let mut by_time = Vec::new();
        for said in traces.values().copied().flatten() {
            if let What::Commit { i, chain, epoch, .. } = said.what {
                by_epoch.push((epoch, i, chain));
                by_time.push((said.at, i));
            }
        }
        by_epoch.sort_unstable();
        for at in 1..by_epoch.len() {
            if by_epoch[at - 1].1 > by_epoch[at].1 {
                by_epoch[at] = (by_epoch[at].0, by_epoch[at - 1].1, by_epoch[at - 1].2);
            }
        }
        by_time.sort_unstable();
        for at in 1..by_time.len() {
            by_time[at].1 = by_time[at].1.max(by_time[at - 1].1);
        }
        World {
            told: Told::default(),
            rules,
            slots: Slots::new(traces),
            counts_quorums: true,
            leaders: BTreeMap::new(),
            epochs: HashMap::default(),
            committed: HashMap::default(),
            executed: HashMap::default(),
            by_epoch,
            by_time,
        }
    }

    /// The next line, of the node at this place.
    pub fn hear(&mut self, nodes: &mut [Node], at: usize, said: &Said) {
        let mut faults = Faults::new();
        nodes[at].hear(&said.what, self.rules, &mut faults);
        let me: Witness = (at, nodes[at].incarnation, said.line);
        match &said.what {
            What::Role { leads: true, epoch, .. } => {
                self.leads(nodes, me, *epoch, &mut faults);
            }
            What::Append { i, epoch, chain } => {
                let (first, by) = *self.epochs.entry((*i, *epoch)).or_insert((*chain, me));
                if first != *chain {
                    let told = format!(
                        "holds another history up to entry {i} of epoch {epoch} than {}",
                        name(nodes, by)
                    );
                    faults.push((Kind::LogMatching, told));
                }
            }
            What::Commit { i, chain, as_leader, .. } => {
                self.agree(nodes, me, (*i, *chain, "committed"), &mut faults);
                if *as_leader && self.counts_quorums {
                    self.quorum(nodes, at, *i, *chain, &mut faults);
                }
            }
            What::Apply { i, chain, session, result, fresh } => {
                self.agree(nodes, me, (*i, *chain, "applied"), &mut faults);
                if let Some(session) = session.as_ref().filter(|_| *fresh) {
                    self.executes(nodes, me, session, (*i, *result), &mut faults);
                }
            }
            What::Snap { i, chain } => {
                self.agree(nodes, me, (*i, *chain, "summed up"), &mut faults);
            }
            What::Restore { i, chain, .. } => {
                self.agree(nodes, me, (*i, *chain, "restored"), &mut faults);
            }
            What::Read { index, request_at } => {
                let before = self.by_time.partition_point(|(time, _)| time < request_at);
                let committed = before.checked_sub(1).map_or(0, |last| self.by_time[last].1);
                if *index < committed {
                    let told = format!(
                        "answered a read at entry {index} that was asked for after entry \
                         {committed} had been committed"
                    );
                    faults.push((Kind::ReadIndex, told));
                }
            }
            _ => {}
        }
        faults.retain(|(kind, _)| rules::applies(self.rules, *kind));
        let mut of_slots = Faults::new();
        self.slots.hear(nodes, me, &said.what, &mut of_slots);
        of_slots.retain(|(kind, _)| rules::applies_to_slots(self.rules, *kind));
        if !self.counts_quorums {
            of_slots.retain(|(kind, _)| *kind != Kind::CommitQuorum);
        }
        for (kind, fault) in faults.into_iter().chain(of_slots) {
            let node = &nodes[at].name;
            let whole =
                format!("{} {fault} (line {} of trace/{node}.jsonl)", name(nodes, me), me.2);
            self.told.say(kind, whole);
        }
    }

    fn leads(&mut self, nodes: &[Node], me: Witness, epoch: u64, faults: &mut Faults) {
        let first = *self.leaders.entry(epoch).or_insert(me);
        if (first.0, first.1) != (me.0, me.1) {
            let told = format!("leads epoch {epoch}, which {} leads too", name(nodes, first));
            faults.push((Kind::ElectionSafety, told));
        }
        if rules::of_acceptors(self.rules) {
            return; // it learns from its quorum what was chosen, slot by slot
        }
        let before = self.by_epoch.partition_point(|(committed_in, ..)| *committed_in < epoch);
        let Some(&(_, i, chain)) = before.checked_sub(1).map(|last| &self.by_epoch[last]) else {
            return;
        };
        let log = &nodes[me.0].memory;
        if !log.holds(i, chain) {
            let instead = match log.at(i) {
                At::Absent => format!("its log ends at {}", log.last()),
                _ => "it holds another entry there".to_owned(),
            };
            let told = format!(
                "leads epoch {epoch} without entry {i}, which was committed in an earlier epoch: \
                 {instead}"
            );
            faults.push((Kind::LeaderCompleteness, told));
        }
    }

    fn agree(
        &mut self,
        nodes: &[Node],
        me: Witness,
        (i, chain, verb): (u64, u64, &str),
        faults: &mut Faults,
    ) {
        let (first, by) = *self.committed.entry(i).or_insert((chain, me));
        if first != chain {
            let told = format!(
                "{verb} another entry {i} than {} (line {} of its trace)",
                name(nodes, by),
                by.2
            );
            faults.push((Kind::StateMachineSafety, told));
        }
    }

    /// I7: those who must hold what a leader commits hold it.
    fn quorum(&self, nodes: &[Node], at: usize, i: u64, chain: u64, faults: &mut Faults) {
        let of = |node: &Node| match self.rules.commit_quorum {
            CommitQuorum::MajorityInMemory => node.memory.holds(i, chain),
            _ => node.disk.keeps(i, chain),
        };
        let (config, quorum, place) = match (self.rules.commit_quorum, &nodes[at].config) {
            (CommitQuorum::Acceptors, _) => return,
            (CommitQuorum::Leader, _) => (std::slice::from_ref(&nodes[at].name), 1, "on disk"),
            (_, None) => return,
            (CommitQuorum::Majority, Some(all)) => (&all[..], all.len() / 2 + 1, "on disk"),
            (CommitQuorum::MajorityInMemory, Some(all)) => {
                (&all[..], all.len() / 2 + 1, "in memory")
            }
        };
        let keeps = |name: &&Name| nodes.iter().any(|node| node.name == **name && of(node));
        let keepers: Vec<String> = config.iter().filter(keeps).map(ToString::to_string).collect();
        if keepers.len() < quorum {
            let who = if keepers.is_empty() { "nobody".to_owned() } else { keepers.join(", ") };
            let told = format!(
                "committed entry {i} as leader, but only {who} had it {place}; a quorum of {} is \
                 {quorum}",
                config.len()
            );
            faults.push((Kind::CommitQuorum, told));
        }
    }

    fn executes(
        &mut self,
        nodes: &[Node],
        me: Witness,
        session: &(Name, u64),
        (i, result): (u64, Option<u64>),
        faults: &mut Faults,
    ) {
        let entry = self.executed.entry(session.clone()).or_insert((i, result, me));
        let (first, there, by) = *entry;
        // Refused twice is refused: nothing was executed.
        if (first, there) != (i, result) && (there.is_some() || result.is_some()) {
            let told = format!(
                "executed number {} of session {} at entry {i}, and {} did at entry {first}",
                session.1,
                session.0,
                name(nodes, by)
            );
            faults.push((Kind::Session, told));
        }
    }
}
