//! The run directory: the one place that writes files of a run.
//!
//! ```text
//! runs/20261123-101500-raft-under-fire-7/
//!   workload.yaml  plan.json  environment.json      before anything starts
//!   history.jsonl  live.json                        while it runs
//!   nodes/  trace/  delivered/                      by the nodes
//!   verdict.json  report.html  summary.md  junit.xml
//! ```
//!
//! It never overwrites another run or a file that it did not write, and never judges.

pub mod environment;
pub mod live;
pub mod saved;
pub mod verdict_file;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub use saved::Saved;

/// What was asked for, with every default filled in.
pub const WORKLOAD: &str = "workload.yaml";
pub const PLAN: &str = "plan.json";
/// Where and with what it ran.
pub const ENVIRONMENT: &str = "environment.json";
pub const HISTORY: &str = "history.jsonl";
pub const VERDICT: &str = "verdict.json";
/// For people.
pub const REPORT: &str = "report.html";
/// For the summary of a CI job.
pub const SUMMARY: &str = "summary.md";
/// For a CI's list of tests.
pub const JUNIT: &str = "junit.xml";

/// The link to the newest run.
pub const LATEST: &str = "latest";

/// Something of a run directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}: {cause}{}", path.display(), advice(cause))]
pub struct StoreError {
    pub path: PathBuf,
    pub what: &'static str,
    pub cause: io::Error,
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; free some space or choose another place with --out",
        io::ErrorKind::PermissionDenied => "; choose a place you may write to with --out",
        _ => "",
    }
}

/// The folder of one run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunDirectory {
    path: PathBuf,
}

impl RunDirectory {
    /// Makes a new one: `OUT/STAMP-NAME-SEED`, with -2, -3, ... when that is taken.
    pub fn create(out: &Path, stamp: &str, name: &str, seed: u64) -> Result<Self, StoreError> {
        fs::create_dir_all(out).map_err(at(out, "cannot be made"))?;
        let name = name.replace(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)), "-");
        let base = format!("{stamp}-{name}-{seed}");
        for number in 1.. {
            let folder = if number == 1 { base.clone() } else { format!("{base}-{number}") };
            let path = out.join(folder);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(RunDirectory { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(at(&path, "cannot be made")(error)),
            }
        }
        unreachable!("one of all numbers is free")
    }

    /// One that is there: a folder with a history.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let history = path.join(HISTORY);
        fs::metadata(&history).map_err(at(&history, "is not there, so this is no run"))?;
        Ok(RunDirectory { path: path.to_path_buf() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a whole file; a reader sees all of it or what was there before.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.file(name);
        let create = |fresh: &Path| OpenOptions::new().write(true).create_new(true).open(fresh);
        let made = unused(&self.file(&format!(".{name}.new")), create);
        let (fresh, mut file) = made.map_err(at(&path, "cannot be written"))?;
        let written = file.write_all(bytes).and_then(|()| fs::rename(&fresh, &path));
        written.map_err(|error| {
            let _ = fs::remove_file(&fresh);
            at(&path, "cannot be written")(error)
        })
    }

    /// The history, new and empty.
    pub fn history(&self) -> Result<File, StoreError> {
        let path = self.file(HISTORY);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.map_err(at(&path, "cannot be made"))
    }

    pub fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.file(name);
        read(&path).map_err(at(&path, "cannot be read"))
    }

    /// Makes `latest` beside it point here. A reader finds the old one or this one, never none.
    pub fn point_latest(&self) -> Result<(), StoreError> {
        let (Some(out), Some(folder)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(());
        };
        let link = out.join(LATEST);
        let failed = at(&link, "cannot point at the newest run");
        if fs::symlink_metadata(&link).is_ok_and(|found| !found.is_symlink()) {
            return Err(failed(io::Error::other("it is no link, and not ours to replace")));
        }
        let fresh = out.join(format!(".latest.{}", folder.to_string_lossy()));
        let made = unused(&fresh, |fresh| std::os::unix::fs::symlink(folder, fresh));
        let pointed = made.and_then(|(fresh, ())| {
            fs::rename(&fresh, &link).inspect_err(|_| drop(fs::remove_file(&fresh)))
        });
        pointed.map_err(failed)
    }

    /// Removes the run, which nobody is to look at again. Where `latest` meant it, the newest run
    /// that is left is the latest.
    pub fn discard(self) -> Result<(), StoreError> {
        if let (Some(out), Some(folder)) = (self.path.parent(), self.path.file_name()) {
            let link = out.join(LATEST);
            if fs::read_link(&link).is_ok_and(|meant| meant == folder) {
                match newest(out, folder).map_err(at(out, "cannot be read"))? {
                    Some(run) => run.point_latest()?,
                    None => fs::remove_file(&link).map_err(at(&link, "cannot be removed"))?,
                }
            }
        }
        fs::remove_dir_all(&self.path).map_err(at(&self.path, "cannot be removed"))
    }
}

