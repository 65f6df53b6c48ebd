//! Clients: they append, with and without sessions, read, and believe nothing they cannot check
//! against the one delivered log.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use schism_protocol::{
    Answer, ClientId, Delivery, Level, NodeId, Offset, Refusal, Reply, Request, Session, Ticket,
};

use super::early::Early;
use super::{PATIENCE, SLOTS};
use crate::world::cluster::{Cluster, MS};
use crate::world::observer::Observer;

/// An answer of so many bytes may end early: it has to stay under 1 MiB.
const LARGE_BYTES: usize = 512 * 1024;

#[derive(Default)]
pub struct Clients {
    pub violation: Option<(&'static str, String)>,
    /// How many appends were acknowledged.
    pub served: usize,
    pub reads: u64,
    acked: BTreeMap<u64, Bytes>,
    /// Where a failover may lose what is acknowledged, that stands here and not in `acked`.
    early: Option<Early>,
    /// Nothing new is asked any more.
    pub silent: bool,
    each: Vec<Client>,
    tickets: u64,
    values: u64,
    failed: BTreeSet<Bytes>,
    seen: BTreeSet<Bytes>,
    delivered: u64,
    /// The least length that a linearizable read asked now may see.
    known_length: u64,
}

#[derive(Default)]
struct Client {
    home: usize,
    target: usize,
    sessions: bool,
    session: Option<ClientId>,
    seq: u64,
    under_way: Option<Call>,
}

struct Call {
    ticket: Ticket,
    what: What,
    node: usize,
    asked_at: u64,
    length_then: u64,
    /// An earlier try has no answer.
    doubt: bool,
    waits: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum What {
    Open,
    Append { value: Bytes, session: Option<Session>, expect: Option<Offset> },
    Read { from: u64 },
    Tail,
    LocalRead,
}

impl Clients {
    pub fn new(clients: usize, nodes: usize, early: bool) -> Self {
        let client = |c| Client {
            home: c % nodes,
            target: c % nodes,
            sessions: c % 2 == 1,
            ..Client::default()
        };
        let early = early.then(Early::default);
        Clients { early, each: (0..clients).map(client).collect(), ..Clients::default() }
    }

    fn fail(&mut self, name: &'static str, why: String) {
        self.violation.get_or_insert((name, why));
    }

    /// Every delivery of every node, already checked to be one sequence.
    pub fn delivered(&mut self, delivery: &Delivery) {
        if delivery.offset.0 < self.delivered {
            return;
        }
        self.delivered = delivery.offset.0 + 1;
        let value = &delivery.value;
        if !self.seen.insert(value.clone()) {
            self.fail("duplicate", format!("{value:?} again at {:?}", delivery.offset));
        }
        if self.failed.contains(value) {
            self.fail("failed-yet-visible", format!("{value:?} at {:?}", delivery.offset));
        }
        if self.acked.get(&delivery.offset.0).is_some_and(|acked| acked != value) {
            self.fail("lost-append", format!("{:?} holds {value:?}", delivery.offset));
        }
    }

    /// After the heal: what was acknowledged is there, or may be gone. How many are gone.
    pub fn all_acked_are_in(&self, observer: &Observer) -> Result<usize, (&'static str, String)> {
        for (offset, value) in &self.acked {
            if observer.canonical.get(*offset as usize) != Some(value) {
                let why = format!("{value:?} was acknowledged at {offset} and is lost");
                return Err(("lost-append", why));
            }
        }
        self.early.as_ref().map_or(Ok(0), |early| early.gone(observer))
    }

    /// A client's turn: ask something new, give up, or try again.
    pub fn act(cluster: &mut Cluster, c: usize) {
        let now = cluster.now;
        let client = &mut cluster.clients.log.each[c];
        match &mut client.under_way {
            Some(call) if call.waits && now < call.asked_at + PATIENCE => {}
            Some(call) if matches!(&call.what, What::Append { session: Some(_), .. }) => {
                call.doubt |= call.waits;
                Self::next_target(cluster, c, None);
                Self::ask(cluster, c);
            }
            _ => {
                if let Some(Call { what: What::Open | What::Append { .. }, .. }) = client.under_way
                {
                    Self::next_target(cluster, c, None);
                }
                cluster.clients.log.each[c].under_way = None;
                Self::begin(cluster, c);
            }
        }
    }

