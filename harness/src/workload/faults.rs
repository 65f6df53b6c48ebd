//! The `faults` section: each entry to a [`FaultSpec`], its own keys checked by its fault.
//! It never knows what a fault's keys mean.

use std::collections::BTreeMap;
use std::time::Duration;

use schism_facts::{Catalogue, Epochs, SystemRow};
use serde_json::Value;

use super::error::{Mistake, Place, meant};
use super::section::{Section, list, map, positive};
use super::tree::{Node, Tree, read};
use super::when::End;
use super::{FaultSpec, Network, SystemSpec, When, Workload};
use crate::faults::{FAULTS, Fault, Subject, find};
use crate::generate::Keys;

/// How long a fault lasts when the file does not say.
const FOR: Duration = Duration::from_secs(2);

pub(super) fn specs(
    node: &Node,
    workload: &Workload,
    catalogue: &Catalogue,
    end: &mut End<'_>,
) -> Result<Vec<FaultSpec>, Mistake> {
    let Tree::List(items) = &node.tree else {
        return Err(node
            .at
            .mistake(format!("found {}; faults are a list: `- crash: {{...}}`", node.found())));
    };
    let specs = items.iter().map(|item| spec(item, workload, catalogue, end));
    let specs: Vec<(FaultSpec, Place)> = specs.collect::<Result<_, _>>()?;
    end.every_kind_strikes(&specs)?;
    Ok(specs.into_iter().map(|(spec, _)| spec).collect())
}

/// A fault, and where it says when.
fn spec(
    item: &Node,
    workload: &Workload,
    catalogue: &Catalogue,
    end: &mut End<'_>,
) -> Result<(FaultSpec, Place), Mistake> {
    let empty = Node { at: item.at.clone(), tree: Tree::Map(Vec::new()) };
    let (at, kind, body) = match &item.tree {
        Tree::Scalar { text, .. } => (&item.at, text.as_str(), &empty),
        _ => match map(item)? {
            [(key, value)] if value.tree == Tree::Null => (&key.at, key.text.as_str(), &empty),
            [(key, value)] => (&key.at, key.text.as_str(), value),
            [] => return Err(item.at.mistake("an empty fault; write `- crash: {...}`")),
            [_, (second, _), ..] => {
                return Err(second.at.mistake(format!(
                    "`{}` beside another fault; each fault is an entry of its own, and its keys \
                     stand inside: `- crash: {{target: one}}`",
                    second.text
                )));
            }
        },
    };
    let Some(fault) = find(kind) else {
        let hint = meant(kind, FAULTS.iter().map(|fault| fault.name), "faults");
        return Err(at.mistake(format!("unknown fault `{kind}`{hint}")));
    };
    let row = row(workload, catalogue);
    refused(at, fault, row, catalogue)?;
    refused_by_file(at, fault, workload)?;

    let mut known = vec!["every", if fault.by_hand { "after" } else { "for" }, "at"];
    known.extend(fault.keys.iter().map(|key| key.name));
    let section = Section::new("key", body, &known)?;
    let (when, said) = end.when(&section, kind)?;
    // What is there from the start stays to the end of the disturbance.
    let lasts = match when {
        _ if fault.by_hand => Duration::ZERO,
        When::Start => workload.disturbance(),
        _ => FOR,
    };
    let spec = FaultSpec {
        kind: kind.to_owned(),
        when,
        lasts: section.or("for", vec![lasts], durations)?,
        keys: keys(fault, &section)?,
    };
    let subject = subject(fault, at, workload, row)?;
    fault.check(&spec, &subject).map_err(|error| {
        let place = section
            .get(&error.key)
            .map(|value| values(value).get(error.index).map_or(&value.at, |value| &value.at));
        place.unwrap_or(at).mistake(error.message)
    })?;
    Ok((spec, said.unwrap_or(at).clone()))
}

/// What is known of the system under test.
fn row<'a>(workload: &Workload, catalogue: &'a Catalogue) -> Option<&'a SystemRow> {
    let SystemSpec::Named { name, .. } = &workload.system else { return None };
    catalogue.system(name)
}

