//! What the faults of a run did, as the nemesis recorded it.
//! It never decides what that means for the verdict.

use std::collections::BTreeMap;

use schism_verify::history::nemesis::{Said, Strike};

use crate::action::Effect;
use crate::faults::{self, FAULTS};
use crate::store::verdict_file::FaultFile;

/// Every kind of fault with how often it struck, and how often that had an effect.
pub(super) fn of(said: &Said<'_>, kinds: &[String]) -> Vec<FaultFile> {
    let told = |kind: &String| {
        let mut struck = BTreeMap::new();
        for strike in of_kind(said, kind) {
            // One strike may put on several overlays.
            *struck.entry(strike.start.strike).or_insert(false) |= strike.is_effective();
        }
        FaultFile {
            fault: kind.clone(),
            strikes: struck.len() as u64,
            effective: struck.values().filter(|&&effective| effective).count() as u64,
            effect: faults::tell(&total(said, kind)),
        }
    };
    kinds.iter().map(told).collect()
}

/// What a reader of the findings must know of what the faults did.
pub(super) fn caveats(said: &Said<'_>) -> Vec<String> {
    FAULTS.iter().filter_map(|fault| (fault.caveat)(&total(said, fault.name))).collect()
}

/// What all strikes of a fault did together.
fn total(said: &Said<'_>, kind: &str) -> Effect {
    let healed = of_kind(said, kind).filter_map(|strike| strike.healed.as_ref());
    faults::add_up(&healed.map(|(_, heal)| heal.effect.clone()).collect::<Vec<Effect>>())
}

fn of_kind<'a>(said: &'a Said<'a>, kind: &'a str) -> impl Iterator<Item = &'a Strike<'a>> {
    said.strikes.iter().filter(move |strike| *strike.fault == *kind)
}

#[cfg(test)]
mod tests {
    use schism_verify::History;

    use super::*;

    #[test]
    fn what_tcp_never_does_is_told() {
        let check = |effects: &[&str], told: Option<&str>| {
            let lines = effects.iter().enumerate().map(|(overlay, effect)| {
                let event = r#"{"process":"nemesis","type":"info","f":"frames","value":{"phase":"#;
                format!(
                    r#"{event}"start","overlay":{overlay}}}}}
{event}"heal","overlay":{overlay},"effective":true,"bit":{effect}}}}}"#
                )
            });
            let text = lines.collect::<Vec<_>>().join("\n");
            let (history, _) = History::parse(text.as_bytes()).unwrap();
            let found = caveats(&Said::of(history.events())).pop();
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
