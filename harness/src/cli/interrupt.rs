//! Ctrl-C, SIGTERM, a hang-up: the first ends the run cleanly, one more of the first two at once.
//! Nodes never hear of either: the guard keeps them, and ends them when this program is gone.

use std::sync::OnceLock;
use std::{fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::screen;
use crate::judge::EXIT_INTERRUPTED;

/// Becomes true at the first signal; one for the whole program.
pub fn watch_signals() -> watch::Receiver<bool> {
    static WATCHED: OnceLock<watch::Receiver<bool>> = OnceLock::new();
    WATCHED.get_or_init(start).clone()
}

fn start() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let listening = std::thread::Builder::new().name("signals".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async move {
            let interrupt = signal(SignalKind::interrupt());
            let terminate = signal(SignalKind::terminate());
            let hang_up = signal_unless_ignored(SignalKind::hangup());
            let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) =
                (interrupt, terminate, hang_up)
            else {
                return;
            };
            loop {
                let repeated = tokio::select! {
                    _ = interrupt.recv() => true,
                    _ = terminate.recv() => true,
                    // A terminal that is closed may say so twice: that is nobody's impatience.
                    Some(()) = async { hang_up.as_mut()?.recv().await } => false,
                };
                if sender.send_replace(true) {
                    if !repeated {
                        continue;
                    }
                    // The guard sees this process end and ends every node.
                    std::process::exit(i32::from(EXIT_INTERRUPTED));
                }
                screen::remark(
                    "interrupted: healing, stopping, judging; once more to leave at once",
                );
            }
        });
    });
    if listening.is_err() {
        screen::remark("no thread for signals: Ctrl-C will end this at once");
    }
    receiver
}

/// None: whoever started this wanted it to be ignored, as nohup(1) does.
fn signal_unless_ignored(kind: SignalKind) -> io::Result<Option<Signal>> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if is_ignored(kind, &status) { Ok(None) } else { signal(kind).map(Some) }
}

/// As `SigIgn` of proc_pid_status(5) says: a mask of bits, the first one of signal 1.
fn is_ignored(kind: SignalKind, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_ignores_stays_ignored() {
        let hang_up = |mask: &str| is_ignored(SignalKind::hangup(), &format!("SigIgn:\t{mask}\n"));
        assert!(hang_up("0000000000000001"));
        assert!(hang_up("0000000000001001"));
        assert!(!hang_up("0000000000001000"));
        assert!(!is_ignored(SignalKind::hangup(), ""));
    }
}
