//! What one node's own trace must not contradict: I2, I6, I8, the node's part of I9, I10 and I12.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use foldhash::fast::FixedState;
use schism_facts::Traces;

use super::log::{At, Change, Disk, Log};
use super::rules::of_acceptors;
use crate::evidence::trace::What;
use crate::history::Name;
use crate::verdict::Kind;

#[derive(Debug, Default)]
pub(super) struct Node {
    pub name: Name,
    pub incarnation: u64,
    pub memory: Log,
    pub disk: Disk,
    /// The epoch and promise its disk holds. None: it never said.
    hard: Option<(u64, Option<Name>)>,
    /// Whom it promised, by epoch.
    promises: BTreeMap<u64, Name>,
    leads: Option<u64>,
    /// The greatest epoch of this incarnation.
    epoch: u64,
    commit: u64,
    /// The last index applied in this incarnation.
    applied: Option<u64>,
    /// Where applying may begin: after what a snapshot sums up.
    starts: BTreeSet<u64>,
    fresh: HashSet<(Name, u64), FixedState>,
    pub config: Option<Vec<Name>>,
}

/// What a node's trace says against itself.
pub(super) type Faults = Vec<(Kind, String)>;

/// Who said it: the node's place, its incarnation, the line.
pub(super) type Witness = (usize, u64, u32);

pub(super) fn name(nodes: &[Node], witness: Witness) -> String {
    format!("{} (incarnation {})", nodes[witness.0].name, witness.1)
}

impl Node {
    pub fn new(name: Name) -> Self {
        Node { name, ..Node::default() }
    }

    /// Takes one line into account and says what it contradicts.
    pub fn hear(&mut self, what: &What, rules: &Traces, faults: &mut Faults) {
        match what {
            What::Boot { epoch, promise, first, last, chain } => {
                if rules.epoch_outlives_crashes {
                    self.remembers(*epoch, promise.as_ref(), faults);
                }
                self.boot(*epoch, promise.as_ref(), *first, (*last, *chain), faults);
            }
            What::Promise { slot: Some(_), .. } => {}
            What::Promise { epoch, .. } if of_acceptors(rules) => self.vow(*epoch, faults),
            What::Promise { epoch, to, .. } => self.promise(*epoch, to, faults),
            What::Role { leads, epoch, .. } => {
                self.see(*epoch, "its role", faults);
                self.leads = leads.then_some(*epoch);
            }
            What::Append { i, epoch, chain } => {
                if *i > self.memory.last() + 1 {
                    let last = self.memory.last();
                    let told = format!("put entry {i} into its log behind entry {last}");
                    faults.push((Kind::LogMatching, told));
                }
                self.change(Change::Append { i: *i, epoch: *epoch, chain: *chain });
            }
            What::Truncate { from, epoch } => self.truncate(*from, *epoch, faults),
            What::Persist { upto, chain, epoch, promise } => {
                if !self.disk.persisted(*upto, *chain) {
                    let told = format!(
                        "said that its disk holds entry {upto} (chain {chain:016x}), which its \
                         log never held"
                    );
                    faults.push((Kind::AckedDurability, told));
                    self.disk = Disk { sure: Log::ending(*upto, *chain), ..Disk::default() };
                }
                if let Some((before, _)) = &self.hard
                    && before > epoch
                {
                    let told = format!("put epoch {epoch} on its disk after epoch {before}");
                    faults.push((Kind::NonMonotone, told));
                }
                self.hard = Some((*epoch, promise.clone()));
            }
            What::AckSent { i, chain, epoch, .. } => self.acknowledge(*i, *chain, *epoch, faults),
            What::Commit { i, epoch, as_leader, .. } => {
                self.see(*epoch, "a commit", faults);
                let older = self.memory.epoch(*i).filter(|of_entry| of_entry < epoch);
                if let Some(older) = older.filter(|_| *as_leader && rules.commits_own_epoch) {
                    let told = format!(
                        "committed up to entry {i} as the leader of epoch {epoch}, though that \
                         entry is of epoch {older}: a later leader may still replace it"
                    );
                    faults.push((Kind::CommitEpoch, told));
                }
                if *i < self.commit {
                    let told = format!("committed entry {i} after entry {}", self.commit);
                    faults.push((Kind::NonMonotone, told));
                }
                self.commit = self.commit.max(*i);
            }
            What::Apply { i, session, result, fresh, .. } => {
                self.apply(*i, session.as_ref(), result.is_some() && *fresh, faults);
            }
            What::Snap { i, .. } => drop(self.starts.insert(i + 1)),
            What::Restore { i, chain, .. } => {
                self.change(Change::Restore { i: *i, chain: *chain });
                self.applied = Some(*i);
                self.commit = self.commit.max(*i);
                self.starts.insert(i + 1);
            }
            What::Config { set } => self.configure(set, faults),
            What::Recovered { epoch } => self.see(*epoch, "its recovery", faults),
            What::Read { .. } | What::Proposed(_) | What::Accepted(_) | What::Chosen(_) => {}
        }
    }

    fn change(&mut self, change: Change) {
        self.memory.change(change);
        self.disk.pending.push_back(change);
    }

