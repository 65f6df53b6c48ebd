//! The guard: the process that spawns the nodes and outlives a killed harness just long enough to
//! end them. It never decides anything: it does what its standard input says, and its end is an
//! order to kill.

use std::process::ExitCode;

/// `schism guard`: reads commands from stdin, writes events to stdout, one JSON object a line.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
