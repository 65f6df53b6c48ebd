//! The clock and the spawner that a run lives on: real time, or one that a test winds itself. The
//! world brings it; nothing under `run/` knows any other.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::Notify;

/// A future of the one thread that a run lives on. (async fn in a trait is not object-safe.)
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Nanoseconds since the first node was started.
pub type Nanos = u64;

/// A clock, timers and tasks of one thread.
pub trait Clock {
    /// The time.
    fn now(&self) -> Nanos;
    /// Ends at this time, or at once if it is past.
    fn sleep_until(&self, at: Nanos) -> Local<'static, ()>;
    /// Runs a task beside this one, on this thread.
    fn spawn(&self, task: Local<'static, ()>);

    /// Ends after this long.
    fn sleep(&self, duration: Duration) -> Local<'static, ()> {
        self.sleep_until(self.now() + nanos(duration))
    }
}

/// A duration on the run's clock.
pub fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).expect("durations of a run are below 584 years")
}

/// The work's result, or None when the deadline comes first; the work is dropped then.
pub async fn within<T>(
    clock: &dyn Clock,
    deadline: Nanos,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.sleep_until(deadline) => None,
    }
}

/// Something that happens once and stays true; anyone may wait for it.
#[derive(Default)]
pub struct Signal {
    set: Cell<bool>,
    waiting: Notify,
}

impl Signal {
    /// Makes it true.
    pub fn set(&self) {
        self.set.set(true);
        self.waiting.notify_waiters();
    }

    /// Whether it is.
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Ends as soon as it is true.
    pub async fn wait(&self) {
        while !self.set.get() {
            self.waiting.notified().await;
        }
    }
}
