//! What happens in a node's process between fork and exec. The one place of the guard that needs
//! `unsafe`: only async-signal-safe calls are allowed there, and the compiler cannot see that.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{getpid, getppid};

/// Gives the child a process group of its own, no blocked signals, and death with the guard.
pub(super) fn prepare(command: &mut Command) {
    let guard = getpid();
    let between_fork_and_exec = move || -> io::Result<()> {
        set_pdeathsig(Signal::SIGKILL)?;
        // The guard may have died before the line above.
        if getppid() != guard {
            return Err(Errno::ESRCH.into());
        }
        // The guard blocks signals, and exec keeps them blocked.
        SigSet::empty().thread_set_mask()?;
        Ok(())
    };
    command.process_group(0);
    // SAFETY: the closure calls prctl, getppid and pthread_sigmask, touches no memory but its own
    // and allocates nothing, also not for its errors.
    unsafe { command.pre_exec(between_fork_and_exec) };
}
