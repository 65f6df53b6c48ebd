//! frames: messages between nodes are dropped, doubled, reordered or held, one by one. Only for
//! systems whose frames are known. All but holding is beyond what TCP allows: findings under it say
//! so.
//!
//! `hold` with `until: moved` is the adaptive adversary of Fischer, Lynch and Paterson (1985): what
//! would decide an epoch waits until its receiver has left that epoch. It loses nothing, and every
//! wait ends.

use rand_chacha::ChaCha8Rng;
use schism_facts::FramePart;
use serde::{Deserialize, Serialize};

use super::counter::{Counter, count};
use super::fault::{Aimed, Fault, Spec, Subject, Topology, When};
use super::keys::{Draw, Key, KeyError, Share, Span};
use super::links::{Direction, Links, Word};
use crate::action::{
    DROPPED_FRAMES, DUPLICATED_FRAMES, Delay, Distribution, Effect, FrameFate, HELD_EPOCHS,
    HELD_FRAMES, LONGEST_HOLD_MS, LinkOverlay, MEDIAN_HOLD_MS, Meddling, REORDERED_FRAMES, Until,
    View, frames_called,
};
use crate::units::format_duration;

pub const FAULT: Fault = Fault {
    name: "frames",
    about: "hold, drop, double or reorder messages between nodes by their kind (built-in systems)",
    keys: &[
        Key { name: "do", values: "hold, drop, duplicate, reorder", default: "hold" },
        Key { name: "kind", values: "any, decides, or a kind of message", default: "any" },
        Key { name: "until", values: "heal, moved, delay", default: "heal" },
        Key { name: "probability", values: "a share above 0, up to 1", default: "1" },
        Key { name: "links", values: "peers, or {from: n1, to: n2}", default: "peers" },
        Key { name: "delay", values: "a duration, for until: delay", default: "50ms" },
        Key { name: "jitter", values: "a duration, for until: delay", default: "0s" },
        Key {
            name: "distribution",
            values: "fixed, uniform, normal, exponential, pareto",
            default: "uniform",
        },
    ],
    counters: &[
        Counter::sum(HELD_FRAMES, |held| format!("held {}", frames(held))),
        Counter::single(HELD_EPOCHS, |epochs| format!("of {}", count(epochs, "epoch", "epochs"))),
        Counter::single(MEDIAN_HOLD_MS, |ms| format!("median hold {ms} ms")),
        Counter::max(LONGEST_HOLD_MS, |ms| format!("longest hold {ms} ms")),
        Counter::sum(DROPPED_FRAMES, |dropped| format!("dropped {}", frames(dropped))),
        Counter::sum(DUPLICATED_FRAMES, |doubled| format!("doubled {}", frames(doubled))),
        Counter::sum(REORDERED_FRAMES, |reordered| format!("reordered {}", frames(reordered))),
    ],
    reads_frames: true,
    caveat: beyond_tcp,
    ..Fault::of::<Frames>()
};

#[derive(Deserialize)]
struct Frames {
    r#do: Draw<Do>,
    kind: Draw<String>,
    until: Draw<UntilWhen>,
    probability: Draw<Share>,
    links: Draw<Links>,
    delay: Draw<Span>,
    jitter: Draw<Span>,
    distribution: Draw<Distribution>,
}

