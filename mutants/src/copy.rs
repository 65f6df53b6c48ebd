//! A copy of the repository below target/mutants, with every mutant in it behind one switch: the
//! environment variable `SCHISM_MUTANT`. The tree itself never mentions a mutant.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::mutate::{Mutant, count, mutate};

/// Where protocols are; the planted bugs and the pictures are none.
const SOURCES: &str = "node/protocol/src";
const NOT: &[&str] =
    &["bugs", "states.rs", "row.rs", "lib.rs", "options.rs", "message.rs", "tests"];

/// The switch, as it stands at the end of the copy's lib.rs.
const SWITCH: &str = r#"
/// Whether this mutant is awake.
pub(crate) fn mutant(number: u32) -> bool {
    static AWAKE: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let read = || std::env::var("SCHISM_MUTANT").ok()?.parse().ok();
    *AWAKE.get_or_init(|| read().unwrap_or(0)) == number
}
"#;

/// How often what does not compile is taken out.
const ROUNDS_MAX: u32 = 8;

/// The copy, built: the binary and the mutants in it.
pub fn build(root: &Path, place: &Path) -> io::Result<(PathBuf, Vec<Mutant>)> {
    let tree = place.join("tree");
    copy(root, &tree)?;
    let mut without: BTreeSet<u32> = BTreeSet::new();
    for _ in 0..ROUNDS_MAX {
        let mutants = write(root, &tree, &without)?;
        println!("{} mutants, {} that would not compile", mutants.len(), without.len());
        let target = place.join("build");
        // The protocols alone are soon looked at.
        let wrong = compile(&tree, &target, &["check", "--release", "-p", "schism-protocol"])?;
        if wrong.is_empty() {
            let left = compile(&tree, &target, &["build", "--release", "-p", "schism"])?;
            assert!(left.is_empty(), "the protocols compile: {left:?}");
            return Ok((target.join("release/schism"), mutants));
        }
        let before = without.len();
        for (file, line) in &wrong {
            let text = fs::read_to_string(tree.join(file))?;
            let line = text.lines().nth(line - 1).unwrap_or_default();
            without.extend(numbers(line));
        }
        if without.len() == before {
            return Err(io::Error::other(format!("the copy does not compile: {wrong:?}")));
        }
    }
    Err(io::Error::other("the copy does not compile"))
}

/// The mutants on a line of the copy.
fn numbers(line: &str) -> impl Iterator<Item = u32> {
    let calls = line.split("crate::mutant(").skip(1);
    calls.filter_map(|rest| rest.split(')').next()?.parse().ok())
}

fn copy(root: &Path, tree: &Path) -> io::Result<()> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output()?;
    for file in listed.stdout.split(|byte| *byte == 0).filter(|file| !file.is_empty()) {
        let file = String::from_utf8_lossy(file).into_owned();
        let (from, to) = (root.join(&file), tree.join(&file));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let Ok(bytes) = fs::read(&from) else { continue };
        write_if_new(&to, &bytes)?;
    }
    Ok(())
}

/// Files that did not change keep their time, so that little is built anew.
fn write_if_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes)
}

fn write(root: &Path, tree: &Path, without: &BTreeSet<u32>) -> io::Result<Vec<Mutant>> {
    let without: Vec<u32> = without.iter().copied().collect();
    let mut files = Vec::new();
    sources(&root.join(SOURCES), &mut files)?;
    files.sort();
    let (mut next, mut all) = (1, Vec::new());
    for path in files {
        let text = fs::read_to_string(&path)?;
        let file = path.strip_prefix(root).expect("it was found below").display().to_string();
        let wrong = |error| io::Error::other(format!("{file}: {error}"));
        let (written, mutants) = mutate(&file, &text, next, &without).map_err(wrong)?;
        write_if_new(&tree.join(&file), written.as_bytes())?;
        next += count(&text).map_err(wrong)?;
        all.extend(mutants);
    }
    let lib = format!("{SOURCES}/lib.rs");
    let text = fs::read_to_string(root.join(&lib))? + SWITCH;
    write_if_new(&tree.join(&lib), text.as_bytes())?;
    // The house rules are for people.
    write_if_new(&tree.join("node/protocol/clippy.toml"), b"")?;
    Ok(all)
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if NOT.contains(&name.as_str()) || name.ends_with("tests.rs") {
            continue;
        }
        if path.is_dir() {
            sources(&path, files)?;
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Where the compiler found something wrong: file and line.
fn compile(tree: &Path, target: &Path, what: &[&str]) -> io::Result<BTreeSet<(String, usize)>> {
    let mut command = Command::new("cargo");
    command.args(what).args(["--message-format", "json"]);
    command.current_dir(tree).env("CARGO_TARGET_DIR", target).stderr(Stdio::inherit());
    let output = command.output()?;
    let mut wrong = BTreeSet::new();
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let Ok(told) = serde_json::from_slice::<Value>(line) else { continue };
        if told["message"]["level"] != "error" {
            continue;
        }
        for span in told["message"]["spans"].as_array().into_iter().flatten() {
            let (file, from, to) = (&span["file_name"], &span["line_start"], &span["line_end"]);
            let (Some(file), Some(from), Some(to)) = (file.as_str(), from.as_u64(), to.as_u64())
            else {
                continue;
            };
            wrong.extend((from..=to).map(|line| (file.to_owned(), line as usize)));
        }
    }
    if wrong.is_empty() && !output.status.success() {
        return Err(io::Error::other("cargo failed, and did not say where"));
    }
    Ok(wrong)
}
