//! Where the programs of a system file are on this machine.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::workload::{Hole, Program, SystemFile};

/// Every program by its name in the file. An error says what is missing and how to get it.
pub(super) fn find(file: &SystemFile) -> Result<BTreeMap<String, PathBuf>, String> {
    let one = |program: &Program| {
        let variable = variable(&file.name, &program.name);
        let path = match env::var(&variable) {
            Ok(given) => {
                let found = look(&given);
                found.ok_or_else(|| format!("{variable} is {given}, and there is no such file"))
            }
            Err(_) => program.candidates.iter().find_map(|name| look(name)).ok_or_else(|| {
                let known = match &file.install {
                    Some(install) => format!("`{install}` installs it"),
                    None => "install it".to_owned(),
                };
                format!(
                    "{} is not here: no {}; {known}, or {variable}=PATH says where it is",
                    file.name,
                    program.candidates.join(", no ")
                )
            }),
        };
        path.map(|path| (program.name.clone(), path))
    };
    file.programs.iter().map(one).collect()
}

/// Insists that every `{glob:PATTERN}` finds something.
pub(super) fn check_globs(file: &SystemFile) -> Result<(), String> {
    let missing = RefCell::new(None);
    let finds_nothing = |hole: &Hole| match hole {
        Hole::Glob(pattern) if glob(pattern).is_empty() => {
            missing.replace(Some(pattern.clone()));
            true
        }
        _ => false,
    };
    if !file.texts().iter().any(|text| text.has(&finds_nothing)) {
        return Ok(());
    }
    let pattern = missing.take().unwrap_or_default();
    let known = file.install.as_ref().map(|install| format!("; `{install}` installs it"));
    Err(format!("{}: nothing here is {pattern}{}", file.name, known.unwrap_or_default()))
}

/// The variable of the environment that says where a program is: `SCHISM_REDIS_SENTINEL`.
fn variable(system: &str, program: &str) -> String {
    let words = ["schism", system, program].into_iter().filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_uppercase().replace(['-', '.', '/'], "_")
}

/// A name that is looked for on PATH, or a path in which `*` stands for anything: the newest then.
fn look(name: &str) -> Option<PathBuf> {
    if name.contains('*') {
        return glob(name).into_iter().rev().find(|path| is_program(path));
    }
    if name.contains('/') {
        // It may be a script that another program reads: who may not execute it is told so.
        let path = PathBuf::from(name);
        return path.is_file().then_some(path);
    }
    // Many servers lie where only root's PATH leads.
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// What there is of this pattern, older versions before newer ones: 9 before 15.
pub(super) fn glob(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from(if pattern.starts_with('/') { "/" } else { "" })];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found.iter().flat_map(|folder| within(folder, part)).collect();
    }
    found.sort_by_key(|path| version(&path.display().to_string()));
    found
}

fn within(folder: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains('*') {
        let path = folder.join(part);
        return if path.exists() { vec![path] } else { Vec::new() };
    }
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(here).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| fits(part, name)).map(|name| folder.join(name)).collect()
}

/// `*` stands for any text; it does not find hidden files by itself.
fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let mut pieces: Vec<&str> = pattern.split('*').collect();
    let Some(mut rest) = name.strip_prefix(pieces.remove(0)) else { return false };
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// Text cut into numbers and what follows each, so that numbers compare by their size.
fn version(text: &str) -> Vec<(u64, String)> {
    let mut parts = vec![(0, String::new())];
    let mut digits = String::new();
    for character in text.chars().chain(['/']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        if !digits.is_empty() {
            parts.push((digits.parse().unwrap_or(u64::MAX), String::new()));
            digits.clear();
        }
        parts.last_mut().expect("there is one from the start").1.push(character);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        };
        check("*", "15", true);
        check("*", ".hidden", false);
        check("netty-*.jar", "netty-all.jar", true);
        check("netty-*.jar", "netty-.ja", false);
        check("a*a", "a", false);
        check("a*b*c", "axxbyyc", true);
        check("a*b*c", "axxc", false);
        check("x", "xy", false);
    }

    #[test]
    fn newer_versions_come_last_and_the_newest_program_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let place = |version: &str| folder.path().join(version).join("bin");
        for version in ["9.6", "15", "14"] {
            fs::create_dir_all(place(version)).unwrap();
            fs::write(place(version).join("db"), "").unwrap();
        }
        let pattern = format!("{}/*/bin/db", folder.path().display());
        let found: Vec<PathBuf> = ["9.6", "14", "15"].map(|v| place(v).join("db")).into();
        assert_eq!(glob(&pattern), found);
        assert_eq!(look(&pattern), None, "nobody may execute it");
        for version in ["9.6", "14"] {
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(place(version).join("db"), mode).unwrap();
        }
        assert_eq!(look(&pattern), Some(place("14").join("db")));
    }

    #[test]
    fn a_program_has_a_variable_of_its_own() {
        assert_eq!(variable("etcd", ""), "SCHISM_ETCD");
        assert_eq!(variable("redis-sentinel", "redis"), "SCHISM_REDIS_SENTINEL_REDIS");
    }
}
