//! What is done to a socket, the caller's own among them: names, options, connect and bind, each
//! with the kernel's own error.
#![allow(unsafe_code)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use crate::plan::v4;

/// One of `libc`'s errors.
pub type Errno = i32;

/// The kernel chooses the port when it connects, and may give one to several connections.
const IP_BIND_ADDRESS_NO_PORT: i32 = 24;
/// `tcp_state` of a socket that is not connected, nor about to be (net/tcp_states.h).
const TCP_ESTABLISHED: u8 = 1;
const TCP_CLOSE: u8 = 7;
/// As many bytes as any address has (`struct sockaddr_storage`).
pub const ADDRESS_BYTES_MAX: usize = 128;

/// An address as the kernel has it.
pub struct Raw {
    storage: libc::sockaddr_storage,
    length: libc::socklen_t,
}

impl Raw {
    pub fn new(address: SocketAddr) -> Raw {
        // SAFETY: a sockaddr_storage is numbers, of which zero is one, and larger than and aligned
        // for both kinds that are written into it.
        unsafe {
            let mut storage: libc::sockaddr_storage = std::mem::zeroed();
            let length = match address {
                SocketAddr::V4(address) => {
                    let place = (&raw mut storage).cast::<libc::sockaddr_in>();
                    (*place).sin_family = libc::AF_INET as libc::sa_family_t;
                    (*place).sin_port = address.port().to_be();
                    (*place).sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
                    size_of::<libc::sockaddr_in>()
                }
                SocketAddr::V6(address) => {
                    let place = (&raw mut storage).cast::<libc::sockaddr_in6>();
                    (*place).sin6_family = libc::AF_INET6 as libc::sa_family_t;
                    (*place).sin6_port = address.port().to_be();
                    (*place).sin6_addr.s6_addr = address.ip().octets();
                    size_of::<libc::sockaddr_in6>()
                }
            };
            Raw { storage, length: length as libc::socklen_t }
        }
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the first `length` bytes of `storage` have been written.
        unsafe {
            std::slice::from_raw_parts((&raw const self.storage).cast(), self.length as usize)
        }
    }
}

/// None: too short, or of another family than IP.
pub fn parse(bytes: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    match i32::from(family) {
        libc::AF_INET if bytes.len() >= size_of::<libc::sockaddr_in>() => {
            let ip: [u8; 4] = bytes[4..8].try_into().ok()?;
            Some(SocketAddrV4::new(Ipv4Addr::from(ip), port).into())
        }
        // Without its last field, the scope, it is an address too.
        libc::AF_INET6 if bytes.len() >= size_of::<libc::sockaddr_in6>() - 4 => {
            let ip: [u8; 16] = bytes[8..24].try_into().ok()?;
            Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, 0).into())
        }
        _ => None,
    }
}

fn failed() -> Errno {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

fn option(socket: BorrowedFd, level: i32, name: i32) -> Option<i32> {
    let (mut value, mut length) = (0, size_of::<i32>() as libc::socklen_t);
    // SAFETY: at most `length` bytes are written into `value`, of which every pattern is a number.
    let done = unsafe {
        let place = (&raw mut value).cast();
        libc::getsockopt(socket.as_raw_fd(), level, name, place, &raw mut length)
    };
    (done == 0).then_some(value)
}

fn set_option(socket: BorrowedFd, level: i32, name: i32, value: i32) -> bool {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: `length` bytes are read from `value`.
    unsafe {
        let place = (&raw const value).cast();
        libc::setsockopt(socket.as_raw_fd(), level, name, place, length) == 0
    }
}

/// Whether bytes go over it in order.
pub fn is_stream(socket: BorrowedFd) -> bool {
    option(socket, libc::SOL_SOCKET, libc::SO_TYPE) == Some(libc::SOCK_STREAM)
}

pub fn is_datagram(socket: BorrowedFd) -> bool {
    option(socket, libc::SOL_SOCKET, libc::SO_TYPE) == Some(libc::SOCK_DGRAM)
}

pub fn is_ip(socket: BorrowedFd) -> bool {
    let domain = option(socket, libc::SOL_SOCKET, libc::SO_DOMAIN);
    matches!(domain, Some(libc::AF_INET | libc::AF_INET6))
}

fn is_v6(socket: BorrowedFd) -> bool {
    option(socket, libc::SOL_SOCKET, libc::SO_DOMAIN) == Some(libc::AF_INET6)
}

/// Whether it wants nothing of IPv4.
pub fn is_v6_only(socket: BorrowedFd) -> bool {
    is_v6(socket) && option(socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY) == Some(1)
}

fn tcp_state(socket: BorrowedFd) -> Option<u8> {
    let mut info = [0u8; 8];
    let mut length = info.len() as libc::socklen_t;
    // SAFETY: at most `length` bytes are written, the first ones of `struct tcp_info`.
    let done = unsafe {
        let place = info.as_mut_ptr().cast();
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            place,
            &raw mut length,
        )
    };
    (done == 0 && length >= 1).then_some(info[0])
}

