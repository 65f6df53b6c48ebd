//! The guard: it does what its input says to the nodes, and knows their keepers.
//! It never decides anything, and the end of its input is an order to kill.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::unistd::{Pid, getpid, getppid, read};

use super::chain::{END_MAX, END_PAUSE, Ended, end_all, join, reap, report, take};
use super::keeper;
use super::spawn::fork;
use crate::action::NodeId;
use crate::worlds::processes::messages::{NodeSignal, Order, Program, Report, Spawn};
use crate::worlds::processes::procfs::{self, Process, Table, Threads};

/// A stopped process is stopped as soon as it leaves the kernel; this is for a disk that is slow.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Between looks whether all threads have stopped.
const STOP_PAUSE: Duration = Duration::from_millis(1);
/// Who started another by vfork waits in the kernel until that has come to its exec: it was stopped
/// too early. Longer than any other wait there usually takes.
const VFORK_PATIENCE: Duration = Duration::from_millis(100);

/// Serves the harness below `watcher`; whether nothing is left then.
pub(super) fn serve(watcher: Pid) -> bool {
    let served = join(c"schism-guard").and_then(|signals| {
        report(&Report::Guard { pid: getpid().as_raw() });
        let (keepers, programs) = (BTreeMap::new(), BTreeMap::new());
        Guard { watcher, keepers, programs, signals }.serve()
    });
    served.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "schism guard: {error}");
        false
    })
}

struct Guard {
    watcher: Pid,
    /// All that have not been reaped.
    keepers: BTreeMap<i32, NodeId>,
    /// The keepers of client programs, by what these are called.
    programs: BTreeMap<i32, String>,
    signals: SignalFd,
}

impl Guard {
    /// Until the end of the input, or of the watcher.
    fn serve(&mut self) -> io::Result<bool> {
        let stdin = io::stdin();
        let mut input = Vec::new();
        let mut chunk = [0; 8192];
        loop {
            let mut sources = [
                PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut sources, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            let [from_harness, signalled] = sources.map(|source| source.any().unwrap_or_default());
            if signalled {
                take(&self.signals);
                if getppid() != self.watcher {
                    let gone = format!("the watcher (process {}) is gone", self.watcher);
                    return Ok(self.end(Some(gone)));
                }
                self.reap();
            }
            if from_harness {
                let bytes = match read(&stdin, &mut chunk) {
                    Err(Errno::EINTR) => continue,
                    // A broken pipe is an end too.
                    other => other.unwrap_or(0),
                };
                if bytes == 0 {
                    return Ok(self.end(None));
                }
                input.extend_from_slice(&chunk[..bytes]);
                while let Some(end) = input.iter().position(|&byte| byte == b'\n') {
                    let line: Vec<u8> = input.drain(..=end).collect();
                    self.obey(&line);
                }
            }
        }
    }

    fn obey(&mut self, line: &[u8]) {
        match serde_json::from_slice(line) {
            Ok(Order::Spawn(spawn)) => self.spawn(&spawn),
            Ok(Order::End { keeper }) => {
                let own = self.keepers.get(&keeper).map(|node| (keeper, *node));
                let (processes, unconfirmed) = self.kill(own.into_iter().collect());
                report(&Report::Signalled { processes, unconfirmed });
            }
            Ok(Order::Program(program)) => self.begin(&program),
            Ok(Order::EndProgram { name }) => self.end_program(&name),
            Ok(Order::Signal { nodes, signal }) => {
                let (processes, unconfirmed) = match signal {
                    NodeSignal::Kill => self.kill(self.keepers(&nodes)),
                    NodeSignal::Stop => self.stop(&nodes),
                    NodeSignal::Continue => (self.resume(&nodes), Vec::new()),
                };
                report(&Report::Signalled { processes, unconfirmed });
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "schism guard: not an order: {error}");
            }
        }
    }

    fn spawn(&mut self, spawn: &Spawn) {
        let node = spawn.node;
        match fork(|guard| keeper::keep(spawn, guard)) {
            Ok(keeper) => drop(self.keepers.insert(keeper.as_raw(), node)),
            Err(error) => report(&Report::Failed { node, error: error.to_string() }),
        }
    }

    fn begin(&mut self, program: &Program) {
        let name = program.name.clone();
        match fork(|guard| keeper::keep_program(program, guard)) {
            Ok(keeper) => drop(self.programs.insert(keeper.as_raw(), name)),
            Err(error) => report(&Report::NotBegun { name, error: error.to_string() }),
        }
    }

