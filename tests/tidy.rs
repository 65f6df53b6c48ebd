//! Keeps the house honest: who may import whom, how large a file may grow, that every member of an
//! open set is in its table. It reads the source as text and never runs anything.
//!
//! ```text
//! cargo test -p schism --test tidy
//! ```
#![allow(clippy::unwrap_used)] // a test: what is missing should fail it

#[path = "tidy/circles.rs"]
mod circles;

use std::fs;
use std::path::{Path, PathBuf};

/// Past this a file is split in two.
const FILE_LINES_MAX: usize = 600;
/// As rustfmt is told. It does not reach into comments, so they are ours.
const COMMENT_CHARS_MAX: usize = 100;
/// It does not reach into macros either, where breaking a line sometimes costs more than it gives.
const LINE_CHARS_MAX: usize = 120;

/// Module of the harness -> modules it may name with `crate::`. Data flows one way.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("action", &[]),
    ("clock", &[]),
    ("units", &[]),
    ("limits", &[]),
    ("faults", &["action", "units"]),
    ("workload", &["action", "faults", "generate", "units"]),
    ("plan", &["action", "faults", "units", "workload"]),
    ("generate", &[]),
    ("systems", &["action", "clock", "limits", "workload"]),
    ("proxy", &["action", "limits"]),
    ("worlds", &["action", "clock", "limits", "proxy", "systems"]),
    (
        "run",
        &[
            "action", "clock", "faults", "generate", "plan", "systems", "units", "workload",
            "worlds",
        ],
    ),
    ("draw", &[]),
    ("explain", &["draw", "worlds"]),
    ("store", &["action", "plan", "workload"]),
    ("report", &["action", "draw", "faults", "plan", "store", "workload"]),
];

/// Text that may not stand in a folder, with what to do instead.
const BANNED: &[(&str, &str, &str)] = &[
    ("harness/src/run", "tokio::time", "time comes through the world's clock"),
    ("harness/src/run", "tokio::spawn", "tasks are spawned through the world's clock"),
    ("harness/src/run", "Instant::now", "time comes through the world's clock"),
    (
        "harness/src",
        "schism_protocol",
        "only main.rs, worlds/simulated and explain know our protocols; take a table as data",
    ),
    ("harness/src", "schism_node", "only main.rs knows our node; take a command line as data"),
    ("node/facts/src", "schism_", "facts stand below every other crate"),
    ("node/src", "schism_verify", "a node knows no judge"),
    ("node/src", "schism::", "a node knows no harness"),
    ("node/protocol/src", "std::fs", "effects are outputs"),
    ("node/protocol/src", "std::net", "effects are outputs"),
    ("harness/verify/src", "std::net", "a judge reads evidence, nothing else"),
    ("harness/src/report", "is_control", SHOWN),
    ("harness/src/draw", "is_control", SHOWN),
    ("harness/src/explain", "is_control", SHOWN),
    ("harness/src/cli", "is_control", SHOWN),
];

const SHOWN: &str = "text of others is shown by schism_facts::foreign";

/// Where a word that is also a fault's key means something else.
const NO_FAULT: &[(&str, &str)] = &[
    ("harness/src/report/pictures/mod.rs", "latency"), // of operations
    ("harness/src/cli/status.rs", "latency"),
    ("harness/src/report/terminal/mod.rs", "latency"),
    ("harness/src/systems/clients/lines.rs", "promote"), // the request
    ("harness/src/workload/system_file/read.rs", "promote"), // keys of a system file
    ("harness/src/workload/system_file/read.rs", "crash"),
    ("harness/src/systems/clients/program.rs", "promote"),
];

/// Types of `node/facts`, which no other crate may have under the same name.
const FACTS: &[&str] = &[
    "Acks",
    "BugRow",
    "Catalogue",
    "ClientRow",
    "CommitQuorum",
    "Epochs",
    "FramePart",
    "FrameRow",
    "NodeId",
    "OptionRow",
    "Remark",
    "SystemRow",
    "Traces",
];

