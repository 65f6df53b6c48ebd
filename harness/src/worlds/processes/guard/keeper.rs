//! A keeper: it starts a node, or a client program, once, and everything that ever comes of it is
//! below the keeper, also
//! what daemonizes with a clean environment.
//! It never ends before the last of these, unless its guard is gone: then it ends them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use nix::unistd::{Pid, dup2_stdin, getpid, getppid};

use super::chain::{KEEPER, end_all, join, reap, report, take};
use super::spawn::prepare;
use crate::worlds::processes::messages::{Handover, Program, Report, Spawn, User};
use crate::worlds::processes::procfs::Table;

/// Keeps one node until nobody of it is left; false if it could not.
pub(super) fn keep(spawn: &Spawn, guard: Pid) -> bool {
    let (node, who, keeper) = (spawn.node, spawn.who, getpid().as_raw());
    match begin(spawn) {
        Ok((signals, pid)) => {
            report(&Report::Spawned { node, who, pid: pid.as_raw(), keeper });
            let of = pid.as_raw();
            let told = |how, left| Report::Exited { node, who, pid: of, how, left };
            wait(guard, &signals, pid, told).is_ok()
        }
        Err(error) => {
            report(&Report::Failed { node, error: error.to_string() });
            true
        }
    }
}

/// Keeps one client program until nobody of it is left; false if it could not.
pub(super) fn keep_program(program: &Program, guard: Pid) -> bool {
    let name = program.name.clone();
    match begin_program(program) {
        Ok((signals, pid)) => {
            report(&Report::Began { name: name.clone(), keeper: getpid().as_raw() });
            let told = |how, _| Report::ProgramExited { name: name.clone(), how };
            wait(guard, &signals, pid, told).is_ok()
        }
        Err(error) => {
            report(&Report::NotBegun { name, error: error.to_string() });
            true
        }
    }
}

fn begin(spawn: &Spawn) -> io::Result<(SignalFd, Pid)> {
    let signals = become_keeper()?;
    let mut command = command(&spawn.argv)?;
    command
        .envs(&spawn.env)
        .stdin(Stdio::null())
        .stdout(append(&spawn.stdout)?)
        .stderr(append(&spawn.stderr)?);
    if let Some(folder) = &spawn.folder {
        command.current_dir(folder);
    }
    Ok((signals, start(command, spawn.user.clone(), spawn.interposed.as_ref())?))
}

fn begin_program(program: &Program) -> io::Result<(SignalFd, Pid)> {
    let signals = become_keeper()?;
    let mut command = command(&program.argv)?;
    command
        .stdin(pipe(&program.stdin, OpenOptions::new().read(true))?)
        .stdout(pipe(&program.stdout, OpenOptions::new().write(true))?)
        .stderr(append(&program.stderr)?);
    Ok((signals, start(command, None, program.interposed.as_ref())?))
}

fn become_keeper() -> io::Result<SignalFd> {
    // The guard's input is the guard's alone.
    dup2_stdin(File::open("/dev/null")?)?;
    join(KEEPER)
}

fn command(argv: &[String]) -> io::Result<Command> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "its command line is empty"));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

fn start(
    mut command: Command,
    user: Option<User>,
    interposed: Option<&Handover>,
) -> io::Result<Pid> {
    prepare(&mut command, user, interposed)?;
    // Not waited for through this handle: `reap` waits for every child there is.
    Ok(Pid::from_raw(command.spawn()?.id().cast_signed()))
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// An end of a named pipe, of which the harness holds the other. If the harness is gone, opening it
/// does not wait for one; whoever reads or writes it later does.
fn pipe(path: &Path, how: &mut OpenOptions) -> io::Result<File> {
    let end = how.custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    let flags = OFlag::from_bits_retain(fcntl(&end, FcntlArg::F_GETFL)?);
    fcntl(&end, FcntlArg::F_SETFL(flags & !OFlag::O_NONBLOCK))?;
    Ok(end)
}

/// Until nobody is left; `told` is what is reported of the end of the process that was started.
fn wait(
    guard: Pid,
    signals: &SignalFd,
    started: Pid,
    told: impl Fn(String, u64) -> Report,
) -> io::Result<()> {
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
            if pid == started {
                how = Some(ended);
            }
        });
        if let Some(how) = how {
            let left = Table::now().below(getpid().as_raw()).len() as u64;
            report(&told(how, left));
        }
        if !some_are_left {
            return Ok(());
        }
    }
}
