//! environment.json: where and with what a run was made.

use std::path::Path;

use serde_json::{Value, json};

/// Where the version of the system under test stands, if it has one.
pub const SYSTEM_VERSION: &str = "system_version";

/// What this machine and this program are. `clock_origin_ns` is the machine's monotonic clock at
/// time 0 of the history, which places the nodes' traces on it.
pub fn describe(clock_origin_ns: u64, started: &str) -> Value {
    let kernel = nix::sys::utsname::uname().ok();
    let kernel = kernel.map(|name| {
        format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
    });
    json!({
        "started": started,
        "schism": env!("CARGO_PKG_VERSION"),
        "git": git_head(Path::new(".")),
        "os": os_name(),
        "kernel": kernel,
        "arch": std::env::consts::ARCH,
        "cpus": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        "memory_kib": memory_kib(),
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        "command": std::env::args().collect::<Vec<_>>(),
        "clock_origin_ns": clock_origin_ns,
    })
}

fn os_name() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_string())
}

fn memory_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The commit that is checked out here, read from git's own files.
fn git_head(folder: &Path) -> Option<String> {
    let git = folder.join(".git");
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return Some(head.trim().into()) };
    if let Ok(commit) = std::fs::read_to_string(git.join(name)) {
        return Some(commit.trim().to_string());
    }
    let packed = std::fs::read_to_string(git.join("packed-refs")).ok()?;
    let line = packed.lines().find(|line| line.ends_with(name))?;
    line.split(' ').next().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described() {
        let seen = describe(17, "2026-11-23T10:15:00Z");
        assert_eq!(seen["clock_origin_ns"], 17);
        assert!(seen["cpus"].as_u64().unwrap() >= 1);
        assert!(seen["kernel"].as_str().unwrap().starts_with("Linux"));
    }

    #[test]
    fn the_commit_is_found_loose_packed_or_detached() {
        let check = |files: &[(&str, &str)], expected: Option<&str>| {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let path = folder.path().join(".git").join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            assert_eq!(git_head(folder.path()).as_deref(), expected, "{files:?}");
        };
        check(&[], None);
        check(&[("HEAD", "abc\n")], Some("abc"));
        check(&[("HEAD", "ref: refs/heads/main\n"), ("refs/heads/main", "def\n")], Some("def"));
        let packed = ("packed-refs", "# pack-refs\n123 refs/heads/main\n");
        check(&[("HEAD", "ref: refs/heads/main\n"), packed], Some("123"));
    }
}
