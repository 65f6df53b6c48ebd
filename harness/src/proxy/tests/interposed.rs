//! Links of nodes that dial each other at their own addresses: listeners come with the first dial.

use std::os::fd::AsFd;

use schism_interpose::{Joining, Links, Party, Passage as Met};
use socket2::{Domain, Socket, Type};

use super::*;
use crate::action::{DELAYED_SEGMENTS, REFUSED_CONNECTIONS, RESET_CONNECTIONS};

const N1: Party = Party::Node(1);
const TO_N2: Link = Link { from: Endpoint::Node(NodeId(1)), to: NodeId(2) };

/// n1 and n2, of which n2 listens at two ports.
struct Two {
    proxy: Proxy,
    ports: Ports,
    nodes: [TcpListener; 2],
    net: RunNet,
}

impl Two {
    fn new() -> Two {
        let mut net = RunNet::claim().unwrap();
        net.interpose();
        let proxy = Proxy::start(&net, &all_links(2, 1), 1, &[], &Shortages::default()).unwrap();
        let ports = proxy.ports(&net, 2, Box::new(|_, _| {}));
        let ip = net.ip(NodeId(2));
        let nodes = [2379, 2380].map(|port| TcpListener::bind((ip, port)).unwrap());
        Two { proxy, ports, nodes, net }
    }

    fn port(&self, which: usize) -> u16 {
        self.nodes[which].local_addr().unwrap().port()
    }

    fn block(&self, style: Style) {
        self.proxy.set(TO_N2, LinkShape { forward: blocked(style), backward: blocked(style) });
    }

    fn heal(&self) {
        self.proxy.set(TO_N2, LinkShape::default());
    }

    /// A socket of n1's that has not been connected.
    fn socket(&self) -> Socket {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let std::net::IpAddr::V4(own) = self.net.ip(NodeId(1)) else { unreachable!() };
        schism_interpose::come_from(socket.as_fd(), own).unwrap();
        socket
    }

    /// As an interposed dial goes: the node first, then the caller.
    fn connect(&self, which: usize) -> (TcpStream, TcpStream) {
        let upstream = self.socket();
        upstream.connect(&self.nodes[which].local_addr().unwrap().into()).unwrap();
        upstream.set_nonblocking(true).unwrap();
        let joining = self.ports.join(N1, 2, self.port(which)).unwrap();
        let caller = self.socket();
        caller.connect(&SocketAddr::from(joining.listener()).into()).unwrap();
        let SocketAddr::V4(name) = caller.local_addr().unwrap().as_socket().unwrap() else {
            unreachable!()
        };
        joining.adopt(name, upstream.into());
        (caller.into(), self.accept(which))
    }

    fn accept(&self, which: usize) -> TcpStream {
        let (node, peer) = self.nodes[which].accept().unwrap();
        assert_eq!(peer.ip(), self.net.ip(NodeId(1)), "the acceptor sees the dialler");
        node
    }
}

fn listener(joining: Box<dyn Joining + '_>) -> SocketAddr {
    joining.listener().into()
}

#[test]
fn every_port_is_a_listener_of_the_link_and_they_share_its_counters_and_its_state() {
    let two = Two::new();
    assert_eq!(two.proxy.counts(TO_N2), LinkCounts::default());
    let mut pairs = [two.connect(0), two.connect(1)];
    for (caller, node) in &mut pairs {
        send(caller, b"ping");
        expect(node, b"ping");
        send(node, b"pong!");
        expect(caller, b"pong!");
    }
    let counted = LinkCounts { connections: 2, forward_bytes: 8, backward_bytes: 10 };
    eventually("all of it is counted", || two.proxy.counts(TO_N2) == counted);
    let at = |which| listener(two.ports.join(N1, 2, two.port(which)).unwrap());
    assert_eq!(at(0).to_string(), format!("127.{}.1.2:2379", two.net.number()));
    assert_eq!(at(0), at(0), "a port is made once");
    two.block(Style::Reset);
    for (caller, node) in &mut pairs {
        expect_rst(caller);
        expect_rst(node);
    }
    eventually("both are counted", || two.proxy.effect(ID).count(RESET_CONNECTIONS) == 2);
}

#[test]
fn what_a_dial_meets_is_said_and_a_refusal_is_counted() {
    let two = Two::new();
    let met = |from, to| two.ports.passage(from, to, 2379);
    let cases = [
        (Style::Hold, Met::Dark, 0),
        (Style::Blackhole, Met::Dark, 0),
        (Style::Refuse, Met::Refused, 1),
        (Style::Reset, Met::Refused, 2),
    ];
    assert_eq!(met(N1, 2), Met::Open);
    for (style, expected, refused) in cases {
        two.block(style);
        assert_eq!(met(N1, 2), expected, "{style:?}");
        assert_eq!(two.proxy.effect(ID).count(REFUSED_CONNECTIONS), refused, "{style:?}");
        assert_eq!(met(Party::Node(2), 1), Met::Open, "another link");
    }
    assert_eq!(met(N1, 1), Met::Refused, "nobody has a link to himself");
    assert_eq!(met(Party::Client(0), 2), Met::Open);
}

#[test]
fn a_port_that_is_first_dialled_while_its_link_is_held_holds() {
    let two = Two::new();
    two.block(Style::Hold);
    let caller = two.socket();
    let held = listener(two.ports.join(N1, 2, two.port(0)).unwrap());
    caller.set_nonblocking(true).unwrap();
    let begun = caller.connect(&held.into()).unwrap_err();
    assert_eq!(begun.raw_os_error(), Some(nix::libc::EINPROGRESS));
    eventually("its SYN is counted", || two.proxy.effect(ID).count(REFUSED_CONNECTIONS) > 0);
    two.nodes[0].set_nonblocking(true).unwrap();
    assert_eq!(two.nodes[0].accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    two.nodes[0].set_nonblocking(false).unwrap();
    two.heal();
    let mut node = two.accept(0);
    let mut caller = TcpStream::from(caller);
    caller.set_nonblocking(false).unwrap();
    send(&mut caller, b"late");
    expect(&mut node, b"late");
}

#[test]
fn bytes_are_held_and_delayed_on_it_as_on_any_other() {
    let two = Two::new();
    let (mut caller, mut node) = two.connect(0);
    two.block(Style::Hold);
    send(&mut caller, b"held");
    eventually("it is counted", || two.proxy.effect(ID).count(crate::action::HELD_BYTES) == 4);
    expect_silence(&mut node);
    let [delay, jitter] = [1, 0].map(Duration::from_millis);
    let delay = Delay { delay, jitter, distribution: Distribution::Fixed };
    two.proxy.set(TO_N2, LinkShape { forward: slowed(delay), backward: clear() });
    // What comes before the link has its new shape is still held, and not delayed.
    expect(&mut node, b"held");
    send(&mut caller, b"slow");
    expect(&mut node, b"slow");
    eventually("it is counted", || two.proxy.effect(ID).count(DELAYED_SEGMENTS) > 0);
}

#[test]
fn a_caller_whose_node_went_away_meanwhile_is_reset() {
    let Two { proxy: _proxy, ports, nodes, net } = Two::new();
    let port = nodes[0].local_addr().unwrap().port();
    drop(nodes);
    let at = listener(ports.join(N1, 2, port).unwrap());
    let mut caller = TcpStream::connect(at).unwrap();
    expect_rst(&mut caller);
    drop(net);
}
