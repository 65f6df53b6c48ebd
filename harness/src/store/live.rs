//! `live.json`: where the nodes of a run are reached past every fault, while it goes on.
//! It is there from the moment every node has answered until the run is over.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{RunDirectory, StoreError};

pub const LIVE: &str = "live.json";

/// The nodes of a run that goes on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Live {
    /// Where each serves clients, by name.
    pub nodes: BTreeMap<String, SocketAddr>,
}

#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    #[error("{} is no live run: it is over, or its nodes have not answered yet", .0.display())]
    Over(PathBuf),
    #[error("{} is no run directory", .0.display())]
    NoRun(PathBuf),
    #[error("{}: {}", .0.display(), .1)]
    Broken(PathBuf, String),
}

impl Live {
    /// Writes it; it is removed with what this returns.
    pub fn announce(&self, directory: &RunDirectory) -> Result<Announced, StoreError> {
        let mut text = serde_json::to_vec_pretty(self).expect("names and addresses are JSON");
        text.push(b'\n');
        directory.write(LIVE, &text)?;
        Ok(Announced(directory.file(LIVE)))
    }

    /// Reads that of a run that goes on.
    pub fn read(run: &Path) -> Result<Live, LiveError> {
        if !run.is_dir() {
            return Err(LiveError::NoRun(run.to_path_buf()));
        }
        let file = run.join(LIVE);
        let bytes = super::read(&file).map_err(|_| LiveError::Over(run.to_path_buf()))?;
        serde_json::from_slice(&bytes).map_err(|why| LiveError::Broken(file, why.to_string()))
    }
}

/// A run that said where its nodes are.
#[derive(Debug)]
pub struct Announced(PathBuf);

impl Drop for Announced {
    /// However the run ended, its nodes are gone.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_live_until_it_says_otherwise() {
        let out = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(out.path(), "t", "quiet", 1).unwrap();
        let error = Live::read(run.path()).unwrap_err().to_string();
        assert!(error.contains("is no live run: it is over"), "{error}");
        let nodes = [("n1".to_owned(), "127.0.0.1:19002".parse().unwrap())].into();
        let live = Live { nodes };
        let announced = live.announce(&run).unwrap();
        assert_eq!(Live::read(run.path()).unwrap(), live);
        drop(announced);
        assert!(Live::read(run.path()).is_err(), "it is over");
        let nowhere = Live::read(&out.path().join("x")).unwrap_err().to_string();
        assert!(nowhere.contains("no run directory"), "{nowhere}");
    }
}
