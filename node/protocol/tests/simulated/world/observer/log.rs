//! The invariants of a log: one leader in an epoch (I1), matching logs (I3), complete leaders (I4),
//! commits that a quorum holds (I7), each request once (I9). What a node keeps is in `node.rs`.

use schism_protocol::{Chain, ClientId, CommitQuorum, Epoch, Index, Offset, Time};

use super::node::Watched;
use super::{Observer, majority};

impl Observer {
    pub fn elects(&mut self, at: usize, epoch: Epoch, last: Index, chain: Chain) {
        let me = (at, self.nodes[at].incarnation);
        let one = *self.leaders.entry(epoch).or_insert(me);
        self.elections += 1;
        self.check(1, one == me, "election-safety", || {
            format!("n{} and n{} lead {epoch:?}", one.0 + 1, at + 1)
        });
        if self.traces.commit_quorum == CommitQuorum::Acceptors {
            // Their leaders complete their logs by proposing: `paxos.rs`.
            return;
        }
        let node = &self.nodes[at];
        let end = node.last() == last && node.chain(last) == Some(chain);
        let lacks = self
            .committed
            .iter()
            .find(|(i, (chain, lowest))| *lowest < epoch && !node.holds(**i, *chain));
        let lacks = lacks.map(|(i, _)| *i);
        self.check(3, end, "log-matching", || format!("n{} leads with another log", at + 1));
        self.check(4, lacks.is_none(), "leader-completeness", || {
            format!("n{} leads {epoch:?} without {lacks:?}", at + 1)
        });
    }

    pub fn appends(&mut self, at: usize, i: Index, epoch: Epoch, chain: Chain) {
        let one = *self.entries.entry((i, epoch)).or_insert(chain);
        self.check(3, one == chain, "log-matching", || {
            format!("n{} has {chain} at {i:?} of {epoch:?}, another had {one}", at + 1)
        });
        let node = &mut self.nodes[at];
        let end = node.last();
        let inside = i > node.base.0 && i <= end.next();
        self.check(3, inside, "log-matching", || {
            format!("n{} appends {i:?} to a log that ends at {end:?}", at + 1)
        });
        if !inside {
            return;
        }
        let node = &mut self.nodes[at];
        let before = node.chain(Index(i.0 - 1)).unwrap_or_default();
        node.known.insert((i, chain), (epoch, before));
        let place = (i.0 - node.base.0.0 - 1) as usize;
        // What stays behind a replaced entry has a chain that does not follow from it.
        let tail_stays = place + 1 < node.log.len();
        if place < node.log.len() {
            node.log[place] = (epoch, chain);
        } else {
            node.log.push((epoch, chain));
        }
        self.check(3, !tail_stays, "log-matching", || {
            format!("n{} replaces {i:?} and keeps what followed it", at + 1)
        });
    }

    /// I7, in the words of the row. Acceptors are asked where a value is said to be chosen.
    pub fn commit_quorum(&mut self, at: usize, i: Index, chain: Chain) {
        let on_disk = |w: &&Watched| w.persisted >= i && w.holds(i, chain);
        let all = self.nodes.len();
        let (holders, enough) = match self.traces.commit_quorum {
            CommitQuorum::Majority => {
                let holders = self.nodes.iter().filter(on_disk).count();
                (holders, majority(holders, all))
            }
            CommitQuorum::MajorityInMemory => {
                let holders = self.nodes.iter().filter(|w| w.held(i, chain)).count();
                (holders, majority(holders, all))
            }
            CommitQuorum::Leader => {
                let own = on_disk(&&self.nodes[at]);
                (usize::from(own), own)
            }
            CommitQuorum::Acceptors => return,
        };
        self.check(7, enough, "commit-quorum", || {
            format!("n{} commits {i:?}, which {holders} of {all} hold", at + 1)
        });
    }

    /// What copies decide ends in the leader's own epoch, where they decide.
    pub fn own_epoch(&mut self, at: usize, i: Index, epoch: Epoch) {
        let of_entry = self.nodes[at].entry_epoch(i);
        let own = of_entry.is_none_or(|of_entry| of_entry == epoch);
        self.check(12, own || !self.traces.commits_own_epoch, "commit-epoch", || {
            format!("n{} leads {epoch:?} and commits {i:?} of {of_entry:?}", at + 1)
        });
    }

    pub fn commits(&mut self, at: usize, now: Time, i: Index, chain: Chain, epoch: Epoch) {
        let was = self.nodes[at].commit;
        self.nodes[at].commit = i;
        self.settle(at, i, chain);
        self.check(8, i > was, "non-monotone", || {
            format!("n{} commits {i:?} after {was:?}", at + 1)
        });
        for k in was.0.max(self.nodes[at].base.0.0) + 1..=i.0 {
            let Some(chain) = self.nodes[at].chain(Index(k)) else { continue };
            let lowest = &mut self.committed.entry(Index(k)).or_insert((chain, epoch)).1;
            *lowest = (*lowest).min(epoch);
        }
        let greatest = self.commits.last().map_or(i, |(_, greatest)| i.max(*greatest));
        self.commits.push((now, greatest));
    }

    /// A leader may tell a client of an offset, in the epoch it leads, before a majority has it.
    pub fn tells(&mut self, at: usize, epoch: Epoch, offset: Option<Offset>) {
        let Some(offset) = offset else { return };
        let me = (at, self.nodes[at].incarnation);
        if self.leaders.get(&epoch) != Some(&me) || !self.nodes[at].leads {
            self.fail("malformed", format!("n{} tells of {offset:?} in {epoch:?}", at + 1));
        }
        self.nodes[at].told.insert(offset, epoch);
    }

    /// In which epoch this node last told a client of this offset.
    pub fn epoch_told(&self, at: usize, offset: u64) -> Option<Epoch> {
        self.nodes[at].told.get(&Offset(offset)).copied()
    }

    /// Whether a later epoch opened with a log that ends before this offset.
    pub fn opened_without(&self, offset: u64, epoch: Epoch) -> bool {
        self.openings.iter().any(|(later, length)| *later > epoch && length.0 <= offset)
    }

    pub fn executes(&mut self, at: usize, i: Index, key: (ClientId, u64), result: Option<Offset>) {
        let first = self.nodes[at].applied_fresh.insert(key);
        let one = *self.fresh.entry(key).or_insert((i, result));
        self.check(9, first && one == (i, result), "session", || {
            format!("n{} executes {key:?} at {i:?}; it was {one:?}", at + 1)
        });
    }
}
