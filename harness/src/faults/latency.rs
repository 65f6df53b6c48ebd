//! latency: what travels on some links is delayed, in order, per direction.

use std::collections::BTreeSet;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::FaultSpec;
use super::{Fault, Key, KeyError, Topology, check_each, draw, target};
use crate::action::{
    Action, ClientId, Delay, Distribution, Endpoint, Flow, NodeId, Overlay, Strike, View,
};
use crate::units::{format_duration, parse_duration};

/// The fault `latency`.
pub struct Latency;

/// Longer than this is a partition that forgot its name.
const DELAY_MAX: Duration = Duration::from_secs(60);

impl Fault for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn about(&self) -> &'static str {
        "delay what travels on links, in order, per direction"
    }

    fn keys(&self) -> &'static [Key] {
        &[
            Key { name: "links", values: "all, peers, clients, or {from, to}", default: "all" },
            Key { name: "delay", values: "a duration", default: "50ms" },
            Key { name: "jitter", values: "a duration", default: "0s" },
            Key {
                name: "distribution",
                values: "fixed, uniform, normal, exponential, pareto",
                default: "uniform",
            },
        ]
    }

    fn check(&self, spec: &FaultSpec, topology: Topology) -> Result<(), KeyError> {
        check_each(spec, "links", |value| {
            let flows = flows(value, topology)?;
            let none = "a cluster of 1 has no links between nodes";
            if flows.is_empty() { Err(none.into()) } else { Ok(()) }
        })?;
        check_each(spec, "jitter", |value| duration(value).map(drop))?;
        check_each(spec, "distribution", |value| distribution(value).map(drop))?;
        let jitters = spec.keys["jitter"].iter().filter_map(|value| duration(value).ok());
        let steady = jitters.min() == Some(Duration::ZERO);
        check_each(spec, "delay", |value| match duration(value)? {
            Duration::ZERO if steady => {
                Err("a delay of nothing; give it a delay or a jitter".into())
            }
            _ => Ok(()),
        })
    }

    fn choose(&self, spec: &FaultSpec, _: Topology, rng: &mut ChaCha8Rng) -> Value {
        json!({
            "links": draw(spec, "links", rng).clone(),
            "delay": draw(spec, "delay", rng).clone(),
            "jitter": draw(spec, "jitter", rng).clone(),
            "distribution": draw(spec, "distribution", rng).clone(),
        })
    }

    fn resolve(&self, strike: &Strike, topology: Topology, view: &View) -> Vec<Action> {
        let clients = topology.clients.max(view.clients);
        let flows = flows(&strike.detail["links"], Topology { clients, ..topology });
        let flows = flows.expect("checked when it was read");
        vec![Action::Hold(Overlay::Delay { flows, delay: delay(&strike.detail) })]
    }

    fn describe(&self, strike: &Strike, _: &[Action], _: &View) -> String {
        let delay = delay(&strike.detail);
        let spread = match delay.jitter {
            Duration::ZERO => String::new(),
            jitter => format!(" ±{}", format_duration(jitter)),
        };
        let links = match &strike.detail["links"] {
            Value::String(word) => format!("{word} links"),
            map => format!(
                "{} -> {}",
                map["from"].as_str().unwrap_or("?"),
                map["to"].as_str().unwrap_or("?")
            ),
        };
        let word = strike.detail["distribution"].as_str().unwrap_or("uniform");
        let shape = if spread.is_empty() && matches!(word, "uniform" | "fixed") {
            String::new()
        } else {
            format!(", {word}")
        };
        format!("latency {}{spread}{shape} on {links}", format_duration(delay.delay))
    }
}

/// The delay of a drawn strike.
pub(super) fn delay(detail: &Value) -> Delay {
    const CHECKED: &str = "checked when it was read";
    Delay {
        delay: duration(&detail["delay"]).expect(CHECKED),
        jitter: duration(&detail["jitter"]).expect(CHECKED),
        distribution: distribution(&detail["distribution"]).expect(CHECKED),
    }
}

/// A duration that a link may be slow by.
pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    let duration = match value {
        Value::String(text) => parse_duration(text)?,
        // Nothing needs no unit.
        Value::Number(zero) if zero.as_u64() == Some(0) => Duration::ZERO,
        other => parse_duration(&other.to_string())?,
    };
    if duration > DELAY_MAX {
        return Err(format!("`{}` is too long; at most 60s", format_duration(duration)));
    }
    Ok(duration)
}

