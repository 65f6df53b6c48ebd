//! The one binary: hands the tables of protocols and bugs to the command line, and leaves with its
//! exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use schism::action::{FrameKind, FramePart};
use schism::cli::{self, Program};
use schism::systems::{BugRow, Catalogue, Progress, SystemRow};
use schism::workload::Serves;
use schism_protocol::{BUGS, FrameRow, PROTOCOLS, ProtocolRow};
use schism_verify::{CommitQuorum, Traces};

fn main() -> ExitCode {
    cli::main(&Program { catalogue: catalogue(), node })
}

/// The built-in protocols as systems under test, and the bugs that can be planted in them.
fn catalogue() -> Catalogue {
    let bugs = BUGS.iter().map(|bug| BugRow {
        id: bug.id.to_string(),
        system: bug.protocol.to_string(),
        about: bug.about.to_string(),
        stands_for: bug.stands_for.to_string(),
    });
    Catalogue { systems: PROTOCOLS.iter().map(system).collect(), bugs: bugs.collect() }
}

/// A protocol's facts in the harness's own words.
fn system(protocol: &ProtocolRow) -> SystemRow {
    use schism_protocol as theirs;
    SystemRow {
        name: protocol.name.to_string(),
        about: protocol.about.to_string(),
        options: protocol.options.iter().map(|option| option.name.to_string()).collect(),
        serves: match protocol.serves {
            theirs::Serves::Log => Serves::Log,
            theirs::Serves::Consensus => Serves::Consensus,
        },
        progress: match protocol.progress {
            theirs::Progress::Majority => Progress::Majority,
            theirs::Progress::FirstNode => Progress::FirstNode,
            theirs::Progress::Promoted { majority } => Progress::Promoted { majority },
        },
        traces: Traces {
            without: protocol.traces.without.to_vec(),
            commit_quorum: match protocol.traces.commit_quorum {
                theirs::CommitQuorum::Majority => CommitQuorum::Majority,
                theirs::CommitQuorum::MajorityInMemory => CommitQuorum::MajorityInMemory,
                theirs::CommitQuorum::Leader => CommitQuorum::Leader,
                theirs::CommitQuorum::Acceptors => CommitQuorum::Acceptors,
            },
            epoch_outlives_crashes: protocol.traces.epoch_outlives_crashes,
        },
        frames: protocol.frames.iter().map(frame).collect(),
    }
}

fn frame(row: &FrameRow) -> FrameKind {
    let part = match row.part {
        schism_protocol::FramePart::Decides => FramePart::Decides,
        schism_protocol::FramePart::Moves => FramePart::Moves,
        schism_protocol::FramePart::Asks => FramePart::Asks,
    };
    FrameKind { kind: row.kind, name: row.name.to_string(), part }
}

fn node(args: Vec<OsString>) -> ExitCode {
    let tables = schism_node::Tables {
        protocols: PROTOCOLS.iter().map(|protocol| (protocol.name, protocol.build)).collect(),
        bugs: BUGS.iter().map(|bug| (bug.id, bug.protocol, bug.build)).collect(),
    };
    schism_node::run(args, &tables)
}
