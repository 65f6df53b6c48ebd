//! Whose address is whose: node j has 127.R.0.j, the links to it 127.R.i.j.
//! It never touches a socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

/// The last-but-one octet of listeners that clients' links get on demand.
const CLIENT_LINKS: u8 = 200;
/// From here on clients have their own addresses, 250 in each.
const CLIENTS: u8 = 201;
const CLIENTS_EACH: u16 = 250;
/// Where a listener is parked that wants the IPv6 half of a port alone.
const PARKED: u8 = 255;
/// Dialling nodes' numbers, as they stand in links' addresses, end here.
const NODES_MAX: u8 = 99;

/// Who dials.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Party {
    /// Node n1, n2, ...
    Node(u8),
    /// A client that is a program of its own.
    Client(u16),
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Node(node) => write!(f, "n{node}"),
            Party::Client(client) => write!(f, "c{client}"),
        }
    }
}

/// The addresses of one cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// R of 127.R.x.x.
    pub number: u8,
    /// How many nodes there are.
    pub nodes: u8,
}

/// What somebody wants to reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goal {
    /// A port of himself.
    Own(u16),
    /// A port of another node, over the link to it.
    Link(u8, u16),
    /// Nobody of the cluster.
    Elsewhere,
}

impl Plan {
    /// A node's own address.
    pub fn node(self, node: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.number, 0, node)
    }

    /// From where a party dials.
    pub fn own(self, party: Party) -> Ipv4Addr {
        match party {
            Party::Node(node) => self.node(node),
            Party::Client(client) => {
                let (group, place) = (client / CLIENTS_EACH, client % CLIENTS_EACH);
                // 53 groups of 250 are more than there can be clients.
                let group = CLIENTS + u8::try_from(group).unwrap_or(u8::MAX - CLIENTS - 1);
                Ipv4Addr::new(127, self.number, group, place as u8 + 1)
            }
        }
    }

    /// Where the links from a party to a node listen.
    pub fn link(self, from: Party, to: u8) -> Ipv4Addr {
        let middle = match from {
            Party::Node(node) => node,
            Party::Client(_) => CLIENT_LINKS,
        };
        Ipv4Addr::new(127, self.number, middle, to)
    }

    /// A second address of a node, for a listener that may not have the first.
    pub fn parked(self, node: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.number, PARKED, node)
    }

    /// The node behind an address: its own, or that of any link to it.
    pub fn node_at(self, ip: Ipv4Addr) -> Option<u8> {
        let [127, number, middle, node] = ip.octets() else { return None };
        let known = middle <= NODES_MAX || middle == PARKED;
        let is_node = (1..=self.nodes).contains(&node);
        (number == self.number && known && is_node).then_some(node)
    }

    /// What `party` wants at `address`, when `bound` says which ports are its own.
    pub fn goal(self, party: Party, address: SocketAddr, bound: impl Fn(u16) -> bool) -> Goal {
        let port = address.port();
        let here = match v4(address) {
            Some(address) => {
                if let Some(node) = self.node_at(*address.ip()) {
                    let own = party == Party::Node(node);
                    return if own { Goal::Own(port) } else { Goal::Link(node, port) };
                }
                *address.ip() == Ipv4Addr::LOCALHOST || address.ip().is_unspecified()
            }
            None => is_here_v6(address.ip()),
        };
        let own = here && matches!(party, Party::Node(_)) && bound(port);
        if own { Goal::Own(port) } else { Goal::Elsewhere }
    }

    /// Whether a listener of `party` that asks for `ip` gets the node's own address.
    pub fn is_own_to_bind(self, party: Party, address: SocketAddr) -> bool {
        let Party::Node(node) = party else { return false };
        match v4(address).map(|address| *address.ip()) {
            Some(ip) => ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == self.node(node),
            None => is_here_v6(address.ip()),
        }
    }
}

/// An address as IPv4 has it, also where it is wrapped in one of IPv6.
pub fn v4(address: SocketAddr) -> Option<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(address) => {
            let ip = address.ip().to_ipv4_mapped()?;
            Some(SocketAddrV4::new(ip, address.port()))
        }
    }
}

fn is_here_v6(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unspecified() || ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan { number: 7, nodes: 3 };

    #[test]
    fn a_goal_is_known_by_address_and_port() {
        let bound = |port| port == 2379;
        let check = |address: &str, expected: Goal| {
            let address = address.parse().unwrap();
            assert_eq!(PLAN.goal(Party::Node(1), address, bound), expected, "{address}");
        };
        check("127.7.0.2:2380", Goal::Link(2, 2380));
        // Addresses of links that somebody was told are right too.
        check("127.7.3.2:2380", Goal::Link(2, 2380));
        check("127.7.255.2:2380", Goal::Link(2, 2380));
        check("[::ffff:127.7.0.3]:80", Goal::Link(3, 80));
        check("127.7.0.1:9", Goal::Own(9));
        check("127.0.0.1:2379", Goal::Own(2379));
        check("[::1]:2379", Goal::Own(2379));
        check("0.0.0.0:2379", Goal::Own(2379));
        // Not a port of this node, nor an address of this cluster.
        check("127.0.0.1:2380", Goal::Elsewhere);
        check("127.7.0.4:2380", Goal::Elsewhere);
        check("127.8.0.2:2380", Goal::Elsewhere);
        check("127.7.100.2:20001", Goal::Elsewhere);
        check("10.0.0.2:2380", Goal::Elsewhere);
        check("[2001:db8::1]:2380", Goal::Elsewhere);
        let client = |address: &str| PLAN.goal(Party::Client(0), address.parse().unwrap(), bound);
        assert_eq!(client("127.7.0.1:2379"), Goal::Link(1, 2379));
        assert_eq!(client("127.0.0.1:2379"), Goal::Elsewhere);
    }

    #[test]
    fn everybody_has_an_address_of_his_own() {
        let clients = (0..12_768).map(Party::Client);
        let parties = clients.chain((1..=99).map(Party::Node));
        let mut all: Vec<Ipv4Addr> = parties.map(|party| PLAN.own(party)).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 12_768 + 99);
        assert!(!all.contains(&PLAN.parked(1)));
    }
}
