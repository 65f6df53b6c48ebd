//! The one place that stamps events, validates them, writes them and shows them to the monitor.
//! It never invents an event or loses one without saying so, and what the judge could not read of
//! an answer does not reach the history: nobody knows what became of that operation.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use schism_verify::history::{Event, Process, Type};
use schism_verify::models::Model;
use schism_verify::verdict::Anomaly;

use crate::clock::{Clock, Nanos, Signal};
use crate::systems::{Completion, Refusal};

/// What is lost at most when the harness is killed: less than anyone could act on.
pub const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// A write of this size costs no more per byte than a larger one.
const BUFFER_BYTES: usize = 64 << 10;

/// Latencies kept between two looks at the progress; more would not move a percentile visibly.
const RECENT_MAX: usize = 4_096;

/// A cluster that does not work says few different things; one that does not is not listened to.
const REFUSALS_MAX: usize = 10;

/// Sees every event as it is recorded and says when a promise is broken for certain.
pub type Monitor = Box<dyn FnMut(&Event) -> Option<Anomaly>>;

/// Stamps and writes.
pub struct Recorder {
    clock: Rc<dyn Clock>,
    model: &'static Model,
    inner: RefCell<Inner>,
    counts: Cell<Counts>,
    last_ok_asked: Cell<Option<Nanos>>,
    closed: Cell<bool>,
    /// The monitor saw a violation.
    pub violated: Signal,
    /// The history could not be written.
    pub failed: Signal,
}

/// Operations of clients so far, by outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Happened.
    pub ok: u64,
    /// Certainly did not.
    pub fail: u64,
    /// Nobody knows.
    pub info: u64,
}

struct Inner {
    /// What each process has asked and not been answered.
    open: BTreeMap<u64, Event>,
    next_index: u64,
    last_time: Option<Nanos>,
    buffer: Vec<u8>,
    sink: Box<dyn Write>,
    monitor: Monitor,
    violations: Vec<Anomaly>,
    error: Option<io::Error>,
    /// Why there was no ok, as long as there is none: how often, and one in full, by its word.
    refusals: BTreeMap<String, (u64, String)>,
    recent: Vec<Nanos>,
    from_due: Vec<Nanos>,
}

impl Recorder {
    /// Writes operations of `model` to `sink` and shows everything to `monitor`.
    pub fn new(
        clock: Rc<dyn Clock>,
        model: &'static Model,
        sink: Box<dyn Write>,
        monitor: Monitor,
    ) -> Self {
        Recorder {
            clock,
            model,
            inner: RefCell::new(Inner {
                open: BTreeMap::new(),
                next_index: 0,
                last_time: None,
                buffer: Vec::with_capacity(BUFFER_BYTES * 2),
                sink,
                monitor,
                violations: Vec::new(),
                error: None,
                refusals: BTreeMap::new(),
                recent: Vec::new(),
                from_due: Vec::new(),
            }),
            counts: Cell::default(),
            last_ok_asked: Cell::new(None),
            closed: Cell::new(false),
            violated: Signal::default(),
            failed: Signal::default(),
        }
    }

    /// Stamps the event with the next index and a time after every earlier one, and writes it.
    /// Returns its time. An ok or fail that the model cannot read becomes info.
    pub fn record(&self, event: &mut Event) -> Nanos {
        let now = self.clock.now();
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        let time = inner.last_time.map_or(now, |last| now.max(last + 1));
        inner.last_time = Some(time);
        event.index = inner.next_index;
        event.set_time(Some(time));
        inner.next_index += 1;
        if self.closed.get() {
            return time;
        }
        self.validate(&mut inner.open, event);
        self.count(event);
        self.note_refusal(&mut inner.refusals, event);
        event.to_json_line(&mut inner.buffer);
        if let Some(anomaly) = (inner.monitor)(event) {
            inner.violations.push(anomaly);
            self.violated.set();
        }
        let remark = event.process() == Process::Nemesis;
        if remark || inner.buffer.len() >= BUFFER_BYTES {
            self.write_out(inner);
        }
        time
    }

    /// Hands everything recorded so far to the operating system.
    pub fn flush(&self) {
        self.write_out(&mut self.inner.borrow_mut());
    }

    /// Operations so far.
    pub fn counts(&self) -> Counts {
        self.counts.get()
    }

