//! What a sweep varies, and what strikes the cluster: crashes, pauses and partitions, drawn from
//! the seed. Each strike heals exactly itself.

use crate::cluster::{Cluster, Event, MS};

/// What a sweep varies.
#[derive(Clone, Debug)]
pub struct Profile {
    pub nodes: u8,
    pub clients: usize,
    pub options: Vec<(&'static str, &'static str)>,
    /// Per thousand messages.
    pub drop: u64,
    pub repeat: u64,
    /// Share of messages with a long delay, and how long at most.
    pub late: u64,
    pub late_ms: u64,
    /// Of a flush, at most.
    pub flush_us: u64,
    /// Mean between two strikes; 0: none.
    pub strike_ms: u64,
    pub strike_lasts_ms: u64,
    pub strikes: Vec<Strike>,
    /// Per thousand answers to clients.
    pub lost_answers: u64,
    pub disturbed_ms: u64,
}

impl Default for Profile {
    fn default() -> Self {
        Profile {
            nodes: 3,
            clients: 4,
            options: Vec::new(),
            drop: 10,
            repeat: 10,
            late: 20,
            late_ms: 40,
            flush_us: 1_000,
            strike_ms: 300,
            strike_lasts_ms: 400,
            strikes: vec![
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
            ],
            lost_answers: 20,
            disturbed_ms: 2_500,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strike {
    CrashOne,
    CrashLeader,
    CrashAll,
    PauseLeader,
    PauseOne,
    Isolate,
    IsolateLeader,
    Halves,
    OneWay,
    Ring,
    Bridge,
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
        self.stopped.insert(strike, (node, crash));
        if crash {
            self.crash(node);
        } else {
            self.nodes[node].paused = true;
        }
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
