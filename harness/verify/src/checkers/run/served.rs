//! Beside progress as a whole: every kind of operation is answered, and reads by every node that
//! the system's row says serves them, within the recovery window.
//! It never judges a node that a fault was in the way of (the run says which could be asked), nor
//! time in which the machine itself stood still, nor a node that was hardly asked. Where nothing at
//! all was acknowledged, that is for `progress` to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::answers::is_out_of_contract;
use super::progress::{end_of_work, gaps};
use crate::checkers::time::{Span, Stalls, ms};
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings};
use crate::history::nemesis::Said;
use crate::history::{Event, History, Level};
use crate::recovery::Acknowledged;
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "served",
    about: "every kind of operation is answered, and reads by every node that serves them",
    sees: Sees::Outside,
    applies: |evidence, settings| {
        let history = &evidence.history;
        history.nemesis("serving").next().is_some() && settings.model_of(history).is_some()
    },
    run,
};

/// So many that were asked and not answered are no chance: in them clients had as many connections,
/// and as much time as the recovery window.
const ASKED_MIN: usize = 5;

/// So many in a whole run, none of them answered, are worth a doubt, though no single stretch of it
/// was as long as the recovery window.
const NEVER_MIN: usize = 20;

/// What must be answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Group<'a> {
    /// This operation, by anybody.
    Kind { f: &'a str, leads: bool, local: bool },
    /// This operation, which reads, by this node.
    Node { node: &'a str, f: &'a str, local: bool },
}

/// An operation as its client saw it.
struct Asked<'a> {
    from: u64,
    /// When it returned. None: it never did.
    to: Option<u64>,
    node: &'a str,
    answered: bool,
    /// Something came, and the client of somebody else's system could not read it.
    unread: bool,
    event: u64,
}

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let said = Said::of(history.events());
    let free = Free::of(&said, end_of_work(history, &said));
    let oks = Acknowledged::of(history, settings.model_of(history));
    let groups = groups(history, settings);
    let stalls = Stalls::of(&said);
    let (mut anomalies, mut doubts, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for (group, asked) in &groups {
        let spans = free.spans(*group, settings);
        let counts = |one: &&Asked<'_>, span: Span| {
            let node = Group::Node { node: one.node, f: "", local: false };
            let whole =
                |free: &Span| free.from <= one.from && one.to.is_some_and(|to| to <= free.to);
            span.from <= one.from
                && one.to.is_some_and(|to| to <= span.to)
                && free.spans(node, settings).iter().any(whole)
        };
        let mut missed = false;
        for span in &spans {
            for gap in gaps(&answers(asked), *span) {
                let acknowledged = oks.returns.partition_point(|&time| time <= gap.from)
                    < oks.returns.partition_point(|&time| time < gap.to);
                if gap.to - gap.from <= settings.recovery_ns || !acknowledged {
                    continue;
                }
                let unanswered: Vec<&Asked<'_>> =
                    asked.iter().filter(|one| !one.answered && counts(one, gap)).collect();
                if unanswered.len() < ASKED_MIN || !group.was_put_to_all(&unanswered, settings) {
                    continue;
                }
                missed = true;
                let unread = unanswered.iter().filter(|one| one.unread).count();
                let explanation = format!(
                    "{} in {} ms (from {} ms on), though no fault was in the way",
                    group.none_of(unanswered.len()),
                    ms(gap.to - gap.from),
                    ms(gap.from)
                );
                // Then the client, or what its options say, may be to blame.
                if 2 * unread > unanswered.len() {
                    let what = "what came is nothing that its client could read";
                    doubts.push(format!("{explanation}; but {what}"));
                    continue;
                }
                if settings.silence_is_told {
                    notes.push(format!("{explanation}; nobody said how long that may be"));
                    continue;
                }
                let stalled = stalls.within(gap, settings.recovery_ns / 10);
                let by_chance = || {
                    let others = groups.iter().filter(|(other, _)| other.is_other_kind(*group));
                    let others = others.flat_map(|(_, asked)| asked);
                    may_be_chance(unanswered.len(), others.filter(|one| counts(one, gap)))
                };
                if let Some(why) = stalled.or_else(by_chance) {
                    // What was answered at other times is not doubted for when all went badly.
                    if !asked.iter().any(|one| one.answered) {
                        doubts.push(format!("{explanation}; but {why}"));
                    }
                    continue;
                }
                let ends = [unanswered.first(), unanswered.last()];
                let events = ends.into_iter().flatten().map(|one| one.event).collect();
                let time_ns = Some(gap.from.saturating_add(settings.recovery_ns));
                anomalies.push(Anomaly { kind: Kind::Unserved, explanation, events, time_ns });
            }
        }
        let all = |span: &Span| asked.iter().filter(|one| counts(one, *span)).count();
        let tried: usize = spans.iter().map(all).sum();
        // Of a kind that nobody ever answered, it is said whoever was asked.
        let of_a_node = matches!(group, Group::Node { .. });
        if of_a_node && !missed && tried >= NEVER_MIN && !asked.iter().any(|one| one.answered) {
            doubts.push(format!(
                "{}, though no fault was in the way of these; that never lasted for {} ms",
                group.none_of(tried),
                ms(settings.recovery_ns)
            ));
        }
    }
    let mut finding = CheckResult::weigh(groups.len() as u64, anomalies, doubts);
    finding.notes.extend(notes);
    finding
}

