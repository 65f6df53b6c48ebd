//! RabbitMQ over AMQP 0-9-1: a quorum queue; no order is asked of it (docs/reference/clients.md).
//! A message counts as put in once its confirm is here, and as taken once the queue has given it
//! without waiting for an acknowledgement: for a quorum queue that is one entry of its log.

use std::collections::BTreeSet;

use schism_facts::{ClientRow, OptionRow};
use schism_verify::history::{Event, Field, Value};

use super::tcp::{ANSWER_BYTES_MAX, Speaker, Speech, Stream, json, key, not_spoken, stored, value};
use super::{Answered, ClientProtocol, NodeStatus, Refusal, SERVER_ERROR};
use crate::action::NodeId;

pub const CLIENT: ClientProtocol = ClientProtocol {
    facts: ClientRow {
        name: "rabbitmq",
        about: "RabbitMQ over AMQP 0-9-1: a quorum queue",
        models: &["total-queue"],
        options: &[OptionRow {
            name: "confirms",
            about: "whether an enqueue waits until the queue has confirmed its message",
            default: "true",
        }],
    },
    make: |making| {
        let rabbit = Rabbit {
            nodes: making.dial.nodes(),
            confirms: making.options.get("confirms").is_none_or(|chosen| chosen != "false"),
            declared: BTreeSet::new(),
            frame_bytes: FRAME_BYTES,
        };
        Box::new(Speaker::new(making.model, making.dial, rabbit))
    },
};

/// The name of the queue, where there is only one.
const QUEUE: &str = "schism";

/// What this client speaks: AMQP 0-9-1.
const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";

/// Of frames: what they hold, and what each ends with.
const METHOD: u8 = 1;
const CONTENT: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const END: u8 = 0xce;

/// Head and end of a frame.
const FRAME_EXTRA: usize = 8;
/// The largest frame, as RabbitMQ proposes it, and what every server has to take.
const FRAME_BYTES: usize = 131_072;
const FRAME_BYTES_MIN: usize = 4_096;

/// Methods: class and number, as the protocol's specification has them.
type Id = (u16, u16);
const START: Id = (10, 10);
const START_OK: Id = (10, 11);
const TUNE: Id = (10, 30);
const TUNE_OK: Id = (10, 31);
const OPEN: Id = (10, 40);
const OPEN_OK: Id = (10, 41);
const CONNECTION_CLOSE: Id = (10, 50);
const CHANNEL_OPEN: Id = (20, 10);
const CHANNEL_OPEN_OK: Id = (20, 11);
const CHANNEL_CLOSE: Id = (20, 40);
const DECLARE: Id = (50, 10);
const DECLARE_OK: Id = (50, 11);
const QOS: Id = (60, 10);
const QOS_OK: Id = (60, 11);
const PUBLISH: Id = (60, 40);
const RETURN: Id = (60, 50);
const GET: Id = (60, 70);
const GET_OK: Id = (60, 71);
const GET_EMPTY: Id = (60, 72);
const ACK: Id = (60, 80);
const NACK: Id = (60, 120);
const SELECT: Id = (85, 10);
const SELECT_OK: Id = (85, 11);

/// Why a message came back: no queue of that name.
const NO_ROUTE: u16 = 312;
/// This user may not. It is looked at before anything is done.
const ACCESS_REFUSED: u16 = 403;

struct Rabbit {
    nodes: u8,
    confirms: bool,
    /// The queues that are there, as far as this client knows.
    declared: BTreeSet<String>,
    /// The largest frame that both sides agreed to.
    frame_bytes: usize,
}

/// A frame: its kind, and what it holds.
struct Frame(u8, Vec<u8>);

/// A method, and what it says.
struct Method(Id, Vec<u8>);

impl Speech for Rabbit {
    const NAME: &'static str = "rabbitmq";

