//! `getpeername`: a dialler is told the node that it dialled and not the link. `sendto`: whoever
//! sends datagrams to a node is seen.

use std::net::SocketAddrV4;
use std::os::fd::AsFd;

use super::{Early, Supervisor};
use crate::abi::{Answer, Notification};
use crate::links::Note;
use crate::plan::{Goal, v4};
use crate::socket::{self, Raw};
use crate::target;

impl Supervisor {
    pub(super) fn getpeername(&mut self, call: &Notification) -> Early<Answer> {
        let [_, at, length_at, ..] = call.call.arguments;
        let socket = self.socket(call, "getpeername")?;
        let socket = socket.as_fd();
        let Some(peer) = socket::peer(socket).and_then(v4) else { return Ok(Answer::Continue) };
        let Some(&(to, port)) = self.shared.known().listeners.get(&peer) else {
            return Ok(Answer::Continue);
        };
        let node = SocketAddrV4::new(self.plan().node(to), port);
        let raw = Raw::new(socket::for_family(socket, node));
        let mut length = [0; 4];
        let room = match target::read(call.thread, length_at, &mut length) {
            Ok(4) => i32::from_ne_bytes(length),
            Ok(_) | Err(_) => return Ok(Answer::Errno(libc::EFAULT)),
        };
        let Ok(room) = usize::try_from(room) else { return Ok(Answer::Errno(libc::EINVAL)) };
        let bytes = &raw.bytes()[..room.min(raw.bytes().len())];
        let length = (raw.bytes().len() as u32).to_ne_bytes();
        let written = target::write(call.thread, at, bytes)
            .and_then(|()| target::write(call.thread, length_at, &length));
        Ok(if written.is_ok() { Answer::Value(0) } else { Answer::Errno(libc::EFAULT) })
    }

    pub(super) fn sendto(&mut self, call: &Notification) -> Early<Answer> {
        let [.., at, length] = call.call.arguments;
        let address = self.address(call, at, length, "sendto")?;
        if let Goal::Link(to, port) = self.plan().goal(self.from, address, |_| false)
            && socket::is_datagram(self.socket(call, "sendto")?.as_fd())
        {
            self.note(Note::Datagram { to, port });
        }
        Ok(Answer::Continue)
    }
}
