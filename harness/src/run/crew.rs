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

/// One task's place in the crew, given up however the task ends.
struct Leaving(Rc<Shared>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.working.set(self.0.working.get() - 1);
        self.0.changed.notify_waiters();
    }
}

impl Crew {
    /// Starts one more.
    pub fn spawn(&self, clock: &dyn Clock, task: impl Future<Output = ()> + 'static) {
        let shared = Rc::clone(&self.shared);
        shared.working.set(shared.working.get() + 1);
        clock.spawn(Box::pin(async move {
            let _leaving = Leaving(shared);
            task.await;
        }));
    }

    /// Ends when none is at work.
    pub async fn done(&self) {
        while self.shared.working.get() > 0 {
            self.shared.changed.notified().await;
        }
    }
}
