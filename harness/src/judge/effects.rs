//! What the faults of a run did, as the nemesis recorded it.
//! It never decides what that means for the verdict.

use std::collections::BTreeMap;

use schism_verify::history::{Event, History, Value};

use crate::action::Effect;
use crate::faults::{self, FAULTS};
use crate::store::verdict_file::FaultFile;

/// Every kind of fault with how often it struck and had an effect.
pub(super) fn of(history: &History, kinds: &[String]) -> Vec<FaultFile> {
    kinds
        .iter()
        .map(|kind| {
            let mut struck = BTreeMap::new();
            for said in history.nemesis(kind).map(said) {
                let strike = said["strike"].as_u64().unwrap_or(0);
                match said["phase"].as_str() {
                    Some("start") => drop(struck.entry(strike).or_insert(false)),
                    Some("heal") => {
                        let effective = said["effective"].as_bool().unwrap_or(false);
                        *struck.entry(strike).or_insert(false) |= effective;
                    }
                    _ => {}
                }
            }
            FaultFile {
                fault: kind.clone(),
                strikes: struck.len() as u64,
                effective: struck.values().filter(|&&effective| effective).count() as u64,
                effect: faults::tell(&total(history, kind)),
            }
        })
        .collect()
}

/// What a reader of the findings must know of what the faults did.
pub(super) fn caveats(history: &History) -> Vec<String> {
    let told = FAULTS.iter().filter_map(|fault| (fault.caveat)(&total(history, fault.name)));
    told.collect()
}

/// What all strikes of a fault did together.
fn total(history: &History, kind: &str) -> Effect {
    let heals = history.nemesis(kind).map(said).filter(|said| said["phase"] == "heal");
    // Older runs say `bit`.
    let effect = |said: serde_json::Value| said.get("effect").or(said.get("bit")).cloned();
    let effects = heals
        .map(|said| serde_json::from_value(effect(said).unwrap_or_default()).unwrap_or_default());
    faults::add_up(&effects.collect::<Vec<Effect>>())
}

fn said(event: &Event) -> serde_json::Value {
    match &event.value {
        Some(Value::Other(json)) => serde_json::from_str(json).unwrap_or_default(),
        _ => serde_json::Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tcp_never_does_is_told() {
        let check = |effects: &[&str], told: Option<&str>| {
            let lines = effects.iter().map(|effect| {
                format!(
                    r#"{{"process":"nemesis","type":"info","f":"frames","value":{{"phase":"heal",
                    "strike":0,"overlay":0,"effective":true,"bit":{effect}}}}}"#
                )
                .replace('\n', " ")
            });
            let text = lines.collect::<Vec<_>>().join("\n");
            let (history, _) = History::parse(text.as_bytes()).unwrap();
            let found = caveats(&history).pop();
            assert_eq!(found.is_some(), told.is_some(), "{effects:?}: {found:?}");
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
