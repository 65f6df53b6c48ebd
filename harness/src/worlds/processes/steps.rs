//! Commands in a node that end by themselves: what prepares it, lets it join, asks it or tells it
//! something. Each is spawned like the node itself, so that whatever hits the node hits it too.
//! What they say stands in nodes/nX/steps.log.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::messages::Who;
use super::{Processes, files};
use crate::action::NodeId;
use crate::systems::{NodeStatus, Ready, Step};
use crate::worlds::WorldError;

/// Between two tries of what has to succeed once.
const AGAIN: Duration = Duration::from_millis(500);
/// Between two tries of a command that says whether a node is ready: each is a new process.
const LOOK: Duration = Duration::from_millis(200);
/// A node that is ready answers on loopback at once; this forgives a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// What is looked for stands where a node begins to write.
const LOG_BYTES_MAX: u64 = 8 << 20;

/// How a step ended: None is well, anything else says how not.
pub(super) type Failed = Option<String>;

impl Processes {
    /// Runs a step in a node to its end. An error: nobody can run anything any more.
    pub(super) async fn step(&self, node: NodeId, step: &Step) -> Result<Failed, WorldError> {
        let log = files::steps(&self.directory, node);
        self.step_into(node, step, &log).await
    }

    async fn step_into(
        &self,
        node: NodeId,
        step: &Step,
        stdout: &Path,
    ) -> Result<Failed, WorldError> {
        let number = self.starting.number();
        let log = files::steps(&self.directory, node);
        let began = Instant::now();
        let spawn = self.spawn_of(node, Who::Step(number), (&step.argv, &step.env), stdout);
        let keeper = {
            let _changing = self.changing.lock().await;
            match self.nodes.spawn(super::Spawn { stderr: log.clone(), ..spawn }).await {
                Ok(keeper) => keeper,
                Err(error) if self.nodes.alarm.why().is_some() => return Err(error),
                Err(error) => return Ok(Some(error.to_string())),
            }
        };
        let ended = timeout(step.within, self.nodes.step_ends(number)).await;
        let failed = if let Ok(how) = ended {
            Some(how?).filter(|how| how != "exit 0")
        } else {
            let _changing = self.changing.lock().await;
            self.nodes.end_below(keeper).await?;
            // It has ended now, and nobody asks how.
            self.nodes.step_ends(number).await?;
            Some(format!("did not end within {} ms", step.within.as_millis()))
        };
        // What is asked all the time is told only where it fails.
        if failed.is_some() || log == stdout {
            let (how, took) = (failed.as_deref().unwrap_or("exit 0"), began.elapsed().as_millis());
            note(&log, &format!("# {how}, {took} ms: {}", step.argv.join(" ")));
        }
        Ok(failed)
    }

    /// Runs a step that has to succeed.
    pub(super) async fn must(&self, node: NodeId, step: &Step) -> Result<(), WorldError> {
        match self.step(node, step).await? {
            None => Ok(()),
            Some(how) => Err(self.told(node, step, &how)),
        }
    }

    /// Runs a step until it succeeds.
    pub(super) async fn until_done(&self, node: NodeId, step: &Step) -> Result<(), WorldError> {
        let began = Instant::now();
        while let Some(how) = self.step(node, step).await? {
            if began.elapsed() > step.within {
                return Err(self.told(node, step, &how));
            }
            sleep(AGAIN).await;
        }
        Ok(())
    }

    pub(super) fn told(&self, node: NodeId, step: &Step, how: &str) -> WorldError {
        let log = files::steps(&self.directory, node);
        let lines = files::last_lines(&log).join("\n  ");
        WorldError(format!(
            "{node}: `{}`: {how}; the last lines of {}:\n  {lines}",
            step.argv.join(" "),
            log.display()
        ))
    }

