//! What a run came to, as its traces and its history tell: elections, snapshots, truncations,
//! retries. A workload names those that it is there to bring about. This is their table.
//! It never judges: a count says how much of the protocol was at work, not whether it was right.
//!
//! Adding one is a row: its name, the words for one and for many, what helps a workload that does
//! not come to it, and how it is counted.

use std::collections::{BTreeMap, BTreeSet};

use super::Evidence;
use super::trace::{Said, What};
use crate::history::{History, Type, Value};

/// Something that a run may come to.
#[derive(Clone, Copy)]
pub struct Shape {
    /// As workloads call it.
    pub name: &'static str,
    /// In words, one and many of it.
    pub words: [&'static str; 2],
    /// What to change in a workload that does not come to it.
    pub advice: &'static str,
    /// Whether the traces of the nodes tell of it; else the history does.
    pub traced: bool,
    count: fn(&Course<'_>) -> u64,
}

/// A run, read once for all shapes.
struct Course<'a> {
    history: &'a History,
    traces: Vec<&'a [Said]>,
}

/// From this many entries on a tail is long: more than one message of a quiet cluster carries.
const LONG_TAIL: u64 = 10;

/// From this many bytes of JSON on a value is large: a few of them fill a message between nodes.
const LARGE_VALUE: usize = 32 << 10;

/// Every shape, in the order they are shown.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "election",
        words: ["election", "elections"],
        advice: "kill the leader or cut it off more often, for longer than an election takes",
        traced: true,
        count: |course| {
            let leads = course.lines().filter_map(|(node, said)| match said.what {
                What::Role { leads: true, epoch, .. } => Some((node, epoch)),
                _ => None,
            });
            leads.collect::<BTreeSet<_>>().len() as u64
        },
    },
    Shape {
        name: "leader-deposed",
        words: ["leader deposed alive", "leaders deposed alive"],
        advice: "cut the leader off, or pause it, instead of killing it",
        traced: true,
        count: |course| course.traces.iter().map(|trace| deposed(trace)).sum(),
    },
    Shape {
        name: "snapshot-taken",
        words: ["snapshot taken", "snapshots taken"],
        advice: "set the system's `snapshot-every` lower, or ask more often",
        traced: true,
        count: |course| course.many(|what| matches!(what, What::Snap { .. })),
    },
    Shape {
        name: "snapshot-installed",
        words: ["snapshot installed", "snapshots installed"],
        advice: "set the system's `snapshot-every` lower, ask more often, or keep nodes away for \
                 longer, so that they miss more than the leader still has",
        traced: true,
        count: |course| course.many(|what| matches!(what, What::Restore { .. })),
    },
    Shape {
        name: "truncation",
        words: ["truncation", "truncations"],
        advice: "cut the leader off with clients that still reach it (`clients: free`), and switch \
                 `check-quorum` off where the system has it",
        traced: true,
        count: |course| course.truncated(1),
    },
    Shape {
        name: "long-truncation",
        words: ["truncation of 10 or more entries", "truncations of 10 or more entries"],
        advice: "the same as for `truncation`, with more clients that append and do not wait",
        traced: true,
        count: |course| course.truncated(LONG_TAIL),
    },
    Shape {
        name: "retry",
        words: ["retry of what had happened", "retries of what had happened"],
        advice: "set `retry: true`, and break connections (`style: reset`, or kill the leader)",
        traced: true,
        count: |course| {
            let repeated = course.lines().filter_map(|(_, said)| match said.what {
                What::Apply { i, fresh: false, .. } => Some(i),
                _ => None,
            });
            repeated.collect::<BTreeSet<_>>().len() as u64
        },
    },
    Shape {
        name: "restart",
        words: ["restart", "restarts"],
        advice: "kill nodes: `crash`",
        traced: true,
        count: |course| {
            let boots = |trace: &&[Said]| {
                let boots = trace.iter().filter(|said| matches!(said.what, What::Boot { .. }));
                boots.count().saturating_sub(1) as u64
            };
            course.traces.iter().map(boots).sum()
        },
    },
    Shape {
        name: "recovery",
        words: ["recovery from nothing", "recoveries from nothing"],
        advice: "kill nodes of a system that keeps nothing on disk: `crash`",
        traced: true,
        count: |course| course.many(|what| matches!(what, What::Recovered { .. })),
    },
    Shape {
        name: "contest",
        words: ["contested slot", "contested slots"],
        advice: "more clients that ask for the same, or slower links: `latency`",
        traced: true,
        count: |course| {
            let mut ballots: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
            for (_, said) in course.lines() {
                if let What::Proposed(offer) = said.what {
                    ballots.entry(offer.slot).or_default().insert(offer.ballot);
                }
            }
            ballots.values().filter(|ballots| ballots.len() > 1).count() as u64
        },
    },
    Shape {
        name: "large-value",
        words: ["value of 32 KiB or more", "values of 32 KiB or more"],
        advice: "set `value-bytes: {usual: 8, large: 64KiB, share: 1%}`",
        traced: false,
        count: |course| {
            let large =
                |value: &Value| matches!(value, Value::Str(text) if text.len() + 2 >= LARGE_VALUE);
            let asked = course.history.operations().iter().map(|op| course.history.invoke(op));
            asked.filter(|event| event.value.as_ref().is_some_and(large)).count() as u64
        },
    },
    Shape {
        name: "unanswered",
        words: ["operation unanswered", "operations unanswered"],
        advice: "break connections to clients: `partition` with `clients: follow`, or `crash`",
        traced: false,
        count: |course| {
            let lost = |op: &&crate::history::Operation| course.history.outcome(op) == Type::Info;
            course.history.operations().iter().filter(lost).count() as u64
        },
    },
];

