//! Nodes in threads of this process, on addresses nobody else uses, and a client for them.

#![allow(dead_code)] // each test uses its part

pub mod toy;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use schism_node::{Config, Failure, Leave, serve};
use schism_protocol::{Build, NodeId};
use serde_json::Value;
use tokio::sync::oneshot;

/// Nothing here takes a second on an idle machine; a loaded one may take this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An address that only this process knows: its id is in it.
pub fn address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(18_300);
    let [_, a, b, c] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, a | 0x80, b, c], NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// The configurations of a cluster whose nodes keep their things under `home`.
pub fn configs(nodes: u8, home: &Path, options: &[(&str, &str)]) -> Vec<Config> {
    let listen: Vec<(NodeId, SocketAddr)> = (1..=nodes).map(|id| (NodeId(id), address())).collect();
    let config = |&(id, own): &(NodeId, SocketAddr)| Config {
        id,
        listen: own,
        client: address(),
        peers: listen.iter().copied().filter(|(other, _)| *other != id).collect(),
        data: home.join(format!("{id}")),
        trace: Some(home.join(format!("{id}.trace"))),
        delivered: Some(home.join(format!("{id}.delivered"))),
        seed: 7,
        options: options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    };
    listen.iter().map(config).collect()
}

/// A running node.
pub struct Node {
    pub client: SocketAddr,
    stop: Option<oneshot::Sender<Leave>>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Node {
    pub fn start(config: &Config, build: Build) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (its, client) = (config.clone(), config.client);
        let stopped = async { stopped.await.unwrap_or(Leave::AtOnce) };
        let thread = Some(std::thread::spawn(move || serve(&its, build, stopped)));
        Self { client, stop: Some(stop), thread }
    }

    /// A connection, as soon as the node listens.
    pub fn connect(&self) -> Client {
        let start = Instant::now();
        loop {
            match TcpStream::connect(self.client) {
                Ok(stream) => return Client::new(stream),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    assert!(start.elapsed() < PATIENCE, "the node never listened");
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Ends it and says how it went.
    pub fn leave(&mut self, how: Leave) -> Result<(), Failure> {
        let _ = self.stop.take().expect("it still runs").send(how);
        self.end()
    }

    /// Waits for it to end by itself.
    pub fn end(&mut self) -> Result<(), Failure> {
        self.thread.take().expect("nobody has waited yet").join().expect("a node never panics")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.stop.is_some() && self.thread.is_some() {
            let _ = self.leave(Leave::AtOnce);
        }
    }
}

/// One connection.
pub struct Client {
    pub stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    pub fn send(&mut self, line: &str) {
        self.stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The next line, or None at the end.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let bytes = self.reader.read_line(&mut line).unwrap();
        (bytes > 0).then(|| line.trim_end().to_owned())
    }

    pub fn ask(&mut self, line: &str) -> Value {
        self.send(line);
        serde_json::from_str(&self.line().expect("an answer")).expect("an answer is JSON")
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.reader.read_to_string(&mut rest).unwrap();
        rest
    }
}
