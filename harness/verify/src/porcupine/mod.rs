//! A judged history as the JSON that the page of Porcupine's visualisation shows
//! (`visualization.go`: `visualizationData`). It never decides: the verdict is [`check()`]'s.
//!
//! What is filled in:
//!
//! * `Partitions`: one a key, with every operation in `History`. Times are places in the order of
//!   events, 100 apart, as that page wants them; `OriginalStart` and `OriginalEnd` are the
//!   history's own, in nanoseconds. An operation of unknown outcome lasts to the end.
//! * `PartialLinearizations`: one order of all operations if there is one and it was found within
//!   a bounded search, else the longest order found of some. None for more than
//!   [`OPERATIONS_MAX`] operations of one key. Operations of unknown outcome are in it only where
//!   they are needed.
//! * `Largest`: every operation of that order.
//! * `Annotations`: each anomaly at the return that proves it, and what the nemesis did.

mod log;

use std::collections::HashMap;

use foldhash::fast::FixedState;
use serde::Serialize;

pub use crate::checkers::linearizable::OPERATIONS_MAX;
use crate::checkers::linearizable::{self, CheckError, CheckOptions, Order, check};
use crate::history::{Event, History, Operation, Type, Value};
use crate::notation;
use crate::verdict::Verdict;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    partitions: Vec<Partition>,
    annotations: Vec<Annotation>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Partition {
    history: Vec<Element>,
    partial_linearizations: Vec<Vec<Step>>,
    largest: HashMap<usize, usize, FixedState>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Element {
    client_id: usize,
    start: usize,
    original_start: String,
    end: usize,
    original_end: String,
    description: String,
    metadata: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Step {
    index: usize,
    state_description: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(clippy::struct_field_names)] // the page knows it by this name
struct Annotation {
    client_id: usize,
    tag: &'static str,
    start: usize,
    end: usize,
    description: String,
    details: String,
    annotation: bool,
    text_color: &'static str,
    background_color: &'static str,
}

pub fn json(history: &History, options: &CheckOptions) -> Result<String, CheckError> {
    let result = check(history, options)?;
    let mut annotations: Vec<Annotation> =
        history.events().iter().enumerate().filter_map(|(at, event)| remark(at, event)).collect();
    if let Verdict::Violated(anomalies) = &result.verdict {
        for anomaly in anomalies {
            let at = anomaly.events.iter().filter_map(|&index| history.position(index)).max();
            let details = escaped(&anomaly.explanation);
            let name = anomaly.kind.name().to_owned();
            annotations.push(annotation("anomalies", at.unwrap_or(0), name, details, "#f8c8c8"));
        }
    }
    let partitions = partitions(history, &found(history, result.model, options));
    let data = Data { partitions, annotations };
    let json = serde_json::to_string(&data).expect("text and numbers are JSON");
    // The page holds it within a script, which no text may end.
    Ok(json.replace('<', "\\u003c"))
}

/// So far apart are two events: the page moves marks by less.
const STEP: usize = 100;

fn annotation(
    tag: &'static str,
    at: usize,
    description: String,
    details: String,
    background_color: &'static str,
) -> Annotation {
    let place = at * STEP;
    Annotation {
        client_id: 0,
        tag,
        start: place,
        end: place,
        description,
        details,
        annotation: true,
        text_color: "",
        background_color,
    }
}

fn remark(at: usize, event: &Event) -> Option<Annotation> {
    if event.is_client() {
        return None;
    }
    let details = event.value.as_ref().map(Value::to_string).unwrap_or_default();
    Some(annotation("nemesis", at, event.f.to_string(), escaped(&details), "#efaefc"))
}

fn partitions(history: &History, found: &[Order]) -> Vec<Partition> {
    let rows = rows(history.operations());
    let mut partitions: Vec<Partition> = Vec::new();
    let mut places: HashMap<Option<&Value>, usize, FixedState> = HashMap::default();
    // Where each operation stands in its partition.
    let mut stands = Vec::with_capacity(rows.len());
    for (op, row) in history.operations().iter().zip(rows) {
        let key = history.invoke(op).key().or(history.ret(op).and_then(Event::key));
        let place = *places.entry(key).or_insert(partitions.len());
        if place == partitions.len() {
            let largest = HashMap::default();
            partitions.push(Partition { history: vec![], partial_linearizations: vec![], largest });
        }
        stands.push((place, partitions[place].history.len()));
        partitions[place].history.push(element(history, op, row));
    }
    for order in found {
        let Some((first, _)) = order.steps.first() else { continue };
        let partition = &mut partitions[stands[*first as usize].0];
        let step = |(id, state): &(u32, String)| Step {
            index: stands[*id as usize].1,
            state_description: escaped(state),
        };
        let steps: Vec<Step> = order.steps.iter().map(step).collect();
        partition.largest.extend(steps.iter().map(|step| (step.index, 0)));
        partition.partial_linearizations.push(steps);
    }
    partitions
}

fn element(history: &History, op: &Operation, row: usize) -> Element {
    let certain = |event: &&Event| event.kind != Type::Info;
    let ret = history.ret(op).filter(certain).and(op.ret());
    let end = ret.unwrap_or(history.events().len());
    let time = |at: usize| {
        let event = history.events().get(at);
        event.and_then(Event::time).map_or_else(|| "-".to_owned(), |time| time.to_string())
    };
    let asked = history.invoke(op);
    let node = history.ret(op).and_then(|ret| ret.node.as_ref()).or(asked.node.as_ref());
    let node = node.map(|node| format!(" on {node}")).unwrap_or_default();
    Element {
        client_id: row,
        start: op.invoke() * STEP,
        original_start: time(op.invoke()),
        end: end * STEP,
        original_end: time(end),
        description: notation::label(history, op),
        metadata: escaped(&format!("process {}{node}, event {}", op.process, asked.index)),
    }
}

/// The row each operation is drawn in: its process's, or a new one where that is still taken.
fn rows(operations: &[Operation]) -> Vec<usize> {
    let mut taken: HashMap<u64, (usize, bool), FixedState> = HashMap::default();
    let mut count = 0;
    let mut rows = Vec::with_capacity(operations.len());
    for op in operations {
        let (row, busy) = taken.entry(op.process).or_insert((usize::MAX, true));
        if *busy {
            *row = count;
            count += 1;
        }
        *busy = op.ret().is_none();
        rows.push(*row);
    }
    rows
}

/// An order for each key. Another initial value than the model's own is drawn without one.
fn found(history: &History, model: Option<&str>, options: &CheckOptions) -> Vec<Order> {
    match model {
        _ if options.initial.is_some() => Vec::new(),
        Some("log") => linearizable::orders_of(&log::Log, history),
        _ => linearizable::orders(history, options).unwrap_or_default(),
    }
}

/// The page puts these texts into itself as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> serde_json::Value {
        let history = notation::read(text).unwrap();
        serde_json::from_str(&json(&history, &CheckOptions::default()).unwrap()).unwrap()
    }

    #[test]
    fn a_linearizable_history_has_an_order_of_all() {
        let data = data("a: append 1 -> 0\nb: append 2 -> 1\na: read -> [1 2]");
        let partition = &data["Partitions"][0];
        assert_eq!(partition["History"].as_array().unwrap().len(), 3);
        let order = partition["PartialLinearizations"][0].as_array().unwrap();
        let indexes: Vec<u64> = order.iter().map(|step| step["Index"].as_u64().unwrap()).collect();
        assert_eq!(indexes, [0, 1, 2]);
        assert_eq!(order[2]["StateDescription"], "length 2, ends with 2");
        assert_eq!(partition["Largest"]["2"], 0);
        assert_eq!(data["Annotations"].as_array().unwrap().len(), 0);
    }

    #[test]
    fn no_text_ends_the_page_s_script() {
        let history = History::parse(
            br#"{"process":0,"type":"invoke","f":"append","value":"</script>"}
{"process":"nemesis","type":"info","f":"x","value":"<b>"}"#,
        );
        let page = json(&history.unwrap().0, &CheckOptions::default()).unwrap();
        assert!(!page.contains('<'), "{page}");
        let data: serde_json::Value = serde_json::from_str(&page).unwrap();
        let shown = data["Partitions"][0]["History"][0]["Description"].as_str().unwrap();
        assert!(shown.contains("</script>"), "{shown}");
        assert_eq!(data["Annotations"][0]["Details"], "\"&lt;b&gt;\"");
    }

    #[test]
    fn a_violation_is_annotated_and_has_the_longest_order_found() {
        let data = data("a: append 1 -> 0\nb: read -> []");
        let order = data["Partitions"][0]["PartialLinearizations"][0].as_array().unwrap();
        assert_eq!(order.len(), 1);
        assert_eq!(data["Annotations"][0]["Description"], "stale-read");
        assert_eq!(data["Annotations"][0]["Start"], data["Partitions"][0]["History"][1]["End"]);
    }
}
