//! ZooKeeper over its own protocol (jute): registers and kv in the data of a node of the tree, a
//! lock in an ephemeral one (docs/reference/clients.md). Every operation is one request that can
//! have an effect; a read is a `sync` and a `getData`, sent together.

use std::rc::Rc;

use schism_facts::{ClientRow, OptionRow};
use schism_verify::history::{Event, Field, Level, Value};

use super::tcp::{Speaker, Speech, Stream, json, key, not_spoken, pair, stored, value};
use super::{Answered, ClientProtocol, Dial, NodeStatus, Refusal, SERVER_ERROR};
use crate::action::NodeId;

pub const CLIENT: ClientProtocol = ClientProtocol {
    facts: ClientRow {
        name: "zookeeper",
        about: "ZooKeeper: the data of a node of its tree, or an ephemeral one as a lock",
        models: &["register", "kv", "mutex"],
        options: &[
            OptionRow {
                name: "sync",
                about: "a read comes after a sync; false: as old as the server that is asked",
                default: "true",
            },
            OptionRow {
                name: "session",
                about: "seconds of silence after which a session, and its lock, is gone",
                default: "10",
            },
        ],
    },
    make: |making| {
        let seconds = making.options.get("session").and_then(|text| text.parse().ok());
        let zookeeper = ZooKeeper {
            dial: Rc::clone(&making.dial),
            syncs: making.options.get("sync").is_none_or(|sync| sync != "false"),
            session_ms: seconds.unwrap_or(10_i32).saturating_mul(1_000),
            session: 0,
            locked_in: None,
            xid: 0,
        };
        Box::new(Speaker::new(making.model, making.dial, zookeeper))
    },
};

/// Requests (`ZooDefs.OpCode`).
const CREATE: i32 = 1;
const DELETE: i32 = 2;
const GET_DATA: i32 = 4;
const SET_DATA: i32 = 5;
const SYNC: i32 = 9;

/// Answers (`KeeperException.Code`).
const NO_NODE: i32 = -101;
const BAD_VERSION: i32 = -103;
const NODE_EXISTS: i32 = -110;

const ANY_VERSION: i32 = -1;

struct ZooKeeper {
    dial: Rc<dyn Dial>,
    syncs: bool,
    session_ms: i32,
    session: i64,
    /// The session in which this client took the lock.
    locked_in: Option<i64>,
    xid: i32,
}

/// An answer: its error, and what follows the header.
struct Reply(i32, Vec<u8>);

impl Speech for ZooKeeper {
    const NAME: &'static str = "zookeeper";

    /// Opens a session. A server that has no quorum ends the connection instead.
    async fn greet(&mut self, stream: &mut Stream, _: NodeId) -> Result<(), Refusal> {
        let mut ask = [0_i32.to_be_bytes(), [0; 4], [0; 4]].concat();
        ask.extend(self.session_ms.to_be_bytes());
        ask.extend(0_i64.to_be_bytes());
        ask.extend(buffer(&[0; 16]));
        ask.push(0);
        stream.send(&buffer(&ask)).await?;
        let said = frame(stream).await?;
        // Version and time-out stand before it.
        let session = said.get(8..16).and_then(|bytes| bytes.try_into().ok());
        let wrong = || Refusal::malformed(&format!("no session of ZooKeeper: {said:?}"));
        self.session = i64::from_be_bytes(session.ok_or_else(wrong)?);
        if self.session == 0 { Err(wrong()) } else { Ok(()) }
    }

