//! Agreement with a judge that shares nothing with the checker: it tries every order of every
//! operation. Random small histories, honest ones with planted lies, and pure noise.

mod early;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::LogMonitor;
use super::tests::verdict;
use crate::checkers::Monitor;
use crate::history::{Event, History, Level, Process, Type, Value};
use crate::verdict::Verdict;

/// Whether some order of the operations, each at a moment of its closed interval, explains every
/// answer. Lost appends may take effect at any later moment or never.
fn explainable(history: &History) -> bool {
    let processes: Vec<u64> = history.operations().iter().map(|op| op.process).collect();
    explainable_by(history, &processes)
}

/// The same, where these are the processes whose operations keep their order.
fn explainable_by(history: &History, processes: &[u64]) -> bool {
    let ops = history.operations().iter().zip(processes);
    let ops: Vec<Op> = ops.map(|(op, process)| Op::new(history, op, *process)).collect();
    let mut used = vec![false; ops.len()];
    search(&ops, &mut used, &[])
}

struct Op {
    process: u64,
    invoke: usize,
    /// Past everything for one that may take effect at any later time.
    ret: usize,
    kind: Type,
    asked: Event,
    answer: Option<Event>,
}

impl Op {
    fn new(history: &History, op: &crate::history::Operation, process: u64) -> Self {
        let kind = history.outcome(op);
        let ret = op.ret().filter(|_| kind != Type::Info).unwrap_or(usize::MAX);
        let answer = history.ret(op).cloned();
        Op { process, invoke: op.invoke(), ret, kind, asked: history.invoke(op).clone(), answer }
    }

    fn is_append(&self) -> bool {
        self.asked.f.starts_with("append")
    }

    fn is_local(&self) -> bool {
        self.asked.level() == Some(Level::Local)
    }

    /// It needs a place in the order.
    fn must(&self) -> bool {
        match self.kind {
            Type::Ok => !self.is_local(),
            Type::Fail => self.refusal_tail().is_some(),
            _ => false,
        }
    }

    /// It may have one.
    fn may(&self) -> bool {
        self.must() || (self.kind == Type::Info && self.is_append())
    }

    fn refusal_tail(&self) -> Option<u64> {
        let answer = self.answer.as_ref()?;
        let conflict = self.asked.expect().is_some() && answer.error() == Some("conflict");
        if conflict { answer.tail() } else { None }
    }

    /// Takes effect on a log; None: it cannot, here.
    fn apply(&self, log: &[Value]) -> Option<Vec<Value>> {
        let length = log.len() as u64;
        if let Some(tail) = self.refusal_tail() {
            return (tail == length && self.asked.expect() != Some(tail)).then(|| log.to_vec());
        }
        if self.is_append() {
            let fits = self.asked.expect().is_none_or(|expect| expect == length);
            let offset = self.answer.as_ref().and_then(Event::offset);
            if !fits || offset.is_some_and(|offset| offset != length) {
                return None;
            }
            let mut log = log.to_vec();
            log.push(self.asked.value.clone()?);
            return Some(log);
        }
        self.explains(log, length).then(|| log.to_vec())
    }

    /// Whether this read or tail is right about a log of which `length` entries are there.
    fn explains(&self, log: &[Value], length: u64) -> bool {
        let answer = self.answer.as_ref().expect("only answered reads are asked");
        if answer.tail().is_some_and(|tail| tail != length) {
            return false;
        }
        let Some(Value::List(values)) = &answer.value else { return true };
        let count = values.len() as u64;
        let from = self.asked.from().unwrap_or(0);
        let there = &log[..length as usize];
        let wanted = there.get(from as usize..).unwrap_or(&[]);
        let wanted = &wanted[..wanted.len().min(self.asked.limit().unwrap_or(99) as usize)];
        if answer.tail().is_some() {
            return wanted.starts_with(values); // fewer than asked for is fine
        }
        if self.asked.limit().is_none_or(|limit| count < limit) && count == 0 && from > 0 {
            return length <= from;
        }
        wanted == &**values
    }

    /// Whether a local answer is about some prefix of the log.
    fn explains_prefix(&self, log: &[Value]) -> bool {
        (0..=log.len()).any(|length| self.explains(log, length as u64))
    }
}

