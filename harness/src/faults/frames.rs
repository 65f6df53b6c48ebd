//! frames: messages between nodes are dropped, doubled, reordered or held, one by one. Only for
//! systems whose frames are known. All but holding is beyond what TCP allows: findings under it say
//! so.
//!
//! `hold` with `until: moved` is the adaptive adversary of Fischer, Lynch and Paterson (1985): what
//! would decide an epoch waits until its receiver has left that epoch. It loses nothing, and every
//! wait ends.

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::{Fault, FaultSpec, Key, KeyError, KnownFrames, Topology, check_each, draw, latency};
use crate::action::{Action, Flow, FrameFate, FramePart, Meddling, Overlay, Strike, Until, View};
use crate::units::format_duration;

/// The fault `frames`.
pub struct Frames;

const CHECKED: &str = "checked when it was read";

impl Fault for Frames {
    fn name(&self) -> &'static str {
        "frames"
    }

    fn about(&self) -> &'static str {
        "hold, drop, double or reorder messages between nodes by their kind (built-in systems)"
    }

    fn keys(&self) -> &'static [Key] {
        &[
            Key { name: "do", values: "hold, drop, duplicate, reorder", default: "hold" },
            Key { name: "kind", values: "any, decides, or a kind of message", default: "any" },
            Key { name: "until", values: "heal, moved, delay", default: "heal" },
            Key { name: "probability", values: "a share from 0 to 1", default: "1" },
            Key { name: "links", values: "peers, or {from, to}", default: "peers" },
            Key { name: "delay", values: "a duration, for until: delay", default: "50ms" },
            Key { name: "jitter", values: "a duration, for until: delay", default: "0s" },
            Key {
                name: "distribution",
                values: "fixed, uniform, normal, exponential, pareto",
                default: "uniform",
            },
        ]
    }

    fn check(&self, spec: &FaultSpec, topology: Topology) -> Result<(), KeyError> {
        check_each(spec, "do", |value| word(value, &["hold", "drop", "duplicate", "reorder"]))?;
        check_each(spec, "until", |value| word(value, &["heal", "moved", "delay"]))?;
        check_each(spec, "probability", |value| {
            let share = value.as_f64().filter(|share| 0.0 < *share && *share <= 1.0);
            share.map(drop).ok_or_else(|| format!("found `{value}`; a share above 0, up to 1"))
        })?;
        let adapts = spec.keys["until"].iter().any(|until| until == "moved");
        check_each(spec, "links", |value| match flows(value, topology) {
            Ok(flows) if flows.is_empty() => {
                Err("a cluster of 1 has no links between nodes".into())
            }
            Ok(_) if adapts && value != "peers" => {
                Err("`until: moved` must see what every node sends; its links are `peers`".into())
            }
            checked => checked.map(drop),
        })?;
        check_each(spec, "delay", |value| latency::duration(value).map(drop))?;
        check_each(spec, "jitter", |value| latency::duration(value).map(drop))?;
        check_each(spec, "distribution", |value| latency::distribution(value).map(drop))
    }

    fn reads_frames(&self) -> bool {
        true
    }

    fn check_frames(&self, spec: &FaultSpec, known: KnownFrames<'_>) -> Result<(), KeyError> {
        let KnownFrames { kinds: frames, move_on, epochs_compare } = known;
        let adapts = spec.keys["until"].iter().position(|until| until == "moved");
        if let Some(index) = adapts {
            let refused = |message: &str| {
                Err(KeyError { key: "until".into(), index, message: message.into() })
            };
            if !move_on {
                return refused(
                    "`moved` waits for a receiver to leave its epoch, and no node of this system \
                     does so by itself; there are heal, delay",
                );
            }
            if !epochs_compare {
                return refused(
                    "`moved` compares epochs, and this system counts them for each key by itself; \
                     with `keys: 1` in the workload there is one to compare",
                );
            }
        }
        check_each(spec, "kind", |value| {
            let kind = value.as_str().unwrap_or_default().to_owned();
            let (probability, what) = (1.0, FrameFate::Drop);
            let meddling = Meddling { kind, probability, what };
            let Some(met) = meddling.met(frames) else {
                let names: Vec<&str> = frames.iter().map(|row| row.name.as_str()).collect();
                let found = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                return Err(format!(
                    "no kind of message is called `{found}`; there are any, decides, {}",
                    names.join(", ")
                ));
            };
            if adapts.is_some() && met.iter().any(|row| row.part != FramePart::Decides) {
                return Err("`until: moved` waits for the receiver of what decides to leave its \
                            epoch; its kind is `decides`, or one of them"
                    .into());
            }
            Ok(())
        })
    }

    fn choose(&self, spec: &FaultSpec, _: Topology, rng: &mut ChaCha8Rng) -> Value {
        let drawn = self.keys().iter().map(|key| {
            let value = draw(spec, key.name, rng).clone();
            (key.name.to_owned(), value)
        });
        Value::Object(drawn.collect())
    }

    fn resolve(&self, strike: &Strike, topology: Topology, _: &View) -> Vec<Action> {
        let flows = flows(&strike.detail["links"], topology).expect(CHECKED);
        vec![Action::Hold(Overlay::Frames { flows, meddling: meddling(&strike.detail) })]
    }

    fn describe(&self, strike: &Strike, _: &[Action], _: &View) -> String {
        let Meddling { kind, probability, what } = meddling(&strike.detail);
        let which = match kind.as_str() {
            "any" => String::new(),
            "decides" => " that decide".into(),
            name => format!(" {name}"),
        };
        let share = match probability {
            1.0 => String::new(),
            share => format!(", {} of 100", (share * 100.0).round()),
        };
        let what = match what {
            FrameFate::Drop => "dropped".into(),
            FrameFate::Duplicate => "doubled".into(),
            FrameFate::Reorder => "let past by those behind them".into(),
            FrameFate::Hold(Until::Heal) => "held".into(),
            FrameFate::Hold(Until::Moved) => "held until the receiver has moved on".into(),
            FrameFate::Hold(Until::Delay(by)) => {
                format!("held for {} ±{}", format_duration(by.delay), format_duration(by.jitter))
            }
        };
        let links = match &strike.detail["links"] {
            Value::Object(ends) => {
                let end = |key: &str| ends[key].as_str().expect(CHECKED).to_owned();
                format!(" on {} -> {}", end("from"), end("to"))
            }
            _ => String::new(),
        };
        format!("frames{which} {what}{share}{links}")
    }
}

