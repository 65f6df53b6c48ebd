//! From what a run left on disk to verdict.json. The deciding is all in `schism-verify`; this puts
//! the question and writes down the answer. It never reads a live run.

mod effects;
mod refusals;

use std::time::Duration;

use schism_facts::foreign::message;
use schism_verify::checkers::CHECKERS;
use schism_verify::history::nemesis::{Said, final_reads_at};
use schism_verify::history::{History, Type};
use schism_verify::models;
use schism_verify::verdict::{Anomaly, Kind, Verdict};
use schism_verify::{CheckError, CheckOptions, CheckResult, Evidence, Settings};

use crate::action::NodeId;
use crate::store::verdict_file::{CheckFile, OperationsFile, VerdictFile};
use crate::systems::System;
use crate::units::parse_duration;
use crate::workload::{Expect, SystemSpec, Workload};

/// Every check passed, or the expectation was met.
pub const EXIT_VALID: u8 = 0;
/// Some promise was broken, or the expected violation did not show.
pub const EXIT_VIOLATED: u8 = 1;
/// It could not be run.
pub const EXIT_NOT_RUN: u8 = 2;
/// Undecided.
pub const EXIT_UNKNOWN: u8 = 3;
/// Interrupted, whatever was found.
pub const EXIT_INTERRUPTED: u8 = 130;

/// What a workload asks of its evidence.
pub fn settings(workload: &Workload, system: &dyn System) -> Settings {
    let mut fault_kinds: Vec<String> = workload.faults.iter().map(|f| f.kind.clone()).collect();
    fault_kinds.sort();
    fault_kinds.dedup();
    Settings {
        model: Some(workload.model()),
        checks: workload.checks.clone(),
        recovery_ns: workload.recovery.as_nanos() as u64,
        silence_is_told: workload.silence_is_told,
        recovery_max_ns: workload.recovery_max.map(|max| max.as_nanos() as u64),
        // Where nobody leads a log, proposers of one slot may starve each other for a while,
        // however calm it is.
        steady: workload.steady && !(system.leaderless() && workload.model().name == "log"),
        min_operations: workload.min_operations,
        reach: workload.reach.clone(),
        fault_kinds,
        nodes: NodeId::all(workload.nodes).map(|node| node.to_string()).collect(),
        own_protocol: system.own_protocol(),
        writes_evidence: system.writes_evidence(),
        acks: system.acks(),
        reads: system.reads(),
        traces: system.traces(),
        timeout_ns: timeout(&workload.system).as_nanos() as u64,
    }
}

/// T. The built-in protocols' option has one name and one default; others do not say theirs.
fn timeout(system: &SystemSpec) -> Duration {
    const DEFAULT: Duration = Duration::from_millis(150);
    let given = match system {
        SystemSpec::Named { options, .. } => options.get("election-timeout"),
        SystemSpec::File(file) => file.options.get("election-timeout"),
        SystemSpec::Command { .. } => None,
    };
    given.and_then(|text| parse_duration(text).ok()).unwrap_or(DEFAULT)
}

/// Judges; the caller adds what only it knows (workload, seed, phases).
pub fn judge(evidence: &Evidence, settings: &Settings) -> VerdictFile {
    summed_up(evidence, settings, &schism_verify::judge(evidence, settings))
}

fn summed_up(evidence: &Evidence, settings: &Settings, results: &[CheckResult]) -> VerdictFile {
    let said = Said::of(evidence.history.events());
    let doubts = schism_verify::doubts(&evidence.history, settings);
    let verdict = schism_verify::overall(results, &doubts);
    let mut checks: Vec<CheckFile> = results.iter().map(check_file).collect();
    let caveats = effects::caveats(&said);
    let (refused, unanswered) = refusals::of(&evidence.history);
    let broken = checks.iter_mut().filter(|check| !check.anomalies.is_empty());
    broken.for_each(|check| check.notes.extend_from_slice(&caveats));
    if let Some(answers) = checks.iter_mut().find(|check| check.name == "answers") {
        answers.notes.extend(refusals::unlisted(&unanswered));
    }
    VerdictFile {
        verdict: verdict.word().to_string(),
        reason: reason(&verdict),
        checks,
        expect: "valid".to_string(),
        exit: exit_code(&verdict, &Expect::Valid),
        operations: operations(&evidence.history),
        refused,
        unanswered,
        faults: effects::of(&said, &settings.fault_kinds),
        ..VerdictFile::default()
    }
}