    /// What clients were told while nothing was ok yet: `7 times not-leader`, the most frequent
    /// first.
    pub fn refusals(&self) -> Vec<String> {
        let inner = self.inner.borrow();
        let mut told: Vec<&(u64, String)> = inner.refusals.values().collect();
        told.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let lines = told.iter().map(|(count, error)| format!("{count} times {error}"));
        if told.is_empty() { vec!["nothing".into()] } else { lines.collect() }
    }

    /// When the latest-asked operation that proves progress was asked.
    pub fn last_ok_asked(&self) -> Option<Nanos> {
        self.last_ok_asked.get()
    }

    /// Writes everything out; what is recorded from now on is stamped and forgotten, so that a
    /// straggler cannot write behind the end.
    pub fn close(&self) {
        self.flush();
        self.closed.set(true);
    }

    /// What the monitor saw so far.
    pub fn violations(&self) -> Vec<Anomaly> {
        self.inner.borrow().violations.clone()
    }

    /// Why the history could not be written, if so; said once.
    pub fn take_error(&self) -> Option<io::Error> {
        self.inner.borrow_mut().error.take()
    }

    /// Notes that an operation asked at `asked` happened and proves progress.
    pub fn note_progress(&self, asked: Nanos) {
        self.last_ok_asked.set(self.last_ok_asked.get().max(Some(asked)));
    }

    /// Notes how long an ok operation took, for whoever watches. `from_due`: counted from when it
    /// was due, which the history cannot say; all of those are kept.
    pub fn note_latency(&self, latency: Nanos, from_due: bool) {
        let mut inner = self.inner.borrow_mut();
        if inner.recent.len() < RECENT_MAX {
            inner.recent.push(latency);
        }
        if from_due {
            inner.from_due.push(latency);
        }
    }

    /// The latencies counted from due times, ascending.
    pub fn take_from_due(&self) -> Vec<Nanos> {
        let mut latencies = std::mem::take(&mut self.inner.borrow_mut().from_due);
        latencies.sort_unstable();
        latencies
    }

    /// Latencies noted since the last call.
    pub fn take_latencies(&self) -> Vec<Nanos> {
        std::mem::take(&mut self.inner.borrow_mut().recent)
    }

    /// An invocation is what its model can ask, by a process with nothing open, and a return
    /// answers it: anything else is a fault of the harness itself. What a node made of its answer
    /// is not: where the model cannot read it, nobody knows what became of the operation.
    fn validate(&self, open: &mut BTreeMap<u64, Event>, event: &mut Event) {
        let Process::Client(process) = event.process() else { return };
        if event.kind == Type::Invoke {
            let valid = self.model.validate(event, event);
            valid.expect("a generator asks what its model can read");
            let before = open.insert(process, event.clone());
            assert!(before.is_none(), "process {process} has one operation open at a time");
            return;
        }
        let asked = open.remove(&process).expect("a return answers an invocation");
        assert_eq!(asked.f, event.f, "a return answers what was asked");
        if let Err(wrong) = self.model.validate(&asked, event) {
            let (index, time, node) = (event.index, event.time(), event.node.take());
            *event = Completion::refused(asked, Refusal::unreadable(&wrong)).event;
            event.index = index;
            event.set_time(time);
            event.node = node;
        }
    }

    fn count(&self, event: &Event) {
        if event.process() == Process::Nemesis {
            return;
        }
        let mut counts = self.counts.get();
        match event.kind {
            Type::Invoke => return,
            Type::Ok => counts.ok += 1,
            Type::Fail => counts.fail += 1,
            Type::Info => counts.info += 1,
        }
        self.counts.set(counts);
    }

    fn note_refusal(&self, refusals: &mut BTreeMap<String, (u64, String)>, event: &Event) {
        let refused = matches!(event.kind, Type::Fail | Type::Info) && event.is_client();
        if !refused || self.counts.get().ok > 0 {
            return;
        }
        let error = event.error().unwrap_or("nothing");
        let word = error.split(':').next().unwrap_or(error);
        if refusals.contains_key(word) || refusals.len() < REFUSALS_MAX {
            refusals.entry(word.to_owned()).or_insert((0, error.to_owned())).0 += 1;
        }
    }

    /// After an error nothing more is written: a gap in the middle would be a lie.
    fn write_out(&self, inner: &mut Inner) {
        if !self.failed.is_set() && !inner.buffer.is_empty() {
            let written = inner.sink.write_all(&inner.buffer).and_then(|()| inner.sink.flush());
            if let Err(error) = written {
                inner.error = Some(error);
                self.failed.set();
            }
        }
        inner.buffer.clear();
    }
}
