//! The TCP sockets of this machine, a connection as each of its two ends sees it. The kernel is
//! asked over sock_diag(7), which can leave out what is in another state: a machine on which many
//! clients are turned away has tens of thousands of closed connections, and /proc/net/tcp prints
//! each. It never says whose a connection is.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// A socket; an established connection as one of its ends sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Row {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) inode: u64,
}

/// `TCP_ESTABLISHED` and `TCP_LISTEN` (include/net/tcp_states.h).
const ESTABLISHED: u8 = 1;
const LISTEN: u8 = 10;

/// Every established connection of both families, now.
pub(super) fn established() -> io::Result<Vec<Row>> {
    in_state(ESTABLISHED)
}

/// Every socket at which somebody listens.
pub(super) fn listening() -> io::Result<Vec<Row>> {
    in_state(LISTEN)
}

/// Where the kernel has no sock_diag, its tables are read.
fn in_state(state: u8) -> io::Result<Vec<Row>> {
    ask(state).or_else(|_| read_tables(state))
}

/// The request and its answers are those of netlink(7) and linux/inet_diag.h: `nlmsghdr` and
/// `inet_diag_req`, then `inet_diag_msg` once a connection. This older request names no family, so
/// that the kernel goes through its table once for both.
fn ask(state: u8) -> nix::Result<Vec<Row>> {
    const TCPDIAG_GETSOCK: u16 = 18;
    const REQUEST_DUMP: u16 = 0x301;
    const REQUEST_BYTES: usize = 76;
    const STATES_AT: usize = 68;
    let kernel = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    // Zeros: any family, any addresses, nothing more about each.
    let mut request = [0; REQUEST_BYTES];
    request[..4].copy_from_slice(&(REQUEST_BYTES as u32).to_ne_bytes());
    request[4..6].copy_from_slice(&TCPDIAG_GETSOCK.to_ne_bytes());
    request[6..8].copy_from_slice(&REQUEST_DUMP.to_ne_bytes());
    request[STATES_AT..STATES_AT + 4].copy_from_slice(&(1_u32 << state).to_ne_bytes());
    sendto(kernel.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    receive(&kernel)
}

fn receive(kernel: &OwnedFd) -> nix::Result<Vec<Row>> {
    const HEADER_BYTES: usize = 16;
    const ERROR: u16 = 2;
    const DONE: u16 = 3;
    let mut rows = Vec::new();
    // The kernel fills at most 32 KiB at once.
    let mut received = vec![0; 64 << 10];
    loop {
        let bytes = match recv(kernel.as_raw_fd(), &mut received, MsgFlags::empty()) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        let mut left = received.get(..bytes).unwrap_or_default();
        while !left.is_empty() {
            let length = number(left, 0).ok_or(Errno::EBADMSG)? as usize;
            let kind = left.get(4..6).map(|kind| u16::from_ne_bytes([kind[0], kind[1]]));
            let body = left.get(HEADER_BYTES..length).ok_or(Errno::EBADMSG)?;
            match kind {
                Some(DONE) => return Ok(rows),
                Some(ERROR) => {
                    let errno = number(body, 0).unwrap_or_default().cast_signed();
                    return Err(Errno::from_raw(errno.wrapping_neg()));
                }
                Some(_) => rows.extend(message(body)),
                None => return Err(Errno::EBADMSG),
            }
            // Messages begin at multiples of four bytes.
            left = left.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// `inet_diag_msg` (include/uapi/linux/inet_diag.h): ports and addresses are in network order.
fn message(body: &[u8]) -> Option<Row> {
    let family = i32::from(*body.first()?);
    let address = |port: usize, host: usize| {
        let port = u16::from_be_bytes([*body.get(port)?, *body.get(port + 1)?]);
        let host = body.get(host..host + 16)?;
        let host = if family == AddressFamily::Inet as i32 {
            IpAddr::V4(Ipv4Addr::new(host[0], host[1], host[2], host[3]))
        } else {
            let host: [u8; 16] = host.try_into().ok()?;
            // A socket for both families shows an IPv4 peer this way.
            Ipv6Addr::from(host).to_canonical()
        };
        Some(SocketAddr::new(host, port))
    };
    Some(Row {
        local: address(4, 8)?,
        remote: address(6, 24)?,
        inode: u64::from(number(body, 68)?),
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// /proc/net/tcp and tcp6.
fn read_tables(state: u8) -> io::Result<Vec<Row>> {
    let mut rows = parse(&fs::read_to_string("/proc/net/tcp")?, state);
    match fs::read_to_string("/proc/net/tcp6") {
        Ok(table) => rows.extend(parse(&table, state)),
        // A machine without IPv6.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(rows)
}

fn parse(table: &str, wanted: u8) -> Vec<Row> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, state, ..] = fields[..] else { return None };
        let state = u8::from_str_radix(state, 16).ok()?;
        let (local, remote) = (address(local)?, address(remote)?);
        let inode = fields.get(9)?.parse().ok()?;
        (state == wanted).then_some(Row { local, remote, inode })
    };
    table.lines().skip(1).filter_map(row).collect()
}

/// `0100007F:4A39`: each 32-bit word of the address as a number in the machine's own byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word =
        |at: usize| u32::from_str_radix(host.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let host = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(host, port))
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::super::procfs;
    use super::*;

    /// How the kernel was asked.
    type Ask = fn() -> Vec<Row>;

    #[test]
    fn both_ways_show_the_same_connections_and_no_closed_ones() {
        let diag: Ask = || ask(ESTABLISHED).expect("Linux has sock_diag");
        let tables: Ask = || read_tables(ESTABLISHED).unwrap();
        for listen in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(listen) else { continue };
            let port = listener.local_addr().unwrap().port();
            let to = if listen == "[::1]:0" { "::1" } else { "127.0.0.1" };
            let client = TcpStream::connect((to, port)).unwrap();
            let (server, _) = listener.accept().unwrap();
            let [local, remote] = [client.local_addr().unwrap(), client.peer_addr().unwrap()];
            let pid = std::process::id().cast_signed();
            let inodes = procfs::sockets(pid).unwrap();
            for rows in [listening().unwrap(), read_tables(LISTEN).unwrap()] {
                let at = |row: &&Row| row.local.port() == port && inodes.contains(&row.inode);
                assert!(rows.iter().any(|row| at(&row)), "{listen}");
            }
            for ask in [diag, tables] {
                let rows = ask();
                let own = |row: &&Row| row.local == local && row.remote == remote;
                let own = rows.iter().find(own).expect("it is established");
                assert!(inodes.contains(&own.inode), "{listen}");
                let other = rows.iter().find(|row| row.local == remote && row.remote == local);
                assert!(inodes.contains(&other.expect("seen by its other end").inode), "{listen}");
            }
            client.shutdown(Shutdown::Write).unwrap();
            drop(server);
            for ask in [diag, tables] {
                assert!(!ask().iter().any(|row| row.local == local && row.remote == remote));
            }
        }
    }

    #[test]
    fn what_is_cut_off_is_no_connection() {
        assert_eq!(message(&[2, 1, 0, 0, 0x4a]), None);
        assert_eq!(message(&[0; 71]), None);
        let mapped = address("0000000000000000FFFF00000100007F:0050").unwrap();
        assert_eq!(mapped.to_string(), "127.0.0.1:80");
        assert_eq!(
            parse("head\n 0: 0100007F:0050 0200007F:0051 06 0 0 0 0 0 7\n", ESTABLISHED),
            []
        );
    }
}
