//! NATS JetStream over the core protocol: a log in a stream, registers and kv in the last message
//! of each subject (docs/reference/clients.md). Every operation is one publication; what must be
//! compared goes along with it as the sequence that is expected.

use schism_facts::{ClientRow, OptionRow};
use schism_verify::history::{Event, Field, Value};
use serde_json::{Value as Json, json};

use super::tcp::{
    Speaker, Speech, Stream, json as text, key, not_spoken, pair, stored, token, value,
};
use super::{Answered, ClientProtocol, NodeStatus, Refusal, SERVER_ERROR, base64};
use crate::action::NodeId;

pub const CLIENT: ClientProtocol = ClientProtocol {
    facts: ClientRow {
        name: "nats",
        about: "NATS JetStream: a stream as a log, or its subjects as keys",
        models: &["log", "register", "kv"],
        options: &[OptionRow {
            name: "quorum-reads",
            about: "a read of a key publishes what it read again, if that is still the last",
            default: "false",
        }],
    },
    make: |making| {
        let nats = Nats {
            is_log: making.model.name == "log",
            quorum_reads: making.options.get("quorum-reads").is_some_and(|is| is == "true"),
            // JetStream keeps at most five copies.
            replicas: making.dial.nodes().min(5),
            inbox: format!("_INBOX.{}", token()),
            asked: 0,
        };
        Box::new(Speaker::new(making.model, making.dial, nats))
    },
};

/// Messages of a log's page, asked for in one go.
const PAGE: u64 = 100;

/// So often a read is tried whose value others changed before it was confirmed.
const TRIES: usize = 8;

/// What JetStream calls its errors (server/errors.json).
const NO_MESSAGE: u64 = 10_037;
const NO_STREAM: u64 = 10_059;
const NAME_IN_USE: u64 = 10_058;
const WRONG_LAST_SEQUENCE: [u64; 2] = [10_071, 10_164];
/// The message is too large; JetStream is not there, or not for this account.
const REFUSED: [u64; 3] = [10_054, 10_039, 10_076];

struct Nats {
    is_log: bool,
    quorum_reads: bool,
    replicas: u8,
    inbox: String,
    /// So many questions; each has its own address for the answer.
    asked: u64,
}

/// What came for us.
enum Reply {
    Body(Vec<u8>),
    /// Nobody listens to the subject: the server says so itself, and gave it to nobody.
    NoResponders,
}

impl Speech for Nats {
    const NAME: &'static str = "nats";

    /// The stream is made by whoever connects first.
    async fn greet(&mut self, stream: &mut Stream, _: NodeId) -> Result<(), Refusal> {
        let info = stream.line().await?;
        if !info.starts_with("INFO ") {
            return Err(Refusal::malformed(&format!("no greeting of NATS: {info}")));
        }
        let options = json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true,
            "lang": "rust", "version": "1", "protocol": 1, "name": "schism",
        });
        let sub = format!("CONNECT {options}\r\nSUB {}.* 1\r\nPING\r\n", self.inbox);
        stream.send(sub.as_bytes()).await?;
        while next(stream).await?.is_some() {}
        match self.api(stream, &format!("STREAM.INFO.{}", self.name()), &json!("")).await? {
            Err((NO_STREAM, _)) => {}
            Err((_, refusal)) => return Err(refusal),
            Ok(_) => return Ok(()),
        }
        let mut config = json!({
            "name": self.name(), "subjects": [format!("{}.>", self.name())],
            "num_replicas": self.replicas, "storage": "file", "retention": "limits",
            "discard": "new", "max_msgs": -1, "max_bytes": -1, "max_age": 0,
            "duplicate_window": 100_000_000,
        });
        if !self.is_log {
            config["max_msgs_per_subject"] = json!(1);
            config["discard"] = json!("old");
        }
        match self.api(stream, &format!("STREAM.CREATE.{}", self.name()), &config).await? {
            Ok(_) | Err((NAME_IN_USE, _)) => Ok(()),
            Err((_, refusal)) => Err(refusal),
        }
    }

    async fn ask(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        local: bool,
    ) -> Result<Answered, Refusal> {
        let done = |_| Answered::new();
        match &*asked.f {
            "append" if self.is_log => {
                let sequence = self.publish(stream, "entry", Some(value(asked)?), None).await?;
                Ok(vec![offset(Field::Offset, sequence.saturating_sub(1))])
            }
            "append-if" if self.is_log => {
                let expect = asked.expect().ok_or_else(|| Refusal::certain("malformed"))?;
                let condition = ("Nats-Expected-Last-Sequence", expect);
                self.publish(stream, "entry", Some(value(asked)?), Some(condition)).await?;
                Ok(vec![offset(Field::Offset, expect)])
            }
            "read" if self.is_log => self.read_log(stream, asked).await,
            "tail" if self.is_log => Ok(vec![offset(Field::Tail, self.tail(stream).await?)]),
            "read" | "get" => {
                let held = if self.quorum_reads && !local {
                    self.confirmed(stream, asked).await?
                } else {
                    self.last(stream, &key(asked)).await?.map_or(Value::Null, |(_, value)| value)
                };
                Ok(vec![(Field::Value, held)])
            }
            "write" | "put" => {
                self.publish(stream, &subject(asked), Some(value(asked)?), None).await.map(done)
            }
            "cas" => {
                let (from, to) = pair(asked)?;
                self.change(stream, asked, |held| (held == from).then_some(Some(to)), "conflict")
                    .await
            }
            "delete" => {
                let there = |held: &Value| (*held != Value::Null).then_some(None);
                self.change(stream, asked, there, "absent").await
            }
            f => Err(not_spoken(Self::NAME, &format!("`{f}`"))),
        }
    }

    /// Who leads the stream. Servers are to be called as nodes are.
    async fn status(&mut self, stream: &mut Stream, node: NodeId) -> Result<NodeStatus, Refusal> {
        let api = format!("STREAM.INFO.{}", self.name());
        let said = self.api(stream, &api, &json!("")).await?.map_err(|(_, refusal)| refusal)?;
        let leader = said["cluster"]["leader"].as_str().and_then(|name| name.parse().ok());
        // One server alone has no cluster.
        let leader = if said["cluster"]["leader"].is_null() { Some(node) } else { leader };
        let role = if leader == Some(node) { "leader" } else { "follower" };
        Ok(NodeStatus { role: role.into(), epoch: 0, leader, delivered: None })
    }
}

