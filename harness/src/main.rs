//! The one binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("guard") => schism::worlds::processes::guard::main(),
        _ => ExitCode::SUCCESS,
    }
}
