//! What the end-to-end tests share: running the binary in a folder of its own, and reading what it
//! left there. It never knows the harness's own types: these tests are outsiders.
#![allow(dead_code)] // each test program uses its part
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder in which the binary runs, gone with the test.
pub struct Bench {
    folder: TempDir,
}

/// What a command left behind.
pub struct Done {
    /// Its exit code; None: ended by a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Bench {
    /// A new, empty folder.
    pub fn new() -> Self {
        Bench { folder: TempDir::new().unwrap() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The binary with these arguments, standing in the folder, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_schism"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn schism(&self, args: &[&str]) -> Done {
        Done::from(self.command(args).output().unwrap())
    }

    /// The folder of the newest run.
    pub fn latest(&self) -> PathBuf {
        fs::canonicalize(self.path().join("runs/latest")).expect("a run was saved")
    }

    /// The newest run's verdict.json.
    pub fn verdict(&self) -> Value {
        json(&fs::read_to_string(self.latest().join("verdict.json")).unwrap())
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    /// Insists on an exit code, and shows everything if it was another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        let Done { code: found, stdout, stderr } = &self;
        assert_eq!(*found, Some(code), "\nstdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// Insists that stderr says this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "`{text}` is not in stderr:\n{}", self.stderr);
        self
    }
}

/// Parses JSON.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// All anomaly kinds of a verdict.
pub fn kinds(verdict: &Value) -> Vec<String> {
    let checks = verdict["checks"].as_array().unwrap().iter();
    let anomalies = checks.flat_map(|check| check["anomalies"].as_array().unwrap());
    anomalies.map(|anomaly| anomaly["kind"].as_str().unwrap().to_owned()).collect()
}

/// An example of the harness crate, built by cargo beside the tests.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built; `cargo build -p schism --examples`", path.display());
    path
}