impl Nats {
    fn name(&self) -> &'static str {
        if self.is_log { "schism-log" } else { "schism-kv" }
    }

    /// Publishes a value, or a gravestone; its sequence in the stream.
    async fn publish(
        &mut self,
        stream: &mut Stream,
        subject: &str,
        value: Option<&Value>,
        condition: Option<(&str, u64)>,
    ) -> Result<u64, Refusal> {
        let payload = value.map(text).unwrap_or_default();
        let header =
            condition.map(|(name, number)| format!("NATS/1.0\r\n{name}: {number}\r\n\r\n"));
        let subject = format!("{}.{subject}", self.name());
        let reply = self.request(stream, &subject, header.as_deref(), &payload).await?;
        let said = body(reply)?.map_err(|(_, refusal)| refusal)?;
        let is_ours = said["stream"] == self.name();
        let sequence = said["seq"].as_u64().filter(|_| is_ours);
        sequence.ok_or_else(|| Refusal::malformed(&format!("{said} to a publication")))
    }

    /// Looks, and publishes what follows from that if nothing came between. `None`: what is there
    /// is not what was expected.
    async fn change<'a>(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        becomes: impl Fn(&Value) -> Option<Option<&'a Value>>,
        no: &'static str,
    ) -> Result<Answered, Refusal> {
        let looked = self.last(stream, &key(asked)).await;
        // Nothing was changed by looking.
        let looked = looked.map_err(|refusal| Refusal { certain: true, ..refusal })?;
        let (sequence, held) = looked.unwrap_or((0, Value::Null));
        let Some(next) = becomes(&held) else { return Err(Refusal::certain(no)) };
        let condition = ("Nats-Expected-Last-Subject-Sequence", sequence);
        self.publish(stream, &subject(asked), next, Some(condition)).await?;
        Ok(Answered::new())
    }

    /// The last message of a key, published again if it still is the last: who takes himself for
    /// the leader may be wrong, but only the leader has a publication acknowledged. Whether or not
    /// that arrives, the key holds what it held.
    async fn confirmed(&mut self, stream: &mut Stream, asked: &Event) -> Result<Value, Refusal> {
        for _ in 0..TRIES {
            let (sequence, held) = self.last(stream, &key(asked)).await?.unwrap_or_default();
            let again = Some(&held).filter(|held| **held != Value::Null);
            let condition = ("Nats-Expected-Last-Subject-Sequence", sequence);
            match self.publish(stream, &subject(asked), again, Some(condition)).await {
                Ok(_) => return Ok(held),
                Err(refusal) if refusal.certain && &*refusal.error == "conflict" => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Err(Refusal::certain("conflict"))
    }

    /// The last message of a key, and its sequence; null: it was deleted.
    async fn last(
        &mut self,
        stream: &mut Stream,
        key: &str,
    ) -> Result<Option<(u64, Value)>, Refusal> {
        let by = json!({"last_by_subj": format!("{}.{}", self.name(), encoded(key))});
        match self.api(stream, &format!("STREAM.MSG.GET.{}", self.name()), &by).await? {
            Err((NO_MESSAGE, _)) => Ok(None),
            Err((_, refusal)) => Err(refusal),
            Ok(said) => message(&said).map(Some),
        }
    }

    async fn tail(&mut self, stream: &mut Stream) -> Result<u64, Refusal> {
        let api = format!("STREAM.INFO.{}", self.name());
        let said = self.api(stream, &api, &json!("")).await?.map_err(|(_, refusal)| refusal)?;
        let last = said["state"]["last_seq"].as_u64();
        last.ok_or_else(|| Refusal::malformed(&format!("{said} has no last sequence")))
    }

    /// Message after message, each by its sequence: what is in a stream does not change, and where
    /// there is none, the log ended at that moment.
    async fn read_log(&mut self, stream: &mut Stream, asked: &Event) -> Result<Answered, Refusal> {
        let (from, limit) = (asked.from().unwrap_or(0), asked.limit().unwrap_or(u64::MAX));
        if limit == 0 {
            let tail = self.tail(stream).await?;
            return Ok(vec![(Field::Value, Value::List([].into())), offset(Field::Tail, tail)]);
        }
        let mut values = Vec::new();
        loop {
            let next = from + values.len() as u64;
            let count = PAGE.min(limit - values.len() as u64);
            if count == 0 {
                break;
            }
            let (page, is_whole) = self.page(stream, next, count).await?;
            values.extend(page);
            if !is_whole {
                break;
            }
        }
        Ok(vec![(Field::Value, Value::List(values.into()))])
    }

    /// So many messages from an offset on, all asked for at once, and whether all were there.
    async fn page(
        &mut self,
        stream: &mut Stream,
        from: u64,
        count: u64,
    ) -> Result<(Vec<Value>, bool), Refusal> {
        let first = self.asked + 1;
        let mut requests = Vec::new();
        for at in from..from + count {
            let by = json!({"seq": at + 1}).to_string();
            let api = format!("$JS.API.STREAM.MSG.GET.{}", self.name());
            requests.extend(self.written(&api, None, &by));
        }
        stream.send(&requests).await?;
        let mut replies: Vec<Option<Reply>> = (0..count).map(|_| None).collect();
        while replies.iter().any(Option::is_none) {
            let Some((number, reply)) = self.mine(stream).await? else { continue };
            // More than one server may answer an earlier question, and nobody waits for it.
            let place = number.checked_sub(first).filter(|place| *place < count);
            if let Some(place) = place {
                replies[place as usize] = Some(reply);
            }
        }
        let mut values = Vec::new();
        for (reply, at) in replies.into_iter().flatten().zip(from..) {
            match body(reply)? {
                Err((NO_MESSAGE, _)) => return Ok((values, false)),
                Err((_, refusal)) => return Err(refusal),
                Ok(said) => {
                    let (sequence, value) = message(&said)?;
                    if sequence != at + 1 {
                        let hole = format!("there is no entry at offset {at}");
                        return Err(Refusal::unreadable(&hole));
                    }
                    values.push(value);
                }
            }
        }
        Ok((values, true))
    }

    /// A question to JetStream itself, where an error has its number beside it.
    async fn api(
        &mut self,
        stream: &mut Stream,
        what: &str,
        ask: &Json,
    ) -> Result<Result<Json, (u64, Refusal)>, Refusal> {
        let payload = if ask.is_string() { String::new() } else { ask.to_string() };
        body(self.request(stream, &format!("$JS.API.{what}"), None, &payload).await?)
    }

    async fn request(
        &mut self,
        stream: &mut Stream,
        subject: &str,
        header: Option<&str>,
        payload: &str,
    ) -> Result<Reply, Refusal> {
        let written = self.written(subject, header, payload);
        stream.send(&written).await?;
        loop {
            match self.mine(stream).await? {
                Some((number, reply)) if number == self.asked => return Ok(reply),
                // Nobody waits for it any more.
                _ => {}
            }
        }
    }

    fn written(&mut self, subject: &str, header: Option<&str>, payload: &str) -> Vec<u8> {
        self.asked += 1;
        let (inbox, asked) = (&self.inbox, self.asked);
        let line = match header {
            None => format!("PUB {subject} {inbox}.{asked} {}\r\n", payload.len()),
            Some(header) => {
                let (head, all) = (header.len(), header.len() + payload.len());
                format!("HPUB {subject} {inbox}.{asked} {head} {all}\r\n{header}")
            }
        };
        [line.as_bytes(), payload.as_bytes(), b"\r\n"].concat()
    }

    /// The next message, and to which question of ours.
    async fn mine(&self, stream: &mut Stream) -> Result<Option<(u64, Reply)>, Refusal> {
        let Some((subject, reply)) = next(stream).await? else { return Ok(None) };
        let number = subject.strip_prefix(&self.inbox).and_then(|rest| rest.strip_prefix('.'));
        Ok(number.and_then(|number| number.parse().ok()).map(|number| (number, reply)))
    }
}

fn subject(asked: &Event) -> String {
    encoded(&key(asked))
}

/// A token of a subject has neither dots nor blanks nor stars.
fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let letter = |&byte: &u8| {
        if plain(byte) { char::from(byte).to_string() } else { format!("_{byte:02x}") }
    };
    key.as_bytes().iter().map(letter).collect()
}

