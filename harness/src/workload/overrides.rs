//! Puts what the command line says into the file's tree (the table is in the module's docs).
//! It never checks values: defaults and checks see the tree afterwards.

use std::sync::Arc;

use super::error::{Mistake, Place};
use super::tree::{Key, Node, Tree, read};
use super::{Overrides, Workload};

/// Applies the flags, then each `--set` from left to right.
pub(super) fn apply(
    root: &mut Node,
    overrides: &Overrides,
    usual: &[(String, u32)],
) -> Result<(), Mistake> {
    let flags = [
        ("seed", overrides.seed.map(|seed| seed.to_string())),
        ("nodes", overrides.nodes.clone()),
        ("duration", overrides.duration.clone()),
        ("system", overrides.system.clone()),
        ("bug", overrides.bug.clone()),
    ];
    for (key, value) in flags {
        let Some(text) = value else { continue };
        let at = Place::Flag(Arc::from(format!("--{key} {text}")));
        let value = if key == "bug" && text == "none" {
            Node { at: at.clone(), tree: Tree::Null }
        } else {
            Node::word(&at, text)
        };
        put(entries(root, &at)?, &at, key, value);
    }
    if let Some(system) = &overrides.system {
        // They are the other system's, as what stands under `system`.
        let at = Place::Flag(Arc::from(format!("--system {system}")));
        let none = Node { at: at.clone(), tree: Tree::Null };
        put(entries(root, &at)?, &at, "options-drawn", none);
    }
    if let Some(nodes) = &overrides.nodes {
        let at = Place::Flag(Arc::from(format!("--nodes {nodes}")));
        put(entries(root, &at)?, &at, "nodes-drawn", Node { at: at.clone(), tree: Tree::Null });
    }
    for text in &overrides.set {
        let at = Place::Flag(Arc::from(format!("--set {text}")));
        let Some((path, value)) = text.split_once('=') else {
            return Err(at.mistake("no `=`; write --set key=value"));
        };
        let segments: Vec<&str> = path.trim().split('.').collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            return Err(at.mistake("the key has an empty part; write --set key=value"));
        }
        let value = read(value, Some(&at))?;
        if !Workload::KEYS.contains(&segments[0]) {
            let hint = super::error::meant(segments[0], Workload::KEYS.iter().copied(), "keys");
            return Err(at.mistake(format!("unknown key `{}`{hint}", segments[0])));
        }
        if segments == ["nodes"] {
            let none = Node { at: at.clone(), tree: Tree::Null };
            put(entries(root, &at)?, &at, "nodes-drawn", none);
        }
        prepare(root, &at, &segments, usual)?;
        set(root, &at, &segments, &value)?;
    }
    Ok(())
}

/// Whether the command line changes what the run comes to: who is tested, what is asked and broken.
/// That it is shortened is seen elsewhere.
pub(super) fn change_the_course(overrides: &Overrides) -> bool {
    // Keys that leave the run as it is: what it is called, and how it is judged.
    const JUDGED: [&str; 10] = [
        "name",
        "about",
        "seed",
        "duration",
        "checks",
        "recovery",
        "recovery-max",
        "min-operations",
        "expect",
        "reach",
    ];
    let changes = |text: &String| {
        let key = text.split(['.', '=']).next().unwrap_or_default().trim();
        !JUDGED.contains(&key)
    };
    overrides.nodes.is_some()
        || overrides.system.is_some()
        || overrides.bug.is_some()
        || overrides.set.iter().any(changes)
}

/// What `--system` takes from the file, in words: the options of the system that it replaces.
pub(super) fn dropped(root: &Node, overrides: &Overrides) -> Option<String> {
    let other = overrides.system.as_deref()?;
    let keys = |node: Option<&'_ Node>| match node.map(|node| &node.tree) {
        Some(Tree::Map(entries)) => entries.iter().map(|(key, _)| key.text.clone()).collect(),
        _ => Vec::new(),
    };
    let system = root.under("system")?;
    let mut options: Vec<String> = keys(Some(system));
    options.retain(|key| key != "name");
    options.extend(keys(root.under("options-drawn")));
    let own = match &system.under("name").unwrap_or(system).tree {
        Tree::Scalar { text, .. } if !options.is_empty() => text,
        _ => return None,
    };
    Some(format!("--system {other} drops what the file sets of {own}: {}", options.join(", ")))
}

