//! A client of the line protocol: one JSON object a line each way over TCP, one connection per
//! node, dialled when first needed. It classifies every error as docs/reference/client-protocol.md
//! says and never asks twice: one invoke is one effect.

use std::io::{self, Write};
use std::net::SocketAddr;

use schism_verify::history::{Level, Name, Value};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::values::Wire;
use super::{Answer, Client, Failure, NodeStatus, Op, Outcome};
use crate::action::NodeId;
use crate::worlds::Local;

/// Errors under `fail` that are a definite no. Any other word there means that nobody knows.
const DEFINITE: &[&str] = &[
    "not-leader",
    "overloaded",
    "conflict",
    "fenced",
    "malformed",
    "refused",
    "unreachable",
    "session-expired",
];

/// An answer stays under 1 MiB by contract; twice that is a node gone wrong, not a long answer.
const LINE_BYTES_MAX: usize = 2 << 20;

/// Room for the usual answer (a page of 100 short entries) without growing.
const READ_BYTES: usize = 8 << 10;

/// Asks nodes over the line protocol.
pub struct LinesClient {
    nodes: Vec<SocketAddr>,
    connections: Vec<Option<Connection>>,
    next_id: u64,
    /// Kept between requests so that asking allocates nothing.
    request: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// Bytes received and not yet used. Empty between requests.
    received: Vec<u8>,
}

/// Why there is no answer, and whether any byte of the request can have left.
enum Broken {
    BeforeSending,
    AfterSending(&'static str),
}

impl LinesClient {
    /// A client that dials these addresses: `nodes[0]` is n1.
    pub fn new(nodes: Vec<SocketAddr>) -> Self {
        let connections = nodes.iter().map(|_| None).collect();
        LinesClient { nodes, connections, next_id: 1, request: Vec::with_capacity(256) }
    }

    /// Sends the request that lies ready. The connection is taken out while it is used and put
    /// back only after a whole answer, so dropping this future drops the connection too.
    async fn ask(&mut self, node: NodeId, id: u64, asked: Asked) -> Outcome {
        let place = usize::from(node.0) - 1;
        let live = self.connections[place].take().filter(Connection::is_live);
        let mut connection = match live {
            Some(connection) => connection,
            None => match Connection::dial(self.nodes[place]).await {
                Ok(connection) => connection,
                Err(_) => return unreachable_node(),
            },
        };
        match connection.exchange(&self.request, id, asked).await {
            Ok(outcome) => {
                self.connections[place] = Some(connection);
                outcome
            }
            Err(Broken::BeforeSending) => unreachable_node(),
            Err(Broken::AfterSending(why)) => Outcome::Info(why.into()),
        }
    }
}

impl Client for LinesClient {
    fn invoke(&mut self, node: NodeId, op: &Op) -> Local<'_, Outcome> {
        assert!(usize::from(node.0) <= self.nodes.len(), "only nodes of the cluster are asked");
        let id = self.next_id;
        self.next_id += 1;
        self.request.clear();
        write_request(&mut self.request, id, op);
        Box::pin(self.ask(node, id, Asked::by(op)))
    }
}

impl Connection {
    async fn dial(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, received: Vec::with_capacity(READ_BYTES) })
    }

    /// Whether the other side has left an idle connection alone. One that ended, or that speaks
    /// unasked, is not used again; nothing of the next request has been sent on it.
    fn is_live(&self) -> bool {
        let mut byte = [0];
        let idle = self.stream.try_read(&mut byte);
        matches!(idle, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    async fn exchange(&mut self, request: &[u8], id: u64, asked: Asked) -> Result<Outcome, Broken> {
        self.send(request).await?;
        self.received.clear();
        let mut searched = 0;
        loop {
            while let Some(length) = self.received[searched..].iter().position(|&b| b == b'\n') {
                let line = &self.received[..searched + length];
                let (answered, outcome) = parse_answer(line, asked);
                if answered == Some(id) || answered.is_none() {
                    return Ok(outcome);
                }
                // An answer to nothing we asked: not ours to judge, and not our answer.
                self.received.drain(..=searched + length);
                searched = 0;
            }
            searched = self.received.len();
            if searched > LINE_BYTES_MAX {
                return Err(Broken::AfterSending("answer-too-long"));
            }
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return Err(Broken::AfterSending("connection-lost")),
                Ok(_) => {}
            }
        }
    }

    /// One write for a whole request, as long as the kernel takes it.
    async fn send(&mut self, request: &[u8]) -> Result<(), Broken> {
        let mut sent = 0;
        while sent < request.len() {
            match self.stream.write(&request[sent..]).await {
                Ok(0) | Err(_) if sent == 0 => return Err(Broken::BeforeSending),
                Ok(0) | Err(_) => return Err(Broken::AfterSending("connection-lost")),
                Ok(bytes) => sent += bytes,
            }
        }
        Ok(())
    }
}

fn unreachable_node() -> Outcome {
    Outcome::Fail(Failure { error: Some("unreachable".into()), ..Failure::default() })
}

/// The request as one line.
fn write_request(line: &mut Vec<u8>, id: u64, op: &Op) {
    try_write_request(line, id, op).expect("writing to memory cannot fail");
}