/// The shape of this name.
pub fn named(name: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.name == name)
}

/// How often the run came to each shape that its evidence could tell of, in the table's order.
/// Where the nodes wrote no traces those that only traces tell of are left out. An error is a trace
/// that cannot be read.
pub fn count(evidence: &Evidence) -> Result<Vec<(&'static Shape, u64)>, String> {
    let traces = evidence.traces.all_said()?.into_values().collect();
    let course = Course { history: &evidence.history, traces };
    let told = SHAPES.iter().filter(|shape| !shape.traced || !course.traces.is_empty());
    Ok(told.map(|shape| (shape, (shape.count)(&course))).collect())
}

/// In words: `12 snapshots installed, 1 truncation`; what did not happen is left out.
pub fn in_words(counted: &[(&'static Shape, u64)]) -> String {
    let told = counted.iter().filter(|(_, count)| *count > 0);
    let told =
        told.map(|(shape, count)| format!("{count} {}", shape.words[usize::from(*count > 1)]));
    told.collect::<Vec<_>>().join(", ")
}

impl Course<'_> {
    /// Every line of every node, with the node's place.
    fn lines(&self) -> impl Iterator<Item = (usize, &Said)> {
        let of_node = |(node, trace)| std::iter::zip(std::iter::repeat(node), trace);
        self.traces.iter().copied().enumerate().flat_map(of_node)
    }

    fn many(&self, is: fn(&What) -> bool) -> u64 {
        self.lines().filter(|(_, said)| is(&said.what)).count() as u64
    }

    /// Truncations that removed so many entries or more.
    fn truncated(&self, least: u64) -> u64 {
        let mut count = 0;
        for trace in &self.traces {
            let mut last = 0;
            for said in *trace {
                match said.what {
                    What::Boot { last: there, .. } => last = there,
                    What::Append { i, .. } => last = i,
                    What::Restore { i, .. } => last = last.max(i),
                    What::Truncate { from, .. } => {
                        count += u64::from((last + 1).saturating_sub(from) >= least);
                        last = last.min(from.saturating_sub(1));
                    }
                    _ => {}
                }
            }
        }
        count
    }
}

/// How often a node stopped leading and went on.
fn deposed(trace: &[Said]) -> u64 {
    let (mut led, mut count) = (false, 0);
    for said in trace {
        match said.what {
            What::Boot { .. } => led = false,
            What::Role { leads, .. } => {
                count += u64::from(led && !leads);
                led = leads;
            }
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(traces: &[(&str, &[&str])], history: &str) -> Evidence {
        let traces = traces.iter().map(|(node, lines)| {
            let lines = lines.iter().map(|line| format!("{{\"at\":1,{line}}}\n"));
            ((*node).to_owned(), lines.collect::<String>().into_bytes())
        });
        let history = History::parse(history.as_bytes()).unwrap().0;
        Evidence { traces: traces.collect(), history, ..Evidence::default() }
    }

    fn counted(traces: &[(&str, &[&str])], history: &str) -> Vec<(&'static str, u64)> {
        let counted = count(&evidence(traces, history)).unwrap();
        counted.iter().filter(|(_, count)| *count > 0).map(|(s, count)| (s.name, *count)).collect()
    }

    const BOOT: &str = r#""e":"boot","epoch":0,"promise":null,"first":1,"last":0,"chain":"0""#;

    #[test]
    fn leaders_come_and_go() {
        let role = |role: &str, epoch: u64| {
            format!(r#""e":"role","role":"{role}","epoch":{epoch},"last":0,"chain":"0""#)
        };
        let (leads, follows, again) = (role("leader", 1), role("follower", 2), role("leader", 3));
        let n1: &[&str] = &[BOOT, &leads, &follows, &follows];
        let n2: &[&str] = &[BOOT, &again, &again, BOOT, &follows];
        let expected = [("election", 2), ("leader-deposed", 1), ("restart", 1)];
        assert_eq!(counted(&[("n1", n1), ("n2", n2)], ""), expected);
        assert_eq!(counted(&[("n1", &[BOOT, &follows])], ""), []);
    }

    #[test]
    fn tails_are_as_long_as_what_is_removed() {
        let append = |i: u64| format!(r#""e":"append","i":{i},"epoch":1,"chain":"a{i}""#);
        let cut = |from: u64| format!(r#""e":"truncate","from":{from},"epoch":2"#);
        let long: Vec<String> =
            (1..=12).map(append).chain([cut(3), cut(3), append(3), cut(3)]).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        assert_eq!(counted(&[("n1", &long)], ""), [("truncation", 2), ("long-truncation", 1)]);
        let restored = [r#""e":"restore","i":40,"epoch":1,"chain":"a""#, &cut(31)];
        let expected = [("snapshot-installed", 1), ("truncation", 1), ("long-truncation", 1)];
        assert_eq!(counted(&[("n1", &restored)], ""), expected);
    }

    #[test]
    fn what_every_node_does_with_one_entry_is_one_retry() {
        let apply =
            r#""e":"apply","i":7,"chain":"a","client":"c","seq":1,"result":0,"fresh":false"#;
        let first = apply.replace("false", "true").replace(":7", ":6");
        let nodes: [(&str, &[&str]); 2] = [("n1", &[&first, apply]), ("n2", &[&first, apply])];
        assert_eq!(counted(&nodes, ""), [("retry", 1)]);
        let offer = |slot: u64, ballot: u64| {
            format!(r#""e":"proposed","slot":{slot},"ballot":{ballot},"hash":"a""#)
        };
        let [one, same, rival, other] = [offer(1, 5), offer(1, 5), offer(1, 6), offer(2, 6)];
        assert_eq!(counted(&[("n1", &[&one, &same]), ("n2", &[&other])], ""), []);
        assert_eq!(counted(&[("n1", &[&one, &same]), ("n2", &[&rival])], ""), [("contest", 1)]);
    }

    #[test]
    fn a_history_tells_of_clients_and_no_more() {
        let append = |process: u64, bytes: usize, kind: &str| {
            let value = "x".repeat(bytes);
            let event = format!(r#"{{"process":{process},"f":"append","value":"{value}","type":"#);
            format!("{event}\"invoke\"}}\n{event}\"{kind}\"}}\n")
        };
        let text = append(1, 8, "info") + &append(2, 64 << 10, "fail") + &append(3, 8, "info");
        assert_eq!(counted(&[], &text), [("large-value", 1), ("unanswered", 2)]);
        let all = count(&evidence(&[], &text)).unwrap();
        assert_eq!(in_words(&all), "1 value of 32 KiB or more, 2 operations unanswered");
        // A line that lacks something is an error where it is not the torn end of a file.
        let torn = r#""e":"snap""#;
        assert!(count(&evidence(&[("n1", &[torn, BOOT])], "")).is_err());
    }
}
