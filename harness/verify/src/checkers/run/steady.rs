//! Where nothing is broken, no operation times out and the leader stays. Judged only where the
//! workload asks for it: a system that is slow by nature may be tested too.
//! It never judges what happened while the machine itself stood still, nor shortly after. A few
//! such events, and any in a run whose machine stood still at all, it doubts only: a disk that
//! hangs for a moment stops a node, and nobody sees that.

use schism_facts::remark::Phase;

use super::progress::end_of_work;
use crate::checkers::time::{Span, Stalls, ms};
use crate::checkers::{CheckResult, Checker, Sees};
use crate::evidence::{Evidence, Settings};
use crate::history::nemesis::Said;
use crate::history::{Event, History, Type};
use crate::models::is_no_answer;
use crate::verdict::{Anomaly, Kind};

pub(crate) const CHECKER: Checker = Checker {
    name: "steady",
    about: "where nothing is broken no operation times out, and the leader stays",
    sees: Sees::Outside,
    applies: |_, settings| settings.steady,
    run,
};

/// So many are no accident of the machine.
const VIOLATES: usize = 3;

/// What a stall does is seen this long after it: longer than the election timeout and the timeout
/// of an operation together, at their defaults.
const AFTER_STALL_NS: u64 = 1_500_000_000;

/// What should not have happened: the event, since when it was coming, and in words.
type Odd<'a> = (&'a Event, u64, String);

fn run(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let said = Said::of(history.events());
    let begun = said.phases.iter().find(|(_, phase)| *phase == Phase::Disturbance);
    let Some(from) = begun.and_then(|(event, _)| event.time()) else {
        return CheckResult::unknown(0, "the run never came to its undisturbed time".into());
    };
    let span = Span { from, to: end_of_work(history, &said) };
    let stalls = Stalls::of(&said);
    let mut anomalies = Vec::new();
    let mut doubts = Vec::new();
    for (what, odd) in
        [("timed out", timeouts(history, span)), ("changed", changes(&said, span, settings))]
    {
        let calm = odd.into_iter().filter(|(event, since, _)| {
            let from = since.saturating_sub(AFTER_STALL_NS);
            let to = event.time().unwrap_or(span.to);
            stalls.within(Span { from, to }, 0).is_none()
        });
        let calm: Vec<Odd<'_>> = calm.collect();
        let Some((event, _, first)) = calm.first() else { continue };
        let count = calm.len();
        let explanation = match count {
            1 => format!("{first}, though nothing was broken"),
            _ => format!("{first}, though nothing was broken (and {} more {what})", count - 1),
        };
        if count < VIOLATES {
            doubts.push(format!("{explanation}; so few may be the machine's doing"));
        } else if let Some(why) = stalls.within(span, 0) {
            // Where it stalls at all, shorter stalls than are told are likely.
            doubts.push(format!("{explanation}; but {why} at other times"));
        } else {
            let events = calm.iter().take(VIOLATES).map(|(event, ..)| event.index).collect();
            let time_ns = event.time();
            anomalies.push(Anomaly { kind: Kind::Unsteady, explanation, events, time_ns });
        }
    }
    CheckResult::weigh(history.operations().len() as u64, anomalies, doubts)
}

fn timeouts(history: &History, span: Span) -> Vec<Odd<'_>> {
    let mut odd = Vec::new();
    for op in history.operations() {
        let (invoke, Some(ret)) = (history.invoke(op), history.ret(op)) else { continue };
        let (Some(asked), Some(returned)) = (invoke.time(), ret.time()) else { continue };
        let lost = ret.kind != Type::Ok && ret.error().is_some_and(is_no_answer);
        if lost && span.from <= asked && returned <= span.to {
            let node = ret.node.as_deref().unwrap_or("a node");
            let why = ret.error().unwrap_or_default();
            let told =
                format!("{node} did not answer a `{}` at {} ms ({why})", invoke.f, ms(asked));
            odd.push((ret, asked, told));
        }
    }
    odd
}

/// Where nobody is known to lead for a moment, a status may have come late.
fn changes<'a>(said: &Said<'a>, span: Span, settings: &Settings) -> Vec<Odd<'a>> {
    let mut odd = Vec::new();
    let mut last: Option<(&str, u64)> = None;
    for (event, node, epoch) in &said.leaders {
        let (Some(at), Some(node)) = (event.time(), node.as_deref()) else { continue };
        if let Some((before, led)) = last.replace((node, *epoch))
            && (before, led) != (node, *epoch)
            && (span.from..=span.to).contains(&at)
        {
            let told = format!(
                "{node} took the lead in epoch {epoch} at {} ms, after {before} in epoch {led}",
                ms(at)
            );
            odd.push((*event, at.saturating_sub(2 * settings.timeout_ns), told));
        }
    }
    odd
}