fn meddling(detail: &Value) -> Meddling {
    let word = |key: &str| detail[key].as_str().expect(CHECKED);
    let until = || match word("until") {
        "moved" => Until::Moved,
        "delay" => Until::Delay(latency::delay(detail)),
        _ => Until::Heal,
    };
    let what = match word("do") {
        "drop" => FrameFate::Drop,
        "duplicate" => FrameFate::Duplicate,
        "reorder" => FrameFate::Reorder,
        _ => FrameFate::Hold(until()),
    };
    let probability = detail["probability"].as_f64().expect(CHECKED);
    Meddling { kind: word("kind").to_owned(), probability, what }
}

fn word(value: &Value, known: &[&str]) -> Result<(), String> {
    match value.as_str() {
        Some(word) if known.contains(&word) => Ok(()),
        Some(word) => Err(format!("unknown word `{word}`; there are {}", known.join(", "))),
        None => Err(format!("found `{value}`; there are {}", known.join(", "))),
    }
}

fn flows(links: &Value, topology: Topology) -> Result<BTreeSet<Flow>, String> {
    match links {
        Value::String(word) if word != "peers" => {
            Err(format!("frames are between nodes; links are peers, or {{from, to}}, not `{word}`"))
        }
        _ => latency::flows(links, topology),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{effects, spec, view};
    use super::*;
    use crate::action::FrameKind;

    fn spec_of(keys: &[(&str, Value)]) -> FaultSpec {
        let mut all = vec![
            ("do", json!("hold")),
            ("kind", json!("decides")),
            ("until", json!("heal")),
            ("probability", json!(1)),
            ("links", json!("peers")),
            ("delay", json!("50ms")),
            ("jitter", json!("0s")),
            ("distribution", json!("uniform")),
        ];
        for (key, value) in keys {
            all.iter_mut().find(|(name, _)| name == key).unwrap().1 = value.clone();
        }
        spec("frames", &all)
    }

    fn kinds() -> Vec<FrameKind> {
        let row = |kind, name: &str, part| FrameKind { kind, name: name.into(), part };
        vec![row(1, "vote", FramePart::Moves), row(5, "append", FramePart::Decides)]
    }

    #[test]
    fn it_says_what_it_does() {
        let check = |keys: &[(&str, Value)], words: &str| {
            let view = view(3, None);
            let (strike, effects) = effects(&spec_of(keys), 3, 2, &view);
            assert_eq!(Frames.describe(&strike, &effects, &view), words);
        };
        check(&[], "frames that decide held");
        check(
            &[("until", json!("moved"))],
            "frames that decide held until the receiver has moved on",
        );
        check(
            &[("until", json!("delay")), ("jitter", json!("20ms")), ("kind", json!("append"))],
            "frames append held for 50ms ±20ms",
        );
        check(
            &[("do", json!("drop")), ("probability", json!(0.25)), ("kind", json!("any"))],
            "frames dropped, 25 of 100",
        );
        check(
            &[("do", json!("duplicate")), ("links", json!({"from": "n1", "to": "n2"}))],
            "frames that decide doubled on n1 -> n2",
        );
        check(
            &[("do", json!("reorder")), ("probability", json!(0.5)), ("kind", json!("append"))],
            "frames append let past by those behind them, 50 of 100",
        );
    }

    #[test]
    fn impossible_values_are_refused() {
        let check = |keys: &[(&str, Value)], wrong: &str, part: &str| {
            let spec = spec_of(keys);
            let topology = Topology { nodes: 3, clients: 2 };
            let kinds = kinds();
            let known = KnownFrames { kinds: &kinds, move_on: true, epochs_compare: true };
            let checked = Frames.check(&spec, topology);
            let error = checked.and_then(|()| Frames.check_frames(&spec, known)).unwrap_err();
            assert!(error.key == wrong && error.message.contains(part), "{error:?}");
        };
        check(&[("do", json!("shuffle"))], "do", "there are hold, drop, duplicate, reorder");
        check(&[("until", json!("later"))], "until", "there are heal, moved, delay");
        check(&[("probability", json!(0))], "probability", "above 0");
        check(&[("probability", json!("half"))], "probability", "above 0");
        check(&[("links", json!("all"))], "links", "between nodes");
        let one = ("links", json!({"from": "n1", "to": "n2"}));
        check(&[("until", json!("moved")), one], "links", "must see what every node sends");
        check(&[("kind", json!("apend"))], "kind", "any, decides, vote, append");
        check(&[("until", json!("moved")), ("kind", json!("vote"))], "kind", "its kind is");
        check(&[("delay", json!(50))], "delay", "no unit");
        const ALL: (bool, bool) = (true, true);
        let check = |spec: &FaultSpec, kinds: &[FrameKind], (move_on, epochs_compare)| {
            let known = KnownFrames { kinds, move_on, epochs_compare };
            Frames.check_frames(spec, known).map_err(|error| error.key)
        };
        let spec = spec_of(&[]);
        assert_eq!(check(&spec, &kinds(), ALL), Ok(()));
        assert_eq!(check(&spec, &[], ALL), Err("kind".into()), "nothing decides here");
        let moved = spec_of(&[("until", json!("moved"))]);
        assert_eq!(check(&moved, &kinds(), ALL), Ok(()));
        for (move_on, epochs_compare) in [(false, true), (true, false)] {
            let until = Err("until".into());
            assert_eq!(check(&moved, &kinds(), (move_on, epochs_compare)), until);
            assert_eq!(check(&spec, &kinds(), (move_on, epochs_compare)), Ok(()), "none waits");
        }
    }
}