#[derive(Serialize, Deserialize)]
struct Choice {
    r#do: Do,
    kind: String,
    until: UntilWhen,
    probability: Share,
    links: Links,
    delay: Span,
    jitter: Span,
    distribution: Distribution,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Do {
    Hold,
    Drop,
    Duplicate,
    Reorder,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum UntilWhen {
    Heal,
    Moved,
    Delay,
}

impl Spec for Frames {
    type Choice = Choice;

    fn check(&self, of: &Subject) -> Result<(), KeyError> {
        let adapts = self.until.0.contains(&UntilWhen::Moved);
        self.links.check("links", |links| match links {
            Links::Word(Word::All | Word::Clients) => {
                Err("frames are between nodes; links are peers, or {from: n1, to: n2}".into())
            }
            Links::One(_) if adapts => {
                Err("`until: moved` must see what every node sends; its links are `peers`".into())
            }
            links => links.check(of.topology),
        })?;
        self.until.check("until", |until| {
            match until {
            UntilWhen::Moved if !of.moves_on => Err(
                "`moved` waits for a receiver to leave its epoch, and no node of this system does \
                 so by itself; there are heal, delay"
                    .into(),
            ),
            UntilWhen::Moved if !of.epochs_compare => Err(
                "`moved` compares epochs, and this system counts them for each key by itself; with \
                 `keys: 1` in the workload there is one to compare"
                    .into(),
            ),
            _ => Ok(()),
        }
        })?;
        self.kind.check("kind", |kind| {
            let Some(met) = frames_called(kind, of.frames) else {
                let names: Vec<&str> = of.frames.iter().map(|row| row.name).collect();
                return Err(format!(
                    "no kind of message is called `{kind}`; there are any, decides, {}",
                    names.join(", ")
                ));
            };
            if adapts && met.iter().any(|row| row.part != FramePart::Decides) {
                return Err("`until: moved` waits for the receiver of what decides to leave its \
                            epoch; its kind is `decides`, or one of them"
                    .into());
            }
            Ok(())
        })
    }

    fn choose(&self, _: &When, _: Topology, rng: &mut ChaCha8Rng) -> Choice {
        Choice {
            r#do: self.r#do.one(rng),
            kind: self.kind.one(rng),
            until: self.until.one(rng),
            probability: self.probability.one(rng),
            links: self.links.one(rng),
            delay: self.delay.one(rng),
            jitter: self.jitter.one(rng),
            distribution: self.distribution.one(rng),
        }
    }

    fn resolve(choice: &Choice, topology: Topology, _: &View) -> Result<Aimed, String> {
        let Choice { delay: Span(delay), jitter: Span(jitter), distribution, .. } = *choice;
        let which = match choice.kind.as_str() {
            "any" => String::new(),
            "decides" => " that decide".into(),
            name => format!(" {name}"),
        };
        let (what, told) = match (choice.r#do, choice.until) {
            (Do::Drop, _) => (FrameFate::Drop, "dropped".into()),
            (Do::Duplicate, _) => (FrameFate::Duplicate, "doubled".into()),
            (Do::Reorder, _) => (FrameFate::Reorder, "let past by those behind them".into()),
            (Do::Hold, UntilWhen::Heal) => (FrameFate::Hold(Until::Heal), "held".into()),
            (Do::Hold, UntilWhen::Moved) => {
                (FrameFate::Hold(Until::Moved), "held until the receiver has moved on".into())
            }
            (Do::Hold, UntilWhen::Delay) => (
                FrameFate::Hold(Until::Delay(Delay { delay, jitter, distribution })),
                format!("held for {} ±{}", format_duration(delay), format_duration(jitter)),
            ),
        };
        let share = match choice.probability.0 {
            1.0 => String::new(),
            share => format!(", {} of 100", (share * 100.0).round()),
        };
        let on = match choice.links {
            Links::One(Direction { from, to }) => format!(" on {from} -> {to}"),
            Links::Word(_) => String::new(),
        };
        let kind = choice.kind.clone();
        let meddling = Meddling { kind, probability: choice.probability.0, what };
        let flows = choice.links.flows(topology);
        let words = format!("frames{which} {told}{share}{on}");
        Ok(Aimed { action: LinkOverlay::Frames { flows, meddling }.into(), words })
    }
}

fn frames(frames: u64) -> String {
    count(frames, "frame", "frames")
}

/// Where frames were treated as TCP never treats what it carries: so, for whoever reads of what was
/// found under it.
fn beyond_tcp(total: &Effect) -> Option<String> {
    let done = [
        (DROPPED_FRAMES, "dropped"),
        (DUPLICATED_FRAMES, "doubled"),
        (REORDERED_FRAMES, "reordered"),
    ];
    let done = done.map(|(counter, what)| (total.count(counter), what)).into_iter();
    let done = done.filter(|(count, _)| *count > 0);
    let done: Vec<String> = done.map(|(count, what)| format!("{count} {what}")).collect();
    (!done.is_empty()).then(|| {
        format!(
            "frames between nodes were meddled with ({}), which TCP never does: a system that \
             relies on TCP has not promised to stand it",
            done.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::find;
    use super::super::tests::{error, spec, subject, view, words};
    use super::*;

    #[test]
    fn it_says_what_it_does() {
        let check = |keys: &[(&str, Value)], expected: &str| {
            assert_eq!(words("frames", keys, &view(3, None)), expected);
        };
        let decides = ("kind", json!("decides"));
        check(std::slice::from_ref(&decides), "frames that decide held");
        check(
            &[("until", json!("moved")), decides.clone()],
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
            &[("do", json!("duplicate")), ("links", json!({"from": "n1", "to": "n2"})), decides],
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
            let error = error("frames", keys, 3);
            assert!(error.key == wrong && error.message.contains(part), "{error:?}");
        };
        check(&[("do", json!("shuffle"))], "do", "`do` takes hold, drop, duplicate, reorder");
        check(&[("until", json!("later"))], "until", "`until` takes heal, moved, delay");
        check(&[("probability", json!(0))], "probability", "above 0");
        check(&[("probability", json!("half"))], "probability", "above 0");
        check(&[("links", json!("all"))], "links", "between nodes");
        check(&[("links", json!("some"))], "links", "peers, or {from: n1, to: n2}");
        let moved = ("until", json!("moved"));
        let one = ("links", json!({"from": "n1", "to": "n2"}));
        check(&[moved.clone(), one], "links", "must see what every node sends");
        check(&[("kind", json!("apend"))], "kind", "any, decides, vote, append");
        check(&[("kind", json!(2))], "kind", "any, decides, or a kind");
        check(&[moved, ("kind", json!("vote"))], "kind", "its kind is");
        check(&[("delay", json!(50))], "delay", "no unit");
    }

    #[test]
    fn an_adversary_needs_epochs_that_are_left_and_compare() {
        let decides = ("kind", json!("decides"));
        let adversary = spec("frames", &[("until", json!("moved")), decides.clone()]);
        let holds = spec("frames", &[decides]);
        let check =
            |spec, of: &Subject| find("frames").unwrap().check(spec, of).map_err(|error| error.key);
        let known = subject(3);
        assert_eq!(check(&adversary, &known), Ok(()));
        assert_eq!(check(&holds, &known), Ok(()));
        assert_eq!(check(&holds, &Subject { frames: &[], ..known }), Err("kind".into()));
        for of in [Subject { moves_on: false, ..known }, Subject { epochs_compare: false, ..known }]
        {
            assert_eq!(check(&adversary, &of), Err("until".into()));
            assert_eq!(check(&holds, &of), Ok(()), "none waits");
        }
    }
}
