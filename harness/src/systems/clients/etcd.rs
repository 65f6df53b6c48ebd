//! etcd over its JSON gateway (`/v3/...`): registers, kv, a log and a lock
//! (docs/reference/clients.md). Every operation is one request that can have an effect; keys and
//! values are base64, 64-bit numbers are strings.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use schism_facts::{ClientRow, OptionRow};
use schism_verify::history::{Event, Field, Level, Value};
use serde_json::{Value as Json, json};

use super::http1::{Request, Response, exchange};
use super::tcp::{Speaker, Speech, Stream, json as text, key, not_spoken, pair, stored, value};
use super::{Answered, ClientProtocol, Dial, NodeStatus, Refusal, SERVER_ERROR, base64};
use crate::action::NodeId;

pub const CLIENT: ClientProtocol = ClientProtocol {
    facts: ClientRow {
        name: "etcd",
        about: "etcd 3.4 and later, over its JSON gateway",
        models: &["register", "kv", "log", "mutex"],
        options: &[
            OptionRow {
                name: "serializable",
                about: "reads are answered by the node that is asked, however old they are",
                default: "false",
            },
            OptionRow {
                name: "lease",
                about: "seconds after which a lock is free again",
                default: "60",
            },
        ],
    },
    make: |making| {
        let chosen = |name: &str| making.options.get(name).map(String::as_str);
        let etcd = Etcd {
            dial: Rc::clone(&making.dial),
            is_log: making.model.name == "log",
            serializable: chosen("serializable") == Some("true"),
            lease: chosen("lease").unwrap_or("60").to_owned(),
            members: BTreeMap::new(),
            tail: 0,
            locks: 0,
            token: None,
        };
        Box::new(Speaker::new(making.model, making.dial, etcd))
    },
};

/// The length of the log; its entries are below `ENTRY`.
const TAIL: &str = "log-tail";
const ENTRY: &str = "log/";

/// The key after the last entry: `0` follows `/`.
const ENTRIES_END: &str = "log0";

/// An append finds out the tail and tries again so often; each try that was too late has surely
/// changed nothing. More would hide that the log is contended.
const APPENDS_MAX: u32 = 8;

/// The lock's key.
const LOCK: &str = "lock";

struct Etcd {
    dial: Rc<dyn Dial>,
    /// It is asked for a log, whose words mean something else than those of a register or kv.
    is_log: bool,
    serializable: bool,
    lease: String,
    /// Which member is which node, as far as that was found out.
    members: BTreeMap<String, NodeId>,
    /// What the log's length last was.
    tail: u64,
    /// How often this client tried to lock.
    locks: u64,
    /// What it wrote into the lock last.
    token: Option<String>,
}

impl Speech for Etcd {
    const NAME: &'static str = "etcd";

    async fn ask(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        local: bool,
    ) -> Result<Answered, Refusal> {
        let weak = local || self.serializable || asked.level() == Some(Level::Local);
        match &*asked.f {
            "read" if self.is_log => self.read_log(stream, asked, weak).await,
            "read" | "get" => {
                let said = call(stream, "kv/range", &range(&key(asked), weak)).await?;
                Ok(vec![(Field::Value, first(&said["kvs"])?)])
            }
            "write" | "put" => {
                let put = put(&key(asked), &text(value(asked)?));
                call(stream, "kv/put", &put).await.map(|_| Answered::new())
            }
            "cas" => {
                let (key, (from, to)) = (key(asked), pair(asked)?);
                let put = json!({"request_put": put(&key, &text(to))});
                let change = json!({"compare": [holds(&key, from)], "success": [put]});
                let (done, _) = txn(stream, &change).await?;
                if done { Ok(Answered::new()) } else { Err(Refusal::certain("conflict")) }
            }
            "delete" => {
                let gone = json!({"key": base64::encode(key(asked).as_bytes())});
                let said = call(stream, "kv/deleterange", &gone).await?;
                match number(&said["deleted"]) {
                    Ok(0) => Err(Refusal::certain("absent")),
                    _ => Ok(Answered::new()),
                }
            }
            "append" if self.is_log => self.append(stream, asked).await,
            "append" => append_text(stream, asked).await,
            "append-if" => {
                let expect = asked.expect().ok_or_else(|| Refusal::certain("malformed"))?;
                match append_at(stream, expect, value(asked)?).await? {
                    Ok(()) => Ok(vec![offset(Field::Offset, expect)]),
                    Err(tail) => {
                        let answered = vec![offset(Field::Tail, tail)];
                        Err(Refusal { answered, ..Refusal::certain("conflict") })
                    }
                }
            }
            "tail" => {
                let said = call(stream, "kv/range", &range(TAIL, weak)).await?;
                Ok(vec![offset(Field::Tail, tail(&said["kvs"])?)])
            }
            "acquire" => self.acquire(stream, asked).await,
            "release" => self.release(stream, asked).await,
            f => Err(not_spoken(Self::NAME, &format!("`{f}`"))),
        }
    }