/// Whether so many may go unanswered in a row where others go unanswered as often as these did: on
/// a full machine half of everything does. What is rarer than one in a million is no chance.
fn may_be_chance<'a>(row: usize, others: impl Iterator<Item = &'a Asked<'a>>) -> Option<String> {
    const CHANCE: f64 = 1e-6;
    let (mut lost, mut all) = (0_usize, 0_usize);
    for other in others {
        lost += usize::from(!other.answered);
        all += 1;
    }
    // Of few nothing is known: the rule of succession (Laplace).
    let share = (lost + 1) as f64 / (all + 2) as f64;
    let told = || format!("{lost} of {all} other operations went unanswered meanwhile");
    (share.powf(row as f64) > CHANCE).then(told)
}

impl Group<'_> {
    /// A kind of operation that is not this one's.
    fn is_other_kind(self, group: Group<'_>) -> bool {
        let (Group::Kind { f, local, .. } | Group::Node { f, local, .. }) = group;
        match self {
            Group::Kind { f: own, local: level, .. } => (own, level) != (f, local),
            Group::Node { .. } => false,
        }
    }

    /// An operation that any node may answer may have been put to the wrong ones only.
    fn was_put_to_all(self, unanswered: &[&Asked<'_>], settings: &Settings) -> bool {
        let Group::Kind { leads: false, .. } = self else { return true };
        let nodes: BTreeSet<&str> = unanswered.iter().map(|one| one.node).collect();
        nodes.len() >= settings.nodes.len()
    }

    fn none_of(self, count: usize) -> String {
        match self {
            Group::Kind { .. } => format!("none of {count} {self} was answered"),
            Group::Node { node, .. } => format!("{node} answered none of {count} {self}"),
        }
    }
}

impl fmt::Display for Group<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Group::Kind { f, local, .. } | Group::Node { f, local, .. }) = self;
        write!(out, "{}`{f}`", if *local { "local " } else { "" })
    }
}

