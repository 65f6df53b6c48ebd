//! What the faults of a run did, as the nemesis recorded it.
//! It never decides what that means for the verdict.

use std::collections::BTreeMap;

use schism_verify::history::{Event, History, Value};

use crate::action::Bite;
use crate::store::verdict_file::FaultFile;

/// Every kind of fault with how often it struck and bit.
pub(super) fn of(history: &History, kinds: &[String]) -> Vec<FaultFile> {
    kinds
        .iter()
        .map(|kind| {
            let mut file = FaultFile { fault: kind.clone(), ..FaultFile::default() };
            let mut struck = BTreeMap::new();
            let mut total = Bite::default();
            for event in history.nemesis(kind) {
                let said = said(event);
                let strike = said["strike"].as_u64().unwrap_or(0);
                match said["phase"].as_str() {
                    Some("start") => {
                        struck.entry(strike).or_insert(false);
                    }
                    Some("heal") => {
                        let bit = said["effective"].as_bool().unwrap_or(false);
                        *struck.entry(strike).or_insert(false) |= bit;
                        let bite = serde_json::from_value(said["bit"].clone()).unwrap_or_default();
                        add(&mut total, &bite);
                    }
                    _ => {}
                }
            }
            file.strikes = struck.len() as u64;
            file.bit = struck.values().filter(|&&bit| bit).count() as u64;
            file.effect = in_words(&total);
            file
        })
        .collect()
}

/// Where frames were treated as TCP never treats what it carries: so, for whoever reads of what was
/// found under it.
pub(super) fn beyond_tcp(history: &History) -> Option<String> {
    let mut total = Bite::default();
    let heals = history.nemesis("frames").map(said).filter(|said| said["phase"] == "heal");
    heals.for_each(|said| {
        add(&mut total, &serde_json::from_value(said["bit"].clone()).unwrap_or_default());
    });
    let done = [
        (total.dropped_frames, "dropped"),
        (total.duplicated_frames, "doubled"),
        (total.reordered_frames, "reordered"),
    ];
    let done = done.iter().filter(|(count, _)| *count > 0);
    let done: Vec<String> = done.map(|(count, what)| format!("{count} {what}")).collect();
    (!done.is_empty()).then(|| {
        format!(
            "frames between nodes were meddled with ({}), which TCP never does: a system that \
             relies on TCP has not promised to stand it",
            done.join(", ")
        )
    })
}

fn said(event: &Event) -> serde_json::Value {
    match &event.value {
        Some(Value::Other(json)) => serde_json::from_str(json).unwrap_or_default(),
        _ => serde_json::Value::Null,
    }
}

fn add(total: &mut Bite, bite: &Bite) {
    total.killed += bite.killed;
    total.stopped += bite.stopped;
    total.held_bytes += bite.held_bytes;
    total.dropped_bytes += bite.dropped_bytes;
    total.reset_connections += bite.reset_connections;
    total.refused_connections += bite.refused_connections;
    total.delayed_segments += bite.delayed_segments;
    total.held_frames += bite.held_frames;
    total.longest_hold_ms = total.longest_hold_ms.max(bite.longest_hold_ms);
    total.dropped_frames += bite.dropped_frames;
    total.duplicated_frames += bite.duplicated_frames;
    total.reordered_frames += bite.reordered_frames;
    total.promoted += bite.promoted;
    total.epoch = total.epoch.max(bite.epoch);
}

fn in_words(bite: &Bite) -> String {
    let parts = [
        (bite.killed, "processes killed"),
        (bite.stopped, "processes stopped"),
        (bite.held_bytes, "bytes held"),
        (bite.dropped_bytes, "bytes swallowed"),
        (bite.reset_connections, "connections reset"),
        (bite.refused_connections, "connections refused"),
        (bite.delayed_segments, "segments delayed"),
        (bite.held_frames, "frames held"),
        (bite.longest_hold_ms, "ms the longest of them"),
        (bite.dropped_frames, "frames dropped"),
        (bite.duplicated_frames, "frames doubled"),
        (bite.reordered_frames, "frames reordered"),
        (bite.promoted, "nodes promoted"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    if words.is_empty() { "nothing".to_string() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tcp_never_does_is_told() {
        let check = |bites: &[&str], told: Option<&str>| {
            let lines = bites.iter().map(|bite| {
                format!(
                    r#"{{"process":"nemesis","type":"info","f":"frames","value":{{"phase":"heal",
                    "strike":0,"overlay":0,"effective":true,"bit":{bite}}}}}"#
                )
                .replace('\n', " ")
            });
            let text = lines.collect::<Vec<_>>().join("\n");
            let (history, _) = History::parse(text.as_bytes()).unwrap();
            let found = beyond_tcp(&history);
            assert_eq!(found.is_some(), told.is_some(), "{bites:?}: {found:?}");
            if let (Some(found), Some(told)) = (found, told) {
                assert!(found.contains(told), "{found}");
            }
        };
        check(&[], None);
        check(&[r#"{"held-frames":7,"longest-hold-ms":3}"#], None);
        check(&[r#"{"reordered-frames":7}"#], Some("meddled with (7 reordered)"));
        let both = [r#"{"dropped-frames":2}"#, r#"{"dropped-frames":1,"duplicated-frames":4}"#];
        check(&both, Some("meddled with (3 dropped, 4 doubled)"));
    }
}
