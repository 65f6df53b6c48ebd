//! One log: what every return means for it, checked as it comes (docs/internals/checkers.md).

use schism_facts::Acks;

use super::bounds::{Bounds, Step};
use super::certificate::{Case, Reporter};
use super::content::{Cell, Content};
use super::holes::{self, Pending};
use super::ops::{OpId, Ops};
use crate::history::{Event, Type, Value};
use crate::models::log::{self, Answered, Asked};

#[derive(Debug)]
pub(super) struct Open {
    pub op: OpId,
    pub asked: Asked,
    /// The last step of the bounds when it was invoked: it must not fall behind that.
    seen: Option<usize>,
    /// Nor behind what its process saw before it, though it asked at the time of that answer.
    own: Option<Step>,
    /// It is a session's, so there may be several tries of it.
    session: bool,
}

impl Open {
    /// Its process saw this before it.
    pub fn after(&mut self, saw: Step) {
        if self.own.is_none_or(|own| own.length < saw.length) {
            self.own = Some(saw);
        }
    }
}

#[derive(Default)]
pub(super) struct Core {
    pub ops: Ops,
    pub bounds: Bounds,
    pub content: Content,
    pub report: Reporter,
    /// Appends that may take effect at any time, or never.
    pending: Vec<Pending>,
    /// Appends invoked that have not failed.
    asked: u64,
    /// The greatest length a local answer spoke of.
    local_length: Option<(u64, OpId)>,
    /// Refused append-ifs whose length is not used: they did not say it, or it promises nothing.
    pub silent_conflicts: u64,
    /// The greatest length that the operation saw which returned last.
    saw: Option<Step>,
    acks: Acks,
}

impl Core {
    pub fn promising(acks: Acks) -> Self {
        Core { acks, ..Core::default() }
    }

    pub fn invoke(&mut self, event: &Event, rank: u32, asked: Asked) -> Open {
        let is_append = matches!(asked, Asked::Append { .. });
        let op = self.ops.open(event, rank, is_append);
        if let Asked::Append { value, .. } = &asked {
            self.asked += 1;
            let uses = self.content.uses(value);
            uses.asked += 1;
            uses.asker = Some(op);
        }
        let (seen, session) = (self.bounds.last(), event.session().is_some());
        Open { op, asked, seen, own: None, session }
    }

    /// An operation returned: the greatest length that it saw. An error says what the event lacks.
    pub fn ret(&mut self, open: Open, event: &Event, rank: u32) -> Result<Option<Step>, String> {
        self.saw = None;
        self.ops.close(open.op, event, rank);
        let local = log::is_local(&open.asked, event);
        match event.kind {
            Type::Ok => match (log::answered(&open.asked, event)?, &open.asked) {
                (Answered::Appended(offset), Asked::Append { value, expect }) => {
                    self.appended(&open, event, offset, value, *expect);
                }
                (Answered::Read(values, tail), &Asked::Read { from, limit, .. }) => {
                    self.read(&open, event, &values, tail, (from, limit), local);
                }
                (Answered::No, _) => self.failed(&open, event),
                (Answered::Tail(tail), _) => self.exactly(&open, event, tail, local),
                _ => unreachable!("an answer has the type of its question"),
            },
            Type::Fail => self.failed(&open, event),
            _ => self.lost(open),
        }
        Ok(self.saw)
    }

    /// It never returned, or nobody knows: an append may take effect at any later time.
    pub fn lost(&mut self, open: Open) {
        let least = self.least(&open);
        if let Asked::Append { value, expect } = open.asked {
            let told = false;
            self.pending.push(Pending { op: open.op, value, expect, told, least });
        }
    }

    /// What can only be said once every append that could explain the log has been seen.
    pub fn finish(&mut self) {
        self.report.settle_phantoms(&self.ops, &self.content);
        // With other anomalies the content is disputed, and what is missing follows from them.
        if self.report.is_clean() {
            let (local, by) = self.local_length.unzip();
            let length = self.bounds.length().max(self.content.end()).max(local.unwrap_or(0));
            holes::fill(length, &mut self.pending, self.asked, &mut self.content, &self.bounds)
                .unwrap_or_else(|hole| self.report.hole(&self.ops, &self.content, &hole, by));
        }
    }

    fn appended(
        &mut self,
        open: &Open,
        event: &Event,
        at: u64,
        value: &Value,
        expect: Option<u64>,
    ) {
        if self.acks == Acks::UntilFailover {
            return self.told(open, event, at, value, expect);
        }
        let conflict = self.content.get(at).filter(|c| c.append.is_some() || c.value != *value);
        if let Some(expect) = expect
            && at != expect
        {
            self.case(open.op, event).misplaced(at, expect);
        } else if let Some(cell) = conflict.cloned() {
            self.case(open.op, event).offset_conflict(at, value, &cell);
        } else {
            self.show(open.op, event, at, value, false);
            self.content.get_mut(at).expect("it was just shown").append = Some(open.op);
            if let Some(step) = self.behind(open, at) {
                self.case(open.op, event).late_append(at, step);
            }
        }
        self.claim(open.op, event, at.saturating_add(1));
    }

