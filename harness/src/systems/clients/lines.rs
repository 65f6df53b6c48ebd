//! A client of the line protocol: one JSON object a line each way over TCP, one connection per
//! node, dialled when first needed. It speaks every model: operations and fields are the history's
//! own (docs/reference/client-protocol.md). It never asks twice: one invoke is one effect.

use std::fmt;
use std::io;
use std::rc::Rc;

use schism_facts::ClientRow;
use schism_verify::history::{Event, Field, Level, Name, Value};
use schism_verify::models::Model;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::values::Wire;
use super::{
    Answered, Client, ClientProtocol, Completion, Control, DEFINITE, Dial, NodeStatus, Refusal,
    quote,
};
use crate::action::NodeId;
use crate::clock::Local;

pub const CLIENT: ClientProtocol = ClientProtocol {
    facts: ClientRow { name: "lines", about: "one JSON object a line", models: &[], options: &[] },
    make: |making| Box::new(LinesClient::new(making.model, making.dial)),
};

/// An answer stays under 1 MiB by contract; twice that is a node gone wrong, not a long answer.
pub(super) const LINE_BYTES_MAX: usize = 2 << 20;

/// A name or a word that a node gives: longer ones would stand in every line of the history.
const WORD_BYTES_MAX: usize = 256;

/// Room for the usual answer (a page of 100 short entries) without growing.
const READ_BYTES: usize = 8 << 10;

/// Asks nodes over the line protocol.
pub struct LinesClient {
    model: &'static Model,
    dial: Rc<dyn Dial>,
    /// By node: n1 first.
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
    AfterSending(Refusal),
}

impl Broken {
    fn lost() -> Self {
        Broken::AfterSending(Refusal::unknown("connection-lost"))
    }
}

impl LinesClient {
    /// A client of this model that dials so.
    pub fn new(model: &'static Model, dial: Rc<dyn Dial>) -> Self {
        let request = Vec::with_capacity(256);
        LinesClient { model, dial, connections: Vec::new(), next_id: 1, request }
    }

    /// Starts a request: `{"id":7,"op":"append"`. What is asked follows.
    fn begin(&mut self, op: &str) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        begin(&mut self.request, id, op);
        id
    }

    /// Asks for something that has no more to it than its name.
    async fn ask_for<T: DeserializeOwned>(&mut self, node: NodeId, op: &str) -> Result<T, Refusal> {
        let id = self.begin(op);
        end(&mut self.request);
        self.ask(node, id).await
    }

    /// Sends the request that lies ready. The connection is taken out while it is used and put
    /// back only after a whole answer, so dropping this future drops the connection too.
    async fn ask<T: DeserializeOwned>(&mut self, node: NodeId, id: u64) -> Result<T, Refusal> {
        let place = usize::from(node.0) - 1;
        if self.connections.len() <= place {
            self.connections.resize_with(place + 1, || None);
        }
        let live = self.connections[place].take().filter(Connection::is_live);
        let mut connection = match live {
            Some(connection) => connection,
            None => match Connection::dial(&*self.dial, node).await {
                Ok(connection) => connection,
                Err(error) => return Err(Refusal::undialled(&error)),
            },
        };
        match connection.exchange(&self.request, id).await {
            Ok(said) => {
                self.connections[place] = Some(connection);
                said
            }
            Err(Broken::BeforeSending) => Err(Refusal::certain("unreachable")),
            Err(Broken::AfterSending(why)) => Err(why),
        }
    }

    /// The line that the node answered last, as long as the connection lives.
    fn last_answer(&self, node: NodeId) -> Option<&[u8]> {
        let connection = self.connections.get(usize::from(node.0) - 1)?.as_ref()?;
        Some(connection.last_answer())
    }
}

impl Client for LinesClient {
    fn invoke<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion> {
        let id = self.begin(&asked.f);
        write_question(&mut self.request, self.model, asked);
        end(&mut self.request);
        Box::pin(async move {
            let said = self.ask::<Body>(node, id).await;
            let done = Completion::new(self.model, asked, said.map(|body| body.answered));
            done.quoting(self.last_answer(node))
        })
    }
}

