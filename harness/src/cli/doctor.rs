//! `schism doctor`: what this machine allows, found out by trying, and how to give the rest.

use super::screen;
use crate::judge::EXIT_NOT_RUN;
use crate::worlds;

/// Say what this machine allows, and how to give what is missing
#[derive(clap::Args)]
#[command(after_help = "Example: schism doctor\n\n\
    Exit codes: 0 all of it, 2 something is missing.")]
pub struct Args {}

/// Whether the machine can, and if not, why.
type Try = fn() -> Result<(), String>;

/// What is tried, by name.
const TRIED: &[(&str, Try)] =
    &[("interposed links (`network: interposed`)", worlds::interposition)];

pub fn main(_: &Args) -> u8 {
    let mut code = 0;
    for (what, tried) in TRIED {
        match tried() {
            Ok(()) => screen::show(&format!("{what}: yes\n")),
            Err(why) => {
                screen::show(&format!("{what}: no\n  {why}\n"));
                code = EXIT_NOT_RUN;
            }
        }
    }
    code
}