    fn begin(cluster: &mut Cluster, c: usize) {
        if cluster.clients.log.silent {
            return;
        }
        let dice = cluster.below(100);
        let length = cluster.clients.log.known_length;
        let from = length.saturating_sub(cluster.below(5));
        cluster.clients.log.values += 1;
        let (value, width) = (cluster.clients.log.values, cluster.profile.value_bytes);
        let value = Bytes::from(format!("{value:<width$}"));
        let client = &mut cluster.clients.log.each[c];
        let what = match dice {
            0..55 if client.sessions && client.session.is_none() => What::Open,
            0..55 => {
                let seq = client.seq + 1;
                let session = client.session.map(|client| Session { client, seq });
                let expect = (dice < 5).then_some(Offset(length));
                What::Append { value, session, expect }
            }
            55..85 => What::Read { from },
            85..95 => What::Tail,
            _ => What::LocalRead,
        };
        client.under_way = Some(Call {
            ticket: Ticket(0),
            what,
            node: 0,
            asked_at: 0,
            length_then: length,
            doubt: false,
            waits: false,
        });
        Self::ask(cluster, c);
    }

    fn ask(cluster: &mut Cluster, c: usize) {
        cluster.clients.log.tickets += 1;
        // The client's number is in the ticket, so that an answer finds its way back.
        let ticket = Ticket(cluster.clients.log.tickets * SLOTS + c as u64);
        let now = cluster.now;
        let client = &mut cluster.clients.log.each[c];
        let (target, home) = (client.target, client.home);
        let call = client.under_way.as_mut().expect("there is something to ask");
        let appends = matches!(call.what, What::Append { .. } | What::Open);
        let node = if appends { target } else { home };
        (call.ticket, call.asked_at, call.node, call.waits) = (ticket, now, node, true);
        let request = match call.what.clone() {
            What::Open => Request::Open,
            What::Append { value, session, expect } => Request::Append { value, session, expect },
            What::Read { from } => {
                Request::Read { from: Offset(from), limit: Some(100), level: Level::Linearizable }
            }
            What::Tail => Request::Tail { level: Level::Linearizable },
            What::LocalRead => Request::Read { from: Offset(0), limit: None, level: Level::Local },
        };
        if cluster.is_up(node) {
            cluster.wake_client(c, PATIENCE);
            cluster.request(node, ticket, request);
        } else {
            // Nobody listens: certainly not asked.
            let call = cluster.clients.log.each[c].under_way.as_mut();
            call.expect("it was just asked").waits = false;
            Self::next_target(cluster, c, None);
            Self::refused(cluster, c);
        }
    }

    pub fn answered(cluster: &mut Cluster, ticket: Ticket, reply: Reply) {
        let c = (ticket.0 % SLOTS) as usize;
        let client = &mut cluster.clients.log.each[c];
        let Some(call) = &mut client.under_way else { return };
        if call.ticket != ticket || !call.waits {
            return;
        }
        call.waits = false;
        match reply {
            Reply::Ok(answer) => {
                let call = client.under_way.take().expect("it was just seen");
                Self::succeeded(cluster, c, call, answer);
                let think = MS / 2 + cluster.below(cluster.profile.think_ms * MS);
                cluster.wake_client(c, think);
            }
            Reply::Fail(Refusal::Conflict(length)) => {
                if let What::Append { expect, session, .. } = &call.what {
                    client.seq += u64::from(session.is_some());
                    if *expect == Some(length) {
                        let why = format!("a conflict at the expected {length:?}");
                        cluster.clients.log.fail("non-linearizable", why);
                    }
                }
                Self::definitely_not(cluster, c);
            }
            Reply::Fail(refusal) => {
                let hint = if let Refusal::NotLeader(hint) = refusal { hint } else { None };
                Self::next_target(cluster, c, hint);
                Self::refused(cluster, c);
            }
            Reply::Info(_) => {
                call.doubt = true;
                Self::next_target(cluster, c, None);
                cluster.wake_client(c, 20 * MS);
            }
        }
    }

