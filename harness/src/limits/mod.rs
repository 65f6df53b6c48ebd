//! What this machine lets the harness use: descriptors, threads, memory. A run for which it is not
//! enough is refused before it starts. What runs out later is trouble of the harness's own, and is
//! told as that.
//! It never limits a node: nodes get back the limits that the harness was started with.

pub mod machine;
mod shortages;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

pub use shortages::{Shortages, is_own};

/// What the proxy and the clients of one run have open at once, at most: a listener for each link
/// and its copy in the runtime, and one that fills its backlog; what goes through a link is joined
/// from two sockets; files and pipes.
fn descriptors_needed(nodes: u64, clients: u64) -> u64 {
    let links = nodes * nodes.saturating_sub(1) + nodes * clients;
    let between_nodes = 2 * nodes * nodes.saturating_sub(1);
    // Two sockets in the proxy, one at the client itself.
    let from_clients = 3 * clients * nodes;
    3 * links + between_nodes + from_clients + 4 * nodes + 64
}

/// The harness's own threads, watcher and guard; of each node its keeper, its process, and a thread
/// for its disk.
fn threads_needed(nodes: u64) -> u64 {
    8 + 3 * nodes
}

/// Less than what a short run of small values takes.
fn memory_needed(nodes: u64) -> u64 {
    (32 + 8 * nodes) << 20
}

/// Whether a run of this size can start here. An error is a sentence with the next step.
pub fn check(nodes: u8, clients: u16) -> Result<(), String> {
    let size = format!("{nodes} nodes and {clients} clients");
    let (nodes, clients) = (u64::from(nodes), u64::from(clients));
    let (needed, free) = (descriptors_needed(nodes, clients), machine::descriptors());
    if let Some(free) = free.filter(|free| *free < needed) {
        return Err(format!(
            "{size} need about {needed} file descriptors and only {free} are left to this program; \
             raise the hard limit (`ulimit -Hn`), or take fewer clients"
        ));
    }
    let (needed, free) = (threads_needed(nodes), machine::threads());
    if let Some(free) = free.filter(|free| *free < needed) {
        return Err(format!(
            "{size} need about {needed} threads and processes and only {free} more may start; raise \
             the limit (`ulimit -u`, or pids.max of the control group), or end other programs"
        ));
    }
    let (needed, free) = (memory_needed(nodes), machine::memory_bytes());
    if let Some(free) = free.filter(|free| *free < needed) {
        return Err(format!(
            "{size} need at least {} MiB of memory and {} MiB are left; end other programs, or raise \
             the limit (`ulimit -v`, or memory.max of the control group)",
            needed >> 20,
            free >> 20
        ));
    }
    Ok(())
}

/// Raises the soft limit of descriptors to the hard one: the usual soft limit of 1,024 exists for
/// programs that use select(2).
pub fn raise_descriptors() {
    let before = soft_descriptors();
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && before < hard
    {
        // Where it is refused, what runs out says so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// The soft limit of descriptors that this program was started with.
pub fn soft_descriptors() -> u64 {
    static BEFORE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    let now = || getrlimit(Resource::RLIMIT_NOFILE).map_or(1_024, |(soft, _)| soft);
    *BEFORE.get_or_init(now)
}

/// Gives this process, and all that it starts, a soft limit of so many descriptors.
pub fn lower_descriptors(soft: u64) {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_size_that_fits_a_desk_can_start_and_one_that_cannot_says_what_to_do() {
        assert_eq!(check(3, 10), Ok(()));
        let needed = descriptors_needed(5, 256);
        assert!((6_000..10_000).contains(&needed), "{needed}");
        if machine::descriptors().is_some_and(|free| free < descriptors_needed(99, 12_000)) {
            let refused = check(99, 12_000).unwrap_err();
            assert!(refused.starts_with("99 nodes and 12000 clients need about "), "{refused}");
            assert!(refused.contains("ulimit"), "{refused}");
        }
    }

    #[test]
    fn the_limit_at_the_start_is_remembered() {
        let before = soft_descriptors();
        raise_descriptors();
        assert_eq!(soft_descriptors(), before);
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(soft, hard, "it was raised");
    }
}
