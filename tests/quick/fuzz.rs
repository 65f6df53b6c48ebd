//! The fuzz targets of `fuzz/` on a stable compiler: their seeds, and each seed changed at random
//! again and again, the same way every time. Finds less than a fuzzer that sees which code it
//! reaches, and runs wherever tests run.

#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Of all seeds of a target together: some seconds in a debug build.
const MUTATIONS: usize = 20_000;

/// Bytes that mean something to one reader or another.
const WORDS: &[&str] = &[
    "\n",
    "\"",
    "{",
    "}",
    "[",
    "]",
    "\\",
    ":",
    ",",
    " ",
    "\t",
    "-",
    "#",
    "#_",
    "null",
    "nil",
    "1e999",
    "0",
    "18446744073709551615",
    "9007199254740993",
    "-1",
    "1.5",
    "\\u0000",
    "\\ud800",
    ":key nil ",
    "é",
    "\u{feff}",
    "\"value\":",
    "\"time\":",
    ":value ",
    ":process ",
    "nemesis",
    "\t:ok\t",
    "\"t_ns\":",
    "2024-02-29T00:00:00Z",
    "&a",
    "*a",
    "? ",
    "- ",
    "|",
    "<<: ",
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has a seed", folder.display());
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn change(bytes: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha8Rng) {
    let at = rng.random_range(0..=bytes.len());
    let end = (at + rng.random_range(0..40)).min(bytes.len());
    match rng.random_range(0..6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        3 => {
            let from = rng.random_range(0..=other.len());
            let to = (from + rng.random_range(0..60)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        4 => bytes.truncate(at),
        _ => {
            let word = WORDS[rng.next_u32() as usize % WORDS.len()];
            bytes.splice(at..at, word.bytes());
        }
    }
}

fn check(name: &str, mutations: usize) {
    let (_, target) = targets::TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let seeds = seeds(name);
    for seed in &seeds {
        target(seed);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..mutations {
        let mut bytes = seeds[rng.random_range(0..seeds.len())].clone();
        let other = &seeds[rng.random_range(0..seeds.len())];
        for _ in 0..rng.random_range(1..5) {
            change(&mut bytes, other, &mut rng);
        }
        let found = std::panic::catch_unwind(|| target(&bytes));
        assert!(found.is_ok(), "{name}: {:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn every_target_has_a_test_and_a_fuzzer() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    let tests = include_str!("fuzz.rs");
    for (name, _) in targets::TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} has a fuzzer");
        assert!(tests.contains(&format!("check(\"{name}\"")), "{name} has a test");
    }
}

#[test]
fn jsonl() {
    check("jsonl", MUTATIONS);
}

#[test]
fn edn() {
    check("edn", MUTATIONS);
}

#[test]
fn jepsen_text() {
    check("jepsen_text", MUTATIONS);
}

#[test]
fn packed() {
    check("packed", MUTATIONS);
}

#[test]
fn json_array() {
    check("json_array", MUTATIONS);
}

#[test]
fn porcupine_register() {
    check("porcupine_register", MUTATIONS);
}

#[test]
fn porcupine_kv() {
    check("porcupine_kv", MUTATIONS);
}

#[test]
fn operations() {
    check("operations", MUTATIONS);
}

#[test]
fn workload() {
    check("workload", MUTATIONS);
}

#[test]
fn wire() {
    check("wire", MUTATIONS);
}

#[test]
fn judge() {
    // A judgement costs a hundred times what reading does.
    check("judge", MUTATIONS / 20);
}
