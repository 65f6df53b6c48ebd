//! The script: what a lecturer would show. A leader is found, a client's message is ordered, the
//! leader crashes, another one goes on, the crashed node comes back.
//! It never looks into a protocol: what it may ask and expect is in the protocol's row.

use bytes::Bytes;
use schism_protocol::{Progress, Reply, Request, Ticket};

use super::stage::{MS, Stage};

/// Longer than any election or promotion takes here.
const PATIENCE_MS: u64 = 5_000;
/// At the default timeouts a second try at an election is over by then.
const ELECTION_MS_MAX: u64 = 1_500;
/// A heartbeat and a link: after it everyone knows what is committed.
const BREATH_MS: u64 = 70;

/// Performs it. An error says what did not happen in time.
pub fn perform(stage: &mut Stage) -> Result<(), String> {
    stage.chapter("The nodes start");
    for node in 0..stage.nodes() {
        stage.boot(node);
        stage.run_until(1, |_| false);
    }
    if stage.row.facts.serves("log") { one_log(stage) } else { one_value(stage) }
}

fn one_log(stage: &mut Stage) -> Result<(), String> {
    who_orders(stage, None);
    stage.run_until(BREATH_MS, |_| false);

    stage.chapter("A client appends \"a\"");
    let leader = append(stage, None, "\"a\"")?;
    everyone_delivers(stage, 1)?;

    let leads = if stage.row.facts.leaderless { "node that ordered it" } else { "leader" };
    stage.chapter(&format!("The {leads} crashes"));
    stage.crash(leader);
    let other = (leader + 1) % stage.nodes();
    let refused = stage.ask(other, append_of("\"b\""));
    stage.run_until(30, |stage| stage.replies.contains_key(&refused));
    match stage.row.facts.progress {
        Progress::FirstNode => {
            stage.run_until(300, |_| false);
            stage.chapter("Nobody else may order: the node comes back");
            stage.boot(leader);
        }
        Progress::Promoted { .. } => {
            stage.run_until(200, |_| false);
            stage.chapter("The operator promotes another node");
            stage.ask(other, Request::Promote);
        }
        Progress::Majority | Progress::MajorityInMemory | Progress::Any => {}
    }
    let crashed = (!matches!(stage.row.facts.progress, Progress::FirstNode)).then_some(leader);
    who_orders(stage, crashed);
    stage.run_until(BREATH_MS, |_| false);

    stage.chapter("A client appends \"b\"");
    append(stage, crashed, "\"b\"")?;
    if crashed.is_some() {
        stage.run_until(BREATH_MS, |_| false);
        stage.chapter("The crashed node comes back");
        stage.boot(leader);
    }
    everyone_delivers(stage, 2)
}

fn one_value(stage: &mut Stage) -> Result<(), String> {
    // Where a leader orders the proposals, one has to be there first.
    stage
        .run_until(ELECTION_MS_MAX, |stage| stage.row.facts.leaderless || stage.leader().is_some());
    stage.chapter("Two clients propose different values for one key");
    let first = stage.ask(0, propose("1"));
    stage.run_until(2, |_| false);
    let second = stage.ask(1, propose("2"));
    decided(stage, first, 0, "1")?;
    decided(stage, second, 1, "2")?;
    stage.run_until(BREATH_MS, |_| false);
    stage.chapter("A node crashes; another one is asked again");
    stage.crash(0);
    stage.run_until(BREATH_MS, |_| false);
    let again = stage.ask(2, propose("3"));
    decided(stage, again, 2, "3")?;
    stage.run_until(BREATH_MS, |_| false);
    stage.chapter("The crashed node comes back and is asked");
    stage.boot(0);
    stage.run_until(BREATH_MS, |_| false);
    let last = stage.ask(0, propose("4"));
    decided(stage, last, 0, "4")
}

/// The answer to a proposal; asked again, of whoever leads by then, where the first try was refused
/// or is unknown.
fn decided(
    stage: &mut Stage,
    ticket: Ticket,
    node: usize,
    value: &'static str,
) -> Result<(), String> {
    let mut ticket = ticket;
    for _ in 0..20 {
        stage.run_until(PATIENCE_MS, |stage| stage.replies.contains_key(&ticket));
        if let Some(Reply::Ok(_)) = stage.replies.get(&ticket) {
            return Ok(());
        }
        stage.run_until(BREATH_MS, |_| false);
        let node = if stage.row.facts.leaderless { node } else { who_orders(stage, None) };
        ticket = stage.ask(node, propose(value));
    }
    Err(format!("{} decided nothing in time", stage.row.facts.name))
}

/// Whoever leads, or, where nobody ever does, any node: there each can order by itself.
fn who_orders(stage: &mut Stage, other_than: Option<usize>) -> usize {
    let found = |stage: &Stage| stage.leader().filter(|leader| Some(*leader) != other_than);
    if !stage.row.facts.leaderless {
        stage.run_until(ELECTION_MS_MAX, |stage| found(stage).is_some());
    }
    let any = (0..stage.nodes()).find(|node| Some(*node) != other_than);
    found(stage).or(any).expect("there are three nodes at least")
}

/// Appends at whoever orders, and says who it was; asks again, of whoever does so by then, where it
/// was refused or nobody knows.
fn append(
    stage: &mut Stage,
    other_than: Option<usize>,
    value: &'static str,
) -> Result<usize, String> {
    for _ in 0..20 {
        let leader = who_orders(stage, other_than);
        let ticket = stage.ask(leader, append_of(value));
        stage.run_until(PATIENCE_MS, |stage| stage.replies.contains_key(&ticket));
        if matches!(stage.replies.get(&ticket), Some(Reply::Ok(_))) {
            return Ok(leader);
        }
        stage.run_until(BREATH_MS, |_| false);
    }
    Err(format!("{} acknowledged nothing in time", stage.row.facts.name))
}

fn everyone_delivers(stage: &mut Stage, length: u64) -> Result<(), String> {
    let all = |stage: &Stage| {
        let nodes = 0..stage.nodes();
        let mut up = nodes.filter_map(|node| stage.status(node));
        up.all(|status| status.delivered.0 >= length)
    };
    let done = stage.run_until(PATIENCE_MS, all);
    stage.run_until(BREATH_MS, |_| false);
    debug_assert!(stage.now >= MS, "time goes on");
    done.then_some(()).ok_or_else(|| format!("{}: not everyone delivers", stage.row.facts.name))
}

fn append_of(value: &'static str) -> Request {
    let value = Bytes::from_static(value.as_bytes());
    Request::Append { value, session: None, expect: None }
}

fn propose(value: &'static str) -> Request {
    let key = Bytes::from_static(b"\"k\"");
    Request::Propose { key, value: Bytes::from_static(value.as_bytes()) }
}
