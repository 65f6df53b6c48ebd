//! Configurations and sets of them in which none dominates another.
//! A set never holds two configurations of which one can do all that the other can.

/// One way to explain everything so far.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Config<const W: usize, const I: usize> {
    pub state: u32,
    /// Open operations that change states and have taken effect, by slot.
    pub open: [u64; W],
    /// Open operations that only read and are explained, by slot.
    pub done: [u64; W],
    /// How many lost operations of each class took effect, by slot.
    pub used: [u8; I],
}

impl<const W: usize, const I: usize> Config<W, I> {
    /// Can do all that `other` can: the same, but for more reads explained and fewer lost
    /// operations used up.
    fn dominates(&self, other: &Self) -> bool {
        self.done.iter().zip(&other.done).all(|(mine, theirs)| theirs & !mine == 0)
            && self.used.iter().zip(&other.used).all(|(mine, theirs)| mine <= theirs)
    }

    /// How many lost operations it used up.
    pub fn total(&self) -> u32 {
        self.used.iter().map(|used| u32::from(*used)).sum()
    }

    pub fn same_key(&self, other: &Self) -> bool {
        self.state == other.state && self.open == other.open
    }

    fn hash(&self) -> u64 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 / golden ratio: spreads neighbours
        let mut hash = u64::from(self.state).wrapping_add(1).wrapping_mul(ODD);
        for word in self.open {
            hash = (hash ^ word).wrapping_mul(ODD);
            hash ^= hash >> 29;
        }
        hash ^ (hash >> 32)
    }
}

pub(super) fn has<const W: usize>(bits: &[u64; W], slot: u32) -> bool {
    bits[slot as usize / 64] & (1 << (slot % 64)) != 0
}

pub(super) fn put<const W: usize>(bits: &mut [u64; W], slot: u32) {
    bits[slot as usize / 64] |= 1 << (slot % 64);
}

pub(super) fn clear<const W: usize>(bits: &mut [u64; W], slot: u32) {
    bits[slot as usize / 64] &= !(1 << (slot % 64));
}

/// Configurations, none of which dominates another.
#[derive(Default)]
pub(super) struct Front<const W: usize, const I: usize> {
    configs: Vec<Config<W, I>>,
    /// The next configuration with the same state and open operations.
    next: Vec<u32>,
    /// Dominated since it came in.
    dead: Vec<bool>,
    /// Buckets of an open table: the epoch they were written in, and the first configuration.
    /// Another epoch means empty, so clearing costs nothing.
    buckets: Vec<(u32, u32)>,
    epoch: u32,
    chains: usize,
    live: usize,
    /// The most that were ever held at once: that memory was touched, and stays.
    peak: usize,
    /// Comparisons made since `take_work`.
    work: u64,
}

const NONE: u32 = u32::MAX;

/// So few configurations are searched one by one: faster than any table.
const SCAN_MAX: usize = 8;

/// Between two looks at the budget no more than about so many configurations come in.
const SOON: usize = 1 << 10;

/// Buckets for so many chains: at most a quarter full when made, and half full before the next.
fn table_size(chains: usize) -> usize {
    (4 * chains.max(2 * SCAN_MAX)).next_power_of_two()
}

impl<const W: usize, const I: usize> Front<W, I> {
    pub fn new() -> Self {
        Front { epoch: 1, ..Front::default() }
    }

    pub fn clear(&mut self) {
        self.configs.clear();
        self.next.clear();
        self.dead.clear();
        self.chains = 0;
        self.live = 0;
        self.epoch += 1;
        if self.epoch == NONE {
            self.buckets.fill((0, NONE));
            self.epoch = 1;
        }
    }

    pub fn len(&self) -> usize {
        self.live
    }

    /// Bytes of memory in use, and those that growing soon will take.
    pub fn bytes(&self) -> u64 {
        let mut buckets = self.buckets.len();
        if 2 * (self.chains + SOON) > buckets && self.configs.len() > SCAN_MAX {
            buckets = buckets.max(table_size(self.chains + SOON));
        }
        ((self.peak + SOON) * (size_of::<Config<W, I>>() + 5) + buckets * 8) as u64
    }

    /// Comparisons since it was last asked: what the time goes into.
    pub fn take_work(&mut self) -> u64 {
        std::mem::take(&mut self.work)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Config<W, I>> {
        self.configs.iter().zip(&self.dead).filter(|(_, dead)| !**dead).map(|(config, _)| config)
    }

    /// Configurations in place; the caller rebuilds the set if a key may have changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Config<W, I>> {
        self.configs.iter_mut().zip(&self.dead).filter(|(_, dead)| !**dead).map(|(c, _)| c)
    }

    /// The configuration with this number; None: dominated since.
    pub fn get(&self, number: u32) -> Option<&Config<W, I>> {
        (!self.dead[number as usize]).then(|| &self.configs[number as usize])
    }