/// Judges a history by itself: its linearizability as `options` say, and whatever else it has the
/// evidence for.
pub fn judge_history(
    evidence: &Evidence,
    options: &CheckOptions,
) -> Result<VerdictFile, CheckError> {
    // Without operations nothing tells the model; with a model named, nothing contradicts it.
    let history = &evidence.history;
    let asked = !history.operations().is_empty() || options.model.is_some();
    let judged = if asked { Some(schism_verify::check(history, options)?) } else { None };
    let model = options.model.as_deref().and_then(models::named);
    let mut settings = Settings { model, ..Settings::default() };
    let is_judged = |name: &str| judged.as_ref().is_some_and(|judged| judged.name == name);
    let others = CHECKERS
        .iter()
        .filter(|checker| !is_judged(checker.name) && (checker.applies)(evidence, &settings));
    let others: Vec<String> = others.map(|checker| checker.name.to_string()).collect();
    let mut results: Vec<CheckResult> = judged.into_iter().collect();
    if !others.is_empty() {
        settings.checks = others;
        results.extend(schism_verify::judge(evidence, &settings));
    }
    Ok(summed_up(evidence, &settings, &results))
}

/// Judges a run by its own workload.
pub fn judge_run(
    evidence: &Evidence,
    workload: &Workload,
    system: &dyn System,
    seed: u64,
    directory: &str,
) -> VerdictFile {
    let mut file = judge(evidence, &settings(workload, system));
    file.workload.clone_from(&workload.name);
    file.system = system_name(&workload.system);
    file.bug.clone_from(&workload.bug);
    file.seed = seed;
    file.replay = format!("schism run {directory}/workload.yaml --seed {seed}");
    file.expect = match &workload.expect {
        Expect::Valid => "valid".to_string(),
        Expect::Violation(kinds) => {
            kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
        }
    };
    file.exit = exit_of(&file, &workload.expect);
    file
}

/// What a system is called in verdicts: its name, or its program.
pub fn system_name(system: &SystemSpec) -> String {
    match system {
        SystemSpec::Named { name, .. } => name.clone(),
        SystemSpec::File(file) => file.name.clone(),
        SystemSpec::Command { command, .. } => command.first().cloned().unwrap_or_default(),
    }
}

/// The exit code of a verdict against what was expected; the verdict itself stays as it is.
pub fn exit_code(verdict: &Verdict, expect: &Expect) -> u8 {
    match verdict {
        Verdict::Unknown { .. } => EXIT_UNKNOWN,
        Verdict::Valid => exit(true, &[], expect),
        Verdict::Violated(anomalies) => {
            let kinds: Vec<Kind> = anomalies.iter().map(|anomaly| anomaly.kind).collect();
            exit(false, &kinds, expect)
        }
    }
}

fn exit_of(file: &VerdictFile, expect: &Expect) -> u8 {
    let anomalies = file.checks.iter().flat_map(|check| &check.anomalies);
    let kinds: Vec<Kind> = anomalies.map(|anomaly| anomaly.kind).collect();
    match file.verdict.as_str() {
        "valid" => exit(true, &kinds, expect),
        "violated" => exit(false, &kinds, expect),
        _ => EXIT_UNKNOWN,
    }
}

fn exit(valid: bool, kinds: &[Kind], expect: &Expect) -> u8 {
    let met = match expect {
        Expect::Valid => valid,
        Expect::Violation(expected) => kinds.iter().any(|kind| expected.contains(kind)),
    };
    if met { EXIT_VALID } else { EXIT_VIOLATED }
}

/// Over several runs the first of 130, 1, 2, 3, 0 that occurs wins.
pub fn worst_exit(codes: impl IntoIterator<Item = u8>) -> u8 {
    let codes: Vec<u8> = codes.into_iter().collect();
    let order = [EXIT_INTERRUPTED, EXIT_VIOLATED, EXIT_NOT_RUN, EXIT_UNKNOWN];
    order.into_iter().find(|code| codes.contains(code)).unwrap_or(EXIT_VALID)
}

fn reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Unknown { reason } => Some(message(reason).into_owned()),
        Verdict::Valid | Verdict::Violated(_) => None,
    }
}

