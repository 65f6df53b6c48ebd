//! The one binary: hands the tables of protocols and bugs to the command line, and leaves with its
//! exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use schism::cli::{self, Program};
use schism::systems::{BugRow, Catalogue, SystemRow};
use schism_protocol::{BUGS, PROTOCOLS};

fn main() -> ExitCode {
    cli::main(&Program { catalogue: catalogue(), node })
}

/// The built-in protocols as systems under test, and the bugs that can be planted in them.
fn catalogue() -> Catalogue {
    let systems = PROTOCOLS.iter().map(|protocol| SystemRow {
        name: protocol.name.to_string(),
        about: protocol.about.to_string(),
        options: protocol.options.iter().map(|option| option.name.to_string()).collect(),
    });
    let bugs = BUGS.iter().map(|bug| BugRow {
        id: bug.id.to_string(),
        system: bug.protocol.to_string(),
        about: bug.about.to_string(),
        stands_for: bug.stands_for.to_string(),
    });
    Catalogue { systems: systems.collect(), bugs: bugs.collect() }
}

fn node(args: Vec<OsString>) -> ExitCode {
    let tables = schism_node::Tables {
        protocols: PROTOCOLS.iter().map(|protocol| (protocol.name, protocol.build)).collect(),
        bugs: BUGS.iter().map(|bug| (bug.id, bug.protocol, bug.build)).collect(),
    };
    schism_node::run(args, &tables)
}
