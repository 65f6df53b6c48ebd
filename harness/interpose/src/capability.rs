//! Whether this machine lets us interpose, found out by doing it once; where not, what is missing
//! and how to give it.
#![allow(unsafe_code)]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd};
use std::process::id;
use std::time::Duration;

use crate::abi::{self, Answer, HOST};
use crate::filter::Filter;
use crate::handing::{Receiver, Sender, TAG_BYTES};
use crate::socket::{self, Heard, Raw};
use crate::target::{self, Callers};

/// The child of a trial is forked, makes four system calls and waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How far the child of a trial came, as it exits.
const NOT_HANDED: i32 = 101;
const NOT_INSTALLED: i32 = 102;

/// Tries it on a child: an error says what is missing and how to give it.
pub fn capability() -> Result<(), String> {
    if HOST.is_none() {
        return Err(
            "interposed links need an x86-64 or aarch64 machine; use `network: pairs`".into()
        );
    }
    let filter = Filter::new().map_err(broken("no filter for this machine"))?;
    let name = format!("schism-trial-{}-{:?}", id(), std::thread::current().id());
    let receiver = Receiver::listen(&name).map_err(broken("no socket to listen on"))?;
    let sender = Sender::new(&name, [0; TAG_BYTES]).map_err(broken("no socket to send from"))?;
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let target = target.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, _listener) = target.map_err(broken("nothing can listen on 127.0.0.1"))?;
    // A socket that the child uses: it makes none itself.
    let own = stream().ok_or("no socket can be made")?;
    let child = Child::fork(&filter, &sender, own.as_raw_fd(), address)?;
    let tried = observe(&receiver, address);
    let ended = child.end();
    match ended {
        Some(code) if code == NOT_HANDED => {
            Err("a child could not reach its parent's socket".into())
        }
        Some(code) if code >= NOT_INSTALLED => Err(refused(code - NOT_INSTALLED)),
        _ => tried,
    }
}

fn broken(what: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}

/// Whether the calls of this process could be looked at. An error says what to do.
pub fn reachable(process: u32) -> Result<(), String> {
    match Callers::default().descriptor(process, 0) {
        Ok(_) | Err(libc::EBADF | libc::ESRCH) => Ok(()),
        Err(errno) => Err(format!(
            "its calls cannot be looked at ({}): its program must be readable for the user who runs it \
             (mode 0755, not 0711) and without set-user-id, and run as the user of the harness, unless \
             that is root with CAP_SYS_PTRACE",
            std::io::Error::from_raw_os_error(errno)
        )),
    }
}

fn observe(receiver: &Receiver, address: SocketAddr) -> Result<(), String> {
    let received = receiver.receive(PATIENCE).map_err(|error| error.to_string())?;
    let Some((listener, _)) = received else {
        return Err("the filter's listener did not arrive".into());
    };
    let deadline = std::time::Instant::now() + PATIENCE;
    while socket::hear(listener.as_fd(), Some(Duration::from_millis(100))) != Heard::Call {
        if std::time::Instant::now() > deadline {
            return Err("the filter trapped no call".into());
        }
    }
    let call = abi::receive(listener.as_fd()).map_err(|error| error.to_string())?;
    let [socket, at, length, ..] = call.call.arguments;
    let mut bytes = vec![0; (length as usize).min(socket::ADDRESS_BYTES_MAX)];
    let memory = target::read(call.thread, at, &mut bytes);
    let descriptor = Callers::default().descriptor(call.thread, socket);
    let answered = abi::answer(listener.as_fd(), call.id, Answer::Errno(libc::EACCES));
    memory.map_err(|errno| rights("process_vm_readv", errno))?;
    descriptor.map_err(|errno| rights("pidfd_getfd", errno))?;
    answered.map_err(|error| format!("an answer did not arrive: {error}"))?;
    if socket::parse(&bytes) == Some(address) {
        Ok(())
    } else {
        Err("what was read of the child is not what it has".into())
    }
}

