//! Runs that are looked at while they go on, and runs that were cut off. Each file of a run ends at
//! a moment of its own then, and nobody may be blamed for what one of them lacks.
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Bench, json};

/// What only the last remark of a run has.
const END: &[u8] = b"\"f\":\"end\"";

/// So many cut copies of one run.
const COPIES: usize = 24;

const WORKLOAD: &str = "about: A run to be cut off.
system: raft
nodes: 3
clients: 4
duration: 4s
seed: 5
faults:
  - crash: {target: leader, every: 1500ms, for: 300ms}
";

#[test]
fn what_a_run_lacks_that_goes_on_or_was_cut_off_is_no_violation() {
    let bench = Bench::new();
    bench.write("w.yaml", WORKLOAD);
    let mut run = bench.command(&["run", "w.yaml", "--quiet"]).spawn().unwrap();
    let latest = bench.path().join("runs/latest");
    let mut looks = 0;
    while run.try_wait().unwrap().is_none() {
        if !latest.join("plan.json").exists() || !latest.join("history.jsonl").exists() {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        }
        let done = bench.schism(&["check", "runs/latest", "--json"]);
        let verdict = json(&done.stdout);
        assert_ne!(verdict["verdict"], "violated", "look {looks}: {verdict:#}");
        looks += 1;
    }
    assert!(looks >= 3, "it went on long enough to be looked at: {looks}");
    bench.schism(&["check", "runs/latest"]).exits(0);

    let run = bench.latest();
    let whole = fs::read(run.join("history.jsonl")).unwrap();
    let end = whole.windows(END.len()).rposition(|window| window == END).expect("it has an end");
    let copy = bench.path().join("copy");
    let mut places = Places(7);
    for number in 0..COPIES {
        copy_of(&run, &copy);
        let cut = if number == 0 { 0 } else { places.next(end) };
        fs::write(copy.join("history.jsonl"), &whole[..cut]).unwrap();
        // Every other time the nodes' own files end early too, each elsewhere.
        if number % 2 == 1 {
            for file in ["trace", "delivered"].iter().flat_map(|folder| files(&copy.join(folder))) {
                let bytes = fs::read(&file).unwrap();
                fs::write(&file, &bytes[..places.next(bytes.len())]).unwrap();
            }
        }
        let done = bench.schism(&["check", "copy", "--json"]).exits(3);
        let verdict = json(&done.stdout);
        let reason = verdict["reason"].as_str().unwrap();
        assert!(reason.contains("the history has no end"), "cut at {cut}: {reason}");
    }
}

/// Places in files, the same every time (Knuth's linear congruential generator).
struct Places(u64);

impl Places {
    fn next(&mut self, length: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % length.max(1)
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The files of a run that are judged.
fn copy_of(run: &Path, copy: &Path) {
    let _ = fs::remove_dir_all(copy);
    for folder in ["", "trace", "delivered"] {
        fs::create_dir_all(copy.join(folder)).unwrap();
        for file in files(&run.join(folder)).iter().filter(|path| path.is_file()) {
            fs::copy(file, copy.join(folder).join(file.file_name().unwrap())).unwrap();
        }
    }
}
