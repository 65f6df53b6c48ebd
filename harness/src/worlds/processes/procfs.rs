//! What /proc says of processes. A process may be gone between two looks: then it is left out.
//! It never signals anyone.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use crate::action::NodeId;

/// In the environment of every process of a node: what daemonizes takes it along.
pub(super) const NODE_VARIABLE: &str = "SCHISM_GUARDED_NODE";

/// One process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Process {
    pub(super) pid: i32,
    parent: i32,
    group: i32,
    /// R, S, D, T, Z, ...
    state: u8,
}

/// Every process below `root`, without `root` itself; parents before their children.
pub(super) fn descendants(root: i32) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.pid);
            found.push(*process);
        }
    }
    found
}

/// Every living process of these nodes under `guard`, in one look: the node's process group,
/// whatever has left it but carries the node's mark, and what is below these (a process between
/// two programs shows no mark).
pub(super) fn of_nodes(guard: i32, groups: &BTreeMap<NodeId, i32>) -> Vec<(NodeId, Process)> {
    let mut found: Vec<(NodeId, Process)> = Vec::new();
    for process in descendants(guard) {
        let by_group = groups.iter().find(|&(_, &group)| group == process.group);
        let by_parent = || found.iter().find(|(_, one)| one.pid == process.parent);
        let node = by_group
            .map(|(&node, _)| node)
            .or_else(|| by_parent().map(|&(node, _)| node))
            .or_else(|| mark(process.pid).filter(|node| groups.contains_key(node)));
        found.extend(node.map(|node| (node, process)));
    }
    found.retain(|(_, process)| !process.is_dead());
    found
}

/// Whether every thread of the process has stopped. A process that is gone runs no thread.
pub(super) fn is_stopped(pid: i32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    tasks.flatten().all(|task| {
        fs::read_to_string(task.path().join("stat"))
            .ok()
            .and_then(|line| parse(&line))
            .is_none_or(|task| matches!(task.state, b'T' | b't') || task.is_dead())
    })
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

fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let process = |entry: fs::DirEntry| {
        entry.file_name().to_str()?.parse::<i32>().ok()?;
        parse(&fs::read_to_string(entry.path().join("stat")).ok()?)
    };
    entries.flatten().filter_map(process).collect()
}

/// `123 (name) S 1 123 ...`; the name may hold anything, also parentheses.
fn parse(line: &str) -> Option<Process> {
    let (front, back) = line.rsplit_once(") ")?;
    let pid = front.split(' ').next()?.parse().ok()?;
    let mut fields = back.split(' ');
    let state = *fields.next()?.as_bytes().first()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some(Process { pid, parent, group, state })
}

/// The node whose mark a process carries.
fn mark(pid: i32) -> Option<NodeId> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = environment.split(|&byte| byte == 0).find_map(|assignment| {
        let assignment = str::from_utf8(assignment).ok()?;
        assignment.strip_prefix(NODE_VARIABLE)?.strip_prefix('=')
    });
    value?.parse().ok()
}

impl Process {
    fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name() {
        let process = parse("77 (a) S (1) b) T 12 77 77 0 -1 4194560 91\n").unwrap();
        assert_eq!(process, Process { pid: 77, parent: 12, group: 77, state: b'T' });
        assert_eq!(parse("nonsense"), None);
    }

    #[test]
    fn this_process_is_found_below_its_parent_and_is_not_stopped() {
        let pid = std::process::id().cast_signed();
        let parent = std::os::unix::process::parent_id().cast_signed();
        assert!(descendants(parent).iter().any(|process| process.pid == pid));
        assert!(!is_stopped(pid));
    }
}
