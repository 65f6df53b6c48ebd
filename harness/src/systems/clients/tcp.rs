//! What clients of other systems' protocols share: one connection per node, dialled when first
//! needed, and what its troubles mean for the operation. Nothing here is sent twice.

use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use schism_verify::history::{Event, Name, Value};
use schism_verify::models::{Model, is_no_answer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::values::Wire;
use super::{Answered, Client, Completion, Control, Dial, NodeStatus, Refusal, SERVER_ERROR};
use crate::action::NodeId;
use crate::clock::Local;

/// No answer that is asked for here is nearly as long; one that is has gone wrong.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Room for the usual answer without growing.
const READ_BYTES: usize = 8 << 10;

/// What a register, a counter or a lock without a key is called.
pub(super) const KEY: &str = "register";

/// A connection, and what came over it and was not used yet.
pub(super) struct Stream {
    socket: TcpStream,
    pub(super) received: Vec<u8>,
    /// The other side said that it answers no more here.
    pub(super) ends: bool,
}

impl Stream {
    pub(super) fn new(stream: TcpStream) -> io::Result<Stream> {
        stream.set_nodelay(true)?;
        Ok(Stream { socket: stream, received: Vec::with_capacity(READ_BYTES), ends: false })
    }

    /// Whether the other side has left an idle connection alone. One that ended, or that said more
    /// than was asked, is not used again; nothing of the next question has been sent on it.
    fn is_live(&self) -> bool {
        let idle = self.socket.try_read(&mut [0]);
        self.received.is_empty()
            && matches!(idle, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Until no byte has left, nothing can have happened.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.socket.write(&bytes[sent..]).await {
                Ok(0) | Err(_) if sent == 0 => return Err(Refusal::certain("unreachable")),
                Ok(0) | Err(_) => return Err(lost()),
                Ok(count) => sent += count,
            }
        }
        Ok(())
    }

    /// Receives until there are so many bytes.
    pub(super) async fn receive(&mut self, bytes: usize) -> Result<(), Refusal> {
        if bytes > ANSWER_BYTES_MAX {
            return Err(Refusal::malformed("the answer is too long"));
        }
        while self.received.len() < bytes {
            if self.receive_some().await? == 0 {
                return Err(lost());
            }
        }
        Ok(())
    }

    /// Takes exactly so many.
    pub(super) async fn take(&mut self, bytes: usize) -> Result<Vec<u8>, Refusal> {
        self.receive(bytes).await?;
        Ok(self.received.drain(..bytes).collect())
    }

    /// Takes a line, without its end.
    pub(super) async fn line(&mut self) -> Result<String, Refusal> {
        let mut searched = 0;
        loop {
            let end = self.received[searched..].iter().position(|&byte| byte == b'\n');
            if let Some(end) = end {
                let line: Vec<u8> = self.received.drain(..=searched + end).collect();
                let line = line.strip_suffix(b"\r\n").unwrap_or(&line[..line.len() - 1]);
                return Ok(String::from_utf8_lossy(line).into_owned());
            }
            searched = self.received.len();
            if searched > ANSWER_BYTES_MAX {
                return Err(Refusal::malformed("no end of the line"));
            }
            if self.receive_some().await? == 0 {
                return Err(lost());
            }
        }
    }

    /// Receives whatever comes; 0 is the end.
    pub(super) async fn receive_some(&mut self) -> Result<usize, Refusal> {
        self.socket.read_buf(&mut self.received).await.map_err(|_| lost())
    }
}

/// The connection ended before the answer did.
fn lost() -> Refusal {
    Refusal::unknown("connection-lost")
}

/// A protocol of another system: how it asks, and what its answers mean.
pub(super) trait Speech {
    /// Its name, as a workload says it.
    const NAME: &'static str;

    /// Says on a new connection what must be said before anything can be asked. Nothing of an
    /// operation has been sent by then, so whatever goes wrong, it did not happen.
    async fn greet(&mut self, _: &mut Stream, _: NodeId) -> Result<(), Refusal> {
        Ok(())
    }

    /// Asks once. `local`: of the node itself, however old its answer is.
    async fn ask(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        local: bool,
    ) -> Result<Answered, Refusal>;

    /// Asks the node about itself.
    async fn status(&mut self, stream: &mut Stream, node: NodeId) -> Result<NodeStatus, Refusal>;
}

/// A client that speaks so.
pub(super) struct Speaker<S> {
    model: &'static Model,
    dial: Rc<dyn Dial>,
    speech: S,
    /// By node: n1 first.
    connections: Vec<Option<Stream>>,
}

impl<S: Speech> Speaker<S> {
    pub(super) fn new(model: &'static Model, dial: Rc<dyn Dial>, speech: S) -> Self {
        Speaker { model, dial, speech, connections: Vec::new() }
    }

    /// The connection is taken out while it is used and put back only after a whole answer, so
    /// dropping the future drops it too.
    async fn connection(&mut self, node: NodeId) -> Result<Stream, Refusal> {
        let place = usize::from(node.0) - 1;
        if self.connections.len() <= place {
            self.connections.resize_with(place + 1, || None);
        }
        if let Some(live) = self.connections[place].take().filter(Stream::is_live) {
            return Ok(live);
        }
        let dialled = self.dial.dial(node).await.and_then(Stream::new);
        let mut stream = dialled.map_err(|error| Refusal::undialled(&error))?;
        let greeted = self.speech.greet(&mut stream, node).await;
        greeted.map_err(|refusal| Refusal { certain: true, ..refusal })?;
        Ok(stream)
    }

    fn put_back<T>(&mut self, node: NodeId, stream: Stream, said: &Result<T, Refusal>) {
        let whole = match said {
            Ok(_) => true,
            Err(refusal) => {
                let broken = ["connection-lost", "unreachable"].contains(&&*refusal.error);
                !broken && !refusal.is_out_of_contract()
            }
        };
        if whole && !stream.ends {
            self.connections[usize::from(node.0) - 1] = Some(stream);
        }
    }

    async fn status_of(&mut self, node: NodeId) -> Result<NodeStatus, Refusal> {
        let mut stream = self.connection(node).await?;
        let said = self.speech.status(&mut stream, node).await;
        self.put_back(node, stream, &said);
        said
    }

    async fn invoke_on(&mut self, node: NodeId, asked: &Event, local: bool) -> Completion {
        let said = match self.connection(node).await {
            Ok(mut stream) => {
                let said = self.speech.ask(&mut stream, asked, local).await;
                self.put_back(node, stream, &said);
                said
            }
            Err(refusal) => Err(refusal),
        };
        Completion::new(self.model, asked, said)
    }
}

impl<S: Speech> Client for Speaker<S> {
    fn invoke<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion> {
        Box::pin(self.invoke_on(node, asked, false))
    }
}

impl<S: Speech> Control for Speaker<S> {
    fn open(&mut self, _: NodeId) -> Local<'_, Result<Name, Refusal>> {
        Box::pin(std::future::ready(Err(not_spoken(S::NAME, "sessions"))))
    }

    fn status(&mut self, node: NodeId) -> Local<'_, Result<NodeStatus, Refusal>> {
        Box::pin(async move { self.status_of(node).await.map_err(not_ready) })
    }

    fn promote(&mut self, _: NodeId) -> Local<'_, Result<u64, Refusal>> {
        Box::pin(std::future::ready(Err(not_spoken(S::NAME, "promotion"))))
    }

    fn local_read<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion> {
        Box::pin(self.invoke_on(node, asked, true))
    }
}

