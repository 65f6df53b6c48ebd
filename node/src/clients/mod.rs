//! The clients' protocol: one JSON object a line each way, requests answered in any order.
//! It never answers for the protocol: it refuses what it cannot read or has no room for, and says
//! `shutting-down` when the node ends.

pub mod answer;
pub mod ask;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use schism_protocol::{NodeId, Reply, Request, Status, Ticket};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_util::codec::{AnyDelimiterCodec, Decoder};

use crate::inbox::{Arrived, Inbox};
use crate::link::{Link, Unflushed, accept};
use ask::{Ask, LINE_BYTES_MAX, Line, No};

/// More clients than any workload has, well below the usual limit of 1,024 descriptors.
const CONNECTIONS_MAX: usize = 900;
/// Requests of one connection under way: four times the deepest pipeline of the benchmark.
const PENDING_PER_CONNECTION_MAX: usize = 1024;
/// Requests of all connections under way, however a protocol may fail to answer.
const PENDING_MAX: usize = 64 << 10;
/// A client that does not read its answers is not read from either.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// Answers to requests already under way may add to that; a client this far behind is cut off.
const UNREAD_BYTES_MAX: usize = 64 << 20;
/// How long a client may go on sending after it was told that its line is too long.
const LINGER: Duration = Duration::from_secs(1);
/// Room for a read: a line of the usual size many times over.
const READ_BYTES: usize = 16 << 10;

/// Everyone who is connected, and what they wait for.
pub struct Clients {
    connections: Cell<usize>,
    pending: RefCell<HashMap<Ticket, Pending>>,
    last_ticket: Cell<u64>,
    unflushed: Unflushed,
    inbox: Rc<Inbox>,
}

struct Connection {
    link: Rc<Link>,
    pending: Cell<usize>,
    /// Nothing more will come; it is closed when everything is answered.
    ended: Cell<bool>,
}

struct Pending {
    connection: Rc<Connection>,
    id: Box<[u8]>,
    in_session: bool,
}

impl Clients {
    pub fn start(listener: TcpListener, inbox: Rc<Inbox>) -> Rc<Self> {
        let clients = Rc::new(Self {
            connections: Cell::new(0),
            pending: RefCell::default(),
            last_ticket: Cell::new(0),
            unflushed: Unflushed::default(),
            inbox,
        });
        let own = Rc::clone(&clients);
        accept(listener, move |stream| drop(spawn_local(Rc::clone(&own).serve(stream))));
        clients
    }

    /// Answers a request; a second answer to the same one goes nowhere.
    pub fn reply(&self, ticket: Ticket, reply: &Reply) {
        self.answer(ticket, |out, asked| answer::reply(out, &asked.id, reply, asked.in_session));
    }

    /// Says what the node says of itself.
    pub fn status(&self, ticket: Ticket, node: NodeId, incarnation: u64, status: &Status) {
        self.answer(ticket, |out, asked| answer::status(out, &asked.id, node, incarnation, status));
    }

    fn answer(&self, ticket: Ticket, add: impl FnOnce(&mut Vec<u8>, &Pending)) {
        let Some(asked) = self.pending.borrow_mut().remove(&ticket) else { return };
        asked.connection.pending.set(asked.connection.pending.get() - 1);
        self.write(&asked.connection, |out| add(out, &asked));
    }

    /// Lets everything answered in this turn go.
    pub fn flush(&self) {
        self.unflushed.flush();
    }

    /// Tells everyone who waits that the node ends, and waits until they can have heard it.
    pub async fn shut_down(&self) {
        let mut links = Vec::new();
        for (_, Pending { connection, id, .. }) in self.pending.borrow_mut().drain() {
            self.write(&connection, |out| answer::shutting_down(out, &id));
            links.push(Rc::clone(&connection.link));
        }
        self.flush();
        let all = async {
            for link in &links {
                link.drained().await;
            }
        };
        // A client that does not read is not waited for.
        let _ = timeout(LINGER, all).await;
    }

    fn write(&self, connection: &Rc<Connection>, add: impl FnOnce(&mut Vec<u8>)) {
        if connection.link.waiting_bytes() > UNREAD_BYTES_MAX {
            connection.link.close();
        }
        connection.link.write(add);
        self.unflushed.list(&connection.link);
        if connection.ended.get() && connection.pending.get() == 0 {
            connection.finish();
        }
    }

