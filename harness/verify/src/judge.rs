//! Evidence and settings in, findings out: runs the checks that apply and weighs them together.

use std::collections::BTreeMap;
use std::time::Duration;

use schism_facts::remark::Reason;

use crate::budget::timed;
use crate::checkers::run::{answers, halted};
use crate::checkers::{CHECKERS, CheckResult, Checker};
use crate::evidence::{CUT_OFF, Evidence, Settings, finals, is_run, waives};
use crate::history::nemesis::{Said, Strike, final_reads_at};
use crate::history::{Event, History, Level, Operation, Type};
use crate::models::{self, Model};
use crate::parallel;
use crate::verdict::Verdict;

/// Runs every check that is asked for (or, where none is named, every one that applies), in the
/// table's order. A check that is asked for but has nothing to judge, and a name that is no check,
/// give `unknown`.
pub fn judge(evidence: &Evidence, settings: &Settings) -> Vec<CheckResult> {
    let mut results = Vec::new();
    for name in &settings.checks {
        if CHECKERS.iter().all(|checker| checker.name != name) {
            let names: Vec<&str> = CHECKERS.iter().map(|checker| checker.name).collect();
            let reason = format!("`{name}` is no check; there are {}", names.join(", "));
            results.push(CheckResult::unknown(0, reason).named("checks", Duration::ZERO));
        }
    }
    // Checks share nothing but the evidence, so each has a thread; the results keep their order.
    let checked = parallel::each(CHECKERS, |checker| judge_one(checker, evidence, settings));
    for (checker, found) in CHECKERS.iter().zip(checked) {
        results.extend(found.unwrap_or_else(|_| Some(broken(checker))));
    }
    results
}

fn judge_one(checker: &Checker, evidence: &Evidence, settings: &Settings) -> Option<CheckResult> {
    let asked = settings.checks.iter().any(|name| name == checker.name);
    if waives(settings.acks).contains(&checker.name) {
        return asked.then(|| {
            let reason = format!(
                "this system does not promise to be {}; `failover-loss` and `reads` judge what it \
                 promises instead",
                checker.name
            );
            CheckResult::unknown(0, reason).named(checker.name, Duration::ZERO)
        });
    }
    let applies = (checker.applies)(evidence, settings);
    if applies && (asked || settings.checks.is_empty()) {
        let (finding, elapsed) = timed(|| (checker.run)(evidence, settings));
        return Some(finding.named(checker.name, elapsed));
    }
    asked.then(|| {
        let reason = "the evidence has nothing that this check could judge";
        CheckResult::unknown(0, reason.into()).named(checker.name, Duration::ZERO)
    })
}

/// A check that panicked is a bug of ours: nobody knows, and the other checks still count.
fn broken(checker: &Checker) -> CheckResult {
    let reason = format!("the check `{}` broke down; please report the run", checker.name);
    CheckResult::unknown(0, reason).named(checker.name, Duration::ZERO)
}

/// Why `valid` may not be said of this run although no check objects: faults that never had an
/// effect, too few operations, a last phase that was not carried out. Sentences; empty for a plain
/// history.
pub fn doubts(history: &History, settings: &Settings) -> Vec<String> {
    let mut doubts = Vec::new();
    let said = Said::of(history.events());
    for kind in &settings.fault_kinds {
        let mut struck = said.strikes.iter().filter(|strike| **strike.fault == **kind).peekable();
        if struck.peek().is_none() {
            doubts.push(format!("the fault `{kind}` never struck"));
        } else if !struck.any(Strike::is_effective) {
            doubts.push(format!("the fault `{kind}` struck but never had an effect"));
        }
    }
    let reads_at = final_reads_at(history);
    let counts = |op: &&Operation| {
        history.outcome(op) == Type::Ok && reads_at.is_none_or(|start| op.invoke() < start)
    };
    let ok = history.operations().iter().filter(counts).count() as u64;
    if ok < settings.min_operations {
        let least = settings.min_operations;
        doubts.push(format!("only {ok} operations were ok; at least {least} were wanted"));
    }
    doubts.extend(unanswered(history, &said, settings.model.or_else(|| models::infer(history))));
    if is_run(history) {
        doubts.extend(answers::told_of(history));
        doubts.extend(not_understood(&said));
        doubts.extend(halted::answers(history, &said));
        doubts.extend(unfinished(&said, reads_at.is_some()));
    }
    doubts
}

