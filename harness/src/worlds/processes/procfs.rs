//! What /proc says of processes. A process may be gone between two looks: then it is left out.
//! It never signals anyone.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use crate::action::NodeId;
use crate::limits::is_own;

/// Far longer than somebody else needs to give descriptors back.
const READ_MAX: Duration = Duration::from_secs(10);
const READ_PAUSE: Duration = Duration::from_millis(5);

/// One process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Process {
    pub(super) pid: i32,
    /// When it began, in ticks since the machine did: a pid that is given again is another process.
    pub(super) started: u64,
}

/// What the threads of a process do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Threads {
    /// There is none: the process is gone, or waits to be reaped.
    Gone,
    /// Every one of them is in state T.
    Stopped,
    /// Some one runs, or might.
    Running,
    /// So it is, and one is in state D: it does not stop before it has left the kernel.
    Waiting,
}

/// All processes in one look.
pub(super) struct Table(Vec<Row>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    process: Process,
    parent: i32,
    session: i32,
    /// R, S, D, T, Z, ...
    state: u8,
}

impl Table {
    /// Fails where a descriptor is missing, say: that says nothing of who is there.
    pub(super) fn read() -> io::Result<Table> {
        let entries = fs::read_dir("/proc")?.collect::<io::Result<Vec<_>>>()?;
        let pid = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        let rows = entries.iter().filter_map(pid).map(row);
        Ok(Table(rows.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect()))
    }

    /// For those who must know: they try again for a while.
    pub(super) fn now() -> Table {
        let start = Instant::now();
        loop {
            match Table::read() {
                Ok(table) => return table,
                Err(error) if start.elapsed() > READ_MAX => {
                    // Nobody can work so; whoever is above ends what is left.
                    panic!("/proc cannot be read: {error}")
                }
                Err(_) => std::thread::sleep(READ_PAUSE),
            }
        }
    }

    /// Every process below `root` that lives, without `root` itself; parents before their children.
    pub(super) fn below(&self, root: i32) -> Vec<Process> {
        let mut found = Vec::new();
        let mut parents = vec![root];
        while let Some(parent) = parents.pop() {
            for row in self.0.iter().filter(|row| row.parent == parent) {
                parents.push(row.process.pid);
                if lives(row) {
                    found.push(row.process);
                }
            }
        }
        found
    }

    /// A process, its parent, and so on up to the first.
    pub(super) fn above(&self, pid: i32) -> Vec<i32> {
        let parent = |&of: &i32| self.0.iter().find(|row| row.process.pid == of).map(|r| r.parent);
        // A pid that is given again during one look could close a circle.
        std::iter::successors(Some(pid), parent).take(self.0.len()).collect()
    }

    /// Every living process of these nodes, by their keepers.
    pub(super) fn of_nodes(&self, keepers: &BTreeMap<i32, NodeId>) -> Vec<(NodeId, Process)> {
        let of = |(&keeper, &node)| self.below(keeper).into_iter().map(move |one| (node, one));
        keepers.iter().flat_map(of).collect()
    }

    /// All that live.
    pub(super) fn living(&self) -> impl Iterator<Item = Process> {
        self.0.iter().filter(|row| lives(row)).map(|row| row.process)
    }

    /// The living children of a process.
    pub(super) fn children(&self, parent: i32) -> impl Iterator<Item = Process> {
        let own = self.0.iter().filter(move |row| row.parent == parent && lives(row));
        own.map(|row| row.process)
    }
}

/// What the threads of a process do now.
pub(super) fn threads(pid: i32) -> Threads {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Threads::Gone };
    let state = |task: fs::DirEntry| {
        Some(parse(&fs::read_to_string(task.path().join("stat")).ok()?)?.state)
    };
    let states: Vec<u8> = tasks.flatten().filter_map(state).filter(|&s| !is_dead(s)).collect();
    if states.is_empty() {
        Threads::Gone
    } else if states.iter().all(|state| matches!(state, b'T' | b't')) {
        Threads::Stopped
    } else if states.contains(&b'D') {
        Threads::Waiting
    } else {
        Threads::Running
    }
}

