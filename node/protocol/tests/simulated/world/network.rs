//! The network: it drops, repeats, delays and reorders frames, and a link may carry only so much.
//! It never looks into a frame beyond its kind and epoch.

use std::collections::BTreeMap;

use bytes::Bytes;
use schism_protocol::NodeId;

use super::cluster::{Cluster, Event, MS};
use super::profile::{Dice, Fate};

pub struct Network {
    /// What a profile's filter draws from; nothing else does.
    dice: Dice,
    /// Until when each link is busy with what was sent over it before.
    busy: BTreeMap<(usize, usize), u64>,
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Network { dice: Dice::new(seed), busy: BTreeMap::new() }
    }
}

impl Cluster {
    pub fn send(&mut self, at: usize, to: NodeId, bytes: Bytes) {
        let to = to.0 as usize - 1;
        let held = match self.fate(at, to, &bytes) {
            Fate::Deliver => 0,
            Fate::Drop => return,
            Fate::Delay(ms) => ms * MS,
            Fate::Hold => return,
        };
        let copies = 1 + u64::from(self.below(1_000) < self.profile.repeat);
        for _ in 0..copies {
            if self.below(1_000) < self.profile.drop {
                continue;
            }
            let mut after = held + 100_000 + self.below(200_000) + self.carried(at, to, &bytes);
            if self.below(1_000) < self.profile.late {
                after += self.below(self.profile.late_ms * MS);
            }
            self.schedule(after, Event::Message { from: at, to, bytes: bytes.clone() });
        }
    }

    /// How long a frame takes to be carried, what goes before it included.
    fn carried(&mut self, from: usize, to: usize, bytes: &Bytes) -> u64 {
        let rate = self.profile.link_bytes_per_ms;
        if rate == 0 {
            return 0;
        }
        let busy = self.network.busy.entry((from, to)).or_default();
        *busy = self.now.max(*busy) + bytes.len() as u64 * MS / rate;
        *busy - self.now
    }

    /// What the profile's filter says of a frame: kind u8, epoch u64 little endian, body.
    fn fate(&mut self, from: usize, to: usize, bytes: &Bytes) -> Fate {
        let Some(filter) = self.profile.filter else { return Fate::Deliver };
        let kind = bytes[0];
        let epoch = u64::from_le_bytes(bytes[1..9].try_into().expect("every frame has a header"));
        let mut dice = self.network.dice.clone();
        self.leaves(from, kind, epoch);
        let fate = filter(self, from, to, kind, epoch, &mut dice);
        self.network.dice = dice;
        let waits = self.waits((from, to), epoch, fate == Fate::Hold, bytes);
        match fate {
            _ if waits => Fate::Hold,
            Fate::Hold => Fate::Deliver,
            other => other,
        }
    }

    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cuts.values().any(|cut| cut.contains(&(from, to)))
    }
}
