//! One line that says how far a check is, painted again in place while it takes long and somebody
//! looks. It never stays on the screen, and it never slows the check down.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use schism_verify::progress::{Progress, Seen};

use super::screen;

/// Whoever gets an answer sooner needs no progress.
const SILENT_FOR: Duration = Duration::from_secs(1);

/// Often enough to look alive.
const PAINT_EVERY: Duration = Duration::from_millis(200);

pub struct CheckTicker {
    /// None: nobody looks. Dropping the sender ends the thread.
    painter: Option<(Sender<Arc<Progress>>, JoinHandle<()>)>,
}

impl CheckTicker {
    /// Starts with the parsing. Nothing is painted if it is to be silent or nobody looks.
    pub fn start(silent: bool, budget: Duration) -> Self {
        let looked_at = !silent && io::stderr().is_terminal();
        let start = || {
            let (checks, checked) = mpsc::channel();
            let paint = move || paint(&checked, budget);
            // Without a thread nothing is shown.
            Some((checks, thread::Builder::new().spawn(paint).ok()?))
        };
        CheckTicker { painter: looked_at.then(start).flatten() }
    }

    /// Reading is over: where the check tells its progress. None: nobody looks.
    pub fn check(&self) -> Option<Arc<Progress>> {
        let (checks, _) = self.painter.as_ref()?;
        let progress = Arc::<Progress>::default();
        // A painter that panicked hears nothing, and the check goes on.
        let _ = checks.send(Arc::clone(&progress));
        Some(progress)
    }
}

impl Drop for CheckTicker {
    fn drop(&mut self) {
        if let Some((checks, painter)) = self.painter.take() {
            drop(checks);
            let _ = painter.join();
        }
    }
}

fn paint(checked: &Receiver<Arc<Progress>>, budget: Duration) {
    let started = Instant::now();
    let mut next = started + SILENT_FOR;
    let (mut checking, mut painted) = (None, false);
    loop {
        match checked.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(progress) => {
                checking = Some((Instant::now(), progress));
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => next = Instant::now() + PAINT_EVERY,
        }
        let line = match &checking {
            None => "reading".to_owned(),
            Some((began, progress)) => {
                line(progress.see(), began.elapsed(), budget.saturating_sub(started.elapsed()))
            }
        };
        let mut line: String = line.chars().take(screen::width().saturating_sub(1)).collect();
        line.insert_str(0, "\r\x1b[K");
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(line.as_bytes()).and_then(|()| stderr.flush());
        painted = true;
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
