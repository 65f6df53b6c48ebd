//! Connections to a node that were dialled for callers before these came to the link, each waiting
//! for its own: whoever interposes dials first, so that refused is refused.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Whoever was connected to the link is taken in within milliseconds. One who is not has been ended
/// by the kernel before that.
const WAITS_MAX: Duration = Duration::from_secs(10);

/// Those of one port of one link.
#[derive(Debug, Default)]
pub struct Handed {
    table: Mutex<Table>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    /// Callers who are being connected, and of whom it is not known yet where they come from.
    coming: u32,
    ready: BTreeMap<SocketAddr, (std::net::TcpStream, Instant)>,
}

impl Handed {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change of it is one step.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is being connected: until he is given, or is said to have nothing, nobody is taken
    /// for one who has none.
    pub fn begin(&self) {
        self.table().coming += 1;
    }

    /// That has happened, with what was dialled for the caller if there is something.
    pub fn end(&self, dialled: Option<(SocketAddr, std::net::TcpStream)>) {
        let mut table = self.table();
        table.coming -= 1;
        table.ready.retain(|_, (_, since)| since.elapsed() < WAITS_MAX);
        if let Some((caller, node)) = dialled {
            table.ready.insert(caller, (node, Instant::now()));
        }
        drop(table);
        self.changed.notify_waiters();
    }

    /// What was dialled for this caller.
    pub async fn take(&self, caller: SocketAddr) -> Option<TcpStream> {
        loop {
            let changed = self.changed.notified();
            {
                let mut table = self.table();
                if let Some((node, _)) = table.ready.remove(&caller) {
                    return TcpStream::from_std(node).ok();
                }
                if table.coming == 0 {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Ends what was dialled for this caller.
    pub fn drop_of(&self, caller: SocketAddr) {
        drop(self.table().ready.remove(&caller));
    }
}
