//! A system file's tree before it is read: keys that differ on some nodes laid over those of all,
//! paths made absolute, templates taken in.
//! It never knows what a key means, but for those that hold paths.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::super::error::Mistake;
use super::super::section::word;
use super::super::tree::{Key, Node, Tree};

/// A template longer than this was named by mistake.
const TEMPLATE_BYTES_MAX: u64 = 1 << 20;

/// The one map over the other: where both have a key, maps are merged so many levels deep, and
/// anything else gives way.
pub(super) fn merged(base: &Node, over: &Node, levels: usize) -> Node {
    let (Tree::Map(below), Tree::Map(above)) = (&base.tree, &over.tree) else {
        return over.clone();
    };
    if levels == 0 {
        return over.clone();
    }
    let mut entries = below.clone();
    for (key, value) in above {
        match entries.iter_mut().find(|(known, _)| known.text == key.text) {
            Some((known, old)) => {
                *old = merged(old, value, levels - 1);
                *known = key.clone();
            }
            None => entries.push((key.clone(), value.clone())),
        }
    }
    Node { at: over.at.clone(), tree: Tree::Map(entries) }
}

/// The tree without keys that hold nothing: a key that is `null` is as good as left out.
pub(super) fn pruned(node: &Node) -> Node {
    let tree = match &node.tree {
        Tree::Map(entries) => {
            let told = entries.iter().filter(|(_, value)| value.tree != Tree::Null);
            Tree::Map(told.map(|(key, value)| (key.clone(), pruned(value))).collect())
        }
        Tree::List(items) => Tree::List(items.iter().map(pruned).collect()),
        other => other.clone(),
    };
    Node { at: node.at.clone(), tree }
}

/// The tree with everything in it that other files say: relative paths are of the file's folder,
/// and what a file of a node is made `from` stands there as text.
pub(super) fn settled(node: &Node, folder: Option<&Path>) -> Result<Node, Mistake> {
    let Tree::Map(entries) = &node.tree else { return Ok(node.clone()) };
    let mut settled = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let value = match &*key.text {
            "program" => programs(value, folder),
            "programs" => each(value, |value| Ok(programs(value, folder)))?,
            // It stands where this program does, so that its arguments are paths of the file's too.
            "client" => all_here(value, folder),
            _ => inside(value, &key.text, folder)?,
        };
        settled.push((key.clone(), value));
    }
    Ok(Node { at: node.at.clone(), tree: Tree::Map(settled) })
}

/// One path, or a list of them. A bare name is looked for on PATH.
fn programs(node: &Node, folder: Option<&Path>) -> Node {
    let tree = match &node.tree {
        Tree::List(items) => Tree::List(items.iter().map(|item| programs(item, folder)).collect()),
        Tree::Scalar { text, .. } if text.contains('/') => return absolute(node, text, folder),
        other => other.clone(),
    };
    Node { at: node.at.clone(), tree }
}

fn inside(node: &Node, key: &str, folder: Option<&Path>) -> Result<Node, Mistake> {
    match &node.tree {
        Tree::Map(_) if key == "files" => each(node, |file| taken_in(file, folder)),
        Tree::Map(_) => {
            let Tree::Map(entries) = &node.tree else { unreachable!("it is a map") };
            let mut settled = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                settled.push((key.clone(), inside(value, &key.text, folder)?));
            }
            Ok(Node { at: node.at.clone(), tree: Tree::Map(settled) })
        }
        Tree::List(items) => {
            let mut settled: Vec<Node> = Vec::with_capacity(items.len());
            for (place, item) in items.iter().enumerate() {
                // The program of a command; its arguments are the program's business.
                settled.push(match &item.tree {
                    Tree::Scalar { text, .. } if place == 0 && is_here(text) => {
                        absolute(item, text, folder)
                    }
                    _ => inside(item, "", folder)?,
                });
            }
            Ok(Node { at: node.at.clone(), tree: Tree::List(settled) })
        }
        _ => Ok(node.clone()),
    }
}

/// Every path that begins with a dot, wherever it stands in a list.
fn all_here(node: &Node, folder: Option<&Path>) -> Node {
    let tree = match &node.tree {
        Tree::Map(entries) => {
            let here = |(key, value): &(Key, Node)| (key.clone(), all_here(value, folder));
            Tree::Map(entries.iter().map(here).collect())
        }
        Tree::List(items) => Tree::List(items.iter().map(|item| all_here(item, folder)).collect()),
        Tree::Scalar { text, .. } if is_here(text) => return absolute(node, text, folder),
        other => other.clone(),
    };
    Node { at: node.at.clone(), tree }
}

fn is_here(text: &str) -> bool {
    text.starts_with("./") || text.starts_with("../")
}

