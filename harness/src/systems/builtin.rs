//! The built-in protocols as systems: this very program, started as `schism node`. They are
//! launched and talked to like any other command line.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::command::CommandSystem;
use crate::workload::ClientSpec;

/// A built-in node answers in tens of milliseconds; ten seconds forgive a machine that swaps.
const READY: Duration = Duration::from_secs(10);

/// The command line of a built-in protocol's nodes.
pub fn system(
    program: &Path,
    protocol: &str,
    options: &BTreeMap<String, String>,
    bug: Option<&str>,
) -> CommandSystem {
    let mut argv = vec![program.display().to_string()];
    argv.extend(["node", "--protocol", protocol].map(String::from));
    for (flag, hole) in [
        ("--id", "{id}"),
        ("--listen", "{peer}"),
        ("--client", "{client}"),
        ("--peers", "{peers}"),
        ("--data", "{data}"),
        ("--trace", "{trace}"),
        ("--delivered", "{delivered}"),
        ("--seed", "{seed}"),
    ] {
        argv.extend([flag, hole].map(String::from));
    }
    for (name, value) in options {
        argv.push("--option".into());
        argv.push(format!("{name}={value}"));
    }
    if let Some(bug) = bug {
        argv.extend(["--bug", bug].map(String::from));
    }
    CommandSystem::new(argv, ClientSpec::lines(), READY)
}
