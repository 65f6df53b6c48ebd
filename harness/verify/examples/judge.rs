//! `cargo run -p schism-verify --example judge [FILE]`: judges a history file, or one made in
//! memory. It never writes anything.
#![allow(clippy::print_stdout)] // a program that shows

use std::fs::File;

use schism_verify::history::Value;
use schism_verify::notation::draw;
use schism_verify::verdict::Verdict;
use schism_verify::{CheckOptions, History, check};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let history = match std::env::args().nth(1) {
        Some(file) => History::read(File::open(file)?)?.0,
        None => made_in_memory()?,
    };
    let result = check(&history, &CheckOptions::default())?;
    let model = result.model.unwrap_or("unknown model");
    println!("{} operations of a {model}: {}", result.operations, result.verdict.word());
    match &result.verdict {
        Verdict::Violated(anomalies) => {
            for anomaly in anomalies {
                println!("\n{}: {}", anomaly.kind.name(), anomaly.explanation);
                println!("{}", draw(&history, &anomaly.events));
            }
        }
        Verdict::Unknown { reason } => println!("because {reason}"),
        Verdict::Valid => {}
    }
    Ok(())
}

/// A read that misses an append acknowledged before it was asked.
fn made_in_memory() -> Result<History, Box<dyn std::error::Error>> {
    let mut record = History::builder();
    record.invoke(0, "append").value = Some("a".into());
    record.ok(0).set_offset(Some(0));
    record.invoke(1, "read");
    record.ok(1).value = Some(Value::List([].into()));
    Ok(record.finish()?)
}
