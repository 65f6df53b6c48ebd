//! Requests, replies and what nodes do, in words short enough for a column.
//! It never names a protocol: the words are those all of them share.

use schism_protocol::{Answer, Doubt, Refusal, Reply, Request, Role, TraceEvent};

use super::{What, show_epoch};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn request(request: &Request) -> String {
    match request {
        Request::Open => "open".into(),
        Request::Append { value, .. } => format!("append {}", text(value)),
        Request::Read { .. } => "read".into(),
        Request::Tail { .. } => "tail".into(),
        Request::Propose { key, value } => format!("propose {} = {}", text(key), text(value)),
        Request::Promote => "promote (operator)".into(),
    }
}

pub fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Ok(Answer::Appended { offset, .. }) => format!("ok, offset {}", offset.0),
        Reply::Ok(Answer::Decided(value)) => format!("decided: {}", text(value)),
        Reply::Ok(Answer::Promoted(epoch)) => format!("leads epoch {}", epoch.0),
        Reply::Ok(_) => "ok".into(),
        Reply::Fail(Refusal::NotLeader(Some(leader))) => format!("no: ask {leader}"),
        Reply::Fail(Refusal::NotLeader(None)) => "no: no leader".into(),
        Reply::Fail(Refusal::Fenced(epoch)) => format!("no: fenced by {}", epoch.0),
        Reply::Fail(_) => "no".into(),
        Reply::Info(Doubt::LeadershipLost) => "perhaps: led no longer".into(),
        Reply::Info(_) => "perhaps".into(),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "LEADER",
        Role::Recovering => "recovering",
    }
}

/// None: not worth a line.
pub fn trace(event: &TraceEvent) -> Option<What> {
    Some(What::Does(match event {
        TraceEvent::Promise { epoch, to } => {
            format!("promises {} to {to}", show_epoch(epoch.0))
        }
        TraceEvent::Role { role, epoch, .. } => {
            return Some(What::Role(self::role(*role).into(), epoch.0));
        }
        TraceEvent::Append { i, .. } => format!("log[{}] written", i.0),
        TraceEvent::Truncate { from, .. } => format!("log[{}..] removed", from.0),
        TraceEvent::Commit { i, as_leader: true, .. } => format!("COMMITS up to {}", i.0),
        TraceEvent::Commit { i, .. } => format!("commits up to {}", i.0),
        TraceEvent::Apply { result: Some(offset), .. } => format!("delivers offset {}", offset.0),
        TraceEvent::Restore { i, .. } => format!("snapshot up to {}", i.0),
        TraceEvent::Recovered { .. } => "has recovered".into(),
        TraceEvent::Proposed { ballot, .. } => format!("proposes in {}", show_epoch(ballot.0)),
        TraceEvent::Accepted { ballot, .. } => format!("accepts in {}", show_epoch(ballot.0)),
        TraceEvent::Chosen { ballot, .. } => format!("CHOSEN in {}", show_epoch(ballot.0)),
        TraceEvent::Boot { .. }
        | TraceEvent::Persist { .. }
        | TraceEvent::AckSent { .. }
        | TraceEvent::Apply { .. }
        | TraceEvent::Snap { .. }
        | TraceEvent::Config { .. }
        | TraceEvent::Read { .. } => return None,
    }))
}