    async fn status(&mut self, stream: &mut Stream, _: NodeId) -> Result<NodeStatus, Refusal> {
        let said = call(stream, "maintenance/status", &json!({})).await?;
        let own = said["header"]["member_id"].as_str().unwrap_or_default();
        let leader = said["leader"].as_str().unwrap_or_default();
        if !leader.is_empty() && leader != "0" && !self.members.contains_key(leader) {
            let said = call(stream, "cluster/member/list", &json!({})).await?;
            self.members = members(&said, &*self.dial);
        }
        let leads = own == leader && !own.is_empty();
        let role = if leads { "leader" } else { "follower" };
        Ok(NodeStatus {
            role: role.into(),
            epoch: number(&said["raftTerm"]).unwrap_or(0),
            leader: self.members.get(leader).copied(),
            delivered: None,
        })
    }
}

impl Etcd {
    /// The first try believes what this client last knew of the tail.
    async fn append(&mut self, stream: &mut Stream, asked: &Event) -> Result<Answered, Refusal> {
        for _ in 0..APPENDS_MAX {
            match append_at(stream, self.tail, value(asked)?).await? {
                Ok(()) => {
                    self.tail += 1;
                    return Ok(vec![offset(Field::Offset, self.tail - 1)]);
                }
                Err(tail) => self.tail = tail,
            }
        }
        Err(Refusal::certain("conflict"))
    }

    /// Entries and tail come out of one transaction, so they are of one moment.
    async fn read_log(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        weak: bool,
    ) -> Result<Answered, Refusal> {
        let from = asked.from().unwrap_or(0);
        let mut entries = range(&entry(from), weak);
        entries["range_end"] = json!(base64::encode(ENTRIES_END.as_bytes()));
        // 0 means all of them to etcd.
        entries["limit"] = json!(asked.limit().unwrap_or(0).to_string());
        let look = [json!({"request_range": range(TAIL, weak)})].into_iter();
        let none = asked.limit() == Some(0);
        let look = look.chain((!none).then(|| json!({"request_range": entries})));
        let (_, said) = txn(stream, &json!({"success": look.collect::<Vec<_>>()})).await?;
        let length = tail(&said[0]["response_range"]["kvs"])?;
        let mut values = Vec::new();
        let rows = said[1]["response_range"]["kvs"].as_array();
        for (row, at) in rows.into_iter().flatten().zip(from..) {
            if bytes(&row["key"])? != entry(at).as_bytes() {
                return Err(Refusal::unreadable(&format!("there is no entry at offset {at}")));
            }
            values.push(stored(&bytes(&row["value"])?)?);
        }
        Ok(vec![(Field::Value, Value::List(values.into())), offset(Field::Tail, length)])
    }

    async fn acquire(&mut self, stream: &mut Stream, asked: &Event) -> Result<Answered, Refusal> {
        let key = lock(asked);
        // A lease alone locks nothing.
        let granted = call(stream, "lease/grant", &json!({"TTL": self.lease, "ID": "0"})).await;
        let granted = granted.map_err(|refusal| Refusal { certain: true, ..refusal })?;
        self.locks += 1;
        let lease = granted["ID"].as_str().unwrap_or_default();
        // A lease is nobody else's, so this is nobody else's word.
        let token = format!("{lease}-{}", self.locks);
        let mut put = put(&key, &token);
        put["lease"] = json!(lease);
        let free = compare(&key, "CREATE", "create_revision", &json!("0"));
        let change = json!({"compare": [free], "success": [{"request_put": put}]});
        self.token = Some(token);
        let (done, _) = txn(stream, &change).await?;
        if done { Ok(Answered::new()) } else { Err(Refusal::certain("held")) }
    }

