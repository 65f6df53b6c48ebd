//! What goes to the terminal: colours and repainting only where a person looks.

use std::io::{self, IsTerminal, Write};

use crate::judge::quantile_ms;
use crate::report::{self, Live};
use crate::run::Progress;
use crate::workload::{Loaded, Workload};

/// Wide enough for a table of checks where nothing says how wide the screen is.
const WIDTH: usize = 100;

/// Whether stdout may be coloured.
pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// How wide stdout is.
pub fn width() -> usize {
    comfy_table::Table::new().width().map_or(WIDTH, usize::from)
}

/// A result. A closed pipe ends the showing, not the program.
pub fn show(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Something to know meanwhile.
pub fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "schism: {text}");
}

/// The workload, once what is remarkable about it was said.
pub fn told(loaded: Loaded) -> Workload {
    for text in &loaded.remarks {
        remark(&format!("{}: {text}", loaded.workload.name));
    }
    loaded.workload
}

/// Why it cannot be done.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// The status block of a run that goes on, repainted in place; on no terminal one line a phase.
pub struct StatusBlock {
    workload: String,
    seed: u64,
    duration: std::time::Duration,
    painted: usize,
    phase: &'static str,
    terminal: bool,
}

impl StatusBlock {
    /// Nothing is painted yet.
    pub fn new(workload: &str, seed: u64, duration: std::time::Duration) -> Self {
        StatusBlock {
            workload: workload.to_string(),
            seed,
            duration,
            painted: 0,
            phase: "",
            terminal: io::stderr().is_terminal(),
        }
    }

    /// Shows how far the run has come.
    pub fn update(&mut self, progress: &Progress) {
        if self.terminal {
            self.repaint(progress);
        } else if self.phase != progress.phase {
            let seconds = progress.elapsed.as_secs_f64();
            remark(&format!(
                "{} seed {}: {seconds:.1} s {}",
                self.workload, self.seed, progress.phase
            ));
        }
        self.phase = progress.phase;
    }

    fn repaint(&mut self, progress: &Progress) {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        let block = report::terminal::live(&self.live(progress), width(), !plain);
        let mut stderr = io::stderr().lock();
        let clear =
            if self.painted > 0 { format!("\x1b[{}A\x1b[J", self.painted) } else { String::new() };
        let _ = write!(stderr, "{clear}{block}").and_then(|()| stderr.flush());
        self.painted = block.matches('\n').count();
    }

    fn live(&self, progress: &Progress) -> Live {
        let violations = progress.violations.iter();
        Live {
            workload: self.workload.clone(),
            seed: self.seed,
            elapsed: progress.elapsed,
            duration: self.duration,
            phase: progress.phase.to_string(),
            operations_per_s: progress.completed_per_s,
            ok: progress.counts.ok,
            fail: progress.counts.fail,
            info: progress.counts.info,
            p50_ms: quantile_ms(&progress.latencies, 0.50),
            p99_ms: quantile_ms(&progress.latencies, 0.99),
            leader: progress.leader.map(|(node, epoch)| (node.to_string(), epoch)),
            faults: progress.faults.clone(),
            violations: violations
                .map(|a| format!("{}: {}", a.kind.name(), a.explanation))
                .collect(),
        }
    }
}

impl Drop for StatusBlock {
    /// What is left on the screen is the result, not the last status.
    fn drop(&mut self) {
        if self.painted > 0 {
            let _ = write!(io::stderr().lock(), "\x1b[{}A\x1b[J", self.painted);
        }
    }
}
