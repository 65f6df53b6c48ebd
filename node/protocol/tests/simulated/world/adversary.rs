//! The adversary of Fischer, Lynch and Paterson (1985): it holds what would decide an epoch until
//! the receiver has left that epoch. It loses nothing, and every wait ends. It knows no protocol:
//! what can decide, and what shows that a node has moved on, is in the row.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use schism_protocol::{Epochs, FramePart, FrameRow, Index, ProtocolRow};

use super::clients::Clients;
use super::cluster::{Cluster, Event, MS};
use super::profile::{Fate, Filter, Profile};
use super::trial::{PROGRESS_WITHIN, Subject};

/// Under the adversary for so long: some hundreds of elections.
const LEADERSHIP: u64 = 60_000 * MS;
/// Fewer epochs do not show that it could go on for ever (docs/internals/protocols.md).
const EPOCHS_MIN: usize = 20;
/// T is 150 ms by default, and a wait of more than 10 T would be a loss in disguise.
const HOLD_MS_MAX: u64 = 10 * 150;

/// Frames that wait, and what is known of who has moved how far.
pub struct Holds {
    frames: &'static [FrameRow],
    moved: Vec<u64>,
    ways: BTreeMap<(usize, usize), VecDeque<Held>>,
    /// How long each frame that the adversary held has waited.
    pub waited_ms: Vec<u64>,
    pub epochs: BTreeSet<u64>,
}

struct Held {
    bytes: Bytes,
    /// None: it only stands behind one that is held.
    epoch: Option<u64>,
    since: u64,
}

impl Holds {
    pub fn new(frames: &'static [FrameRow], nodes: usize) -> Self {
        let (moved, ways) = (vec![0; nodes], BTreeMap::new());
        Holds { frames, moved, ways, waited_ms: Vec::new(), epochs: BTreeSet::new() }
    }

    fn part(&self, kind: u8) -> FramePart {
        self.frames.iter().find(|row| row.kind == kind).expect("its kind is in its row").part
    }
}

impl Cluster {
    /// A frame leaves its sender: what waited for that goes on.
    pub fn leaves(&mut self, from: usize, kind: u8, epoch: u64) {
        if self.holds.part(kind) != FramePart::Asks && epoch > self.holds.moved[from] {
            self.holds.moved[from] = epoch;
            self.let_go(Some(from));
        }
    }

    /// Whether a frame waits from now on: because it is `met` and its receiver has not moved beyond
    /// its epoch, or because another one waits before it.
    pub fn waits(&mut self, way: (usize, usize), epoch: u64, met: bool, bytes: &Bytes) -> bool {
        let met = met && self.holds.moved[way.1] <= epoch;
        let queue = self.holds.ways.entry(way).or_default();
        if !met && queue.is_empty() {
            return false;
        }
        let epoch = met.then_some(epoch);
        queue.push_back(Held { bytes: bytes.clone(), epoch, since: self.now });
        self.holds.epochs.extend(epoch);
        true
    }

    /// Lets go what no longer has to wait for this receiver; None: everything.
    pub fn let_go(&mut self, receiver: Option<usize>) {
        let mut free = Vec::new();
        let Holds { ways, moved, waited_ms, .. } = &mut self.holds;
        for (&(from, to), queue) in ways.iter_mut() {
            if receiver.is_some_and(|receiver| receiver != to) {
                continue;
            }
            let goes = |held: &Held| {
                receiver.is_none() || held.epoch.is_none_or(|epoch| epoch < moved[to])
            };
            while queue.front().is_some_and(goes) {
                let held = queue.pop_front().expect("it was just seen");
                waited_ms.extend(held.epoch.map(|_| (self.now - held.since) / MS));
                free.push((from, to, held.bytes));
            }
        }
        for (from, to, bytes) in free {
            self.schedule(100_000, Event::Message { from, to, bytes });
        }
    }
}

