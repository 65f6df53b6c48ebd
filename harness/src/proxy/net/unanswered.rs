//! How many SYNs the kernel has left unanswered on a listening socket: the only trace of callers
//! who hang. The one place of the proxy that needs `unsafe`: nobody has a safe word for SO_MEMINFO.
#![allow(unsafe_code)]

use std::os::fd::AsFd;

/// Positions in what SO_MEMINFO returns (linux/sock_diag.h): the last is SK_MEMINFO_DROPS.
#[cfg(target_os = "linux")]
const MEMINFO_VARS: usize = 9;

/// The count since the socket was made, wrapping. A kernel too old to tell says 0: then only bytes
/// show that a block met something.
#[cfg(target_os = "linux")]
pub fn unanswered(socket: &impl AsFd) -> u32 {
    use std::os::fd::AsRawFd;

    use nix::libc;

    let mut info = [0u32; MEMINFO_VARS];
    let mut bytes = size_of_val(&info) as libc::socklen_t;
    // SAFETY: `info` is writable for `bytes` bytes, any bit pattern is a u32, and the descriptor
    // is open as long as `socket` is borrowed.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    if failed == 0 { info[MEMINFO_VARS - 1] } else { 0 }
}

/// No other kernel tells.
#[cfg(not(target_os = "linux"))]
pub fn unanswered(_: &impl AsFd) -> u32 {
    0
}
