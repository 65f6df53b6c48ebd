//! The machine's own stalls: when the harness or a node stood still for want of a CPU.
//! It never touches the cluster.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::nodes::Pids;
use super::procfs;
use crate::action::NodeId;

/// A tick is cheap, and a tenth of what counts as a stall.
const TICK: Duration = Duration::from_millis(10);
/// A gap this long can cost an election; shorter ones are everyday.
const STALL_MIN: Duration = Duration::from_millis(100);
/// Reading /proc for a handful of nodes takes about a millisecond.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// A time in which the machine did not let someone run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stall {
    /// From when, on CLOCK_MONOTONIC. Of a node it is known how long it waited in the second
    /// before `to`, not when: the wait is put at its end.
    pub from: Instant,
    /// Until when.
    pub to: Instant,
    /// Who: `harness`, or a node's name.
    pub what: String,
}

/// The watching thread. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Watch {
    seen: Arc<Mutex<Vec<Stall>>>,
    /// Dropped, it ends the thread.
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(pids: Pids) -> std::io::Result<Watch> {
        let seen = Arc::<Mutex<Vec<Stall>>>::default();
        let (end, ended) = mpsc::channel();
        let into = seen.clone();
        let thread = std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || run(&into, &ended, &pids))?;
        Ok(Watch { seen, end: Some(end), thread: Some(thread) })
    }

    /// What was seen since last asked.
    pub(super) fn stalls(&self) -> Vec<Stall> {
        std::mem::take(&mut *self.seen.lock().expect("no panic while watching"))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // Ends within a tick. Its panic has been printed.
            let _ = thread.join();
        }
    }
}

fn run(seen: &Mutex<Vec<Stall>>, ended: &mpsc::Receiver<()>, pids: &Pids) {
    let note = |stall| seen.lock().expect("no panic while watching").push(stall);
    let mut last = Instant::now();
    let mut sampled = last;
    let mut starved = Starved::default();
    while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let now = Instant::now();
        if let Some(stall) = gap(last, now) {
            note(stall);
        }
        last = now;
        if now - sampled >= SAMPLE_EVERY {
            sampled = now;
            let nodes = pids.lock().expect("no panic while looking").clone();
            let waits =
                nodes.into_iter().map(|(node, pid)| (node, pid, procfs::starved_ns(pid))).collect();
            starved.sample(now, waits).into_iter().for_each(note);
        }
    }
}

/// The harness itself did not run between two ticks.
fn gap(from: Instant, to: Instant) -> Option<Stall> {
    (to - from >= STALL_MIN).then(|| Stall { from, to, what: "harness".into() })
}

/// How long each node's hungriest thread had waited for a CPU when last looked at.
#[derive(Default)]
struct Starved(BTreeMap<NodeId, (i32, u64)>);

impl Starved {
    /// The nodes that waited too long since the last sample; a node seen first, or restarted, has
    /// no such time yet.
    fn sample(&mut self, now: Instant, waits: Vec<(NodeId, i32, u64)>) -> Vec<Stall> {
        let mut stalls = Vec::new();
        for (node, pid, total) in waits {
            let Some((before_pid, before)) = self.0.insert(node, (pid, total)) else { continue };
            let wait = Duration::from_nanos(total.saturating_sub(before));
            if before_pid == pid && wait >= STALL_MIN {
                stalls.push(Stall { from: now - wait, to: now, what: node.to_string() });
            }
        }
        stalls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_gap_is_a_stall_and_a_short_one_is_not() {
        let start = Instant::now();
        assert_eq!(gap(start, start + Duration::from_millis(99)), None);
        let to = start + Duration::from_millis(100);
        assert_eq!(gap(start, to), Some(Stall { from: start, to, what: "harness".into() }));
    }

    #[test]
    fn a_node_is_starved_by_what_it_waited_since_the_last_look() {
        let now = Instant::now() + Duration::from_secs(10);
        let mut starved = Starved::default();
        let node = NodeId(2);
        let ms = 1_000_000;
        assert_eq!(starved.sample(now, vec![(node, 5, 900 * ms)]), []);
        assert_eq!(starved.sample(now, vec![(node, 5, 950 * ms)]), []);
        let stall = Stall { from: now - Duration::from_millis(250), to: now, what: "n2".into() };
        assert_eq!(starved.sample(now, vec![(node, 5, 1_200 * ms)]), [stall]);
        assert_eq!(starved.sample(now, vec![(node, 6, 9_000 * ms)]), [], "a new process");
    }
}