fn offset(field: Field, number: u64) -> (Field, Value) {
    (field, Value::Int(number.cast_signed()))
}

/// `{"message":{"seq":5,"data":"..."}}`; what has no data is a gravestone.
fn message(said: &Json) -> Result<(u64, Value), Refusal> {
    let message = &said["message"];
    let wrong = || Refusal::malformed(&format!("{said} is no message"));
    let sequence = message["seq"].as_u64().ok_or_else(wrong)?;
    let data = message["data"].as_str().unwrap_or_default();
    let data = base64::decode(data).ok_or_else(wrong)?;
    let value = if data.is_empty() { Value::Null } else { stored(&data)? };
    Ok((sequence, value))
}

/// What a reply says: JSON, or an error with its number. Errors that are in no list above are
/// unanswered.
fn body(reply: Reply) -> Result<Result<Json, (u64, Refusal)>, Refusal> {
    let body = match reply {
        Reply::NoResponders => {
            let detail = Some("no responders: nobody got it".into());
            return Err(Refusal { detail, ..Refusal::certain("refused") });
        }
        Reply::Body(body) => body,
    };
    let said = serde_json::from_slice::<Json>(&body)
        .map_err(|_| Refusal::malformed(&format!("no JSON: {}", String::from_utf8_lossy(&body))))?;
    let error = &said["error"];
    if error.is_null() {
        return Ok(Ok(said));
    }
    let code = error["err_code"].as_u64().unwrap_or(0);
    let words = error["description"].as_str().unwrap_or_default();
    let refusal = match code {
        code if WRONG_LAST_SEQUENCE.contains(&code) => {
            let last = words.rsplit(' ').next().and_then(|word| word.parse::<i64>().ok());
            let answered = last.map(|last| (Field::Tail, Value::Int(last)));
            Refusal { answered: answered.into_iter().collect(), ..Refusal::certain("conflict") }
        }
        code if REFUSED.contains(&code) => {
            Refusal { detail: Some(words.into()), ..Refusal::certain("refused") }
        }
        code => Refusal::unknown(format!("{SERVER_ERROR}: {code} {words}")),
    };
    Ok(Err((code, refusal)))
}

