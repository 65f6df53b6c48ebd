//! A protocol's states as a lecture draws them: a box for each, an arrow for each way from one to
//! another, and which arrow a node took. For people: no protocol decides anything by it.
//! It never looks into a node: a state is the word the node has for it.

use bytes::Bytes;

use crate::machine::{Epoch, Machine, Output, Role, Status, TraceEvent};

/// The picture of a node as a state machine.
#[derive(Clone, Copy, Debug)]
pub struct States {
    /// The boxes, from left to right.
    pub boxes: &'static [StateRow],
    /// The arrows. Where several fit what a node did, the first of them is meant.
    pub arrows: &'static [Arrow],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateRow {
    /// As [`Machine::state`] says it.
    pub name: &'static str,
    /// What a node does in it, in a few words.
    pub about: &'static str,
}

/// A way from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrow {
    /// From which; None: from the start of the process.
    pub from: Option<&'static str>,
    /// To which; the same one again is a loop.
    pub to: &'static str,
    /// What makes a node go this way, in a few words.
    pub on: &'static str,
    /// What tells this arrow from others between the same boxes.
    pub when: When,
}

/// What tells an arrow from others between the same boxes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Nothing: whatever it was.
    Any,
    /// A time was up, and nothing else.
    Timeout,
    /// The node's epoch grew.
    LaterEpoch,
    /// The node has this role now.
    As(Role),
}

/// One node on its way through the picture.
#[derive(Clone, Debug)]
pub struct Walk {
    states: States,
    at: Option<(&'static str, Epoch)>,
}

/// A way that the picture does not have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoArrow(pub String);

pub(crate) const fn state(name: &'static str, about: &'static str) -> StateRow {
    StateRow { name, about }
}

/// A way from one box to another, or to itself.
pub(crate) const fn arrow(from: &'static str, to: &'static str, on: &'static str) -> Arrow {
    Arrow { from: Some(from), to, on, when: When::Any }
}

/// The way from the start of the process into a box.
pub(crate) const fn start(to: &'static str, on: &'static str) -> Arrow {
    Arrow { from: None, to, on, when: When::Any }
}

impl Arrow {
    /// The same, only then.
    pub(crate) const fn when(self, when: When) -> Arrow {
        Arrow { when, ..self }
    }
}

/// The words of most lectures.
pub(crate) const FOLLOWER: &str = "follower";
pub(crate) const CANDIDATE: &str = "candidate";
pub(crate) const LEADER: &str = "leader";

impl States {
    /// Nobody draws it.
    pub const NONE: States = States { boxes: &[], arrows: &[] };
}

impl Walk {
    /// A node that has not started.
    #[must_use]
    pub fn new(states: States) -> Self {
        Walk { states, at: None }
    }

    /// The node has taken a step, or has started, and said this: which arrow it went along, if it
    /// went anywhere. `timeout`: nothing but its clock made it.
    pub fn step(
        &mut self,
        node: &dyn Machine,
        timeout: bool,
        said: &[Output<Bytes>],
    ) -> Result<Option<usize>, NoArrow> {
        let (to, Status { epoch, role, .. }) = (node.state(), node.status());
        let before = self.at.replace((to, epoch));
        let (from, later) = (before.map(|at| at.0), before.is_none_or(|at| epoch > at.1));
        let stayed = from == Some(to);
        // Neither state nor epoch need change where a time was up and it begins anew: then it
        // writes that down, or says what it is.
        let anew = |output: &Output<Bytes>| {
            matches!(output, Output::Persist { .. } | Output::Trace(TraceEvent::Role { .. }))
        };
        if stayed && !later && !(timeout && said.iter().any(anew)) {
            return Ok(None);
        }
        let fits = |arrow: &Arrow| {
            let when = match arrow.when {
                When::Any => true,
                When::Timeout => timeout,
                When::LaterEpoch => later,
                When::As(wanted) => wanted == role,
            };
            arrow.from == from && arrow.to == to && when
        };
        match self.states.arrows.iter().position(fits) {
            None if !stayed => {
                let from = from.unwrap_or("the start");
                let how = format!("timeout {timeout}, later {later}, {role:?}");
                Err(NoArrow(format!("from {from} to {to} ({how})")))
            }
            arrow => Ok(arrow),
        }
    }
}

impl Role {
    /// The word of most lectures.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Role::Follower => FOLLOWER,
            Role::PreCandidate | Role::Candidate => CANDIDATE,
            Role::Leader => LEADER,
            Role::Recovering => "recovering",
        }
    }
}
