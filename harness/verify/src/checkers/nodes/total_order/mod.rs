//! Total order broadcast, from what nodes delivered: validity, integrity, uniform agreement, total
//! order, FIFO within a session (docs/internals/checkers.md).

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;
use schism_facts::{Acks, NodeId};

use crate::checkers::told::Told;
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::delivered::{self, Entry, Step};
use crate::evidence::{Evidence, Settings, finals};
use crate::history::nemesis::Said;
use crate::history::{History, Process, Type, Value};
use crate::models::Ending;
use crate::models::log::acked;
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "total-order",
    about: "every node delivers the same entries in the same order, once each",
    sees: Sees::Nodes,
    applies: |evidence, settings| {
        let expected = !evidence.delivered.is_empty() || settings.writes_evidence;
        expected && settings.ends(&evidence.history, Ending::ReadEveryNode)
    },
    run,
};

/// What all nodes together delivered, and how far each came.
#[derive(Default)]
struct Order<'a> {
    /// By offset, with who delivered it first.
    one: HashMap<u64, (Entry<'a>, &'a str), FixedState>,
    /// (node, line, length, chain) of every restore.
    restores: Vec<(&'a str, u32, u64, u64)>,
    reach: BTreeMap<&'a str, Reach>,
    deliveries: u64,
    told: Told,
}

#[derive(Clone, Copy, Default, Debug)]
struct Reach {
    /// The greatest length of incarnations that ended before the last one.
    before: u64,
    /// The length at the end of the file.
    last: u64,
}

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let mut order = Order::default();
    let mut doubts = Vec::new();
    for (node, bytes) in &evidence.delivered {
        match delivered::parse(node, bytes) {
            Ok(delivered) => order.take(node, delivered.steps),
            Err(error) => doubts.push(error),
        }
    }
    for node in &settings.nodes {
        if !evidence.delivered.contains_key(node) {
            doubts.push(format!("delivered/{node}.jsonl is missing"));
        }
    }
    let whole = order.chains(&mut doubts);
    order.sessions(whole);
    doubts.extend(evidence.cut_off(settings).map(String::from));
    if doubts.is_empty() {
        order.integrity(&evidence.history);
        order.end(&evidence.history, settings, &mut doubts);
    }
    CheckResult::weigh(order.deliveries, order.told.into_anomalies(), doubts)
}

