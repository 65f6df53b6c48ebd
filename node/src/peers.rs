//! The links to the other nodes. This node dials every other one and sends all its messages to it
//! over that connection; what comes in over accepted ones are messages to this node.
//!
//! A frame is a length (u32, little endian) and a message as `schism_protocol::wire` lays it out:
//! kind, epoch, body. The first frame of a connection names its sender. Messages of one connection
//! arrive in order; when it breaks, what waited on it is dropped: protocols bear loss, and a stale
//! message helps nobody. It never blocks the loop and never says a word about a peer that is down.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use schism_protocol::NodeId;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use crate::inbox::{Arrived, Inbox};
use crate::link::{Link, Unflushed, accept};

/// A frame is never larger: a protocol's batch is at most about 1 MiB, a snapshot's chunk likewise.
const FRAME_BYTES_MAX: usize = 8 << 20;
/// More than this waits for no peer: about a second of a busy log.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// A dial that takes longer is tried anew: a held partition lets the next SYN in when it heals.
const DIAL_TIMEOUT: Duration = Duration::from_millis(500);
/// After a refused dial. A restarted node is found again within an election timeout (150 ms).
const REDIAL_DELAYS_MS: [u64; 4] = [20, 40, 80, 100];
/// Kind of the frame that names the sender; kinds of protocols count from 0.
const HELLO_KIND: u8 = 255;
/// The version of this framing, in the hello.
const HELLO_WORD: &[u8] = b"schism-peer/1";
/// Room for a read: several frames of a busy log.
const READ_BYTES: usize = 64 << 10;

pub struct Peers {
    me: NodeId,
    incarnation: u64,
    outgoing: BTreeMap<NodeId, RefCell<Option<Rc<Link>>>>,
    /// The newest connection of each sender: what an older one still brings is dropped.
    incoming: RefCell<BTreeMap<NodeId, Rc<Link>>>,
    unflushed: Unflushed,
    inbox: Rc<Inbox>,
}

impl Peers {
    /// Listens, and dials every other node for ever.
    pub fn start(
        me: NodeId,
        incarnation: u64,
        listener: TcpListener,
        addresses: &BTreeMap<NodeId, SocketAddr>,
        inbox: Rc<Inbox>,
    ) -> Rc<Self> {
        let peers = Rc::new(Self {
            me,
            incarnation,
            outgoing: addresses.keys().map(|node| (*node, RefCell::default())).collect(),
            incoming: RefCell::default(),
            unflushed: Unflushed::default(),
            inbox,
        });
        let own = Rc::clone(&peers);
        accept(listener, move |stream| drop(spawn_local(Rc::clone(&own).receive(stream))));
        for (node, address) in addresses {
            spawn_local(Rc::clone(&peers).dial(*node, *address));
        }
        peers
    }

    /// Sends, unless the link is down or too much waits on it: then the message is lost.
    pub fn send(&self, to: NodeId, message: &[u8]) {
        let Some(slot) = self.outgoing.get(&to) else { return };
        let slot = slot.borrow();
        let Some(link) = slot.as_ref() else { return };
        let waiting = link.waiting_bytes();
        if waiting > 0 && waiting + message.len() > WAITING_BYTES_MAX {
            return;
        }
        link.write(|out| frame(out, message));
        self.unflushed.list(link);
    }

    /// Lets everything sent in this turn go.
    pub fn flush(&self) {
        self.unflushed.flush();
    }

    async fn dial(self: Rc<Self>, node: NodeId, address: SocketAddr) {
        let mut failures = 0;
        loop {
            if let Ok(Ok(stream)) = timeout(DIAL_TIMEOUT, TcpStream::connect(address)).await {
                failures = 0;
                let (link, reader) = Link::start(stream);
                link.write(|out| frame(out, &hello(self.me, node, self.incarnation)));
                link.flush();
                *self.outgoing[&node].borrow_mut() = Some(Rc::clone(&link));
                until_end(reader).await;
                *self.outgoing[&node].borrow_mut() = None;
                link.close();
            }
            let delay = REDIAL_DELAYS_MS[failures.min(REDIAL_DELAYS_MS.len() - 1)];
            failures += 1;
            sleep(Duration::from_millis(delay)).await;
        }
    }

    async fn receive(self: Rc<Self>, stream: TcpStream) {
        let (link, mut reader) = Link::start(stream);
        let (mut frames, mut buffer) = (frames(), BytesMut::with_capacity(READ_BYTES));
        let mut sender = None;
        while matches!(reader.read_buf(&mut buffer).await, Ok(1..)) && !link.is_closed() {
            loop {
                match frames.decode(&mut buffer) {
                    Ok(Some(message)) => {
                        if !self.take(message.freeze(), &mut sender, &link) {
                            return link.close();
                        }
                    }
                    Ok(None) => break,
                    Err(_) => return link.close(),
                }
            }
            buffer.reserve(READ_BYTES);
        }
        link.close();
    }

    /// False: the connection is of no more use.
    fn take(&self, message: Bytes, sender: &mut Option<NodeId>, link: &Rc<Link>) -> bool {
        match *sender {
            None => *sender = self.greet(&message, link),
            Some(from) if !link.is_closed() => self.inbox.put(Arrived::Message { from, message }),
            Some(_) => return false,
        }
        sender.is_some()
    }

    /// Who is at the other end; a newer connection of the same node takes the older one's place.
    fn greet(&self, message: &[u8], link: &Rc<Link>) -> Option<NodeId> {
        let (from, to, _) = read_hello(message)?;
        if to != self.me || !self.outgoing.contains_key(&from) {
            return None;
        }
        if let Some(older) = self.incoming.borrow_mut().insert(from, Rc::clone(link)) {
            older.close();
        }
        Some(from)
    }
}

/// Nothing comes back over a dialled connection but its end.
async fn until_end(mut reader: OwnedReadHalf) {
    let mut nothing = [0; 64];
    while matches!(reader.read(&mut nothing).await, Ok(1..)) {}
}

fn frame(out: &mut Vec<u8>, message: &[u8]) {
    assert!(message.len() <= FRAME_BYTES_MAX, "a protocol's message fits into a frame");
    out.extend_from_slice(&(message.len() as u32).to_le_bytes());
    out.extend_from_slice(message);
}

fn frames() -> LengthDelimitedCodec {
    let mut frames = LengthDelimitedCodec::builder();
    frames.little_endian().max_frame_length(FRAME_BYTES_MAX).new_codec()
}

/// `kind | epoch 0 | word | from | to | incarnation`: laid out like any message.
fn hello(from: NodeId, to: NodeId, incarnation: u64) -> Vec<u8> {
    let mut hello = vec![HELLO_KIND];
    hello.extend_from_slice(&0_u64.to_le_bytes());
    hello.extend_from_slice(HELLO_WORD);
    hello.extend_from_slice(&[from.0, to.0]);
    hello.extend_from_slice(&incarnation.to_le_bytes());
    hello
}

fn read_hello(message: &[u8]) -> Option<(NodeId, NodeId, u64)> {
    let rest = message.strip_prefix(&[HELLO_KIND, 0, 0, 0, 0, 0, 0, 0, 0])?;
    let [from, to, incarnation @ ..] = rest.strip_prefix(HELLO_WORD)? else { return None };
    Some((NodeId(*from), NodeId(*to), u64::from_le_bytes(incarnation.try_into().ok()?)))
}

#[cfg(test)]
mod tests;
