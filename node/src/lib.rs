//! The server round a protocol: network, disk, clients, evidence.
//!
//! ```text
//! schism node --id n1 --protocol raft --listen 127.0.0.1:7101 --client 127.0.0.1:7201 \
//!     --peers n2=127.0.0.1:7102,n3=127.0.0.1:7103 --data /tmp/n1
//! echo '{"id":1,"op":"append","value":17}' | nc -q1 127.0.0.1 7201
//! ```
//!
//! It never decides anything a protocol should decide: it carries inputs to a [`Machine`] and
//! performs the outputs, in order, each after what it has to wait for.
//!
//! # How a node leaves
//!
//! | exit | meaning |
//! |---|---|
//! | 0 | SIGTERM or SIGINT; every pending request was told `shutting-down` |
//! | 2 | it could not start: bad arguments, an address in use, a data folder in use |
//! | 65 | what the disk kept contradicts itself; stderr names the file and the byte |
//! | 74 | the disk refused a write or an fsync; never tried again, since the page may be gone |
//!
//! [`Machine`]: schism_protocol::Machine

use std::ffi::OsString;
use std::process::ExitCode;

use schism_protocol::Build;

mod args;
mod storage;

pub use args::Config;

/// What a node can run, handed over as data by whoever owns the binary.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Protocols by name.
    pub protocols: Vec<(&'static str, Build)>,
    /// Planted bugs by id: `R13`, the protocol it is planted in, and how that is built.
    pub bugs: Vec<(&'static str, &'static str, Build)>,
}

/// The program `schism node`: `args` are what follows the word `node`. Returns when the node ends.
pub fn run(args: impl IntoIterator<Item = OsString>, tables: &Tables) -> ExitCode {
    let (config, build) = match args::parse(args, tables) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let _ = (config, build);
    ExitCode::from(2)
}
