//! The harness's end of interposition: the listeners of nodes' filters arrive here, each with who
//! it belongs to, and get a supervisor that takes what the node dials to its links. What is seen of
//! a node stands in its `network.log`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use schism_interpose::handing::{Receiver, TAG_BYTES};
use schism_interpose::{Note, Party, Supervisors};

use super::messages::Handover;
use crate::limits::Shortages;
use crate::proxy::{Proxy, RunNet};

/// Between looks whether the run has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Different things that are noted of one of them: enough for every port and every peer, and an end
/// to a node that dials the whole world.
const NOTED_MAX: usize = 500;

/// Listeners are received for as long as this lives. Supervisors end with what they supervise.
#[derive(Debug)]
pub(super) struct Interposed {
    socket: String,
    token: [u8; 16],
    /// How many have been spawned.
    spawned: Cell<u64>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Interposed {
    /// `directory` is the run's; what of a node cannot be looked at, or passes no link, is trouble.
    pub(super) fn start(
        net: &RunNet,
        nodes: u8,
        proxy: &Proxy,
        directory: &Path,
        shortages: &Shortages,
    ) -> io::Result<Interposed> {
        let socket = format!("schism-{}-{}", net.number(), std::process::id());
        let receiver = Receiver::listen(&socket)?;
        let notes = Notes::new(directory.to_path_buf(), shortages.clone());
        let noted = Box::new(move |from, note: Note| notes.note(from, &note));
        let links = Arc::new(proxy.ports(net, nodes, noted));
        let supervisors = Supervisors::new(net.plan(nodes), links);
        let token = token();
        let ended = Arc::<AtomicBool>::default();
        let (until, shortages) = (ended.clone(), shortages.clone());
        let thread = std::thread::Builder::new().name("listeners".into()).spawn(move || {
            while !until.load(Relaxed) {
                if let Err(error) = receive(&receiver, &token, &supervisors) {
                    shortages.add(format!("a node's calls could not be taken over: {error}"));
                }
            }
        })?;
        let spawned = Cell::new(0);
        Ok(Interposed { socket, token, spawned, ended, thread: Some(thread) })
    }

    /// How the next spawn of this party is handed over.
    pub(super) fn handover(&self, party: Party) -> Handover {
        self.spawned.set(self.spawned.get() + 1);
        let tag = Tag { party, spawn: self.spawned.get() }.write(&self.token);
        Handover { socket: self.socket.clone(), tag }
    }
}

impl Drop for Interposed {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It looks ten times a second. Its panic has been printed.
            let _ = thread.join();
        }
    }
}

fn receive(receiver: &Receiver, token: &[u8; 16], supervisors: &Supervisors) -> io::Result<()> {
    let Some((listener, tag)) = receiver.receive(LOOK_EVERY)? else { return Ok(()) };
    // Anybody on this machine may connect.
    let Some(Tag { party, .. }) = Tag::read(&tag, token) else { return Ok(()) };
    supervisors.supervise(party, listener).map(drop)
}

/// Nobody guesses it who does not see our orders.
fn token() -> [u8; 16] {
    let random = || RandomState::new().hash_one(std::process::id());
    let mut token = [0; 16];
    token[..8].copy_from_slice(&random().to_ne_bytes());
    token[8..].copy_from_slice(&random().to_ne_bytes());
    token
}

/// Who was spawned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Tag {
    party: Party,
    /// Which spawn of the run.
    spawn: u64,
}

impl Tag {
    fn write(self, token: &[u8; 16]) -> [u8; TAG_BYTES] {
        let (kind, number) = match self.party {
            Party::Node(node) => (0, u16::from(node)),
            Party::Client(client) => (1, client),
        };
        let mut tag = [0; TAG_BYTES];
        tag[..16].copy_from_slice(token);
        tag[16] = kind;
        tag[17..19].copy_from_slice(&number.to_ne_bytes());
        tag[24..].copy_from_slice(&self.spawn.to_ne_bytes());
        tag
    }

    fn read(tag: &[u8; TAG_BYTES], token: &[u8; 16]) -> Option<Tag> {
        let number = u16::from_ne_bytes([tag[17], tag[18]]);
        let party = match tag[16] {
            0 => Party::Node(u8::try_from(number).ok()?),
            1 => Party::Client(number),
            _ => return None,
        };
        let spawn = u64::from_ne_bytes(tag[24..].try_into().ok()?);
        (tag[..16] == token[..]).then_some(Tag { party, spawn })
    }
}

/// What was seen of each party, each thing once.
struct Notes {
    directory: PathBuf,
    shortages: Shortages,
    seen: Mutex<BTreeMap<Party, BTreeSet<Note>>>,
}

impl Notes {
    fn new(directory: PathBuf, shortages: Shortages) -> Notes {
        Notes { directory, shortages, seen: Mutex::default() }
    }

    fn note(&self, from: Party, note: &Note) {
        {
            let mut seen = self.seen.lock().expect("no panic while noting");
            let seen = seen.entry(from).or_default();
            if seen.len() >= NOTED_MAX || !seen.insert(note.clone()) {
                return;
            }
        }
        match note {
            Note::Datagram { .. } => self.shortages.add(format!(
                "{from} {note}; faults do not meet them: use `network: none` and break clients' links \
                 and nodes only"
            )),
            Note::Closed { .. } | Note::Ended(_) => self.shortages.add(format!("{from}: {note}")),
            Note::Short { what, errno } => {
                let error = io::Error::from_raw_os_error(*errno);
                if !self.shortages.note(&format!("{from}: {what}"), &error) {
                    self.shortages.add(format!("{from}: {note}"));
                }
            }
            _ => {}
        }
        // What cannot be written here is told by their own logs as well.
        let _ = self.log(from, note);
    }

    fn log(&self, from: Party, note: &Note) -> io::Result<()> {
        let folder = match from {
            Party::Node(_) => "nodes",
            Party::Client(_) => "clients",
        };
        let path = self.directory.join(folder).join(from.to_string()).join("network.log");
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{note}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_says_who_it_is_to_those_who_have_the_token() {
        let token = token();
        for party in [Party::Node(99), Party::Client(12_000)] {
            let tag = Tag { party, spawn: 1 << 40 };
            assert_eq!(Tag::read(&tag.write(&token), &token), Some(tag));
            assert_eq!(Tag::read(&tag.write(&[0; 16]), &token), None);
        }
    }

    #[test]
    fn a_thing_is_noted_once_and_what_passes_no_link_is_trouble() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("nodes/n1")).unwrap();
        let shortages = Shortages::default();
        let notes = Notes::new(folder.path().to_path_buf(), shortages.clone());
        let n1 = Party::Node(1);
        for _ in 0..2 {
            notes.note(n1, &Note::Dialled { to: 2, port: 2380 });
            notes.note(n1, &Note::Elsewhere("10.0.0.1:53".parse().unwrap()));
        }
        assert_eq!(shortages.take(), [""; 0], "everyday");
        notes.note(n1, &Note::Datagram { to: 2, port: 7946 });
        notes.note(n1, &Note::Closed { call: "connect", errno: 1 });
        let said = shortages.take().join("\n");
        assert!(said.contains("n1 sends datagrams to n2:7946"), "{said}");
        assert!(said.contains("must be readable"), "{said}");
        let log = std::fs::read_to_string(folder.path().join("nodes/n1/network.log")).unwrap();
        assert_eq!(log.lines().count(), 4, "{log}");
        assert!(log.starts_with("connect n2:2380: over the link\n"), "{log}");
    }
}
