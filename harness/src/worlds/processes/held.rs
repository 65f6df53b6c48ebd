//! `nodes/held.json`: who holds the nodes of a run. It is there, and locked, as long as the harness
//! lives; where it is there and free, all who held them were killed at once.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::procfs::Process;

const NAME: &str = "held.json";

/// The mark of a run that goes on. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Held {
    path: PathBuf,
    _lock: Flock<File>,
}

/// A run whose harness was killed, locked for whoever cleans up.
pub(super) struct Abandoned {
    pub(super) directory: PathBuf,
    /// Older than everything that it left.
    pub(super) watcher: Process,
    held: Held,
}

#[derive(Serialize, Deserialize)]
struct Content {
    watcher: i32,
    /// In ticks since the machine was started, as in /proc.
    started: u64,
}

impl Held {
    /// Marks the run in this directory, whose watcher that is.
    pub(super) fn mark(directory: &Path, watcher: Process) -> io::Result<Held> {
        let path = directory.join("nodes").join(NAME);
        let mut lock = lock(File::create(&path)?)?;
        let content = Content { watcher: watcher.pid, started: watcher.started };
        lock.write_all(&serde_json::to_vec(&content).expect("numbers are JSON"))?;
        Ok(Held { path, _lock: lock })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Abandoned {
    /// The runs below `out` whose harness is gone and did not take its nodes along.
    pub(super) fn below(out: &Path) -> Vec<Abandoned> {
        let runs = fs::read_dir(out).into_iter().flatten().flatten();
        runs.filter_map(|run| Abandoned::at(&run.path())).collect()
    }

    fn at(directory: &Path) -> Option<Abandoned> {
        // A link to a run is no second one.
        let directory = fs::canonicalize(directory).ok()?;
        let path = directory.join("nodes").join(NAME);
        // To open a pipe, which somebody may have put there, would wait for a writer.
        fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let lock = lock(File::open(&path).ok()?).ok()?;
        let content: Content = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let watcher = Process { pid: content.watcher, started: content.started };
        Some(Abandoned { directory, watcher, held: Held { path, _lock: lock } })
    }

    /// Somebody of it could not be ended: the next one is to try again.
    pub(super) fn keep(self) {
        std::mem::forget(self.held);
    }
}

fn lock(file: File) -> io::Result<Flock<File>> {
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_abandoned_once_nobody_holds_its_lock_and_only_once() {
        let out = tempfile::tempdir().unwrap();
        let run = out.path().join("run");
        fs::create_dir_all(run.join("nodes")).unwrap();
        let watcher = Process { pid: 7, started: 12 };
        let abandoned = || Abandoned::below(out.path()).len();
        let held = Held::mark(&run, watcher).unwrap();
        assert_eq!(abandoned(), 0, "it goes on");
        let path = held.path.clone();
        drop(held);
        assert!(!path.exists() && abandoned() == 0, "it is over");
        // As a killed harness leaves it.
        fs::write(&path, r#"{"watcher":7,"started":12}"#).unwrap();
        std::os::unix::fs::symlink(&run, out.path().join("latest")).unwrap();
        let mut found = Abandoned::below(out.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].watcher, watcher);
        assert_eq!(abandoned(), 0, "somebody cleans up already");
        found.pop().unwrap().keep();
        assert!(path.exists(), "left for the next one");
    }
}
