//! A caller as the supervisor sees it: its memory and its descriptors. Both need the right to trace
//! it, which is asked for by trying.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::socket::Errno;

/// A descriptor of a thread, not of its process. Since Linux 6.9.
const PIDFD_THREAD: i32 = libc::O_EXCL;
/// Callers that are remembered, threads of long-lived nodes as a rule.
const REMEMBERED_MAX: usize = 256;

fn failed() -> Errno {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// Reads from `at`: how many bytes could be.
pub fn read(thread: u32, at: u64, into: &mut [u8]) -> Result<usize, Errno> {
    let ours = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let theirs = libc::iovec { iov_base: at as *mut libc::c_void, iov_len: into.len() };
    // SAFETY: the kernel writes at most `into.len()` bytes into `into`. What is read is memory of
    // another process, at an address that only it has to have.
    let bytes = unsafe {
        libc::process_vm_readv(thread.cast_signed(), &raw const ours, 1, &raw const theirs, 1, 0)
    };
    usize::try_from(bytes).map_err(|_| failed())
}

/// Writes all of it to `at`.
pub fn write(thread: u32, at: u64, bytes: &[u8]) -> Result<(), Errno> {
    let ours = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let theirs = libc::iovec { iov_base: at as *mut libc::c_void, iov_len: bytes.len() };
    // SAFETY: the kernel reads `bytes`. What is written is memory of another process, where that
    // process asked for an answer.
    let written = unsafe {
        libc::process_vm_writev(thread.cast_signed(), &raw const ours, 1, &raw const theirs, 1, 0)
    };
    match usize::try_from(written) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => Err(libc::EFAULT),
        Err(_) => Err(failed()),
    }
}

/// Callers that were seen before.
#[derive(Debug, Default)]
pub struct Callers(BTreeMap<u32, OwnedFd>);

impl Callers {
    /// A copy of a caller's descriptor.
    pub fn descriptor(&mut self, thread: u32, number: u64) -> Result<OwnedFd, Errno> {
        match self.copy(thread, number) {
            // Another one has the number now.
            Err(libc::ESRCH) => {
                self.0.remove(&thread);
                self.copy(thread, number)
            }
            copied => copied,
        }
    }

    fn copy(&mut self, thread: u32, number: u64) -> Result<OwnedFd, Errno> {
        if self.0.len() >= REMEMBERED_MAX {
            self.0.clear();
        }
        let process = match self.0.entry(thread) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(open(thread)?),
        };
        // SAFETY: numbers alone; what is returned is a descriptor that nobody else has.
        unsafe {
            let number = number as u32;
            let copy = libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0);
            if copy < 0 { Err(failed()) } else { Ok(OwnedFd::from_raw_fd(copy as i32)) }
        }
    }
}

fn open(thread: u32) -> Result<OwnedFd, Errno> {
    match open_as(thread, PIDFD_THREAD) {
        Err(libc::EINVAL) => open_as(process_of(thread).ok_or(libc::ESRCH)?, 0),
        opened => opened,
    }
}

fn open_as(id: u32, flags: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: numbers alone; what is returned is a descriptor that nobody else has.
    unsafe {
        let opened = libc::syscall(libc::SYS_pidfd_open, id, flags);
        if opened < 0 { Err(failed()) } else { Ok(OwnedFd::from_raw_fd(opened as i32)) }
    }
}

fn process_of(thread: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}
