//! The machine's own stalls, when the harness or a node stood still for want of a CPU; and whether
//! somebody stopped those who hold the nodes. It also keeps what nodes say from filling the disk.
//! It never touches the cluster.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::alarm::Alarm;
use super::logs::Logs;
use super::nodes::{Lives, Shared};
use super::procfs::{self, Table};
use crate::action::NodeId;

/// A tick is cheap, and a tenth of what counts as a stall.
const TICK: Duration = Duration::from_millis(10);
/// A gap this long can cost an election; shorter ones are everyday.
const STALL_MIN: Duration = Duration::from_millis(100);
/// A node's thread that waited so long for a CPU within a second: less than a quarter is everyday
/// where there are more nodes than cores.
const STARVED_MIN: Duration = Duration::from_millis(250);
/// A guard that is stopped obeys nobody: within a second it is noticed, also on a busy machine.
const LOOK_EVERY: Duration = Duration::from_millis(200);
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
    pub(super) fn start(lives: Shared, alarm: Alarm, logs: Logs) -> std::io::Result<Watch> {
        let seen = Arc::<Mutex<Vec<Stall>>>::default();
        let (end, ended) = mpsc::channel();
        let into = seen.clone();
        let thread = std::thread::Builder::new()
            .name("watch".into())
            .spawn(move || run(&into, &ended, &lives, &alarm, &logs))?;
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

fn run(
    seen: &Mutex<Vec<Stall>>,
    ended: &mpsc::Receiver<()>,
    lives: &Mutex<Lives>,
    alarm: &Alarm,
    logs: &Logs,
) {
    let note = |stall| seen.lock().expect("no panic while watching").push(stall);
    let mut last = Instant::now();
    let (mut sampled, mut looked) = (last, last);
    let mut starved = Starved::default();
    while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let now = Instant::now();
        if let Some(stall) = gap(last, now) {
            note(stall);
        }
        last = now;
        if now - looked >= LOOK_EVERY {
            looked = now;
            if let Some(who) = stopped(lives) {
                alarm.raise(&format!("{who} was stopped by a signal, and holds no node any more"));
            }
        }
        if now - sampled >= SAMPLE_EVERY {
            sampled = now;
            logs.thin();
            let keepers = lives.lock().expect("no panic while looking").keepers.clone();
            // The next look will do.
            let Ok(table) = Table::read() else { continue };
            let waits = table.of_nodes(&keepers).into_iter().flat_map(|(node, process)| {
                let threads = procfs::starved_ns(process.pid).into_iter();
                threads.map(move |(thread, ns)| ((node, thread), ns))
            });
            starved.sample(now, waits.collect()).into_iter().for_each(note);
        }
    }
}

/// One of those who hold the nodes whom somebody stopped: we never do.
fn stopped(lives: &Mutex<Lives>) -> Option<String> {
    let (chain, keepers) = {
        let lives = lives.lock().expect("no panic while looking");
        (lives.chain.clone(), lives.keepers.clone())
    };
    let above = chain.into_iter().map(|(pid, who)| (pid, who.to_owned()));
    let mut all =
        above.chain(keepers.into_iter().map(|(pid, n)| (pid, format!("the keeper of {n}"))));
    let (pid, who) = all.find(|(pid, _)| procfs::is_stopped(*pid))?;
    Some(format!("{who} (process {pid})"))
}

/// The harness itself did not run between two ticks.
fn gap(from: Instant, to: Instant) -> Option<Stall> {
    (to - from >= STALL_MIN).then(|| Stall { from, to, what: "harness".into() })
}

/// How long each thread of each node had waited for a CPU when last looked at.
#[derive(Default)]
struct Starved(BTreeMap<(NodeId, i32), u64>);

impl Starved {
    /// The nodes of which a thread waited too long since the last sample. A thread seen for the
    /// first time has no such time yet.
    fn sample(&mut self, now: Instant, waits: BTreeMap<(NodeId, i32), u64>) -> Vec<Stall> {
        let mut longest = BTreeMap::<NodeId, Duration>::new();
        for (thread, total) in &waits {
            let before = self.0.get(thread).unwrap_or(total);
            let wait = Duration::from_nanos(total.saturating_sub(*before));
            let longest = longest.entry(thread.0).or_default();
            *longest = wait.max(*longest);
        }
        self.0 = waits;
        longest.retain(|_, wait| *wait >= STARVED_MIN);
        let stall = |(node, wait): (NodeId, Duration)| {
            // A clock younger than the wait is one that has just started.
            let from = now.checked_sub(wait).unwrap_or(now);
            Stall { from, to: now, what: node.to_string() }
        };
        longest.into_iter().map(stall).collect()
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
    fn a_node_is_starved_by_what_one_thread_waited_since_the_last_look() {
        let start = Instant::now();
        let now = start + Duration::from_millis(250);
        let mut starved = Starved::default();
        let mut look = |one_ms: u64, two_ms: u64| {
            let wait = |thread, ms: u64| ((NodeId(2), thread), ms * 1_000_000);
            starved.sample(now, BTreeMap::from([wait(5, one_ms), wait(6, two_ms)]))
        };
        assert_eq!(look(900, 100), [], "both are seen for the first time");
        assert_eq!(look(1_100, 300), [], "each waited less");
        assert_eq!(look(1_100, 550), [Stall { from: start, to: now, what: "n2".into() }]);
        let anew = BTreeMap::from([((NodeId(2), 7), 9_000_000_000)]);
        assert_eq!(starved.sample(now, anew), [], "a new process");
    }
}