/// The few small modules that may use unsafe code, each with SAFETY lines.
const MAY_BE_UNSAFE: &[&str] =
    &["harness/interpose/", "harness/src/worlds/processes/", "harness/src/proxy/net/unanswered.rs"];

/// Files that live beside the members of an open set and help them.
const HELPERS: &[&str] = &[
    "tests", "target", "shape", "lines", "spec", "clients", "counter", "fault", "keys",
    "links", // of faults and models
    "base64", "http1", "program", "quote", "tcp", "values", // of clients
];

/// Files of a run, which the repository does not have.
const RUN_FILES: &[&str] = &["summary.md"];

#[test]
fn a_file_fits_a_head() {
    let mut wrong = Vec::new();
    for file in sources() {
        let text = read(&file);
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{}: {lines} lines; split it", show(&file)));
        }
        for (number, line) in text.lines().enumerate() {
            let is_comment = line.trim_start().starts_with("//");
            let max = if is_comment { COMMENT_CHARS_MAX } else { LINE_CHARS_MAX };
            // A row of a table, or of test data, is one line by nature.
            let is_row = line.trim_start().starts_with("//! |") || line.contains("{\"");
            if line.chars().count() > max && !is_row {
                wrong.push(format!("{}:{}: over {max} columns", show(&file), number + 1));
            }
        }
    }
    assert_clean(wrong);
}

#[test]
fn a_module_opens_by_saying_what_it_is() {
    let wrong = sources().into_iter().filter(|file| !read(file).starts_with("//!"));
    assert_clean(wrong.map(|file| format!("{}: does not open with //!", show(&file))).collect());
}

#[test]
fn data_flows_one_way() {
    let mut wrong = Vec::new();
    for (module, allowed) in MAY_IMPORT {
        let is_product = |file: &PathBuf| !show(file).contains("/tests");
        for file in module_files(module).into_iter().filter(is_product) {
            for (number, line) in code_lines(&read(&file)) {
                for target in line.split("crate::").skip(1) {
                    let target: String =
                        target.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    let is_own = target == *module || target.is_empty();
                    if !is_own && !allowed.contains(&target.as_str()) {
                        let place = format!("{}:{number}", show(&file));
                        wrong.push(format!("{place}: `{module}` may not import `{target}`"));
                    }
                }
            }
        }
    }
    assert_clean(wrong);
}

