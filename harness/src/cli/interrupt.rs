//! Ctrl-C and SIGTERM: the first ends the run cleanly, the second at once.
//! Nodes never hear of either: the guard keeps them, and ends them when this program is gone.

use std::sync::OnceLock;

use tokio::signal::unix::{SignalKind, signal};
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
            let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else { return };
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if sender.send_replace(true) {
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
