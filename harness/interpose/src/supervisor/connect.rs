//! `connect`: the caller's own socket is connected to the link's listener, and the node behind it
//! has been dialled before, so that refused there is refused here.

use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::{Early, Supervisor, stream};
use crate::abi::{Answer, Notification};
use crate::links::{Note, Passage};
use crate::plan::{Goal, Party, v4};
use crate::socket::{self, Connected, Errno};

/// On loopback a listener answers within microseconds. One that does not has a full backlog, and
/// the link waits for it as the caller would.
const DIAL_MAX: Duration = Duration::from_millis(20);

impl Supervisor {
    pub(super) fn connect(&mut self, call: &Notification) -> Early<Answer> {
        let [_, at, length, ..] = call.call.arguments;
        let address = self.address(call, at, length, "connect")?;
        let goal = self.plan().goal(self.from, address, |port| self.is_bound(port));
        if goal == Goal::Elsewhere {
            // Asking for a route, as resolvers do, reaches nobody.
            let socket = self.socket(call, "connect")?;
            if stream(socket.as_fd()) {
                self.note(Note::Elsewhere(address));
            }
            return Ok(Answer::Continue);
        }
        let socket = self.socket(call, "connect")?;
        let socket = socket.as_fd();
        if !stream(socket) {
            return Ok(Answer::Continue);
        }
        let fresh = socket::is_fresh(socket);
        Ok(match goal {
            Goal::Own(port) => {
                let at = |ip| SocketAddrV4::new(ip, port);
                let mut own = self.connect_socket(socket, at(self.plan().own(self.from)), fresh);
                if let (libc::ECONNREFUSED, Party::Node(node)) = (own.errno, self.from) {
                    own = self.connect_socket(socket, at(self.plan().parked(node)), fresh);
                }
                own.into()
            }
            Goal::Link(to, port) => self.connect_link(socket, to, port, fresh),
            Goal::Elsewhere => Answer::Continue,
        })
    }

    fn connect_link(&self, socket: BorrowedFd, to: u8, port: u16, fresh: bool) -> Answer {
        let mut upstream = None;
        if fresh {
            match self.shared.links.passage(self.from, to, port) {
                Passage::Refused => return Answer::Errno(libc::ECONNREFUSED),
                Passage::Dark => {}
                Passage::Open => match self.dial(to, port) {
                    Ok(dialled) => upstream = Some(dialled),
                    Err(libc::ETIMEDOUT) => {}
                    Err(errno) => return Answer::Errno(errno),
                },
            }
            self.note(Note::Dialled { to, port });
        }
        let joining = match self.shared.links.join(self.from, to, port) {
            Ok(joining) => joining,
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                self.note(Note::Short { what: "a link cannot listen", errno });
                return Answer::Errno(libc::ECONNREFUSED);
            }
        };
        let listener = joining.listener();
        self.shared.known().listeners.insert(listener, (to, port));
        let connected = self.connect_socket(socket, listener, fresh);
        // One that hangs is joined when the link lets it in; until then its node hears nothing.
        let caller = socket::local(socket).and_then(v4);
        if let (Some(upstream), Some(caller), true) =
            (upstream, caller, socket::is_established(socket))
        {
            socket::end_gently(&upstream);
            joining.adopt(caller, upstream);
        }
        connected.into()
    }

    /// From the dialler's own address, so that the acceptor sees who it is.
    fn dial(&self, to: u8, port: u16) -> Result<TcpStream, Errno> {
        let from = self.plan().own(self.from);
        let at = |ip| socket::dial(from, SocketAddrV4::new(ip, port), DIAL_MAX);
        let mut dialled = at(self.plan().node(to));
        if dialled.as_ref().err() == Some(&libc::ECONNREFUSED) {
            dialled = at(self.plan().parked(to));
        }
        let Err(errno) = dialled else { return dialled };
        let is_network = [
            libc::ECONNREFUSED,
            libc::ECONNRESET,
            libc::ETIMEDOUT,
            libc::EHOSTUNREACH,
            libc::ENETUNREACH,
        ];
        if is_network.contains(&errno) {
            return Err(errno);
        }
        self.note(Note::Short { what: "a node could not be dialled", errno });
        Err(libc::ETIMEDOUT)
    }

    fn connect_socket(&self, socket: BorrowedFd, to: SocketAddrV4, fresh: bool) -> Connected {
        if fresh && let Err(errno) = socket::dial_from(socket, self.plan().own(self.from)) {
            self.note(Note::Short { what: "a socket could not be given its address", errno });
        }
        socket::connect(socket, to)
    }
}

impl From<Connected> for Answer {
    fn from(connected: Connected) -> Answer {
        match connected.errno {
            0 => Answer::Value(0),
            // A socket that is connecting ignores the address that its caller passes: the kernel
            // waits as it always does, with its own timeouts and signals.
            libc::EINPROGRESS | libc::EALREADY if connected.blocking => Answer::Continue,
            errno => Answer::Errno(errno),
        }
    }
}
