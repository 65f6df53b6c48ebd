//! Anomalies of the log, each in a sentence that names processes and nodes, with the events of the
//! two to four operations that prove it.

use super::bounds::Step;
use super::content::{Cell, Content, Uses};
use super::holes::Hole;
use super::ops::{OpId, Ops};
use crate::checkers::told::Told;
use crate::history::Value;
use crate::verdict::{Anomaly, Kind};

#[derive(Default)]
pub(super) struct Reporter {
    told: Told,
    /// Should someone ask for their values later, they are future reads.
    phantoms: Vec<Phantom>,
    /// How many were handed out by [`Reporter::fresh`].
    handed_out: usize,
}

/// A value shown before anyone had asked for it.
struct Phantom {
    /// Where it is told. None: enough of them are told already.
    told: Option<usize>,
    by: OpId,
    at: u64,
    value: Value,
    time_ns: Option<u64>,
}

impl Phantom {
    fn anomaly(&self, ops: &Ops) -> Anomaly {
        let explanation = format!(
            "{} was shown {} at offset {}, which nobody had asked to append",
            Who(ops).name(self.by),
            self.value,
            self.at
        );
        let (events, time_ns) = (events(ops, &[self.by]), self.time_ns);
        Anomaly { kind: Kind::Phantom, explanation, events, time_ns }
    }
}

impl Reporter {
    pub fn is_clean(&self) -> bool {
        self.told.anomalies().is_empty()
    }

    /// The first anomaly since this was last asked.
    pub fn fresh(&mut self) -> Option<Anomaly> {
        let fresh = self.told.anomalies().get(self.handed_out).cloned();
        self.handed_out = self.told.anomalies().len();
        fresh
    }

    pub fn into_anomalies(self) -> Vec<Anomaly> {
        self.told.into_anomalies()
    }

    /// Values that were shown before anyone asked for them: were they asked for since?
    pub fn settle_phantoms(&mut self, ops: &Ops, content: &Content) {
        const LATER: &str = "; it was only asked for afterwards";
        let phantoms = std::mem::take(&mut self.phantoms);
        let asked = |phantom: &Phantom| {
            content.uses_of(&phantom.value).is_some_and(|uses| uses.asked + uses.failed > 0)
        };
        for phantom in &phantoms {
            if let Some(at) = phantom.told.filter(|_| asked(phantom)) {
                self.told.refine(at, Kind::FutureRead, LATER);
            }
        }
        self.told.settle();
        for phantom in phantoms.iter().filter(|phantom| phantom.told.is_none()) {
            let mut anomaly = phantom.anomaly(ops);
            if asked(phantom) {
                anomaly.kind = Kind::FutureRead;
                anomaly.explanation.push_str(LATER);
            }
            self.told.add(anomaly);
        }
    }

