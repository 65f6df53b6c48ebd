//! The whole pipeline over a fake log in virtual time: honest, and lying.

mod decisions;
mod endings;
mod fake_log;
mod fake_store;
mod memory;
mod promote;
mod virtual_time;
mod workers;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use schism_facts::remark::{FinalRead, Phase, Reason, Remark, Settled, Strike};
use schism_facts::{Catalogue, Progress, SystemRow};
use schism_verify::checkers::consensus::ConsensusMonitor;
use schism_verify::checkers::log::LogMonitor;
use schism_verify::history::{Event, Process, Type, nemesis};
use schism_verify::{CheckOptions, Evidence, History, Monitor};

use self::fake_log::{FakeLog, FakeSystem, Lie};
use self::virtual_time::Virtual;
use super::{Finished, RunError, Setup};
use crate::action::NodeId;
use crate::clock::{Clock, Signal};
use crate::judge;
use crate::plan;
use crate::workload::{Overrides, Workload, from_text};
use crate::worlds::Death;

const FAULTS: &str = "
system: fake
nodes: 5
clients: 4
duration: 30s
faults:
  - crash: {target: [leader, minority, majority], every: 4s, for: 1s}
  - pause: {target: one, every: 5s, for: 2s}
  - partition: {shape: [halves, isolate-leader, ring], every: 6s, for: 2s}
";

/// What a run left behind.
struct Left {
    result: Result<Finished, RunError>,
    history: Vec<u8>,
    workload: Workload,
    log: Rc<FakeLog>,
    ended_at: Duration,
}

/// A file that can be looked at while it is written.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn workload(text: &str) -> Workload {
    let progress = Progress::Promoted { majority: true };
    let fake = SystemRow { progress, ..SystemRow::new("fake", "it may be promoted") };
    let decides = SystemRow { models: &["consensus"], ..SystemRow::new("decides", "") };
    let store = SystemRow { models: &["kv", "queue"], ..SystemRow::new("store", "") };
    let catalogue = Catalogue { systems: vec![fake, decides, store], ..Catalogue::default() };
    from_text("test.yaml", text, &Overrides::default(), &catalogue).unwrap()
}

/// Runs with this seed; `meddle` may change the setup, with the log at hand.
fn run(text: &str, seed: u64, lie: Lie, meddle: impl FnOnce(&mut Setup, &Rc<FakeLog>)) -> Left {
    let workload = workload(text);
    let (rt, file) = (Virtual::default(), Shared::default());
    let log = FakeLog::new(&rt, workload.nodes, lie);
    let mut monitor: Box<dyn Monitor> = match workload.model().name {
        "log" => Box::new(LogMonitor::new()),
        "consensus" => Box::new(ConsensusMonitor::new()),
        _ => schism_verify::monitor(workload.model(), &CheckOptions::default()).unwrap(),
    };
    let mut setup = Setup {
        plan: plan::draw(&workload, seed),
        workload: workload.clone(),
        world: Rc::clone(&log) as _,
        system: Rc::new(FakeSystem(Rc::clone(&log))),
        history: Box::new(file.clone()),
        monitor: Box::new(move |event| monitor.observe(event)),
        ready: Box::new(|| ()),
        interrupt: Rc::new(Signal::default()),
        keep_going: false,
        progress: None,
    };
    meddle(&mut setup, &log);
    let result = rt.block_on(super::run(setup));
    let ended_at = Duration::from_nanos(rt.now());
    let history = file.0.borrow().clone();
    Left { result, history, workload, log, ended_at }
}

impl Left {
    fn parsed(&self) -> History {
        History::parse(&self.history).unwrap().0
    }

    fn end(&self) -> Reason {
        self.result.as_ref().unwrap().end
    }

    fn verdict(&self) -> String {
        let evidence = Evidence { history: self.parsed(), ..Evidence::default() };
        let file = judge::judge(
            &evidence,
            &judge::settings(&self.workload, &FakeSystem(Rc::clone(&self.log))),
        );
        let checks: Vec<_> = file.checks.iter().map(|c| (&c.name, &c.verdict, &c.reason)).collect();
        format!("{} {:?} {checks:?}", file.verdict, file.reason)
    }

