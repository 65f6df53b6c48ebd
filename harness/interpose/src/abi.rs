//! What the kernel and the supervisor say to each other (linux/seccomp.h), and the numbers of the
//! calls on the machines that we know.
#![allow(unsafe_code)]
#![allow(clippy::cast_lossless)] // an Ioctl is an int where the C library is musl

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A call that waits for its answer.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Notification {
    pub id: u64,
    /// Who calls: a thread's id, as this process sees it.
    pub thread: u32,
    flags: u32,
    pub call: Call,
}

#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Call {
    pub number: i32,
    pub machine: u32,
    pub instruction: u64,
    pub arguments: [u64; 6],
}

#[repr(C)]
struct Response {
    id: u64,
    value: i64,
    /// Negative, as the kernel has them.
    error: i32,
    flags: u32,
}

/// How a call ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    Value(i64),
    /// One of `libc`'s, positive.
    Errno(i32),
    /// The kernel does what was asked.
    Continue,
    /// Nobody waits any more.
    Gone,
}

// _IOWR('!', 0, struct seccomp_notif) and its likes, the same on both machines.
const RECV: libc::Ioctl = 0xc050_2100_u32 as libc::Ioctl;
const SEND: libc::Ioctl = 0xc018_2101_u32 as libc::Ioctl;
const ID_VALID: libc::Ioctl = 0x4008_2102_u32 as libc::Ioctl;
const SET_FLAGS: libc::Ioctl = 0x4008_2104_u32 as libc::Ioctl;
const FLAG_CONTINUE: u32 = 1;
/// Wakes the caller on the processor of the one who answers. Since Linux 6.6.
const SYNC_WAKE_UP: u64 = 1;

const _: () = assert!(size_of::<Notification>() == 80 && size_of::<Response>() == 24);

/// The next call, once `poll` has said that there is one. ENOENT: its caller is gone.
pub fn receive(listener: BorrowedFd) -> io::Result<Notification> {
    // The kernel wants it zeroed.
    let mut notification = Notification::default();
    // SAFETY: the kernel writes a `struct seccomp_notif`, which is laid out like `Notification`, of
    // which every bit pattern is one.
    let done = unsafe { libc::ioctl(listener.as_raw_fd(), RECV, &raw mut notification) };
    if done == 0 { Ok(notification) } else { Err(io::Error::last_os_error()) }
}

/// Whether the caller still waits: only after this is what was read of it to be believed.
pub fn waits(listener: BorrowedFd, id: u64) -> bool {
    let mut id = id;
    // SAFETY: the kernel reads one u64.
    unsafe { libc::ioctl(listener.as_raw_fd(), ID_VALID, &raw mut id) == 0 }
}

/// Answers a call. Fails where its caller is gone.
pub fn answer(listener: BorrowedFd, id: u64, answer: Answer) -> io::Result<()> {
    let (value, error, flags) = match answer {
        Answer::Value(value) => (value, 0, 0),
        Answer::Errno(errno) => (0, -errno, 0),
        Answer::Continue => (0, 0, FLAG_CONTINUE),
        Answer::Gone => return Ok(()),
    };
    let mut response = Response { id, value, error, flags };
    // SAFETY: the kernel reads a `struct seccomp_notif_resp`, which is laid out like `Response`.
    let done = unsafe { libc::ioctl(listener.as_raw_fd(), SEND, &raw mut response) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Answers sooner where the kernel can; one that cannot says so and nothing is lost.
pub fn wake_at_once(listener: BorrowedFd) {
    // SAFETY: the argument is passed by value.
    unsafe { libc::ioctl(listener.as_raw_fd(), SET_FLAGS, SYNC_WAKE_UP) };
}

/// The numbers that a filter has to know of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    /// AUDIT_ARCH of linux/audit.h.
    pub audit: u32,
    /// Calls from here on are those of a second ABI of the same machine (x32); None: it has none.
    pub second_abi: Option<u32>,
    pub connect: u32,
    pub bind: u32,
    pub getpeername: u32,
    pub socket: u32,
    pub sendto: u32,
    pub sendmsg: u32,
    pub sendmmsg: u32,
    pub io_uring: [u32; 3],
}

pub const X86_64: Machine = Machine {
    audit: 0xc000_003e,
    second_abi: Some(0x4000_0000),
    connect: 42,
    bind: 49,
    getpeername: 52,
    socket: 41,
    sendto: 44,
    sendmsg: 46,
    sendmmsg: 307,
    io_uring: [425, 426, 427],
};

pub const AARCH64: Machine = Machine {
    audit: 0xc000_00b7,
    second_abi: None,
    connect: 203,
    bind: 200,
    getpeername: 205,
    socket: 198,
    sendto: 206,
    sendmsg: 211,
    sendmmsg: 269,
    io_uring: [425, 426, 427],
};

/// The machine that this program was built for, if it is one that we know.
pub const HOST: Option<Machine> = if cfg!(target_arch = "x86_64") {
    Some(X86_64)
} else if cfg!(target_arch = "aarch64") {
    Some(AARCH64)
} else {
    None
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_c_library() {
        let host = HOST.expect("tests run on a machine that we know");
        let ours = [
            host.connect,
            host.bind,
            host.getpeername,
            host.socket,
            host.sendto,
            host.sendmsg,
            host.sendmmsg,
            host.io_uring[0],
            host.io_uring[1],
            host.io_uring[2],
        ];
        let theirs = [
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_getpeername,
            libc::SYS_socket,
            libc::SYS_sendto,
            libc::SYS_sendmsg,
            libc::SYS_sendmmsg,
            libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter,
            libc::SYS_io_uring_register,
        ];
        assert_eq!(ours.map(i64::from), theirs);
    }
}
