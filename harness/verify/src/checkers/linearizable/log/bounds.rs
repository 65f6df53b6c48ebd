//! When the log reached each length, as far as answers tell. The log only grows, so one number is
//! enough to remember: the greatest length that any returned operation has seen.

use super::ops::OpId;

/// The greatest length seen so far grew to `length` when `op` returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub length: u64,
    pub op: OpId,
    pub rank: u32,
    pub time_ns: Option<u64>,
}

/// Every growth of the greatest length seen: lengths and ranks both increase.
#[derive(Default)]
pub(super) struct Bounds {
    steps: Vec<Packed>,
}

/// A step in 24 bytes: nearly every append is one.
#[derive(Clone, Copy)]
struct Packed {
    length: u64,
    /// `u64::MAX`: there is none.
    time_ns: u64,
    op: OpId,
    rank: u32,
}

impl Packed {
    fn step(self) -> Step {
        let time_ns = (self.time_ns != u64::MAX).then_some(self.time_ns);
        Step { length: self.length, op: self.op, rank: self.rank, time_ns }
    }
}

impl Bounds {
    /// The last step: what an operation invoked now must not fall behind.
    pub fn last(&self) -> Option<usize> {
        self.steps.len().checked_sub(1)
    }

    pub fn length(&self) -> u64 {
        self.steps.last().map_or(0, |step| step.length)
    }

    pub fn step(&self, at: usize) -> Step {
        self.steps[at].step()
    }

    /// An operation that returns now saw this length.
    pub fn claim(&mut self, step: Step) {
        if step.length > self.length() {
            let last = self.steps.last();
            assert!(last.is_none_or(|last| last.rank < step.rank), "ranks only grow");
            let Step { length, op, rank, time_ns } = step;
            let time_ns = time_ns.unwrap_or(u64::MAX);
            self.steps.push(Packed { length, time_ns, op, rank });
        }
    }

    /// The earliest return of any operation that saw at least this length: everything up to there
    /// was in the log before it. None: nobody saw so much.
    pub fn deadline(&self, length: u64) -> Option<Step> {
        let at = self.steps.partition_point(|step| step.length < length);
        self.steps.get(at).map(|packed| packed.step())
    }
}
