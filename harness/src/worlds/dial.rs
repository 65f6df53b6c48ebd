//! Connections to nodes at their addresses, and programs that are told these.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use tokio::net::TcpStream;

use crate::action::NodeId;
use crate::clock::Local;
use crate::limits::Shortages;
use crate::systems::Dial;
use crate::systems::clients::Program;

/// Starts client programs.
pub trait Launch {
    /// Begins to start it; what comes of that.
    fn launch(&self, argv: Vec<String>) -> Local<'static, io::Result<Box<dyn Program>>>;
}

/// Where n1, n2, ... are dialled.
#[derive(Clone, Default)]
pub struct Addresses {
    nodes: Vec<SocketAddr>,
    /// Where programs are told that nodes are, if that is somewhere else.
    told: Option<Vec<SocketAddr>>,
    /// Who starts client programs. None: nobody here can.
    launcher: Option<Rc<dyn Launch>>,
    /// What a dial failed for that was no node's doing.
    shortages: Shortages,
}

impl Addresses {
    /// Of a run that has nobody to tell what ran out.
    pub fn new(nodes: Vec<SocketAddr>) -> Addresses {
        Addresses { nodes, ..Addresses::default() }
    }

    /// The same, with somebody who starts programs.
    #[must_use]
    pub fn launching(self, launcher: Rc<dyn Launch>) -> Addresses {
        Addresses { launcher: Some(launcher), ..self }
    }

    /// The same, whose programs are told these addresses.
    #[must_use]
    pub fn telling(self, told: Vec<SocketAddr>) -> Addresses {
        Addresses { told: Some(told), ..self }
    }

    fn address(&self, node: NodeId) -> SocketAddr {
        let place = usize::from(node.0) - 1;
        *self.nodes.get(place).expect("only nodes of the cluster are asked")
    }

    /// Notes there what ran out.
    pub fn noting(nodes: Vec<SocketAddr>, shortages: Shortages) -> Addresses {
        Addresses { nodes, shortages, ..Addresses::default() }
    }
}

impl Dial for Addresses {
    fn dial(&self, node: NodeId) -> Local<'_, io::Result<TcpStream>> {
        self.dial_port(node, self.address(node).port())
    }

    /// At the same host. Only a node itself has other ports; a link has one.
    fn dial_port(&self, node: NodeId, port: u16) -> Local<'_, io::Result<TcpStream>> {
        let address = SocketAddr::new(self.address(node).ip(), port);
        Box::pin(async move {
            let dialled = TcpStream::connect(address).await;
            if let Err(error) = &dialled {
                self.shortages.note(&format!("{node} could not be dialled"), error);
            }
            dialled
        })
    }

    /// `{nodes}` becomes `n1=127.7.100.1:20003,n2=...`; where nodes are interposed, their own
    /// addresses.
    fn program(&self, argv: &[String]) -> Local<'static, io::Result<Box<dyn Program>>> {
        let nodes = self.told.as_ref().unwrap_or(&self.nodes);
        let named = nodes.iter().enumerate().map(|(at, node)| format!("n{}={node}", at + 1));
        let nodes = named.collect::<Vec<_>>().join(",");
        let argv = argv.iter().map(|argument| argument.replace("{nodes}", &nodes)).collect();
        if let Some(launcher) = &self.launcher {
            return launcher.launch(argv);
        }
        let error = io::Error::new(io::ErrorKind::Unsupported, "nobody starts it here");
        Box::pin(std::future::ready(Err(error)))
    }

    fn nodes(&self) -> u8 {
        self.nodes.len() as u8
    }

    /// A node's own address and that of a link to it differ in the third byte alone.
    fn node_at(&self, host: IpAddr) -> Option<NodeId> {
        let known = |address: &&SocketAddr| match (address.ip(), host) {
            (IpAddr::V4(link), IpAddr::V4(own)) => {
                let ([a, b, _, node], [c, d, middle, of]) = (link.octets(), own.octets());
                (a, b, node) == (c, d, of) && (middle == 0 || link == own)
            }
            (link, own) => link == own,
        };
        let place = self.nodes.iter().position(|address| known(&address))?;
        Some(NodeId(place as u8 + 1))
    }
}
