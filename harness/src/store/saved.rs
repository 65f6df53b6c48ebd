//! A run read back from its folder: everything that judging and reporting it again needs.

use std::collections::BTreeMap;
use std::path::Path;

use schism_facts::Catalogue;
use schism_verify::{Evidence, History};

use super::environment::SYSTEM_VERSION;
use super::live::LIVE;
use super::verdict_file::VerdictFile;
use super::{ENVIRONMENT, HISTORY, PLAN, RunDirectory, StoreError, VERDICT, WORKLOAD};
use crate::plan::Plan;

use crate::workload::{Overrides, Workload, WorkloadError, from_text};

pub struct Saved {
    pub directory: RunDirectory,
    pub workload: Workload,
    pub plan: Plan,
    /// Where and with what it ran.
    pub environment: serde_json::Value,
    pub evidence: Evidence,
    /// What the judge had found, if it had got so far.
    pub verdict: Option<VerdictFile>,
}

#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// A file is missing or cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// workload.yaml is no workload any more.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// A file is not what it should be.
    #[error(
        "{file}: {message}; the file was changed or cut off, and the run cannot be judged by it"
    )]
    File { file: String, message: String },
}

impl Saved {
    pub fn read(path: &Path, catalogue: &Catalogue) -> Result<Saved, SavedError> {
        let directory = RunDirectory::open(path)?;
        // Asked before anything is read: what is over by now is whole.
        let goes_on = directory.file(LIVE).exists();
        let broken = |name: &str, message: String| SavedError::File {
            file: directory.file(name).display().to_string(),
            message,
        };
        let text = String::from_utf8(directory.read(WORKLOAD)?)
            .map_err(|error| broken(WORKLOAD, error.to_string()))?;
        let file = directory.file(WORKLOAD).display().to_string();
        let workload = from_text(&file, &text, &Overrides::default(), catalogue)?;
        let plan = serde_json::from_slice(&directory.read(PLAN)?)
            .map_err(|error| broken(PLAN, error.to_string()))?;
        let environment = match directory.read(ENVIRONMENT) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| broken(ENVIRONMENT, error.to_string()))?,
            Err(_) => serde_json::Value::Null,
        };
        // A verdict is only a memory here: one that cannot be read is made again.
        let verdict = directory.read(VERDICT).ok();
        let verdict = verdict.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (history, _) = History::parse(&directory.read(HISTORY)?)
            .map_err(|error| broken(HISTORY, error.to_string()))?;
        let evidence = Evidence {
            history,
            delivered: by_node(&directory.file("delivered"))?,
            traces: by_node(&directory.file("trace"))?.into_iter().collect(),
            clock_origin_ns: environment["clock_origin_ns"].as_u64(),
            goes_on,
        };
        Ok(Saved { directory, workload, plan, environment, evidence, verdict })
    }

    /// What the system said its version is when the run was made.
    pub fn system_version(&self) -> Option<String> {
        self.environment[SYSTEM_VERSION].as_str().map(str::to_owned)
    }
}

/// `FOLDER/NODE.jsonl` by node; none where there is no folder.
fn by_node(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
    let mut files = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(files) };
    for entry in entries.flatten() {
        let path = entry.path();
        let (Some(stem), Some(kind)) = (path.file_stem(), path.extension()) else { continue };
        if kind == "jsonl" {
            let bytes = super::read(&path).map_err(super::at(&path, "cannot be read"))?;
            files.insert(stem.to_string_lossy().into_owned(), bytes);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_read_from_files_and_nothing_that_never_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("n1.jsonl"), "{}").unwrap();
        assert_eq!(by_node(folder.path()).unwrap()["n1"], b"{}");
        let odd = folder.path().join("n2.jsonl");
        let pipe = || nix::unistd::mkfifo(&odd, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let device = || std::os::unix::fs::symlink("/dev/zero", &odd).unwrap();
        for make in [&pipe as &dyn Fn(), &device] {
            make();
            let error = by_node(folder.path()).unwrap_err().to_string();
            assert!(error.contains("n2.jsonl") && error.contains("no regular file"), "{error}");
            std::fs::remove_file(&odd).unwrap();
        }
    }
}
