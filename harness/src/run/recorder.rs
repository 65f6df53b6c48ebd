//! The one place that stamps events, writes them down and shows them to the monitor.
//! It never invents an event, changes one's content, or loses one without saying so.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::time::Duration;

use schism_verify::history::{Event, Process, Type};
use schism_verify::verdict::Anomaly;

use super::rt::{Nanos, Rt, Signal};

/// What is lost at most when the harness is killed: less than anyone could act on.
pub const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// A write of this size costs no more per byte than a larger one.
const BUFFER_BYTES: usize = 64 << 10;

/// Latencies kept between two looks at the progress; more would not move a percentile visibly.
const RECENT_MAX: usize = 4_096;

/// Sees every event as it is recorded and says when a promise is broken for certain.
pub type Monitor = Box<dyn FnMut(&Event) -> Option<Anomaly>>;

/// Stamps and writes.
pub struct Recorder<R> {
    rt: R,
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
    next_index: u64,
    last_time: Option<Nanos>,
    buffer: Vec<u8>,
    sink: Box<dyn Write>,
    monitor: Monitor,
    violations: Vec<Anomaly>,
    error: Option<io::Error>,
    recent: Vec<Nanos>,
    from_due: Vec<Nanos>,
}

impl<R: Rt> Recorder<R> {
    /// Writes to `sink` and shows everything to `monitor`.
    pub fn new(rt: R, sink: Box<dyn Write>, monitor: Monitor) -> Self {
        Recorder {
            rt,
            inner: RefCell::new(Inner {
                next_index: 0,
                last_time: None,
                buffer: Vec::with_capacity(BUFFER_BYTES * 2),
                sink,
                monitor,
                violations: Vec::new(),
                error: None,
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
    /// Returns its time.
    pub fn record(&self, event: &mut Event) -> Nanos {
        let now = self.rt.now();
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
        self.count(event);
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
