//! `bind`: whoever wants to listen everywhere, or for this machine alone, listens at its node's own
//! address, so that nodes side by side have the same ports.

use std::net::SocketAddrV4;
use std::os::fd::AsFd;

use super::{Early, Supervisor, stream};
use crate::abi::{Answer, Notification};
use crate::links::Note;
use crate::plan::{Party, v4};
use crate::socket;

impl Supervisor {
    pub(super) fn bind(&mut self, call: &Notification) -> Early<Answer> {
        let Party::Node(node) = self.from else { return Ok(Answer::Continue) };
        let [_, at, length, ..] = call.call.arguments;
        let asked = self.address(call, at, length, "bind")?;
        if !self.plan().is_own_to_bind(self.from, asked) {
            return Ok(Answer::Continue);
        }
        let socket = self.socket(call, "bind")?;
        let socket = socket.as_fd();
        let datagram = socket::is_datagram(socket) && socket::is_ip(socket);
        if !(stream(socket) || datagram) {
            return Ok(Answer::Continue);
        }
        let asked_v4 = v4(asked);
        // Any port will do, so none collides; one that is dialled later is reached all the same.
        let on_loopback = asked_v4.is_none_or(|asked| asked.ip().is_loopback());
        let own = asked_v4.is_some_and(|asked| *asked.ip() == self.plan().node(node));
        if asked.port() == 0 && (own || on_loopback || datagram) {
            return Ok(Answer::Continue);
        }
        // The IPv6 half of a port, beside a listener that has the other: both must succeed.
        let parked = asked_v4.is_none() && socket::is_v6_only(socket);
        let ip = if parked { self.plan().parked(node) } else { self.plan().node(node) };
        Ok(match socket::bind(socket, SocketAddrV4::new(ip, asked.port())) {
            Ok(()) => {
                let port = socket::local(socket).map_or(asked.port(), |local| local.port());
                if stream(socket) {
                    self.shared.known().bound.insert((self.from, port));
                    self.note(Note::Bound { asked, got: SocketAddrV4::new(ip, port) });
                }
                Answer::Value(0)
            }
            Err(errno) => {
                self.note(Note::NotBound { asked, errno });
                Answer::Errno(errno)
            }
        })
    }
}
