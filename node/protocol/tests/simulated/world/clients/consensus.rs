//! Clients of consensus: they propose values for keys, and check that a key has one answer for all
//! and for good, which somebody proposed who was not refused. Fresh keys come up all the time.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use schism_protocol::{Answer, NodeId, Refusal, Reply, Request, Ticket};

use super::{PATIENCE, SLOTS};
use crate::world::cluster::{Cluster, MS};

/// A key is contended by about so many proposals before the next one comes up.
const PROPOSALS_PER_KEY: u64 = 3;

#[derive(Default)]
pub struct Clients {
    pub violation: Option<(&'static str, String)>,
    /// Proposals that were answered with what is decided.
    pub answered: usize,
    /// Nothing new is asked any more.
    pub silent: bool,
    /// There are no more keys than this; 0: fresh ones come up all the time.
    keys: u64,
    each: Vec<Client>,
    tickets: u64,
    proposals: u64,
    /// Who was ever asked to decide what, and not certainly refused.
    proposed: BTreeSet<(u64, Bytes)>,
    decided: BTreeMap<u64, Bytes>,
}

#[derive(Default)]
struct Client {
    target: usize,
    under_way: Option<Call>,
}

struct Call {
    ticket: Ticket,
    key: u64,
    value: Bytes,
    asked_at: u64,
    waits: bool,
    /// An earlier try has no answer.
    doubt: bool,
}

impl Clients {
    pub fn new(clients: usize, nodes: usize, keys: u64) -> Self {
        let client = |c| Client { target: c % nodes, under_way: None };
        Clients { each: (0..clients).map(client).collect(), keys, ..Clients::default() }
    }

    /// Proposals under way.
    pub fn waiting(&self) -> usize {
        self.each.iter().filter(|client| client.under_way.is_some()).count()
    }

    fn fail(&mut self, name: &'static str, why: String) {
        self.violation.get_or_insert((name, why));
    }

    /// A client's turn: propose something new, or the same again to another node.
    pub fn act(cluster: &mut Cluster, c: usize) {
        let now = cluster.now;
        match &mut cluster.clients.consensus.each[c].under_way {
            Some(call) if call.waits && now < call.asked_at + PATIENCE => {}
            Some(call) => {
                if call.waits {
                    call.doubt = true;
                    Self::next_target(cluster, c, None);
                }
                Self::ask(cluster, c);
            }
            None => Self::begin(cluster, c),
        }
    }

    fn begin(cluster: &mut Cluster, c: usize) {
        if cluster.clients.consensus.silent {
            return;
        }
        let (back, old, target) = (cluster.below(3), cluster.below(10) == 0, cluster.below(3));
        let n = cluster.nodes.len();
        let all = &mut cluster.clients.consensus;
        all.proposals += 1;
        let newest = all.proposals / PROPOSALS_PER_KEY;
        // Now and then an old key is asked for again: its answer must stand.
        let key = newest.saturating_sub(if old { newest / 2 } else { back });
        let key = if all.keys == 0 { key } else { key % all.keys };
        let value = Bytes::from(all.proposals.to_string());
        all.proposed.insert((key, value.clone()));
        let client = &mut all.each[c];
        client.target = (client.target + target as usize) % n;
        let ticket = Ticket(0);
        client.under_way =
            Some(Call { ticket, key, value, asked_at: 0, waits: false, doubt: false });
        Self::ask(cluster, c);
    }

    fn ask(cluster: &mut Cluster, c: usize) {
        let now = cluster.now;
        let all = &mut cluster.clients.consensus;
        all.tickets += 1;
        let ticket = Ticket(all.tickets * SLOTS + c as u64);
        let node = all.each[c].target;
        let call = all.each[c].under_way.as_mut().expect("there is something to ask");
        (call.ticket, call.asked_at, call.waits) = (ticket, now, true);
        let key = Bytes::from(format!("k{}", call.key));
        let value = call.value.clone();
        if cluster.is_up(node) {
            cluster.wake_client(c, PATIENCE);
            cluster.request(node, ticket, Request::Propose { key, value });
        } else {
            // Nobody listens: certainly not asked.
            Self::refused(cluster, c, None);
        }
    }

    pub fn answered(cluster: &mut Cluster, ticket: Ticket, reply: Reply) {
        let c = (ticket.0 % SLOTS) as usize;
        let all = &mut cluster.clients.consensus;
        let Some(call) = &mut all.each[c].under_way else { return };
        if call.ticket != ticket || !call.waits {
            return;
        }
        call.waits = false;
        match reply {
            Reply::Ok(Answer::Decided(value)) => {
                let key = call.key;
                all.each[c].under_way = None;
                all.answered += 1;
                all.decides(key, &value);
                let think = MS / 2 + cluster.below(cluster.profile.think_ms * MS);
                cluster.wake_client(c, think);
            }
            Reply::Ok(answer) => {
                all.fail("malformed", format!("{answer:?} to a proposal"));
            }
            Reply::Fail(refusal) => {
                let hint = if let Refusal::NotLeader(hint) = refusal { hint } else { None };
                Self::refused(cluster, c, hint);
            }
            Reply::Info(_) => {
                call.doubt = true;
                Self::next_target(cluster, c, None);
                cluster.wake_client(c, 20 * MS);
            }
        }
    }

    fn decides(&mut self, key: u64, value: &Bytes) {
        let one = self.decided.entry(key).or_insert_with(|| value.clone());
        if one != value {
            let why = format!("k{key} is {one:?}, and it is {value:?}");
            self.fail("agreement", why);
        }
        if !self.proposed.contains(&(key, value.clone())) {
            self.fail("validity", format!("nobody proposed {value:?} for k{key}, or was refused"));
        }
    }

    /// This try certainly had no effect. Without an earlier one in doubt it is given up, and its
    /// value must never be decided.
    fn refused(cluster: &mut Cluster, c: usize, hint: Option<NodeId>) {
        Self::next_target(cluster, c, hint);
        let all = &mut cluster.clients.consensus;
        let call = all.each[c].under_way.as_mut().expect("it was just asked");
        call.waits = false;
        if !call.doubt {
            let (key, value) = (call.key, call.value.clone());
            if all.decided.get(&key) == Some(&value) {
                all.fail("failed-yet-visible", format!("k{key} is {value:?}, which was refused"));
            }
            all.proposed.remove(&(key, value));
            all.each[c].under_way = None;
        }
        cluster.wake_client(c, 20 * MS);
    }

    fn next_target(cluster: &mut Cluster, c: usize, hint: Option<NodeId>) {
        let n = cluster.nodes.len();
        let client = &mut cluster.clients.consensus.each[c];
        client.target = hint.map_or((client.target + 1) % n, |node| node.0 as usize - 1);
    }
}
