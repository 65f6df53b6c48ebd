//! Where system files are: a path, workloads/systems/NAME.yaml here, or the copy in the binary.

use std::path::Path;

use schism_facts::Catalogue;

use super::super::builtin::{self, Source};
use super::super::error::{Mistake, Place, meant};
use super::super::section::word;
use super::super::tree::{Node, Tree, read};
use super::{SystemFile, read as keys};

/// A system file that comes with the program, or lies in the folder for them.
#[derive(Clone, PartialEq, Debug)]
pub struct Known {
    /// What workloads say.
    pub name: String,
    /// It, or why it cannot be read.
    pub file: Result<SystemFile, String>,
}

/// Every system file that has a name, by name.
pub fn list(catalogue: &Catalogue) -> Vec<Known> {
    let one = |source: Source| {
        let name = bare(&source.name).to_owned();
        let file = parse(&source, None, catalogue);
        Known { name, file: file.map_err(|error| error.to_string()) }
    };
    builtin::systems().into_iter().map(one).collect()
}

/// The file that a workload names: `etcd`, or a path with a slash or an ending, which is relative
/// to the workload's folder. None: there is no such thing.
pub(in super::super) fn named(
    node: &Node,
    workload: &Source,
    catalogue: &Catalogue,
) -> Result<Option<SystemFile>, Mistake> {
    let name = word(node)?;
    let ending = Path::new(name).extension();
    let is_path =
        name.contains('/') || ending.is_some_and(|ending| ending == "yaml" || ending == "yml");
    let source = if is_path {
        let folder = match node.at {
            Place::Text { .. } => workload.folder(),
            _ => None,
        };
        let path = folder.map_or_else(|| name.into(), |folder| folder.join(name));
        let path = path.display().to_string();
        Some(builtin::read(&path).map_err(|error| node.at.mistake(error.to_string()))?)
    } else {
        builtin::find_system(name).map_err(|error| node.at.mistake(error.to_string()))?
    };
    let Some(source) = source else { return Ok(None) };
    let folder = source.folder();
    parse(&source, folder.as_deref(), catalogue).map(Some).map_err(|error| Mistake {
        at: Place::Elsewhere { place: error.place, snippet: error.snippet },
        message: error.message,
    })
}

/// The definition that stands in a workload itself.
pub(in super::super) fn here(
    node: &Node,
    workload: &Source,
    catalogue: &Catalogue,
) -> Result<SystemFile, Mistake> {
    keys::file(node, "inline", workload.folder().as_deref(), catalogue)
}

/// The names of all there are, for suggestions.
pub(in super::super) fn names() -> Vec<String> {
    builtin::systems().into_iter().map(|source| bare(&source.name).to_owned()).collect()
}

fn parse(
    source: &Source,
    folder: Option<&Path>,
    catalogue: &Catalogue,
) -> Result<SystemFile, super::super::WorkloadError> {
    let parsed = read(&source.text, None).and_then(|root| match root.tree {
        Tree::Map(_) => keys::file(&root, bare(&source.name), folder, catalogue),
        _ => Err(Place::start().mistake(
            "a system file is a map of keys; it says how a node is started: node: {command: [...]}",
        )),
    });
    parsed.map_err(|mistake| mistake.in_file(&source.file, &source.text))
}

/// `systems/etcd` is `etcd`.
fn bare(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Sets the options that a workload gives; `name` is the key that names the system.
pub(in super::super) fn with_options(
    mut file: SystemFile,
    entries: &[(super::super::tree::Key, Node)],
) -> Result<SystemFile, Mistake> {
    for (key, value) in entries.iter().filter(|(key, _)| key.text != "name") {
        if keys::moved(&mut file, &key.text, value)? {
            continue;
        }
        let Some(option) = file.options.get_mut(&key.text) else {
            let beside = ["name"].into_iter().chain(keys::MOVED);
            let known = file.options.keys().map(String::as_str).chain(beside);
            let hint = meant(&key.text, known, "options");
            let name = &file.name;
            return Err(key.at.mistake(format!("unknown option `{}` of {name}{hint}", key.text)));
        };
        word(value)?.clone_into(option);
    }
    Ok(file)
}