    /// Whether a node is ready, where that is no client's business.
    pub(super) async fn looks_ready(&self, node: NodeId) -> Option<bool> {
        let launch = &self.launches[&node];
        if launch.ready == Ready::Status {
            return None;
        }
        if !self.is_up(node) {
            return Some(false);
        }
        let ip = self.net.client(node).ip();
        Some(match &launch.ready {
            Ready::Status => unreachable!("it was looked at before"),
            Ready::Tcp(port) => {
                let dialled = timeout(ANSWER_MAX, TcpStream::connect((ip, *port))).await;
                dialled.is_ok_and(|dialled| dialled.is_ok())
            }
            Ready::Http(url) => timeout(ANSWER_MAX, answers(url)).await == Ok(true),
            Ready::Log(text) => {
                let logs =
                    [files::stdout(&self.directory, node), files::stderr(&self.directory, node)];
                logs.iter().any(|log| begins_with(log).contains(text))
            }
            Ready::Command(step) => {
                let done = matches!(self.step(node, step).await, Ok(None));
                if !done {
                    sleep(LOOK).await;
                }
                done
            }
        })
    }

    /// Whom a node names as leader by its command; None: nobody, or it cannot be asked.
    pub(super) async fn asked_leader(&self, node: NodeId) -> Option<NodeStatus> {
        let step = self.launches[&node].leader.as_ref()?;
        if !self.is_up(node) || self.overlays.borrow().node(node).paused {
            return None;
        }
        let answer = files::answer(&self.directory, node);
        let _ = fs::remove_file(&answer);
        let failed = self.step_into(node, step, &answer).await.ok()?;
        if failed.is_some() {
            return None;
        }
        let said = fs::read_to_string(&answer).ok()?;
        let leader = named(&said, |ip| self.net.nodes().owner(SocketAddr::new(ip, 0)))?;
        let role = if leader == node { "leader" } else { "follower" };
        Some(NodeStatus { role: role.to_owned(), leader: Some(leader), ..NodeStatus::default() })
    }
}

/// The first node or address of a node in an answer.
fn named(said: &str, owner: impl Fn(IpAddr) -> Option<NodeId>) -> Option<NodeId> {
    let words = said.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-')));
    words.filter(|word| !word.is_empty()).find_map(|word| {
        let bare = word.strip_prefix("http://").unwrap_or(word);
        let ip = bare.parse::<SocketAddr>().map(|at| at.ip()).or_else(|_| bare.parse::<IpAddr>());
        ip.ok().and_then(&owner).or_else(|| word.parse().ok())
    })
}

/// Whether a GET is answered with a 2xx.
async fn answers(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let Ok(mut stream) = TcpStream::connect(address).await else { return false };
    let asked = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    if stream.write_all(asked.as_bytes()).await.is_err() {
        return false;
    }
    // `HTTP/1.1 200`
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.is_ok()
        && status.starts_with(b"HTTP/1.")
        && status[9] == b'2'
}

fn begins_with(log: &PathBuf) -> String {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    if let Ok(file) = fs::File::open(log) {
        // What cannot be read says nothing yet.
        let _ = file.take(LOG_BYTES_MAX).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A line of our own among what steps say.
fn note(log: &Path, line: &str) {
    let file = OpenOptions::new().create(true).append(true).open(log);
    // The log is for people; a step does not depend on it.
    let _ = file.and_then(|mut file| writeln!(file, "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_is_named_by_its_name_or_its_address() {
        let owner = |ip: IpAddr| match ip {
            IpAddr::V4(ip) if ip.octets()[..3] == [127, 9, 0] => Some(NodeId(ip.octets()[3])),
            _ => None,
        };
        let check = |said: &str, expected: Option<u8>| {
            assert_eq!(named(said, owner), expected.map(NodeId), "{said:?}");
        };
        check("n2\n", Some(2));
        check("127.9.0.3\n6379\n", Some(3));
        check("leader: 127.9.0.1:2380 (n1)", Some(1));
        check("http://127.9.0.2:2379", Some(2));
        check("", None);
        check("nobody 10.0.0.1", None);
    }
}
