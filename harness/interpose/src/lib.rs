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

mod abi;
mod capability;
pub mod filter;
pub mod handing;
pub mod plan;
mod socket;
pub mod supervisor;
mod target;

pub use capability::{capability, reachable};
pub use plan::{Party, Plan};
pub use socket::come_from;
pub use supervisor::{Joining, Links, Note, Passage, Supervisors};