    /// Everything that was found, kind and sentence.
    fn anomalies(&self) -> Vec<String> {
        let evidence = Evidence { history: self.parsed(), ..Evidence::default() };
        let settings = judge::settings(&self.workload, &FakeSystem(Rc::clone(&self.log)));
        let checks = judge::judge(&evidence, &settings).checks;
        let found = checks.iter().flat_map(|check| &check.anomalies);
        found.map(|one| format!("{} {}", one.kind.name(), one.explanation)).collect()
    }

    /// What the nemesis said of one kind, in order. All of it is understood.
    fn said<T>(&self, pick: impl Fn(Remark) -> Option<T>) -> Vec<T> {
        let history = self.parsed();
        let remarks = history.events().iter().filter(|e| e.process() == Process::Nemesis);
        let remarks = remarks.map(|event| match nemesis::read(event) {
            (Some(remark), None) => remark,
            (_, doubt) => panic!("{doubt:?}"),
        });
        remarks.filter_map(pick).collect()
    }

    fn phases(&self) -> Vec<Phase> {
        self.said(|remark| if let Remark::Phase(phase) = remark { Some(phase) } else { None })
    }

    fn can_progress(&self) -> Vec<bool> {
        self.said(|remark| if let Remark::CanProgress(can) = remark { Some(can) } else { None })
    }

    fn settled(&self) -> Vec<Settled> {
        self.said(|remark| if let Remark::Settled(end) = remark { Some(end) } else { None })
    }

    fn final_reads(&self) -> Vec<FinalRead> {
        self.said(|remark| if let Remark::FinalRead(read) = remark { Some(read) } else { None })
    }

    /// Strikes of this fault.
    fn strikes(&self, fault: &str) -> Vec<Strike> {
        self.said(|remark| match remark {
            Remark::Fault(key, strike) if key == fault => Some(strike),
            _ => None,
        })
    }
}

const PHASES: [Phase; 4] = [Phase::WarmUp, Phase::Disturbance, Phase::Recovery, Phase::FinalReads];

#[test]
fn an_honest_log_under_fire_is_valid() {
    for seed in 1..=5 {
        let left = run(FAULTS, seed, Lie::Honest, |_, _| {});
        assert_eq!(left.end(), Reason::Done);
        assert!(left.verdict().starts_with("valid"), "seed {seed}: {}", left.verdict());
        assert_eq!(left.phases(), PHASES);
        assert!(left.log.overlays.borrow().active().next().is_none(), "everything was healed");
        assert!(left.log.stopped.get(), "the cluster was stopped");
        let reads = left.final_reads();
        assert!(reads.iter().all(|read| read.complete), "{reads:?}");
        assert_eq!(reads.len(), 5);
    }
}

#[test]
fn the_same_seed_writes_the_same_history() {
    let write = |seed| run(FAULTS, seed, Lie::Honest, |_, _| {}).history;
    assert_eq!(write(3), write(3));
    assert_ne!(write(3), write(4));
}

#[test]
fn events_are_stamped_strictly_in_order() {
    let left = run(FAULTS, 2, Lie::Honest, |_, _| {});
    let history = left.parsed();
    for (place, pair) in history.events().windows(2).enumerate() {
        assert_eq!(pair[0].index, place as u64);
        assert!(pair[0].time() < pair[1].time(), "times grow at {place}");
    }
}

#[test]
fn every_process_waits_after_a_fail() {
    let history = run(FAULTS, 1, Lie::Honest, |_, _| {}).parsed();
    let mut failed_at = std::collections::BTreeMap::new();
    for event in history.events() {
        let (Process::Client(process), Some(time)) = (event.process(), event.time()) else {
            continue;
        };
        match event.kind {
            Type::Fail => drop(failed_at.insert(process, time)),
            Type::Invoke => {
                let waited = failed_at.remove(&process).map(|failed| time - failed);
                assert!(waited.is_none_or(|ns| ns >= 20_000_000), "{process} waited {waited:?} ns");
            }
            Type::Ok | Type::Info => {}
        }
    }
}

