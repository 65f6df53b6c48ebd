//! The one binary: hands the tables of protocols and bugs to the command line, and leaves with its
//! exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use schism::cli::{self, Program};
use schism::systems::clients::CLIENTS;
use schism_facts::Catalogue;
use schism_protocol::{BUGS, PROTOCOLS};

fn main() -> ExitCode {
    cli::main(&Program { catalogue: catalogue(), node })
}

/// The built-in protocols as systems under test, the bugs that can be planted in them, and how
/// clients can talk to any other system.
fn catalogue() -> Catalogue {
    Catalogue {
        systems: PROTOCOLS.iter().map(|protocol| protocol.facts).collect(),
        bugs: BUGS.iter().map(|bug| bug.facts).collect(),
        clients: CLIENTS.iter().map(|client| client.facts).collect(),
    }
}

fn node(args: Vec<OsString>) -> ExitCode {
    let tables = schism_node::Tables {
        protocols: PROTOCOLS.iter().map(|protocol| (protocol.facts.name, protocol.build)).collect(),
        bugs: BUGS.iter().map(|bug| (bug.facts.id, bug.facts.system, bug.build)).collect(),
    };
    schism_node::run(args, &tables)
}

#[cfg(test)]
mod tests {
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
        let catalogue = catalogue();
        let load = |name: String| {
            let read = load(&name, overrides, &catalogue);
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
        let rows = |of: &str| README.matches(&format!("\n| {of}/")).count();
        let rows = rows("planted") + rows("hard");
        assert_eq!(rows, shipped.iter().filter(|(name, _)| name.contains('/')).count());
    }

    #[test]
    fn every_bug_has_its_planted_workload() {
        let awake = BUGS.iter().map(|bug| bug.facts).filter(|bug| bug.waits_for.is_none());
        let mut bugs: Vec<&str> = awake.map(|bug| bug.id).collect();
        for (name, workload) in shipped(&Overrides::default()) {
            let (planted, about_one) = (name.starts_with("planted/"), ABOUT_ONE.contains(&&*name));
            // A file's system is somebody else's: no bug of ours can be planted there.
            let of_others = matches!(workload.system, SystemSpec::File(_));
            if about_one || of_others {
                continue;
            }
            assert_eq!(workload.bug.is_some(), planted, "{name}");
            assert_eq!(workload.expect != Expect::Valid, planted, "{name}");
            if let Some(id) = workload.bug {
                assert!(name.starts_with(&format!("planted/{}-", id.to_lowercase())), "{name}");
                bugs.retain(|bug| *bug != id);
            } else {
                let SystemSpec::Named { options, .. } = workload.system else { panic!("{name}") };
                // What is to stay steady wants a timeout that a busy machine does not reach.
                let may = name.starts_with("hard/") || workload.steady;
                assert!(may || options.is_empty(), "{name} runs on any system that serves it");
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
        let catalogue = catalogue();
        for (name, _) in read.iter().filter(|(name, _)| !name.starts_with("planted/")) {
            let overrides = Overrides { nodes: Some("7".to_owned()), ..Overrides::default() };
            assert_eq!(
                load(name, &overrides, &catalogue).map(|read| read.workload.nodes),
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
        let shipped = shipped(&Overrides::default());
        for (name, workload) in shipped.iter().filter(|(name, _)| !name.starts_with("planted/")) {
            let model = workload.model().name;
            for row in catalogue.systems.iter().filter(|row| row.serves(model)) {
                let system = Some(row.name.to_string());
                let read = load(name, &Overrides { system, ..Overrides::default() }, &catalogue);
                let refused = read.err().map(|error| error.to_string()).unwrap_or_default();
                let words = refusals(name, workload, row.name);
                let said = words.iter().any(|words| refused.contains(words));
                assert_eq!(said, !words.is_empty(), "{name} on {}: {refused:?}", row.name);
                assert!(said || refused.is_empty(), "{name} on {}: {refused}", row.name);
                pairs += 1;
            }
        }
        assert!(pairs > 150, "{pairs} pairs");
    }
}
