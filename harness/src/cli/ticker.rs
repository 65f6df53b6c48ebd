//! One line that says how far a check is, painted again in place while it takes long and somebody
//! looks. It never stays on the screen, and it never slows the check down.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use schism_verify::progress::{Progress, Seen};

use super::screen;

/// Whoever gets an answer sooner needs no progress.
const SILENT_FOR: Duration = Duration::from_secs(1);

/// Often enough to look alive.
const PAINT_EVERY: Duration = Duration::from_millis(200);

pub struct CheckTicker {
    shared: Arc<Shared>,
    painter: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    over: bool,
    /// When the checking itself began, and its counters.
    checking: Option<(Instant, Arc<Progress>)>,
}

impl CheckTicker {
    /// Starts with the parsing. Nothing is painted if it is to be silent or nobody looks.
    pub fn start(silent: bool, budget: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let looked_at = !silent && io::stderr().is_terminal();
        let painter = looked_at.then(|| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || paint(&shared, budget))
        });
        CheckTicker { shared, painter }
    }

    /// From now on it is checked; the check tells its progress here.
    pub fn check(&self) -> Option<Arc<Progress>> {
        let progress = Arc::new(Progress::default());
        self.shared.lock().checking = Some((Instant::now(), Arc::clone(&progress)));
        self.painter.is_some().then_some(progress)
    }
}

impl Shared {
    /// A painter that panicked leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CheckTicker {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_all();
        if let Some(painter) = self.painter.take() {
            let _ = painter.join();
        }
    }
}

fn paint(shared: &Shared, budget: Duration) {
    let started = Instant::now();
    let mut wait = SILENT_FOR;
    let mut painted = false;
    loop {
        let state = shared.lock();
        let over = |state: &mut State| !state.over;
        let (state, _) = shared
            .changed
            .wait_timeout_while(state, wait, over)
            .unwrap_or_else(PoisonError::into_inner);
        if state.over {
            break;
        }
        let line = match &state.checking {
            None => "reading".to_owned(),
            Some((began, progress)) => {
                line(progress.see(), began.elapsed(), budget.saturating_sub(started.elapsed()))
            }
        };
        drop(state);
        let mut line: String = line.chars().take(screen::width().saturating_sub(1)).collect();
        line.insert_str(0, "\r\x1b[K");
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(line.as_bytes()).and_then(|()| stderr.flush());
        painted = true;
        wait = PAINT_EVERY;
    }
    if painted {
        let _ = io::stderr().lock().write_all(b"\r\x1b[K");
    }
}

/// `checking: 42 % of 20,000 events, 3 of 5 keys, 1,234 configurations, about 8 s left`.
fn line(seen: Seen, took: Duration, left: Duration) -> String {
    let Some(share) = seen.share() else { return "checking".into() };
    let mut parts = vec![format!("checking: {:.0} % of {} events", 100.0 * share, seen.events)];
    if seen.keys > 1 {
        parts.push(format!("{} of {} keys", seen.keys_decided, seen.keys));
    }
    if seen.configurations > 0 {
        parts.push(format!("{} configurations", seen.configurations));
    }
    // As if the rest went as fast as what is done; the budget ends it in any case.
    let rest = took.as_secs_f64() * (1.0 - share) / share;
    parts.push(if rest > left.as_secs_f64() {
        format!("the budget ends in {} s", left.as_secs())
    } else {
        format!("about {:.0} s left", rest.ceil())
    });
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seen: Seen, took_s: u64, left_s: u64, expected: &str) {
        let found = line(seen, Duration::from_secs(took_s), Duration::from_secs(left_s));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_line_says_how_far_it_is_and_what_ends_it() {
        let seen =
            Seen { events: 200, events_done: 50, keys: 1, keys_decided: 0, configurations: 7 };
        check(Seen::default(), 5, 5, "checking");
        let quick = "checking: 25 % of 200 events, 7 configurations, about 6 s left";
        check(seen, 2, 60, quick);
        let slow = "checking: 25 % of 200 events, 7 configurations, the budget ends in 5 s";
        check(seen, 2, 5, slow);
        let keys = "checking: 25 % of 200 events, 2 of 9 keys, 7 configurations, about 6 s left";
        check(Seen { keys: 9, keys_decided: 2, ..seen }, 2, 60, keys);
    }
}