impl<'a> Order<'a> {
    /// Everything one node delivered must be what others delivered, gapless and once.
    fn take(&mut self, node: &'a str, steps: Vec<Step<'a>>) {
        let mut reach = Reach::default();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Boot(_) => {
                    reach.before = reach.before.max(next);
                    next = 0;
                }
                Step::Restore { line, length, chain } => {
                    self.restores.push((node, line, length, chain));
                    next = length;
                }
                Step::Deliver { line, entry } => {
                    self.deliveries += 1;
                    let offset = entry.offset;
                    if offset != next {
                        let (kind, what) = if offset < next {
                            (Kind::Integrity, "a second time")
                        } else {
                            (Kind::Gap, "out of turn")
                        };
                        let told = format!(
                            "{node} delivered offset {offset} {what}: its next was {next} (line \
                             {line} of delivered/{node}.jsonl)"
                        );
                        self.told.say(kind, told);
                    }
                    next = offset + 1;
                    self.agree(node, entry);
                }
            }
        }
        reach.last = next;
        self.reach.insert(node, reach);
    }

    fn agree(&mut self, node: &'a str, entry: Entry<'a>) {
        let Some((known, first)) = self.one.get(&entry.offset) else {
            self.one.insert(entry.offset, (entry, node));
            return;
        };
        if known.spelled != entry.spelled
            || known.session != entry.session
            || known.epoch != entry.epoch
        {
            let told = format!(
                "at offset {} {node} delivered {}, and {first} delivered {}",
                entry.offset,
                spell(&entry),
                spell(known)
            );
            self.told.say(Kind::Divergence, told);
        }
    }

    /// Every restore must stand for the entries that were delivered. Returns how many entries
    /// there are without a gap.
    fn chains(&mut self, doubts: &mut Vec<String>) -> u64 {
        let mut restores = std::mem::take(&mut self.restores);
        restores.sort_by_key(|restore| restore.2);
        let (mut length, mut chain) = (0, 0);
        for (node, line, upto, expected) in restores {
            while length < upto
                && let Some((entry, _)) = self.one.get(&length)
            {
                chain = link(chain, entry.spelled.as_bytes());
                length += 1;
            }
            if length < upto {
                doubts.push(format!(
                    "{node} went on from a snapshot of {upto} entries (line {line} of \
                     delivered/{node}.jsonl), but offset {length} was delivered by nobody"
                ));
                break;
            }
            if chain != expected {
                let told = format!(
                    "{node} went on from a snapshot of {upto} entries that are not those that \
                     were delivered (chain {expected:016x}, not {chain:016x}; line {line} of \
                     delivered/{node}.jsonl)"
                );
                self.told.say(Kind::Divergence, told);
            }
        }
        while self.one.contains_key(&length) {
            length += 1;
        }
        length
    }

    /// Within a session numbers grow, and none comes twice.
    fn sessions(&mut self, whole: u64) {
        let mut last: HashMap<&str, (u64, u64), FixedState> = HashMap::default();
        for offset in 0..whole {
            let Some((client, seq)) = &self.one[&offset].0.session else { continue };
            if let Some((before, at)) = last.insert(client, (*seq, offset))
                && before >= *seq
            {
                let (kind, what) = if before == *seq {
                    (Kind::Integrity, "came twice")
                } else {
                    (Kind::FifoOrder, "came after a later one")
                };
                let told = format!(
                    "number {seq} of session {client} {what}: offset {at} is number {before}, \
                     offset {offset} is number {seq}"
                );
                self.told.say(kind, told);
            }
        }
    }

    /// As many appends must have asked for a value as it was delivered.
    fn integrity(&mut self, history: &History) {
        let mut asked: HashMap<&Value, i64, FixedState> = HashMap::default();
        for op in history.operations() {
            let invoke = history.invoke(op);
            if invoke.f.starts_with("append")
                && history.outcome(op) != Type::Fail
                && let Some(value) = &invoke.value
            {
                *asked.entry(value).or_default() += 1;
            }
        }
        if !history.operations().iter().any(|op| history.invoke(op).process() != Process::Nemesis) {
            return; // nobody recorded what was asked for
        }
        let mut offsets: Vec<&u64> = self.one.keys().collect();
        offsets.sort_unstable();
        for offset in offsets {
            let (entry, node) = &self.one[offset];
            let left = asked.entry(&entry.value).or_default();
            *left -= 1;
            if *left < 0 {
                let told = format!(
                    "{node} delivered {} at offset {offset}, once more than appends that did not \
                     fail had asked for it",
                    entry.value
                );
                self.told.say(Kind::Integrity, told);
            }
        }
    }

    /// At the end every node that lives holds what any node ever delivered, and what was
    /// acknowledged.
    fn end(&mut self, history: &History, settings: &Settings, doubts: &mut Vec<String>) {
        let said = Said::of(history.events());
        let Some((_, settled)) = said.settled.filter(|(_, settled)| settled.converged) else {
            let reason = "the nodes never settled, so what they lack at the end says nothing";
            doubts.push(reason.into());
            return;
        };
        // Where a failover may lose an append, `failover-loss` judges what no node ended with.
        let may_be_lost = settings.acks == Acks::UntilFailover;
        let ends = may_be_lost.then(|| finals::logs(history, &settings.nodes));
        for append in acked(history) {
            let holds = |log: &finals::FinalLog| log.holds(append.offset, append.value);
            if ends.as_ref().is_some_and(|ends| !ends.values().any(holds)) {
                continue;
            }
            let delivered = self.one.get(&append.offset);
            if delivered.is_some_and(|(entry, _)| entry.value == *append.value) {
                continue;
            }
            let instead = match delivered {
                Some((entry, node)) => format!("{node} delivered {} there", entry.value),
                None => "no node ever delivered anything there".into(),
            };
            self.told.add(Anomaly {
                kind: Kind::Validity,
                explanation: format!(
                    "the append of {} by {} was acknowledged at offset {}, but {instead}",
                    append.value,
                    append.invoke.process(),
                    append.offset
                ),
                events: vec![append.invoke.index, append.ret.index],
                time_ns: append.ret.time(),
            });
        }
        // What was delivered after the settling may still be on its way to others.
        let reached = |(node, reach): (&&str, &Reach)| {
            let told = node.parse().ok().and_then(|node: NodeId| settled.delivered.get(&node));
            let last = told.map_or(reach.last, |&told| told.min(reach.last));
            reach.before.max(last)
        };
        let demanded = self.reach.iter().map(reached).max().unwrap_or(0);
        for node in &settings.nodes {
            let is_it = |other: NodeId| other.to_string() == *node;
            let complete = said.final_reads.iter().any(|read| is_it(read.node) && read.complete);
            let died = said.deaths.iter().any(|(_, death)| is_it(death.node));
            let reach = self.reach.get(node.as_str()).copied().unwrap_or_default();
            if (died && !complete) || reach.last >= demanded {
                continue;
            }
            let (kind, before) = if reach.before > reach.last {
                (Kind::LostAfterCrash, format!(", and {node} itself had {} once", reach.before))
            } else {
                (Kind::Divergence, String::new())
            };
            let told = format!(
                "{node} ended at length {}, but {demanded} entries had been delivered{before}",
                reach.last
            );
            self.told.say(kind, told);
        }
    }
}

fn spell(entry: &Entry<'_>) -> String {
    let session = entry.session.as_ref().map(|(c, seq)| format!(" of {c}/{seq}"));
    let epoch = entry.epoch.map(|epoch| format!(" from epoch {epoch}"));
    format!("{}{}{}", entry.spelled, session.unwrap_or_default(), epoch.unwrap_or_default())
}

/// One more link of the chain over delivered values: FNV-1a-64 over the chain before (8 bytes,
/// little endian) and the entry's bytes (docs/reference/run-directory.md). Written anew here, so
/// that the node's own code is not its judge.
fn link(before: u64, bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in before.to_le_bytes().iter().chain(bytes) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}
