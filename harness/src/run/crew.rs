//! Tasks that are waited for together.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::clock::Clock;

/// A number of tasks, some of them still at work.
#[derive(Clone, Default)]
pub struct Crew {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    working: Cell<u64>,
    changed: Notify,
}

impl Crew {
    /// Starts one more.
    pub fn spawn(&self, clock: &dyn Clock, task: impl Future<Output = ()> + 'static) {
        let shared = Rc::clone(&self.shared);
        shared.working.set(shared.working.get() + 1);
        clock.spawn(Box::pin(async move {
            task.await;
            shared.working.set(shared.working.get() - 1);
            shared.changed.notify_waiters();
        }));
    }

    /// Ends when none is at work.
    pub async fn done(&self) {
        while self.shared.working.get() > 0 {
            self.shared.changed.notified().await;
        }
    }
}
