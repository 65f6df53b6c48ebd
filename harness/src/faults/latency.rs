//! latency: what travels on some links is delayed, in order, per direction.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::counter::{Counter, count};
use super::fault::{Aimed, Fault, Spec, Subject, Topology, When};
use super::keys::{Draw, Key, KeyError, Span, plain};
use super::links::{Direction, Links, Word};
use crate::action::{DELAYED_SEGMENTS, Delay, Distribution, LinkOverlay, View};
use crate::units::format_duration;

pub const FAULT: Fault = Fault {
    name: "latency",
    about: "delay what travels on links, in order, per direction",
    keys: &[
        Key { name: "links", values: "all, peers, clients, or {from: n1, to: n2}", default: "all" },
        Key { name: "delay", values: "a duration", default: "50ms" },
        Key { name: "jitter", values: "a duration", default: "0s" },
        Key {
            name: "distribution",
            values: "fixed, uniform, normal, exponential, pareto",
            default: "uniform",
        },
    ],
    counters: &[Counter::sum(DELAYED_SEGMENTS, |delayed| {
        format!("delayed {}", count(delayed, "segment", "segments"))
    })],
    class: "f-latency",
    ..Fault::of::<Latency>()
};

#[derive(Deserialize)]
struct Latency {
    links: Draw<Links>,
    delay: Draw<Span>,
    jitter: Draw<Span>,
    distribution: Draw<Distribution>,
}

#[derive(Serialize, Deserialize)]
struct Choice {
    links: Links,
    delay: Span,
    jitter: Span,
    distribution: Distribution,
}

impl Spec for Latency {
    type Choice = Choice;

    fn check(&self, of: &Subject) -> Result<(), KeyError> {
        self.links.check("links", |links| match links {
            Links::Word(Word::Clients) => Ok(()),
            _ => of.between_nodes("`links: clients` is what can be slow"),
        })?;
        self.links.check("links", |links| links.check(of.topology))?;
        let steady = self.jitter.0.iter().any(|jitter| jitter.0.is_zero());
        self.delay.check("delay", |delay| match delay.0 {
            Duration::ZERO if steady => {
                Err("a delay of nothing; give it a delay or a jitter".into())
            }
            _ => Ok(()),
        })
    }

    fn choose(&self, _: &When, _: Topology, rng: &mut ChaCha8Rng) -> Choice {
        Choice {
            links: self.links.one(rng),
            delay: self.delay.one(rng),
            jitter: self.jitter.one(rng),
            distribution: self.distribution.one(rng),
        }
    }

    fn resolve(choice: &Choice, topology: Topology, _: &View) -> Result<Aimed, String> {
        let Choice { links, delay: Span(delay), jitter: Span(jitter), distribution } = *choice;
        let shape = match distribution {
            Distribution::Uniform | Distribution::Fixed if jitter.is_zero() => String::new(),
            named => format!(", {}", plain(named)),
        };
        let spread = match jitter {
            Duration::ZERO => String::new(),
            jitter => format!(" ±{}", format_duration(jitter)),
        };
        let on = match links {
            Links::Word(word) => format!("{} links", plain(word)),
            Links::One(Direction { from, to }) => format!("{from} -> {to}"),
        };
        let words = format!("latency {}{spread}{shape} on {on}", format_duration(delay));
        let delay = Delay { delay, jitter, distribution };
        let flows = links.flows(topology);
        Ok(Aimed { action: LinkOverlay::Delay { flows, delay }.into(), words })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{aimed, error, view, words};
    use crate::action::{Action, Overlay};

    #[test]
    fn links_are_the_directions_they_name() {
        let check = |links: Value, count: usize| {
            let found = aimed("latency", &[("links", links)], &view(3, None)).unwrap();
            let Action::Hold(Overlay::Links(delay)) = found.action else { panic!("one delay") };
            assert!(delay.delays());
            assert_eq!(delay.flows().len(), count);
        };
        check(json!("peers"), 6);
        check(json!("clients"), 12);
        check(json!("all"), 18);
        check(json!({"from": "n1", "to": "n2"}), 1);
    }

    #[test]
    fn it_says_what_it_does() {
        let check = |keys: &[(&str, Value)], expected: &str| {
            assert_eq!(words("latency", keys, &view(3, None)), expected);
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
            let error = error("latency", &[(key, value)], 3);
            assert!(error.key == key && error.message.contains(word), "{error:?}");
        };
        check("delay", json!(50), "no unit");
        check("delay", json!("2h"), "too long");
        check("delay", json!("0s"), "a delay of nothing");
        check("delay", json!(0), "a delay of nothing");
        check("jitter", json!("-1s"), "negative");
        check("distribution", json!("gauss"), "unknown distribution `gauss`");
        check("links", json!("peer"), "unknown links `peer`");
        check("links", json!({"from": "n1"}), "`links` takes all, peers, clients, or {from");
        check("links", json!({"from": "n1", "to": "n1"}), "no link to itself");
        check("links", json!({"from": "n1", "to": "n9"}), "n1 to n3");
    }
}
