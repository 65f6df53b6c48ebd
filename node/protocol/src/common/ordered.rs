//! The ordered log of one node: its entries, how far they are committed, what applying them came
//! to, and the latest snapshot. Every protocol that keeps one log keeps it in here.
//!
//! It never decides what is committed, what may be removed or whether a request is a repetition,
//! and it never sends: a protocol's rules decide, this carries it out and writes the evidence.

use bytes::Bytes;

use crate::common::disk::{Disk, Hard};
use crate::common::log::{Log, Position, weight};
use crate::common::replica::{Applied, Replica};
use crate::common::session::{Lookup, Sessions};
use crate::common::transfer::Staging;
use crate::machine::{
    Boot, BootError, Chain, Command, Delivery, Epoch, Index, LogEntry, NodeId, Offset, Output,
    Outputs, Record, Reply, Role, Session, Snapshot, TraceEvent,
};

#[derive(Clone, Debug, Default)]
pub struct Ordered {
    /// The entries after the snapshot before the latest, as in memory.
    pub log: Log,
    /// The greatest index known to be committed.
    pub commit: Index,
    /// What applying the committed log came to.
    pub replica: Replica,
    /// The latest snapshot, taken here or installed.
    pub snapshot: Snapshot,
    /// A snapshot that is arriving.
    staging: Option<Staging>,
    /// How far the disk held the log when the trace said so last.
    on_disk: (Index, Chain),
    /// The last acknowledgement in the trace, to say each once.
    acked: (Epoch, Index),
    /// The last role in the trace.
    told_role: Option<(Role, Epoch)>,
}

/// An entry that was applied just now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    pub index: Index,
    /// The epoch it was created in.
    pub epoch: Epoch,
    /// The bytes it counted for in limits.
    pub weight: usize,
    /// What to answer whoever asked; None for entries nobody asked for.
    pub reply: Option<Reply>,
}

impl Ordered {
    /// What the disk kept, made whole again.
    pub fn recover(boot: &mut Boot) -> Result<Self, BootError> {
        let snapshot = boot.snapshot.take().unwrap_or_default();
        let delivered = std::mem::take(&mut boot.delivered);
        let replica = Replica::restore(&snapshot, delivered).map_err(BootError::Disk)?;
        let log = replay(&snapshot, std::mem::take(&mut boot.log))?;
        Ok(Ordered { log, commit: snapshot.index, replica, snapshot, ..Ordered::default() })
    }

    /// The first lines of an incarnation's evidence: what the disk gave back, which it holds
    /// whether or not the last incarnation lived to hear it.
    pub fn trace_boot<M>(
        &mut self,
        members: &[NodeId],
        epoch: Epoch,
        promise: Option<NodeId>,
        out: &mut Outputs<M>,
    ) {
        let Position { index: last, chain, .. } = self.log.last();
        let first = self.log.first();
        out.push(Output::Trace(TraceEvent::Boot { epoch, promise, first, last, chain }));
        let set = members.to_vec();
        out.push(Output::Trace(TraceEvent::Config { i: Index(0), set }));
        self.trace_persist(last, epoch, promise, out);
        let (length, chain) = (self.replica.length(), self.replica.chain);
        if length > Offset(0) {
            out.push(Output::Restored { length, chain });
        }
    }

    /// The disk holds the log up to `upto`. Where a slow one is behind even what is summed up in
    /// memory, so that nothing here knows the chain there, it holds what it held before.
    pub fn trace_persist<M>(
        &mut self,
        upto: Index,
        epoch: Epoch,
        promise: Option<NodeId>,
        out: &mut Outputs<M>,
    ) {
        if let Some(chain) = self.log.chain(upto) {
            self.on_disk = (upto, chain);
        }
        let (upto, chain) = self.on_disk;
        out.push(Output::Trace(TraceEvent::Persist { upto, chain, epoch, promise }));
    }

    /// One line for each new acknowledgement: repeating it promises nothing more.
    pub fn trace_ack<M>(
        &mut self,
        kind: &'static str,
        i: Index,
        epoch: Epoch,
        out: &mut Outputs<M>,
    ) {
        if self.acked == (epoch, i) {
            return;
        }
        if let Some(chain) = self.log.chain(i) {
            self.acked = (epoch, i);
            out.push(Output::Trace(TraceEvent::AckSent { kind, i, chain, epoch, offset: None }));
        }
    }

    /// A client is told that what entry `i` asked for is at `offset`, before `i` is committed.
    pub fn trace_told<M>(&self, i: Index, epoch: Epoch, offset: Offset, out: &mut Outputs<M>) {
        let chain = self.log.chain(i).expect("a leader keeps what it has not committed");
        let (kind, offset) = ("client", Some(offset));
        out.push(Output::Trace(TraceEvent::AckSent { kind, i, chain, epoch, offset }));
    }

    /// One line for each change of role or epoch; for a leader, after its log is chosen.
    pub fn trace_role<M>(&mut self, role: Role, epoch: Epoch, out: &mut Outputs<M>) {
        self.trace_role_at(role, epoch, None, out);
    }

