//! The one binary: hands the tables of protocols and bugs to the command line, and leaves with its
//! exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use schism::action::{Epochs, FrameKind, FramePart};
use schism::cli::{self, Program};
use schism::systems::{BugRow, Catalogue, OptionIs, Progress, SystemRow};
use schism_protocol::bugs::WAITING;
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
        waits_for: WAITING.iter().find(|row| row.0 == bug.id).map(|row| row.1.to_string()),
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
        models: match protocol.serves {
            theirs::Serves::Log => &["log"],
            theirs::Serves::Consensus => &["consensus"],
        },
        progress: match protocol.progress {
            theirs::Progress::Majority => Progress::Majority,
            theirs::Progress::MajorityInMemory => Progress::MajorityInMemory,
            theirs::Progress::FirstNode => Progress::FirstNode,
            theirs::Progress::Promoted { majority } => Progress::Promoted { majority },
        },
        leaderless: protocol.leaderless,
        may_lose: match protocol.acks {
            theirs::Acks::Stay => None,
            theirs::Acks::UntilFailover { option, value } => {
                Some(option_is(protocol, option, value))
            }
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
        epochs: match protocol.epochs {
            theirs::Epochs::OfAll => Epochs::OfAll,
            theirs::Epochs::OfEachDecision => Epochs::OfEachDecision,
        },
    }
}

fn option_is(protocol: &ProtocolRow, option: &str, value: &str) -> OptionIs {
    let row = protocol.options.iter().find(|row| row.name == option);
    let by_default = row.expect("a row speaks of its own options").default == value;
    OptionIs { option: option.to_string(), value: value.to_string(), by_default }
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

#[cfg(test)]
mod tests {
    use schism::cli::registry::registry;
    use schism::workload::{Expect, Overrides, SystemSpec, Workload, list, load};

    use super::*;

    const README: &str = include_str!("../../workloads/README.md");

    /// Workloads that ask what becomes of one protocol with one option or bug, by name.
    const ABOUT_ONE: [&str; 7] = [
        "duelling-proposers",
        "fixed-timeouts",
        "flp-paxos",
        "flp-paxos-control",
        "manual-failover-async",
        "manual-failover-no-fence",
        "manual-failover-slow-human",
    ];

    fn shipped(overrides: &Overrides) -> Vec<(String, Workload)> {
        let registry = registry(&catalogue());
        let load = |name: String| {
            let read = load(&name, overrides, &registry);
            (name, read.unwrap_or_else(|error| panic!("{error}\n{}", error.snippet)).workload)
        };
        list().into_iter().map(|listed| load(listed.name)).collect()
    }

    #[test]
    fn every_shipped_workload_loads_and_is_explained() {
        let shipped = shipped(&Overrides::default());
        for (name, workload) in &shipped {
            assert!(!workload.about.is_empty(), "{name} says what it asks");
            assert!(
                README.contains(&format!("\n| {name} | ")),
                "workloads/README.md tells of {name}"
            );
        }
        let rows = README.matches("\n| planted/").count();
        assert_eq!(rows, shipped.iter().filter(|(name, _)| name.contains('/')).count());
    }

    #[test]
    fn every_bug_has_its_planted_workload() {
        let waits = |id: &str| WAITING.iter().any(|(bug, _)| *bug == id);
        let mut bugs: Vec<&str> = BUGS.iter().map(|bug| bug.id).filter(|id| !waits(id)).collect();
        for (name, workload) in shipped(&Overrides::default()) {
            let (planted, about_one) = (name.starts_with("planted/"), ABOUT_ONE.contains(&&*name));
            if about_one {
                continue;
            }
            assert_eq!(workload.bug.is_some(), planted, "{name}");
            assert_eq!(workload.expect != Expect::Valid, planted, "{name}");
            if let Some(id) = workload.bug {
                assert!(name.starts_with(&format!("planted/{}-", id.to_lowercase())), "{name}");
                bugs.retain(|bug| *bug != id);
            } else {
                let SystemSpec::Named { options, .. } = workload.system else { panic!("{name}") };
                assert!(options.is_empty(), "{name} runs on any system that serves it");
            }
        }
        assert!(bugs.is_empty(), "{bugs:?} have no planted workload");
    }

    #[test]
    fn a_shorter_run_of_any_shipped_workload_is_a_workload() {
        let duration = Some("6s".to_owned());
        let read = shipped(&Overrides { duration, ..Overrides::default() });
        assert!(read.len() > BUGS.len(), "more than the planted ones");
        // Those that name no nodes run on any number of them.
        let registry = registry(&catalogue());
        for (name, _) in read.iter().filter(|(name, _)| !name.contains('/')) {
            let overrides = Overrides { nodes: Some("7".to_owned()), ..Overrides::default() };
            assert_eq!(
                load(name, &overrides, &registry).map(|read| read.workload.nodes),
                Ok(7),
                "{name}"
            );
        }
    }

    /// What this workload asks that the system cannot do, each in the words of the refusal.
    fn refusals(name: &str, workload: &Workload, system: &str) -> Vec<&'static str> {
        let has = |kind: &str| workload.faults.iter().find(|spec| spec.kind == kind);
        let by_hand = system == "manual-failover";
        let moves = !by_hand && system != "sequencer";
        let asks = [
            (workload.bug.is_some() && !by_hand, "bug M01 is one of manual-failover's"),
            (has("promote").is_some() && !by_hand, "no operator chooses who leads it; choose man"),
            (name == "flp" && !moves, "no node of this system does so by itself"),
        ];
        asks.into_iter().filter(|(asks, _)| *asks).map(|(_, words)| words).collect()
    }

    #[test]
    fn every_workload_runs_on_every_system_of_its_kind_or_says_why_not() {
        let (catalogue, mut pairs) = (catalogue(), 0);
        let registry = registry(&catalogue);
        let shipped = shipped(&Overrides::default());
        for (name, workload) in shipped.iter().filter(|(name, _)| !name.contains('/')) {
            let model = workload.model().name;
            for row in catalogue.systems.iter().filter(|row| row.models.contains(&model)) {
                let system = Some(row.name.clone());
                let read = load(name, &Overrides { system, ..Overrides::default() }, &registry);
                let refused = read.err().map(|error| error.to_string()).unwrap_or_default();
                let words = refusals(name, workload, &row.name);
                let said = words.iter().any(|words| refused.contains(words));
                assert_eq!(said, !words.is_empty(), "{name} on {}: {refused:?}", row.name);
                assert!(said || refused.is_empty(), "{name} on {}: {refused}", row.name);
                pairs += 1;
            }
        }
        assert!(pairs > 150, "{pairs} pairs");
    }
}