    /// One channel, in confirm mode. The queue is not asked for: whether all nodes are there yet on
    /// which it has to be is not known here.
    async fn greet(&mut self, stream: &mut Stream, _: NodeId) -> Result<(), Refusal> {
        stream.send(HEADER).await?;
        expect(stream, START).await?;
        stream.send(&method(0, START_OK, &start_ok())).await?;
        let Method(_, tune) = expect(stream, TUNE).await?;
        let proposed = number::<4>(&tune, 2).map_or(0, |bytes| u32::from_be_bytes(bytes) as usize);
        // 0 is no limit.
        self.frame_bytes = match proposed {
            0 => FRAME_BYTES,
            proposed => proposed.clamp(FRAME_BYTES_MIN, FRAME_BYTES),
        };
        // One channel, and no heartbeats: what came unasked would look like half an answer.
        let frame_bytes = (self.frame_bytes as u32).to_be_bytes();
        let tuned = [&1_u16.to_be_bytes()[..], &frame_bytes, &0_u16.to_be_bytes()].concat();
        let open = [&short("/")[..], &short(""), &[0]].concat();
        stream.send(&[method(0, TUNE_OK, &tuned), method(0, OPEN, &open)].concat()).await?;
        expect(stream, OPEN_OK).await?;
        ask(stream, CHANNEL_OPEN, &short(""), CHANNEL_OPEN_OK).await?;
        if self.confirms {
            ask(stream, SELECT, &[0], SELECT_OK).await?;
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        _: bool,
    ) -> Result<Answered, Refusal> {
        let queue = asked.key().map_or(QUEUE.to_owned(), |_| format!("{QUEUE}-{}", key(asked)));
        if !self.declared.contains(&queue) {
            // Nothing of the operation has been sent by then.
            let declared = self.declare(stream, &queue).await;
            declared.map_err(|refusal| Refusal { certain: true, ..refusal })?;
            self.declared.insert(queue.clone());
        }
        match &*asked.f {
            "enqueue" => self.publish(stream, &queue, &json(value(asked)?)).await,
            "dequeue" => {
                let message = self.get(stream, &queue).await?;
                let message = message.ok_or_else(|| Refusal::certain("empty"))?;
                Ok(vec![(Field::Value, message)])
            }
            "drain" => {
                let mut messages = Vec::new();
                while let Some(message) = self.get(stream, &queue).await.map_err(in_doubt)? {
                    messages.push(message);
                }
                Ok(vec![(Field::Value, Value::List(messages.into()))])
            }
            f => Err(not_spoken(Self::NAME, &format!("`{f}`"))),
        }
    }

    /// That it answers. Who leads the queue cannot be asked in this protocol.
    async fn status(&mut self, stream: &mut Stream, _: NodeId) -> Result<NodeStatus, Refusal> {
        ask(stream, QOS, &[0; 7], QOS_OK).await?;
        Ok(NodeStatus { role: "running".into(), ..NodeStatus::default() })
    }
}

impl Rabbit {
    /// Made by whoever comes first; for all others it is there.
    async fn declare(&self, stream: &mut Stream, queue: &str) -> Result<(), Refusal> {
        let durable = 0b10;
        let kind = [&short("x-queue-type")[..], b"S", &long(b"quorum")].concat();
        let members = i32::from(self.nodes).to_be_bytes();
        let size = [&short("x-quorum-initial-group-size")[..], b"I", &members].concat();
        let arguments = long(&[kind, size].concat());
        let declare = [&[0, 0][..], &short(queue), &[durable], &arguments].concat();
        ask(stream, DECLARE, &declare, DECLARE_OK).await.map(drop)
    }

