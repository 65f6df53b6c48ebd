//! `schism guard`: the processes between the harness and the nodes, so that nobody survives his
//! superior and every process of a node is known by descent.
//!
//! ```text
//! harness -> watcher -> guard -> a keeper for each start of a node -> node
//! ```
//!
//! Watcher, guard and keepers are subreapers: whatever daemonizes falls to the next above it that
//! lives. Guard and keepers are told when their superior is gone (SIGTERM, which they read), kill
//! all that is below them and end; a node is killed with its keeper. The watcher sees the end of
//! the harness and of the guard. So killing one or two of these leaves nobody behind. Each has one
//! thread: a death signal is tied to the thread that started the process.

mod chain;
mod keeper;
mod orders;
mod spawn;
mod watcher;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::limits;

/// Reads orders from stdin, writes reports to stdout, one JSON object a line. Exit 0: nothing is
/// left. Exit 1: something would not die, or the guard could not work.
/// Nodes may open as many descriptors at first as `descriptors` says.
pub fn main(descriptors: Option<u64>) -> ExitCode {
    if let Some(soft) = descriptors {
        limits::lower_descriptors(soft);
    }
    match watcher::main() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "schism guard: {error}");
            ExitCode::FAILURE
        }
    }
}