    /// Takes a configuration, unless one that is there dominates it; returns its number.
    pub fn insert(&mut self, config: Config<W, I>) -> Option<u32> {
        let number = self.configs.len() as u32;
        self.work += 1;
        if self.configs.len() < SCAN_MAX {
            for at in 0..self.configs.len() {
                if self.dead[at] || !self.configs[at].same_key(&config) {
                    continue;
                }
                if self.configs[at].dominates(&config) {
                    return None;
                }
                if config.dominates(&self.configs[at]) {
                    self.dead[at] = true;
                    self.live -= 1;
                }
            }
            self.push(config, NONE);
            return Some(number);
        }
        if self.configs.len() == SCAN_MAX || 2 * (self.chains + 1) > self.buckets.len() {
            self.rehash();
        }
        let bucket = self.bucket(&config);
        let head = self.head(bucket);
        let mut at = head;
        while at != NONE {
            let there = at as usize;
            self.work += 1;
            if !self.dead[there] {
                if self.configs[there].dominates(&config) {
                    return None;
                }
                if config.dominates(&self.configs[there]) {
                    self.dead[there] = true;
                    self.live -= 1;
                }
            }
            at = self.next[there];
        }
        self.chains += usize::from(head == NONE);
        self.buckets[bucket] = (self.epoch, number);
        self.push(config, head);
        Some(number)
    }

    fn push(&mut self, config: Config<W, I>, next: u32) {
        self.configs.push(config);
        self.next.push(next);
        self.dead.push(false);
        self.live += 1;
        self.peak = self.peak.max(self.configs.len());
    }

    fn head(&self, bucket: usize) -> u32 {
        let (epoch, head) = self.buckets[bucket];
        if epoch == self.epoch { head } else { NONE }
    }

    /// The bucket of this key, or the empty one where it belongs.
    fn bucket(&self, config: &Config<W, I>) -> usize {
        let mask = self.buckets.len() - 1;
        let mut bucket = config.hash() as usize & mask;
        loop {
            let head = self.head(bucket);
            if head == NONE || self.configs[head as usize].same_key(config) {
                return bucket;
            }
            bucket = (bucket + 1) & mask;
        }
    }

    fn rehash(&mut self) {
        let size = table_size(if self.chains == 0 { self.configs.len() } else { self.chains });
        self.work += self.configs.len() as u64;
        if size > self.buckets.len() {
            self.buckets = Vec::new(); // given back before the larger one is taken
            self.buckets = vec![(0, NONE); size];
            self.epoch = 1;
        } else {
            self.epoch += 1;
        }
        self.chains = 0;
        for number in 0..self.configs.len() {
            if self.dead[number] {
                continue;
            }
            let config = self.configs[number];
            let bucket = self.bucket(&config);
            let head = self.head(bucket);
            self.next[number] = head;
            self.chains += usize::from(head == NONE);
            self.buckets[bucket] = (self.epoch, number as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(state: u32, open: u64, done: u64, used: u8) -> Config<1, 2> {
        Config { state, open: [open], done: [done], used: [used, 0] }
    }

    #[test]
    fn the_one_that_can_do_more_stays() {
        let mut front = Front::new();
        assert!(front.insert(config(1, 2, 0b01, 1)).is_some());
        assert!(front.insert(config(1, 2, 0b01, 2)).is_none(), "used more");
        assert!(front.insert(config(1, 2, 0b00, 1)).is_none(), "explained less");
        assert!(front.insert(config(1, 2, 0b10, 1)).is_some(), "explained other reads");
        assert!(front.insert(config(1, 3, 0b01, 1)).is_some(), "another set of operations");
        assert!(front.insert(config(2, 2, 0b01, 1)).is_some(), "another state");
        assert_eq!(front.len(), 4);
        assert!(front.insert(config(1, 2, 0b11, 0)).is_some(), "dominates two");
        assert_eq!(front.len(), 3);
        assert!(front.get(0).is_none() && front.get(4).is_some());
    }

    #[test]
    fn large_sets_agree_with_small_ones() {
        // Every key comes many times; what dominates comes first, last or in the middle.
        let all: Vec<_> = (0..4000u32)
            .map(|n| {
                config(n * 7 % 10, u64::from(n * 13 % 9), u64::from(n * 31 % 8), (n % 3) as u8)
            })
            .collect();
        let mut front = Front::new();
        for round in 0..3 {
            front.clear();
            for &config in &all[..1000 * (round + 2)] {
                front.insert(config);
            }
            let taken = &all[..1000 * (round + 2)];
            for config in taken {
                let over = |other: &Config<1, 2>| other.same_key(config) && other.dominates(config);
                assert_eq!(front.iter().filter(|other| over(other)).count().min(1), 1);
            }
            let kept: Vec<_> = front.iter().copied().collect();
            for (at, one) in kept.iter().enumerate() {
                let beside = kept.iter().enumerate().filter(|(other, _)| *other != at);
                let mut beside = beside.map(|(_, other)| other);
                assert!(!beside.any(|other| other.same_key(one) && other.dominates(one)));
            }
        }
    }
}
