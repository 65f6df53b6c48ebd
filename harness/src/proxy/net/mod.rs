//! The addresses of one run, all on loopback and, but for what nodes choose themselves, all below
//! the ephemeral ports. It never listens for anyone: it only says who listens where, and holds the
//! claim.

pub mod gate;
mod unanswered;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};

use schism_interpose::Plan;

use crate::action::{ClientId, Endpoint, Link, NodeId};

/// Where a node listens for peers, and every link between nodes for the node that dials.
const PEER_PORT: u16 = 19_001;
const CLIENT_PORT: u16 = 19_002;
/// Held on 127.R.255.254 for as long as the run owns the number R.
const CLAIM_PORT: u16 = 19_000;
/// Client c dials port 20000 + c; 12,767 clients fit below the ephemeral range at 32768.
const CLIENT_LINK_PORT: u16 = 20_000;
/// The last-but-one octet of clients' links; nodes' links have the dialling node's number there.
const CLIENT_OCTET: u8 = 100;
/// As many ports of a node can have links of clients: one octet each, below those that client
/// programs have for themselves.
const CLIENT_DOORS_MAX: u8 = 50;
/// Node numbers stay below `CLIENT_OCTET`.
pub const NODES_MAX: u8 = 99;
/// Client ports stay below the ephemeral range.
pub const CLIENTS_MAX: u16 = 32_767 - CLIENT_LINK_PORT;

/// The address plan of one run, claimed: no other run uses it as long as this lives.
#[derive(Debug)]
pub struct RunNet {
    number: u8,
    peer_port: u16,
    /// Where every node listens for clients; the first is where operations go.
    client_ports: Vec<u16>,
    /// Links between nodes get their listeners when somebody dials.
    interposed: bool,
    _claim: Option<TcpListener>,
}

/// A way into a link: where it listens, and where the node does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Door {
    /// Whoever dials the link dials this.
    pub listens: SocketAddr,
    /// The node's own port.
    pub upstream: SocketAddr,
}

/// Which addresses are the nodes' own; outlives the claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeAddresses {
    number: u8,
}

impl RunNet {
    /// Claims a number nobody else holds, beginning at one that follows from our process id, so
    /// that runs side by side rarely try the same.
    pub fn claim() -> io::Result<RunNet> {
        let first = std::process::id() % 254;
        for step in 0..254 {
            let number = ((first + step) % 254) as u8 + 1;
            let claim = Ipv4Addr::new(127, number, 255, 254);
            match TcpListener::bind((claim, CLAIM_PORT)) {
                Ok(listener) => return Ok(RunNet::of(number, Some(listener))),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "all 254 address ranges 127.1.x.x ... 127.254.x.x are claimed by other runs",
        ))
    }

    fn of(number: u8, claim: Option<TcpListener>) -> RunNet {
        let (peer_port, client_ports) = (PEER_PORT, vec![CLIENT_PORT]);
        RunNet { number, peer_port, client_ports, interposed: false, _claim: claim }
    }

    /// The nodes listen at these ports, where the system has its own.
    pub fn listens_at(&mut self, peer: Option<u16>, client: Option<u16>) {
        self.peer_port = peer.unwrap_or(self.peer_port);
        self.client_ports[0] = client.unwrap_or(self.client_ports[0]);
    }

    /// They serve clients at these ports too.
    pub fn serves_at(&mut self, ports: &[u16]) {
        let first = self.client_ports[0];
        let more = ports.iter().copied().filter(|port| *port != first);
        self.client_ports = [first].into_iter().chain(more).collect();
    }

    /// Nodes dial each other at their own addresses: a link listens once somebody dials it.
    pub fn interpose(&mut self) {
        self.interposed = true;
    }

    pub fn number(&self) -> u8 {
        self.number
    }

    /// Whether links between nodes get their listeners when somebody dials.
    pub fn is_interposed(&self) -> bool {
        self.interposed
    }

    /// The address that `node` has for itself.
    pub fn ip(&self, node: NodeId) -> IpAddr {
        self.address(0, node.0, 0).ip()
    }

    /// The same for whoever interposes.
    pub fn plan(&self, nodes: u8) -> Plan {
        Plan { number: self.number, nodes }
    }

    /// Where `node` itself listens for peers; only the proxy dials it.
    pub fn peer(&self, node: NodeId) -> SocketAddr {
        self.address(0, node.0, self.peer_port)
    }

    /// Where `node` itself listens for clients; only the proxy dials it, and whoever wants to ask
    /// it past every fault.
    pub fn client(&self, node: NodeId) -> SocketAddr {
        self.address(0, node.0, self.client_ports[0])
    }

    /// Everywhere where `node` itself listens and it is known before it does.
    pub fn own(&self, node: NodeId) -> Vec<SocketAddr> {
        let clients = self.client_ports.iter().map(|&port| self.address(0, node.0, port));
        [self.peer(node)].into_iter().chain(clients).collect()
    }

    /// The listeners that a link has from the start.
    pub fn doors(&self, link: Link) -> Vec<Door> {
        let Endpoint::Client(ClientId(client)) = link.from else {
            let door = Door { listens: self.link(link), upstream: self.upstream(link) };
            return if self.interposed { Vec::new() } else { vec![door] };
        };
        let door = |(k, port): (usize, &u16)| Door {
            listens: self.client_link(client, link.to, k as u8),
            upstream: self.address(0, link.to.0, *port),
        };
        self.client_ports.iter().enumerate().map(door).collect()
    }