/// Whether a connect would begin something.
pub fn is_fresh(socket: BorrowedFd) -> bool {
    match tcp_state(socket) {
        Some(state) => state == TCP_CLOSE,
        None => name(socket, libc::getpeername).is_none(),
    }
}

pub fn is_established(socket: BorrowedFd) -> bool {
    tcp_state(socket) == Some(TCP_ESTABLISHED)
}

type NameCall = unsafe extern "C" fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32;

fn name(socket: BorrowedFd, call: NameCall) -> Option<SocketAddr> {
    let mut bytes = [0u64; ADDRESS_BYTES_MAX / 8];
    let mut length = ADDRESS_BYTES_MAX as libc::socklen_t;
    // SAFETY: at most `length` bytes are written into `bytes`, which is aligned for any address.
    let address = unsafe {
        if call(socket.as_raw_fd(), bytes.as_mut_ptr().cast(), &raw mut length) != 0 {
            return None;
        }
        std::slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), ADDRESS_BYTES_MAX)
    };
    parse(address)
}

/// Its own name.
pub fn local(socket: BorrowedFd) -> Option<SocketAddr> {
    name(socket, libc::getsockname)
}

/// Whom it is connected to.
pub fn peer(socket: BorrowedFd) -> Option<SocketAddr> {
    name(socket, libc::getpeername)
}

/// The address as this socket takes it. One of IPv6 takes those of IPv4 from then on.
pub fn for_family(socket: BorrowedFd, address: SocketAddrV4) -> SocketAddr {
    if !is_v6(socket) {
        return address.into();
    }
    if is_v6_only(socket) {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0);
    }
    SocketAddrV6::new(address.ip().to_ipv6_mapped(), address.port(), 0, 0).into()
}

pub fn bind(socket: BorrowedFd, address: SocketAddrV4) -> Result<(), Errno> {
    let raw = Raw::new(for_family(socket, address));
    // SAFETY: an address of this length.
    let done =
        unsafe { libc::bind(socket.as_raw_fd(), (&raw const raw.storage).cast(), raw.length) };
    if done == 0 { Ok(()) } else { Err(failed()) }
}

/// Lets a socket that has no name dial from `ip`.
pub fn dial_from(socket: BorrowedFd, ip: Ipv4Addr) -> Result<(), Errno> {
    let nameless = |name: SocketAddr| {
        name.port() == 0
            && v4(name).map_or(name.ip().is_unspecified(), |name| name.ip().is_unspecified())
    };
    if !local(socket).is_none_or(nameless) {
        return Ok(());
    }
    set_option(socket, libc::IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    bind(socket, SocketAddrV4::new(ip, 0))
}

/// Lets a socket that has not been bound dial from `ip`, at a port that the kernel chooses then.
pub fn come_from(socket: BorrowedFd, ip: Ipv4Addr) -> std::io::Result<()> {
    dial_from(socket, ip).map_err(std::io::Error::from_raw_os_error)
}

/// How a connect went that waited for nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connected {
    pub errno: Errno,
    /// The caller's socket waits for what it asks.
    pub blocking: bool,
}

/// Connects without waiting, and leaves the socket as blocking as it was.
pub fn connect(socket: BorrowedFd, address: SocketAddrV4) -> Connected {
    let raw = Raw::new(for_family(socket, address));
    let descriptor = socket.as_raw_fd();
    // SAFETY: F_GETFL and F_SETFL take numbers; connect reads an address of this length.
    unsafe {
        let flags = libc::fcntl(descriptor, libc::F_GETFL);
        let blocking = flags & libc::O_NONBLOCK == 0;
        if blocking {
            libc::fcntl(descriptor, libc::F_SETFL, flags | libc::O_NONBLOCK);
        }
        let done = libc::connect(descriptor, (&raw const raw.storage).cast(), raw.length);
        let errno = if done == 0 { 0 } else { failed() };
        if blocking {
            libc::fcntl(descriptor, libc::F_SETFL, flags);
        }
        Connected { errno, blocking }
    }
}

