//! Phase 0: who should lead. Fast leader election's order (currentEpoch, last zxid, id) over direct
//! links only: a node votes for the best of those it hears and is heard by, each of whom also
//! hears a quorum, itself included. So the best of all that could lead gets a quorum, whatever
//! links are cut; a vote for one out of reach, as notifications passed on would give, helps nobody.
//!
//! A vote is repeated every heartbeat and forgotten after T, which makes the numbered rounds of
//! fast leader election unnecessary: this phase is an oracle (paper, III.D), and promises nothing.
//! It never writes, and never disturbs who follows a leader.

use std::collections::BTreeMap;

use super::follower::{Following, Stage};
use super::message::{Body, Note};
use super::state::Standing;
use super::{Out, Part, Zab};
use crate::common::options::{Options, after, draw_timeout};
use crate::machine::{Epoch, NodeId, Role, Time};

/// What a node has that looks for a leader.
pub(super) struct Looking {
    /// The last notification of each node that looks too, and when it came.
    notes: BTreeMap<NodeId, (Time, Note)>,
    /// What was last said: eligible, and the vote.
    said: (bool, Option<NodeId>),
    /// When to say it again.
    pub(super) note_at: Time,
}

impl Looking {
    pub(super) fn new(now: Time) -> Self {
        Looking { notes: BTreeMap::new(), said: (false, None), note_at: now }
    }

    /// Those who hear this node and are heard.
    fn mutual(&self, me: NodeId) -> impl Iterator<Item = (NodeId, &Note)> {
        let mutual = self.notes.iter().filter(move |(_, (_, note))| note.hears.contains(&me));
        mutual.map(|(node, (_, note))| (*node, note))
    }
}

impl Zab {
    /// Looks for a leader, whatever this node did before.
    pub(super) fn look(&mut self, out: &mut Out) {
        self.leave(Part::Looking(Looking::new(self.now)), None, out);
        self.set_role(Role::PreCandidate, out);
        self.vote(true, out);
    }

    pub(super) fn on_note_due(&mut self, out: &mut Out) {
        if self.state.role == Role::Follower {
            // The first tick of an incarnation.
            return self.look(out);
        }
        self.vote(true, out);
    }

    /// Votes anew; says so if `aloud` or if that changed anything.
    fn vote(&mut self, aloud: bool, out: &mut Out) {
        let (now, me, mine) = (self.now, self.state.id, self.state.standing());
        let quorum = self.rules.quorum(self.state.members.len());
        let patience = self.state.options.election_timeout_ns;
        let Part::Looking(looking) = &mut self.parts.part else { return };
        looking.notes.retain(|_, (at, _)| after(*at, patience) > now);
        let eligible = 1 + looking.mutual(me).count() >= quorum;
        let others = looking.mutual(me).filter(|(_, note)| note.eligible);
        let stand = others.map(|(node, note)| (note.standing, node));
        let best = stand.chain(eligible.then_some((mine, me)));
        let vote = best.max_by(|a, b| self.rules.compare(a.0, b.0).then(a.1.cmp(&b.1)));
        let vote = vote.map(|(_, node)| node);
        if vote == Some(me) {
            let votes = looking.mutual(me).filter(|(_, note)| note.vote == Some(me)).count();
            if 1 + votes >= quorum {
                return self.lead(out);
            }
        }
        if aloud || looking.said != (eligible, vote) {
            looking.said = (eligible, vote);
            looking.note_at = after(now, self.state.options.heartbeat_ns);
            for to in self.others() {
                self.send_note(to, out);
            }
        }
    }

    pub(super) fn send_note(&self, to: NodeId, out: &mut Out) {
        let standing = self.state.standing();
        let note = match &self.parts.part {
            Part::Looking(looking) => {
                let hears = looking.notes.keys().copied().collect();
                let (eligible, vote) = looking.said;
                Note { leading: false, eligible, vote, standing, hears }
            }
            Part::Leading(_) => {
                let vote = Some(self.state.id);
                Note { leading: true, eligible: true, vote, standing, hears: Vec::new() }
            }
            Part::Following(following) => {
                let vote = Some(following.leader);
                Note { leading: false, eligible: false, vote, standing, hears: Vec::new() }
            }
        };
        self.send(to, Body::Note { note }, out);
    }

    pub(super) fn on_note(&mut self, from: NodeId, epoch: Epoch, note: Note, out: &mut Out) {
        let now = self.now;
        match &mut self.parts.part {
            Part::Looking(looking) => {
                if note.leading {
                    if self.rules.compare(note.standing, self.state.standing()).is_ge() {
                        self.follow(from, out);
                    }
                    return;
                }
                let unheard = !note.hears.contains(&self.state.id);
                looking.notes.insert(from, (now, note));
                if unheard {
                    self.send_note(from, out);
                }
                self.vote(false, out);
            }
            Part::Following(following) => {
                let patience = self.state.options.election_timeout_ns;
                if following.leader != from {
                    if !note.leading && after(following.heard, patience) <= now {
                        self.look(out);
                        self.on_note(from, epoch, note, out);
                    }
                } else if !note.leading {
                    self.look(out);
                } else if following.stage == Stage::Joining {
                    following.heard = now;
                    self.reset_patience();
                } else {
                    // It knows nothing of this session.
                    self.follow(from, out);
                }
            }
            Part::Leading(_) if note.leading => self.on_rival(from, epoch, note.standing, out),
            Part::Leading(_) => self.send_note(from, out),
        }
    }

    /// Another node leads, or is about to: the lesser gives way. Which one that is is only a guess
    /// at who gets a quorum.
    fn on_rival(&mut self, rival: NodeId, epoch: Epoch, standing: Standing, out: &mut Out) {
        let order = self.rules.compare(standing, self.state.standing());
        let gives_way = if self.state.role == Role::Leader {
            epoch > self.state.hard.accepted
        } else {
            order.then(rival.cmp(&self.state.id)).is_gt()
        };
        if gives_way {
            self.follow(rival, out);
        }
    }

    /// Follows a node that says it leads: asks it for a session.
    pub(super) fn follow(&mut self, leader: NodeId, out: &mut Out) {
        self.parts.session += 1;
        let retry_at = after(self.now, self.state.options.heartbeat_ns);
        let following = Following::new(leader, self.parts.session, self.now, retry_at);
        self.leave(Part::Following(following), Some(leader), out);
        self.reset_patience();
        self.set_role(Role::Follower, out);
        self.ask_for_session(out);
    }

    /// A follower gives its leader between T and 2T, or exactly T without jitter.
    pub(super) fn reset_patience(&mut self) {
        let Options { election_timeout_ns, fixed_timeout, .. } = self.state.options;
        let timeout = draw_timeout(election_timeout_ns, fixed_timeout, &mut self.rng);
        if let Part::Following(following) = &mut self.parts.part {
            following.leave_at = after(following.heard, timeout);
        }
    }
}