fn absolute(node: &Node, text: &str, folder: Option<&Path>) -> Node {
    let Some(folder) = folder else { return node.clone() };
    let path = folder.join(text.strip_prefix("./").unwrap_or(text));
    // Where the current folder is gone, nothing can be found in it either.
    let path = std::path::absolute(&path).unwrap_or(path);
    Node {
        at: node.at.clone(),
        tree: Tree::Scalar { text: path.display().to_string(), plain: false },
    }
}

fn each(node: &Node, settle: impl Fn(&Node) -> Result<Node, Mistake>) -> Result<Node, Mistake> {
    let Tree::Map(entries) = &node.tree else { return Ok(node.clone()) };
    let mut settled = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        settled.push((key.clone(), settle(value)?));
    }
    Ok(Node { at: node.at.clone(), tree: Tree::Map(settled) })
}

/// `{from: template, mode: "0400"}` with the template's text in its place.
fn taken_in(file: &Node, folder: Option<&Path>) -> Result<Node, Mistake> {
    let Tree::Map(entries) = &file.tree else { return Ok(file.clone()) };
    let mut settled = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        if key.text != "from" {
            settled.push((key.clone(), value.clone()));
            continue;
        }
        if file.under("text").is_some() {
            return Err(value.at.mistake("`from` beside `text`; a file has one of them"));
        }
        let name = word(value)?;
        let path = folder.map_or_else(|| name.into(), |folder| folder.join(name));
        let unreadable =
            |why: String| value.at.mistake(format!("the template {} {why}", path.display()));
        let about =
            fs::metadata(&path).map_err(|error| unreadable(format!("is not there: {error}")))?;
        if !about.is_file() || about.len() > TEMPLATE_BYTES_MAX {
            return Err(unreadable("is no file of at most 1 MiB".to_owned()));
        }
        let text = fs::read_to_string(&path)
            .map_err(|error| unreadable(format!("cannot be read as text: {error}")))?;
        let key = Key { at: key.at.clone(), text: "text".to_owned() };
        let tree = Tree::Scalar { text, plain: false };
        settled.push((key, Node { at: value.at.clone(), tree }));
    }
    Ok(Node { at: file.at.clone(), tree: Tree::Map(settled) })
}

/// As JSON in which every word is a string but true and false: readers of YAML disagree about the
/// others, and whoever reads this takes the text.
pub(super) fn json(node: &Node) -> Value {
    match &node.tree {
        Tree::Null => Value::Null,
        Tree::Scalar { text, plain: true } if text == "true" => Value::Bool(true),
        Tree::Scalar { text, plain: true } if text == "false" => Value::Bool(false),
        Tree::Scalar { text, .. } => Value::String(text.clone()),
        Tree::List(items) => Value::Array(items.iter().map(json).collect()),
        Tree::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.text.clone(), json(value)));
            Value::Object(entries.collect::<Map<String, Value>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tree::read;
    use super::*;

    fn tree(text: &str) -> Node {
        read(text, None).unwrap()
    }

    #[test]
    fn keys_that_differ_lie_over_those_of_all() {
        let base = tree("{command: [a], env: {A: 1, B: 2}, setup: [[x]]}");
        let over = tree("{env: {B: 3}, setup: [[y]], again: null}");
        let merged = pruned(&merged(&base, &over, 2));
        let expected = r#"{"command":["a"],"env":{"A":"1","B":"3"},"setup":[["y"]]}"#;
        assert_eq!(json(&merged).to_string(), expected);
    }

    #[test]
    fn paths_are_those_of_the_files_folder_and_templates_stand_in_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("conf"), "port {port:peer}\n").unwrap();
        let text = "program: [db, ./db, /usr/*/db]\nclient: {command: [py, ./c.py]}\nnode:\n  command: [./run, ./x]\n  \
                    files: {c: {from: conf, mode: \"0400\"}}\n";
        let settled = json(&settled(&tree(text), Some(folder.path())).unwrap());
        let at = |name: &str| folder.path().join(name).display().to_string();
        assert_eq!(settled["program"][0], "db");
        assert_eq!(settled["program"][1], *at("db"));
        assert_eq!(settled["program"][2], "/usr/*/db");
        assert_eq!(settled["node"]["command"][0], *at("run"));
        assert_eq!(settled["node"]["command"][1], "./x", "an argument is the program's business");
        assert_eq!(settled["node"]["files"]["c"]["text"], "port {port:peer}\n");
        assert_eq!(settled["client"]["command"][1], *at("c.py"));
        let missing = settled_error("{node: {files: {c: {from: nothing}}}}", folder.path());
        assert!(missing.contains("nothing is not there"), "{missing}");
    }

    fn settled_error(text: &str, folder: &Path) -> String {
        settled(&tree(text), Some(folder)).unwrap_err().message
    }
}
