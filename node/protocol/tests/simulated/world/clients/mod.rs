//! Clients of either kind, as the row says what is served. They believe nothing they cannot check,
//! and never look into a node.

use schism_protocol::{Delivery, ProtocolRow, Reply, Ticket};

use super::cluster::{Cluster, MS};
use super::profile::Profile;

mod consensus;
mod early;
mod log;

/// How long a client waits for an answer.
const PATIENCE: u64 = 300 * MS;

/// A ticket is a count times this, plus the client's number, so that an answer finds its way back.
const SLOTS: u64 = 128;

/// The ticket of whoever promotes. No client counts so far.
pub const OPERATOR: Ticket = Ticket(u64::MAX);

pub struct Clients {
    /// Else they ask for decisions.
    ask_a_log: bool,
    log: log::Clients,
    consensus: consensus::Clients,
}

impl Clients {
    pub fn new(row: &ProtocolRow, nodes: usize, profile: &Profile) -> Self {
        assert!((profile.clients as u64) < SLOTS, "a client's number is in its tickets");
        let ask_a_log = row.facts.serves("log");
        let (logs, deciders) = if ask_a_log { (profile.clients, 0) } else { (0, profile.clients) };
        Clients {
            ask_a_log,
            log: log::Clients::new(logs, nodes, early::is_early(row, profile)),
            consensus: consensus::Clients::new(deciders, nodes, profile.keys),
        }
    }

    pub fn violation(&self) -> Option<&(&'static str, String)> {
        self.log.violation.as_ref().or(self.consensus.violation.as_ref())
    }

    /// Every delivery of every node, already checked to be one sequence.
    pub fn delivered(&mut self, delivery: &Delivery) {
        if self.ask_a_log {
            self.log.delivered(delivery);
        }
    }

    /// How many appends were acknowledged, or proposals answered.
    pub fn served(&self) -> usize {
        if self.ask_a_log { self.log.served } else { self.consensus.answered }
    }

    /// From now on nothing new is asked.
    pub fn silence(&mut self) {
        (self.log.silent, self.consensus.silent) = (true, true);
    }

    pub fn act(cluster: &mut Cluster, client: usize) {
        if cluster.clients.ask_a_log {
            log::Clients::act(cluster, client);
        } else {
            consensus::Clients::act(cluster, client);
        }
    }

    pub fn answered(cluster: &mut Cluster, ticket: Ticket, reply: Reply) {
        if cluster.clients.ask_a_log {
            log::Clients::answered(cluster, ticket, reply);
        } else {
            consensus::Clients::answered(cluster, ticket, reply);
        }
    }

    /// What is owed once the cluster is whole and quiet; how many acknowledged appends are gone, as
    /// the row allows.
    pub fn settled(cluster: &Cluster) -> Result<usize, (&'static str, String)> {
        let clients = &cluster.clients;
        if !clients.ask_a_log {
            return match clients.consensus.waiting() {
                0 => Ok(0),
                n => Err(("progress", format!("{n} proposals were never answered"))),
            };
        }
        let length = cluster.observer.canonical.len() as u64;
        let ends: Vec<_> = cluster.statuses().into_iter().flatten().collect();
        if ends.iter().any(|end| end.delivered.0 != length) {
            return Err(("convergence", format!("not all have {length}: {ends:?}")));
        }
        clients.log.all_acked_are_in(&cluster.observer)
    }
}