    /// To the queue by its name. There is one message under way at a time, so a confirm is its.
    async fn publish(
        &mut self,
        stream: &mut Stream,
        queue: &str,
        text: &str,
    ) -> Result<Answered, Refusal> {
        let mandatory = u8::from(self.confirms);
        let publish = [&[0, 0][..], &short(""), &short(queue), &[mandatory]].concat();
        let mut frames = method(1, PUBLISH, &publish);
        frames.extend(frame(CONTENT, 1, &properties(text.len())));
        for part in text.as_bytes().chunks(self.frame_bytes - FRAME_EXTRA) {
            frames.extend(frame(BODY, 1, part));
        }
        stream.send(&frames).await?;
        if !self.confirms {
            return Ok(Answered::new());
        }
        let mut returned = None;
        loop {
            let Method(id, said) = answer(stream).await?;
            match id {
                // What comes back is confirmed after it, as nobody has to keep it any longer.
                RETURN => {
                    content(stream).await?;
                    self.declared.remove(queue);
                    returned = Some(sent_back(&said));
                }
                ACK => return returned.map_or_else(|| Ok(Answered::new()), Err),
                NACK => {
                    let refused = || Refusal::unknown(format!("{SERVER_ERROR}: basic.nack"));
                    return Err(returned.unwrap_or_else(refused));
                }
                _ => return Err(strange(id, "a publication")),
            }
        }
    }

    /// Takes a message; none: the queue said that it is empty.
    async fn get(&mut self, stream: &mut Stream, queue: &str) -> Result<Option<Value>, Refusal> {
        let no_ack = 1;
        let get = [&[0, 0][..], &short(queue), &[no_ack]].concat();
        stream.send(&method(1, GET, &get)).await?;
        match answer(stream).await {
            Ok(Method(GET_OK, _)) => stored(&content(stream).await?).map(Some),
            Ok(Method(GET_EMPTY, _)) => Ok(None),
            Ok(Method(id, _)) => Err(strange(id, "basic.get")),
            Err(refusal) => {
                // The server closed the channel: it may be that the queue is not there.
                if stream.ends {
                    self.declared.remove(queue);
                }
                Err(refusal)
            }
        }
    }
}

/// Others may have been taken before the one that was refused.
fn in_doubt(refusal: Refusal) -> Refusal {
    Refusal { certain: false, ..refusal }
}

/// A table and its like: a length of four bytes, and so many more.
fn long(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

/// A text of at most 255 bytes: words of the protocol, and names of queues.
fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8][..], text.as_bytes()].concat()
}

/// As the user whom every RabbitMQ has, and who is let in from this machine only.
fn start_ok() -> Vec<u8> {
    let can = |what: &str| [&short(what)[..], b"t\x01"].concat();
    let can: Vec<u8> = ["publisher_confirms", "basic.nack", "authentication_failure_close"]
        .into_iter()
        .flat_map(can)
        .collect();
    let properties = [&short("capabilities")[..], b"F", &long(&can)].concat();
    [long(&properties), short("PLAIN"), long(b"\0guest\0guest"), short("en_US")].concat()
}

/// What comes before a body: its length, and that the message is to be kept on disk.
fn properties(length: usize) -> Vec<u8> {
    let (has_delivery_mode, persistent) = (0x1000_u16, 2);
    let class = PUBLISH.0.to_be_bytes();
    let length = (length as u64).to_be_bytes();
    [&class[..], &[0, 0], &length, &has_delivery_mode.to_be_bytes(), &[persistent]].concat()
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    [&[kind][..], &channel.to_be_bytes(), &long(payload), &[END]].concat()
}

fn method(channel: u16, (class, number): Id, arguments: &[u8]) -> Vec<u8> {
    let payload = [&class.to_be_bytes()[..], &number.to_be_bytes(), arguments].concat();
    frame(METHOD, channel, &payload)
}

/// Asks on the channel, and takes that answer.
async fn ask(
    stream: &mut Stream,
    question: Id,
    arguments: &[u8],
    right: Id,
) -> Result<Method, Refusal> {
    stream.send(&method(1, question, arguments)).await?;
    expect(stream, right).await
}

async fn expect(stream: &mut Stream, right: Id) -> Result<Method, Refusal> {
    let Method(id, said) = answer(stream).await?;
    if id != right {
        return Err(strange(id, &format!("what {right:?} answers")));
    }
    Ok(Method(id, said))
}