/// Two keys have a short form, or a default, that a part of them starts from.
fn prepare(
    root: &mut Node,
    at: &Place,
    segments: &[&str],
    usual: &[(String, u32)],
) -> Result<(), Mistake> {
    if segments.len() < 2 {
        return Ok(());
    }
    let map = entries(root, at)?;
    let current = map.iter_mut().find(|(key, _)| key.text == segments[0]).map(|(_, node)| node);
    match (segments[0], current) {
        ("system", Some(node)) if matches!(node.tree, Tree::Scalar { .. }) => {
            let name = Node { at: node.at.clone(), tree: node.tree.clone() };
            let key = Key { at: node.at.clone(), text: "name".to_owned() };
            node.tree = Tree::Map(vec![(key, name)]);
        }
        ("operations", None) => {
            let mix = usual.iter().map(|(name, weight)| {
                let key = Key { at: at.clone(), text: name.clone() };
                (key, Node::word(at, weight.to_string()))
            });
            let mix = Node { at: at.clone(), tree: Tree::Map(mix.collect()) };
            map.push((Key { at: at.clone(), text: "operations".to_owned() }, mix));
        }
        _ => {}
    }
    Ok(())
}

fn set(node: &mut Node, at: &Place, segments: &[&str], value: &Node) -> Result<(), Mistake> {
    let Some((first, rest)) = segments.split_first() else {
        *node = value.clone();
        return Ok(());
    };
    if let Tree::List(items) = &mut node.tree {
        return set_in_list(items, at, first, rest, value);
    }
    let map = entries(node, at)?;
    if rest.is_empty() {
        put(map, at, first, value.clone());
        return Ok(());
    }
    let position = map.iter().position(|(key, _)| key.text == *first).unwrap_or_else(|| {
        let key = Key { at: at.clone(), text: (*first).to_owned() };
        map.push((key, Node { at: at.clone(), tree: Tree::Null }));
        map.len() - 1
    });
    set(&mut map[position].1, at, rest, value)
}

/// By position, or (for the list of faults) in every entry with this key.
fn set_in_list(
    items: &mut [Node],
    at: &Place,
    first: &str,
    rest: &[&str],
    value: &Node,
) -> Result<(), Mistake> {
    if let Ok(position) = first.parse::<usize>() {
        let count = items.len();
        let Some(item) = items.get_mut(position) else {
            return Err(
                at.mistake(format!("there is no entry {position}; the list has {count}, from 0"))
            );
        };
        return match (rest.first(), body(item, at)) {
            (Some(next), Some((name, body))) if name != *next => set(body, at, rest, value),
            _ => set(item, at, rest, value),
        };
    }
    let mut found = false;
    for item in items.iter_mut() {
        if let Some((name, body)) = body(item, at)
            && name == first
        {
            found = true;
            set(body, at, rest, value)?;
        }
    }
    if found {
        return Ok(());
    }
    let names: Vec<String> =
        items.iter_mut().filter_map(|item| Some(format!("`{}`", body(item, at)?.0))).collect();
    let there = if names.is_empty() { "it has none" } else { &names.join(", ") };
    Err(at.mistake(format!("no entry of the list is called `{first}`; there are: {there}")))
}

/// The name and the keys of an entry such as `crash: {...}`, or of the bare word `crash`.
fn body<'a>(item: &'a mut Node, at: &Place) -> Option<(String, &'a mut Node)> {
    if let Tree::Scalar { text, .. } = &item.tree {
        let key = Key { at: item.at.clone(), text: text.clone() };
        item.tree = Tree::Map(vec![(key, Node { at: at.clone(), tree: Tree::Null })]);
    }
    match &mut item.tree {
        Tree::Map(entries) => match &mut entries[..] {
            [(key, body)] => Some((key.text.clone(), body)),
            _ => None,
        },
        _ => None,
    }
}

/// The map at a node; whatever stood there before gives way to an empty one, but a list or the
/// whole file may not.
fn entries<'a>(node: &'a mut Node, at: &Place) -> Result<&'a mut Vec<(Key, Node)>, Mistake> {
    if let Tree::List(_) = node.tree {
        return Err(at.mistake("a list stands there, not a map of keys"));
    }
    if !matches!(node.tree, Tree::Map(_)) {
        node.tree = Tree::Map(Vec::new());
        node.at = at.clone();
    }
    match &mut node.tree {
        Tree::Map(entries) => Ok(entries),
        _ => unreachable!("made a map just above"),
    }
}

fn put(map: &mut Vec<(Key, Node)>, at: &Place, key: &str, value: Node) {
    let position = map.iter().position(|(known, _)| known.text == key);
    let remove = value.tree == Tree::Null;
    match position {
        Some(position) if remove => drop(map.remove(position)),
        Some(position) => map[position] = (Key { at: at.clone(), text: key.to_owned() }, value),
        None if remove => {}
        None => map.push((Key { at: at.clone(), text: key.to_owned() }, value)),
    }
}
