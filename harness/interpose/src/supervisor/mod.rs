//! Answers the calls of one spawn, on a thread of its own, until nobody of it is left.
//! It never waits for a node or for a link: what takes time is left to the kernel and to the link.

mod bind;
mod connect;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::abi::{self, Answer, HOST, Machine, Notification};
use crate::plan::{Party, Plan};
use crate::socket::{self, Heard};
use crate::target::{self, Callers};

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

/// The supervisors of one cluster: a thread for each spawn, and what they know together.
#[derive(Clone)]
pub struct Supervisors {
    shared: Arc<Shared>,
}

struct Shared {
    plan: Plan,
    links: Arc<dyn Links>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Ports on which each party listens, or did: its processes and lives share them.
    bound: BTreeSet<(Party, u16)>,
    /// Whose port is behind a link's listener.
    listeners: BTreeMap<SocketAddrV4, (u8, u16)>,
}

impl Supervisors {
    /// Of a cluster with these addresses and links.
    pub fn new(plan: Plan, links: Arc<dyn Links>) -> Supervisors {
        Supervisors { shared: Arc::new(Shared { plan, links, known: Mutex::default() }) }
    }

    /// Answers the calls of whoever installed the filter of this listener, until nobody is left.
    pub fn supervise(&self, from: Party, listener: OwnedFd) -> io::Result<JoinHandle<()>> {
        let shared = self.shared.clone();
        let machine = HOST.ok_or(io::ErrorKind::Unsupported)?;
        std::thread::Builder::new().name(format!("calls of {from}")).spawn(move || {
            let mut one =
                Supervisor { from, machine, listener, shared, callers: Callers::default() };
            if let Err(error) = one.serve() {
                one.note(Note::Ended(error.to_string()));
            }
        })
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Every change of it is one insertion.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Supervisor {
    from: Party,
    machine: Machine,
    listener: OwnedFd,
    shared: Arc<Shared>,
    callers: Callers,
}

/// An answer that is known before anything was done.
type Early<T> = Result<T, Answer>;

impl Supervisor {
    fn serve(&mut self) -> io::Result<()> {
        abi::wake_at_once(self.listener.as_fd());
        loop {
            match socket::hear(self.listener.as_fd(), None) {
                Heard::HungUp => return Ok(()),
                Heard::Nothing => continue,
                Heard::Call => {}
            }
            let call = match abi::receive(self.listener.as_fd()) {
                Ok(call) => call,
                // Its caller is gone, or somebody interrupted us.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let answer = self.answer(&call);
            // A caller that is gone needs none.
            let _ = abi::answer(self.listener.as_fd(), call.id, answer);
        }
    }

    fn answer(&mut self, call: &Notification) -> Answer {
        let number = call.call.number.cast_unsigned();
        let Machine { connect, bind, getpeername, sendto, .. } = self.machine;
        let done = if number == connect {
            self.connect(call)
        } else if number == bind {
            self.bind(call)
        } else if number == getpeername {
            self.getpeername(call)
        } else if number == sendto {
            self.sendto(call)
        } else {
            Ok(Answer::Continue)
        };
        done.unwrap_or_else(|early| early)
    }

    fn note(&self, note: Note) {
        self.shared.links.note(self.from, note);
    }

    fn plan(&self) -> Plan {
        self.shared.plan
    }

    /// The IP address at `at`, which the caller says is so long.
    fn address(
        &self,
        call: &Notification,
        at: u64,
        length: u64,
        name: &'static str,
    ) -> Early<SocketAddr> {
        let mut bytes = [0; socket::ADDRESS_BYTES_MAX];
        // As the kernel takes it: an int. One out of range is the kernel's to refuse.
        let length = (length as u32 as usize).min(bytes.len());
        match target::read(call.thread, at, &mut bytes[..length]) {
            Ok(read) => socket::parse(&bytes[..read]).ok_or(Answer::Continue),
            // The kernel says so itself.
            Err(libc::EFAULT) => Err(Answer::Continue),
            Err(errno) => Err(self.close(call, name, errno)),
        }
    }

    /// The caller's socket; what was read of the caller before is to be believed then.
    fn socket(&mut self, call: &Notification, name: &'static str) -> Early<OwnedFd> {
        match self.callers.descriptor(call.thread, call.call.arguments[0]) {
            Ok(_) if !abi::waits(self.listener.as_fd(), call.id) => Err(Answer::Gone),
            Ok(socket) => Ok(socket),
            Err(libc::EBADF) => Err(Answer::Errno(libc::EBADF)),
            Err(errno) => Err(self.close(call, name, errno)),
        }
    }

    /// Refuses what could not be looked at: let through, it might pass all links.
    fn close(&self, call: &Notification, name: &'static str, errno: i32) -> Answer {
        if !abi::waits(self.listener.as_fd(), call.id) {
            return Answer::Gone;
        }
        if matches!(errno, libc::EMFILE | libc::ENFILE | libc::ENOMEM) {
            let what = "a call of a node could not be looked at and was refused";
            self.note(Note::Short { what, errno });
        } else {
            self.note(Note::Closed { call: name, errno });
        }
        Answer::Errno(libc::EACCES)
    }

    fn is_bound(&self, port: u16) -> bool {
        self.shared.known().bound.contains(&(self.from, port))
    }
}

fn stream(socket: BorrowedFd) -> bool {
    socket::is_stream(socket) && socket::is_ip(socket)
}