fn answers(asked: &[Asked<'_>]) -> Vec<u64> {
    let answered = asked.iter().filter(|one| one.answered);
    let mut returns: Vec<u64> = answered.filter_map(|one| one.to).collect();
    returns.sort_unstable();
    returns
}

/// Every operation under what it is an example of.
fn groups<'a>(history: &'a History, settings: &Settings) -> BTreeMap<Group<'a>, Vec<Asked<'a>>> {
    let model = settings.model_of(history);
    let mut groups: BTreeMap<Group<'_>, Vec<Asked<'_>>> = BTreeMap::new();
    for op in history.operations() {
        let (invoke, ret) = (history.invoke(op), history.ret(op));
        let Some(row) = model.and_then(|model| model.operation(&invoke.f)) else { continue };
        let node = ret.and_then(|ret| ret.node.as_deref()).or(invoke.node.as_deref());
        let (Some(from), Some(node)) = (invoke.time(), node) else { continue };
        let local = invoke.level() == Some(Level::Local);
        let asked = || Asked {
            from,
            to: ret.and_then(Event::time),
            node,
            answered: ret.is_some_and(|ret| row.is_answered_by(ret)),
            unread: !settings.own_protocol && ret.is_some_and(is_out_of_contract),
            event: invoke.index,
        };
        let kind = Group::Kind { f: row.name, leads: row.leads, local };
        groups.entry(kind).or_default().push(asked());
        if settings.reads.are_owed_by_each(local) && !row.leads {
            groups.entry(Group::Node { node, f: row.name, local }).or_default().push(asked());
        }
    }
    groups
}

/// When which nodes could be asked.
struct Free {
    /// (from, to, nodes).
    stretches: Vec<(Span, BTreeSet<String>)>,
}

impl Free {
    fn of(said: &Said<'_>, end: u64) -> Self {
        let mut stretches: Vec<(Span, BTreeSet<String>)> = Vec::new();
        for (event, nodes) in &said.serving {
            let Some(from) = event.time().filter(|from| *from < end) else { continue };
            if let Some((span, _)) = stretches.last_mut() {
                span.to = from;
            }
            let nodes = nodes.iter().map(ToString::to_string).collect();
            stretches.push((Span { from, to: end }, nodes));
        }
        Free { stretches }
    }

    /// When this could be demanded.
    fn spans(&self, group: Group<'_>, settings: &Settings) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for (span, nodes) in &self.stretches {
            let free = match group {
                Group::Node { node, .. } => nodes.contains(node),
                Group::Kind { leads: true, .. } => !nodes.is_empty(),
                Group::Kind { leads: false, .. } => {
                    !nodes.is_empty() && settings.nodes.iter().all(|node| nodes.contains(node))
                }
            };
            match spans.last_mut().filter(|last| last.to == span.from) {
                _ if !free => {}
                Some(last) => last.to = span.to,
                None => spans.push(*span),
            }
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use schism_facts::Reads;

    use super::{Asked, CHECKER, may_be_chance};
    use crate::checkers::tests::runs::history;
    use crate::evidence::{Evidence, Settings};

    /// A run of 3 s with two nodes. Each line that it is given is repeated every 100 ms, at that
    /// many milliseconds beyond it, by processes of its own: `10 n1 append ok "offset":0`.
    fn run(before: &str, lines: &[&str]) -> String {
        let mut all = vec![(1, "phase \"disturbance\"".to_owned())];
        for line in before.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (at, rest) = line.split_once(' ').unwrap();
            all.push((at.parse().unwrap(), rest.to_owned()));
        }
        for (place, line) in lines.iter().enumerate() {
            let words: Vec<&str> = line.splitn(5, ' ').collect();
            let [at, node, f, kind, fields] = words[..] else { panic!("{line}") };
            let at: u64 = at.parse().unwrap();
            for round in 0..30 {
                let (from, process) = (round * 100 + at, round as usize * 10 + place);
                let asked = if f.starts_with("append") { " \"value\":7" } else { "" };
                let level = if fields.contains("local") { " \"level\":\"local\"" } else { "" };
                all.push((from, format!("p{process}@{node} invoke {f}{asked}{level}")));
                all.push((from + 5, format!("p{process}@{node} {kind} {f} {fields}")));
            }
        }
        all.push((3_000, "can-progress false".to_owned()));
        all.sort_by_key(|(at, _)| *at);
        let lines: Vec<String> = all.into_iter().map(|(at, line)| format!("{at} {line}")).collect();
        lines.join("\n") + "\n"
    }