#[test]
fn a_lie_ends_the_disturbance_and_the_rest_takes_five_seconds_at_most() {
    let left = run(FAULTS, 1, Lie::ForgetAppend(500), |_, _| {});
    assert_eq!(left.end(), Reason::Violation);
    assert!(left.verdict().starts_with("violated"), "{}", left.verdict());
    let seen = left.parsed().nemesis("phase").nth(2).and_then(Event::time).unwrap();
    let after = left.ended_at.checked_sub(Duration::from_nanos(seen)).unwrap();
    assert!(after <= Duration::from_secs(5), "{after:?} after the violation");
    assert_eq!(left.final_reads().len(), 5, "final reads still happen");
    assert!(left.log.overlays.borrow().active().next().is_none(), "everything was healed");
}

#[test]
fn a_lie_with_keep_going_is_seen_at_the_end() {
    let left = run(FAULTS, 1, Lie::ForgetAppend(500), |setup, _| setup.keep_going = true);
    assert_eq!(left.end(), Reason::Done);
    assert!(left.verdict().starts_with("violated"), "{}", left.verdict());
}

#[test]
fn a_log_that_falls_silent_makes_no_progress() {
    let silent = Lie::FallSilent(Duration::from_secs(4));
    let left = run("system: fake\nduration: 10s\n", 1, silent, |_, _| {});
    assert_eq!(left.end(), Reason::Done);
    assert!(left.verdict().contains("\"progress\", \"violated\""), "{}", left.verdict());
}

#[test]
fn a_node_that_never_serves_a_read_is_waited_for_and_told() {
    let left = run("system: fake\nnodes: 3\nduration: 5s\n", 1, Lie::RefuseReads, |_, _| {});
    assert_eq!(left.end(), Reason::Done);
    assert!(left.verdict().contains("\"served\", \"violated\""), "{}", left.verdict());
    assert!(left.ended_at > Duration::from_secs(15), "recovery is 10 s: {:?}", left.ended_at);
    let left = run("system: fake\nnodes: 3\nduration: 5s\n", 1, Lie::Honest, |_, _| {});
    assert!(left.verdict().contains("\"served\", \"valid\""), "{}", left.verdict());
    assert!(left.ended_at < Duration::from_secs(7), "nothing was owed: {:?}", left.ended_at);
}

#[test]
fn nodes_that_never_agree_have_not_converged() {
    let left = run("system: fake\nduration: 5s\n", 1, Lie::NeverAgree, |_, _| {});
    assert!(!left.settled()[0].converged);
    assert!(left.ended_at > Duration::from_secs(35), "it was waited for, 30 s");
}

#[test]
fn nodes_settle_behind_an_append_that_all_have() {
    let left = run("system: fake\nduration: 5s\n", 1, Lie::Honest, |_, _| {});
    let settled = &left.settled()[0];
    let barrier = settled.barrier.expect("the log answers appends");
    assert!(settled.delivered.values().all(|&length| length == barrier), "{settled:?}");
    let history = left.parsed();
    let last = history.events().iter().rfind(|event| event.f == "append").unwrap();
    assert_eq!((last.process(), last.offset()), (Process::Client(10), Some(barrier - 1)));
    // Where nobody answers appends any more there is none, and nodes agree all the same.
    let silent = Lie::FallSilent(Duration::from_secs(4));
    let left = run("system: fake\nduration: 5s\n", 1, silent, |_, _| {});
    assert_eq!(left.settled()[0].barrier, None);
}

#[test]
fn an_unanswered_append_may_take_effect_while_nodes_are_read() {
    for seed in 1..=3 {
        let left = run("system: fake\nduration: 5s\n", seed, Lie::AppendLate(20), |_, _| {});
        let lengths: Vec<_> = left.final_reads().iter().map(|read| read.length.unwrap()).collect();
        let (short, long) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
        assert_eq!(short + 1, *long, "seed {seed}: {lengths:?}");
        assert!(left.verdict().starts_with("valid"), "seed {seed}: {}", left.verdict());
    }
    let left = run("system: fake\nduration: 5s\n", 1, Lie::ShowMore, |_, _| {});
    assert!(left.verdict().contains("\"convergence\", \"violated\""), "{}", left.verdict());
}

