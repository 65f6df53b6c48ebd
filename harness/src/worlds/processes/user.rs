//! Whom nodes run as where root starts them: some servers refuse to be root's.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{self, Uid, getgrouplist};

use super::messages::User;

/// A user, and what programs expect to find in their environment.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) user: User,
    name: String,
    home: PathBuf,
}

impl Person {
    /// The user of this name; None where nodes run as whoever starts them, because that is not
    /// root. An error is a sentence with the next step.
    pub(super) fn find(name: &str) -> Result<Option<Person>, String> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let unknown = || format!("there is no user `{name}` here; install what brings it");
        let found = unistd::User::from_name(name).map_err(|error| format!("{name}: {error}"))?;
        let found = found.ok_or_else(unknown)?;
        let own = CString::new(name).map_err(|_| unknown())?;
        let groups = getgrouplist(&own, found.gid).map_err(|error| format!("{name}: {error}"))?;
        let user = User {
            uid: found.uid.as_raw(),
            gid: found.gid.as_raw(),
            groups: groups.into_iter().map(unistd::Gid::as_raw).collect(),
        };
        Ok(Some(Person { user, name: found.name, home: found.dir }))
    }

    /// What is added to the environment of what it runs.
    pub(super) fn env(&self) -> BTreeMap<String, String> {
        let home = self.home.display().to_string();
        let pairs = [("HOME", &home), ("USER", &self.name), ("LOGNAME", &self.name)];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }

    /// Gives it a folder and all that is in it.
    pub(super) fn take(&self, path: &Path) -> io::Result<()> {
        chown(path, Some(self.user.uid), Some(self.user.gid))?;
        if fs::symlink_metadata(path)?.is_dir() {
            for entry in fs::read_dir(path)? {
                self.take(&entry?.path())?;
            }
        }
        Ok(())
    }

    /// Insists that it may come to a folder. An error is a sentence with the next step.
    pub(super) fn reaches(&self, folder: &Path) -> Result<(), String> {
        let closed = folder.ancestors().find(|folder| !self.may_enter(folder));
        closed.map_or(Ok(()), |closed| {
            Err(format!(
                "{} may not enter {}, and nodes run as {0}; run with --out in a folder that it may, \
                 such as /var/tmp",
                self.name,
                closed.display()
            ))
        })
    }

    fn may_enter(&self, folder: &Path) -> bool {
        let Ok(about) = fs::metadata(folder) else { return true };
        let bits = if about.uid() == self.user.uid {
            about.mode() >> 6
        } else if about.gid() == self.user.gid || self.user.groups.contains(&about.gid()) {
            about.mode() >> 3
        } else {
            about.mode()
        };
        bits & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_entered_by_whom_its_bits_let_in() {
        let user = User { uid: 4_000_000, gid: 4_000_001, groups: vec![4_000_002] };
        let person = Person { user, name: "somebody".into(), home: "/".into() };
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let open = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode));
        open(0o755).unwrap();
        assert_eq!(person.reaches(&inner), Ok(()));
        open(0o700).unwrap();
        let told = person.reaches(&inner).unwrap_err();
        let shown = folder.path().display().to_string();
        assert!(told.contains(&format!("somebody may not enter {shown},")), "{told}");
        assert!(told.contains("--out"), "{told}");
    }
}