/// So many of a kind asked, and none answered, is no chance: nothing was seen of that kind.
const UNANSWERED_MIN: u64 = 20;

/// Kinds of operation that were asked again and again and never answered. What is read of each
/// node at the end is apart: it says nothing of what clients were told. So is what was asked under
/// an adversary that withholds every decision: that none is answered is its purpose.
fn unanswered(history: &History, said: &Said<'_>, model: Option<&Model>) -> Vec<String> {
    let withheld: Vec<_> = said.strikes.iter().filter(|s| s.start.is_adaptive()).collect();
    let is_withheld = |asked: &Event| {
        withheld.iter().any(|strike| {
            let healed = strike.healed.as_ref().and_then(|(event, _)| event.time());
            let (from, at) = (strike.started.time(), asked.time());
            from <= at && healed.is_none_or(|healed| at < Some(healed))
        })
    };
    let reads_at = final_reads_at(history);
    let mut kinds: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
    for op in history.operations() {
        let invoke = history.invoke(op);
        let at_the_end = reads_at.is_some_and(|start| op.invoke() > start);
        if is_withheld(invoke) || at_the_end && invoke.level() == Some(Level::Local) {
            continue;
        }
        let (asked, answered) = kinds.entry(&invoke.f).or_default();
        *asked += 1;
        let row = || model.and_then(|model: &Model| model.operation(&invoke.f));
        let answers = |ret| match row() {
            Some(row) => row.is_answered_by(ret),
            None => ret.kind == Type::Ok,
        };
        *answered |= history.ret(op).is_some_and(answers);
    }
    let silent =
        kinds.into_iter().filter(|(_, (asked, answered))| !answered && *asked >= UNANSWERED_MIN);
    silent
        .map(|(f, (asked, _))| {
            let s = if f.ends_with('s') { "" } else { "s" };
            format!("none of {asked} {f}{s} was answered")
        })
        .collect()
}

/// What the nemesis of a run said that this judge knows nothing of, each once.
fn not_understood(said: &Said<'_>) -> Vec<String> {
    let mut told: Vec<String> = said.doubts.iter().map(|(_, doubt)| doubt.to_string()).collect();
    told.sort();
    told.dedup();
    told
}

fn unfinished(said: &Said<'_>, final_reads: bool) -> Vec<String> {
    // What ended the run is said with its end.
    let mut doubts: Vec<String> = said.troubles.iter().map(|(_, what)| what.clone()).collect();
    if let Some((_, Some(why))) = &said.end {
        doubts.retain(|what| what != why);
    }
    match &said.end {
        Some((Reason::Done | Reason::Violation, _)) => {}
        Some((reason, why)) => {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            doubts.push(format!("the run did not come to its end ({}){why}", reason.name()));
        }
        None => doubts.push(CUT_OFF.into()),
    }
    if !final_reads {
        doubts.push("the nodes were never read to their ends".into());
    }
    for read in &said.final_reads {
        if !read.complete {
            let why = read.why.as_deref().unwrap_or("it did not say why");
            doubts.push(finals::unread(&read.node.to_string(), why));
        }
    }
    doubts
}