fn check_file(result: &CheckResult) -> CheckFile {
    CheckFile {
        name: result.name.to_string(),
        model: result.model.map(String::from),
        algorithm: result.algorithm.map(String::from),
        verdict: result.verdict.word().to_string(),
        reason: reason(&result.verdict),
        elapsed_ms: result.elapsed.as_secs_f64() * 1e3,
        operations: result.operations,
        anomalies: match &result.verdict {
            Verdict::Violated(anomalies) => anomalies.iter().map(told).collect(),
            Verdict::Valid | Verdict::Unknown { .. } => Vec::new(),
        },
        notes: result.notes.iter().map(|note| message(note).into_owned()).collect(),
        lost: result.lost,
    }
}

/// What stands in a verdict is for people, whatever the values are that it quotes.
fn told(anomaly: &Anomaly) -> Anomaly {
    let explanation = message(&anomaly.explanation).into_owned();
    Anomaly { explanation, ..anomaly.clone() }
}

/// Counts every operation; latencies are those of ok operations of clients, final reads apart.
fn operations(history: &History) -> OperationsFile {
    let final_reads = final_reads_at(history).map_or(u64::MAX, |at| history.events()[at].index);
    let mut counted = OperationsFile::default();
    let mut latencies = Vec::new();
    for operation in history.operations() {
        match history.outcome(operation) {
            Type::Ok => counted.ok += 1,
            Type::Fail => counted.fail += 1,
            Type::Info | Type::Invoke => counted.info += 1,
        }
        let invoke = history.invoke(operation);
        let ret = history.ret(operation).filter(|ret| ret.kind == Type::Ok);
        let times = ret.and_then(|ret| Some((invoke.time()?, ret.time()?)));
        if let Some((asked, answered)) = times.filter(|_| invoke.index < final_reads) {
            latencies.push(answered.saturating_sub(asked));
        }
    }
    latencies.sort_unstable();
    set_latencies(&mut counted, &latencies);
    counted
}

/// Median, 99th percentile and maximum of these, ascending.
pub fn set_latencies(file: &mut OperationsFile, ascending: &[u64]) {
    file.p50_ms = quantile_ms(ascending, 0.50);
    file.p99_ms = quantile_ms(ascending, 0.99);
    file.max_ms = quantile_ms(ascending, 1.0);
}

/// Of ascending nanoseconds; 0 of none.
pub fn quantile_ms(ascending: &[u64], share: f64) -> f64 {
    let place = (ascending.len() as f64 * share).ceil() as usize;
    let value = ascending.get(place.saturating_sub(1)).or(ascending.last());
    value.map_or(0.0, |&ns| ns as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violated(kind: Kind) -> Verdict {
        let explanation = String::new();
        Verdict::Violated(vec![Anomaly { kind, explanation, events: vec![], time_ns: None }])
    }

    #[test]
    fn expect_changes_only_the_exit_code() {
        let stale = Expect::Violation(vec![Kind::StaleRead, Kind::LostAppend]);
        let unknown = Verdict::Unknown { reason: "too little".into() };
        let check = |verdict: &Verdict, expect: &Expect, exit: u8| {
            assert_eq!(exit_code(verdict, expect), exit, "{verdict:?} {expect:?}");
        };
        check(&Verdict::Valid, &Expect::Valid, 0);
        check(&violated(Kind::StaleRead), &Expect::Valid, 1);
        check(&unknown, &Expect::Valid, 3);
        check(&Verdict::Valid, &stale, 1);
        check(&violated(Kind::StaleRead), &stale, 0);
        check(&violated(Kind::Duplicate), &stale, 1);
        check(&unknown, &stale, 3);
    }

    #[test]
    fn the_worst_exit_wins() {
        let check = |codes: &[u8], worst: u8| assert_eq!(worst_exit(codes.to_vec()), worst);
        check(&[0, 0], 0);
        check(&[0, 3], 3);
        check(&[3, 2, 0], 2);
        check(&[3, 1, 2], 1);
        check(&[1, 130], 130);
        check(&[], 0);
    }

    #[test]
    fn quantiles_are_of_the_sorted_list() {
        let ns: Vec<u64> = (1..=100).map(|ms| ms * 1_000_000).collect();
        let near = |share: f64, ms: f64| assert!((quantile_ms(&ns, share) - ms).abs() < 1e-9);
        near(0.5, 50.0);
        near(0.99, 99.0);
        near(1.0, 100.0);
        assert!(quantile_ms(&[], 0.5).abs() < 1e-9);
    }
}
