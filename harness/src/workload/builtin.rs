//! Where workloads come from: a path, workloads/NAME.yaml here, or the copy in the binary.
//! It never looks inside.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::error::did_you_mean;
use super::{Listed, WorkloadError};

/// The folder workloads/ as it was when the binary was built.
static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../workloads");

/// The folder that names are looked up in first.
const FOLDER: &str = "workloads";

/// The folder below it that says how systems are started. What is in it is no workload.
const SYSTEMS: &str = "systems";

/// No workload is larger; a file that is was given by mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A workload's text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Source {
    /// What errors call it.
    pub file: String,
    /// The workload's name if it does not say one.
    pub name: String,
    /// YAML.
    pub text: String,
    /// The file, if it is one.
    pub path: Option<PathBuf>,
}

impl Source {
    pub(super) fn named(file: &str, text: String) -> Self {
        Source { file: file.to_owned(), name: name_of(file), text, path: None }
    }

    /// The folder that relative paths in it are of.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        let folder = self.path.as_deref()?.parent()?;
        Some(if folder.as_os_str().is_empty() { ".".into() } else { folder.to_path_buf() })
    }
}

/// A path if there is one, else a name.
pub(super) fn find(name: &str) -> Result<Source, WorkloadError> {
    let path = Path::new(name);
    let looks_like_path = is_yaml(path);
    // `schism run quiet` in a folder that happens to hold a folder `quiet` means the name.
    if path.is_file() || looks_like_path && fs::symlink_metadata(path).is_ok() {
        return read(name);
    }
    if !looks_like_path {
        let here = format!("{FOLDER}/{name}.yaml");
        if Path::new(&here).is_file() {
            return read(&here);
        }
    }
    let bare = name.strip_suffix(".yaml").unwrap_or(name);
    let bare = bare.strip_prefix("workloads/").unwrap_or(bare);
    if let Some(text) = built_in(&format!("{bare}.yaml")) {
        return Ok(Source::named(&format!("{FOLDER}/{bare}.yaml"), text.to_owned()));
    }
    if find_system(name).is_ok_and(|system| system.is_some()) {
        return Err(wrong(
            name,
            &format!("a system, not a workload; `schism run WORKLOAD --system {name}` tests it"),
        ));
    }
    if path.is_dir() {
        return Err(wrong(name, "a folder, not a workload file"));
    }
    if let Ok(kind) = fs::metadata(path)
        && !kind.is_file()
    {
        return Err(wrong(name, "not a regular file"));
    }
    let names: Vec<String> = list().into_iter().map(|listed| listed.name).collect();
    let hint = match did_you_mean(bare, names.iter().map(String::as_str)) {
        none if none.is_empty() => "; `schism list workloads` shows those built in".to_owned(),
        hint => hint,
    };
    Err(wrong(name, &format!("no such workload, neither a file nor a built-in name{hint}")))
}

/// The system file of this name: in workloads/systems here, else the copy in the binary.
pub(super) fn find_system(name: &str) -> Result<Option<Source>, WorkloadError> {
    let here = format!("{FOLDER}/{SYSTEMS}/{name}.yaml");
    if Path::new(&here).is_file() {
        return read(&here).map(Some);
    }
    let text = built_in(&format!("{SYSTEMS}/{name}.yaml"));
    Ok(text.map(|text| Source::named(&here, text.to_owned())))
}

/// The system files that are built in, and those in workloads/systems here, by name.
pub(super) fn systems() -> Vec<Source> {
    let mut names: Vec<String> = files(&BUILT_IN)
        .into_iter()
        .filter_map(|(path, _)| Some(path.strip_prefix("systems/")?.to_owned()))
        .collect();
    let here = fs::read_dir(format!("{FOLDER}/{SYSTEMS}"));
    let here = here.into_iter().flatten().flatten();
    names.extend(here.filter_map(|entry| entry.file_name().into_string().ok()));
    let mut names: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".yaml")).collect();
    names.sort_unstable();
    names.dedup();
    // One that cannot be read is found out when it is asked for.
    names.into_iter().filter_map(|name| find_system(name).ok().flatten()).collect()
}

/// The workloads built into the binary, by name.
pub(super) fn list() -> Vec<Listed> {
    let mut listed: Vec<Listed> = files(&BUILT_IN)
        .into_iter()
        .filter(|(path, _)| !path.starts_with("systems/"))
        .map(|(path, text)| {
            let about = text.lines().find_map(|line| line.strip_prefix("about:"));
            let about = about.unwrap_or_default().trim().to_owned();
            Listed { name: name_of(path), about }
        })
        .collect();
    // Those of a folder, such as planted bugs, after the workloads that ask a question.
    listed.sort_by_key(|listed| (listed.name.contains('/'), listed.name.clone()));
    listed
}

