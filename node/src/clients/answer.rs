//! What a client is told, as lines.

use schism_protocol::{Answer, Doubt, NodeId, Refusal, Reply, Status};

use serde::Serialize;

use super::ask::{LINE_BYTES_MAX, No};

/// Room kept in a line of entries for what follows them.
const TAIL_BYTES_MAX: usize = 64;

/// The answer to a request. `in_session`: an append that said client and seq is told whether an
/// earlier try had succeeded.
pub fn reply(out: &mut Vec<u8>, id: &[u8], reply: &Reply, in_session: bool) {
    let line = out.len();
    match reply {
        Reply::Ok(answer) => {
            begin(out, Some(id), "ok");
            ok(out, line, answer, in_session);
        }
        Reply::Fail(refusal) => {
            begin(out, Some(id), "fail");
            fail(out, refusal);
        }
        Reply::Info(doubt) => {
            begin(out, Some(id), "info");
            error(out, doubt_word(*doubt));
        }
    }
    out.extend_from_slice(b"}}\n");
}

pub fn no(out: &mut Vec<u8>, id: Option<&[u8]>, no: &No) {
    begin(out, id, "fail");
    error(out, no.error);
    out.extend_from_slice(b",\"detail\":");
    json(out, &no.detail);
    out.extend_from_slice(b"}}\n");
}

/// A request that was pending when the node was told to stop.
pub fn shutting_down(out: &mut Vec<u8>, id: &[u8]) {
    begin(out, Some(id), "info");
    error(out, "shutting-down");
    out.extend_from_slice(b"}}\n");
}

pub fn status(out: &mut Vec<u8>, id: &[u8], node: NodeId, incarnation: u64, status: &Status) {
    let Status { role, epoch, leader, delivered, chain, commit, last } = status;
    let leader = leader.map_or("null".to_owned(), |leader| format!("\"{leader}\""));
    begin(out, Some(id), "ok");
    out.extend_from_slice(b"\"role\":");
    json(out, role);
    out.extend_from_slice(
        format!(
            ",\"epoch\":{},\"leader\":{leader},\"delivered\":{},\
             \"chain\":\"{chain}\",\"commit\":{},\"last\":{},\"node\":\"{node}\",\
             \"boot\":{incarnation}}}}}\n",
            epoch.0, delivered.0, commit.0, last.0
        )
        .as_bytes(),
    );
}

/// As JSON: a number or a text.
pub fn json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(out, value).expect("plain data is JSON and a Vec takes all");
}

fn begin(out: &mut Vec<u8>, id: Option<&[u8]>, kind: &str) {
    out.push(b'{');
    if let Some(id) = id {
        out.extend_from_slice(b"\"id\":");
        out.extend_from_slice(id);
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\":{");
}

fn ok(out: &mut Vec<u8>, line: usize, answer: &Answer, in_session: bool) {
    match answer {
        Answer::Opened(client) => {
            out.extend_from_slice(b"\"client\":\"c");
            json(out, &client.0);
            out.push(b'"');
        }
        Answer::Appended { offset, duplicate } => {
            field(out, b"\"offset\":", offset.0);
            if in_session {
                out.extend_from_slice(b",\"duplicate\":");
                out.extend_from_slice(if *duplicate { b"true" } else { b"false" });
            }
        }
        Answer::Read { values, tail } => {
            out.extend_from_slice(b"\"value\":[");
            for (position, value) in values.iter().enumerate() {
                if out.len() - line + value.len() + TAIL_BYTES_MAX > LINE_BYTES_MAX {
                    break; // Fewer entries than asked, and the tail says so.
                }
                if position > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(value);
            }
            field(out, b"],\"tail\":", tail.0);
        }
        Answer::Tail(tail) => field(out, b"\"tail\":", tail.0),
        Answer::Decided(value) => {
            out.extend_from_slice(b"\"value\":");
            out.extend_from_slice(value);
        }
        Answer::Promoted(epoch) => field(out, b"\"epoch\":", epoch.0),
    }
}

fn fail(out: &mut Vec<u8>, refusal: &Refusal) {
    match refusal {
        Refusal::NotLeader(leader) => {
            error(out, "not-leader");
            out.extend_from_slice(b",\"leader\":");
            match leader {
                Some(leader) => out.extend_from_slice(format!("\"{leader}\"").as_bytes()),
                None => out.extend_from_slice(b"null"),
            }
        }
        Refusal::Overloaded => error(out, "overloaded"),
        Refusal::Conflict(tail) => {
            error(out, "conflict");
            field(out, b",\"tail\":", tail.0);
        }
        Refusal::SessionExpired => error(out, "session-expired"),
        Refusal::Fenced(epoch) => {
            error(out, "fenced");
            field(out, b",\"epoch\":", epoch.0);
        }
        Refusal::Refused(detail) => {
            error(out, "refused");
            out.extend_from_slice(b",\"detail\":");
            json(out, detail);
        }
    }
}

fn error(out: &mut Vec<u8>, word: &str) {
    out.extend_from_slice(b"\"error\":\"");
    out.extend_from_slice(word.as_bytes());
    out.push(b'"');
}

fn field(out: &mut Vec<u8>, name: &[u8], value: u64) {
    out.extend_from_slice(name);
    json(out, &value);
}

fn doubt_word(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::LeadershipLost => "leadership-lost",
        Doubt::TooOld => "too-old",
        Doubt::SessionExpired => "session-expired",
    }
}
