//! What a sweep or a bug's schedule varies. It names no node's role in a protocol and no seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::cluster::Cluster;
use super::nemesis::Strike::{self, CrashAll, CrashLeader, IsolateLeader};

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
    /// At most so many nodes are crashed or recovering at once.
    pub down_most: usize,
    /// Per thousand answers to clients.
    pub lost_answers: u64,
    pub disturbed_ms: u64,
    /// Sees every frame as it is sent, until the heal, and says what becomes of it.
    pub filter: Option<Filter>,
    /// Waits that a filter may draw from.
    pub waits_ms: Vec<u64>,
    /// The same from the heal on: what is no fault and never ends, such as distance.
    pub lasting: Option<Filter>,
    /// Keys that clients propose for in all; 0: fresh ones come up all the time.
    pub keys: u64,
    /// What each directed link carries in a millisecond, one frame after the other; 0: all at once.
    pub link_bytes_per_ms: u64,
    /// The least size of an appended value.
    pub value_bytes: usize,
    /// How long a client waits between an answer and its next request, at most.
    pub think_ms: u64,
}

/// Told the cluster, sender, receiver (counted from 0), and the frame's kind and epoch.
pub type Filter = fn(&Cluster, usize, usize, u8, u64, &mut Dice) -> Fate;

/// What becomes of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Deliver,
    Drop,
    /// So many ms later than it would have come. Others may overtake it.
    Delay(u64),
    /// It waits, and all behind it on its way, until its receiver has sent a frame of a greater
    /// epoch that it has itself moved to.
    Hold,
}

/// Randomness of a filter, from the seed of the run.
#[derive(Clone)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // Another stream than the cluster's, so that a filter shifts nothing else.
        Dice(ChaCha8Rng::seed_from_u64(!seed))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }
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
            strikes: Strike::COMMON.to_vec(),
            down_most: usize::MAX,
            lost_answers: 20,
            disturbed_ms: 2_500,
            filter: None,
            waits_ms: Vec::new(),
            lasting: None,
            keys: 0,
            link_bytes_per_ms: 0,
            value_bytes: 0,
            think_ms: 8,
        }
    }
}

impl Profile {
    /// So many nodes, a client for each, and only these strikes.
    pub fn under(nodes: u8, strikes: &[Strike]) -> Self {
        let strikes = strikes.to_vec();
        Profile { nodes, clients: nodes as usize, strikes, ..Profile::default() }
    }

    /// Logs that part while others are summed up: many clients who try again at every node, leaders
    /// that are cut off for less than a second and go on taking what clients ask for, and a kill
    /// before things have settled. It takes snapshots every few entries beside.
    pub fn parting_logs() -> Self {
        Profile {
            clients: 100,
            think_ms: 500,
            strike_ms: 400,
            strike_lasts_ms: 1_000,
            disturbed_ms: 5_000,
            flush_us: 4_000,
            lost_answers: 50,
            ..Profile::under(3, &[IsolateLeader, IsolateLeader, CrashLeader, CrashAll])
        }
    }

    /// The same with an option of the protocol.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.options.push((name, value));
        self
    }
}
