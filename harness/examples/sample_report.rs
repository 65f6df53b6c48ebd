//! Writes the pages of made-up runs, to look at: one valid, one violated, one with every kind of
//! anomaly, most of them without operations to draw.
//!
//! ```text
//! cargo run --example sample_report -- /tmp/sample
//! ```
#![allow(clippy::print_stdout)] // an example speaks to a person

use std::time::Instant;

use schism::report::sample::Sample;
use schism::report::{html, terminal};
use schism_verify::verdict::{Anomaly, KINDS, Kind};

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "sample".into());
    let width = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(100);
    let colour = std::env::var_os("NO_COLOR").is_none();
    std::fs::create_dir_all(&folder)?;
    for (name, sample) in [
        ("valid", Sample::valid(60, 1_000)),
        ("violated", Sample::violated(30, 400)),
        ("kinds", every_kind()),
    ] {
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

fn every_kind() -> Sample {
    let mut sample = Sample::violated(30, 400);
    let proof = sample.verdict.checks[0].anomalies[0].clone();
    let anomaly = |(place, row): (usize, &(Kind, &str, &str))| Anomaly {
        kind: row.0,
        explanation: format!("a made-up {}: {}", row.1, row.2),
        events: if place % 2 == 0 { Vec::new() } else { proof.events.clone() },
        time_ns: proof.time_ns.map(|time| time + place as u64 * 700_000_000),
    };
    sample.verdict.checks[3].verdict = "violated".into();
    sample.verdict.checks[3].anomalies = KINDS.iter().enumerate().map(anomaly).collect();
    sample
}