/// All findings together: worst wins, and a doubt turns `valid` into `unknown`, never hides a
/// violation.
pub fn overall(results: &[CheckResult], doubts: &[String]) -> Verdict {
    let mut verdict = Verdict::Valid;
    for result in results {
        verdict = verdict.and(result.verdict.clone());
    }
    for doubt in doubts {
        verdict = verdict.and(Verdict::Unknown { reason: doubt.clone() });
    }
    if results.is_empty() {
        verdict = verdict.and(Verdict::Unknown { reason: "no check applied".into() });
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Anomaly, Kind};

    fn history(lines: &[&str]) -> History {
        History::parse(lines.join("\n").as_bytes()).unwrap().0
    }

    const PHASE: &str = r#"{"process":"nemesis","type":"info","f":"phase","value":"warm-up"}"#;
    const READS: &str = r#"{"process":"nemesis","type":"info","f":"phase","value":"final-reads"}"#;
    const DONE: &str = r#"{"process":"nemesis","type":"info","f":"end","value":{"reason":"done"}}"#;
    const ASK: &str = r#"{"process":1,"type":"invoke","f":"tail"}"#;
    const OK: &str = r#"{"process":1,"type":"ok","f":"tail","tail":0}"#;

    fn crash(phase: &str) -> String {
        let start =
            r#"{"process":"nemesis","type":"info","f":"crash","value":{"overlay":1,"phase":"#;
        format!("{start}{phase}}}}}")
    }

    fn check_doubts(lines: &[&str], settings: &Settings, expected: &[&str]) {
        let found = doubts(&history(lines), settings);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn a_plain_history_is_judged_by_linearizability_alone() {
        let evidence = Evidence { history: history(&[ASK, OK]), ..Evidence::default() };
        let results = judge(&evidence, &Settings::default());
        assert_eq!(results.len(), 1);
        assert_eq!((results[0].name, results[0].operations), ("linearizable", 1));
        assert_eq!((results[0].model, results[0].algorithm), (Some("log"), Some("log")));
        let doubts = doubts(&evidence.history, &Settings::default());
        assert_eq!(overall(&results, &doubts), Verdict::Valid);
    }

    #[test]
    fn nothing_to_judge_is_not_valid() {
        let results = judge(&Evidence::default(), &Settings::default());
        assert_eq!(overall(&results, &[]).word(), "unknown");
        let settings = Settings { checks: vec!["durable".into()], ..Settings::default() };
        assert_eq!(overall(&judge(&Evidence::default(), &settings), &[]).word(), "unknown");
        let settings = Settings { checks: vec!["linear".into()], ..Settings::default() };
        let results = judge(&Evidence::default(), &settings);
        assert_eq!((results.len(), results[0].verdict.word()), (1, "unknown"));
    }

    #[test]
    fn a_doubt_weakens_valid_and_never_hides_a_violation() {
        let doubts = ["too little".to_owned()];
        let of = |verdict| {
            vec![CheckResult { verdict, ..CheckResult::new(1) }.named("survival", Duration::ZERO)]
        };
        assert_eq!(overall(&of(Verdict::Valid), &[]), Verdict::Valid);
        assert_eq!(overall(&of(Verdict::Valid), &doubts).word(), "unknown");
        let anomaly = Anomaly {
            kind: Kind::UnexplainedDeath,
            explanation: String::new(),
            events: vec![],
            time_ns: None,
        };
        let violated = Verdict::Violated(vec![anomaly]);
        assert_eq!(overall(&of(violated.clone()), &doubts), violated);
    }

    #[test]
    fn faults_must_have_an_effect() {
        let wanted = Settings { fault_kinds: vec!["crash".into()], ..Settings::default() };
        let (start, healed) = (crash(r#""start""#), crash(r#""heal","effective":true"#));
        let missed = crash(r#""heal","effective":false"#);
        let skip = r#"{"process":"nemesis","type":"info","f":"crash","value":{"phase":"skip","strike":2}}"#;
        check_doubts(&[&start, &healed], &wanted, &[]);
        check_doubts(&[&start, &missed], &wanted, &["never had an effect"]);
        check_doubts(&[&start], &wanted, &["never had an effect"]);
        check_doubts(&[skip], &wanted, &["never struck"]);
    }

    #[test]
    fn too_few_operations_are_a_doubt() {
        let two = Settings { min_operations: 2, ..Settings::default() };
        check_doubts(&[ASK, OK], &two, &["only 1 operations"]);
        check_doubts(&[ASK, OK, ASK, OK], &two, &[]);
        check_doubts(&[ASK, OK, READS, ASK, OK, DONE], &two, &["only 1 operations"]);
    }

    #[test]
    fn a_kind_that_was_never_answered_is_a_doubt() {
        let check = |told: &str, f: &str, answers: &[&str], more: &[&str]| {
            let mut lines: Vec<String> = vec![PHASE.into()];
            for (process, answer) in answers.iter().enumerate() {
                let event = |rest: &str| format!(r#"{{"process":{process},"f":"{f}",{rest}}}"#);
                lines.push(event(r#""type":"invoke","value":[1,2],"expect":3"#));
                lines.push(event(answer));
            }
            lines.extend([READS, DONE].map(String::from));
            lines.splice(lines.len() - 1..lines.len() - 1, more.iter().map(|line| (*line).into()));
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let expected = if told.is_empty() { vec![] } else { vec![told] };
            check_doubts(&lines, &Settings::default(), &expected);
        };
        let (lost, refused) = (r#""type":"info""#, r#""type":"fail","error":"overloaded""#);
        check("none of 20 tails was answered", "tail", &[lost; 20], &[]);
        check("none of 40 tails was answered", "tail", &[lost, refused].repeat(20), &[]);
        check("", "tail", &[refused; 19], &[]);
        let one = [&[refused; 30][..], &[r#""type":"ok","tail":0"#]].concat();
        check("", "tail", &one, &[]);
        // A no is an answer where the model's row says so.
        let no = |word: &str| format!(r#""type":"fail","error":"{word}""#);
        for (f, word) in [("append-if", "conflict"), ("cas", "state-differs"), ("acquire", "held")]
        {
            check("", f, &[&*no(word), lost].repeat(20), &[]);
            check(&format!("none of 40 {f}"), f, &[&*no("overloaded"), lost].repeat(20), &[]);
        }
        check("", "cas", &[r#""type":"fail""#; 20], &[]);
        check("none of 20 writes", "write", &[r#""type":"fail""#; 20], &[]);
        let frames = |phase: &str| {
            let what = format!(r#"{{"phase":"{phase}","overlay":1,"adaptive":true}}"#);
            format!(r#"{{"process":"nemesis","type":"info","f":"frames","value":{what}}}"#)
        };
        let (start, heal) = (frames("start"), frames("heal").replace(r#","adaptive":true"#, ""));
        let asked: Vec<String> = (0..20)
            .map(|process| format!(r#"{{"process":{process},"type":"invoke","f":"tail"}}"#))
            .collect();
        let timed = |lines: &[&str]| {
            let times = lines.iter().enumerate();
            let lines = times.map(|(at, line)| line.replacen('{', &format!("{{\"time\":{at},"), 1));
            lines.collect::<Vec<_>>()
        };
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let under = [&[PHASE, &start][..], &asked, &[&heal, READS, DONE]].concat();
        let after = [&[PHASE, &start, &heal][..], &asked, &[READS, DONE]].concat();
        for (lines, expected) in [(under, &[][..]), (after, &["none of 20 tails"])] {
            let lines = timed(&lines);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            check_doubts(&lines, &Settings::default(), expected);
        }
        // What is read of a node at the end says nothing of what clients were told.
        let read = |kind: &str, rest: &str| {
            format!(r#"{{"process":99,"type":"{kind}","f":"read","level":"local"{rest}}}"#)
        };
        let end = [read("invoke", ""), read("ok", r#","value":[],"tail":0"#)];
        check("none of 25 reads", "read", &[lost; 25], &end.each_ref().map(String::as_str));
    }

    #[test]
    fn a_run_must_have_come_to_its_end() {
        let none = Settings::default();
        check_doubts(&[PHASE, READS, DONE], &none, &[]);
        check_doubts(&[PHASE, READS], &none, &["cut off"]);
        check_doubts(&[PHASE, DONE], &none, &["never read"]);
        check_doubts(
            &[PHASE, READS, &DONE.replace("done", "interrupted")],
            &none,
            &["interrupted"],
        );
        let moon = r#"{"process":"nemesis","type":"info","f":"moon","value":"full"}"#;
        check_doubts(&[PHASE, READS, moon, moon, DONE], &none, &["`moon` is no remark"]);
        check_doubts(&[moon], &none, &[]);
        let newer = DONE.replace("done\"", "done\",\"by\":1");
        check_doubts(&[PHASE, READS, &newer], &none, &["not known here: by"]);
        let trouble = DONE.replace("done\"", "trouble\",\"why\":\"no fork\"");
        check_doubts(&[PHASE, READS, &trouble], &none, &["(trouble): no fork"]);
        let read = r#"{"process":"nemesis","type":"info","f":"final-read","value":{"node":"n2","complete":false,"why":"down"}}"#;
        check_doubts(
            &[PHASE, READS, read, DONE],
            &none,
            &["n2 could not be read to its end: down"],
        );
    }
}
