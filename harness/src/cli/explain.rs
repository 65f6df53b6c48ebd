//! `schism explain`: a small seeded run told step by step, with its space-time diagram.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};

use super::screen;
use crate::explain::{page, telling, terminal};

/// Tell a small run step by step: election, replication, commit, crash, re-election
#[derive(clap::Args)]
#[command(after_help = "Example: schism explain raft --html raft.html")]
pub struct Args {
    /// Which protocol: `schism list systems`
    #[arg(value_name = "SYSTEM")]
    system: String,
    /// How many nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=7))]
    nodes: u8,
    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write it as a page too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Performs it in virtual time and prints the diagram.
pub fn main(args: &Args) -> Result<u8> {
    let story = telling::tell(&args.system, args.nodes, args.seed).map_err(|why| anyhow!(why))?;
    screen::show(&terminal::text(&story));
    if let Some(file) = &args.html {
        std::fs::write(file, page::page(&story))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        screen::remark(&format!("page: {}", file.display()));
    }
    Ok(0)
}
