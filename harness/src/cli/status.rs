//! The status block of a run that goes on, repainted in place; on no terminal one line a phase.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::time::Duration;

use super::screen;
use crate::draw::text::cut;
use crate::judge::quantile_ms;
use crate::report::terminal::paint::{NAME, Paint};
use crate::report::words::{grouped, millis};
use crate::run::Progress;

pub struct StatusBlock {
    workload: String,
    seed: u64,
    duration: Duration,
    /// How many lines of it are on the screen.
    painted: usize,
    phase: &'static str,
    terminal: bool,
}

impl StatusBlock {
    /// Nothing is painted yet. `duration`: warm-up and disturbance together.
    pub fn new(workload: &str, seed: u64, duration: Duration) -> Self {
        let terminal = io::stderr().is_terminal();
        let workload = workload.to_string();
        StatusBlock { workload, seed, duration, painted: 0, phase: "", terminal }
    }

    pub fn update(&mut self, progress: &Progress) {
        if self.terminal {
            self.repaint(progress);
        } else if self.phase != progress.phase {
            let seconds = progress.elapsed.as_secs_f64();
            screen::remark(&format!(
                "{} seed {}: {seconds:.1} s {}",
                self.workload, self.seed, progress.phase
            ));
        }
        self.phase = progress.phase;
    }

    fn repaint(&mut self, progress: &Progress) {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        let block = self.text(progress, Paint::new(screen::width(), !plain));
        self.clear();
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{block}").and_then(|()| stderr.flush());
        self.painted = block.matches('\n').count();
    }

    fn clear(&self) {
        if self.painted > 0 {
            let _ = write!(io::stderr().lock(), "\x1b[{}A\x1b[J", self.painted);
        }
    }

    /// A few lines, none wider than the paint.
    fn text(&self, now: &Progress, paint: Paint) -> String {
        let quantile = |share| millis(quantile_ms(&now.latencies, share));
        let counts = &now.counts;
        let faults = if now.faults.is_empty() { "none".into() } else { now.faults.join("; ") };
        let rows = [
            (
                "time",
                format!(
                    "{:.1} of {:.0} s, {}   {}, seed {}",
                    now.elapsed.as_secs_f64(),
                    self.duration.as_secs_f64(),
                    now.phase,
                    self.workload,
                    self.seed
                ),
            ),
            (
                "operations",
                format!(
                    "{:.0}/s   {} ok, {} fail, {} info",
                    now.completed_per_s,
                    grouped(counts.ok),
                    grouped(counts.fail),
                    grouped(counts.info)
                ),
            ),
            ("latency", format!("p50 {}, p99 {}", quantile(0.50), quantile(0.99))),
            (
                "leader",
                now.leader
                    .map_or("nobody".into(), |(node, epoch)| format!("{node}, epoch {epoch}")),
            ),
            ("faults now", faults),
            ("violations", now.violations.len().to_string()),
        ];
        let mut out = String::new();
        for (name, text) in rows {
            let text = cut(&text, paint.width - NAME);
            let text = match name {
                "violations" if now.violations.is_empty() => paint.good(&text),
                "violations" => paint.bad(&text),
                "faults now" if !now.faults.is_empty() => paint.doubt(&text),
                _ => text,
            };
            let _ = writeln!(out, "{} {text}", paint.dim(&format!("{name:<12}")));
        }
        if let Some(last) = now.violations.last() {
            let told = format!("{}: {}", last.kind.name(), last.explanation);
            let _ = writeln!(out, "{:NAME$}{}", "", paint.bad(&cut(&told, paint.width - NAME)));
        }
        out
    }
}

impl Drop for StatusBlock {
    /// What is left on the screen is the result, not the last status.
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use schism_verify::verdict::{Anomaly, Kind};

    use super::*;
    use crate::action::NodeId;
    use crate::run::recorder::Counts;

    #[test]
    fn the_block_is_a_few_lines_of_bounded_width() {
        let block = StatusBlock::new("quiet", 7, Duration::from_secs(30));
        let explanation = "process 4 read length 41".into();
        let mut now = Progress {
            elapsed: Duration::from_millis(8_140),
            phase: "disturbance",
            counts: Counts { ok: 8_120, fail: 12, info: 3 },
            completed_per_s: 1_012.4,
            latencies: vec![2_100_000, 38_000_000],
            leader: Some((NodeId(2), 3)),
            faults: vec!["partition: isolate n2 (leader), hold".into()],
            violations: vec![Anomaly {
                kind: Kind::StaleRead,
                explanation,
                events: Vec::new(),
                time_ns: None,
            }],
        };
        let text = block.text(&now, Paint::new(80, false));
        let expected = "\
time         8.1 of 30 s, disturbance   quiet, seed 7
operations   1012/s   8,120 ok, 12 fail, 3 info
latency      p50 2.10 ms, p99 38.0 ms
leader       n2, epoch 3
faults now   partition: isolate n2 (leader), hold
violations   1
             stale-read: process 4 read length 41
";
        assert_eq!(text, expected, "\n{text}");
        now.faults = vec!["x".repeat(500)];
        let text = block.text(&now, Paint::new(80, false));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