pub(super) fn distribution(value: &Value) -> Result<Distribution, String> {
    serde_json::from_value(value.clone()).map_err(|_| {
        format!(
            "unknown distribution `{}`; distributions are fixed, uniform, normal, exponential, \
             pareto",
            value.as_str().unwrap_or("?")
        )
    })
}

/// The flows that `links` names.
pub(super) fn flows(links: &Value, topology: Topology) -> Result<BTreeSet<Flow>, String> {
    const HOW: &str = "links are all, peers, clients, or {from: n1, to: n2}";
    let nodes = || NodeId::all(topology.nodes);
    let mut flows = BTreeSet::new();
    let (peers, clients) = match links {
        Value::String(word) => match word.as_str() {
            "all" => (true, true),
            "peers" => (true, false),
            "clients" => (false, true),
            other => return Err(format!("unknown links `{other}`; {HOW}")),
        },
        Value::Object(map) if map.len() == 2 => {
            let end = |key: &str| match map.get(key).and_then(Value::as_str) {
                Some(name) => target::node(name, topology.nodes),
                None => Err(format!("no node under `{key}`; {HOW}")),
            };
            let (from, to) = (end("from")?, end("to")?);
            if from == to {
                return Err(format!("{from} has no link to itself"));
            }
            flows.insert(Flow { from: Endpoint::Node(from), to: Endpoint::Node(to) });
            return Ok(flows);
        }
        _ => return Err(format!("found `{links}`; {HOW}")),
    };
    for node in nodes().map(Endpoint::Node) {
        if peers {
            let others = nodes().map(Endpoint::Node).filter(|other| *other != node);
            flows.extend(others.map(|other| Flow { from: node, to: other }));
        }
        if clients {
            for client in (0..topology.clients).map(|number| Endpoint::Client(ClientId(number))) {
                flows.insert(Flow { from: node, to: client });
                flows.insert(Flow { from: client, to: node });
            }
        }
    }
    Ok(flows)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{effects, spec, view};
    use super::*;

    fn spec_of(keys: &[(&str, Value)]) -> FaultSpec {
        let mut all = vec![
            ("links", json!("all")),
            ("delay", json!("50ms")),
            ("jitter", json!("0s")),
            ("distribution", json!("uniform")),
        ];
        for (key, value) in keys {
            let place = all.iter_mut().find(|(name, _)| name == key).unwrap();
            place.1 = value.clone();
        }
        spec("latency", &all)
    }

    #[test]
    fn links_are_the_directions_they_name() {
        let check = |links: Value, count: usize| {
            let found = effects(&spec_of(&[("links", links)]), 3, 2, &view(3, None));
            let [Action::Hold(Overlay::Delay { flows, .. })] = &found.1[..] else {
                panic!("one delay");
            };
            assert_eq!(flows.len(), count);
        };
        check(json!("peers"), 6);
        check(json!("clients"), 12);
        check(json!("all"), 18);
        check(json!({"from": "n1", "to": "n2"}), 1);
    }

    #[test]
    fn it_says_what_it_does() {
        let check = |keys: &[(&str, Value)], words: &str| {
            let view = view(3, None);
            let (strike, effects) = effects(&spec_of(keys), 3, 2, &view);
            assert_eq!(Latency.describe(&strike, &effects, &view), words);
        };
        check(&[], "latency 50ms on all links");
        check(
            &[("jitter", json!("10ms")), ("links", json!("peers"))],
            "latency 50ms ±10ms, uniform on peers links",
        );
        check(&[("links", json!({"from": "n1", "to": "n3"}))], "latency 50ms on n1 -> n3");
    }

    #[test]
    fn impossible_values_are_refused() {
        let check = |key: &str, value: Value, word: &str| {
            let topology = Topology { nodes: 3, clients: 2 };
            let error = Latency.check(&spec_of(&[(key, value)]), topology).unwrap_err();
            assert!(error.key == key && error.message.contains(word), "{error:?}");
        };
        check("delay", json!(50), "no unit");
        check("delay", json!("2h"), "too long");
        check("delay", json!("0s"), "a delay of nothing");
        check("jitter", json!("-1s"), "negative");
        check("distribution", json!("gauss"), "unknown distribution `gauss`");
        check("links", json!("peer"), "unknown links `peer`");
        check("links", json!({"from": "n1"}), "found");
        check("links", json!({"from": "n1", "to": "n1"}), "no link to itself");
        check("links", json!({"from": "n1", "to": "n9"}), "n1 to n3");
    }
}