/// Dials from `from` and waits for at most `patience`, ETIMEDOUT then. Dropped, the connection ends
/// with an RST and not with a FIN, which nobody has sent. It does not block.
pub fn dial(from: Ipv4Addr, to: SocketAddrV4, patience: Duration) -> Result<TcpStream, Errno> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: numbers alone; what is returned is a descriptor that nobody else has.
    let socket = unsafe {
        let socket = libc::socket(libc::AF_INET, kind, 0);
        if socket < 0 {
            return Err(failed());
        }
        OwnedFd::from_raw_fd(socket)
    };
    let stream = TcpStream::from(socket);
    let borrowed = borrow(&stream);
    set_linger(borrowed, Some(0));
    dial_from(borrowed, from)?;
    match connect(borrowed, to).errno {
        0 => Ok(stream),
        libc::EINPROGRESS => {
            let mut look =
                libc::pollfd { fd: borrowed.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
            let ms = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
            // SAFETY: one pollfd is read and written.
            unsafe { libc::poll(&raw mut look, 1, ms) };
            match option(borrowed, libc::SOL_SOCKET, libc::SO_ERROR) {
                Some(0) if look.revents != 0 => Ok(stream),
                Some(0) => Err(libc::ETIMEDOUT),
                Some(errno) => Err(errno),
                None => Err(failed()),
            }
        }
        errno => Err(errno),
    }
}

/// Ends it as any other is ended when it is dropped.
pub fn end_gently(stream: &TcpStream) {
    set_linger(borrow(stream), None);
}

fn set_linger(socket: BorrowedFd, seconds: Option<i32>) {
    let linger =
        libc::linger { l_onoff: i32::from(seconds.is_some()), l_linger: seconds.unwrap_or(0) };
    let length = size_of::<libc::linger>() as libc::socklen_t;
    // SAFETY: `length` bytes are read from `linger`.
    unsafe {
        let place = (&raw const linger).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, place, length);
    }
}

pub fn borrow(stream: &TcpStream) -> BorrowedFd<'_> {
    std::os::fd::AsFd::as_fd(stream)
}

/// What poll says of a filter's listening descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    Call,
    /// Nobody is left whom the filter watches.
    HungUp,
    Nothing,
}

pub fn hear(listener: BorrowedFd, patience: Option<Duration>) -> Heard {
    let ms = patience.map_or(-1, |one| i32::try_from(one.as_millis()).unwrap_or(i32::MAX));
    let mut look = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd is read and written.
    let ready = unsafe { libc::poll(&raw mut look, 1, ms) };
    if ready <= 0 {
        Heard::Nothing
    } else if look.revents & libc::POLLIN != 0 {
        Heard::Call
    } else {
        Heard::HungUp
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn an_address_is_the_same_after_it_was_the_kernels() {
        for text in ["127.7.0.2:2380", "[::1]:80", "[::ffff:127.7.0.2]:5"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(parse(Raw::new(address).bytes()), Some(address));
        }
        let raw = Raw::new("127.7.0.2:2380".parse().unwrap());
        assert_eq!(parse(&raw.bytes()[..8]), None, "cut short");
        assert_eq!(parse(&[1, 0, b'/', b't']), None, "a socket of the file system");
    }

    #[test]
    fn a_dial_comes_from_where_it_should_or_says_why_not() {
        let from = Ipv4Addr::new(127, 9, 8, 7);
        let listener = TcpListener::bind("127.9.8.6:0").unwrap();
        let SocketAddr::V4(to) = listener.local_addr().unwrap() else { unreachable!() };
        let patience = Duration::from_secs(5);
        let dialled = dial(from, to, patience).unwrap();
        let (_accepted, peer) = listener.accept().unwrap();
        assert_eq!(peer.ip(), from);
        assert_eq!(local(borrow(&dialled)), Some(peer));
        assert_eq!(tcp_state(borrow(&dialled)), Some(TCP_ESTABLISHED));
        assert!(is_stream(listener.as_fd()) && is_ip(listener.as_fd()));
        drop(listener);
        assert_eq!(dial(from, to, patience).err(), Some(libc::ECONNREFUSED));
    }
}