/// A server that answers with an error is not ready: it may be starting.
fn not_ready(refusal: Refusal) -> Refusal {
    if is_no_answer(&refusal.error) || refusal.is_no_word_of_the_node() {
        return refusal;
    }
    Refusal::unknown(format!("{SERVER_ERROR}: {}", refusal.why()))
}

/// What this protocol has no word for is not asked.
pub(super) fn not_spoken(name: &str, what: &str) -> Refusal {
    let detail = Some(format!("the client {name} knows no {what}").into());
    Refusal { detail, ..Refusal::certain("refused") }
}

/// A word that no other client has.
pub(super) fn token() -> String {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}", std::process::id())
}

/// The key as text: a string is itself.
pub(super) fn key(asked: &Event) -> String {
    match asked.key() {
        None => KEY.to_owned(),
        Some(Value::Str(key)) => key.to_string(),
        Some(other) => json(other),
    }
}

/// A value as it is stored: JSON.
pub(super) fn json(value: &Value) -> String {
    let mut text = Vec::new();
    value.to_json(&mut text);
    String::from_utf8(text).expect("JSON is text")
}

/// A value as it was stored.
pub(super) fn stored(text: &[u8]) -> Result<Value, Refusal> {
    let Ok(Wire(value)) = serde_json::from_slice(text) else {
        let text = String::from_utf8_lossy(text);
        return Err(Refusal::malformed(&format!("a value that no client stored: {text}")));
    };
    Ok(value)
}

/// The value that is asked.
pub(super) fn value(asked: &Event) -> Result<&Value, Refusal> {
    asked.value.as_ref().ok_or_else(|| Refusal::certain("malformed"))
}

/// The two values of a cas.
pub(super) fn pair(asked: &Event) -> Result<(&Value, &Value), Refusal> {
    match &asked.value {
        Some(Value::List(pair)) if pair.len() == 2 => Ok((&pair[0], &pair[1])),
        _ => Err(Refusal::certain("malformed")),
    }
}
