//! The guard: the process that spawns the nodes and outlives a killed harness just long enough to
//! end them. One thread: a node's death signal is tied to the thread that spawned it.
//! It never decides anything: it does what its standard input says, and its end is an order to
//! kill.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, read, setsid};

use super::messages::{NodeSignal, Order, Report, Spawn};
use super::procfs;
use super::spawn::prepare;
use crate::action::NodeId;

/// SIGKILL takes effect within microseconds unless the kernel itself is stuck (a dead disk, say).
const END_MAX: Duration = Duration::from_secs(10);
/// Between looks at who is still dying.
const END_PAUSE: Duration = Duration::from_millis(2);
/// A node that forks while it is being killed is found by a later look; a fork bomb is left to
/// the end of the run.
const KILL_ROUNDS_MAX: u32 = 20;

/// `schism guard`: reads orders from stdin, writes reports to stdout, one JSON object a line.
/// Exit 0: nothing is left. Exit 1: something would not die, or the guard could not work at all.
pub fn main() -> ExitCode {
    // Away from the terminal and from the harness's process group, before anything else. Fails
    // only for a process that already leads its group.
    let _ = setsid();
    match Guard::new().and_then(|mut guard| guard.serve()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "schism guard: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Guard {
    /// Nodes whose process has not been reaped. The pid is its group's too.
    nodes: BTreeMap<NodeId, Pid>,
    children: SignalFd,
}

impl Guard {
    fn new() -> io::Result<Guard> {
        set_child_subreaper(true)?;
        // Whoever wants to end the guard closes its input; only SIGKILL is stronger.
        let blocked =
            [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGCHLD];
        blocked.into_iter().collect::<SigSet>().thread_block()?;
        let children = SigSet::from(Signal::SIGCHLD);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Guard { nodes: BTreeMap::new(), children: SignalFd::with_flags(&children, flags)? })
    }

    /// Until the end of the input; whether nothing is left then.
    fn serve(&mut self) -> io::Result<bool> {
        let stdin = io::stdin();
        let mut input = Vec::new();
        let mut chunk = [0; 8192];
        loop {
            let mut sources = [
                PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.children.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut sources, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            let [from_harness, from_children] =
                sources.map(|source| source.any().unwrap_or_default());
            if from_children {
                while let Ok(Some(_)) = self.children.read_signal() {}
                self.reap();
            }
            if from_harness {
                let bytes = match read(&stdin, &mut chunk) {
                    Err(Errno::EINTR) => continue,
                    // A broken pipe is an end too.
                    other => other.unwrap_or(0),
                };
                if bytes == 0 {
                    return Ok(self.end_all());
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
            Ok(Order::Signal { nodes, signal }) => {
                let processes = self.signal(&nodes, signal);
                report(&Report::Signalled { processes });
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "schism guard: not an order: {error}");
            }
        }
    }

    fn spawn(&mut self, spawn: &Spawn) {
        let node = spawn.node;
        report(&match start(spawn) {
            Ok(pid) => {
                self.nodes.insert(node, pid);
                Report::Spawned { node, pid: pid.as_raw() }
            }
            Err(error) => Report::Failed { node, error: error.to_string() },
        });
    }

    /// Signals every process of the nodes, also those that left their groups: how many there were.
    fn signal(&mut self, nodes: &[NodeId], signal: NodeSignal) -> usize {
        let (signal, rounds) = match signal {
            NodeSignal::Kill => (Signal::SIGKILL, KILL_ROUNDS_MAX),
            NodeSignal::Stop => (Signal::SIGSTOP, 1),
            NodeSignal::Continue => (Signal::SIGCONT, 1),
        };
        let groups: BTreeMap<NodeId, i32> =
            nodes.iter().filter_map(|node| Some((*node, self.nodes.get(node)?.as_raw()))).collect();
        // The groups at once: the rest takes a look at all processes.
        for &group in groups.values() {
            let _ = killpg(Pid::from_raw(group), signal);
        }
        let mut signalled = 0;
        for round in 0..rounds {
            let processes = procfs::of_nodes(getpid().as_raw(), &groups);
            if processes.is_empty() {
                break;
            }
            if round == 0 {
                signalled = processes.len();
            }
            for (_, process) in processes {
                let _ = kill(Pid::from_raw(process.pid), signal);
            }
        }
        signalled
    }

    /// Takes leave of the dead: nodes, and strays that were handed to us.
    fn reap(&mut self) {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let (pid, how) = match status {
                WaitStatus::Exited(pid, code) => (pid, format!("exit {code}")),
                WaitStatus::Signaled(pid, signal, _) => (pid, format!("signal {}", signal as i32)),
                _ => break,
            };
            let node = self.nodes.iter().find(|&(_, &child)| child == pid).map(|(&node, _)| node);
            if let Some(node) = node {
                self.nodes.remove(&node);
                report(&Report::Exited { node, pid: pid.as_raw(), how });
            }
        }
    }

    /// Kills and reaps every descendant, wherever it hid; whether none is left.
    fn end_all(&mut self) -> bool {
        let start = Instant::now();
        loop {
            let left = procfs::descendants(getpid().as_raw());
            for process in &left {
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
            self.reap();
            // Orphans become our children: without children there is no descendant.
            if waitpid(None, Some(WaitPidFlag::WNOHANG)) == Err(Errno::ECHILD) {
                return true;
            }
            if start.elapsed() > END_MAX {
                report(&Report::Left { pids: left.iter().map(|process| process.pid).collect() });
                return false;
            }
            std::thread::sleep(END_PAUSE);
        }
    }
}

fn start(spawn: &Spawn) -> io::Result<Pid> {
    let Some((program, arguments)) = spawn.argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "its command line is empty"));
    };
    let append = |path| OpenOptions::new().create(true).append(true).open(path);
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(&spawn.env)
        .env(procfs::NODE_VARIABLE, spawn.node.to_string())
        .stdin(Stdio::null())
        .stdout(append(&spawn.stdout)?)
        .stderr(append(&spawn.stderr)?);
    prepare(&mut command);
    // Not waited for through this handle: `reap` waits for every child there is.
    Ok(Pid::from_raw(command.spawn()?.id().cast_signed()))
}

/// Fails only when the harness is gone; then the input ends too.
fn report(report: &Report) {
    let mut line = serde_json::to_vec(report).expect("a report is plain data");
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
}
