//! What the end-to-end tests share: running the binary in a folder of its own, and reading what it
//! left there. It never knows the harness's own types: these tests are outsiders.
#![allow(dead_code)] // each test program uses its part
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Far longer than anything here takes on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

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

    /// How many operations were ok in the newest history.
    pub fn recorded(&self) -> usize {
        let history = fs::read_to_string(self.path().join("runs/latest/history.jsonl"));
        history.map_or(0, |text| text.matches(r#""type":"ok""#).count())
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

/// Whether there is no Python for the toys that are written in it; that is said.
#[allow(dead_code, clippy::print_stderr)] // not every test program has toys
pub fn no_python() -> bool {
    let is_there = std::process::Command::new("python3").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("SKIPPED: there is no python3 to run a toy");
    }
    !is_there
}

/// An example of the harness crate, built by cargo beside the tests.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built; `cargo build -p schism --examples`", path.display());
    path
}

/// Waits until it is so.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The children of a process that are called so.
pub fn children(parent: u32, name: &str) -> Vec<u32> {
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let is_one = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((front, back)) = line.rsplit_once(") ") else { return false };
        let named = front.split_once('(').is_some_and(|(_, found)| found == name);
        named && back.split(' ').nth(1) == Some(&parent.to_string())
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(pid).filter(is_one).collect()
}

/// Sends a signal by its name. A process that is gone gets none.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).output().unwrap();
    assert!(sent.status.success() || !is_alive(pid), "{sent:?}");
}

/// Whether a process is there that is no zombie.
pub fn is_alive(pid: u32) -> bool {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    line.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Processes whose command line has this in it. Zombies have none.
pub fn commanded(text: &str) -> Vec<u32> {
    let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(pid).filter(has).collect()
}

/// A node of four processes, three of which try to get away. They take no environment along, and
/// are known by what they were told to sleep.
pub struct Daemon(String);

impl Daemon {
    /// One that no other test knows.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Daemon(format!("1000.{}{number:04}", std::process::id()))
    }

    /// For `sh -c`: out of its group; out of it and handed on by a parent that is gone; the same
    /// within its group.
    pub fn script(&self) -> String {
        let sleep = format!("sleep {}", self.0);
        format!(
            "env -i setsid {sleep} & (env -i setsid {sleep} &); (env -i {sleep} &); exec {sleep}"
        )
    }

    /// Those that run.
    pub fn processes(&self) -> Vec<u32> {
        let own = commanded(&self.0);
        let is_sleep = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
        };
        own.into_iter().filter(is_sleep).collect()
    }
}