    /// An acknowledgement that may come to nothing: whenever the append takes effect, if ever, it
    /// does so at the position given. Of a session's, an earlier try may do so anywhere, once the
    /// one that was acknowledged is gone.
    fn told(&mut self, open: &Open, event: &Event, at: u64, value: &Value, expect: Option<u64>) {
        if let Some(expect) = expect.filter(|&expect| expect != at) {
            self.case(open.op, event).misplaced(at, expect);
        }
        let expect = (!open.session).then_some(at);
        let (op, value, told) = (open.op, value.clone(), true);
        self.pending.push(Pending { op, value, expect, told, least: self.least(open) });
    }

    fn read(
        &mut self,
        open: &Open,
        event: &Event,
        values: &[Value],
        tail: Option<u64>,
        (from, limit): (u64, Option<u64>),
        local: bool,
    ) {
        let count = values.len() as u64;
        let room = tail.map_or(u64::MAX, |tail| tail.saturating_sub(from));
        if count > limit.unwrap_or(u64::MAX).min(room) {
            self.case(open.op, event).too_many(count, (from, limit), tail);
            return;
        }
        for (at, value) in (from..).zip(values) {
            if !self.show(open.op, event, at, value, local) {
                return;
            }
        }
        let end = from.saturating_add(count);
        match tail {
            Some(tail) => self.exactly(open, event, tail, local),
            None if limit == Some(0) => {}
            None if limit.is_none_or(|limit| count < limit) => {
                if count > 0 || from == 0 {
                    self.exactly(open, event, end, local);
                } else if !local {
                    self.at_most(open, event, from);
                }
            }
            None if local => self.spoke_of(end, open.op),
            None => self.claim(open.op, event, end),
        }
    }

    /// `op` shows `value` at a position. False: it contradicts what was known.
    fn show(&mut self, op: OpId, event: &Event, at: u64, value: &Value, local: bool) -> bool {
        if let Some(cell) = self.content.get_mut(at) {
            if cell.value != *value {
                let cell = cell.clone();
                self.case(op, event).disagreement(at, value, &cell);
                return false;
            }
            if local || std::mem::replace(&mut cell.counted, true) {
                return true;
            }
        } else {
            let cell = Cell { value: value.clone(), by: op, append: None, counted: !local };
            self.content.set(at, cell);
            if local {
                return true;
            }
        }
        self.count(op, event, at, value);
        true
    }

    /// One more position shows this value for certain: as many appends must have asked for it.
    fn count(&mut self, op: OpId, event: &Event, at: u64, value: &Value) {
        let uses = self.content.uses(value);
        uses.shown += 1;
        uses.at = at;
        if uses.shown > uses.asked && !uses.accused {
            uses.accused = true;
            let uses = uses.clone();
            self.case(op, event).unexplained(at, value, &uses);
        }
    }

    fn failed(&mut self, open: &Open, event: &Event) {
        let Asked::Append { value, expect } = &open.asked else { return };
        self.asked -= 1;
        let uses = self.content.uses(value);
        uses.asked -= 1;
        uses.failed += 1;
        uses.failure = Some(open.op);
        if uses.shown > uses.asked && !uses.accused {
            uses.accused = true;
            let at = uses.at;
            let by = self.content.get(at).expect("a shown position is known").by;
            self.case(open.op, event).failed_yet_visible(by, at, value, open.op);
        }
        if log::is_conflict(&open.asked, event) {
            let Some(tail) = event.tail() else {
                self.silent_conflicts += 1;
                return;
            };
            if Some(tail) == *expect {
                self.case(open.op, event).refused_for_nothing(tail);
            }
            match self.acks {
                Acks::Stay => self.exactly(open, event, tail, false),
                Acks::UntilFailover => self.silent_conflicts += 1,
            }
        }
    }

    /// The log had exactly this length at some moment of the operation.
    fn exactly(&mut self, open: &Open, event: &Event, length: u64, local: bool) {
        if local {
            self.spoke_of(length, open.op);
            return;
        }
        self.at_most(open, event, length);
        self.claim(open.op, event, length);
    }

    fn spoke_of(&mut self, length: u64, op: OpId) {
        if self.local_length.is_none_or(|(longest, _)| length > longest) {
            self.local_length = Some((length, op));
        }
    }

    fn at_most(&mut self, open: &Open, event: &Event, length: u64) {
        if let Some(step) = self.behind(open, length) {
            self.case(open.op, event).stale(length, step);
        }
    }

    /// The steps that it must not fall behind.
    fn seen(&self, open: &Open) -> impl Iterator<Item = Step> {
        open.seen.map(|at| self.bounds.step(at)).into_iter().chain(open.own)
    }

    /// The step that shows that the log was longer than this before the operation was asked.
    fn behind(&self, open: &Open, length: u64) -> Option<Step> {
        self.seen(open).find(|step| step.length > length)
    }

    /// The length that the log had before the operation was asked, at least.
    fn least(&self, open: &Open) -> u64 {
        self.seen(open).map(|step| step.length).max().unwrap_or(0)
    }

    /// The log had at least this length before this return.
    fn claim(&mut self, op: OpId, event: &Event, length: u64) {
        let rank = self.ops.get(op).ret_rank;
        let step = Step { length, op, rank, time_ns: event.time() };
        self.saw = Some(step);
        if length > self.bounds.length() {
            self.bounds.claim(step);
            // After other anomalies a length too great says nothing new.
            if length > self.asked && self.report.is_clean() {
                let asked = self.asked;
                self.case(op, event).too_long(length, asked);
            }
        }
    }

    fn case(&mut self, op: OpId, event: &Event) -> Case<'_> {
        Case { ops: &self.ops, report: &mut self.report, subject: op, time_ns: event.time() }
    }
}
