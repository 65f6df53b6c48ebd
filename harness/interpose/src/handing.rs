//! The way of a filter's listening descriptor from the child that installed it to the harness: a
//! socket without a file, and beside the descriptor a few bytes that say whose it is.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// Bytes that travel with a descriptor.
pub const TAG_BYTES: usize = 32;
/// A name of an abstract socket has at most 107 bytes.
const NAME_BYTES_MAX: usize = 100;

/// Who hands over, in the child: everything that needs memory is done before the fork.
#[derive(Clone, Debug)]
pub struct Sender {
    address: libc::sockaddr_un,
    length: libc::socklen_t,
    tag: [u8; TAG_BYTES],
}

impl Sender {
    /// To whoever listens under `name`.
    pub fn new(name: &str, tag: [u8; TAG_BYTES]) -> io::Result<Sender> {
        let (address, length) = address(name)?;
        Ok(Sender { address, length, tag })
    }

    /// Connects. It must be done before a filter is installed that traps `connect`; it may be
    /// called between fork and exec.
    pub fn connect(&self) -> io::Result<OwnedFd> {
        let socket = socket()?;
        // SAFETY: `address` is a whole `sockaddr_un` of which the first `length` bytes are meant.
        let done = unsafe {
            libc::connect(socket.as_raw_fd(), (&raw const self.address).cast(), self.length)
        };
        if done == 0 { Ok(socket) } else { Err(io::Error::last_os_error()) }
    }

    /// Sends the descriptor and the tag, and may be called between fork and exec.
    pub fn send(&self, socket: &OwnedFd, descriptor: &OwnedFd) -> io::Result<()> {
        let mut part =
            libc::iovec { iov_base: self.tag.as_ptr().cast_mut().cast(), iov_len: TAG_BYTES };
        let mut control = [0u64; 4];
        // SAFETY: a zeroed msghdr is an empty one; all that it is made to point to lives until the
        // end of this function, and `control` is aligned for, and larger than, a header with one
        // descriptor. The kernel writes to none of it.
        let sent = unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut part;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(size_of::<i32>() as u32) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size_of::<i32>() as u32) as _;
            libc::CMSG_DATA(header).cast::<i32>().write_unaligned(descriptor.as_raw_fd());
            libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL)
        };
        if sent == TAG_BYTES.cast_signed() { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Who receives.
#[derive(Debug)]
pub struct Receiver(OwnedFd);

impl Receiver {
    /// Listens under a name that nobody else has.
    pub fn listen(name: &str) -> io::Result<Receiver> {
        let (address, length) = address(name)?;
        let socket = socket()?;
        // SAFETY: as in `Sender::connect`.
        let done = unsafe {
            let bound = libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length);
            if bound == 0 { libc::listen(socket.as_raw_fd(), 64) } else { bound }
        };
        if done == 0 { Ok(Receiver(socket)) } else { Err(io::Error::last_os_error()) }
    }

    /// The next descriptor with its tag; None: nobody came within `patience`, or one who hands
    /// nothing over.
    pub fn receive(&self, patience: Duration) -> io::Result<Option<(OwnedFd, [u8; TAG_BYTES])>> {
        if !readable(&self.0, patience)? {
            return Ok(None);
        }
        // SAFETY: no addresses are asked for; what is returned is a descriptor that nobody else
        // has.
        let sender = unsafe {
            let no_name = std::ptr::null_mut();
            let accepted =
                libc::accept4(self.0.as_raw_fd(), no_name, no_name.cast(), libc::SOCK_CLOEXEC);
            if accepted < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(accepted)
        };
        // Whoever connects sends at once. Nobody may keep others waiting.
        if !readable(&sender, Duration::from_secs(5))? {
            return Ok(None);
        }
        take(&sender)
    }
}

fn take(sender: &OwnedFd) -> io::Result<Option<(OwnedFd, [u8; TAG_BYTES])>> {
    let mut tag = [0; TAG_BYTES];
    let mut part = libc::iovec { iov_base: tag.as_mut_ptr().cast(), iov_len: TAG_BYTES };
    let mut control = [0u64; 4];
    // SAFETY: as in `Sender::send`, and the kernel writes into `tag` and `control` no more than
    // their sizes say. The descriptor in a header of this type is ours.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        let read = libc::recvmsg(sender.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC);
        if read < 0 {
            return Err(io::Error::last_os_error());
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        let is_descriptor = !header.is_null()
            && (*header).cmsg_level == libc::SOL_SOCKET
            && (*header).cmsg_type == libc::SCM_RIGHTS;
        if !is_descriptor {
            return Ok(None);
        }
        let descriptor = libc::CMSG_DATA(header).cast::<i32>().read_unaligned();
        let descriptor = OwnedFd::from_raw_fd(descriptor);
        Ok((read == TAG_BYTES.cast_signed()).then_some((descriptor, tag)))
    }
}

fn readable(socket: &OwnedFd, patience: Duration) -> io::Result<bool> {
    let mut look = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let ms = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one pollfd is read and written.
    match unsafe { libc::poll(&raw mut look, 1, ms) } {
        -1 => {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted { Ok(false) } else { Err(error) }
        }
        ready => Ok(ready > 0),
    }
}

fn socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: numbers alone; what is returned is a descriptor that nobody else has.
    unsafe {
        let socket = libc::socket(libc::AF_UNIX, kind, 0);
        if socket < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(socket)) }
    }
}

/// An abstract name: it begins with a zero byte, and no file has it.
fn address(name: &str) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    if name.len() > NAME_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket's name is too long"));
    }
    // SAFETY: a sockaddr_un is numbers, of which zero is one.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (place, byte) in address.sun_path[1..].iter_mut().zip(name.bytes()) {
        *place = byte.cast_signed() as libc::c_char;
    }
    let length = size_of::<libc::sa_family_t>() + 1 + name.len();
    Ok((address, length as libc::socklen_t))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use super::*;

    #[test]
    fn a_descriptor_arrives_with_its_tag_and_strangers_with_nothing() {
        let name = format!("schism-handing-{}", std::process::id());
        let receiver = Receiver::listen(&name).unwrap();
        assert!(Receiver::listen(&name).is_err(), "the name is taken");
        assert!(receiver.receive(Duration::ZERO).unwrap().is_none(), "nobody came");
        let sender = Sender::new(&name, *b"0123456789abcdef0123456789abcdef").unwrap();
        drop(sender.connect().unwrap());
        assert!(receiver.receive(Duration::from_secs(5)).unwrap().is_none(), "it said nothing");
        let socket = sender.connect().unwrap();
        sender.send(&socket, &File::open("/proc/self/comm").unwrap().into()).unwrap();
        let (descriptor, tag) = receiver.receive(Duration::from_secs(5)).unwrap().unwrap();
        assert_eq!(&tag, b"0123456789abcdef0123456789abcdef");
        let mut text = String::new();
        File::from(descriptor).read_to_string(&mut text).unwrap();
        assert!(!text.is_empty());
    }
}