/// Who elects its leaders by itself waits for no operator.
fn refused(
    at: &Place,
    fault: &Fault,
    row: Option<&SystemRow>,
    catalogue: &Catalogue,
) -> Result<(), Mistake> {
    let Some(row) = row.filter(|row| fault.by_hand && !row.progress.is_by_hand()) else {
        return Ok(());
    };
    let by_hand = catalogue.systems.iter().filter(|row| row.progress.is_by_hand());
    let by_hand: Vec<&str> = by_hand.map(|row| row.name).collect();
    Err(at.mistake(format!(
        "{} refuses `{}`: no operator chooses who leads it; choose {}, or take the promotions out",
        row.name,
        fault.name,
        by_hand.join(" or ")
    )))
}

/// A system file may say what means nothing to it, and only one that says how a node is promoted
/// has an operator.
fn refused_by_file(at: &Place, fault: &Fault, workload: &Workload) -> Result<(), Mistake> {
    let SystemSpec::File(file) = &workload.system else { return Ok(()) };
    if let Some(why) = file.refuses.get(fault.name) {
        return Err(at.mistake(format!("{} refuses `{}`: {why}", file.name, fault.name)));
    }
    if fault.by_hand && file.promote.is_none() {
        return Err(at.mistake(format!(
            "{} refuses `{}`: its system file has no `promote`, which says how an operator makes a \
             node lead",
            file.name, fault.name
        )));
    }
    Ok(())
}

/// What the fault may know of the system under test.
fn subject(
    fault: &Fault,
    at: &Place,
    workload: &Workload,
    row: Option<&SystemRow>,
) -> Result<Subject, Mistake> {
    let frames = row.map_or(&[][..], |row| row.frames);
    if fault.reads_frames && frames.is_empty() {
        return Err(at.mistake(format!(
            "nobody knows the messages of this system, so `{}` cannot tell one from the next; it \
             works on built-in systems",
            fault.name
        )));
    }
    let moves_on = row.is_some_and(|row| row.progress.moves_on());
    // A log is decided slot by slot, one at a time.
    let one = !workload.model().has_keys() || workload.keys == Some(Keys::fixed(1));
    let epochs_compare = one || row.is_none_or(|row| row.epochs == Epochs::OfAll);
    let direct = workload.system.network() == Network::None;
    Ok(Subject { topology: workload.topology(), frames, moves_on, epochs_compare, direct })
}

fn durations(node: &Node) -> Result<Vec<Duration>, Mistake> {
    let durations: Vec<_> = list(node).iter().map(positive).collect::<Result<_, _>>()?;
    if durations.is_empty() {
        return Err(node.at.mistake("an empty list; write a value or take the key out"));
    }
    Ok(durations)
}

/// The fault's own keys, each a list to draw from, defaults filled in.
fn keys(fault: &Fault, section: &Section<'_>) -> Result<BTreeMap<String, Vec<Value>>, Mistake> {
    let mut keys = BTreeMap::new();
    for key in fault.keys {
        let drawn = match section.get(key.name) {
            Some(node) => {
                let drawn = values(node);
                if drawn.is_empty() {
                    return Err(node
                        .at
                        .mistake("an empty list; write a value or take the key out"));
                }
                drawn.iter().map(|value| json(value)).collect::<Result<Vec<_>, _>>()?
            }
            None => vec![json(&read(key.default, None).expect("defaults are YAML"))?],
        };
        keys.insert(key.name.to_owned(), drawn);
    }
    Ok(keys)
}

/// One value or a list to draw from. A list of lists of words is one value (given groups).
fn values(node: &Node) -> Vec<&Node> {
    let flat = |item: &Node| match &item.tree {
        Tree::List(items) => items.iter().all(|item| matches!(item.tree, Tree::Scalar { .. })),
        _ => false,
    };
    match &node.tree {
        Tree::List(items) if items.is_empty() || !items.iter().all(flat) => items.iter().collect(),
        _ => vec![node],
    }
}

fn json(node: &Node) -> Result<Value, Mistake> {
    Ok(match &node.tree {
        Tree::Null => return Err(node.at.mistake("nothing stands here; write a value")),
        Tree::Scalar { text, plain: true } => plain(text),
        Tree::Scalar { text, plain: false } => Value::String(text.clone()),
        Tree::List(items) => Value::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        Tree::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| Ok((key.text.clone(), json(value)?)))
                .collect::<Result<_, Mistake>>()?,
        ),
    })
}

/// YAML 1.2's core types, as far as JSON has them.
fn plain(text: &str) -> Value {
    match text {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.starts_with(|c: char| c.is_ascii_digit()) {
        if let Ok(whole) = text.parse::<i64>() {
            return Value::from(whole);
        }
        if let Some(number) = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
            return Value::Number(number);
        }
    }
    Value::String(text.to_owned())
}