impl Control for LinesClient {
    fn open(&mut self, node: NodeId) -> Local<'_, Result<Name, Refusal>> {
        Box::pin(async move { self.ask_for::<Opened>(node, "open").await?.session() })
    }

    fn status(&mut self, node: NodeId) -> Local<'_, Result<NodeStatus, Refusal>> {
        Box::pin(async move {
            let said = self.ask_for::<serde_json::Value>(node, "status").await;
            said.map(|body| status(&body)).map_err(|mut refusal| {
                if refusal.is_out_of_contract() {
                    refusal.detail = self.last_answer(node).map(|said| quote(said).into());
                }
                refusal
            })
        })
    }

    fn promote(&mut self, node: NodeId) -> Local<'_, Result<u64, Refusal>> {
        Box::pin(async move {
            let said = self.ask_for::<Promoted>(node, "promote").await;
            said.map(|promoted| promoted.epoch)
        })
    }

    /// The line protocol asks for it as for any other read.
    fn local_read<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion> {
        self.invoke(node, asked)
    }
}

impl Connection {
    async fn dial(dial: &dyn Dial, node: NodeId) -> io::Result<Self> {
        let stream = dial.dial(node).await?;
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

    /// What came last, up to the end of its line.
    fn last_answer(&self) -> &[u8] {
        let ends = self.received.iter().position(|&byte| byte == b'\n');
        &self.received[..ends.unwrap_or(self.received.len())]
    }

    async fn exchange<T: DeserializeOwned>(
        &mut self,
        request: &[u8],
        id: u64,
    ) -> Result<Result<T, Refusal>, Broken> {
        self.send(request).await?;
        self.received.clear();
        let mut searched = 0;
        loop {
            while let Some(length) = self.received[searched..].iter().position(|&b| b == b'\n') {
                let line = &self.received[..searched + length];
                let (answered, said) = parse(line);
                if answered == Some(id) || answered.is_none() {
                    return Ok(said);
                }
                // An answer to nothing we asked: not ours to judge, and not our answer.
                self.received.drain(..=searched + length);
                searched = 0;
            }
            searched = self.received.len();
            if searched > LINE_BYTES_MAX {
                let most = LINE_BYTES_MAX >> 20;
                let wrong = format!("{most} MiB and no end of the line");
                return Err(Broken::AfterSending(Refusal::malformed(&wrong)));
            }
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return Err(Broken::lost()),
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
                Ok(0) | Err(_) => return Err(Broken::lost()),
                Ok(bytes) => sent += bytes,
            }
        }
        Ok(())
    }
}

pub(super) fn begin(line: &mut Vec<u8>, id: u64, op: &str) {
    line.clear();
    line.extend_from_slice(format!("{{\"id\":{id},\"op\":").as_bytes());
    Value::from(op).to_json(line);
}

/// What the operation's row says that it asks.
pub(super) fn write_question(line: &mut Vec<u8>, model: &Model, asked: &Event) {
    let row = model.operation(&asked.f).expect("a run asks what its model has");
    for &field in row.asks {
        if field == Field::Level && !asked.has(field) {
            let default = Level::Linearizable.name();
            line.extend_from_slice(format!(",\"level\":\"{default}\"").as_bytes());
        }
        asked.write_field(field, line);
    }
}

fn end(line: &mut Vec<u8>) {
    line.extend_from_slice(b"}\n");
}

/// An answer line: exactly one of the three.
#[derive(Deserialize)]
struct Line<T> {
    id: Option<u64>,
    ok: Option<T>,
    fail: Option<Body>,
    info: Option<Body>,
}

#[derive(Deserialize)]
pub(super) struct Opened {
    client: String,
}