    /// This try certainly had no effect.
    fn refused(cluster: &mut Cluster, c: usize) {
        let call = cluster.clients.log.each[c].under_way.as_ref();
        if call.is_some_and(|call| call.doubt) {
            cluster.wake_client(c, 20 * MS);
        } else {
            Self::definitely_not(cluster, c);
        }
    }

    fn definitely_not(cluster: &mut Cluster, c: usize) {
        let call = cluster.clients.log.each[c].under_way.take();
        if let Some(Call { what: What::Append { value, .. }, doubt: false, .. }) = call {
            if cluster.clients.log.seen.contains(&value) {
                cluster.clients.log.fail("failed-yet-visible", format!("{value:?} is in the log"));
            }
            cluster.clients.log.failed.insert(value);
        }
        cluster.wake_client(c, 20 * MS);
    }

    fn next_target(cluster: &mut Cluster, c: usize, hint: Option<NodeId>) {
        let n = cluster.nodes.len();
        let client = &mut cluster.clients.log.each[c];
        client.target = hint.map_or((client.target + 1) % n, |node| node.0 as usize - 1);
    }

    fn succeeded(cluster: &mut Cluster, c: usize, call: Call, answer: Answer) {
        let delivered = cluster.nodes[call.node].delivered.len() as u64;
        let (observer, now) = (&cluster.observer, cluster.now);
        let canonical = &observer.canonical;
        let clients = &mut cluster.clients.log;
        let Call { what, length_then, doubt, node, asked_at, .. } = call;
        match (what, answer) {
            (What::Open, Answer::Opened(id)) => clients.each[c].session = Some(id),
            (What::Append { value, session, expect }, Answer::Appended { offset, .. }) => {
                clients.served += 1;
                clients.each[c].seq += u64::from(session.is_some());
                if expect.is_some_and(|expected| expected != offset) {
                    clients.fail("non-linearizable", format!("{offset:?} is not {expect:?}"));
                }
                if let Some(early) = &mut clients.early {
                    let asked_at = (!doubt).then_some(asked_at);
                    let wrong = early.told(observer, (node, offset.0, &value), asked_at, now);
                    return wrong.into_iter().for_each(|(name, why)| clients.fail(name, why));
                }
                if offset.0 < length_then && !doubt {
                    let why = format!("{value:?} at {offset:?}, below {length_then}");
                    clients.fail("real-time-order", why);
                }
                if canonical.get(offset.0 as usize).is_some_and(|there| *there != value) {
                    clients.fail("offset-conflict", format!("{offset:?} holds another value"));
                }
                let known = clients.acked.insert(offset.0, value.clone());
                if known.is_some_and(|known| known != value) {
                    clients.fail("offset-conflict", format!("{offset:?} was given twice"));
                }
                clients.known_length = clients.known_length.max(offset.0 + 1);
            }
            (What::Read { from }, Answer::Read { values, tail }) => {
                clients.check_values(from, &values, tail, canonical);
                clients.check_tail(length_then, tail);
            }
            (What::Tail, Answer::Tail(tail)) => clients.check_tail(length_then, tail),
            (What::LocalRead, Answer::Read { values, tail }) => {
                clients.check_values(0, &values, tail, canonical);
                if tail.0 != delivered {
                    clients.fail("divergence", format!("a local read ends at {tail:?}"));
                }
            }
            _ => clients.fail("malformed", "an answer to another question".into()),
        }
    }

    fn check_values(&mut self, from: u64, values: &[Bytes], tail: Offset, canonical: &[Bytes]) {
        let from = from as usize;
        let there = canonical.get(from.min(canonical.len())..from + values.len());
        let whole =
            values.len() == (tail.0 as usize).saturating_sub(from).min(values.len().max(100));
        let large = values.iter().map(Bytes::len).sum::<usize>() >= LARGE_BYTES;
        if there.unwrap_or_default() != values || !(whole || large) {
            self.fail("non-prefix", format!("a read from {from} saw {values:?}"));
        }
    }

    fn check_tail(&mut self, length_then: u64, tail: Offset) {
        self.reads += 1;
        if tail.0 < length_then {
            self.fail("stale-read", format!("a read saw {tail:?}, {length_then} was known"));
        }
        self.known_length = self.known_length.max(tail.0);
    }
}
