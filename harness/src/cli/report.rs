//! `schism report`: write a run's report again.

use std::path::PathBuf;

use anyhow::{Result, bail};
use schism_facts::Catalogue;

use super::reports::write_pages;
use super::screen;
use crate::store::{REPORT, Saved};

/// Write a run's report again from its verdict.json and history
#[derive(clap::Args)]
#[command(after_help = "Example: schism report runs/latest")]
pub struct Args {
    /// A run directory
    #[arg(value_name = "RUN")]
    path: PathBuf,
}

/// Writes report.html, summary.md and junit.xml, and prints where.
pub fn main(args: &Args, catalogue: &Catalogue) -> Result<u8> {
    let saved = Saved::read(&args.path, catalogue)?;
    let Some(verdict) = saved.verdict.clone() else {
        bail!(
            "{}: verdict.json is missing or unreadable; `schism check {}` judges the run again",
            args.path.display(),
            args.path.display()
        );
    };
    if let Some(error) = write_pages(&saved, &verdict).into_iter().next() {
        return Err(error.into());
    }
    screen::show(&format!("{}\n", saved.directory.file(REPORT).display()));
    Ok(0)
}
