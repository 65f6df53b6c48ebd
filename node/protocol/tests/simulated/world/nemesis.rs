//! What strikes the cluster: crashes, pauses, partitions and an operator, drawn from the seed.
//! Each strike heals exactly itself.

use schism_protocol::{Request, Role, Status};

use super::clients;
use super::cluster::{Cluster, Event, MS};

/// Time between two looks of the operator: longer than a promotion takes over slow disks.
const OPERATOR_LOOKS: u64 = 300 * MS;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strike {
    CrashOne,
    CrashLeader,
    CrashAll,
    /// So many at once as a majority survives.
    CrashMinority,
    CrashFollower,
    PauseLeader,
    PauseOne,
    Isolate,
    IsolateLeader,
    Halves,
    OneWay,
    Ring,
    Bridge,
    /// An operator makes a running node the leader by hand.
    Promote,
    /// The same, while the leader of before is up and does not know.
    PromoteWhileLeaderLives,
}

impl Strike {
    /// Every kind that any protocol must live with, each at its weight.
    pub const COMMON: &[Strike] = &[
        Strike::CrashOne,
        Strike::CrashLeader,
        Strike::CrashAll,
        Strike::PauseLeader,
        Strike::PauseOne,
        Strike::Isolate,
        Strike::IsolateLeader,
        Strike::Halves,
        Strike::OneWay,
        Strike::Ring,
        Strike::Bridge,
    ];
}

impl Cluster {
    pub fn strike(&mut self) {
        if self.calm {
            return;
        }
        let next = self.profile.strike_ms * MS / 2 + self.below(self.profile.strike_ms * MS);
        self.schedule(next, Event::Strike);
        self.strikes += 1;
        let strike = self.strikes;
        let lasts = 1 + self.below(self.profile.strike_lasts_ms * MS);
        self.schedule(lasts, Event::Heal(strike));
        let kind = self.below(self.profile.strikes.len() as u64) as usize;
        let kind = self.profile.strikes[kind];
        let n = self.nodes.len();
        let one = self.below(n as u64) as usize;
        let leader = self.leader().unwrap_or(one);
        if self.loud {
            println!("{} strike {kind:?}, one n{}, leader n{}", self.now, one + 1, leader + 1);
        }
        let split = self.below(1 << n);
        let ring = |a: usize, b: usize| (a + 1) % n != b && (b + 1) % n != a;
        let cut: Vec<(usize, usize)> = match kind {
            Strike::CrashOne | Strike::CrashLeader => {
                self.stop(strike, if kind == Strike::CrashOne { one } else { leader }, true);
                return;
            }
            Strike::CrashAll => {
                // Every node is stopped by its own strike, so that they come back apart.
                for node in 0..n {
                    self.strikes += 1;
                    self.stop(self.strikes, node, true);
                    let lasts = 1 + self.below(50 * MS);
                    self.schedule(lasts, Event::Heal(self.strikes));
                }
                return;
            }
            Strike::CrashMinority => {
                let count = 1 + self.below(((n as u64 - 1) / 2).max(1)) as usize;
                for node in (one..one + count.min((n - 1) / 2)).map(|node| node % n) {
                    self.strikes += 1;
                    self.stop(self.strikes, node, true);
                    let lasts = 1 + self.below(self.profile.strike_lasts_ms * MS);
                    self.schedule(lasts, Event::Heal(self.strikes));
                }
                return;
            }
            Strike::CrashFollower => {
                let one = if one == leader { (one + 1) % n } else { one };
                if one != leader {
                    self.stop(strike, one, true);
                }
                return;
            }
            Strike::Promote => return self.promote(one),
            Strike::PromoteWhileLeaderLives => {
                let one = if one == leader { (one + 1) % n } else { one };
                if self.is_up(leader) {
                    self.promote(one);
                }
                return;
            }
            Strike::PauseOne | Strike::PauseLeader => {
                self.stop(strike, if kind == Strike::PauseOne { one } else { leader }, false);
                return;
            }
            Strike::Isolate => links(n, |a, b| (a == one) != (b == one)),
            Strike::IsolateLeader => links(n, |a, b| (a == leader) != (b == leader)),
            Strike::Halves => links(n, |a, b| (split >> a) & 1 != (split >> b) & 1),
            Strike::OneWay => links(n, |a, b| a == one && b != one),
            Strike::Ring => links(n, ring),
            Strike::Bridge => {
                links(n, |a, b| a != one && b != one && (split >> a) & 1 != (split >> b) & 1)
            }
        };
        self.cuts.insert(strike, cut.into_iter().collect());
    }

    fn stop(&mut self, strike: u64, node: usize, crash: bool) {
        if self.stopped.values().any(|(stopped, _)| *stopped == node) {
            return;
        }
        if crash && self.out() >= self.profile.down_most {
            return;
        }
        self.stopped.insert(strike, (node, crash));
        if crash {
            self.crash(node);
        } else {
            self.nodes[node].paused = true;
        }
    }

    /// Nodes that are down, or have lost their state and not got it back.
    fn out(&self) -> usize {
        let out = |s: &&Option<_>| s.as_ref().is_none_or(|s: &Status| s.role == Role::Recovering);
        self.statuses().iter().filter(out).count()
    }

    /// The operator's hand. A node that is down does not hear it.
    fn promote(&mut self, node: usize) {
        self.request(node, clients::OPERATOR, Request::Promote);
    }

    /// At the start and after the heal the operator sees to it that somebody leads.
    pub fn operate(&mut self) {
        let idle = self.leader().is_none() && (self.calm || self.observer.elections == 0);
        let n = self.nodes.len();
        let turn = (self.now / OPERATOR_LOOKS) as usize % n;
        let up = (0..n).map(|k| (turn + k) % n).find(|node| self.is_up(*node));
        if let (true, Some(node)) = (idle, up) {
            self.promote(node);
        }
        self.schedule(OPERATOR_LOOKS, Event::Operator);
    }

    pub fn end_strike(&mut self, strike: u64) {
        self.cuts.remove(&strike);
        let Some((node, crashed)) = self.stopped.remove(&strike) else { return };
        if crashed {
            self.boot(node);
        } else {
            self.nodes[node].paused = false;
            for input in std::mem::take(&mut self.nodes[node].inbox) {
                self.input(node, input);
            }
        }
    }
}

fn links(n: usize, cut: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let all = (0..n).flat_map(|a| (0..n).map(move |b| (a, b)));
    all.filter(|(a, b)| a != b && cut(*a, *b)).collect()
}