impl Opened {
    /// The name of the session.
    pub(super) fn session(self) -> Result<Name, Refusal> {
        match self.client {
            name if name.len() <= WORD_BYTES_MAX => Ok(name.into()),
            _ => Err(Refusal::unreadable("the name of the session is too long")),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Promoted {
    pub(super) epoch: u64,
}

/// What an answer says: the fields that histories know, and why there is no ok.
#[derive(Default)]
pub(super) struct Body {
    pub(super) answered: Answered,
    error: Option<Name>,
    leader: Option<Name>,
    detail: Option<Name>,
}

/// A word, if it is one: what stands in its place otherwise says nothing. Of one that is too long
/// the beginning.
fn word(Wire(value): Wire) -> Option<Name> {
    match value {
        Value::Str(word) if word.len() > WORD_BYTES_MAX => Some(quote(word.as_bytes()).into()),
        Value::Str(word) => Some(word),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AnyBody)
    }
}

struct AnyBody;

impl<'de> Visitor<'de> for AnyBody {
    type Value = Body;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer: an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body, A::Error> {
        let mut body = Body::default();
        while let Some(key) = map.next_key()? {
            match key {
                Key::Error => body.error = word(map.next_value()?),
                Key::Leader => body.leader = word(map.next_value()?),
                Key::Detail => body.detail = word(map.next_value()?),
                Key::Answered(field) => {
                    let Wire(value) = map.next_value()?;
                    if body.answered.iter().any(|(known, _)| *known == field) {
                        let name = field.name();
                        return Err(A::Error::custom(format!("the field `{name}` comes twice")));
                    }
                    body.answered.push((field, value));
                }
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(body)
    }
}

enum Key {
    Error,
    Leader,
    Detail,
    Answered(Field),
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(AnyKey)
    }
}

struct AnyKey;

impl Visitor<'_> for AnyKey {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        Ok(match name {
            "error" => Key::Error,
            "leader" => Key::Leader,
            "detail" => Key::Detail,
            other => Field::named(other).map_or(Key::Other, Key::Answered),
        })
    }
}

/// Which request a line answers (None: it does not say), and with what.
pub(super) fn parse<T: DeserializeOwned>(line: &[u8]) -> (Option<u64>, Result<T, Refusal>) {
    let wrong = |why| Err(Refusal::malformed(why));
    match serde_json::from_slice::<Line<T>>(line) {
        // A list of the same parts would do for serde.
        Ok(_) if line.trim_ascii_start().first() != Some(&b'{') => (None, wrong("it is no object")),
        Ok(Line { id, ok, fail, info }) => match (ok, fail, info) {
            (Some(body), None, None) => (id, Ok(body)),
            (None, Some(body), None) => (id, Err(refused(body))),
            (None, None, Some(body)) => (id, Err(unknown(body))),
            (None, None, None) => (id, wrong("neither ok nor fail nor info")),
            _ => (id, wrong("more than one of ok, fail and info")),
        },
        Err(error) => (None, Err(misread(line, &error))),
    }
}

/// What is wrong with a line that is no answer. JSON that cannot be read all the same has a number
/// that is too great, lists that are nested too deep, or letters that there are not.
fn misread(line: &[u8], error: &serde_json::Error) -> Refusal {
    let is_json = serde_json::from_slice::<IgnoredAny>(line).is_ok();
    match error.is_data() {
        _ if !is_json => Refusal::malformed("it is no JSON"),
        true => Refusal::malformed(&error.to_string()),
        false => Refusal::unreadable(&error.to_string()),
    }
}

fn unknown(body: Body) -> Refusal {
    let Body { answered, error, detail, .. } = body;
    let error = error.unwrap_or_else(|| "unexplained".into());
    Refusal { detail, answered, ..Refusal::unknown(error) }
}

fn refused(body: Body) -> Refusal {
    let Body { answered, error, leader, detail } = body;
    let leader = leader.and_then(|leader| leader.parse().ok());
    match error {
        Some(error) if DEFINITE.contains(&&*error) => {
            Refusal { leader, detail, answered, ..Refusal::certain(error) }
        }
        Some(unlisted) => Refusal::unknown(unlisted),
        None => Refusal::unknown("unexplained"),
    }
}

/// Whatever of a status is there; a system need not know any of it.
pub(super) fn status(body: &serde_json::Value) -> NodeStatus {
    let text = |key: &str| body.get(key).and_then(serde_json::Value::as_str);
    let number = |key: &str| body.get(key).and_then(serde_json::Value::as_u64);
    NodeStatus {
        role: text("role").unwrap_or_default().to_string(),
        epoch: number("epoch").unwrap_or(0),
        leader: text("leader").and_then(|name| name.parse().ok()),
        delivered: number("delivered"),
    }
}

#[cfg(test)]
mod read_back;
#[cfg(test)]
mod tests;
