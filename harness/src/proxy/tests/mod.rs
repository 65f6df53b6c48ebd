//! The proxy between real sockets. Waits are for conditions, with deadlines far beyond any
//! machine's hiccup; that something does not arrive is shown by its having been counted elsewhere.

mod blocks;
mod frames;
mod interposed;
mod straight;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::action::{ClientId, Delay, Distribution, Endpoint, Link, NodeId, OverlayId, Style};
use crate::limits::Shortages;

use super::*;

/// Far beyond what any of this takes.
const LONG: Duration = Duration::from_secs(30);
const LINK: Link = Link { from: Endpoint::Client(ClientId(0)), to: NodeId(1) };
/// The overlay that tests put on.
const ID: OverlayId = OverlayId(7);

/// A proxy with one link, and the node behind it.
struct Stage {
    proxy: Proxy,
    node: TcpListener,
    /// Last, so that nobody claims the addresses before they are free.
    net: RunNet,
}

impl Stage {
    fn new() -> Stage {
        let net = RunNet::claim().unwrap();
        let node = TcpListener::bind(net.upstream(LINK)).unwrap();
        let proxy = Proxy::start(&net, &[LINK], 1, &[], &Shortages::default()).unwrap();
        Stage { proxy, node, net }
    }

    fn address(&self) -> SocketAddr {
        self.net.link(LINK)
    }

    /// Both ends of a new connection through the link.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address()).unwrap();
        let (node, _) = self.node.accept().unwrap();
        for stream in [&client, &node] {
            stream.set_read_timeout(Some(LONG)).unwrap();
            stream.set_nodelay(true).unwrap();
        }
        (client, node)
    }

    fn set(&self, forward: FlowShape, backward: FlowShape) {
        self.proxy.set(LINK, LinkShape { forward, backward });
    }

    fn block(&self, style: Style) {
        self.set(blocked(style), blocked(style));
    }

    fn heal(&self) {
        self.proxy.set(LINK, LinkShape::default());
    }

    fn effect(&self) -> Effect {
        self.proxy.effect(ID)
    }
}

fn clear() -> FlowShape {
    FlowShape::default()
}

fn blocked(style: Style) -> FlowShape {
    FlowShape { blocks: vec![(ID, style)], ..clear() }
}

fn slowed(delay: Delay) -> FlowShape {
    FlowShape { delays: vec![(ID, delay)], ..clear() }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "not within {LONG:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The next `text.len()` bytes are these.
fn expect(stream: &mut TcpStream, text: &[u8]) {
    let mut bytes = vec![0; text.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(text));
}

/// The other side has closed, in order.
fn expect_fin(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "a FIN, and nothing before it");
}

fn expect_rst(stream: &mut TcpStream) {
    let error = stream.read(&mut [0]).expect_err("an RST, not a FIN and no bytes");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// Nothing is there now: no byte, no FIN, no RST.
fn expect_silence(stream: &mut TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let read = stream.read(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    assert_eq!(read.expect_err("nothing may be there").kind(), ErrorKind::WouldBlock);
}

fn send(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).unwrap();
}

/// Closes with an RST.
fn abort(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}