    /// A hole that no append can fill.
    pub fn hole(&mut self, ops: &Ops, content: &Content, hole: &Hole, local: Option<OpId>) {
        let at = hole.at;
        let shown = content.get(at).map(|cell| cell.by).or(local);
        let who = Who(ops);
        let witness = hole.deadline.map(|step| step.op).or(shown);
        let mut involved: Vec<OpId> = witness.into_iter().chain(shown).collect();
        let saw = match (hole.deadline, shown) {
            (Some(step), _) => who.saw(step),
            (None, Some(by)) => format!("{} spoke of offset {at}", who.name(by)),
            (None, None) => format!("someone spoke of offset {at}"),
        };
        let (kind, sentence) = match (&hole.value, hole.late) {
            (Some(value), Some(late)) => {
                involved.push(late);
                let late = who.name(late);
                let sentence = format!(
                    "{saw}, where offset {at} is {value}; but {late} asked for \
                    {value} only afterwards"
                );
                (Kind::FutureRead, sentence)
            }
            (Some(value), None) => {
                involved.extend(hole.elsewhere);
                let uses = content.uses_of(value);
                let kind = if uses.is_none_or(|uses| uses.asked + uses.failed == 0) {
                    Kind::Phantom
                } else if hole.elsewhere.is_some() {
                    Kind::NonLinearizable
                } else if let Some(failure) = uses.and_then(|uses| uses.failure) {
                    involved.push(failure);
                    Kind::FailedYetVisible
                } else {
                    Kind::Duplicate
                };
                let sentence = format!(
                    "{saw}, where offset {at} is {value}; but no append of \
                    {value} is left that could stand there"
                );
                (kind, sentence)
            }
            (None, late) => {
                involved.extend(late);
                let by_append = witness.is_some_and(|op| ops.get(op).is_append);
                let kind = if by_append || content.end() > at {
                    Kind::Gap
                } else if late.is_some() {
                    Kind::FutureRead
                } else {
                    Kind::Phantom
                };
                let sentence = format!(
                    "{saw}, but nothing can stand at offset {at}: no \
                    acknowledged append does, and of the {} appends of unknown outcome too few \
                    were asked for in time",
                    hole.pending
                );
                (kind, sentence)
            }
        };
        let time_ns = hole.deadline.and_then(|step| step.time_ns);
        let events = events(ops, &involved);
        self.told.add(Anomaly { kind, explanation: sentence, events, time_ns });
    }
}

/// One return that is about to be found at fault.
pub(super) struct Case<'a> {
    pub ops: &'a Ops,
    pub report: &'a mut Reporter,
    pub subject: OpId,
    pub time_ns: Option<u64>,
}

