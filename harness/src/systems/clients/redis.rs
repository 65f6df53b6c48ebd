//! Redis over RESP 2: registers, kv, sets, counters, queues, a log in a list, a lock
//! (docs/reference/clients.md). Every operation is one command; what needs more is a script, which
//! Redis runs as one step.

use std::rc::Rc;

use schism_facts::{ClientRow, OptionRow};
use schism_verify::history::{Event, Field, Value};

use super::tcp::{
    ANSWER_BYTES_MAX, KEY, Speaker, Speech, Stream, json, key, not_spoken, pair, stored, token,
    value,
};
use super::{Answered, ClientProtocol, Dial, NodeStatus, Refusal, SERVER_ERROR};
use crate::action::NodeId;

pub const CLIENT: ClientProtocol = ClientProtocol {
    facts: ClientRow {
        name: "redis",
        about: "Redis, Valkey and whatever else speaks RESP 2, also with Sentinel",
        models: &["register", "kv", "set", "counter", "queue", "log", "mutex"],
        options: &[
            OptionRow {
                name: "sentinel",
                about: "the name under which Sentinel watches the primary; asked who leads",
                default: "",
            },
            OptionRow { name: "sentinel-port", about: "Sentinel's port", default: "26379" },
            OptionRow {
                name: "primary-reads",
                about: "a replica that is asked for a read says that it does not lead",
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
        let chosen = |name: &str| making.options.get(name).cloned();
        let number = |name: &str, usual| chosen(name).and_then(|n| n.parse().ok()).unwrap_or(usual);
        let redis = Redis {
            dial: Rc::clone(&making.dial),
            model: making.model.name,
            sentinel: chosen("sentinel").filter(|name| !name.is_empty()),
            sentinel_port: number("sentinel-port", 26_379),
            primary_reads: chosen("primary-reads").is_some_and(|is| is == "true"),
            lease_ms: u64::from(number("lease", 60)) * 1_000,
            token: None,
        };
        Box::new(Speaker::new(making.model, making.dial, redis))
    },
};

/// KEYS[1] from to: 1, or 0 where it does not hold the first. No `from`: it is absent.
const CAS: &str = "local held = redis.call('GET', KEYS[1]) \
    if #ARGV == 1 then if held then return 0 end elseif held ~= ARGV[2] then return 0 end \
    redis.call('SET', KEYS[1], ARGV[1]) return 1";

/// Strings are stored as JSON: the second goes between the first and its last quote. 0: what is
/// there is no string.
const APPEND: &str = "local held = redis.call('GET', KEYS[1]) local new = ARGV[1] \
    if held then if held:sub(1, 1) ~= '\"' then return 0 end new = held:sub(1, -2) .. new:sub(2) end \
    redis.call('SET', KEYS[1], new) return 1";

/// KEYS[1] value expected: -1, or the length that the list has instead.
const APPEND_IF: &str = "local length = redis.call('LLEN', KEYS[1]) \
    if length ~= tonumber(ARGV[2]) then return length end redis.call('RPUSH', KEYS[1], ARGV[1]) return -1";

/// KEYS[1] first last: the entries, and the length at that moment.
const READ_LOG: &str = "local length = redis.call('LLEN', KEYS[1]) \
    if tonumber(ARGV[2]) < tonumber(ARGV[1]) then return {{}, length} end \
    return {redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2]), length}";

/// KEYS[1] token: 1, or 0 where somebody else holds it, or nobody.
const RELEASE: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
    redis.call('DEL', KEYS[1]) return 1";

struct Redis {
    dial: Rc<dyn Dial>,
    model: &'static str,
    sentinel: Option<String>,
    sentinel_port: u16,
    primary_reads: bool,
    lease_ms: u64,
    /// What it wrote into a lock last, so that it releases only its own.
    token: Option<String>,
}

/// What a server replies.
#[derive(Clone, PartialEq, Debug)]
enum Reply {
    /// `+OK`
    Simple(String),
    /// `-READONLY You can't write against a read only replica.`
    Error(String),
    /// `:1`
    Number(i64),
    /// `$5` and so many bytes; None: `$-1`, or `*-1`.
    Bulk(Option<Vec<u8>>),
    /// `*2` and so many replies.
    List(Vec<Reply>),
}

impl Speech for Redis {
    const NAME: &'static str = "redis";

    async fn ask(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        local: bool,
    ) -> Result<Answered, Refusal> {
        let words = self.question(asked)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let is_read = ["read", "get", "contains", "tail"].contains(&&*asked.f);
        let reply = if self.primary_reads && is_read && !local {
            as_primary(stream, &words).await?
        } else {
            command(stream, &words).await?
        };
        answer(self.model, asked, reply)
    }

    async fn status(&mut self, stream: &mut Stream, node: NodeId) -> Result<NodeStatus, Refusal> {
        let info = command(stream, &["INFO", "replication"]).await?;
        let Reply::Bulk(Some(info)) = info else { return Err(strange("INFO", &info)) };
        let mut status = replication(&String::from_utf8_lossy(&info), node, &*self.dial);
        // Without Sentinel each primary leads by its own word.
        if let Some(name) = self.sentinel.clone()
            && let Ok((leader, epoch)) = self.ask_sentinel(node, &name).await
        {
            status.role = if leader == Some(node) { "leader" } else { "follower" }.into();
            (status.leader, status.epoch) = (leader, epoch);
        }
        Ok(status)
    }
}

impl Redis {
    fn question(&mut self, asked: &Event) -> Result<Vec<String>, Refusal> {
        let key = if asked.key().is_some() { key(asked) } else { self.usual_key().to_owned() };
        let script = |text: &str, arguments: Vec<String>| {
            [vec!["EVAL".into(), text.into(), "1".into(), key.clone()], arguments].concat()
        };
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Ok(match (self.model, &*asked.f) {
            ("register" | "counter", "read") | ("kv", "get") => words(&["GET", &key]),
            ("register", "write") | ("kv", "put") => words(&["SET", &key, &json(value(asked)?)]),
            ("register" | "kv", "cas") => {
                let (from, to) = pair(asked)?;
                let from = Some(from).filter(|from| **from != Value::Null).map(json);
                script(CAS, [json(to)].into_iter().chain(from).collect())
            }
            ("kv", "delete") => words(&["DEL", &key]),
            ("kv", "append") => script(APPEND, vec![json(value(asked)?)]),
            ("set", "add") => words(&["SADD", &key, &element(asked)?]),
            ("set", "remove") => words(&["SREM", &key, &element(asked)?]),
            ("set", "contains") => words(&["SISMEMBER", &key, &element(asked)?]),
            ("set", "read") => words(&["SMEMBERS", &key]),
            ("counter", "add") => words(&["INCRBY", &key, &json(value(asked)?)]),
            ("queue", "enqueue") | ("log", "append") => {
                words(&["RPUSH", &key, &json(value(asked)?)])
            }
            ("queue", "dequeue") => words(&["LPOP", &key]),
            ("log", "append-if") => {
                let expect = asked.expect().ok_or_else(|| Refusal::certain("malformed"))?;
                script(APPEND_IF, vec![json(value(asked)?), expect.to_string()])
            }
            ("log", "read") => {
                let from = asked.from().unwrap_or(0);
                let last = asked
                    .limit()
                    .map_or(i64::MAX, |limit| from.saturating_add(limit).cast_signed() - 1);
                script(READ_LOG, vec![from.to_string(), last.to_string()])
            }
            ("log", "tail") => words(&["LLEN", &key]),
            ("mutex", "acquire") => {
                let token = self.token.insert(token());
                words(&["SET", &key, token, "NX", "PX", &self.lease_ms.to_string()])
            }
            ("mutex", "release") => match &self.token {
                Some(token) => script(RELEASE, vec![token.clone()]),
                None => return Err(Refusal::certain("not-held")),
            },
            (_, f) => return Err(not_spoken(Self::NAME, &format!("`{f}`"))),
        })
    }

    fn usual_key(&self) -> &'static str {
        if self.model == "register" { KEY } else { self.model }
    }

    /// Whom this node's Sentinel takes for the primary, and since which change of it.
    async fn ask_sentinel(
        &self,
        node: NodeId,
        name: &str,
    ) -> Result<(Option<NodeId>, u64), Refusal> {
        let dialled = self.dial.dial_port(node, self.sentinel_port).await.and_then(Stream::new);
        let mut stream = dialled.map_err(|error| Refusal::undialled(&error))?;
        let said = command(&mut stream, &["SENTINEL", "MASTER", name]).await?;
        let Reply::List(parts) = &said else { return Err(strange("SENTINEL", &said)) };
        let field = |wanted: &str| {
            let mut pairs =
                parts.chunks(2).filter_map(|pair| Some((pair[0].text()?, pair.get(1)?)));
            pairs.find(|(name, _)| name == wanted).and_then(|(_, value)| value.text())
        };
        let leader = field("ip").and_then(|ip| self.dial.node_at(ip.parse().ok()?));
        let epoch = field("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
        Ok((leader, epoch))
    }
}

impl Reply {
    fn text(&self) -> Option<String> {
        match self {
            Reply::Simple(text) => Some(text.clone()),
            Reply::Bulk(Some(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
            _ => None,
        }
    }
}

fn element(asked: &Event) -> Result<String, Refusal> {
    let element = asked.element().or(asked.value.as_ref());
    element.map(json).ok_or_else(|| Refusal::certain("malformed"))
}

async fn command(stream: &mut Stream, words: &[&str]) -> Result<Reply, Refusal> {
    stream.send(&written(words)).await?;
    reply(stream).await
}

/// Asks for a read and for the server's role in one transaction. A replica does not lead.
async fn as_primary(stream: &mut Stream, words: &[&str]) -> Result<Reply, Refusal> {
    let all: [&[&str]; 4] = [&["MULTI"], &["ROLE"], words, &["EXEC"]];
    stream.send(&all.map(written).concat()).await?;
    // Each is answered, whatever became of the one before.
    let mut refused = None;
    for _ in 1..all.len() {
        let queued = reply(stream).await?;
        if let Reply::Error(error) = queued {
            refused.get_or_insert(error);
        }
    }
    let done = reply(stream).await?;
    if let Some(error) = refused {
        return Ok(Reply::Error(error));
    }
    let Reply::List(both) = &done else { return Err(strange("EXEC", &done)) };
    match &both[..] {
        [Reply::List(role), read] => match role.first().and_then(Reply::text).as_deref() {
            Some("master") => Ok(read.clone()),
            Some("slave") => Err(Refusal::certain("not-leader")),
            _ => Err(strange("ROLE", &both[0])),
        },
        _ => Err(strange("EXEC", &done)),
    }
}

fn written(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

async fn reply(stream: &mut Stream) -> Result<Reply, Refusal> {
    match part(stream).await? {
        Part::Whole(reply) => Ok(reply),
        Part::List(count) => {
            let mut list = Vec::new();
            for _ in 0..count {
                // Lists of lists are at most two deep in what is asked here.
                list.push(Box::pin(reply(stream)).await?);
            }
            Ok(Reply::List(list))
        }
    }
}

enum Part {
    Whole(Reply),
    List(usize),
}

async fn part(stream: &mut Stream) -> Result<Part, Refusal> {
    let line = stream.line().await?;
    let wrong = || Refusal::malformed(&format!("no reply of RESP: {line}"));
    let (kind, rest) = line.split_at_checked(1).ok_or_else(wrong)?;
    let number = || rest.parse::<i64>().map_err(|_| wrong());
    Ok(Part::Whole(match kind {
        "+" => Reply::Simple(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Number(number()?),
        "$" | "*" => match usize::try_from(number()?) {
            Err(_) => Reply::Bulk(None),
            Ok(length) if length > ANSWER_BYTES_MAX => return Err(wrong()),
            Ok(count) if kind == "*" => return Ok(Part::List(count)),
            Ok(length) => {
                let mut bulk = stream.take(length + 2).await?;
                bulk.truncate(length);
                Reply::Bulk(Some(bulk))
            }
        },
        _ => return Err(wrong()),
    }))
}

/// What a reply means for what was asked.
fn answer(model: &str, asked: &Event, reply: Reply) -> Result<Answered, Refusal> {
    let done = || Ok(Answered::new());
    let number = |field, number: i64| Ok(vec![(field, Value::Int(number))]);
    let one = |held: Value| Ok(vec![(Field::Value, held)]);
    let no = |word: &'static str| Err(Refusal::certain(word));
    match (model, &*asked.f, reply) {
        (_, _, Reply::Error(error)) => Err(refusal(&error)),
        ("register", "write", Reply::Simple(_)) | ("kv", "put", Reply::Simple(_)) => done(),
        ("mutex", "acquire", Reply::Simple(_)) => done(),
        ("mutex", "acquire", Reply::Bulk(None)) => no("held"),
        ("counter", "read", Reply::Bulk(None)) => one(Value::Int(0)),
        ("queue", "dequeue", Reply::Bulk(None)) => no("empty"),
        (_, "read" | "get", Reply::Bulk(None)) => one(Value::Null),
        (_, "read" | "get" | "dequeue", Reply::Bulk(Some(bytes))) => one(stored(&bytes)?),
        ("set", "read", Reply::List(members)) => one(Value::List(values(&members)?.into())),
        ("set", "contains", Reply::Number(is)) => one(Value::Bool(is == 1)),
        ("counter", "add", Reply::Number(_)) | ("queue", "enqueue", Reply::Number(_)) => done(),
        ("log", "append", Reply::Number(length)) => number(Field::Offset, length - 1),
        ("log", "tail", Reply::Number(length)) => number(Field::Tail, length),
        ("log", "append-if", Reply::Number(-1)) => {
            number(Field::Offset, asked.expect().unwrap_or(0).cast_signed())
        }
        ("log", "append-if", Reply::Number(length)) => {
            let answered = vec![(Field::Tail, Value::Int(length))];
            Err(Refusal { answered, ..Refusal::certain("conflict") })
        }
        ("log", "read", Reply::List(both)) => match &both[..] {
            [Reply::List(entries), Reply::Number(length)] => Ok(vec![
                (Field::Value, Value::List(values(entries)?.into())),
                (Field::Tail, Value::Int(*length)),
            ]),
            _ => Err(strange("read", &Reply::List(both))),
        },
        (_, f, Reply::Number(1)) if yes_or_no(model, f).is_some() => done(),
        (_, f, Reply::Number(0)) => match yes_or_no(model, f) {
            Some(word) => no(word),
            None => Err(strange(f, &Reply::Number(0))),
        },
        (_, f, reply) => Err(strange(f, &reply)),
    }
}

/// What 0 means where 1 means that it was done.
fn yes_or_no(model: &str, f: &str) -> Option<&'static str> {
    match (model, f) {
        (_, "cas") => Some("conflict"),
        ("kv", "delete") | ("set", "remove") => Some("absent"),
        ("kv", "append") => Some("refused"),
        ("set", "add") => Some("present"),
        ("mutex", "release") => Some("not-held"),
        _ => None,
    }
}

fn values(replies: &[Reply]) -> Result<Vec<Value>, Refusal> {
    let one = |reply: &Reply| match reply {
        Reply::Bulk(Some(bytes)) => stored(bytes),
        other => Err(strange("read", other)),
    };
    replies.iter().map(one).collect()
}

fn strange(f: &str, reply: &Reply) -> Refusal {
    Refusal::malformed(&format!("{reply:?} to {f}"))
}

/// Errors begin with a word in capitals. Those by which Redis turns a command away before it runs
/// it (redis.conf, and `processCommand` in its source) are a definite no.
fn refusal(error: &str) -> Refusal {
    let word = error.split(' ').next().unwrap_or_default();
    let definite = match word {
        "READONLY" | "MOVED" | "ASK" => "not-leader",
        "LOADING" | "MASTERDOWN" | "NOREPLICAS" | "CLUSTERDOWN" | "TRYAGAIN" | "MISCONF"
        | "OOM" | "BUSY" | "NOAUTH" | "WRONGPASS" | "NOPERM" | "WRONGTYPE" | "DENIED" => "refused",
        _ => return Refusal::unknown(format!("{SERVER_ERROR}: {error}")),
    };
    Refusal { detail: Some(error.into()), ..Refusal::certain(definite) }
}

/// `role:master`, or `role:slave` with `master_host`.
fn replication(info: &str, node: NodeId, dial: &dyn Dial) -> NodeStatus {
    let field = |name: &str| {
        let mut values = info.lines().filter_map(|line| line.split_once(':'));
        values.find(|(known, _)| *known == name).map(|(_, value)| value.trim())
    };
    let leads = field("role") == Some("master");
    let master = || dial.node_at(field("master_host")?.parse().ok()?);
    let role = if leads { "leader" } else { "follower" };
    let leader = if leads { Some(node) } else { master() };
    NodeStatus { role: role.into(), epoch: 0, leader, delivered: None }
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    /// A command, or several at once.
    fn whole(bytes: &[u8]) -> Option<usize> {
        let text = std::str::from_utf8(bytes).ok()?;
        let words: usize = text.strip_prefix('*')?.split("\r\n").next()?.parse().ok()?;
        (text.matches("\r\n").count() == 1 + 2 * words).then_some(bytes.len())
    }

    fn fake(model: &'static str) -> Fake {
        Fake { client: "redis", model, options: &[], greeting: b"", whole }
    }

    fn check(model: &'static str, question: &str, reply: &str, expected: &str) {
        let (said, _) = fake(model).ask(question, &[reply.as_bytes()]);
        assert_eq!(said, expected, "{model}: {question}: {reply}");
    }

    #[test]
    fn right_answers_are_read() {
        check("register", "write value=3", "+OK\r\n", "ok");
        check("register", "read", "$1\r\n3\r\n", "ok value:3");
        check("register", "read", "$-1\r\n", "ok value:null");
        check("register", "cas value=[1,2]", ":1\r\n", "ok");
        check("register", "cas value=[1,2]", ":0\r\n", "fail conflict");
        check("kv", "delete", ":0\r\n", "fail absent");
        check("kv", r#"append value="x""#, ":0\r\n", "fail refused");
        check("set", "add element=4", ":1\r\n", "ok");
        check("set", "add element=4", ":0\r\n", "fail present");
        check("set", "remove element=4", ":0\r\n", "fail absent");
        check("set", "contains element=4", ":1\r\n", "ok value:true");
        check("set", "read", "*2\r\n$1\r\n4\r\n$3\r\n\"x\"\r\n", "ok value:[4,x]");
        check("set", "read", "*0\r\n", "ok value:[]");
        check("counter", "add value=2", ":9\r\n", "ok");
        check("counter", "read", "$-1\r\n", "ok value:0");
        check("counter", "read", "$1\r\n9\r\n", "ok value:9");
        check("queue", "enqueue value=2", ":1\r\n", "ok");
        check("queue", "dequeue", "$1\r\n2\r\n", "ok value:2");
        check("queue", "dequeue", "$-1\r\n", "fail empty");
        check("log", "append value=2", ":5\r\n", "ok offset:4");
        check("log", "append-if value=2 expect=4", ":-1\r\n", "ok offset:4");
        check("log", "append-if value=2 expect=4", ":6\r\n", "fail conflict tail:6");
        check("log", "tail", ":6\r\n", "ok tail:6");
        let both = "*2\r\n*2\r\n$1\r\n7\r\n$1\r\n8\r\n:6\r\n";
        check("log", "read from=4 limit=10", both, "ok value:[7,8] tail:6");
        check("mutex", "acquire", "+OK\r\n", "ok");
        check("mutex", "acquire", "$-1\r\n", "fail held");
    }

    #[test]
    fn commands_are_asked_as_redis_reads_them() {
        let (_, asked) = fake("register").ask("write value=\"a\"", &[b"+OK\r\n"]);
        assert_eq!(asked, ["*3\r\n$3\r\nSET\r\n$8\r\nregister\r\n$3\r\n\"a\"\r\n"]);
        let (_, asked) = fake("log").ask("read from=4 limit=3", &[b"*0\r\n"]);
        assert!(asked[0].ends_with("$3\r\nlog\r\n$1\r\n4\r\n$1\r\n6\r\n"), "{asked:?}");
        let (said, asked) =
            fake("mutex").ask_all(&["acquire", "release"], &[b"+OK\r\n", b":1\r\n"]);
        assert_eq!(said, ["ok", "ok"]);
        let token = asked[0].split("\r\n").nth(6).unwrap();
        assert!(token.contains('-') && asked[1].contains(token), "{asked:?}");
    }

    /// Redis 7.0, and Redis 6 within a script.
    #[test]
    fn every_error_is_classified() {
        let write = |error: &str| fake("register").ask("write value=3", &[error.as_bytes()]).0;
        let check = |error: &str, expected: &str| {
            assert_eq!(write(&format!("-{error}\r\n")), format!("{expected}"), "{error}");
        };
        let readonly = "READONLY You can't write against a read only replica.";
        check(readonly, &format!("fail not-leader ({readonly})"));
        for refused in [
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "NOREPLICAS Not enough good replicas to write.",
            "CLUSTERDOWN The cluster is down",
            "MISCONF Redis is configured to save RDB snapshots",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "BUSY Redis is busy running a script.",
            "NOAUTH Authentication required.",
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ] {
            check(refused, &format!("fail refused ({refused})"));
        }
        for unknown in [
            "ERR unknown command",
            "UNBLOCKED force unblock from blocking operation",
            "EXECABORT Transaction discarded",
            "ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write",
        ] {
            check(unknown, &format!("info server-error: {unknown}"));
        }
    }

    #[test]
    fn what_is_no_reply_is_none() {
        check("register", "read", ":3\r\n", "info malformed-answer: Number(3) to read");
        check("register", "write value=3", ":3\r\n", "info malformed-answer: Number(3) to write");
        check("register", "read", "HTTP/1.1 400\r\n", NO_RESP);
        check("register", "read", "$x\r\n", "info malformed-answer: no reply of RESP: $x");
        let alien = "info malformed-answer: a value that no client stored: {oops";
        check("register", "read", "$5\r\n{oops\r\n", alien);
        fake("register").is_cut_short("write value=3", &[b"+OK\r\n"]);
        fake("register").is_cut_short("read", &[b"$1\r\n3\r\n"]);
        fake("set").is_cut_short("read", &[b"*2\r\n$1\r\n4\r\n$3\r\n\"x\"\r\n"]);
    }

    const NO_RESP: &str = "info malformed-answer: no reply of RESP: HTTP/1.1 400";

    #[test]
    fn a_replica_that_is_asked_for_a_read_does_not_lead() {
        let asked = |question: &str, reply: &str| {
            let options = &[("primary-reads", "true")];
            let whole = |bytes: &[u8]| bytes.ends_with(b"EXEC\r\n").then_some(bytes.len());
            Fake { client: "redis", model: "register", options, greeting: b"", whole }
                .ask(question, &[reply.as_bytes()])
                .0
        };
        let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n";
        let replica = "*3\r\n$9\r\n127.0.0.2\r\n$4\r\n6379\r\n$2\r\n14\r\n";
        let master = format!("*3\r\n$6\r\nmaster\r\n:14\r\n*1\r\n{replica}");
        let slave = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:14\r\n";
        let check = |reply: &str, expected: &str| assert_eq!(asked("read", reply), expected);
        check(&format!("{queued}*2\r\n{master}$1\r\n3\r\n"), "ok value:3");
        check(&format!("{queued}*2\r\n{slave}$1\r\n3\r\n"), "fail not-leader");
        check(
            &format!("{queued}*2\r\n*0\r\n$1\r\n3\r\n"),
            "info malformed-answer: List([]) to ROLE",
        );
        check(&format!("{queued}*-1\r\n"), "info malformed-answer: Bulk(None) to EXEC");
        let loading = "LOADING Redis is loading the dataset in memory";
        let refused =
            format!("-{loading}\r\n-{loading}\r\n-{loading}\r\n-ERR EXEC without MULTI\r\n");
        check(&refused, &format!("fail refused ({loading})"));
        check(&format!("{queued}*2\r\n{master}"), "info connection-lost");
    }

    #[test]
    fn a_replica_names_its_primary() {
        let says = |info: &str| {
            let bulk = format!("${}\r\n{info}\r\n", info.len());
            let said = fake("register").status(&[bulk.as_bytes()]).unwrap();
            (said.role, said.leader)
        };
        let primary = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n";
        assert_eq!(says(primary), ("leader".into(), Some(NodeId(1))));
        let replica = "role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:6379\r\n";
        assert_eq!(says(replica), ("follower".into(), Some(NodeId(1))));
        let other = "role:slave\r\nmaster_host:10.0.0.1\r\n";
        assert_eq!(says(other), ("follower".into(), None));
        assert!(fake("register").status(&[b"-LOADING wait\r\n"]).is_err());
    }
}
