//! Real time for a run: tokio's timers, and tasks on this thread.

use std::time::{Duration, Instant};

use crate::clock::{Clock, Local, Nanos};

/// The clock of one run; its zero is its making.
#[derive(Clone, Copy, Debug)]
pub struct RealTime {
    zero: Instant,
    /// The machine's monotonic clock then, as nodes stamp their traces with it.
    pub origin_ns: u64,
}

impl RealTime {
    /// Starts at zero, now.
    pub fn start() -> Self {
        RealTime { zero: Instant::now(), origin_ns: monotonic_ns() }
    }

    /// A moment on this clock; what was before its zero is zero.
    pub fn at(&self, moment: Instant) -> Nanos {
        moment.saturating_duration_since(self.zero).as_nanos() as u64
    }
}

impl Clock for RealTime {
    fn now(&self) -> Nanos {
        self.zero.elapsed().as_nanos() as u64
    }

    fn sleep_until(&self, at: Nanos) -> Local<'static, ()> {
        let moment = self.zero + Duration::from_nanos(at);
        Box::pin(tokio::time::sleep_until(moment.into()))
    }

    fn spawn(&self, task: Local<'static, ()>) {
        tokio::task::spawn_local(task);
    }
}

fn monotonic_ns() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
        .expect("Linux has a monotonic clock");
    u64::try_from(now.tv_sec()).expect("the machine was started") * 1_000_000_000
        + u64::try_from(now.tv_nsec()).expect("a part of a second")
}