const ADVERSARY: Filter = |cluster, _, _, kind, _, _| match cluster.holds.part(kind) {
    FramePart::Decides => Fate::Hold,
    FramePart::Moves | FramePart::Asks => Fate::Deliver,
};

/// As long as the adversary, and at random.
const CONTROL: Filter = |cluster, _, _, kind, _, dice| match cluster.holds.part(kind) {
    FramePart::Decides => {
        let waits = &cluster.profile.waits_ms;
        Fate::Delay(waits[dice.below(waits.len() as u64) as usize])
    }
    FramePart::Moves | FramePart::Asks => Fate::Deliver,
};

/// Timely but for the filter, and nothing else goes wrong.
fn under(kind: &Kind, nodes: u8, filter: Filter, waits_ms: Vec<u64>) -> Subject {
    // Where decisions have epochs of their own, there is one decision to withhold.
    let keys = u64::from(kind.row.facts.epochs == Epochs::OfEachDecision);
    let profile = Profile {
        drop: 0,
        repeat: 0,
        late: 0,
        lost_answers: 0,
        strike_ms: 0,
        filter: Some(filter),
        waits_ms,
        keys,
        options: kind.options.to_vec(),
        ..Profile::under(nodes, &[])
    };
    Subject::of(kind.row, profile)
}

/// A protocol and its options.
pub struct Kind {
    pub row: &'static ProtocolRow,
    pub options: &'static [(&'static str, &'static str)],
}

/// Under the adversary nothing is decided, though no frame waits for long; once it lets go, all is
/// decided soon. And the same waits at random withhold nothing.
pub fn withholds_every_decision(kind: &Kind, nodes: u8, seeds: u64) {
    let name = kind.row.facts.name;
    let (mut longest, mut slowest, mut epochs) = (0, 0, Vec::new());
    for seed in 0..seeds {
        let at = format!("{name}, {nodes} nodes, seed {seed}");
        let mut cluster = Cluster::start(&under(kind, nodes, ADVERSARY, Vec::new()), seed, false);
        cluster.run_until(cluster.now + LEADERSHIP);
        assert_eq!(cluster.violation(), None, "{at}");
        assert_eq!(cluster.clients.served(), 0, "{at}: a decision under the adversary");
        let commits = cluster.statuses().into_iter().flatten().map(|status| status.commit);
        assert_eq!(commits.max(), Some(Index(0)), "{at}: a decision under the adversary");
        assert!(cluster.holds.epochs.len() >= EPOCHS_MIN, "{at}: {:?}", cluster.holds.epochs);
        epochs.push(cluster.holds.epochs.len());

        let lifted = cluster.now;
        cluster.heal();
        while cluster.clients.served() == 0 && cluster.now < lifted + PROGRESS_WITHIN {
            cluster.run_until(cluster.now + 10 * MS);
        }
        assert!(cluster.clients.served() > 0, "{at}: nothing was decided after it let go");
        slowest = slowest.max((cluster.now - lifted) / MS);
        let waits = cluster.holds.waited_ms.clone();
        longest = longest.max(waits.iter().copied().max().unwrap_or(0));
        assert!(longest <= HOLD_MS_MAX, "{at}: a frame waited {longest} ms");
        cluster.clients.silence();
        cluster.run_until(lifted + PROGRESS_WITHIN);
        assert_eq!(cluster.violation(), None, "{at}");
        assert_eq!(Clients::settled(&cluster), Ok(0), "{at}");

        let mut control = Cluster::start(&under(kind, nodes, CONTROL, waits), seed, false);
        control.run_until(control.now + LEADERSHIP);
        assert_eq!(control.violation(), None, "{at}");
        assert!(control.clients.served() > 0, "{at}: the same waits at random withhold as much");
    }
    epochs.sort_unstable();
    let (least, most) = (epochs[0], epochs[epochs.len() - 1]);
    println!(
        "{name}, {nodes} nodes: {seeds} seeds under the adversary, {least} to {most} epochs, \
         longest wait {longest} ms, first decision after at most {slowest} ms"
    );
}
