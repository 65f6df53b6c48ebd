//! Carries out `connect` and `bind` of unmodified programs, so that whatever they dial of each
//! other passes links of our choosing, at the addresses and ports that they know.
//!
//! A filter that a program and all that comes of it cannot take off again (seccomp) sends these
//! calls to a supervisor. It works on the caller's own socket, so options, duplicates and epoll go
//! on as if the kernel had done it. The program needs no preparation, and nobody needs to be root.
//!
//! * [`filter`]: which calls are trapped, and how a child installs that between fork and exec.
//! * [`handing`]: the way of a filter's listening descriptor from the child to the supervisor.
//! * [`supervisor`]: answers the calls of one spawn. [`Links`] is what it asks of whoever has
//!   links.
//! * [`plan`]: whose address is whose. [`capability`](fn@capability): whether this machine allows
//!   it.
//!
//! It never decides what a link does, and lets no call through that it could not read.

#[cfg(target_os = "linux")]
mod abi;
#[cfg(target_os = "linux")]
mod capability;
#[cfg(target_os = "linux")]
pub mod filter;
#[cfg(target_os = "linux")]
pub mod handing;
mod links;
pub mod plan;
#[cfg(target_os = "linux")]
mod socket;
#[cfg(target_os = "linux")]
pub mod supervisor;
#[cfg(target_os = "linux")]
mod target;

#[cfg(target_os = "linux")]
pub use capability::{capability, reachable};
pub use links::{Joining, Links, Note, Passage};
pub use plan::{Party, Plan};
#[cfg(target_os = "linux")]
pub use socket::come_from;
#[cfg(target_os = "linux")]
pub use supervisor::Supervisors;

/// No other system has what it takes.
#[cfg(not(target_os = "linux"))]
pub fn come_from(_: std::os::fd::BorrowedFd, _: std::net::Ipv4Addr) -> Result<(), std::io::Error> {
    Err(std::io::ErrorKind::Unsupported.into())
}
