//! What a supervisor asks of whoever has the links, and what it tells.
//! It never touches a socket.

use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV4, TcpStream};

use crate::plan::Party;

/// What becomes of a connection over a link that begins now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passage {
    /// It is joined to the node.
    Open,
    /// Its node hears nothing of it: it hangs, or what it carries vanishes.
    Dark,
    /// It is refused, and has been counted as that.
    Refused,
}

/// Whoever has the links. It is asked from several threads, and may not block.
pub trait Links: Send + Sync {
    /// What becomes of a connection that begins now.
    fn passage(&self, from: Party, to: u8, port: u16) -> Passage;
    /// Makes sure that this port of the link listens, in the state that the link has now, and says
    /// where. The link joins no caller until what is returned is dropped.
    fn join(&self, from: Party, to: u8, port: u16) -> io::Result<Box<dyn Joining + '_>>;
    /// Is told what was seen, once for each call that it is about.
    fn note(&self, from: Party, note: Note);
}

/// A connection over a link while it begins.
pub trait Joining {
    /// Where the link listens.
    fn listener(&self) -> SocketAddrV4;
    /// The caller who comes from `caller` is to be joined to `upstream`, which was dialled for it.
    fn adopt(self: Box<Self>, caller: SocketAddrV4, upstream: TcpStream);
}

/// Something that was seen.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Note {
    /// A listener got an address of its node's.
    Bound {
        /// For which it asked.
        asked: SocketAddr,
        /// Where it listens.
        got: SocketAddrV4,
    },
    /// A listener was refused its port.
    NotBound {
        /// For which it asked.
        asked: SocketAddr,
        /// One of `libc`'s.
        errno: i32,
    },
    /// Connects to a node, over a link.
    Dialled {
        /// The node.
        to: u8,
        /// Of its ports.
        port: u16,
    },
    /// Connects to a program that is not of the cluster. It was let through.
    Elsewhere(SocketAddr),
    /// Sends datagrams to a node. They pass no link.
    Datagram {
        /// The node.
        to: u8,
        /// Of its ports.
        port: u16,
    },
    /// A call could not be looked at, and was refused for that.
    Closed {
        /// Which.
        call: &'static str,
        /// Why, one of `libc`'s.
        errno: i32,
    },
    /// Something of the harness's own ran out.
    Short {
        /// What could not be done.
        what: &'static str,
        /// Why, one of `libc`'s.
        errno: i32,
    },
    /// Calls are answered no more though somebody may still wait.
    Ended(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = |errno: &i32| io::Error::from_raw_os_error(*errno);
        match self {
            Note::Bound { asked, got } => write!(f, "bind {asked}: got {got}"),
            Note::NotBound { asked, errno } => write!(f, "bind {asked}: {}", why(errno)),
            Note::Dialled { to, port } => write!(f, "connect n{to}:{port}: over the link"),
            Note::Elsewhere(address) => {
                write!(f, "connect {address}: nobody of the cluster, let through")
            }
            Note::Datagram { to, port } => {
                write!(f, "sends datagrams to n{to}:{port}, which pass no link")
            }
            Note::Closed { call, errno } => write!(
                f,
                "{call} could not be looked at and was refused: {}; a program must be readable for \
                 the user who runs it (mode 0755, not 0711) and belong to the user of the harness",
                why(errno)
            ),
            Note::Short { what, errno } => write!(f, "{what}: {}", why(errno)),
            Note::Ended(why) => write!(f, "its calls are answered no more: {why}"),
        }
    }
}