    async fn ask(
        &mut self,
        stream: &mut Stream,
        asked: &Event,
        local: bool,
    ) -> Result<Answered, Refusal> {
        let path = format!("/schism-{}", escaped(&key(asked)));
        let done = Ok(Answered::new());
        match &*asked.f {
            "read" | "get" => {
                let weak = local || asked.level() == Some(Level::Local);
                let held = self.held(stream, &path, !weak && self.syncs).await?;
                Ok(vec![(Field::Value, held.map_or(Value::Null, |(value, _)| value))])
            }
            "write" | "put" => {
                let data = json(value(asked)?);
                let set = set_data(&path, &data, ANY_VERSION);
                match self.call(stream, SET_DATA, &set).await?.0 {
                    0 => done,
                    // It did nothing, as nothing was there.
                    NO_NODE => self.create(stream, &path, &data, false, "conflict").await,
                    code => Err(error(code)),
                }
            }
            "cas" => {
                let (from, to) = pair(asked)?;
                if *from == Value::Null {
                    return self.create(stream, &path, &json(to), false, "conflict").await;
                }
                let looked = self.held(stream, &path, self.syncs).await;
                // Nothing was changed by looking.
                let looked = looked.map_err(|refusal| Refusal { certain: true, ..refusal })?;
                let Some((_, version)) = looked.filter(|(held, _)| held == from) else {
                    return Err(Refusal::certain("conflict"));
                };
                let set = set_data(&path, &json(to), version);
                match self.call(stream, SET_DATA, &set).await?.0 {
                    0 => done,
                    BAD_VERSION | NO_NODE => Err(Refusal::certain("conflict")),
                    code => Err(error(code)),
                }
            }
            "delete" => self.delete(stream, &path, "absent").await,
            "acquire" => {
                self.locked_in = Some(self.session);
                self.create(stream, &path, "", true, "held").await
            }
            // A lock of an earlier session goes with that.
            "release" if self.locked_in == Some(self.session) => {
                self.delete(stream, &path, "not-held").await
            }
            "release" => Err(Refusal::certain("not-held")),
            f => Err(not_spoken(Self::NAME, &format!("`{f}`"))),
        }
    }

    /// The four letters `srvr`, on a connection of their own.
    async fn status(&mut self, _: &mut Stream, node: NodeId) -> Result<NodeStatus, Refusal> {
        let dialled = self.dial.dial(node).await.and_then(Stream::new);
        let mut stream = dialled.map_err(|error| Refusal::undialled(&error))?;
        stream.send(b"srvr").await?;
        while stream.receive_some().await? > 0 {}
        status(&String::from_utf8_lossy(&stream.received))
    }
}

impl ZooKeeper {
    /// What a node of the tree holds, and its version. None: there is none.
    async fn held(
        &mut self,
        stream: &mut Stream,
        path: &str,
        syncs: bool,
    ) -> Result<Option<(Value, i32)>, Refusal> {
        let mut requests = Vec::new();
        if syncs {
            requests.extend(self.written(SYNC, &buffer(path.as_bytes())));
        }
        let get = [buffer(path.as_bytes()), vec![0]].concat();
        requests.extend(self.written(GET_DATA, &get));
        stream.send(&requests).await?;
        if syncs {
            let Reply(code, _) = reply(stream, self.xid - 1).await?;
            // To sync is no read: what is not there cannot be synced by some versions.
            if code != 0 && code != NO_NODE {
                return Err(error(code));
            }
        }
        match reply(stream, self.xid).await? {
            Reply(0, body) => data(&body).map(Some),
            Reply(NO_NODE, _) => Ok(None),
            Reply(code, _) => Err(error(code)),
        }
    }

    async fn create(
        &mut self,
        stream: &mut Stream,
        path: &str,
        data: &str,
        is_ephemeral: bool,
        no: &'static str,
    ) -> Result<Answered, Refusal> {
        let mut body = [buffer(path.as_bytes()), buffer(data.as_bytes())].concat();
        // One entry of the access list: everybody may do everything.
        body.extend(1_i32.to_be_bytes());
        body.extend(31_i32.to_be_bytes());
        body.extend([buffer(b"world"), buffer(b"anyone")].concat());
        body.extend(i32::from(is_ephemeral).to_be_bytes());
        match self.call(stream, CREATE, &body).await?.0 {
            0 => Ok(Answered::new()),
            NODE_EXISTS => Err(Refusal::certain(no)),
            code => Err(error(code)),
        }
    }

    async fn delete(
        &mut self,
        stream: &mut Stream,
        path: &str,
        no: &'static str,
    ) -> Result<Answered, Refusal> {
        let body = [buffer(path.as_bytes()), ANY_VERSION.to_be_bytes().to_vec()].concat();
        match self.call(stream, DELETE, &body).await?.0 {
            0 => Ok(Answered::new()),
            NO_NODE => Err(Refusal::certain(no)),
            code => Err(error(code)),
        }
    }

    async fn call(&mut self, stream: &mut Stream, op: i32, body: &[u8]) -> Result<Reply, Refusal> {
        let written = self.written(op, body);
        stream.send(&written).await?;
        reply(stream, self.xid).await
    }

    fn written(&mut self, op: i32, body: &[u8]) -> Vec<u8> {
        self.xid = self.xid.wrapping_add(1).max(1);
        buffer(&[&self.xid.to_be_bytes()[..], &op.to_be_bytes(), body].concat())
    }
}

