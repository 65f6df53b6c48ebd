//! The command line: one file per subcommand. Results go to stdout, progress to stderr, and one
//! reason to leave has one exit code.
//! It never decides what is true: it asks, shows, and says so with its exit code.

mod check;
mod compare;
mod convert;
mod doctor;
mod explain;
mod hunt;
mod init;
mod input;
mod installed;
mod interrupt;
mod list;
mod promote;
mod report;
mod reports;
mod run;
mod screen;
mod session;
mod status;
mod ticker;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use schism_facts::Catalogue;

use crate::judge::{EXIT_NOT_RUN, worst_exit};

/// What the command line cannot know by itself, handed over by `main.rs`.
pub struct Program {
    pub catalogue: Catalogue,
    /// The node: `args` are what follows the word `node`.
    pub node: fn(Vec<OsString>) -> ExitCode,
}

/// Tests a replicated log: starts a cluster, disturbs it, and judges whether one total order
/// explains every answer.
#[derive(Parser)]
#[command(name = "schism", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Example: schism run raft-under-fire\n\n\
    Exit codes: 0 valid (or as expected), 1 violated, 2 could not run, 3 undecided, \
    130 interrupted.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Check(check::Args),
    Report(report::Args),
    Hunt(hunt::Args),
    Compare(compare::Args),
    Explain(explain::Args),
    Promote(promote::Args),
    List(list::Args),
    Init(init::Args),
    Doctor(doctor::Args),
    /// One node of a replicated log
    #[command(hide = true, disable_help_flag = true)]
    Node(Rest),
    /// The process that spawns nodes, and ends them when the harness is gone
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Guard {
        /// The soft limit of descriptors that nodes get
        descriptors: Option<u64>,
    },
}

#[derive(clap::Args)]
struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

pub fn main(program: &Program) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { EXIT_NOT_RUN } else { 0 };
            // A closed pipe takes no message.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let catalogue = &program.catalogue;
    let outcome = match cli.command {
        Command::Run(args) => Ok(run::main(&args, catalogue)),
        Command::Check(args) => check::main(&args, catalogue),
        Command::Report(args) => report::main(&args, catalogue),
        Command::Hunt(args) => hunt::main(&args, catalogue),
        Command::Compare(args) => compare::main(&args, catalogue),
        Command::Explain(args) => explain::main(&args),
        Command::Promote(args) => promote::main(&args),
        Command::List(args) => Ok(list::main(&args, catalogue)),
        Command::Init(args) => init::main(&args),
        Command::Doctor(args) => Ok(doctor::main(&args)),
        Command::Node(rest) => return (program.node)(rest.args),
        #[cfg(target_os = "linux")]
        Command::Guard { descriptors } => {
            return crate::worlds::processes::guard::main(descriptors);
        }
    };
    let code = outcome.unwrap_or_else(|error| {
        screen::complain(&format!("{error:#}"));
        EXIT_NOT_RUN
    });
    let Some(why) = screen::not_shown() else { return ExitCode::from(code) };
    screen::complain(&format!(
        "stdout cannot be written: {why}; free some space, or send the output elsewhere"
    ));
    ExitCode::from(worst_exit([code, EXIT_NOT_RUN]))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shown_has_an_example() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Example: schism"), "{} has an example", command.get_name());
        }
    }

    #[test]
    fn mistakes_on_the_command_line_leave_with_2() {
        let check = |line: &str, part: &str| {
            let error = Cli::try_parse_from(line.split(' ')).err().unwrap();
            assert!(error.use_stderr(), "{line}");
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(part), "{line}: {error}");
        };
        check("schism", "Usage");
        check("schism run", "<WORKLOAD>");
        check("schism run quiet --runs 0", "--runs");
        check("schism run quiet --seed x", "--seed");
        check("schism frobnicate", "frobnicate");
        check("schism check", "<FILE|RUN>");
        check("schism check h.jsonl --model quueue", "--model");
        check("schism hunt --seeds 0", "--seeds");
    }
}