    fn boot(
        &mut self,
        epoch: u64,
        promise: Option<&Name>,
        first: u64,
        (last, chain): (u64, u64),
        faults: &mut Faults,
    ) {
        // What was on the disk before the first boot of the trace, nobody can say.
        if self.incarnation == 0 {
            self.disk.sure = Log::ending(last, chain);
        }
        if !self.disk.may_end(last, chain) {
            let there = self.disk.sure.last();
            let told = if last < there {
                format!("restarted with a log up to {last}, though its disk held it up to {there}")
            } else if self.disk.sure.at(last) == At::Absent {
                format!(
                    "restarted with a log up to {last} that it never had: removed entries came \
                     back, or others appeared (its disk held it up to {there})"
                )
            } else {
                format!("restarted with another entry {last} than its disk held")
            };
            faults.push((Kind::AckedDurability, told));
        }
        self.disk.reboot(last, chain);
        self.memory = self.disk.sure.clone();
        self.hard = Some((epoch, promise.cloned()));
        self.incarnation += 1;
        self.leads = None;
        self.epoch = epoch;
        self.commit = 0;
        self.applied = None;
        self.starts.insert(first.max(1));
        self.fresh.clear();
    }

    /// What a restarted node must still know of epochs.
    fn remembers(&self, epoch: u64, promise: Option<&Name>, faults: &mut Faults) {
        let Some((before, promised)) = &self.hard else { return };
        if epoch < *before {
            let told = format!("restarted in epoch {epoch}, though its disk held {before}");
            faults.push((Kind::NonMonotone, told));
        } else if epoch == *before && promised.is_some() && promised.as_ref() != promise {
            let told = format!("forgot at its restart whom it promised epoch {epoch}");
            faults.push((Kind::AckedDurability, told));
        }
    }

    /// An acceptor's promise of a ballot. The disk may know of a later one already.
    fn vow(&mut self, ballot: u64, faults: &mut Faults) {
        self.see(ballot, "a promise", faults);
        if self.hard.as_ref().is_none_or(|(there, _)| *there < ballot) {
            let told = format!("promised ballot {ballot} before that was on its disk");
            faults.push((Kind::AckedDurability, told));
        }
    }

    fn promise(&mut self, epoch: u64, to: &Name, faults: &mut Faults) {
        self.see(epoch, "a promise", faults);
        if self.hard.as_ref() != Some(&(epoch, Some(to.clone()))) {
            let told = format!("promised epoch {epoch} to {to} before that was on its disk");
            faults.push((Kind::AckedDurability, told));
        }
        let first = self.promises.entry(epoch).or_insert_with(|| to.clone());
        if first != to {
            let told = format!("promised epoch {epoch} to {first} and then to {to}");
            faults.push((Kind::AckedDurability, told));
        }
    }

    fn truncate(&mut self, from: u64, epoch: u64, faults: &mut Faults) {
        if let Some(leads) = self.leads {
            let told =
                format!("removed its own entries from {from} on while leading epoch {leads}");
            faults.push((Kind::LeaderAppendOnly, told));
        }
        if let Some(newest) = self.disk.sure.youngest(from).filter(|newest| *newest >= epoch) {
            let told = format!(
                "removed persisted entries of epoch {newest} from {from} on by authority of epoch \
                 {epoch}, which is not greater"
            );
            faults.push((Kind::AckedDurability, told));
        }
        self.change(Change::Truncate { from });
    }

    fn acknowledge(&mut self, i: u64, chain: u64, epoch: u64, faults: &mut Faults) {
        self.see(epoch, "an acknowledgement", faults);
        if !self.disk.sure.holds(i, chain) {
            let told = format!("acknowledged entry {i} before it was on its disk");
            faults.push((Kind::AckedDurability, told));
        }
        if self.hard.as_ref().is_none_or(|(there, _)| *there < epoch) {
            let told =
                format!("acknowledged entry {i} in epoch {epoch}, which was not on its disk");
            faults.push((Kind::AckedDurability, told));
        }
    }

    fn apply(&mut self, i: u64, session: Option<&(Name, u64)>, fresh: bool, faults: &mut Faults) {
        let follows = match self.applied {
            Some(applied) => i == applied + 1,
            None => self.starts.contains(&i),
        };
        if !follows {
            let told = match self.applied {
                Some(applied) => format!("applied entry {i} after entry {applied}"),
                None => format!("applied entry {i} first, which follows no snapshot of its own"),
            };
            faults.push((Kind::NonMonotone, told));
        }
        self.applied = Some(i);
        if let Some(session) = session.filter(|_| fresh)
            && !self.fresh.insert(session.clone())
        {
            let told = format!("executed number {} of session {} twice", session.1, session.0);
            faults.push((Kind::Session, told));
        }
    }

    fn configure(&mut self, set: &[Name], faults: &mut Faults) {
        if let Some(before) = &self.config {
            let joined = set.iter().filter(|node| !before.contains(node)).count();
            let left = before.iter().filter(|node| !set.contains(node)).count();
            if joined + left > 1 {
                let told = format!("changed {} members in one step", joined + left);
                faults.push((Kind::Configuration, told));
            }
        }
        self.config = Some(set.to_vec());
    }

    /// Its epoch never goes back within an incarnation.
    fn see(&mut self, epoch: u64, what: &str, faults: &mut Faults) {
        if epoch < self.epoch {
            let told = format!("traced {what} of epoch {epoch} after epoch {}", self.epoch);
            faults.push((Kind::NonMonotone, told));
        }
        self.epoch = self.epoch.max(epoch);
    }
}
