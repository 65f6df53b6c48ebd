//! Recovery (paper, 4.3), where a crash takes the log: a replica learns from f + 1 others, the
//! primary of the latest view among them, which view that is, and takes the log from that primary.
//!
//! Until then it never answers anybody. The nonce tells its own questions from those of earlier
//! incarnations.

use std::collections::BTreeMap;

use rand_chacha::rand_core::Rng;

use super::message::{Body, Suffix};
use super::state::{HardState, Status};
use super::transfer::Why;
use super::view_change::SUFFIX_BYTES_MAX;
use super::{Out, Vsr};
use crate::machine::{Epoch, Index, NodeId};

/// What was asked, and what came back.
pub(super) struct Recovery {
    nonce: u64,
    /// The view of each who answered, and of a primary what it has committed, and its log.
    answers: BTreeMap<NodeId, (Epoch, Option<(Index, Suffix)>)>,
}

impl Vsr {
    /// Asks everyone, forgetting what came before. Answers that are slower than its patience count
    /// when they come: they were sent after this incarnation began, which is all that matters.
    pub(super) fn start_recovery(&mut self, out: &mut Out) {
        let before = self.parts.recovery.as_ref().map(|recovery| recovery.nonce);
        let nonce = before.unwrap_or_else(|| self.rng.next_u64());
        self.stop_fetching();
        self.parts.recovery = Some(Recovery { nonce, answers: BTreeMap::new() });
        self.parts.patience.tries();
        self.reset_timer();
        self.ask_for_recovery(out);
    }

    pub(super) fn ask_for_recovery(&mut self, out: &mut Out) {
        let Some(recovery) = &self.parts.recovery else { return };
        self.send_all(&Body::Recovery { nonce: recovery.nonce }, out);
        self.set_nudge();
    }

    pub(super) fn on_recovery(&mut self, from: NodeId, view: Epoch, nonce: u64, out: &mut Out) {
        if self.rules.takes_part(&self.state) && view > self.state.hard.view {
            // It has left every earlier view, and comes back into none of them.
            return self.move_to(view, out);
        }
        if self.state.own.status != Status::Normal {
            return;
        }
        let log = |_| (self.state.ordered.commit, self.ending(Index(0), SUFFIX_BYTES_MAX));
        let primary = self.parts.lead.as_ref().map(log);
        self.send(from, Body::RecoveryResponse { nonce, primary }, out);
        let view = self.state.hard.view;
        if from == self.state.primary(view) && self.parts.wants <= view {
            // Whoever recovers leads no longer.
            self.state.own.heard = None;
            self.suspect(out);
        }
    }

    pub(super) fn on_recovery_response(
        &mut self,
        from: NodeId,
        view: Epoch,
        nonce: u64,
        primary: Option<(Index, Suffix)>,
        out: &mut Out,
    ) {
        let Some(recovery) = &mut self.parts.recovery else { return };
        if self.parts.fetch.is_some() || !self.rules.response_counts(recovery.nonce, nonce) {
            return;
        }
        // An answer to an earlier question may come after one to a later.
        if recovery.answers.get(&from).is_none_or(|(known, _)| *known <= view) {
            recovery.answers.insert(from, (view, primary));
        }
        let answers = &recovery.answers;
        let latest = answers.values().map(|(view, _)| *view).max().expect("there is one");
        let enough = self.rules.view_change_quorum(self.state.members.len());
        if answers.len() < enough || !self.rules.recovers_into(&self.state, latest) {
            return;
        }
        let leader = self.state.primary(latest);
        let Some((_, Some((commit, log)))) = answers.get(&leader).filter(|a| a.0 == latest) else {
            return;
        };
        let (commit, log) = (*commit, log.clone());
        self.set_hard(HardState { view: latest, ..self.state.hard }, out);
        if log.prev.index == Index(0) {
            self.replace_log(log.prev.index, log.entries, out);
            self.enter(commit, out);
        } else {
            self.fetch_from(leader, Why::Recover(log.last), out);
        }
    }
}
