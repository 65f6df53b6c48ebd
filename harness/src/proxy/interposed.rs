//! Links as nodes dial them that know nothing of links: any port of any node, at the node's own
//! address. A port listens from its first dial on, in the state that its link has then.
//! It never changes that state.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use schism_interpose::{Joining, Links, Note, Party, Passage, Plan};

use super::Opening;
use super::control::{Control, OnDemand, Shared};
use super::link::Interposed;
use super::link::handed::Handed;
use super::link::shape::Arrival;
use super::net::gate::Listening;
use crate::action::{ClientId, Endpoint, Link, NodeId};

/// The proxy's thread never waits for anybody; this is for a machine that stands still.
const OPENS_MAX: Duration = Duration::from_secs(5);

/// Is told what was seen.
pub type Noted = Box<dyn Fn(Party, Note) + Send + Sync>;

/// The links of one cluster, as `schism_interpose` asks for them.
pub struct Ports {
    shared: Arc<Shared>,
    plan: Plan,
    noted: Noted,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Ports {
    pub(super) fn new(shared: Arc<Shared>, plan: Plan, noted: Noted) -> Ports {
        Ports { shared, plan, noted }
    }

    fn link(&self, from: Party, to: u8) -> Option<(Link, &Control)> {
        let from = match from {
            Party::Node(node) => Endpoint::Node(NodeId(node)),
            Party::Client(client) => Endpoint::Client(ClientId(client)),
        };
        let link = Link { from, to: NodeId(to) };
        self.shared.links.get(&link).map(|control| (link, control))
    }

    /// Makes a port listen.
    fn open(&self, link: Link, control: &Control, from: Party, port: u16) -> io::Result<OnDemand> {
        let to = link.to.0;
        let listening = listen(self.plan.link(from, to), port)?;
        let SocketAddr::V4(listens) = listening.address()? else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        control.add(listening.clone());
        let made = OnDemand { listens, handed: Arc::default() };
        let at = |ip: Ipv4Addr| SocketAddr::from(SocketAddrV4::new(ip, port));
        let interposed = Interposed {
            from: self.plan.own(from),
            parked: at(self.plan.parked(to)),
            handed: made.handed.clone(),
        };
        let (opened, opens) = mpsc::channel();
        let opening = Opening {
            link,
            upstream: at(self.plan.node(to)),
            listening,
            interposed: Some(interposed),
            opened: Some(opened),
        };
        let gone = |_| io::Error::from(io::ErrorKind::ConnectionAborted);
        self.shared.orders.send(opening).map_err(gone)?;
        // Nothing is ever sent: it ends when the gate stands, so that no caller slips through a
        // link that is held.
        let _ = opens.recv_timeout(OPENS_MAX);
        Ok(made)
    }
}

/// At the node's port, so that names are what people expect; somebody else's wildcard, or a port
/// that only root may have, leaves another one.
fn listen(ip: Ipv4Addr, port: u16) -> io::Result<Listening> {
    let on = |port| Listening::on(SocketAddrV4::new(ip, port).into());
    on(port).or_else(|_| on(0))
}

impl Links for Ports {
    fn passage(&self, from: Party, to: u8, _: u16) -> Passage {
        // Nobody has a link to himself, and no other party is known.
        let Some((_, control)) = self.link(from, to) else { return Passage::Refused };
        let state = control.state.borrow().clone();
        match state.shape.arrival() {
            Arrival::Accept => Passage::Open,
            Arrival::Swallow | Arrival::Hang => Passage::Dark,
            Arrival::Refuse => {
                state.count_refused(1);
                Passage::Refused
            }
        }
    }

    fn join(&self, from: Party, to: u8, port: u16) -> io::Result<Box<dyn Joining + '_>> {
        let (link, control) = self.link(from, to).ok_or(io::ErrorKind::NotFound)?;
        let mut ports = control.on_demand();
        let known = ports.get(&port).cloned();
        let OnDemand { listens, handed } = if let Some(known) = known {
            known
        } else {
            let made = self.open(link, control, from, port)?;
            ports.insert(port, made.clone());
            made
        };
        handed.begin();
        Ok(Box::new(Join { listens, handed, dialled: None }))
    }

    fn note(&self, from: Party, note: Note) {
        (self.noted)(from, note);
    }
}

/// Somebody who is being connected.
struct Join {
    listens: SocketAddrV4,
    handed: Arc<Handed>,
    dialled: Option<(SocketAddr, TcpStream)>,
}

impl Joining for Join {
    fn listener(&self) -> SocketAddrV4 {
        self.listens
    }

    fn adopt(mut self: Box<Self>, caller: SocketAddrV4, upstream: TcpStream) {
        self.dialled = Some((caller.into(), upstream));
    }
}

impl Drop for Join {
    fn drop(&mut self) {
        self.handed.end(self.dialled.take());
    }
}
