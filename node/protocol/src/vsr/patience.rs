//! How long a replica waits for its primary, for a view to begin, and for a majority in its own.
//!
//! The paper leaves it open. If every wait were T, no view would ever begin where a view change
//! takes longer than that. So it doubles with each view that came to nothing, as in Castro and
//! Liskov 1999 (4.5.2), and is T again as soon as one came to something. It never decides what
//! happens then.

use super::Vsr;
use crate::common::options::after;
use crate::machine::{Index, Time};

/// What was lived through of late.
#[derive(Default)]
pub(super) struct Patience {
    /// Views that were moved to, or recoveries begun, since the last view that came to something.
    tried: u32,
    /// When the present view became normal here, and what was committed then; None: it has not,
    /// or it has come to something.
    began: Option<(Time, Index)>,
}

/// The most that T grows by: with the default T a view change may then take 0.6 s and more, and
/// after the worst of times somebody suspects a dead primary well within 20 times 2T, when the
/// next view is owed. More would let an adversary hold a message for longer than the 10 T that its
/// holds are allowed (docs/internals/protocols.md, "Liveness" and "The adversary").
const GROWTH_MAX_BITS: u32 = 2;

impl Patience {
    /// A view is left for the next, or a recovery begins, perhaps again.
    pub(super) fn tries(&mut self) {
        self.tried = self.tried.saturating_add(1);
        self.began = None;
    }

    /// The view is normal here.
    pub(super) fn begins(&mut self, now: Time, commit: Index) {
        self.began = Some((now, commit));
    }

    /// What T is multiplied by. So many primaries in a row may be dead as the cluster survives:
    /// that says nothing about the time.
    fn growth(&self, members: usize) -> u64 {
        let survived = (members as u32).saturating_sub(1) / 2;
        1 << self.tried.saturating_sub(1 + survived).min(GROWTH_MAX_BITS)
    }
}

impl Vsr {
    /// T as it is now.
    pub(super) fn patience_ns(&self) -> u64 {
        let growth = self.parts.patience.growth(self.state.members.len());
        self.state.options.election_timeout_ns.saturating_mul(growth)
    }

    /// When what is said now is said again if nothing comes of it. Where everything takes longer it
    /// would only fill the links.
    pub(super) fn set_nudge(&mut self) {
        let growth = self.parts.patience.growth(self.state.members.len());
        let heartbeat_ns = self.state.options.heartbeat_ns;
        self.parts.nudge_at = after(self.now, heartbeat_ns.saturating_mul(growth));
    }

    pub(super) fn reset_timer(&mut self) {
        self.parts.timer_at = self.draw_deadline(self.patience_ns());
    }

    /// The present view goes on: it has come to something once an entry was committed in it, or,
    /// where nobody asks for anything, when it has outlasted every timeout.
    pub(super) fn view_goes_on(&mut self) {
        let Some((at, commit)) = self.parts.patience.began else { return };
        let lasted = after(at, 2 * self.patience_ns()) <= self.now;
        if lasted || self.state.ordered.commit > commit {
            self.parts.patience = Patience::default();
        }
    }

    /// Whether a primary is heard: this replica itself, or one heard within T.
    pub(super) fn hears_primary(&self) -> bool {
        let recent = |at| after(at, self.patience_ns()) > self.now;
        self.parts.lead.is_some() || self.state.own.heard.is_some_and(recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_when_more_views_come_to_nothing_than_primaries_may_be_dead() {
        let growths = |members| {
            let mut patience = Patience::default();
            let mut next = || {
                patience.tries();
                patience.growth(members)
            };
            [(); 7].map(|()| next())
        };
        assert_eq!(growths(1), [1, 2, 4, 4, 4, 4, 4]);
        assert_eq!(growths(3), [1, 1, 2, 4, 4, 4, 4]);
        assert_eq!(growths(5), [1, 1, 1, 2, 4, 4, 4]);
    }
}