/// The newest run below a folder, by the time in its name, but for one.
fn newest(out: &Path, but: &OsStr) -> io::Result<Option<RunDirectory>> {
    let entries = fs::read_dir(out)?.collect::<io::Result<Vec<_>>>()?;
    let mut names: Vec<OsString> = entries.into_iter().map(|entry| entry.file_name()).collect();
    names.retain(|name| name != but && name != LATEST);
    names.sort_unstable();
    Ok(names.iter().rev().find_map(|name| RunDirectory::open(&out.join(name)).ok()))
}

fn at(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |cause| StoreError { path, what, cause }
}

/// Makes something at a path where nothing is: what is there may be somebody's.
fn unused<T>(path: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
    let mut tried = path.to_path_buf();
    for number in 2.. {
        match make(&tried) {
            Ok(made) => return Ok((tried, made)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let mut name = path.as_os_str().to_owned();
        name.push(format!("-{number}"));
        tried = name.into();
    }
    unreachable!("one of all numbers is free")
}

/// A file of a run. A pipe or a device is none: reading it might never end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // To open a pipe waits for a writer otherwise.
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file that a person asked for by name, outside any run.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let written = File::create(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(at(path, "cannot be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_is_left_alone() {
        let out = tempfile::tempdir().unwrap();
        let make =
            || RunDirectory::create(out.path(), "20261123-101500", "planted/r13", 7).unwrap();
        let names: Vec<String> = (0..3)
            .map(|_| make().path().file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        let base = "20261123-101500-planted-r13-7";
        assert_eq!(names, [base.to_string(), format!("{base}-2"), format!("{base}-3")]);
    }

    #[test]
    fn latest_follows_the_newest() {
        let out = tempfile::tempdir().unwrap();
        for seed in 1..=2 {
            let run = RunDirectory::create(out.path(), "t", "quiet", seed).unwrap();
            run.write(VERDICT, format!("{seed}").as_bytes()).unwrap();
            run.point_latest().unwrap();
            let seen = fs::read_to_string(out.path().join(LATEST).join(VERDICT)).unwrap();
            assert_eq!(seen, seed.to_string());
        }
        let hidden = fs::read_dir(out.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
        assert_eq!(hidden.count(), 0, "no helper file is left");
    }

    #[test]
    fn a_file_that_is_not_ours_stays() {
        let out = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(out.path(), "t", "quiet", 1).unwrap();
        let link = format!(".latest.{}", run.path().file_name().unwrap().to_string_lossy());
        let others = [
            run.file(".verdict.json.new"),
            run.file(".verdict.json.new-2"),
            out.path().join(&link),
            out.path().join(LATEST),
        ];
        let stay = |others: &[PathBuf]| {
            for file in others {
                assert_eq!(fs::read_to_string(file).unwrap(), "mine", "{}", file.display());
            }
        };
        for file in &others {
            fs::write(file, "mine").unwrap();
        }
        run.write(VERDICT, b"{}").unwrap();
        assert_eq!(fs::read(run.file(VERDICT)).unwrap(), b"{}");
        let error = run.point_latest().unwrap_err().to_string();
        assert!(error.contains("latest") && error.contains("it is no link"), "{error}");
        stay(&others);
        fs::remove_file(out.path().join(LATEST)).unwrap();
        run.point_latest().unwrap();
        assert!(out.path().join(LATEST).join(VERDICT).exists());
        stay(&others[..3]);
        let left = fs::read_dir(run.path()).unwrap().count();
        assert_eq!(left, 3, "no helper file is left");
    }

    #[test]
    fn a_pipe_or_a_device_is_no_file_of_a_run() {
        let out = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(out.path(), "t", "quiet", 1).unwrap();
        nix::unistd::mkfifo(&run.file(PLAN), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("/dev/zero", run.file(VERDICT)).unwrap();
        for name in [PLAN, VERDICT] {
            let error = run.read(name).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("no regular file"), "{error}");
        }
        fs::write(run.file(HISTORY), "one").unwrap();
        assert_eq!(run.read(HISTORY).unwrap(), b"one");
    }

    #[test]
    fn what_is_discarded_leaves_the_others_as_they_are() {
        let out = tempfile::tempdir().unwrap();
        let make = |seed| {
            let run = RunDirectory::create(out.path(), "t", "quiet", seed).unwrap();
            run.history().unwrap();
            run.point_latest().unwrap();
            run
        };
        let (first, second, third) = (make(1), make(2), make(3));
        let latest = || fs::canonicalize(out.path().join(LATEST)).unwrap();
        let (oldest, newest) = (first.path().to_path_buf(), third.path().to_path_buf());
        second.discard().unwrap();
        assert_eq!(latest(), newest);
        third.discard().unwrap();
        assert_eq!(latest(), oldest, "the newest that is left");
        first.discard().unwrap();
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "nor does `latest` mean nothing");
    }

    #[test]
    fn a_folder_without_history_is_no_run() {
        let out = tempfile::tempdir().unwrap();
        let error = RunDirectory::open(out.path()).unwrap_err().to_string();
        assert!(error.contains("history.jsonl") && error.contains("no run"), "{error}");
    }

    #[test]
    fn errors_name_the_place() {
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = RunDirectory::create(&file, "t", "quiet", 1).unwrap_err().to_string();
        assert!(error.starts_with(&file.display().to_string()), "{error}");
    }
}