    fn judged(reads: Reads, text: &str) -> String {
        judged_of(true, reads, text)
    }

    fn judged_of(own_protocol: bool, reads: Reads, text: &str) -> String {
        let evidence = Evidence { history: history(text), ..Evidence::default() };
        let settings = Settings {
            nodes: vec!["n1".into(), "n2".into()],
            recovery_ns: 1_000_000_000,
            reads,
            own_protocol,
            ..Settings::default()
        };
        assert!((CHECKER.applies)(&evidence, &settings), "{text}");
        (CHECKER.run)(&evidence, &settings).verdict.in_short()
    }

    fn check(reads: Reads, expected: &str, before: &str, lines: &[&str]) {
        let found = judged(reads, &run(before, lines));
        let as_told = found == expected || found.starts_with("unknown") && found.contains(expected);
        assert!(as_told && !expected.is_empty(), "{found}, not {expected}: {lines:?}\n{before}");
    }

    const ALL: &str = "2 serving [\"n1\",\"n2\"]\n2 can-progress true";
    const APPENDS: &str = r#"10 n1 append ok "offset":0"#;
    const ANSWERED: [&str; 2] = [r#"20 n1 read ok "value":[7]"#, r#"30 n2 read ok "value":[7]"#];
    const LOST: &str = r#"30 n2 read info "error":"timeout""#;
    const REFUSED: &str = r#"30 n2 read fail "error":"not-leader""#;

    #[test]
    fn a_node_that_never_serves_reads_is_told_where_every_node_serves_them() {
        let [n1, n2] = ANSWERED;
        check(Reads::EveryNode, "valid", ALL, &[APPENDS, n1, n2]);
        check(Reads::EveryNode, "unserved", ALL, &[APPENDS, n1, LOST]);
        check(Reads::EveryNode, "unserved", ALL, &[APPENDS, n1, REFUSED]);
        check(Reads::Leader, "valid", ALL, &[APPENDS, n1, REFUSED]);
        check(Reads::Unknown, "valid", ALL, &[APPENDS, n1, REFUSED]);
        // What a node has delivered, each can say.
        let local = r#"30 n2 read info "error":"timeout","level":"local""#;
        check(Reads::Leader, "unserved", ALL, &[APPENDS, n1, local]);
        check(Reads::Unknown, "valid", ALL, &[APPENDS, n1, local]);
    }

    /// Its client, or the workload that says what its answers mean, may be to blame.
    #[test]
    fn answers_that_the_client_of_another_system_cannot_read_are_a_doubt() {
        let odd = [
            r#"20 n1 read info "error":"malformed-answer: HTTP 501""#,
            r#"30 n2 read info "error":"malformed-answer: HTTP 501""#,
        ];
        let text = run(ALL, &[APPENDS, odd[0], odd[1]]);
        assert_eq!(judged_of(true, Reads::Unknown, &text), "unserved");
        let doubt = judged_of(false, Reads::Unknown, &text);
        assert!(doubt.starts_with("unknown") && doubt.contains("that its client could"), "{doubt}");
        // Silence is silence.
        let text = run(ALL, &[APPENDS, LOST, &LOST.replace("n2", "n1")]);
        assert_eq!(judged_of(false, Reads::Unknown, &text), "unserved");
    }

    #[test]
    fn a_kind_that_nobody_answers_is_told() {
        let none = [r#"20 n1 read fail "error":"overloaded""#, REFUSED];
        for reads in [Reads::Unknown, Reads::Leader] {
            check(reads, "unserved", ALL, &[APPENDS, none[0], none[1]]);
            // The leader may be the one that nobody asked.
            check(reads, "valid", ALL, &[APPENDS, REFUSED]);
        }
        let conflict = r#"40 n1 append-if fail "expect":1,"error":"conflict""#;
        check(Reads::Unknown, "valid", ALL, &[APPENDS, conflict]);
        let overloaded = conflict.replace("conflict", "overloaded");
        check(Reads::Unknown, "unserved", ALL, &[APPENDS, &overloaded]);
        // Where nothing is acknowledged, `progress` says so.
        let lost = r#"10 n1 append info "error":"timeout""#;
        check(Reads::Unknown, "valid", ALL, &[lost]);
    }

    #[test]
    fn where_half_of_everything_is_lost_a_few_in_a_row_are_chance() {
        let asked = |answered: bool| {
            let (from, to, node, unread, event) = (0, Some(1), "n1", false, 0);
            Asked { from, to, node, answered, unread, event }
        };
        let others = |lost: usize, answered: usize| {
            let lost = std::iter::repeat_with(|| asked(false)).take(lost);
            lost.chain(std::iter::repeat_with(|| asked(true)).take(answered)).collect::<Vec<_>>()
        };
        let chance = |row, all: &[Asked<'_>]| may_be_chance(row, all.iter());
        let told = chance(6, &others(50, 50)).unwrap();
        assert_eq!(told, "50 of 100 other operations went unanswered meanwhile");
        assert!(chance(19, &others(50, 50)).is_some() && chance(21, &others(50, 50)).is_none());
        assert!(chance(5, &others(0, 30)).is_none(), "all others were answered");
        assert!(chance(5, &others(0, 0)).is_some(), "nothing is known of others");
        assert!(chance(100, &others(95, 5)).is_some(), "nearly nothing was answered");
    }

    #[test]
    fn nobody_is_judged_whom_a_fault_kept_from_answering() {
        let [n1, _] = ANSWERED;
        let lines = [APPENDS, n1, LOST];
        check(Reads::EveryNode, "valid", &ALL.replace(",\"n2\"", ""), &lines);
        let part = format!("{ALL}\n900 serving [\"n1\"]\n1500 serving [\"n1\",\"n2\"]");
        check(Reads::EveryNode, "unserved", &part, &lines);
        // Never free for long enough, and never answered: nobody knows.
        let late = part.replace("900", "1000").replace("1500", "2000");
        check(Reads::EveryNode, "that never lasted for 1000 ms", &late, &lines);
        let once = r#"1950 n2 read ok "value":[7]"#;
        check(Reads::EveryNode, "valid", &late, &[APPENDS, n1, LOST, once]);
        let stall = r#"2000 stall {"from_ns":1000000000,"to_ns":1500000000,"what":"n2"}"#;
        check(Reads::EveryNode, "stood still for 500 ms", &format!("{ALL}\n{stall}"), &lines);
        // Once the machine went on it served.
        let lines_after = [APPENDS, n1, LOST, once];
        check(Reads::EveryNode, "unserved", ALL, &lines_after);
        check(Reads::EveryNode, "valid", &format!("{ALL}\n{stall}"), &lines_after);
        // Clients were stopped when everything was healed.
        let healed = r#"900 healed {"what":"all"}"#;
        check(Reads::EveryNode, "valid", &format!("{ALL}\n{healed}"), &lines);
        check(Reads::EveryNode, "valid", &format!("{ALL}\n{healed}").replace("900", "100"), &lines);
    }

    #[test]
    fn a_node_that_was_hardly_asked_is_not_judged() {
        let [n1, _] = ANSWERED;
        let asked = |rounds: usize| {
            let text = run(ALL, &[APPENDS, n1]);
            let more = (0..rounds).map(|round| {
                let (from, process) = (500 + 10 * round, 500 + round);
                format!("{from} p{process}@n2 invoke read\n{} p{process}@n2 info read\n", from + 1)
            });
            let mut lines: Vec<String> = text.lines().map(String::from).collect();
            lines.extend(more.flat_map(|two| two.lines().map(String::from).collect::<Vec<_>>()));
            let at = |line: &String| line.split_once(' ').unwrap().0.parse::<u64>().unwrap();
            lines.sort_by_key(at);
            judged(Reads::EveryNode, &lines.join("\n"))
        };
        assert_eq!(asked(4), "valid");
        assert_eq!(asked(5), "unserved");
    }
}