#[test]
fn one_node_cannot_fail_to_converge() {
    let left = run("system: fake\nnodes: 1\nduration: 5s\n", 1, Lie::NeverAgree, |_, _| {});
    assert!(left.settled()[0].converged, "{:?}", left.settled());
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
}

#[test]
fn statuses_need_not_say_what_was_delivered() {
    let left = run("system: fake\nduration: 5s\n", 1, Lie::SayLittle, |_, _| {});
    let settled = &left.settled()[0];
    assert!(settled.converged, "{settled:?}");
    assert!(settled.delivered[&NodeId(1)] > 0, "the tail of a local read stands in: {settled:?}");
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
}

#[test]
fn an_interrupt_cleans_up_and_keeps_the_history() {
    let left = run(FAULTS, 1, Lie::Honest, |setup, log| {
        let (interrupt, rt) = (Rc::clone(&setup.interrupt), log.rt.clone());
        log.rt.spawn(Box::pin(async move {
            rt.sleep(Duration::from_secs(12)).await;
            interrupt.set();
        }));
    });
    assert_eq!(left.end(), Reason::Interrupted);
    assert!(left.ended_at < Duration::from_secs(14), "it stopped at once");
    assert!(left.log.overlays.borrow().active().next().is_none() && left.log.stopped.get());
    let end = left.said(|remark| match remark {
        Remark::End { reason, why } => Some((reason, why)),
        _ => None,
    });
    assert_eq!(end, [(Reason::Interrupted, None)]);
    assert!(left.parsed().operations().len() > 100);
}

#[test]
fn a_node_that_dies_at_start_is_named_with_its_last_lines() {
    let death = Death {
        node: NodeId(2),
        how: "exit 2".into(),
        excuse: None,
        last_lines: vec!["unknown option `x`".into()],
    };
    let left = run(FAULTS, 1, Lie::Honest, |_, log| log.deaths.borrow_mut().push(death));
    let error = left.result.unwrap_err().to_string();
    assert!(error.contains("n2 ended before it was ready (exit 2)"), "{error}");
    assert!(error.contains("unknown option `x`"), "{error}");
    assert!(left.log.stopped.get(), "the others were stopped");
}

#[test]
fn what_is_no_status_is_quoted() {
    let left = run(FAULTS, 1, Lie::NoStatus, |_, _| {});
    let error = left.result.unwrap_err().to_string();
    assert!(error.starts_with("n1, n2, n3, n4, n5 did not become ready within 1s"), "{error}");
    assert!(
        error.contains("n2 gave no status (malformed-answer: it is no JSON: <html>"),
        "{error}"
    );
}

#[test]
fn a_cluster_that_never_worked_is_not_called_slow() {
    let left = run(FAULTS, 1, Lie::RefuseAll, |_, _| {});
    let error = left.result.as_ref().unwrap_err().to_string();
    assert!(error.contains("within 3s no operation of any client was ok"), "{error}");
    assert!(error.contains(" times overloaded"), "{error}");
    assert!(error.contains("the last lines of n5:"), "{error}");
    assert_eq!(left.phases(), [Phase::WarmUp], "nothing was broken");
    assert!(left.log.stopped.get(), "the cluster was stopped");
    assert!(left.verdict().starts_with("unknown"), "{}", left.verdict());
}

#[test]
fn an_adversary_from_the_start_is_no_cluster_that_never_worked() {
    let crash = "system: fake\nnodes: 1\nduration: 2s\nrecovery: 1s\n\
                 faults:\n  - crash: {target: n1, at: start, for: 5s}\n";
    let left = run(crash, 1, Lie::Honest, |_, _| {});
    assert_eq!(left.end(), Reason::Done);
    assert_eq!(left.phases(), PHASES);
}

