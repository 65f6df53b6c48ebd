//! Processes are made here: by fork alone, and by fork and exec. The one place of the guard that
//! needs `unsafe`.
#![allow(unsafe_code)]

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{ForkResult, Gid, Pid, Uid, getpid, getppid, setgid, setgroups, setuid};
use schism_interpose::filter::Filter;
use schism_interpose::handing::Sender;

use crate::worlds::processes::messages::{Handover, User};

/// Runs `child` in a process of its own, which leaves with 0 if it returns true. It hears by
/// SIGTERM when its parent ends, and does not begin if that has happened already.
pub(super) fn fork(child: impl FnOnce(Pid) -> bool) -> io::Result<Pid> {
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    assert_eq!(threads, 1, "whoever forks has one thread");
    let parent = getpid();
    // SAFETY: fork copies the calling thread alone. There is no other, so nothing is locked by, or
    // half done in, a thread that the child does not have.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let told = set_pdeathsig(Signal::SIGTERM).is_ok() && getppid() == parent;
            // A panic must not unwind into what the parent was doing.
            let child = AssertUnwindSafe(|| told && child(parent));
            std::process::exit(i32::from(!catch_unwind(child).unwrap_or(false)))
        }
    }
}

/// Gives the child a process group of its own, no blocked signals, death with its keeper, another
/// user where it has one, and the filter that sends its calls to the harness where it is
/// interposed.
pub(super) fn prepare(
    command: &mut Command,
    user: Option<User>,
    interposed: Option<&Handover>,
) -> io::Result<()> {
    let keeper = getpid();
    let interposed = interposed.map(filter).transpose()?;
    let user = user.map(|User { uid, gid, groups }| {
        let groups: Vec<Gid> = groups.into_iter().map(Gid::from_raw).collect();
        (Uid::from_raw(uid), Gid::from_raw(gid), groups)
    });
    let between_fork_and_exec = move || -> io::Result<()> {
        if let Some((uid, gid, groups)) = &user {
            setgroups(groups)?;
            setgid(*gid)?;
            setuid(*uid)?;
        }
        // After the user: who becomes another forgets it.
        set_pdeathsig(Signal::SIGKILL)?;
        // The keeper may have died before the line above.
        if getppid() != keeper {
            return Err(Errno::ESRCH.into());
        }
        // The keeper blocks signals, and exec keeps them blocked.
        SigSet::empty().thread_set_mask()?;
        // Last: from then on a connect waits for the harness.
        if let Some((sender, filter)) = &interposed {
            let way = sender.connect()?;
            sender.send(&way, &filter.install()?)?;
        }
        Ok(())
    };
    command.process_group(0);
    // SAFETY: the closure calls setgroups, setgid, setuid, prctl, getppid, pthread_sigmask, seccomp
    // and those of a socket, touches no memory but its own and allocates nothing, also not for its
    // errors. There is one thread, so that the calls that change the user have no other to tell of
    // it.
    unsafe { command.pre_exec(between_fork_and_exec) };
    Ok(())
}

/// What of it needs memory, before the fork.
fn filter(Handover { socket, tag }: &Handover) -> io::Result<(Sender, Filter)> {
    Ok((Sender::new(socket, *tag)?, Filter::new()?))
}
