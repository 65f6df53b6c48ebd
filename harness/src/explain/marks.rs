//! Which of the nine steps something is, by what nodes say in their traces and by what the frames
//! of their system can do. Where nobody leads, whoever proposes stands in the leader's place.

use std::collections::BTreeSet;

use schism_protocol::{FramePart, Role, TraceEvent};

use super::steps::{self, Step};

/// What was said so far that decides later steps.
pub(super) struct Marks {
    leaderless: bool,
    /// Who proposed a value in which epoch.
    proposed: BTreeSet<(u8, u64)>,
}

impl Marks {
    pub(super) fn new(leaderless: bool) -> Self {
        Marks { leaderless, proposed: BTreeSet::new() }
    }

    /// A client asks a node, which leads or does not.
    pub(super) fn of_request(&self, leads: bool) -> Option<Step> {
        (leads || self.leaderless).then_some(steps::BROADCASTING)
    }

    /// A node, which leads or does not, says this.
    pub(super) fn of_trace(&mut self, at: u8, event: &TraceEvent, leads: bool) -> Option<Step> {
        match event {
            TraceEvent::Role { role: Role::Leader, .. } => Some(steps::COLLECTING),
            TraceEvent::Role { role: Role::Candidate | Role::PreCandidate, .. } => {
                Some(steps::INITIALISATION)
            }
            TraceEvent::Promise { .. } => Some(steps::VOTING),
            TraceEvent::Append { .. } if leads => Some(steps::REPLICATING),
            TraceEvent::Proposed { ballot, .. } => {
                self.proposed.insert((at, ballot.0));
                Some(steps::REPLICATING)
            }
            TraceEvent::Append { .. } | TraceEvent::Accepted { .. } => Some(steps::UPDATING),
            TraceEvent::Commit { as_leader: true, .. } | TraceEvent::Chosen { .. } => {
                Some(steps::COMMITTING)
            }
            _ => None,
        }
    }

    /// A message that can do this is sent to a node. `answers`: by a follower to its leader.
    pub(super) fn of_message(
        &self,
        part: FramePart,
        to: u8,
        epoch: u64,
        answers: bool,
    ) -> Option<Step> {
        let answers = answers || self.leaderless && self.proposed.contains(&(to, epoch));
        match part {
            FramePart::Decides => Some(steps::RECEIVING),
            FramePart::Moves if answers => Some(steps::ACKNOWLEDGING),
            FramePart::Moves | FramePart::Asks => None,
        }
    }
}