    /// What client `client` dials to reach the port `k` of `to`, in the order of its ports.
    fn client_link(&self, client: u16, to: NodeId, k: u8) -> SocketAddr {
        assert!(client <= CLIENTS_MAX, "client ports end below the ephemeral range");
        assert!(k < CLIENT_DOORS_MAX, "a node serves clients at few ports");
        self.address(CLIENT_OCTET + k, to.0, CLIENT_LINK_PORT + client)
    }

    /// Where the proxy listens for this link: what `link.from` dials to reach `link.to`.
    pub fn link(&self, link: Link) -> SocketAddr {
        match link.from {
            Endpoint::Node(from) => self.address(from.0, link.to.0, PEER_PORT),
            Endpoint::Client(ClientId(client)) => self.client_link(client, link.to, 0),
        }
    }

    pub fn upstream(&self, link: Link) -> SocketAddr {
        match link.from {
            Endpoint::Node(_) => self.peer(link.to),
            Endpoint::Client(_) => self.client(link.to),
        }
    }

    /// What `from` dials to reach its peer `to`.
    pub fn peer_link(&self, from: NodeId, to: NodeId) -> SocketAddr {
        self.link(Link { from: Endpoint::Node(from), to })
    }

    /// Which addresses are the nodes' own.
    pub fn nodes(&self) -> NodeAddresses {
        NodeAddresses { number: self.number }
    }

    fn address(&self, middle: u8, last: u8, port: u16) -> SocketAddr {
        assert!(
            middle < CLIENT_OCTET + CLIENT_DOORS_MAX && (1..=NODES_MAX).contains(&last),
            "nodes are n1 ... n99"
        );
        SocketAddrV4::new(Ipv4Addr::new(127, self.number, middle, last), port).into()
    }
}

impl NodeAddresses {
    /// The node that listens for peers or clients at `address`, if it is one of the run's.
    pub fn owner(self, address: SocketAddr) -> Option<NodeId> {
        let SocketAddr::V4(address) = address else { return None };
        match address.ip().octets() {
            [127, number, 0, node] if number == self.number && (1..=NODES_MAX).contains(&node) => {
                Some(NodeId(node))
            }
            _ => None,
        }
    }
}

/// Every link of a cluster: each ordered pair of nodes, and each client to each node.
pub fn all_links(nodes: u8, clients: u16) -> Vec<Link> {
    let from = NodeId::all(nodes)
        .map(Endpoint::Node)
        .chain((0..clients).map(|client| Endpoint::Client(ClientId(client))));
    from.flat_map(|from| NodeId::all(nodes).map(move |to| Link { from, to }))
        .filter(|link| link.from != Endpoint::Node(link.to))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_plan_and_each_link_has_its_own() {
        let net = RunNet::of(7, None);
        let [n1, n2] = [NodeId(1), NodeId(2)];
        assert_eq!(net.peer(n2).to_string(), "127.7.0.2:19001");
        assert_eq!(net.client(n2).to_string(), "127.7.0.2:19002");
        let between = Link { from: Endpoint::Node(n1), to: n2 };
        assert_eq!(net.link(between).to_string(), "127.7.1.2:19001");
        assert_eq!(net.upstream(between), net.peer(n2));
        let from_client = Link { from: Endpoint::Client(ClientId(3)), to: n2 };
        assert_eq!(net.link(from_client).to_string(), "127.7.100.2:20003");
        assert_eq!(net.upstream(from_client), net.client(n2));
        assert_eq!(net.nodes().owner(net.peer(n2)), Some(n2));
        assert_eq!(net.nodes().owner(net.link(between)), None);

        let links = all_links(5, 10);
        assert_eq!(links.len(), 20 + 50);
        let mut addresses: Vec<_> = links.iter().map(|&link| net.link(link)).collect();
        addresses.extend(NodeId::all(5).flat_map(|node| [net.peer(node), net.client(node)]));
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), 20 + 50 + 10);
    }

    #[test]
    fn a_node_with_ports_of_its_own_has_a_link_for_each_and_none_between_nodes_before_a_dial() {
        let mut net = RunNet::of(7, None);
        net.listens_at(None, Some(2379));
        net.serves_at(&[2380, 2379]);
        net.interpose();
        let n2 = NodeId(2);
        assert_eq!(net.client(n2).to_string(), "127.7.0.2:2379");
        assert_eq!(net.ip(n2).to_string(), "127.7.0.2");
        let doors = net.doors(Link { from: Endpoint::Client(ClientId(3)), to: n2 });
        let shown: Vec<_> =
            doors.iter().map(|one| format!("{} {}", one.listens, one.upstream)).collect();
        assert_eq!(shown, ["127.7.100.2:20003 127.7.0.2:2379", "127.7.101.2:20003 127.7.0.2:2380"]);
        assert_eq!(net.doors(Link { from: Endpoint::Node(NodeId(1)), to: n2 }), []);
        assert_eq!(net.own(n2).len(), 3);
    }

    #[test]
    fn two_claims_never_meet() {
        let (one, two) = (RunNet::claim().unwrap(), RunNet::claim().unwrap());
        assert_ne!(one.number(), two.number());
    }
}
