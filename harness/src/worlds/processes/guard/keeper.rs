//! A keeper: it starts a node once, and everything that ever comes of the node is below it, also
//! what daemonizes with a clean environment.
//! It never ends before the last of these, unless its guard is gone: then it ends them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use nix::unistd::{Pid, dup2_stdin, getpid, getppid};

use super::chain::{KEEPER, end_all, join, reap, report, take};
use super::spawn::prepare;
use crate::worlds::processes::messages::{Report, Spawn};
use crate::worlds::processes::procfs::Table;

/// Keeps one node until nobody of it is left; false if it could not.
pub(super) fn keep(spawn: &Spawn, guard: Pid) -> bool {
    let (node, who, keeper) = (spawn.node, spawn.who, getpid().as_raw());
    match begin(spawn) {
        Ok((signals, pid)) => {
            report(&Report::Spawned { node, who, pid: pid.as_raw(), keeper });
            wait(spawn, guard, &signals, pid).is_ok()
        }
        Err(error) => {
            report(&Report::Failed { node, error: error.to_string() });
            true
        }
    }
}

fn begin(spawn: &Spawn) -> io::Result<(SignalFd, Pid)> {
    // The guard's input is the guard's alone.
    dup2_stdin(File::open("/dev/null")?)?;
    let signals = join(KEEPER)?;
    Ok((signals, start(spawn)?))
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
        .stdin(Stdio::null())
        .stdout(append(&spawn.stdout)?)
        .stderr(append(&spawn.stderr)?);
    if let Some(folder) = &spawn.folder {
        command.current_dir(folder);
    }
    prepare(&mut command, spawn.user.clone());
    // Not waited for through this handle: `reap` waits for every child there is.
    Ok(Pid::from_raw(command.spawn()?.id().cast_signed()))
}

/// Until nobody is left.
fn wait(spawn: &Spawn, guard: Pid, signals: &SignalFd, node: Pid) -> io::Result<()> {
    loop {
        let mut sources = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sources, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        take(signals);
        // Whoever dies now dies of that, and it is no death of a node.
        if getppid() != guard {
            report(&Report::Orphans(end_all(|_| false).orphans(None)));
            return Ok(());
        }
        let mut how = None;
        let some_are_left = reap(|pid, ended| {
            if pid == node {
                how = Some(ended);
            }
        });
        if let Some(how) = how {
            let left = Table::now().below(getpid().as_raw()).len() as u64;
            let (of, who) = (spawn.node, spawn.who);
            report(&Report::Exited { node: of, who, pid: node.as_raw(), how, left });
        }
        if !some_are_left {
            return Ok(());
        }
    }
}