#[test]
fn the_warm_up_lasts_until_something_was_ok() {
    let late = Lie::WakeUp(Duration::from_millis(1_400));
    let left = run("system: fake\nduration: 5s\n", 1, late, |_, _| {});
    let phases = left.result.as_ref().unwrap().phases_ms.clone();
    let (name, lasted) = &phases[1];
    assert_eq!(name, "warm-up");
    assert!((900.0..1_500.0).contains(lasted), "{phases:?}");
    assert!(left.verdict().starts_with("valid"), "{}", left.verdict());
}

#[test]
fn a_node_that_dies_later_is_in_the_history() {
    let left = run("system: fake\nduration: 5s\n", 1, Lie::Honest, |_, log| {
        let shared = Rc::clone(log);
        log.rt.spawn(Box::pin(async move {
            shared.rt.sleep(Duration::from_secs(2)).await;
            for (node, how) in [(1, "signal 11"), (2, "exit 74")] {
                let (node, how) = (NodeId(node), how.to_string());
                let death = Death { node, how, excuse: None, last_lines: vec![] };
                shared.deaths.borrow_mut().push(death);
            }
        }));
    });
    let deaths = left.said(|remark| match remark {
        Remark::Death(death) => Some((death.how, death.excused)),
        _ => None,
    });
    assert_eq!(deaths, [("signal 11".to_owned(), false), ("exit 74".to_owned(), true)]);
}

#[test]
fn trouble_of_the_harness_ends_the_run_and_nothing_is_owed_from_then_on() {
    let left = run("system: fake\nduration: 20s\nrecovery: 1s\n", 1, Lie::Honest, |_, log| {
        let shared = Rc::clone(log);
        log.rt.spawn(Box::pin(async move {
            shared.rt.sleep(Duration::from_secs(3)).await;
            shared.troubles.borrow_mut().push("no descriptor is left".to_owned());
        }));
    });
    let verdict = left.verdict();
    assert!(verdict.starts_with("unknown") && verdict.contains("no descriptor"), "{verdict}");
    let owed = left.said(|remark| match remark {
        Remark::CanProgress(can) => Some(can),
        _ => None,
    });
    assert_eq!(owed, [true, false]);
    let last = left.parsed().events().iter().filter_map(Event::time).max().unwrap();
    assert!(last < 6_000_000_000, "it did not go on for long: {last} ns");
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let left = run("system: fake\nduration: 10s\nrate: 200/s\n", 1, Lie::Honest, |_, _| {});
    let history = left.parsed();
    let invoked = history.events().iter().filter(|event| event.kind == Type::Invoke).count();
    // 10 s at 200/s, the probe's 10/s, and five nodes' pages at the end.
    assert!((2_050..2_200).contains(&invoked), "{invoked} operations");
    let latencies = left.result.unwrap().from_due;
    let slowest = latencies.last().copied().unwrap();
    assert!(slowest < 20_000_000, "nobody waits while processes are free: {slowest} ns");
}

#[test]
fn in_an_open_loop_latency_counts_from_the_due_time() {
    // Four processes at about 3 ms an operation do some 1,300/s: at 3,000/s the queue grows.
    let left =
        run("system: fake\nclients: 4\nduration: 5s\nrate: 3000/s\n", 1, Lie::Honest, |_, _| {});
    let latencies = left.result.unwrap().from_due;
    let (median, slowest) = (latencies[latencies.len() / 2], latencies[latencies.len() - 1]);
    assert!(median > 1_000_000_000, "the median operation waited {median} ns");
    assert!(slowest > 2_000_000_000, "the last one waited {slowest} ns");
}

#[test]
fn a_full_disk_ends_the_run() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let left = run(FAULTS, 1, Lie::Honest, |setup, _| setup.history = Box::new(Full(100_000)));
    let error = left.result.unwrap_err();
    assert!(matches!(error, RunError::History(_)), "{error}");
    assert!(left.log.overlays.borrow().active().next().is_none() && left.log.stopped.get());
}
