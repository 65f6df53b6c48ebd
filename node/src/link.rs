//! The writing half of a connection: what is to be sent collects in a buffer and leaves with one
//! write a turn of the loop; what the kernel does not take waits for a task of its own.
//! It never blocks the loop, whatever the other side does.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;

/// A connection that can be written to.
pub struct Link {
    half: OwnedWriteHalf,
    out: RefCell<Vec<u8>>,
    sent: Cell<usize>,
    /// Something is left over for the writing task.
    left_over: Notify,
    /// The buffer became empty.
    drained: Notify,
    closed: Cell<bool>,
    /// It is among the links to flush at the end of this turn.
    listed: Cell<bool>,
}

impl Link {
    /// Takes a connection over; its reading half is for the caller.
    pub fn start(stream: TcpStream) -> (Rc<Self>, OwnedReadHalf) {
        // Without it a small answer waits for the acknowledgement of the one before. It can only
        // fail on a socket that is gone, and the first write says that.
        let _ = stream.set_nodelay(true);
        let (reader, half) = stream.into_split();
        let link = Rc::new(Self {
            half,
            out: RefCell::default(),
            sent: Cell::new(0),
            left_over: Notify::new(),
            drained: Notify::new(),
            closed: Cell::new(false),
            listed: Cell::new(false),
        });
        tokio::task::spawn_local(write_left_over(Rc::clone(&link)));
        (link, reader)
    }

    /// Adds to what is to be sent. The caller lists the link as unflushed, or flushes it.
    pub fn write(&self, add: impl FnOnce(&mut Vec<u8>)) {
        if !self.closed.get() {
            add(&mut self.out.borrow_mut());
        }
    }

    pub fn waiting_bytes(&self) -> usize {
        self.out.borrow().len() - self.sent.get()
    }

    /// Sends what the kernel takes now.
    pub fn flush(&self) {
        self.listed.set(false);
        let mut out = self.out.borrow_mut();
        while self.sent.get() < out.len() {
            if self.closed.get() {
                return;
            }
            match self.half.try_write(&out[self.sent.get()..]) {
                Ok(bytes) => self.sent.set(self.sent.get() + bytes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    out.drain(..self.sent.replace(0));
                    self.left_over.notify_one();
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    drop(out);
                    return self.close();
                }
            }
        }
        out.clear();
        self.sent.set(0);
        self.drained.notify_waiters();
    }

    /// Waits until nothing waits any more, or the connection is closed.
    pub async fn drained(&self) {
        while self.waiting_bytes() > 0 && !self.closed.get() {
            self.drained.notified().await;
        }
    }

    /// Says that nothing more will be sent; the other side may go on.
    pub fn finish(&self) {
        let _ = SockRef::from(self.half.as_ref()).shutdown(Shutdown::Write);
    }

    /// Ends the connection and drops what waits. The reading half sees its end.
    pub fn close(&self) {
        if !self.closed.replace(true) {
            // It may be gone already: then there is nothing to shut down.
            let _ = SockRef::from(self.half.as_ref()).shutdown(Shutdown::Both);
            self.out.take();
            self.sent.set(0);
            self.left_over.notify_one();
            self.drained.notify_waiters();
        }
    }

    /// Whether it was closed, from here or because a write failed.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }
}

/// Links that were written to in this turn of the loop.
#[derive(Default)]
pub struct Unflushed(RefCell<Vec<Rc<Link>>>);

impl Unflushed {
    /// Adds a link, once a turn.
    pub fn list(&self, link: &Rc<Link>) {
        if !link.listed.replace(true) {
            self.0.borrow_mut().push(Rc::clone(link));
        }
    }

    /// Sends what the kernel takes now, of all of them.
    pub fn flush(&self) {
        for link in self.0.borrow_mut().drain(..) {
            link.flush();
        }
    }
}

/// Takes every connection that comes, for ever.
pub fn accept(listener: TcpListener, mut take: impl FnMut(TcpStream) + 'static) {
    tokio::task::spawn_local(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => take(stream),
                // Out of descriptors: some connection will end.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    });
}

async fn write_left_over(link: Rc<Link>) {
    loop {
        link.left_over.notified().await;
        if link.is_closed() {
            return;
        }
        if link.half.writable().await.is_err() {
            return link.close();
        }
        link.flush();
    }
}