/// The next method. One that closes the channel or the connection is an error.
async fn answer(stream: &mut Stream) -> Result<Method, Refusal> {
    loop {
        let Frame(kind, payload) = next(stream).await?;
        if kind == HEARTBEAT {
            continue;
        }
        let id = number::<2>(&payload, 0).zip(number::<2>(&payload, 2));
        let Some((class, number)) = id.filter(|_| kind == METHOD) else {
            return Err(Refusal::malformed(&format!("a frame of kind {kind}, and no method")));
        };
        let (id, said) = ((u16::from_be_bytes(class), u16::from_be_bytes(number)), &payload[4..]);
        if [CONNECTION_CLOSE, CHANNEL_CLOSE].contains(&id) {
            stream.ends = true;
            return Err(closed(id, said));
        }
        return Ok(Method(id, said.to_vec()));
    }
}

/// The body that follows a method.
async fn content(stream: &mut Stream) -> Result<Vec<u8>, Refusal> {
    let wrong = || Refusal::malformed("no content after its method");
    let Frame(kind, head) = next(stream).await?;
    let length = number::<8>(&head, 4).filter(|_| kind == CONTENT).ok_or_else(wrong)?;
    let length = u64::from_be_bytes(length);
    if length > ANSWER_BYTES_MAX as u64 {
        return Err(Refusal::malformed("the message is too long"));
    }
    let mut body = Vec::new();
    while (body.len() as u64) < length {
        let Frame(kind, part) = next(stream).await?;
        if kind != BODY {
            return Err(wrong());
        }
        body.extend(part);
    }
    Ok(body)
}

async fn next(stream: &mut Stream) -> Result<Frame, Refusal> {
    // A server of another version of the protocol says its own header, which is no frame.
    let head = stream.take(7).await?;
    let wrong = || Refusal::malformed(&format!("no frame of AMQP 0-9-1: {head:?}"));
    if ![METHOD, CONTENT, BODY, HEARTBEAT].contains(&head[0]) {
        return Err(wrong());
    }
    let length = u32::from_be_bytes(number(&head, 3).ok_or_else(wrong)?) as usize;
    let mut payload = stream.take(length + 1).await?;
    if payload.pop() != Some(END) {
        return Err(wrong());
    }
    Ok(Frame(head[0], payload))
}

/// So many bytes from there on.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// A number and words, with which closing and sending back begin.
fn reason(said: &[u8]) -> Option<(u16, String)> {
    let code = u16::from_be_bytes(number(said, 0)?);
    let length = usize::from(*said.get(2)?);
    let words = said.get(3..3 + length)?;
    Some((code, String::from_utf8_lossy(words).into_owned()))
}

/// The channel or the connection was closed instead of an answer. Only a channel is closed for what
/// was asked on it; what ends a connection may come after it was done.
fn closed(id: Id, said: &[u8]) -> Refusal {
    let Some((code, words)) = reason(said) else { return Refusal::malformed("half a reason") };
    if (id, code) == (CHANNEL_CLOSE, ACCESS_REFUSED) {
        return Refusal { detail: Some(words.into()), ..Refusal::certain("refused") };
    }
    Refusal::unknown(format!("{SERVER_ERROR}: {code} {words}"))
}

/// The message came back.
fn sent_back(said: &[u8]) -> Refusal {
    match reason(said) {
        Some((NO_ROUTE, words)) => {
            Refusal { detail: Some(words.into()), ..Refusal::certain("refused") }
        }
        Some((code, words)) => {
            Refusal::unknown(format!("{SERVER_ERROR}: returned: {code} {words}"))
        }
        None => Refusal::malformed("half a reason"),
    }
}

fn strange(id: Id, to: &str) -> Refusal {
    Refusal::malformed(&format!("method {id:?} of AMQP to {to}"))
}

#[cfg(test)]
mod tests;
