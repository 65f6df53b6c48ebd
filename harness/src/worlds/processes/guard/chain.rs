//! What watcher, guard and keepers have in common: they read signals, report, reap, and can end
//! everything below them.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl::{set_child_subreaper, set_name};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, write};

use crate::worlds::processes::messages::{Named, Orphans, Report};
use crate::worlds::processes::procfs::{self, Process, Table};

/// SIGKILL takes effect within microseconds, unless the machine has much else to do or the kernel
/// waits for a disk.
pub(super) const END_MAX: Duration = Duration::from_secs(30);
/// Between looks at who is still dying.
pub(super) const END_PAUSE: Duration = Duration::from_millis(2);
/// A keeper that has nobody left ends at once.
const SPARED_MAX: Duration = Duration::from_secs(10);
/// What a keeper is called.
pub(super) const KEEPER: &CStr = c"schism-keeper";
/// So many processes are named in a report, the rest is counted: a line below PIPE_BUF is written
/// whole, whoever else writes, and a name of 15 characters may take six bytes for each.
const NAMED_MAX: usize = 30;

/// Becomes a link of the chain under this name: who daemonizes falls to it, and signals are read
/// from what this returns. Whoever wants to end it closes the guard's input; only SIGKILL is
/// stronger.
pub(super) fn join(name: &CStr) -> io::Result<SignalFd> {
    set_name(name)?;
    set_child_subreaper(true)?;
    let blocked =
        [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGCHLD];
    blocked.into_iter().collect::<SigSet>().thread_block()?;
    let read = [Signal::SIGCHLD, Signal::SIGTERM].into_iter().collect();
    Ok(SignalFd::with_flags(&read, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?)
}

/// Takes the signals that have come. They say that there is something to look at, no more.
pub(super) fn take(signals: &SignalFd) {
    while let Ok(Some(_)) = signals.read_signal() {}
}

/// Fails only when the harness is gone.
pub(super) fn report(report: &Report) {
    let mut line = serde_json::to_vec(report).expect("a report is plain data");
    line.push(b'\n');
    // One write: others write to the same pipe.
    while write(io::stdout(), &line) == Err(Errno::EINTR) {}
}

/// Takes leave of the dead, and says how each ended. False: there is no child left at all.
pub(super) fn reap(mut ended: impl FnMut(Pid, String)) -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => ended(pid, format!("exit {code}")),
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                ended(pid, format!("signal {}", signal as i32));
            }
            Ok(_) | Err(Errno::EINTR) => return true,
            Err(_) => return false,
        }
    }
}

/// Processes that were killed or would not die.
#[derive(Default)]
pub(super) struct Ended {
    killed: BTreeMap<Process, Named>,
    left: Vec<Named>,
}

impl Ended {
    /// Kills these, of which it takes the names first.
    pub(super) fn kill(&mut self, processes: &[Process]) {
        for process in processes {
            if let Some(named) = named(process) {
                self.killed.entry(*process).or_insert(named);
            }
        }
        for process in processes {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
        }
    }

    /// These did not die.
    pub(super) fn give_up(&mut self, living: &[Process]) {
        self.left = living.iter().filter_map(named).collect();
        self.killed.retain(|process, _| !living.contains(process));
    }

    pub(super) fn nothing_is_left(&self) -> bool {
        self.left.is_empty()
    }

    pub(super) fn is_nobody(&self) -> bool {
        self.left.is_empty() && self.killed.is_empty()
    }

    /// As it is reported.
    pub(super) fn orphans(self, gone: Option<String>) -> Orphans {
        let mut left = self.left;
        left.truncate(NAMED_MAX);
        let mut killed: Vec<Named> = self.killed.into_values().collect();
        let more = killed.len().saturating_sub(NAMED_MAX - left.len());
        killed.truncate(killed.len() - more);
        Orphans { gone, killed, left, more: more as u64 }
    }
}

/// Kills and reaps every descendant, wherever it hid. Those below us who are spared end by
/// themselves once nobody is below them; until then they can go on where we are killed.
pub(super) fn end_all(spared: impl Fn(i32) -> bool) -> Ended {
    let (start, own) = (Instant::now(), getpid().as_raw());
    let mut ended = Ended::default();
    loop {
        let mut below = Table::now().below(own);
        if start.elapsed() < SPARED_MAX {
            below.retain(|one| !spared(one.pid) || procfs::is_stopped(one.pid));
        }
        ended.kill(&below);
        // Orphans become our children: without children there is no descendant.
        if !reap(|_, _| {}) {
            return ended;
        }
        if start.elapsed() > END_MAX {
            ended.give_up(&Table::now().below(own));
            return ended;
        }
        std::thread::sleep(END_PAUSE);
    }
}

/// None: somebody else has ended it meanwhile.
fn named(process: &Process) -> Option<Named> {
    Some(Named { pid: process.pid, name: procfs::name(process.pid)? })
}