/// Why the filter could not be installed.
fn refused(errno: i32) -> String {
    let error = std::io::Error::from_raw_os_error(errno);
    match errno {
        libc::EINVAL => format!(
            "the kernel is too old for interposed links ({error}): they need Linux 5.19 or newer, and \
             this is {}; use `network: pairs`, or a newer kernel",
            kernel()
        ),
        libc::EBUSY => "this program runs under a filter with a listener of its own (a container \
            runtime's, or another schism's node), and a process can have only one; start it outside"
            .into(),
        libc::ENOSYS | libc::EPERM | libc::EACCES => format!(
            "the container or sandbox forbids seccomp(2) ({error}); start it with a profile that allows \
             it: docker run --security-opt seccomp=unconfined"
        ),
        _ => format!("the filter cannot be installed: {error}"),
    }
}

/// Why a child may not be looked into.
fn rights(call: &str, errno: i32) -> String {
    let error = std::io::Error::from_raw_os_error(errno);
    let yama = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let scope = yama.trim();
    if matches!(scope, "2" | "3") {
        return format!(
            "{call} of a node is forbidden ({error}): /proc/sys/kernel/yama/ptrace_scope is {scope}, \
             and 1 or 0 is needed; `sysctl kernel.yama.ptrace_scope=1` as root{}",
            if scope == "3" {
                " after a restart of the machine: 3 cannot be taken back"
            } else {
                ""
            }
        );
    }
    format!(
        "{call} of a node is forbidden ({error}): in a container give it the right to trace, docker run \
         --cap-add SYS_PTRACE; elsewhere, the program must be readable for the user who runs it"
    )
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.trim().to_owned()
}

fn stream() -> Option<std::os::fd::OwnedFd> {
    // SAFETY: numbers alone; what is returned is a descriptor that nobody else has.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        (socket >= 0).then(|| std::os::fd::FromRawFd::from_raw_fd(socket))
    }
}

struct Child(i32);

impl Child {
    fn fork(
        filter: &Filter,
        sender: &Sender,
        socket: i32,
        address: SocketAddr,
    ) -> Result<Child, String> {
        let raw = Raw::new(address);
        // SAFETY: the child makes system calls alone, on memory that was there before, and leaves
        // with _exit: it allocates nothing and takes no lock that another thread may hold.
        unsafe {
            match libc::fork() {
                -1 => Err(format!("no child can be made: {}", std::io::Error::last_os_error())),
                0 => {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    let Ok(way) = sender.connect() else { libc::_exit(NOT_HANDED) };
                    match filter.install() {
                        Ok(listener) => {
                            if sender.send(&way, &listener).is_err() {
                                libc::_exit(NOT_HANDED);
                            }
                            // Ours must be the last copy.
                            drop(listener);
                        }
                        Err(error) => {
                            libc::_exit(NOT_INSTALLED + error.raw_os_error().unwrap_or(0));
                        }
                    }
                    let bytes = raw.bytes();
                    libc::connect(socket, bytes.as_ptr().cast(), bytes.len() as u32);
                    libc::_exit(0)
                }
                child => Ok(Child(child)),
            }
        }
    }

    /// Takes leave of it, whatever it does: its exit code, if it left by itself.
    fn end(self) -> Option<i32> {
        let mut status = 0;
        // SAFETY: numbers, and one that is written. The child has not been waited for.
        unsafe {
            // It may wait for an answer that does not come. What it has to say it has said.
            let begun = std::time::Instant::now();
            while libc::waitpid(self.0, &raw mut status, libc::WNOHANG) == 0 {
                if begun.elapsed() > Duration::from_secs(1) {
                    libc::kill(self.0, libc::SIGKILL);
                    libc::waitpid(self.0, &raw mut status, 0);
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_next_step() {
        assert!(refused(libc::EINVAL).contains("Linux 5.19"));
        assert!(refused(libc::EBUSY).contains("only one"));
        assert!(refused(libc::EPERM).contains("--security-opt"));
        assert!(rights("pidfd_getfd", libc::EPERM).contains("SYS_PTRACE"));
        assert_eq!(reachable(id()), Ok(()));
        let error = capability().err().unwrap_or_default();
        assert!(!error.contains('\n'), "one sentence: {error}");
    }
}