impl Case<'_> {
    fn report(&mut self, kind: Kind, explanation: String, others: &[OpId]) {
        let mut involved = vec![self.subject];
        involved.extend(others);
        let events = events(self.ops, &involved);
        let time_ns = self.time_ns;
        self.report.told.add(Anomaly { kind, explanation, events, time_ns });
    }

    fn who(&self) -> Who<'_> {
        Who(self.ops)
    }

    /// An append-if stands elsewhere than it asked.
    pub fn misplaced(&mut self, at: u64, expect: u64) {
        let me = self.who().name(self.subject);
        let sentence = format!("{me} asked to append at offset {expect} only, and was given {at}");
        self.report(Kind::NonLinearizable, sentence, &[]);
    }

    /// An append-if was refused although its condition held.
    pub fn refused_for_nothing(&mut self, tail: u64) {
        let me = self.who().name(self.subject);
        let sentence = format!(
            "{me} asked to append if the length is {tail}, and was refused because it was {tail}"
        );
        self.report(Kind::NonLinearizable, sentence, &[]);
    }

    pub fn late_append(&mut self, at: u64, step: Step) {
        let (me, saw) = (self.who().name(self.subject), self.who().saw(step));
        let sentence =
            format!("{me} was given offset {at}, though {saw} before that append was asked for");
        self.report(Kind::RealTimeOrder, sentence, &[step.op]);
    }

    pub fn stale(&mut self, length: u64, step: Step) {
        let (me, saw) = (self.who().name(self.subject), self.who().saw(step));
        let sentence = format!("{me} was told of length {length}, though {saw} before it asked");
        self.report(Kind::StaleRead, sentence, &[step.op]);
    }

    pub fn too_long(&mut self, length: u64, asked: u64) {
        let me = self.who().name(self.subject);
        let is_append = self.ops.get(self.subject).is_append;
        let kind = if is_append { Kind::Gap } else { Kind::Phantom };
        let sentence = format!(
            "{me} saw length {length}, but only {asked} appends that did not \
            fail had been asked for by then"
        );
        self.report(kind, sentence, &[]);
    }

    pub fn too_many(&mut self, count: u64, (from, limit): (u64, Option<u64>), tail: Option<u64>) {
        let me = self.who().name(self.subject);
        let limit = limit.map(|limit| format!(", limit {limit}")).unwrap_or_default();
        let tail = tail.map(|tail| format!(" and length {tail}")).unwrap_or_default();
        let sentence = format!("{me} read from {from}{limit} and got {count} entries{tail}");
        self.report(Kind::NonLinearizable, sentence, &[]);
    }

    /// The subject's append was given a position where something else was known.
    pub fn offset_conflict(&mut self, at: u64, value: &Value, cell: &Cell) {
        let me = self.who().name(self.subject);
        let (other, verb) = match cell.append {
            Some(append) => (append, "was given the same offset for"),
            None => (cell.by, "had been shown"),
        };
        let sentence = format!(
            "{me} appended {value} and was given offset {at}, but {} {verb} {}",
            self.who().name(other),
            cell.value
        );
        self.report(Kind::OffsetConflict, sentence, &[other]);
    }

    /// The subject showed something else than was known.
    pub fn disagreement(&mut self, at: u64, value: &Value, cell: &Cell) {
        let me = self.who().name(self.subject);
        let Some(append) = cell.append else {
            let sentence = format!(
                "{me} was shown {value} at offset {at}, but {} was shown {}",
                self.who().name(cell.by),
                cell.value
            );
            self.report(Kind::NonPrefix, sentence, &[cell.by]);
            return;
        };
        let later = self.ops.get(self.subject).invoke_rank > self.ops.get(append).ret_rank;
        let kind = if later { Kind::LostAppend } else { Kind::OffsetConflict };
        let sentence = format!(
            "the append of {} by {} was acknowledged at offset {at}, but {me} \
            {}was shown {value} there",
            cell.value,
            self.who().name(append),
            if later { "later " } else { "" }
        );
        self.report(kind, sentence, &[append]);
    }

    /// The subject's answer shows `value` at more positions than it was asked for.
    pub fn unexplained(&mut self, at: u64, value: &Value, uses: &Uses) {
        let me = self.who().name(self.subject);
        if uses.asked + uses.failed == 0 {
            let (by, time_ns, value) = (self.subject, self.time_ns, value.clone());
            let mut phantom = Phantom { told: None, by, at, value, time_ns };
            phantom.told = self.report.told.add_open(phantom.anomaly(self.ops));
            self.report.phantoms.push(phantom);
        } else if let Some(failure) = uses.failure {
            self.failed_yet_visible(self.subject, at, value, failure);
        } else {
            let sentence = format!(
                "{me} was shown {value} at offset {at}, so it stands at {} \
                offsets; it was asked for {}",
                uses.shown,
                times(uses.asked)
            );
            let others: Vec<OpId> = uses.asker.into_iter().collect();
            self.report(Kind::Duplicate, sentence, &others);
        }
    }

    /// `by` showed at `at` a value whose append `failure` was refused for certain.
    pub fn failed_yet_visible(&mut self, by: OpId, at: u64, value: &Value, failure: OpId) {
        let sentence = format!(
            "{} was told that its append of {value} failed, yet {} was shown \
            it at offset {at}",
            self.who().name(failure),
            self.who().name(by)
        );
        self.report(Kind::FailedYetVisible, sentence, &[by, failure]);
    }
}

struct Who<'a>(&'a Ops);

impl Who<'_> {
    fn name(&self, op: OpId) -> String {
        let process = self.0.process(op);
        match self.0.node(op) {
            Some(node) => format!("process {process} on {node}"),
            None => format!("process {process}"),
        }
    }

    fn saw(&self, step: Step) -> String {
        let name = self.name(step.op);
        if self.0.get(step.op).is_append {
            format!("{name} had been given offset {}", step.length - 1)
        } else {
            format!("{name} had seen length {}", step.length)
        }
    }
}

fn times(count: u32) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

/// The events of these operations, in order.
fn events(ops: &Ops, involved: &[OpId]) -> Vec<u64> {
    let mut events: Vec<u64> = involved
        .iter()
        .map(|&op| ops.get(op))
        .flat_map(|op| [op.invoke, op.ret])
        .filter(|&event| event != u64::MAX)
        .collect();
    events.sort_unstable();
    events.dedup();
    events
}