fn search(ops: &[Op], used: &mut [bool], log: &[Value]) -> bool {
    let waiting = |used: &[bool], at: usize| !used[at] && ops[at].must();
    if !(0..ops.len()).any(|at| waiting(used, at)) {
        let mut local = ops.iter().filter(|op| op.kind == Type::Ok && op.is_local());
        if local.all(|op| op.explains_prefix(log)) {
            return true;
        }
    }
    let first_return = (0..ops.len()).filter(|&at| waiting(used, at)).map(|at| ops[at].ret).min();
    for at in 0..ops.len() {
        if used[at] || !ops[at].may() || first_return.is_some_and(|first| ops[at].invoke > first) {
            continue;
        }
        let comes_first = |&other: &usize| {
            ops[other].process == ops[at].process && ops[other].invoke < ops[at].invoke
        };
        if (0..ops.len()).filter(comes_first).any(|other| waiting(used, other)) {
            continue;
        }
        let Some(next) = ops[at].apply(log) else { continue };
        used[at] = true;
        if search(ops, used, &next) {
            return true;
        }
        used[at] = false;
    }
    false
}

/// A history of a log that tells the truth, from a random order of random operations.
fn honest(rng: &mut ChaCha8Rng) -> Vec<Event> {
    let processes = rng.random_range(1..=3);
    let distinct = rng.random_bool(0.5);
    let ties = rng.random_bool(0.4);
    let mut log: Vec<Value> = Vec::new();
    let mut events: Vec<Event> = Vec::new();
    let mut open: Vec<Option<(Event, bool)>> = vec![None; processes];
    let mut numbers: Vec<u64> = (0..processes as u64).collect();
    let mut lost: Vec<Event> = Vec::new();
    let mut time = 0;
    for _ in 0..rng.random_range(2..26) {
        time += u64::from(!(ties && rng.random_bool(0.4)));
        // A lost append may take effect at any time.
        if !lost.is_empty() && rng.random_bool(0.2) {
            let late = lost.swap_remove(rng.random_range(0..lost.len()));
            perform(&late, &mut log, rng);
        }
        let who = rng.random_range(0..processes);
        let process = Process::Client(numbers[who]);
        match open[who].take() {
            None => {
                let asked = question(process, events.len() as u64, distinct, rng);
                let mut event = asked.clone();
                event.set_time(Some(time));
                events.push(event);
                open[who] = Some((asked, rng.random_bool(0.15)));
            }
            Some((asked, is_lost)) => {
                let (kind, mut answer) = if is_lost {
                    if asked.f.starts_with("append") {
                        lost.push(asked.clone());
                    }
                    numbers[who] += processes as u64;
                    (Type::Info, Event::new(process, Type::Info, asked.f.clone()))
                } else {
                    perform(&asked, &mut log, rng)
                };
                answer.kind = kind;
                answer.set_time(Some(time));
                answer.set_process(process);
                events.push(answer);
            }
        }
    }
    events
}

fn question(process: Process, number: u64, distinct: bool, rng: &mut ChaCha8Rng) -> Event {
    let f = ["append", "append", "append-if", "read", "read", "tail"][rng.random_range(0..6)];
    let mut event = Event::new(process, Type::Invoke, f);
    if f.starts_with("append") {
        let value = if distinct { number.cast_signed() } else { rng.random_range(0..3) };
        event.value = Some(Value::Int(value));
    }
    if f == "append-if" {
        event.set_expect(Some(rng.random_range(0..5)));
    }
    if f == "read" {
        event.set_from(rng.random_bool(0.5).then(|| rng.random_range(0..4)));
        event.set_limit(rng.random_bool(0.5).then(|| rng.random_range(0..4)));
    }
    if !f.starts_with("append") && rng.random_bool(0.2) {
        event.set_level(Some(Level::Local));
    }
    event
}

/// Performs an operation on the log and answers it truthfully.
fn perform(asked: &Event, log: &mut Vec<Value>, rng: &mut ChaCha8Rng) -> (Type, Event) {
    let mut answer = Event::new(asked.process(), Type::Ok, asked.f.clone());
    let mut length = log.len() as u64;
    if asked.f.starts_with("append") {
        if asked.expect().is_some_and(|expect| expect != length) {
            answer.set_error(Some("conflict".into()));
            answer.set_tail(rng.random_bool(0.7).then_some(length));
            return (Type::Fail, answer);
        }
        if rng.random_bool(0.1) {
            answer.set_error(Some("overloaded".into()));
            return (Type::Fail, answer);
        }
        log.push(asked.value.clone().unwrap());
        answer.set_offset(Some(length));
        return (Type::Ok, answer);
    }
    if asked.level() == Some(Level::Local) {
        length = rng.random_range(0..=length);
    }
    answer.set_tail(Some(length));
    if &*asked.f == "read" {
        let there = &log[..length as usize];
        let wanted = there.get(asked.from().unwrap_or(0) as usize..).unwrap_or(&[]);
        let mut count = wanted.len().min(asked.limit().unwrap_or(99) as usize);
        if rng.random_bool(0.5) {
            answer.set_tail(None);
        } else if rng.random_bool(0.2) {
            count = rng.random_range(0..=count);
        }
        answer.value = Some(Value::List(wanted[..count].into()));
    }
    (Type::Ok, answer)
}

