//! `just mutants [SAMPLE] [SEED] [JOBS]`: how many faults of a mechanical kind do the shipped workloads
//! find? Mutants are made in a copy below target/mutants, built once, and hunted one by one. The
//! page docs/internals/mutants.md says what was left.
//!
//! ```text
//! cargo run --manifest-path mutants/Cargo.toml -- 40 1
//! ```

mod copy;
mod hunt;
mod mutate;
mod table;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use hunt::Outcome;
use mutate::Mutant;

/// Runs at once: a run has three to five nodes and waits most of the time.
const JOBS: u64 = 2;

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut number = |usual: u64| match args.next() {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| io::Error::other(format!("{text} is no number"))),
    };
    let (sample, seed, jobs) = (number(40)? as usize, number(1)?, number(JOBS)?);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the repository");
    let place = root.join("target/mutants");
    let (schism, mutants) = copy::build(root, &place)?;
    let controls = hunt::workloads_that_hunt();
    let wrong = side_by_side(&controls, jobs, |workload| hunt::control(&schism, &place, workload))?;
    let wrong: Vec<&str> = wrong.into_iter().flatten().collect();
    if !wrong.is_empty() {
        let wrong = wrong.join(", ");
        return Err(io::Error::other(format!("violated with no mutant awake: {wrong}")));
    }
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let chosen: Vec<&Mutant> = mutants.sample(&mut chance, sample).collect();
    let hunted = side_by_side(&chosen, jobs, |mutant| hunt::hunt(&schism, &place, mutant));
    let mut outcomes: Vec<Outcome> = hunted?;
    outcomes.sort_by_key(|one| one.mutant.number);
    std::fs::write(place.join("outcomes.json"), serde_json::to_vec_pretty(&outcomes)?)?;
    table::write(&root.join("docs/internals/mutants.md"), &outcomes, mutants.len())?;
    let found = outcomes.iter().filter(|one| one.found.is_some()).count();
    writeln!(io::stdout(), "{found} of {} found; docs/internals/mutants.md", outcomes.len())
}

/// Does it to each, so many at a time.
fn side_by_side<T: Copy + Sync, R: Send>(
    all: &[T],
    jobs: u64,
    what: impl Fn(T) -> io::Result<R> + Sync,
) -> io::Result<Vec<R>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = what(*one);
                    done.lock().expect("no job panics while it notes its end").push(outcome);
                }
            });
        }
    });
    let done = done.into_inner().expect("no job panics while it notes its end");
    done.into_iter().collect()
}