/// With its length before it.
fn buffer(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

fn set_data(path: &str, data: &str, version: i32) -> Vec<u8> {
    [buffer(path.as_bytes()), buffer(data.as_bytes()), version.to_be_bytes().to_vec()].concat()
}

/// A name in a path has no slash.
fn escaped(key: &str) -> String {
    key.replace('%', "%25").replace('/', "%2f")
}

async fn frame(stream: &mut Stream) -> Result<Vec<u8>, Refusal> {
    let length = stream.take(4).await?;
    let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
    stream.take(length as usize).await
}

async fn reply(stream: &mut Stream, xid: i32) -> Result<Reply, Refusal> {
    let said = frame(stream).await?;
    let wrong = || Refusal::malformed(&format!("no answer of ZooKeeper: {said:?}"));
    let number = |at: usize| {
        let bytes = said.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(i32::from_be_bytes).ok_or_else(wrong)
    };
    // The number of the request, that of the last change (8 bytes), and the error.
    if number(0)? != xid {
        return Err(wrong());
    }
    Ok(Reply(number(12)?, said[16..].to_vec()))
}

/// The data, and the version in what follows (`Stat`): after four times and numbers of changes.
fn data(body: &[u8]) -> Result<(Value, i32), Refusal> {
    let wrong = || Refusal::malformed(&format!("no data of ZooKeeper: {body:?}"));
    let length = body.get(..4).and_then(|bytes| bytes.try_into().ok()).ok_or_else(wrong)?;
    // -1: none.
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
    let value = body.get(4..4 + length).ok_or_else(wrong)?;
    let at = 4 + length + 32;
    let version = body.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    let version = i32::from_be_bytes(version.ok_or_else(wrong)?);
    Ok((stored(value)?, version))
}

/// Codes by which a server turns a request away before it is proposed; all others are unanswered.
fn error(code: i32) -> Refusal {
    match code {
        // Unimplemented, BadArguments, NoAuth, AuthFailed, InvalidACL, SessionMoved
        -6 | -8 | -102 | -115 | -114 | -118 => {
            let detail = Some(format!("ZooKeeper's error {code}").into());
            Refusal { detail, ..Refusal::certain("refused") }
        }
        -112 => Refusal::certain("session-expired"),
        -119 => Refusal::certain("not-leader"),
        -127 => Refusal::certain("overloaded"),
        code => Refusal::unknown(format!("{SERVER_ERROR}: ZooKeeper's error {code}")),
    }
}

/// `Zxid: 0x300000002`, `Mode: follower`. The upper half of the number is the epoch.
fn status(said: &str) -> Result<NodeStatus, Refusal> {
    let field = |name: &str| {
        let mut lines = said.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value.trim())
    };
    let Some(mode) = field("Mode") else {
        return Err(Refusal::unknown(format!("{SERVER_ERROR}: {}", said.trim())));
    };
    let zxid = field("Zxid").and_then(|zxid| zxid.strip_prefix("0x"));
    let zxid = zxid.and_then(|zxid| u64::from_str_radix(zxid, 16).ok()).unwrap_or(0);
    let leads = ["leader", "standalone"].contains(&mode);
    let role = if leads { "leader" } else { mode };
    Ok(NodeStatus { role: role.into(), epoch: zxid >> 32, leader: None, delivered: None })
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    fn whole(bytes: &[u8]) -> Option<usize> {
        if bytes.starts_with(b"srvr") {
            return Some(4);
        }
        let length = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize + 4;
        (bytes.len() >= length).then_some(length)
    }

    fn fake(model: &'static str) -> Fake {
        let options = &[("sync", "false")];
        Fake { client: "zookeeper", model, options, greeting: b"", whole }
    }

    fn session() -> Vec<u8> {
        buffer(&[&[0; 8][..], &7_i64.to_be_bytes(), &buffer(&[0; 16]), &[0]].concat())
    }

    fn reply(xid: i32, code: i32, body: &[u8]) -> Vec<u8> {
        let head = [&xid.to_be_bytes()[..], &9_i64.to_be_bytes(), &code.to_be_bytes()].concat();
        buffer(&[&head, body].concat())
    }

    fn held(value: &str, version: i32) -> Vec<u8> {
        let stat = [&[0; 32][..], &version.to_be_bytes(), &[0; 32]].concat();
        [buffer(value.as_bytes()), stat].concat()
    }

    fn check(model: &'static str, question: &str, replies: &[(i32, Vec<u8>)], expected: &str) {
        let numbered = replies.iter().zip(1..).map(|((code, body), xid)| reply(xid, *code, body));
        let answers: Vec<Vec<u8>> = [session()].into_iter().chain(numbered).collect();
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        assert_eq!(fake(model).ask(question, &answers).0, expected, "{question}: {replies:?}");
    }

    #[test]
    fn right_answers_are_read() {
        let no = |code| (code, Vec::new());
        let done = || no(0);
        check("register", "write value=3", &[done()], "ok");
        check("register", "write value=3", &[no(NO_NODE), done()], "ok");
        check("register", "write value=3", &[no(NO_NODE), no(NODE_EXISTS)], "fail conflict");
        check("register", "read", &[(0, held("3", 1))], "ok value:3");
        check("register", "read", &[no(NO_NODE)], "ok value:null");
        check("register", "cas value=[1,2]", &[(0, held("1", 5)), done()], "ok");
        check("register", "cas value=[1,2]", &[(0, held("3", 5))], "fail conflict");
        check(
            "register",
            "cas value=[1,2]",
            &[(0, held("1", 5)), no(BAD_VERSION)],
            "fail conflict",
        );
        check("register", "cas value=[null,2]", &[no(NODE_EXISTS)], "fail conflict");
        check("kv", "delete", &[no(NO_NODE)], "fail absent");
        check("mutex", "acquire", &[done()], "ok");
        check("mutex", "acquire", &[no(NODE_EXISTS)], "fail held");
        check("mutex", "release", &[done()], "fail not-held");
        let (first, second) = (reply(1, 0, b""), reply(2, 0, b""));
        let all = [&session()[..], &first, &second];
        assert_eq!(fake("mutex").ask_all(&["acquire", "release"], &all).0, ["ok", "ok"]);
    }

    #[test]
    fn every_error_is_classified() {
        let check = |code: i32, expected: &str| {
            check("register", "write value=3", &[(code, Vec::new())], expected);
        };
        for code in [-6, -8, -102, -114, -115, -118] {
            check(code, &format!("fail refused (ZooKeeper's error {code})"));
        }
        check(-112, "fail session-expired");
        check(-119, "fail not-leader");
        check(-127, "fail overloaded");
        for code in [-1, -2, -3, -4, -5, -7, -9, -103, -110, -111, -999, 5] {
            check(code, &format!("info server-error: ZooKeeper's error {code}"));
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let said = |answers: &[&[u8]]| fake("register").ask("read", answers).0;
        let greeting = session();
        let word = |said: String| said.split(':').next().unwrap().to_owned();
        assert_eq!(word(said(&[&greeting, &reply(9, 0, b"")])), "info malformed-answer");
        assert_eq!(word(said(&[&greeting, &buffer(b"short")])), "info malformed-answer");
        assert_eq!(word(said(&[&greeting, &reply(1, 0, b"\0\0\0\x09x")])), "info malformed-answer");
        assert_eq!(word(said(&[&buffer(&[0; 37])])), "fail malformed-answer", "no session");
        assert_eq!(word(said(&[b""])), "fail connection-lost", "nobody was asked");
        fake("register").is_cut_short("write value=3", &[&greeting, &reply(1, 0, b"")]);
    }

    #[test]
    fn a_server_says_what_it_is() {
        let said = "Zookeeper version: 3.8.0\nZxid: 0x300000002\nMode: leader\nNode count: 5\n";
        let leader = status(said).unwrap();
        assert_eq!((&*leader.role, leader.epoch), ("leader", 3));
        assert_eq!(status(&said.replace("leader", "follower")).unwrap().role, "follower");
        assert_eq!(status(&said.replace("leader", "standalone")).unwrap().role, "leader");
        assert!(status("This ZooKeeper instance is not currently serving requests").is_err());
    }

    #[test]
    fn a_read_comes_after_a_sync() {
        let fake = Fake { options: &[], ..fake("register") };
        let both = [reply(1, 0, &buffer(b"/x")), reply(2, 0, &held("3", 1))];
        let (said, asked) = fake.ask("read", &[&session(), &both[0], &both[1]]);
        assert_eq!((&*said, asked.len()), ("ok value:3", 3));
    }
}
