//! The watcher: what the harness starts. It sees the end of the harness and of the guard, and ends
//! what either leaves.
//! It never reads an order.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::setsid;

use super::chain::{END_MAX, KEEPER, end_all, join, reap, report, take};
use super::orders;
use super::spawn::fork;
use crate::worlds::processes::messages::Report;
use crate::worlds::processes::procfs;

/// The guard gives up on what will not die after `END_MAX`; it needs a moment more to say so.
const GUARD_MAX: Duration = END_MAX.saturating_add(Duration::from_secs(5));

/// Starts the guard, with the same input and output, and outlives it; whether nothing is left.
pub(super) fn main() -> io::Result<bool> {
    // Away from the terminal and from the harness's process group, before anything else. Fails
    // only for a process that already leads its group.
    let _ = setsid();
    let signals = join(c"schism-watcher")?;
    let guard = fork(orders::serve)?;
    let stdin = io::stdin();
    let mut harness_gone: Option<Instant> = None;
    loop {
        let mut sources = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let mut patience = PollTimeout::NONE;
        match harness_gone {
            // Its end is told without being asked for.
            None => sources.push(PollFd::new(stdin.as_fd(), PollFlags::empty())),
            Some(since) => {
                let left = GUARD_MAX.saturating_sub(since.elapsed());
                patience = left.try_into().unwrap_or(PollTimeout::MAX);
            }
        }
        match poll(&mut sources, patience) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        if sources.get(1).is_some_and(|stdin| stdin.any() == Some(true)) {
            harness_gone = Some(Instant::now());
        }
        take(&signals);
        let mut ended = None;
        reap(|pid, how| {
            if pid == guard {
                ended = Some(how);
            }
        });
        if let Some(how) = ended {
            let ordered = how == "exit 0" && harness_gone.is_some();
            let gone = format!("the guard (process {guard}) is gone ({how})");
            return Ok(end((!ordered).then_some(gone)));
        }
        if harness_gone.is_some_and(|since| since.elapsed() >= GUARD_MAX) {
            return Ok(end(Some(format!("the guard (process {guard}) did not end"))));
        }
    }
}

/// Ends everybody who is left; whether all went as it should.
fn end(gone: Option<String>) -> bool {
    // Keepers end what they keep when their guard is gone, and say whom.
    let ended = end_all(|pid| procfs::name(pid).is_some_and(|name| KEEPER.to_str() == Ok(&name)));
    let well = gone.is_none() && ended.nothing_is_left();
    if gone.is_some() || !ended.is_nobody() {
        report(&Report::Orphans(ended.orphans(gone)));
    }
    well
}
