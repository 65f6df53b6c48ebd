//! Whether a program is the file it was when it was first started. One that is built anew while a
//! run goes on would be another system after each restart.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The programs of a run as they were first seen.
#[derive(Debug, Default)]
pub(super) struct Programs(BTreeMap<PathBuf, Identity>);

/// What changes when a file is written anew or another takes its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Programs {
    /// Looks at a program that is about to be started. A sentence if it is no longer what it was.
    pub(super) fn look(&mut self, program: &str, env: &BTreeMap<String, String>) -> Option<String> {
        let path = resolve(program, env)?;
        let now = Identity::of(&path).ok()?;
        let first = *self.0.entry(path.clone()).or_insert(now);
        (first != now).then(|| {
            format!(
                "the program {} was replaced or changed during the run, so that not all nodes are \
                 the same system; repeat the run",
                path.display()
            )
        })
    }
}

impl Identity {
    fn of(path: &Path) -> io::Result<Identity> {
        let about = fs::metadata(path)?;
        Ok(Identity {
            device: about.dev(),
            inode: about.ino(),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
        })
    }
}

/// The file that execvp(3) takes. None: there is none, and starting it will say so.
fn resolve(program: &str, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(program.into());
    }
    let path = env.get("PATH").map(Into::into).or_else(|| env::var_os("PATH"))?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_written_anew_or_replaced_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([("PATH".to_owned(), folder.path().display().to_string())]);
        let file = folder.path().join("node");
        fs::write(&file, "one").unwrap();
        let mut programs = Programs::default();
        let shown = file.display().to_string();
        assert_eq!(programs.look("node", &env), None, "first seen");
        assert_eq!(programs.look(&shown, &env), None, "the same by another name");
        assert_eq!(programs.look("missing", &env), None);
        let other = folder.path().join("other");
        fs::write(&other, "two").unwrap();
        fs::rename(&other, &file).unwrap();
        let said = programs.look("node", &env).unwrap();
        assert!(said.contains(&shown) && said.contains("replaced"), "{said}");
        fs::write(&file, "three").unwrap();
        assert!(programs.look(&shown, &env).is_some(), "also against the first");
    }
}