/// Changes one thing, so that the history may be a lie.
fn tamper(events: &mut [Event], rng: &mut ChaCha8Rng) {
    let before = events.to_vec();
    for _ in 0..20 {
        tamper_once(events, rng);
        if events != before {
            return;
        }
    }
}

fn tamper_once(events: &mut [Event], rng: &mut ChaCha8Rng) {
    let at = rng.random_range(0..events.len());
    let other = rng.random_range(0..events.len());
    let nudge = |number: u64, rng: &mut ChaCha8Rng| match rng.random_range(0..3) {
        0 => number + 1,
        1 => number.saturating_sub(1),
        _ => rng.random_range(0..5),
    };
    let event = &mut events[at];
    match rng.random_range(0..5) {
        0 if event.offset().is_some() => event.set_offset(event.offset().map(|o| nudge(o, rng))),
        1 if event.tail().is_some() => event.set_tail(event.tail().map(|t| nudge(t, rng))),
        2 => {
            if let Some(Value::List(values)) = &event.value {
                let mut values = values.to_vec();
                match rng.random_range(0..3) {
                    0 => values.push(Value::Int(rng.random_range(0..4))),
                    1 if !values.is_empty() => {
                        let at = rng.random_range(0..values.len());
                        values[at] = Value::Int(rng.random_range(0..6));
                    }
                    _ => drop(values.pop()),
                }
                event.value = Some(Value::List(values.into()));
            }
        }
        3 if event.kind == Type::Ok && event.offset().is_some() => {
            event.kind = Type::Fail;
            event.set_offset(None);
        }
        _ => {
            // Shift one event in time, but never past another of its process.
            let time = events[other].time();
            let process = events[at].process();
            let before = events[..at].iter().rfind(|e| e.process() == process);
            let after = events[at + 1..].iter().find(|e| e.process() == process);
            if before.is_none_or(|e| e.time() <= time) && after.is_none_or(|e| time <= e.time()) {
                events[at].set_time(time);
            }
        }
    }
}

/// How many histories: enough to meet every combination of ties, losses and refusals often.
const HISTORIES: u64 = 400_000;

#[test]
fn agrees_with_every_order_tried() {
    let mut valid = 0;
    for seed in 0..HISTORIES {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut events = honest(&mut rng);
        let lies = if seed % 4 == 0 { 0 } else { rng.random_range(1..6) };
        (0..lies).for_each(|_| tamper(&mut events, &mut rng));
        let history = History::from_events(events).unwrap();
        let expected = explainable(&history);
        let found = verdict(&history);
        assert!(lies > 0 || expected, "the honest log is honest, seed {seed}");
        let agrees = match &found {
            Verdict::Valid => expected,
            Verdict::Violated(_) => !expected,
            Verdict::Unknown { .. } => false,
        };
        assert!(
            agrees,
            "seed {seed}: explainable is {expected}, but {found:?}\n{}",
            show(&history)
        );
        valid += u64::from(expected);
        online_agrees(&history, &found);
    }
    assert!((HISTORIES / 3..HISTORIES * 2 / 3).contains(&valid), "a fair mix: {valid} are valid");
}

/// What is told on the way is in the verdict, in the same order, but for finer kinds.
fn online_agrees(history: &History, found: &Verdict) {
    let mut monitor = LogMonitor::new();
    let told = history.events().iter().filter_map(|event| monitor.observe(event));
    let told: Vec<Vec<u64>> = told.map(|anomaly| anomaly.events).collect();
    let Verdict::Violated(anomalies) = found else {
        return assert!(told.is_empty(), "told {told:?} of {found:?}\n{}", show(history));
    };
    let mut all = anomalies.iter();
    let in_order = told.iter().all(|events| all.any(|anomaly| anomaly.events == *events));
    assert!(in_order, "told {told:?} of {found:?}\n{}", show(history));
}

fn show(history: &History) -> String {
    let mut out = Vec::new();
    for event in history.events() {
        event.to_json_line(&mut out);
    }
    String::from_utf8(out).unwrap()
}