    /// Only what this client wrote into the lock itself.
    async fn release(&mut self, stream: &mut Stream, asked: &Event) -> Result<Answered, Refusal> {
        let Some(token) = &self.token else { return Err(Refusal::certain("not-held")) };
        let key = lock(asked);
        let own = compare(&key, "VALUE", "value", &json!(base64::encode(token.as_bytes())));
        let gone = json!({"request_delete_range": {"key": base64::encode(key.as_bytes())}});
        let (done, _) = txn(stream, &json!({"compare": [own], "success": [gone]})).await?;
        if done { Ok(Answered::new()) } else { Err(Refusal::certain("not-held")) }
    }
}

fn lock(asked: &Event) -> String {
    asked.key().map_or_else(|| LOCK.to_owned(), |_| key(asked))
}

/// As wide as any offset, so that keys are in the order of offsets.
fn entry(offset: u64) -> String {
    format!("{ENTRY}{offset:020}")
}

fn offset(field: Field, number: u64) -> (Field, Value) {
    (field, Value::Int(number.cast_signed()))
}

fn range(key: &str, weak: bool) -> Json {
    json!({"key": base64::encode(key.as_bytes()), "serializable": weak})
}

fn put(key: &str, value: &str) -> Json {
    json!({"key": base64::encode(key.as_bytes()), "value": base64::encode(value.as_bytes())})
}

fn compare(key: &str, target: &str, name: &str, with: &Json) -> Json {
    let key = base64::encode(key.as_bytes());
    json!({"key": key, "target": target, "result": "EQUAL", name: with})
}

/// Null: it is absent.
fn holds(key: &str, value: &Value) -> Json {
    match value {
        Value::Null => compare(key, "CREATE", "create_revision", &json!("0")),
        value => compare(key, "VALUE", "value", &json!(base64::encode(text(value).as_bytes()))),
    }
}

/// Puts the entry there if the log ends there; else where it ends.
async fn append_at(
    stream: &mut Stream,
    at: u64,
    entry_value: &Value,
) -> Result<Result<(), u64>, Refusal> {
    let here = if at == 0 { Value::Null } else { Value::Int(at.cast_signed()) };
    let after = text(&Value::Int(at.cast_signed() + 1));
    let entry = json!({"request_put": put(&entry(at), &text(entry_value))});
    let (done, said) = txn(
        stream,
        &json!({
            "compare": [holds(TAIL, &here)],
            "success": [entry, {"request_put": put(TAIL, &after)}],
            "failure": [{"request_range": range(TAIL, false)}],
        }),
    )
    .await?;
    if done { Ok(Ok(())) } else { tail(&said[0]["response_range"]["kvs"]).map(Err) }
}

/// Strings are stored as JSON; what was there must be there still.
async fn append_text(stream: &mut Stream, asked: &Event) -> Result<Answered, Refusal> {
    let (key, more) = (key(asked), value(asked)?);
    let look = call(stream, "kv/range", &range(&key, false)).await;
    // Nothing was changed by looking.
    let look = look.map_err(|refusal| Refusal { certain: true, ..refusal })?;
    let held = first(&look["kvs"])?;
    let joined = match (&held, more) {
        (Value::Null, more) => more.clone(),
        (Value::Str(held), Value::Str(more)) => Value::Str(format!("{held}{more}").into()),
        _ => return Err(Refusal::certain("refused")),
    };
    let put = json!({"request_put": put(&key, &text(&joined))});
    let (done, _) =
        txn(stream, &json!({"compare": [holds(&key, &held)], "success": [put]})).await?;
    // Another came between: this one did nothing.
    if done { Ok(Answered::new()) } else { Err(Refusal::certain("conflict")) }
}

/// Whether the comparison held, and what each request of the branch that was taken answered.
async fn txn(stream: &mut Stream, ask: &Json) -> Result<(bool, Json), Refusal> {
    let mut said = call(stream, "kv/txn", ask).await?;
    let done = said["succeeded"].as_bool().unwrap_or(false);
    Ok((done, said["responses"].take()))
}

