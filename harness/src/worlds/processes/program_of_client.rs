//! Client programs: each is started by the guard with named pipes for its input and output, of
//! which the other ends are here, and ended with whoever holds these.
//! It never counts among the nodes.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use schism_interpose::Party;
use tokio::io::{AsyncRead, AsyncWrite, Sink, sink};
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::files;
use super::interposed::Interposed;
use super::messages;
use super::nodes::Nodes;
use crate::action::ClientId;
use crate::clock::Local;
use crate::systems::clients::Program;
use crate::worlds::WorldError;
use crate::worlds::dial::Launch;

/// Who closes its output ends, or is ended. A machine that takes longer than this has other
/// troubles, and a word less is told of the program.
const END_MAX: Duration = Duration::from_secs(2);

/// Where those that are to be ended are told.
pub(super) type Ends = mpsc::UnboundedSender<String>;

/// Ends programs whose clients are gone, as long as there is somebody who may tell of one.
pub(super) fn ends(nodes: &Rc<Nodes>) -> Ends {
    let (ends, mut told) = mpsc::unbounded_channel();
    let nodes = Rc::downgrade(nodes);
    spawn_local(async move {
        while let Some(name) = told.recv().await {
            let Some(nodes) = nodes.upgrade() else { return };
            nodes.end_program(name).await;
        }
    });
    ends
}

/// Starts the programs of one client, one after the other.
pub(super) struct Launcher {
    nodes: Weak<Nodes>,
    ends: Ends,
    /// The client's.
    name: String,
    folder: PathBuf,
    /// Whom its links belong to, where nodes are dialled at their own addresses.
    interposed: Option<(Rc<Interposed>, Party)>,
    /// How many were started.
    lives: Cell<u32>,
}

impl Launcher {
    pub(super) fn new(nodes: &Rc<Nodes>, ends: &Ends, name: &str, folder: PathBuf) -> Launcher {
        let (nodes, ends) = (Rc::downgrade(nodes), ends.clone());
        let (name, interposed) = (name.to_owned(), None);
        Launcher { nodes, ends, name, folder, interposed, lives: Cell::new(0) }
    }

    /// The same for programs that dial nodes at their own addresses, and so reach this client's
    /// links.
    pub(super) fn over(self, interposed: &Rc<Interposed>, client: ClientId) -> Launcher {
        let party = Party::Client(client.0);
        Launcher { interposed: Some((Rc::clone(interposed), party)), ..self }
    }
}

impl Launch for Launcher {
    fn launch(&self, argv: Vec<String>) -> Local<'static, io::Result<Box<dyn Program>>> {
        self.lives.set(self.lives.get() + 1);
        let name = format!("{}.{}", self.name, self.lives.get());
        let (nodes, ends) = (Weak::clone(&self.nodes), self.ends.clone());
        let folder = self.folder.clone();
        let interposed = self.interposed.as_ref().map(|(all, party)| all.handover(*party));
        let (send, started) = oneshot::channel();
        spawn_local(async move {
            // Whoever no longer waits for it drops it, and so ends it.
            let _ = send.send(start(nodes, ends, name, &folder, argv, interposed).await);
        });
        Box::pin(async move {
            let gone = |_| io::Error::other("the world has been stopped");
            started.await.map_err(gone)?.map(|running| Box::new(running) as Box<dyn Program>)
        })
    }
}

async fn start(
    nodes: Weak<Nodes>,
    ends: Ends,
    name: String,
    folder: &Path,
    argv: Vec<String>,
    interposed: Option<messages::Handover>,
) -> io::Result<Running> {
    fs::create_dir_all(folder)?;
    let (input, output) = (Fifo::make(folder.join("in"))?, Fifo::make(folder.join("out"))?);
    let stderr = folder.join("stderr.log");
    // Both ends of the one here, until the program has its own: opening waits for nobody then.
    let placeholder = OpenOptions::new().read_write(true).open_sender(&input.0)?;
    let from = OpenOptions::new().open_receiver(&output.0)?;
    let program = messages::Program {
        name: name.clone(),
        argv,
        stdin: input.0.clone(),
        stdout: output.0.clone(),
        stderr: stderr.clone(),
        interposed,
    };
    let failed = |WorldError(why)| io::Error::other(why);
    let stopped = || io::Error::other("the world has been stopped");
    nodes.upgrade().ok_or_else(stopped)?.begin(program).await.map_err(failed)?;
    let to = OpenOptions::new().open_sender(&input.0);
    drop(placeholder);
    // Who ended before it read anything has its last words to say all the same.
    let to = match to {
        Ok(to) => Input::Open(to),
        Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => Input::Closed(sink()),
        Err(error) => return Err(error),
    };
    Ok(Running { nodes, ends, name, stderr, to, from, over: false })
}

/// A named pipe, which has its name as long as it takes to open it.
struct Fifo(PathBuf);

impl Fifo {
    fn make(path: PathBuf) -> io::Result<Fifo> {
        // Left by a harness that was killed at this moment.
        let _ = fs::remove_file(&path);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        Ok(Fifo(path))
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

struct Running {
    nodes: Weak<Nodes>,
    ends: Ends,
    name: String,
    stderr: PathBuf,
    to: Input,
    from: Receiver,
    /// It is known to have ended.
    over: bool,
}

enum Input {
    Open(Sender),
    Closed(Sink),
}

impl Program for Running {
    fn input(&mut self) -> &mut (dyn AsyncWrite + Unpin) {
        match &mut self.to {
            Input::Open(to) => to,
            Input::Closed(sink) => sink,
        }
    }

    fn output(&mut self) -> &mut (dyn AsyncRead + Unpin) {
        &mut self.from
    }

    fn last_words(mut self: Box<Self>) -> Local<'static, String> {
        Box::pin(async move {
            let mut how = None;
            if let Some(nodes) = self.nodes.upgrade() {
                // Whose output has ended may go on all the same.
                nodes.end_program(self.name.clone()).await;
                self.over = true;
                let ended = timeout(END_MAX, nodes.program_end(&self.name)).await;
                how = ended.ok().and_then(Result::ok);
            }
            let how = how.unwrap_or_else(|| "its output ended".into());
            let lines = files::last_lines(&self.stderr);
            match lines.iter().rev().find(|line| !line.trim().is_empty()) {
                Some(line) => format!("{how}: {}", line.trim()),
                None => format!("{how}, and it said nothing on stderr"),
            }
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.over {
            // If nobody hears it, the world has been stopped.
            let _ = self.ends.send(self.name.clone());
        }
    }
}