#[cfg(test)]
mod tests {
    use super::CHECKER;
    use crate::checkers::tests::runs::history;
    use crate::evidence::{Evidence, Settings};

    fn check(expected: &str, lines: &[&str]) {
        let whole = [
            r#"1 leader {"node":"n1","epoch":1}"#,
            "10000 phase \"disturbance\"",
            "10001 can-progress true",
        ];
        let mut all: Vec<&str> = whole.iter().chain(lines).copied().collect();
        all.push("90000 healed {\"what\":\"all\"}");
        all.sort_by_key(|line| line.split_once(' ').unwrap().0.parse::<u64>().unwrap());
        let evidence = Evidence { history: history(&all.join("\n")), ..Evidence::default() };
        let settings = Settings { steady: true, ..Settings::default() };
        assert!((CHECKER.applies)(&evidence, &settings));
        assert!(!(CHECKER.applies)(&evidence, &Settings::default()));
        let found = (CHECKER.run)(&evidence, &settings).verdict.in_short();
        let as_told = found == expected || found.starts_with("unknown") && found.contains(expected);
        assert!(as_told && !expected.is_empty(), "{found}, not {expected}: {lines:?}");
    }

    #[test]
    fn a_leader_that_does_not_stay_is_told_unless_the_machine_stood_still() {
        let leads = |at: u64, node: &str, epoch: u64| {
            format!(r#"{at} leader {{"node":"{node}","epoch":{epoch}}}"#)
        };
        let nobody = r#"21000 leader {"node":null,"epoch":null}"#;
        let [two, three, four] =
            [leads(20_000, "n2", 2), leads(30_000, "n1", 3), leads(40_000, "n1", 4)];
        check("valid", &[]);
        check("valid", &[nobody, &leads(21_100, "n1", 1)]);
        check("valid", &[&leads(5_000, "n2", 2), &leads(6_000, "n1", 3), &leads(7_000, "n2", 4)]);
        check("may be the machine's doing", &[&two]);
        check("unsteady", &[&two, &three, &four]);
        check("unsteady", &[&two, nobody, &three, &four]);
        let stall = r#"19900 stall {"from_ns":19600000000,"to_ns":19800000000,"what":"n2"}"#;
        check("and 1 more changed", &[&two, stall, &three, &four]);
        check("valid", &[&two, stall]);
        let elsewhere = r#"60000 stall {"from_ns":59000000000,"to_ns":59200000000,"what":"n2"}"#;
        check(
            "the machine stood still for 200 ms at other times",
            &[&two, &three, &four, elsewhere],
        );
        check(
            "valid",
            &[&leads(95_000, "n2", 2), &leads(95_001, "n1", 3), &leads(95_002, "n1", 4)],
        );
    }

    #[test]
    fn operations_that_time_out_are_told() {
        let lost = |at: u64, error: &str| {
            [
                format!("{at} p{at}@n2 invoke read"),
                format!("{} p{at}@n2 info read \"error\":\"{error}\"", at + 1000),
            ]
        };
        let lines = |starts: &[u64], error: &str| {
            starts.iter().flat_map(|at| lost(*at, error)).collect::<Vec<String>>()
        };
        let check = |expected: &str, lines: &[String], more: &[&str]| {
            let lines: Vec<&str> =
                lines.iter().map(String::as_str).chain(more.iter().copied()).collect();
            check(expected, &lines);
        };
        check("unsteady", &lines(&[20_000, 20_001, 20_002], "timeout"), &[]);
        check("may be the machine's doing", &lines(&[20_000, 20_001], "connection-lost"), &[]);
        check("valid", &lines(&[20_000, 20_001, 20_002], "overloaded"), &[]);
        check("valid", &lines(&[9_000, 9_001, 9_002], "timeout"), &[]);
        check("valid", &lines(&[89_500, 89_501, 89_502], "timeout"), &[]);
        let stall = r#"20500 stall {"from_ns":20100000000,"to_ns":20400000000,"what":"harness"}"#;
        check("valid", &lines(&[20_000, 20_001, 20_002], "timeout"), &[stall]);
    }
}
