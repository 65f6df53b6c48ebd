//! The folder a node keeps its data in, as a trait, so that tests can crash it between any two
//! operations. It never retries and never hides an error.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

/// A flat folder.
pub trait Folder: Send {
    fn list(&self) -> io::Result<Vec<String>>;
    /// A whole file; None if there is no such file.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Opens a file for reading and writing; creates it if missing.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Puts `from` in the place of `to`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes created, renamed and removed names durable.
    fn sync(&self) -> io::Result<()>;
}

pub trait File: Send {
    /// Writes all of it, or fails.
    fn write_at(&mut self, position: u64, bytes: &[u8]) -> io::Result<()>;
    /// Fills the buffer, or fails.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Cuts it off, or extends it by zeros.
    fn set_len(&mut self, length: u64) -> io::Result<()>;
    /// Makes its bytes durable.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Makes its bytes and its length durable.
    fn sync_all(&mut self) -> io::Result<()>;
}

/// A real folder, locked for as long as this lives: two nodes never share one.
pub struct RealFolder {
    path: PathBuf,
    directory: fs::File,
    _lock: Flock<fs::File>,
}

impl RealFolder {
    /// Opens it, creating it if missing. Fails with `WouldBlock` if another node holds it.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = fs::File::create(path.join("lock"))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| io::Error::from(errno))?;
        Ok(Self { path: path.to_owned(), directory: fs::File::open(path)?, _lock: lock })
    }
}

impl Folder for RealFolder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path.join(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.directory.sync_all()
    }
}

struct RealFile(fs::File);

impl File for RealFile {
    fn write_at(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, position)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, position)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_never_share_a_folder() {
        let home = tempfile::tempdir().unwrap();
        let first = RealFolder::open(home.path()).unwrap();
        let error = RealFolder::open(home.path()).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(first);
        assert!(RealFolder::open(home.path()).is_ok());
    }
}