/// The next message: its subject, and what it says. None: `PONG`.
async fn next(stream: &mut Stream) -> Result<Option<(String, Reply)>, Refusal> {
    loop {
        let line = stream.line().await?;
        let wrong = || Refusal::malformed(&format!("no line of NATS: {line}"));
        let words: Vec<&str> = line.split_whitespace().collect();
        let size = |place: usize| {
            let word = words.len().checked_sub(place).and_then(|at| words.get(at));
            word.and_then(|word| word.parse::<usize>().ok()).ok_or_else(wrong)
        };
        match words.first().copied() {
            Some("PING") => stream.send(b"PONG\r\n").await.map_err(|_| lost())?,
            Some("PONG") => return Ok(None),
            Some("INFO" | "+OK") => {}
            // The connection ends after it, whatever was under way.
            Some("-ERR") => {
                stream.ends = true;
                return Err(Refusal::unknown(format!("{SERVER_ERROR}: {line}")));
            }
            Some(kind @ ("MSG" | "HMSG")) => {
                let subject = words.get(1).copied().ok_or_else(wrong)?.to_owned();
                let head = if kind == "HMSG" { size(2)? } else { 0 };
                let all = size(1)?;
                let mut bytes = stream.take(all.checked_add(2).ok_or_else(wrong)?).await?;
                bytes.truncate(all);
                if bytes.get(..head).ok_or_else(wrong)?.starts_with(b"NATS/1.0 503") {
                    return Ok(Some((subject, Reply::NoResponders)));
                }
                return Ok(Some((subject, Reply::Body(bytes.split_off(head)))));
            }
            _ => return Err(wrong()),
        }
    }
}

/// A question was on its way.
fn lost() -> Refusal {
    Refusal::unknown("connection-lost")
}

#[cfg(test)]
mod tests;
