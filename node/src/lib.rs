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
use tokio::signal::unix::{SignalKind, signal};

mod args;
mod clients;
mod clock;
mod disk;
mod evidence;
mod inbox;
mod link;
mod peers;
mod server;
mod storage;

pub use args::Config;
pub use server::serve;

/// What a node can run, handed over as data by whoever owns the binary.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Protocols by name.
    pub protocols: Vec<(&'static str, Build)>,
    /// Planted bugs by id: `R13`, the protocol it is planted in, and how that is built.
    pub bugs: Vec<(&'static str, &'static str, Build)>,
}

impl Tables {
    /// Every protocol and every planted bug of crate `schism-protocol`.
    #[must_use]
    pub fn built_in() -> Self {
        let protocols = schism_protocol::PROTOCOLS.iter().map(|row| (row.facts.name, row.build));
        let bugs =
            schism_protocol::BUGS.iter().map(|bug| (bug.facts.id, bug.facts.system, bug.build));
        Self { protocols: protocols.collect(), bugs: bugs.collect() }
    }
}

/// How a node is told to leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// Everyone who waits is told first.
    Gently,
    /// At once and without a word, as if it were killed.
    AtOnce,
}

/// Why a node left unasked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It could not start.
    #[error("{0}")]
    Start(String),
    /// What the disk kept contradicts itself.
    #[error("{0}")]
    Corrupt(String),
    /// The disk refused.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    /// The exit code that says so.
    pub fn exit(&self) -> u8 {
        match self {
            Failure::Start(_) => 2,
            Failure::Corrupt(_) => 65,
            Failure::Refused(_) => 74,
        }
    }
}

/// The program `schism node`: `args` are what follows the word `node`. Returns when the node ends.
pub fn run(args: impl IntoIterator<Item = OsString>, tables: &Tables) -> ExitCode {
    let (config, build) = match args::parse(args, tables) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    match serve(&config, build, told_to_stop()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("schism node {}: {failure}", config.id);
            ExitCode::from(failure.exit())
        }
    }
}

async fn told_to_stop() -> Leave {
    let listen = |kind| signal(kind).expect("a process may listen to its signals");
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Leave::Gently
}
