//! The one binary: hands the tables of protocols and bugs to the command line, and leaves with its
//! exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use schism::cli::{self, Program};
use schism::systems::{BugRow, Catalogue, SystemRow};

fn main() -> ExitCode {
    cli::main(&Program { catalogue: catalogue(), node })
}

/// The built-in protocols as systems under test.
fn catalogue() -> Catalogue {
    Catalogue { systems: Vec::<SystemRow>::new(), bugs: Vec::<BugRow>::new() }
}

fn node(args: Vec<OsString>) -> ExitCode {
    schism_node::run(args, &schism_node::Tables::default())
}
