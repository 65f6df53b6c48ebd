//! What the machine and the limits of this process still give, as Linux tells it. None: it does not
//! tell, and nothing is refused for that.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::geteuid;

const CGROUPS: &str = "/sys/fs/cgroup";

/// Descriptors that this process may still open, once its soft limit is raised.
pub fn descriptors() -> Option<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64;
    Some(hard.saturating_sub(open))
}

/// Threads and processes that may still start.
pub fn threads() -> Option<u64> {
    let of_group = |group: PathBuf| {
        let (max, now) = (number(&group.join("pids.max"))?, number(&group.join("pids.current"))?);
        Some(max.saturating_sub(now))
    };
    let groups = control_groups("pids").into_iter().filter_map(of_group);
    groups.chain(threads_of_user()).min()
}

/// Bytes of memory that are left.
pub fn memory_bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    });
    let of_group = |group: PathBuf| {
        // Each by its name and, in the older kind of groups, by its older one.
        let file = |name, older| number(&group.join(name)).or_else(|| number(&group.join(older)));
        let max = file("memory.max", "memory.limit_in_bytes")?;
        let used = file("memory.current", "memory.usage_in_bytes")?;
        let stat = |name| counter(&group.join("memory.stat"), name);
        // What files hold is given back when it is needed.
        let cached = stat("file").or_else(|| stat("cache")).unwrap_or(0);
        Some(max.saturating_sub(used.saturating_sub(cached)))
    };
    let groups = control_groups("memory").into_iter().filter_map(of_group);
    let space = getrlimit(Resource::RLIMIT_AS).ok();
    let space = space.map(|(soft, _)| soft).filter(|soft| *soft != RLIM_INFINITY);
    groups.chain(machine).chain(space).min()
}

/// How many processes the kernel has killed so far because memory ran out: here, or anywhere in our
/// control group.
pub fn killed_for_memory() -> u64 {
    let of_group = |group: PathBuf| {
        let count = |file: &str| counter(&group.join(file), "oom_kill");
        count("memory.events").or_else(|| count("memory.oom_control"))
    };
    let machine = counter(Path::new("/proc/vmstat"), "oom_kill");
    control_groups("memory").into_iter().filter_map(of_group).chain(machine).sum()
}

/// The control groups of this process for a resource, the outermost first. Empty: it is in none
/// that can be seen here.
fn control_groups(resource: &str) -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let groups = |line: &str| {
        // `0::/group`; of the older kind, cgroup v1, `4:memory:/group`.
        let (_, rest) = line.split_once(':')?;
        let (resources, path) = rest.split_once(":/")?;
        let root = match resources {
            "" => PathBuf::from(CGROUPS),
            _ if resources.split(',').any(|one| one == resource) => {
                Path::new(CGROUPS).join(resource)
            }
            _ => return None,
        };
        let own = root.join(path);
        let around = own.ancestors().take_while(|group| group.starts_with(&root));
        let mut groups: Vec<PathBuf> = around.map(Into::into).collect();
        groups.reverse();
        Some(groups)
    };
    own.lines().filter_map(groups).flatten().collect()
}

/// What the limit of the user leaves. The first user has none.
fn threads_of_user() -> Option<u64> {
    let (user, (soft, _)) = (geteuid(), getrlimit(Resource::RLIMIT_NPROC).ok()?);
    if user.is_root() || soft == RLIM_INFINITY {
        return None;
    }
    let threads = |entry: fs::DirEntry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        (of("Uid:")? == u64::from(user.as_raw())).then(|| of("Threads:"))?
    };
    let used: u64 = fs::read_dir("/proc").ok()?.flatten().filter_map(threads).sum();
    Some(soft.saturating_sub(used))
}

/// A file that is one number. `max` is none.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// A number in a file with a name and a number on each line.
fn counter(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_what_it_has() {
        assert!(descriptors().is_some_and(|free| free > 0));
        assert!(memory_bytes().is_some_and(|free| free > 1 << 20));
        assert!(threads().is_none_or(|free| free > 0));
        assert_eq!(counter(Path::new("/proc/vmstat"), "no such counter"), None);
        assert!(counter(Path::new("/proc/vmstat"), "nr_free_pages").is_some());
    }
}