async fn call(stream: &mut Stream, path: &str, ask: &Json) -> Result<Json, Refusal> {
    let body = ask.to_string();
    let request = Request {
        method: "POST",
        path: &format!("/v3/{path}"),
        host: "etcd",
        headers: &[("Content-Type", "application/json")],
        body: Some(body.as_bytes()),
    };
    answer(&exchange(stream, &request).await?)
}

/// What an answer of the gateway means. It gives each gRPC code an HTTP status, and says both.
fn answer(response: &Response) -> Result<Json, Refusal> {
    let body = serde_json::from_slice::<Json>(&response.body);
    let said = String::from_utf8_lossy(&response.body);
    match (response.status, body) {
        // Every answer of etcd has a header; what is false, 0 or empty is left out.
        (200, Ok(body)) if body["header"]["cluster_id"].is_string() => Ok(body),
        (200, _) => Err(Refusal::malformed(&format!("no answer of etcd: {said}"))),
        (_, Ok(body)) if body["code"].is_u64() => {
            let message = body["error"].as_str().or(body["message"].as_str()).unwrap_or_default();
            Err(error(body["code"].as_u64().unwrap_or(0), message))
        }
        // Older gateways have no such path.
        (404, _) => Err(refused("no such path; etcd 3.4 and later have it")),
        (status, _) => Err(Refusal::unknown(format!("{SERVER_ERROR}: HTTP {status}: {said}"))),
    }
}

/// The codes of gRPC, and what etcd means by them (api/v3rpc/rpctypes/error.go). `database space
/// exceeded` (8) is no refusal: a put that brought it about was done, and then answered so.
fn error(code: u64, message: &str) -> Refusal {
    match code {
        // InvalidArgument, PermissionDenied, Unimplemented, Unauthenticated: looked at before it is
        // proposed, or before it is applied.
        3 | 7 | 12 | 16 => refused(message),
        // Of ResourceExhausted, what is said before anything is proposed.
        8 if message.contains("too many requests") => Refusal::certain("overloaded"),
        _ => Refusal::unknown(format!("{SERVER_ERROR}: {message}")),
    }
}

fn refused(message: &str) -> Refusal {
    Refusal { detail: Some(message.into()), ..Refusal::certain("refused") }
}

/// The value of the one key that was asked; null: it is absent.
fn first(rows: &Json) -> Result<Value, Refusal> {
    match rows.as_array().map(Vec::as_slice) {
        None | Some([]) => Ok(Value::Null),
        Some([row, ..]) => stored(&bytes(&row["value"])?),
    }
}

fn tail(rows: &Json) -> Result<u64, Refusal> {
    match first(rows)? {
        Value::Null => Ok(0),
        Value::Int(length) if length >= 0 => Ok(length.cast_unsigned()),
        other => Err(Refusal::malformed(&format!("{} is no length of a log", text(&other)))),
    }
}

/// Nothing stands for what is empty.
fn bytes(said: &Json) -> Result<Vec<u8>, Refusal> {
    let text = said.as_str().unwrap_or_default();
    base64::decode(text).ok_or_else(|| Refusal::malformed(&format!("no base64: {text}")))
}

/// Nothing stands for 0.
fn number(said: &Json) -> Result<u64, ()> {
    match said {
        Json::Null => Ok(0),
        Json::String(text) => text.parse().map_err(drop),
        other => other.as_u64().ok_or(()),
    }
}

/// Members by the host that they announce, or by their name.
fn members(said: &Json, dial: &dyn Dial) -> BTreeMap<String, NodeId> {
    let node = |member: &Json| {
        let urls = ["clientURLs", "peerURLs"].into_iter();
        let mut urls = urls.flat_map(|key| member[key].as_array().into_iter().flatten());
        let at = |url: &Json| dial.node_at(host(url.as_str()?)?);
        let named = || member["name"].as_str()?.parse().ok();
        let node = urls.find_map(at).or_else(named)?;
        Some((member["ID"].as_str()?.to_owned(), node))
    };
    said["members"].as_array().into_iter().flatten().filter_map(node).collect()
}

/// `http://127.7.0.1:2379`
fn host(url: &str) -> Option<IpAddr> {
    let authority = url.split("://").nth(1)?.split('/').next()?;
    authority.rsplit_once(':')?.0.trim_matches(['[', ']']).parse().ok()
}

#[cfg(test)]
mod tests;