fn try_write_request(line: &mut Vec<u8>, id: u64, op: &Op) -> io::Result<()> {
    write!(line, "{{\"id\":{id},\"op\":")?;
    match op {
        Op::Open => line.extend_from_slice(b"\"open\""),
        Op::Append { value, session, expect } => {
            let op = if expect.is_some() { "append-if" } else { "append" };
            write!(line, "\"{op}\",\"value\":")?;
            value.to_json(line);
            if let Some(expect) = expect {
                write!(line, ",\"expect\":{expect}")?;
            }
            if let Some((client, seq)) = session {
                line.extend_from_slice(b",\"client\":");
                Value::Str(client.clone()).to_json(line);
                write!(line, ",\"seq\":{seq}")?;
            }
        }
        Op::Read { from, limit, level } => {
            write!(line, "\"read\",\"from\":{from}")?;
            if let Some(limit) = limit {
                write!(line, ",\"limit\":{limit}")?;
            }
            let level = match level {
                Level::Linearizable => "linearizable",
                Level::Local => "local",
            };
            write!(line, ",\"level\":\"{level}\"")?;
        }
        Op::Tail => line.extend_from_slice(b"\"tail\""),
        Op::Propose { key, value } => {
            line.extend_from_slice(b"\"propose\",\"key\":");
            key.to_json(line);
            line.extend_from_slice(b",\"value\":");
            value.to_json(line);
        }
        Op::Promote => line.extend_from_slice(b"\"promote\""),
        Op::Status => line.extend_from_slice(b"\"status\""),
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

/// An answer line: exactly one of the three.
#[derive(Deserialize)]
struct Line<T> {
    id: Option<u64>,
    ok: Option<T>,
    fail: Option<Refusal>,
    info: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
    leader: Option<String>,
    tail: Option<u64>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Opened {
    client: String,
}

#[derive(Deserialize)]
struct Appended {
    offset: u64,
    #[serde(default)]
    duplicate: bool,
}

#[derive(Deserialize)]
struct Read {
    value: Vec<Wire>,
    tail: Option<u64>,
}

#[derive(Deserialize)]
struct Tail {
    tail: u64,
}

#[derive(Deserialize)]
struct Decided {
    value: Wire,
}

#[derive(Deserialize)]
struct Promoted {
    epoch: u64,
}

/// What an answer must look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Open,
    Append,
    Read,
    Tail,
    Propose,
    Promote,
    Status,
}

impl Asked {
    fn by(op: &Op) -> Self {
        match op {
            Op::Open => Asked::Open,
            Op::Append { .. } => Asked::Append,
            Op::Read { .. } => Asked::Read,
            Op::Tail => Asked::Tail,
            Op::Propose { .. } => Asked::Propose,
            Op::Promote => Asked::Promote,
            Op::Status => Asked::Status,
        }
    }
}

/// Which request a line answers (None: it does not say), and with what.
fn parse_answer(line: &[u8], asked: Asked) -> (Option<u64>, Outcome) {
    match asked {
        Asked::Open => parse(line, |body: Opened| Answer::Opened(body.client.into())),
        Asked::Append => parse(line, |body: Appended| Answer::Appended {
            offset: body.offset,
            duplicate: body.duplicate,
        }),
        Asked::Read => parse(line, |body: Read| Answer::Read {
            values: body.value.into_iter().map(|Wire(value)| value).collect(),
            tail: body.tail,
        }),
        Asked::Tail => parse(line, |body: Tail| Answer::Tail(body.tail)),
        Asked::Propose => parse(line, |body: Decided| Answer::Decided(body.value.0)),
        Asked::Promote => parse(line, |body: Promoted| Answer::Promoted(body.epoch)),
        Asked::Status => parse(line, |body: serde_json::Value| Answer::Status(status(&body))),
    }
}

fn parse<T: DeserializeOwned>(
    line: &[u8],
    answer: impl FnOnce(T) -> Answer,
) -> (Option<u64>, Outcome) {
    match serde_json::from_slice::<Line<T>>(line) {
        Ok(Line { id, ok: Some(body), .. }) => (id, Outcome::Ok(answer(body))),
        Ok(Line { id, fail: Some(refusal), .. }) => (id, refused(refusal)),
        Ok(Line { id, info: Some(doubt), .. }) => {
            (id, Outcome::Info(doubt.error.map_or_else(|| "unexplained".into(), Name::from)))
        }
        Ok(Line { id, .. }) => (id, Outcome::Info("malformed-answer".into())),
        Err(_) => (None, Outcome::Info("malformed-answer".into())),
    }
}

fn refused(refusal: Refusal) -> Outcome {
    match refusal.error {
        Some(error) if DEFINITE.contains(&error.as_str()) => Outcome::Fail(Failure {
            error: Some(error.into()),
            leader: refusal.leader.and_then(|leader| NodeId::try_from(leader).ok()),
            tail: refusal.tail,
            detail: refusal.detail.map(Name::from),
        }),
        Some(unlisted) => Outcome::Info(unlisted.into()),
        None => Outcome::Info("unexplained".into()),
    }
}

/// Whatever of a status is there; a system need not know any of it.
fn status(body: &serde_json::Value) -> NodeStatus {
    let text = |key: &str| body.get(key).and_then(serde_json::Value::as_str);
    let number = |key: &str| body.get(key).and_then(serde_json::Value::as_u64);
    NodeStatus {
        role: text("role").unwrap_or_default().to_string(),
        epoch: number("epoch").unwrap_or(0),
        leader: text("leader").and_then(|name| NodeId::try_from(name.to_string()).ok()),
        delivered: number("delivered"),
    }
}

#[cfg(test)]
mod tests;