    /// The same, with the length that a leader opens with where it answers from all of its log.
    pub fn trace_role_at<M>(
        &mut self,
        role: Role,
        epoch: Epoch,
        length: Option<Offset>,
        out: &mut Outputs<M>,
    ) {
        if self.told_role.unwrap_or((Role::Follower, epoch)) != (role, epoch) {
            let Position { index: last, chain, .. } = self.log.last();
            out.push(Output::Trace(TraceEvent::Role { role, epoch, last, chain, length }));
        }
        self.told_role = Some((role, epoch));
    }

    /// Puts an entry into the log, in memory and on disk.
    pub fn put<H: Hard, P, M>(
        &mut self,
        entry: LogEntry,
        disk: &mut Disk<H, P>,
        out: &mut Outputs<M>,
    ) {
        let (i, epoch) = (entry.index, entry.epoch);
        if i <= self.log.last_index() {
            self.part_from_disk(i, disk);
        }
        let chain = self.log.put(entry.clone());
        out.push(Output::Trace(TraceEvent::Append { i, epoch, chain }));
        disk.persist(Record::Append(entry), out);
    }

    /// Puts an entry that is known to be chosen at the end of the log, in memory: what of it is on
    /// disk is its acceptor's. Where a value is chosen slot by slot no ballot is part of it, since
    /// nodes learn the same value in different ones: its epoch is 0, or names who asked for it.
    pub fn learn<M>(&mut self, epoch: Epoch, command: Command, out: &mut Outputs<M>) {
        let i = self.log.last_index().next();
        let chain = self.log.put(LogEntry { index: i, epoch, command });
        out.push(Output::Trace(TraceEvent::Append { i, epoch, chain }));
    }

    /// How many delivered values are here: of a snapshot that is arriving, or delivered.
    #[must_use]
    pub fn have(&self) -> Offset {
        let length = self.replica.length();
        self.staging.as_ref().map_or(length, |staging| staging.end().max(length))
    }

    /// Removes entries from `from` on by authority of `epoch`: in memory, and where `durably` on
    /// disk too.
    pub fn cut<H: Hard, P, M>(
        &mut self,
        from: Index,
        epoch: Epoch,
        durably: bool,
        disk: &mut Disk<H, P>,
        out: &mut Outputs<M>,
    ) {
        self.part_from_disk(from, disk);
        self.log.truncate(from);
        out.push(Output::Trace(TraceEvent::Truncate { from, epoch }));
        if durably {
            disk.persist(Record::Truncate { from }, out);
        }
    }

    /// From `from` on the log becomes another one than the disk's: neither the disk nor the trace
    /// vouches any more for what they held there.
    fn part_from_disk<H: Hard, P>(&mut self, from: Index, disk: &mut Disk<H, P>) {
        disk.vouches_only_before(from);
        let before = Index(from.0.saturating_sub(1));
        if let Some(chain) = self.log.chain(before).filter(|_| self.on_disk.0 > before) {
            self.on_disk = (before, chain);
        }
    }

    /// Raises the commit index and applies what that commits, as far as the log is here. It never
    /// goes back. `look_up` is what the protocol's rules say about a request's session.
    pub fn commit_to<M>(
        &mut self,
        to: Index,
        epoch: Epoch,
        as_leader: bool,
        look_up: impl Fn(&Sessions, Session) -> Lookup,
        out: &mut Outputs<M>,
    ) -> Vec<Done> {
        if to <= self.commit {
            return Vec::new();
        }
        let Some(chain) = self.log.chain(to) else { return Vec::new() };
        self.commit = to;
        out.push(Output::Trace(TraceEvent::Commit { i: to, chain, epoch, as_leader }));
        let next = self.replica.applied.0 + 1;
        (next..=to.0).map_while(|i| self.apply(Index(i), &look_up, out)).collect()
    }

    fn apply<M>(
        &mut self,
        index: Index,
        look_up: impl Fn(&Sessions, Session) -> Lookup,
        out: &mut Outputs<M>,
    ) -> Option<Done> {
        let entry = self.log.entry(index)?.clone();
        let chain = self.log.chain(index).expect("an entry that is here has a chain");
        let session = match &entry.command {
            Command::Append { session, .. } => *session,
            Command::Noop | Command::Open | Command::Note(_) => None,
        };
        let lookup = session.map_or(Lookup::Fresh, |s| look_up(&self.replica.sessions, s));
        let Applied { reply, offset, fresh } = self.replica.apply(&entry, lookup);
        out.push(Output::Trace(TraceEvent::Apply {
            i: index,
            chain,
            client: session.map(|s| s.client),
            seq: session.map(|s| s.seq),
            result: offset,
            fresh,
        }));
        let done = Done { index, epoch: entry.epoch, weight: weight(&entry), reply };
        if let (Command::Append { value, .. }, Some(offset), true) = (entry.command, offset, fresh)
        {
            out.push(Output::Deliver(Delivery { offset, value, session, epoch: done.epoch }));
        }
        Some(done)
    }

