//! What arrived and the loop has not yet taken. Every reader puts in; the loop takes all at once.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use schism_protocol::{NodeId, Request, Ticket};
use tokio::sync::Notify;

/// Something for the loop.
pub enum Arrived {
    Message {
        from: NodeId,
        message: Bytes,
    },
    Request {
        /// Names the answer.
        ticket: Ticket,
        request: Request,
    },
    /// A client asks what the node says of itself.
    Status(Ticket),
}

/// The queue, on the loop's thread; `wake` may be rung from any.
#[derive(Default)]
pub struct Inbox {
    arrived: RefCell<Vec<Arrived>>,
    wake: Arc<Notify>,
}

impl Inbox {
    /// Adds, and wakes the loop.
    pub fn put(&self, arrived: Arrived) {
        self.arrived.borrow_mut().push(arrived);
        self.wake.notify_one();
    }

    /// Takes everything, into an empty buffer.
    pub fn take(&self, buffer: &mut Vec<Arrived>) {
        assert!(buffer.is_empty(), "what was taken before has been handled");
        std::mem::swap(&mut *self.arrived.borrow_mut(), buffer);
    }

    /// Rung when there is something to do.
    pub fn bell(&self) -> &Arc<Notify> {
        &self.wake
    }
}
