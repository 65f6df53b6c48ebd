//! A folder in memory, for tests: it knows what is durable, fails from any chosen operation on,
//! and shows what a crash or a power cut would leave.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::files::{File, Folder};

/// Shared by everyone who opens it.
#[derive(Clone, Default)]
pub struct MemoryFolder(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    names_synced: BTreeMap<String, usize>,
    /// Every operation that changes something.
    done: Vec<String>,
    /// After so many of them the disk refuses.
    allowed: Option<usize>,
}

#[derive(Clone, Default)]
struct Content {
    live: Vec<u8>,
    synced: Vec<u8>,
}

/// What is left after the node is gone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Cut {
    /// A killed process: the operating system keeps everything.
    Kill,
    /// A power cut: what was not synced is gone.
    Power,
    /// A power cut, half-way: so many bytes in 8 of the unsynced part got to the disk.
    Torn(usize),
}

impl MemoryFolder {
    /// From now on `count` more operations work.
    pub fn allow(&self, count: usize) {
        let mut state = self.0.lock().unwrap();
        state.allowed = Some(state.done.len() + count);
    }

    /// What was done so far, one line each.
    pub fn done(&self) -> Vec<String> {
        self.0.lock().unwrap().done.clone()
    }

    /// The folder as it is found afterwards.
    pub fn after(&self, cut: Cut) -> MemoryFolder {
        let mut state = self.0.lock().unwrap().clone();
        (state.done, state.allowed) = (Vec::new(), None);
        if cut != Cut::Kill {
            state.names = state.names_synced.clone();
        }
        state.names_synced = state.names.clone();
        for file in &mut state.files {
            let keep = match cut {
                Cut::Kill => file.live.clone(),
                Cut::Power => file.synced.clone(),
                Cut::Torn(eighths) => torn(file, eighths),
            };
            (file.live, file.synced) = (keep.clone(), keep);
        }
        MemoryFolder(Arc::new(Mutex::new(state)))
    }

    /// Changes a file behind everyone's back.
    pub fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock().unwrap();
        let id = state.names[name];
        change(&mut state.files[id].live);
        state.files[id].synced = state.files[id].live.clone();
    }

    /// Removes a file behind everyone's back.
    pub fn lose(&self, name: &str) {
        let mut state = self.0.lock().unwrap();
        state.names.remove(name);
        state.names_synced.remove(name);
    }

    fn act<T>(&self, what: String, act: impl FnOnce(&mut State) -> T) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        if state.allowed.is_some_and(|allowed| state.done.len() >= allowed) {
            return Err(io::Error::other("no more"));
        }
        state.done.push(what);
        Ok(act(&mut state))
    }
}

/// The bytes that differ, up to a share of them, are the live ones; the rest is as last synced.
fn torn(file: &Content, eighths: usize) -> Vec<u8> {
    let same = file.live.iter().zip(&file.synced).take_while(|(a, b)| a == b).count();
    let changed = file.live.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let upto = same + changed.saturating_sub(same) * eighths / 8;
    let mut bytes = file.live[..upto.min(file.live.len())].to_vec();
    bytes.extend(file.synced.iter().skip(bytes.len()));
    bytes
}

impl Folder for MemoryFolder {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let state = self.0.lock().unwrap();
        Ok(state.names.get(name).map(|id| state.files[*id].live.clone()))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let known = self.0.lock().unwrap().names.get(name).copied();
        let id = match known {
            Some(id) => id,
            None => self.act(format!("create {name}"), |state| {
                state.files.push(Content::default());
                state.names.insert(name.to_owned(), state.files.len() - 1);
                state.files.len() - 1
            })?,
        };
        Ok(Box::new(MemoryFile { folder: self.clone(), id, name: name.to_owned() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.act(format!("rename {from} {to}"), |state| {
            let id = state.names.remove(from).unwrap();
            state.names.insert(to.to_owned(), id);
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.act(format!("remove {name}"), |state| {
            state.names.remove(name).unwrap();
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.act("sync folder".to_owned(), |state| state.names_synced = state.names.clone())
    }
}

struct MemoryFile {
    folder: MemoryFolder,
    id: usize,
    name: String,
}

impl MemoryFile {
    fn sync(&mut self) -> io::Result<()> {
        let id = self.id;
        self.folder.act(format!("sync {}", self.name), |state| {
            state.files[id].synced = state.files[id].live.clone();
        })
    }
}

impl File for MemoryFile {
    fn write_at(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        let (start, end) = (position as usize, position as usize + bytes.len());
        let id = self.id;
        self.folder.act(format!("write {}", self.name), |state| {
            let live = &mut state.files[id].live;
            live.resize(live.len().max(end), 0);
            live[start..end].copy_from_slice(bytes);
        })
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<()> {
        let state = self.folder.0.lock().unwrap();
        let start = position as usize;
        buffer.copy_from_slice(&state.files[self.id].live[start..start + buffer.len()]);
        Ok(())
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        // Only as long as it has to be: a log of 4 MiB of zeros would make the tests slow.
        let id = self.id;
        self.folder.act(format!("cut {}", self.name), |state| {
            let live = &mut state.files[id].live;
            let length = (length as usize).min(live.len() + 4096);
            live.resize(length, 0);
        })
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync()
    }
}