fn files<'a>(folder: &'a Dir<'a>) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    for file in folder.files() {
        if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8())
            && is_yaml(file.path())
        {
            found.push((path, text));
        }
    }
    for inner in folder.dirs() {
        found.extend(files(inner));
    }
    found
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn built_in(path: &str) -> Option<&'static str> {
    BUILT_IN.get_file(path)?.contents_utf8()
}

/// `workloads/planted/r13.yaml` is `planted/r13`, and so for every folder that the binary has below
/// workloads/; any other path gives its last part.
fn name_of(file: &str) -> String {
    let bare = file.strip_suffix(".yaml").or(file.strip_suffix(".yml")).unwrap_or(file);
    let bare = bare.strip_prefix("./").unwrap_or(bare);
    let bare = bare.strip_prefix("workloads/").unwrap_or(bare);
    match bare.split_once('/') {
        Some((folder, name)) if !name.contains('/') && BUILT_IN.get_dir(folder).is_some() => {
            bare.to_owned()
        }
        _ => bare.rsplit('/').next().unwrap_or(bare).to_owned(),
    }
}

/// A file by its path.
pub(super) fn read(path: &str) -> Result<Source, WorkloadError> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        return Err(wrong(path, "a folder, not a workload file"));
    }
    if !metadata.is_file() {
        return Err(wrong(path, "not a regular file"));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(wrong(path, "over 1 MiB; that is no workload"));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source { path: Some(path.into()), ..Source::named(path, text) }),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            Err(wrong(&format!("{path}:{line}:{column}"), "not UTF-8 text from here on"))
        }
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> WorkloadError {
    let why = match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "you may not read it".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    wrong(path, &why)
}

fn wrong(place: &str, message: &str) -> WorkloadError {
    WorkloadError { place: place.to_owned(), message: message.to_owned(), snippet: String::new() }
}

#[cfg(test)]
mod tests {
    use include_dir::File;

    use super::super::tests::catalogue;
    use super::super::{Overrides, from_text};
    use super::*;

    #[test]
    fn names_of_files() {
        let check = |file: &str, name: &str| assert_eq!(name_of(file), name);
        check("workloads/quiet.yaml", "quiet");
        check("./workloads/planted/r13-ack-on-append.yaml", "planted/r13-ack-on-append");
        check("planted/r13.yaml", "planted/r13");
        check("workloads/hard/raft.yaml", "hard/raft");
        check("hard/mine.yaml", "hard/mine");
        check("mine/hard/raft.yaml", "raft");
        check("mine/raft.yaml", "raft");
        check("/tmp/x/mine.yml", "mine");
        check("mine", "mine");
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let check = |path: &str, word: &str| {
            let error = find(path).unwrap_err().to_string();
            assert!(error.starts_with(path) && error.contains(word), "{error}");
        };
        check(folder.path().to_str().unwrap(), "a folder");
        check(&place("missing.yaml"), "no such workload");
        fs::create_dir(place("folder.yaml")).unwrap();
        check(&place("folder.yaml"), "a folder");
        fs::write(place("bad.yaml"), b"a: 1\nb: \xff\n").unwrap();
        check(&place("bad.yaml"), ":2:4: not UTF-8");
        fs::write(place("huge.yaml"), vec![b'#'; 2 << 20]).unwrap();
        check(&place("huge.yaml"), "1 MiB");
        check("/dev/zero", "not a regular file");
        check("qiuet", "did you mean `quiet`?");
        check("workloads/raft-undr-fire.yaml", "did you mean `raft-under-fire`?");
        check("meteor", "schism list workloads");
    }

    #[test]
    fn the_example_of_the_readme_loads() {
        let readme = BUILT_IN.get_file("README.md").and_then(File::contents_utf8).unwrap();
        let example =
            readme.split("\n\n").find(|part| part.contains("about: Two of five")).unwrap();
        let lines: Vec<&str> = example.lines().map(|line| &line[4..]).collect();
        let text = lines.join("\n");
        let read = from_text("README.md", &text, &Overrides::default(), &catalogue()).unwrap();
        assert_eq!((read.faults.len(), read.rate), (2, Some(500.0)));
    }

    #[test]
    fn a_path_is_read_and_gives_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.yaml");
        fs::write(&path, "system: raft\nnodes: 0\n").unwrap();
        let path = path.to_str().unwrap();
        let error = super::super::load(path, &Overrides::default(), &catalogue()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{path}:2:8: found `0`")), "{error}");
        fs::write(path, "system: raft\n").unwrap();
        let read = super::super::load(path, &Overrides::default(), &catalogue()).unwrap().workload;
        assert_eq!(read.name, "mine");
        let built_in = super::super::load("quiet", &Overrides::default(), &catalogue()).unwrap();
        assert_eq!(built_in.workload.name, "quiet");
    }
}
