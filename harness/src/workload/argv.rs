//! What a system and a client have in common where a workload describes them: a command line with
//! placeholders, or a name with options.

use std::collections::BTreeMap;

use schism_facts::OptionRow;

use super::error::{Mistake, meant};
use super::section::word;
use super::tree::{Key, Node, Tree};

/// The options beside a `name`.
pub(super) fn options(
    name: &str,
    entries: &[(Key, Node)],
    rows: &[OptionRow],
) -> Result<BTreeMap<String, String>, Mistake> {
    let mut options = BTreeMap::new();
    for (key, value) in entries.iter().filter(|(key, _)| key.text != "name") {
        if rows.iter().all(|option| option.name != key.text) {
            let known = rows.iter().map(|option| option.name).chain(["name"]);
            let hint = meant(&key.text, known, "options");
            return Err(key.at.mistake(format!("unknown option `{}` of {name}{hint}", key.text)));
        }
        options.insert(key.text.clone(), word(value)?.to_owned());
    }
    Ok(options)
}

/// A list of arguments, in which only these placeholders may stand.
pub(super) fn command(node: &Node, places: &[&str]) -> Result<Vec<String>, Mistake> {
    let Tree::List(items) = &node.tree else {
        return Err(node.at.mistake(format!(
            "found {}; a command is a list: [\"./my-node\", ...]",
            node.found()
        )));
    };
    let mut argv = Vec::new();
    for item in items {
        let argument = word(item)?;
        for name in placeholders(argument) {
            if !places.contains(&name) {
                let hint = meant(name, places.iter().copied(), "placeholders");
                return Err(item.at.mistake(format!("unknown placeholder `{{{name}}}`{hint}")));
            }
        }
        argv.push(argument.to_owned());
    }
    if argv.first().is_none_or(String::is_empty) {
        return Err(node.at.mistake("the command is empty; write [\"./my-node\", ...]"));
    }
    Ok(argv)
}

/// `{word}` parts of an argument; other braces are the argument's own.
fn placeholders(argument: &str) -> impl Iterator<Item = &str> {
    argument.split('{').skip(1).filter_map(|part| {
        let (name, _) = part.split_once('}')?;
        let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        is_word.then_some(name)
    })
}
