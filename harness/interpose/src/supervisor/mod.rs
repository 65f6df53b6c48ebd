//! Answers the calls of one spawn, on a thread of its own, until nobody of it is left.
//! It never waits for a node or for a link: what takes time is left to the kernel and to the link.

mod bind;
mod connect;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::abi::{self, Answer, HOST, Machine, Notification};
use crate::links::{Links, Note};
use crate::plan::{Party, Plan};
use crate::socket::{self, Heard};
use crate::target::{self, Callers};

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
