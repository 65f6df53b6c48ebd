//! Ends what a guard did not end: by descent, and where there is nobody left to descend from, by
//! the files below the run directory.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid, getpid};

use super::held::Abandoned;
use super::messages::Named;
use super::procfs::{self, Process, Table, Threads};

/// SIGKILL takes effect within microseconds, unless the machine has much else to do or the kernel
/// waits for a disk.
const END_MAX: Duration = Duration::from_secs(30);
/// Between looks at who is still dying.
const END_PAUSE: Duration = Duration::from_millis(2);

/// What became of processes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Swept {
    pub(super) killed: BTreeSet<Named>,
    pub(super) left: BTreeSet<Named>,
}

/// Kills everybody below a process, but not itself.
pub(super) fn below(root: i32) -> Swept {
    end(|table| table.below(root))
}

/// Kills what a run left whose processes descend from nobody any more.
pub(super) fn of_run(directory: &Path, watcher: Process) -> Swept {
    // Paths of processes are as the kernel has them.
    let run = fs::canonicalize(directory).unwrap_or_else(|_| directory.into());
    let homes = [run.join("nodes"), run.join("clients")];
    end(|table| strays(table, &homes, watcher))
}

/// Cleans up after runs below `out` that were killed with all who held their nodes. What it did, in
/// sentences.
pub fn abandoned(out: &Path) -> Vec<String> {
    let clean = |run: Abandoned| {
        let mut swept = of_run(&run.directory, run.watcher);
        if procfs::is(run.watcher) {
            // Somebody stopped it, or it would have ended them.
            let below = end(|table| [table.below(run.watcher.pid), vec![run.watcher]].concat());
            swept.killed.extend(below.killed);
            swept.left.extend(below.left);
        }
        let said = swept.say(&format!("{} was killed from outside", run.directory.display()));
        if !swept.left.is_empty() {
            run.keep();
        }
        (swept != Swept::default()).then_some(said)
    };
    Abandoned::below(out).into_iter().filter_map(clean).collect()
}

impl Swept {
    /// What became of them, after why.
    pub(super) fn say(&self, why: &str) -> String {
        let names = |named: &BTreeSet<Named>| {
            named.iter().map(Named::to_string).collect::<Vec<_>>().join(", ")
        };
        let mut said = if self.killed.is_empty() {
            format!("{why}; it left no process that runs")
        } else {
            format!("{why}; what it left was killed: {}", names(&self.killed))
        };
        if !self.left.is_empty() {
            said = format!("{said}; these did not die, end them by hand: {}", names(&self.left));
        }
        said
    }
}

/// Processes that a run left, and what is below them: of this user, begun after its watcher, at
/// home below the folder of nodes or clients, and of a session that nobody leads any more. A person
/// who looks at the run from a shell of his own is none of them. Nor are we, who read the run's
/// files, or who started us: what comes of a watcher is in its session or in a newer one, never in
/// ours.
fn strays(table: &Table, homes: &[PathBuf], watcher: Process) -> Vec<Process> {
    let (own, user) = (getpid().as_raw(), geteuid().as_raw());
    let (own_session, above) = (procfs::session(own), table.above(own));
    let is_ours = |one: &Process| {
        let owner = fs::metadata(format!("/proc/{}", one.pid)).map(|about| about.uid());
        one.started >= watcher.started && owner.is_ok_and(|owner| owner == user)
    };
    let is_left = |one: &Process| {
        let session = procfs::session(one.pid);
        session.is_some() && session != own_session && !above.contains(&one.pid)
    };
    let is_home = |place: PathBuf| homes.iter().any(|home| place.starts_with(home));
    let at_home = |one: &Process| places(one.pid).any(is_home);
    let living = table.living().filter(is_ours).filter(is_left);
    let mut found: Vec<Process> = living.filter(at_home).collect();
    let led = |one: &Process| {
        let leader = procfs::session(one.pid).unwrap_or(0);
        let is_one = found.iter().any(|other| other.pid == leader);
        !is_one && leader != watcher.pid && table.living().any(|other| other.pid == leader)
    };
    let led: Vec<Process> = found.iter().filter(|one| led(one)).copied().collect();
    found.retain(|one| !led.contains(one));
    let below: Vec<Process> = found.iter().flat_map(|one| table.below(one.pid)).collect();
    let all: BTreeSet<Process> = found.into_iter().chain(below).collect();
    all.into_iter().collect()
}

/// Where a process is, and the files that it has open.
fn places(pid: i32) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = files.map(|file| file.path()).chain([format!("/proc/{pid}/cwd").into()]);
    links.filter_map(|link| fs::read_link(link).ok())
}

/// Whether a process runs any code.
pub(super) fn lives(pid: i32) -> bool {
    procfs::threads(pid) != Threads::Gone
}

/// Kills those that are found, until none is.
fn end(find: impl Fn(&Table) -> Vec<Process>) -> Swept {
    let start = Instant::now();
    let (mut seen, mut quiet) = (BTreeSet::new(), 0);
    loop {
        let found = find(&Table::now());
        // Who forks and ends during one look may hide from it.
        quiet = if found.is_empty() { quiet + 1 } else { 0 };
        if quiet == 2 || start.elapsed() > END_MAX {
            let left: BTreeSet<Named> = found.iter().filter_map(named).collect();
            return Swept { killed: seen.difference(&left).cloned().collect(), left };
        }
        // Names first: a death may bring about others.
        seen.extend(found.iter().filter_map(named));
        for process in found {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
        std::thread::sleep(END_PAUSE);
    }
}

/// None: somebody else has ended it meanwhile.
fn named(process: &Process) -> Option<Named> {
    Some(Named { pid: process.pid, name: procfs::name(process.pid)? })
}