/// The process that has this number now.
pub(super) fn process(pid: i32) -> Option<Process> {
    row_now(pid).map(|row| row.process)
}

/// Whether exactly this process is there.
pub(super) fn is(known: Process) -> bool {
    row_now(known.pid).is_some_and(|row| row.process == known && lives(&row))
}

/// Who began the session that a process belongs to.
pub(super) fn session(pid: i32) -> Option<i32> {
    row_now(pid).map(|row| row.session)
}

/// Whether somebody stopped the process with a signal.
pub(super) fn is_stopped(pid: i32) -> bool {
    row_now(pid).is_some_and(|row| row.state == b'T')
}

/// What a process is called; None: it is gone.
pub(super) fn name(pid: i32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// How long each thread of the process has waited for a CPU since it began, in nanoseconds.
pub(super) fn starved_ns(pid: i32) -> Vec<(i32, u64)> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let wait = |task: fs::DirEntry| {
        let thread = task.file_name().to_str()?.parse().ok()?;
        let line = fs::read_to_string(task.path().join("schedstat")).ok()?;
        Some((thread, line.split(' ').nth(1)?.parse().ok()?))
    };
    tasks.flatten().filter_map(wait).collect()
}

/// The inodes of the sockets a process has open.
pub(super) fn sockets(pid: i32) -> io::Result<Vec<u64>> {
    let links = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let inode = |entry: fs::DirEntry| {
        let target = fs::read_link(entry.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    Ok(links.filter_map(inode).collect())
}

/// None: the process is gone.
fn row(pid: i32) -> io::Result<Option<Row>> {
    match fs::read(format!("/proc/{pid}/stat")) {
        // A name may be no UTF-8.
        Ok(line) => Ok(parse(&String::from_utf8_lossy(&line))),
        Err(error) if is_own(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The same for one who asks again soon.
fn row_now(pid: i32) -> Option<Row> {
    row(pid).ok().flatten()
}

/// `123 (name) S 1 123 ...`; the name may hold anything, also parentheses.
fn parse(line: &str) -> Option<Row> {
    /// Where field 22 is, `starttime` in proc(5), counted from the state.
    const STARTED: usize = 22 - 3;
    let (front, back) = line.rsplit_once(") ")?;
    let pid = front.split(' ').next()?.parse().ok()?;
    let fields: Vec<&str> = back.split_ascii_whitespace().collect();
    let state = *fields.first()?.as_bytes().first()?;
    let parent = fields.get(1)?.parse().ok()?;
    let session = fields.get(3)?.parse().ok()?;
    let started = fields.get(STARTED)?.parse().ok()?;
    Some(Row { process: Process { pid, started }, parent, session, state })
}

/// The first thread of a process may be dead while others live on.
fn lives(row: &Row) -> bool {
    !is_dead(row.state) || threads(row.process.pid) != Threads::Gone
}

fn is_dead(state: u8) -> bool {
    matches!(state, b'Z' | b'X' | b'x')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name() {
        let line = "77 (a) S (1) b) T 12 77 70 0 -1 4194560 91 0 0 0 1 2 0 0 20 0 1 0 4711 9 8\n";
        let process = Process { pid: 77, started: 4711 };
        assert_eq!(parse(line), Some(Row { process, parent: 12, session: 70, state: b'T' }));
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn this_process_is_found_below_its_parent_and_runs() {
        let pid = std::process::id().cast_signed();
        let parent = std::os::unix::process::parent_id().cast_signed();
        let table = Table::now();
        assert!(table.below(parent).iter().any(|process| process.pid == pid));
        assert!(table.children(parent).any(|process| process.pid == pid));
        assert_eq!(table.above(pid)[..2], [pid, parent]);
        assert!(!is_stopped(pid));
        assert!(matches!(threads(pid), Threads::Running | Threads::Waiting));
        assert!(name(pid).is_some());
    }
}