    /// Sums up what is applied when `every` entries were applied since the last time; 0: never.
    /// The log keeps what came after the snapshot before, so that a node a little behind needs no
    /// transfer.
    pub fn take_snapshot_if_due<H: Hard, P, M>(
        &mut self,
        every: u64,
        members: &[NodeId],
        disk: &mut Disk<H, P>,
        out: &mut Outputs<M>,
    ) {
        let applied = self.replica.applied;
        if every == 0 || applied.0 < self.snapshot.index.0 + every {
            return;
        }
        let Some(Position { index, epoch, chain }) = self.log.position(applied) else { return };
        let snapshot = Snapshot {
            index,
            epoch,
            chain,
            length: self.replica.length(),
            delivered_chain: self.replica.chain,
            state: self.replica.encode_state(members),
        };
        out.push(Output::Trace(TraceEvent::Snap { i: index, chain }));
        self.log.compact(self.snapshot.index);
        self.snapshot = snapshot.clone();
        let from = snapshot.length;
        disk.persist(Record::Snapshot { snapshot, from, values: Vec::new() }, out);
    }

    /// Takes a piece of a snapshot that is arriving: `values` from `offset` on. Returns how many
    /// delivered values are here, in hand or delivered: at `snapshot.length` it can be installed.
    /// None: the snapshot cannot be read.
    pub fn stage(
        &mut self,
        snapshot: &Snapshot,
        offset: Offset,
        values: Vec<Bytes>,
    ) -> Option<Offset> {
        Replica::decode_state(&snapshot.state).ok()?;
        let (index, length) = (snapshot.index, self.replica.length());
        let kept = self.staging.take().filter(|staging| staging.end() >= length);
        let staging = match kept {
            Some(staging) if staging.index() == index => staging,
            Some(staging) => staging.moved_to(index, snapshot.length),
            None => Staging::new(index, length),
        };
        Some(self.staging.insert(staging).take(offset, values))
    }

    /// The snapshot that is arriving (0: none), and how many delivered values are here.
    #[must_use]
    pub fn staged(&self) -> (Index, Offset) {
        let none = (Index(0), self.replica.length());
        self.staging.as_ref().map_or(none, |staging| (staging.index(), staging.end()))
    }

    /// Forgets a snapshot that was arriving: its sender leads no longer.
    pub fn drop_staging(&mut self) {
        self.staging = None;
    }

    /// Everything up to the staged snapshot is as it says, by authority of `epoch`. What follows
    /// in the log stays where the log holds the snapshot's last entry, and goes otherwise; it goes
    /// first, so that a crash in between leaves no tail behind a prefix it does not belong to. What
    /// the disk holds of such a log is known to be of this one only as far as it was committed.
    pub fn install<H: Hard, P, M>(
        &mut self,
        epoch: Epoch,
        snapshot: Snapshot,
        disk: &mut Disk<H, P>,
        out: &mut Outputs<M>,
    ) {
        let (index, made_in, chain) = (snapshot.index, snapshot.epoch, snapshot.chain);
        let agrees = self.log.epoch(index) == Some(made_in);
        if !agrees {
            if self.log.last_index() > index {
                self.cut(index.next(), epoch, true, disk, out);
            }
            self.part_from_disk(self.commit.next(), disk);
        }
        let staging = self.staging.take().expect("a snapshot is installed from its staging");
        let from = self.replica.length();
        let arrived = staging.values_from(from);
        let mut values = std::mem::take(&mut self.replica.values);
        values.extend(arrived.iter().cloned());
        values.truncate(snapshot.length.0 as usize);
        let sessions = Replica::decode_state(&snapshot.state).expect("it was read when staged");
        let delivered = snapshot.delivered_chain;
        self.replica = Replica { applied: index, values, chain: delivered, sessions };
        if agrees {
            self.log.compact(index);
        } else {
            self.log = Log::after(Position { index, epoch: made_in, chain });
        }
        self.commit = index;
        self.snapshot = snapshot.clone();
        out.push(Output::Trace(TraceEvent::Restore { i: index, chain, epoch }));
        let length = snapshot.length;
        disk.persist(Record::Snapshot { snapshot, from, values: arrived }, out);
        out.push(Output::Restored { length, chain: delivered });
    }
}

fn replay(snapshot: &Snapshot, entries: Vec<LogEntry>) -> Result<Log, BootError> {
    let base = Position { index: snapshot.index, epoch: snapshot.epoch, chain: snapshot.chain };
    if snapshot.index == Index(0) && snapshot.chain != Chain(0) {
        return Err(BootError::Disk("the snapshot of nothing has a chain".into()));
    }
    let mut log = Log::after(base);
    for entry in entries {
        if entry.index <= base.index {
            continue;
        }
        if entry.index != log.last_index().next() {
            let (last, next) = (log.last_index().0, entry.index.0);
            return Err(BootError::Disk(format!(
                "the log has a hole: after index {last} comes {next}"
            )));
        }
        log.put(entry);
    }
    Ok(log)
}

#[cfg(test)]
mod tests;