#[test]
fn every_module_of_the_harness_is_in_the_import_table() {
    let free = ["cli", "lib", "main", "judge"];
    let modules = fs::read_dir(root().join("harness/src"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
    let unknown = modules.filter(|module| {
        !free.contains(&module.as_str()) && !MAY_IMPORT.iter().any(|row| row.0 == module)
    });
    assert_clean(unknown.map(|module| format!("harness/src/{module} is in no table")).collect());
}

#[test]
fn pure_crates_name_nothing_impure() {
    let mut wrong = Vec::new();
    for (folder, text, instead) in BANNED {
        for file in sources_under(folder) {
            let name = show(&file);
            let knows =
                ["harness/src/main.rs", "harness/src/worlds/simulated/", "harness/src/explain/"];
            if knows.iter().any(|place| name.starts_with(place)) {
                continue;
            }
            for (number, line) in code_lines(&read(&file)) {
                if line.contains(text) {
                    wrong.push(format!("{name}:{number}: `{text}` is banned here; {instead}"));
                }
            }
        }
    }
    assert_clean(wrong);
}

#[test]
fn no_crate_mirrors_a_fact() {
    let mut wrong = Vec::new();
    let facts = root().join("node/facts");
    for file in sources() {
        for (number, line) in code_lines(&read(&file)) {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric()).collect();
            let declares = words.windows(2).find(|pair| ["struct", "enum"].contains(&pair[0]));
            let Some(name) = declares.map(|pair| pair[1]) else { continue };
            if FACTS.contains(&name) && !file.starts_with(&facts) {
                let place = format!("{}:{number}", show(&file));
                wrong.push(format!("{place}: {name} is a fact; use that of node/facts"));
            }
        }
    }
    assert_clean(wrong);
}

#[test]
fn unsafe_code_stays_in_its_rooms() {
    let mut wrong = Vec::new();
    for file in sources() {
        let (name, text) = (show(&file), read(&file));
        let words = [concat!("unsafe", " {"), concat!("unsafe", " fn"), concat!("unsafe", " impl")];
        let uses = code_lines(&text).any(|(_, line)| words.iter().any(|word| line.contains(word)));
        if uses && !MAY_BE_UNSAFE.iter().any(|room| name.starts_with(room)) {
            wrong.push(format!("{name}: unsafe code outside MAY_BE_UNSAFE"));
        }
        if uses && !text.contains("SAFETY:") {
            wrong.push(format!("{name}: unsafe code without a SAFETY line"));
        }
    }
    assert_clean(wrong);
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    let mut wrong = Vec::new();
    for file in sources() {
        for (number, line) in code_lines(&read(&file)) {
            for word in
                [concat!("#[ign", "ore"), concat!("to", "do!("), concat!("unimpl", "emented!(")]
            {
                if line.contains(word) {
                    wrong.push(format!("{}:{number}: {word}", show(&file)));
                }
            }
        }
    }
    assert_clean(wrong);
}

/// An open set is a table in a mod.rs and one file per member: the member must be named there.
#[test]
fn every_member_of_an_open_set_is_in_its_table() {
    let mut wrong = Vec::new();
    let sets = [
        "node/protocol/src/bugs",
        "harness/src/faults",
        "harness/src/generate",
        "harness/src/systems/clients",
        "harness/verify/src/models",
    ];
    for set in sets {
        let table = read(&root().join(set).join("mod.rs"));
        for file in fs::read_dir(root().join(set)).unwrap() {
            let path = file.unwrap().path();
            let member = path.file_stem().unwrap().to_string_lossy().into_owned();
            let is_member = member != "mod" && !HELPERS.contains(&member.as_str());
            if is_member && table.matches(&member).count() < 2 {
                wrong.push(format!("{set}/{member}: declared or listed nowhere in mod.rs"));
            }
        }
    }
    assert_clean(wrong);
}

/// Checks live in rooms, each with a row of its own.
#[test]
fn every_check_is_in_the_table() {
    let folder = root().join("harness/verify/src/checkers");
    let table = read(&folder.join("mod.rs"));
    let mut wrong = Vec::new();
    for file in files_under(&folder, "rs") {
        let is_check = read(&file).contains("const CHECKER: Checker");
        let module = if file.ends_with("mod.rs") { file.parent().unwrap() } else { &file };
        let row = format!("{}::CHECKER,", module.file_stem().unwrap().to_string_lossy());
        if is_check && !table.contains(&row) {
            wrong.push(format!("{}: CHECKERS has no row `{row}`", show(&file)));
        }
    }
    assert_clean(wrong);
}

/// Everyone else goes through the table of faults, so that a fault is one file and one row.
#[test]
fn a_fault_is_named_in_its_own_file_only() {
    let mut wrong = Vec::new();
    let folder = "harness/src/faults/";
    let keys: Vec<String> = sources_under(folder)
        .iter()
        .filter_map(|file| {
            let text = read(file);
            let (_, row) = text.split_once("pub const FAULT: Fault = Fault {\n    name: \"")?;
            Some(row.split('"').next().unwrap().to_owned())
        })
        .collect();
    assert!(keys.len() > 4, "the rows of {folder} are not found: {keys:?}");
    for file in sources_under("harness/src") {
        let name = show(&file);
        let apart = ["/tests", "/report/sample", folder].iter().any(|place| name.contains(place));
        let text = read(&file);
        for (number, line) in code_lines(circles::product(&text)).filter(|_| !apart) {
            let named = keys.iter().filter(|key| line.contains(&format!("\"{key}\"")));
            for key in named.filter(|key| !NO_FAULT.contains(&(name.as_str(), key.as_str()))) {
                wrong.push(format!("{name}:{number}: names `{key}`; ask the table of faults"));
            }
        }
    }
    assert_clean(wrong);
}

#[test]
fn every_workload_asks_its_question_in_the_readme() {
    let folder = root().join("workloads");
    let readme = read(&folder.join("README.md"));
    let names = files_under(&folder, "yaml").into_iter().map(|file| {
        file.strip_prefix(&folder).unwrap().with_extension("").to_string_lossy().into_owned()
    });
    let missing = names.filter(|name| !readme.contains(&format!("| {name} |")));
    assert_clean(missing.map(|name| format!("workloads/README.md: no row for {name}")).collect());
}

#[test]
fn every_planted_bug_has_its_workload() {
    let mut wrong = Vec::new();
    let planted = files_under(&root().join("workloads/planted"), "yaml");
    for file in files_under(&root().join("node/protocol/src/bugs"), "rs") {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let Some((id, _)) = stem.split_once('_') else { continue };
        let has = |workload: &PathBuf| {
            let name = workload.file_stem().unwrap().to_string_lossy().into_owned();
            name.split('-').next() == Some(id)
        };
        let waits = read(&file).contains("waits_for: Some(");
        if !waits && !planted.iter().any(has) {
            wrong.push(format!("{}: no workloads/planted/{id}-*.yaml", show(&file)));
        }
    }
    assert_clean(wrong);
}

/// Code and documents name files that a reader can open.
#[test]
fn every_document_that_is_named_exists() {
    let mut wrong = Vec::new();
    let names: Vec<String> = documents()
        .iter()
        .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for file in sources().into_iter().chain(documents()).chain(sources_under("fuzz/src")) {
        let folder = file.parent().unwrap();
        for (number, line) in read(&file).lines().enumerate() {
            let is_of_path = |c: char| c.is_alphanumeric() || "_-./".contains(c);
            let words = line.split(|c| !is_of_path(c)).map(|word| word.trim_end_matches('.'));
            let is_document = |word: &&str| {
                word.strip_suffix(".md")
                    .is_some_and(|stem| !stem.is_empty() && !stem.starts_with("//"))
            };
            for name in words.filter(is_document).filter(|name| !RUN_FILES.contains(name)) {
                // A bare name is that of a document, wherever it is.
                let exists = names.iter().any(|known| known == name)
                    || root().join(name).exists()
                    || folder.join(name).exists();
                if !exists {
                    wrong.push(format!("{}:{}: {name} does not exist", show(&file), number + 1));
                }
            }
        }
    }
    assert_clean(wrong);
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut wrong = Vec::new();
    for file in documents() {
        for (number, line) in read(&file).lines().enumerate() {
            let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            for link in links.filter(|link| !link.contains("://")) {
                let (path, heading) = link.split_once('#').unwrap_or((link, ""));
                let meant = match path {
                    "" => file.clone(),
                    path => file.parent().unwrap().join(path),
                };
                let leads = meant.exists()
                    && (heading.is_empty() || anchors(&read(&meant)).any(|known| known == heading));
                if !leads {
                    wrong.push(format!("{}:{}: {link} leads nowhere", show(&file), number + 1));
                }
            }
        }
    }
    assert_clean(wrong);
}

/// What a link to a heading says, as GitHub makes it.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

fn assert_clean(wrong: Vec<String>) {
    assert!(
        wrong.is_empty(),
        "the rules of the house (CONTRIBUTING.md) are broken:\n  {}",
        wrong.join("\n  ")
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn sources() -> Vec<PathBuf> {
    ["node", "harness", "tests"].iter().flat_map(|folder| sources_under(folder)).collect()
}

fn documents() -> Vec<PathBuf> {
    let folders = ["docs", "workloads", "harness/verify"];
    let own = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let own = own.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    own.chain(folders.iter().flat_map(|folder| files_under(&root().join(folder), "md"))).collect()
}

fn sources_under(folder: &str) -> Vec<PathBuf> {
    files_under(&root().join(folder), "rs")
}

fn module_files(module: &str) -> Vec<PathBuf> {
    let folder = root().join("harness/src").join(module);
    let file = folder.with_extension("rs");
    if file.exists() { vec![file] } else { files_under(&folder, "rs") }
}

fn files_under(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().unwrap() != "target" {
            found.extend(files_under(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Lines that are neither comments nor docs, numbered from 1.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", show(file)))
}

fn show(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).to_string_lossy().into_owned()
}