    /// Kills what there is of a client program. Its keeper ends with the last of it.
    fn end_program(&mut self, name: &str) {
        let keepers = self.programs.iter().filter(|program| program.1 == name);
        let keepers: Vec<i32> = keepers.map(|program| *program.0).collect();
        let start = Instant::now();
        while keepers.iter().any(|keeper| self.programs.contains_key(keeper))
            && start.elapsed() < END_MAX
        {
            let table = Table::now();
            for process in keepers.iter().flat_map(|keeper| table.below(*keeper)) {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            self.reap();
            std::thread::sleep(END_PAUSE);
        }
    }

    /// The keepers of these nodes. One node may have several: what it left of an earlier life.
    fn keepers(&self, nodes: &[NodeId]) -> BTreeMap<i32, NodeId> {
        let of = |(_, node): &(&i32, &NodeId)| nodes.contains(node);
        self.keepers.iter().filter(of).map(|(&keeper, &node)| (keeper, node)).collect()
    }

    /// Kills until nobody below these keepers is left: how many were seen alive, and are gone.
    fn kill(&mut self, keepers: BTreeMap<i32, NodeId>) -> (u64, Vec<i32>) {
        let start = Instant::now();
        let mut seen = BTreeSet::new();
        loop {
            let living = living(&keepers);
            for process in &living {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            seen.extend(living.iter().copied());
            self.reap();
            // A keeper ends with the last of those it keeps.
            if keepers.keys().all(|keeper| !self.keepers.contains_key(keeper)) {
                return (seen.len() as u64, Vec::new());
            }
            if start.elapsed() > END_MAX {
                let unconfirmed = living.iter().map(|process| process.pid).collect();
                return ((seen.len() - living.len()) as u64, unconfirmed);
            }
            std::thread::sleep(END_PAUSE);
        }
    }

    /// Stops every process of these nodes: how many were seen stopped in every thread. Two looks in
    /// a row must find the same ones: who is stopped starts no other.
    fn stop(&self, nodes: &[NodeId]) -> (u64, Vec<i32>) {
        let (start, keepers) = (Instant::now(), self.keepers(nodes));
        let (mut before, mut patience) = (None, VFORK_PATIENCE);
        loop {
            let (mut stopped, mut running) = (BTreeSet::new(), Vec::new());
            for process in living(&keepers) {
                let threads = procfs::threads(process.pid);
                match threads {
                    Threads::Gone => {}
                    Threads::Stopped => drop(stopped.insert(process)),
                    Threads::Running | Threads::Waiting => {
                        let _ = kill(Pid::from_raw(process.pid), Signal::SIGSTOP);
                        running.push((process, threads));
                    }
                }
            }
            if running.is_empty() && before.as_ref() == Some(&stopped) {
                return (stopped.len() as u64, Vec::new());
            }
            if start.elapsed() > STOP_MAX {
                let unconfirmed = running.iter().map(|(process, _)| process.pid).collect();
                return (stopped.len() as u64, unconfirmed);
            }
            if start.elapsed() > patience {
                patience += VFORK_PATIENCE;
                let waiting = running.iter().filter(|(_, threads)| *threads == Threads::Waiting);
                waiting.for_each(|(parent, _)| release_children(*parent));
            }
            before = running.is_empty().then_some(stopped);
            std::thread::sleep(STOP_PAUSE);
        }
    }

    /// Lets stopped processes go on: how many.
    fn resume(&self, nodes: &[NodeId]) -> u64 {
        let living = living(&self.keepers(nodes));
        for process in &living {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGCONT);
        }
        living.len() as u64
    }

    /// Takes leave of keepers. One that did not end by itself has left its node to us.
    fn reap(&mut self) {
        let mut lost = self.take_leave();
        if lost.is_empty() {
            return;
        }
        let (start, own) = (Instant::now(), getpid().as_raw());
        let mut ended = Ended::default();
        loop {
            let table = Table::now();
            let strays = table.children(own).filter(|one| !self.keeps(one.pid));
            let strays: Vec<Process> =
                strays.flat_map(|one| [vec![one], table.below(one.pid)].concat()).collect();
            if strays.is_empty() {
                break;
            }
            if start.elapsed() > END_MAX {
                ended.give_up(&strays);
                break;
            }
            ended.kill(&strays);
            std::thread::sleep(END_PAUSE);
            lost.extend(self.take_leave());
        }
        report(&Report::Orphans(ended.orphans(Some(lost.join(" and ")))));
    }

    /// Whether this process is a keeper.
    fn keeps(&self, pid: i32) -> bool {
        self.keepers.contains_key(&pid) || self.programs.contains_key(&pid)
    }

    /// Those that did not end by themselves, in words.
    fn take_leave(&mut self) -> Vec<String> {
        let mut lost = Vec::new();
        reap(|pid, how| {
            let node = self.keepers.remove(&pid.as_raw()).map(|node| node.to_string());
            let Some(whom) = node.or_else(|| self.programs.remove(&pid.as_raw())) else { return };
            if how == "exit 0" {
                report(&Report::Kept { keeper: pid.as_raw() });
            } else {
                lost.push(format!("the keeper of {whom} (process {pid}) is gone ({how})"));
            }
        });
        lost
    }

    /// Ends everybody. `gone`: it was not the harness who wanted it.
    fn end(&self, gone: Option<String>) -> bool {
        // Keepers report deaths as long as we live: those that follow must not come before it.
        if gone.is_some() {
            report(&Report::Orphans(Ended::default().orphans(gone.clone())));
        }
        let ended = end_all(|pid| self.keeps(pid));
        let nothing_is_left = ended.nothing_is_left();
        if gone.is_some() || !nothing_is_left {
            report(&Report::Orphans(ended.orphans(gone)));
        }
        nothing_is_left
    }
}

/// Who lives below these keepers.
fn living(keepers: &BTreeMap<i32, NodeId>) -> Vec<Process> {
    let living = Table::now().of_nodes(keepers);
    living.into_iter().map(|(_, process)| process).collect()
}

fn release_children(parent: Process) {
    for child in Table::now().children(parent.pid) {
        let _ = kill(Pid::from_raw(child.pid), Signal::SIGCONT);
    }
}
