//! Writes the pages of two made-up runs, to look at: one valid, one violated.
//!
//! ```text
//! cargo run --example sample_report -- /tmp/sample
//! ```
#![allow(clippy::print_stdout)] // an example speaks to a person

use std::time::Instant;

use schism::report::sample::Sample;
use schism::report::{html, terminal};

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "sample".into());
    let width = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(100);
    let colour = std::env::var_os("NO_COLOR").is_none();
    std::fs::create_dir_all(&folder)?;
    for (name, sample) in
        [("valid", Sample::valid(60, 1_000)), ("violated", Sample::violated(30, 400))]
    {
        let begun = Instant::now();
        let page = html::page(&sample.report());
        let took = begun.elapsed();
        let path = format!("{folder}/{name}.html");
        std::fs::write(&path, &page)?;
        println!("{}", terminal::summary(&sample.report(), width, colour));
        println!("{path}: {} bytes in {took:?}\n", page.len());
    }
    Ok(())
}