    async fn serve(self: Rc<Self>, stream: TcpStream) {
        let (link, reader) = Link::start(stream);
        if self.connections.get() >= CONNECTIONS_MAX {
            let detail = format!("this node serves {CONNECTIONS_MAX} connections");
            link.write(|out| answer::no(out, None, &No { error: "overloaded", detail }));
            return dismiss(&link, reader).await;
        }
        self.connections.set(self.connections.get() + 1);
        let connection =
            Rc::new(Connection { link, pending: Cell::new(0), ended: Cell::new(false) });
        self.read(&connection, reader).await;
        connection.ended.set(true);
        if connection.pending.get() == 0 {
            connection.finish();
        }
        self.connections.set(self.connections.get() - 1);
    }

    async fn read(&self, connection: &Rc<Connection>, mut reader: OwnedReadHalf) {
        let (newline, nothing) = (b"\n".to_vec(), Vec::new());
        let mut lines = AnyDelimiterCodec::new_with_max_length(newline, nothing, LINE_BYTES_MAX);
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        while matches!(reader.read_buf(&mut buffer).await, Ok(1..)) {
            loop {
                match lines.decode(&mut buffer) {
                    Ok(Some(line)) => self.take(connection, ask::parse(&line)),
                    Ok(None) => break,
                    Err(_) => {
                        let detail = format!("a line has at most {LINE_BYTES_MAX} bytes");
                        let no = No { error: "malformed", detail };
                        connection.link.write(|out| answer::no(out, None, &no));
                        return dismiss(&connection.link, reader).await;
                    }
                }
            }
            connection.link.flush();
            if connection.link.waiting_bytes() > WAITING_BYTES_MAX {
                connection.link.drained().await;
            }
            buffer.reserve(READ_BYTES);
        }
    }

    fn take(&self, connection: &Rc<Connection>, line: Line) {
        let Line { id, ask } = line;
        let refuse = |no: &No| connection.link.write(|out| answer::no(out, id.as_deref(), no));
        match ask {
            Err(no) => refuse(&no),
            Ok(Ask::Status) => {
                self.inbox.put(Arrived::Status(self.admit(connection, id, false)));
            }
            Ok(Ask::Protocol(_)) if self.is_full(connection) => {
                let detail = "too many requests are under way".to_owned();
                refuse(&No { error: "overloaded", detail });
            }
            Ok(Ask::Protocol(request)) => {
                let in_session = matches!(request, Request::Append { session: Some(_), .. });
                let ticket = self.admit(connection, id, in_session);
                self.inbox.put(Arrived::Request { ticket, request });
            }
        }
    }

    fn is_full(&self, connection: &Connection) -> bool {
        connection.pending.get() >= PENDING_PER_CONNECTION_MAX
            || self.pending.borrow().len() >= PENDING_MAX
    }

    fn admit(
        &self,
        connection: &Rc<Connection>,
        id: Option<Box<[u8]>>,
        in_session: bool,
    ) -> Ticket {
        let id = id.expect("a line is understood only with its id");
        let ticket = Ticket(self.last_ticket.get() + 1);
        self.last_ticket.set(ticket.0);
        connection.pending.set(connection.pending.get() + 1);
        let connection = Rc::clone(connection);
        self.pending.borrow_mut().insert(ticket, Pending { connection, id, in_session });
        ticket
    }
}

impl Connection {
    /// Closes it once its last answer has left.
    fn finish(&self) {
        let link = Rc::clone(&self.link);
        spawn_local(async move {
            link.drained().await;
            link.close();
        });
    }
}

/// Sends what waits and closes, reading on for a while: closing with bytes unread would reset the
/// connection, and the other side might never see why.
async fn dismiss(link: &Link, mut reader: OwnedReadHalf) {
    link.flush();
    let reading = async {
        link.drained().await;
        link.finish();
        let mut nothing = vec![0; READ_BYTES];
        while matches!(reader.read(&mut nothing).await, Ok(1..)) {}
    };
    let _ = timeout(LINGER, reading).await;
    link.close();
}
