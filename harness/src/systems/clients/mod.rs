//! How clients talk to nodes: one file per protocol. A client completes the invocation that it is
//! given; what decides between ok, fail and info is here, and pure, so that every client in every
//! world decides alike.

mod base64;
mod etcd;
#[cfg(test)]
#[path = "tests/fake.rs"]
mod fake;
mod http;
mod http1;
pub mod lines;
mod mysql;
mod nats;
mod postgres;
pub mod program;
mod quote;
mod rabbitmq;
mod redis;
mod tcp;
mod values;
mod zookeeper;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;

use schism_facts::ClientRow;
use schism_verify::history::{Event, Field, Name, Type, Value};
use schism_verify::models::{CLIENT_DIED, MALFORMED, Model, UNREADABLE};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::action::NodeId;
use crate::clock::Local;
use crate::limits;
use quote::quote;

/// A row of the table of client protocols.
pub struct ClientProtocol {
    /// What a workload may know of it.
    pub facts: ClientRow,
    /// A client made of these.
    pub make: fn(Making) -> Box<dyn Client>,
}

/// What a client is made of.
#[derive(Clone)]
pub struct Making {
    /// Whose operations it is asked for: one of those that its row names.
    pub model: &'static Model,
    /// How it reaches nodes.
    pub dial: Rc<dyn Dial>,
    /// What was chosen, by the name of the option; what is not there has its default.
    pub options: BTreeMap<String, String>,
}

/// Every client protocol, in the order of `schism list clients`.
pub static CLIENTS: &[ClientProtocol] = &[
    lines::CLIENT,
    etcd::CLIENT,
    redis::CLIENT,
    postgres::CLIENT,
    mysql::CLIENT,
    nats::CLIENT,
    zookeeper::CLIENT,
    rabbitmq::CLIENT,
    http::CLIENT,
];

/// The client protocol of this name.
pub fn named(name: &str) -> Option<&'static ClientProtocol> {
    CLIENTS.iter().find(|client| client.facts.name == name)
}

/// One thread of clients' logic. One invoke is one effect: no hidden retry, no pool.
pub trait Client: Control {
    /// Asks `node` once. Dropped before it ends (a time-out): the connection is dropped too.
    fn invoke<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion>;
}

/// What a run asks of a node beside its workload. None of it is an operation of a model.
pub trait Control {
    /// Opens a session, and gives its name.
    fn open(&mut self, node: NodeId) -> Local<'_, Result<Name, Refusal>>;
    /// Asks a node about itself.
    fn status(&mut self, node: NodeId) -> Local<'_, Result<NodeStatus, Refusal>>;
    /// Makes the node lead, as an operator does, and gives its epoch.
    fn promote(&mut self, node: NodeId) -> Local<'_, Result<u64, Refusal>>;
    /// Reads what the node itself holds, however old: `asked` is a local read of the model.
    fn local_read<'a>(&'a mut self, node: NodeId, asked: &'a Event) -> Local<'a, Completion>;
}

/// What a node said of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeStatus {
    /// `leader`, `follower`, ...
    pub role: String,
    /// Its epoch.
    pub epoch: u64,
    /// Whom it believes to lead.
    pub leader: Option<NodeId>,
    /// How many entries it has delivered. None: it does not say.
    pub delivered: Option<u64>,
}

/// A client program that runs. Dropped, it is ended with everything that came of it.
pub trait Program {
    /// What it reads.
    fn input(&mut self) -> &mut (dyn AsyncWrite + Unpin);
    /// What it writes.
    fn output(&mut self) -> &mut (dyn AsyncRead + Unpin);
    /// Its output has ended: ends the rest of it, and says how it went, and its last words.
    fn last_words(self: Box<Self>) -> Local<'static, String>;
}

/// Opens connections to nodes. How, and through what, is the world's business.
pub trait Dial {
    /// A new connection to the node's port for clients.
    fn dial(&self, node: NodeId) -> Local<'_, io::Result<TcpStream>>;
    /// A new connection to another port of the node's.
    fn dial_port(&self, node: NodeId, port: u16) -> Local<'_, io::Result<TcpStream>>;
    /// Starts a program that is told where nodes are: `{nodes}` in its arguments. It begins at
    /// once, whoever waits for it.
    fn program(&self, argv: &[String]) -> Local<'static, io::Result<Box<dyn Program>>>;
    /// How many nodes there are: n1, n2, ...
    fn nodes(&self) -> u8;
    /// Whose host this is, as nodes name each other to their clients: 127.R.0.j is node j.
    fn node_at(&self, host: IpAddr) -> Option<NodeId>;
}

/// An operation that came to its end. Only the event reaches the history.
#[derive(Clone, PartialEq, Debug)]
pub struct Completion {
    /// The return: ok, fail or info, with what was answered.
    pub event: Event,
    /// Who leads, when the node said so.
    pub leader: Option<NodeId>,
    /// The node's own words, where it had some.
    pub detail: Option<Name>,
}

/// Fields that a node answered.
pub type Answered = Vec<(Field, Value)>;

/// Why there is no ok.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// It did not happen and will not. False: nobody knows.
    pub certain: bool,
    /// `not-leader`, `conflict`, `unreachable`, ...
    pub error: Name,
    /// Who leads, when the node said so.
    pub leader: Option<NodeId>,
    /// The node's own words, where it had some.
    pub detail: Option<Name>,
    /// What else it said: a conflict may name the log's length.
    pub answered: Answered,
}

/// Errors that are a definite no. Any other word means that nobody knows.
pub const DEFINITE: &[&str] = &[
    "not-leader",
    "overloaded",
    // It was looked at, and the answer is no.
    "conflict",
    "state-differs",
    "held",
    "not-held",
    "empty",
    "absent",
    "present",
    "fenced",
    "malformed",
    "refused",
    "unreachable",
    // Not asked, for want of something of the harness's own.
    "harness-limit",
    "session-expired",
];

/// Errors of which nobody knows: those of the client protocol, and the client's own.
pub const INDEFINITE: &[&str] = &[
    "leadership-lost",
    "shutting-down",
    "too-old",
    "timeout",
    "connection-lost",
    "unexplained",
    CLIENT_DIED,
    SERVER_ERROR,
];

/// How an error begins whose rest is what another system said, of which nobody knows what became of
/// the operation.
pub const SERVER_ERROR: &str = "server-error";

impl Refusal {
    /// Nobody knows what became of it.
    pub fn unknown(error: impl Into<Name>) -> Self {
        let (error, answered) = (error.into(), Answered::new());
        Refusal { certain: false, error, leader: None, detail: None, answered }
    }

    /// It did not happen and will not.
    pub fn certain(error: impl Into<Name>) -> Self {
        Refusal { certain: true, ..Refusal::unknown(error) }
    }

    /// Nothing was sent, as the node could not be dialled.
    pub fn undialled(error: &io::Error) -> Self {
        Refusal::certain(if limits::is_own(error) { "harness-limit" } else { "unreachable" })
    }

    /// No answer in time.
    pub fn timeout() -> Self {
        Refusal::unknown("timeout")
    }

    /// An answer that is none of the protocol's, and what is wrong with it.
    pub fn malformed(wrong: &str) -> Self {
        Refusal::unknown(format!("{MALFORMED}: {}", quote(wrong.as_bytes())))
    }

    /// An answer that has the protocol's form and says what no history can hold or its model cannot
    /// read, and what that is.
    pub fn unreadable(wrong: &str) -> Self {
        Refusal::unknown(format!("{UNREADABLE}: {}", quote(wrong.as_bytes())))
    }

    /// Whether there was an answer, and it was outside of the protocol.
    pub fn is_out_of_contract(&self) -> bool {
        is_out_of_contract(&self.error)
    }

    /// Whether it does not show a node that is ready to be asked: an answer outside of the
    /// protocol, the end of the client's own program, an error of another system's server.
    pub fn is_no_word_of_the_node(&self) -> bool {
        let begins = |word| self.error.starts_with(word);
        self.is_out_of_contract() || begins(CLIENT_DIED) || begins(SERVER_ERROR)
    }

    /// In words: the error, and what the node said of it.
    pub fn why(&self) -> String {
        why(Some(&self.error), self.detail.as_ref())
    }
}

impl Completion {
    /// What a node said to `asked`, as the model reads it. An ok that lacks what it must carry, or
    /// that the judge could not read, is no ok: nobody knows.
    pub fn new(model: &Model, asked: &Event, said: Result<Answered, Refusal>) -> Self {
        let (answered, refusal) = match said {
            Ok(answered) => match no(model, asked, &answered) {
                Some(word) => (Answered::new(), Some(Refusal::certain(word))),
                None => (answered, None),
            },
            Err(refusal) if !refusal.certain => return Completion::unknown(model, asked, refusal),
            Err(mut refusal) => (std::mem::take(&mut refusal.answered), Some(refusal)),
        };
        let mut event = asked.clone();
        event.kind = if refusal.is_none() { Type::Ok } else { Type::Fail };
        match fill(model, &mut event, answered).and_then(|()| model.validate(asked, &event)) {
            Err(wrong) => Completion::refused(asked.clone(), Refusal::unreadable(&wrong)),
            Ok(()) => match refusal {
                None => Completion { event, leader: None, detail: None },
                Some(refusal) => Completion::refused(event, refusal),
            },
        }
    }

    /// Nobody knows what became of it; the node may have said something of it all the same.
    fn unknown(model: &Model, asked: &Event, mut refusal: Refusal) -> Self {
        let mut event = asked.clone();
        event.kind = Type::Info;
        match fill(model, &mut event, std::mem::take(&mut refusal.answered)) {
            Ok(()) => Completion::refused(event, refusal),
            Err(wrong) => Completion::refused(asked.clone(), Refusal::unreadable(&wrong)),
        }
    }

    /// No ok, and nothing more is known.
    pub fn refused(asked: Event, refusal: Refusal) -> Self {
        let Refusal { certain, error, leader, detail, .. } = refusal;
        let mut event = asked;
        event.kind = if certain { Type::Fail } else { Type::Info };
        event.set_error(Some(error));
        Completion { event, leader, detail }
    }

    /// Adds what the node said, where that is none of the protocol's answers.
    #[must_use]
    pub fn quoting(mut self, said: Option<&[u8]>) -> Self {
        let error = self.event.error().filter(|error| is_out_of_contract(error));
        if let (Some(error), Some(said)) = (error, said) {
            let whole = format!("{error}: {}", quote(said));
            self.event.set_error(Some(whole.into()));
        }
        self
    }

    /// Why it is no ok, in words.
    pub fn why(&self) -> String {
        why(self.event.error(), self.detail.as_ref())
    }
}

/// What a process learns from an answer about who leads.
pub trait Leads {
    /// Whether what was asked happened.
    fn is_ok(&self) -> bool;
    /// Whom to ask instead.
    fn hint(&self) -> Option<NodeId>;
}

impl Leads for Completion {
    fn is_ok(&self) -> bool {
        self.event.kind == Type::Ok
    }

    fn hint(&self) -> Option<NodeId> {
        let refused = self.event.kind == Type::Fail && self.event.error() == Some("not-leader");
        self.leader.filter(|_| refused)
    }
}

impl<T> Leads for Result<T, Refusal> {
    fn is_ok(&self) -> bool {
        Result::is_ok(self)
    }

    fn hint(&self) -> Option<NodeId> {
        let refusal = self.as_ref().err()?;
        refusal.leader.filter(|_| refusal.certain && &*refusal.error == "not-leader")
    }
}

/// The word for an ok that says false where nothing is to be answered: it looked, and did not do
/// it. None: it did.
fn no(model: &Model, asked: &Event, answered: &[(Field, Value)]) -> Option<&'static str> {
    let row = model.operation(&asked.f)?;
    let says_false = answered.contains(&(Field::Value, Value::Bool(false)));
    let is_answer = row.answers.contains(&Field::Value);
    row.noes.first().copied().filter(|_| says_false && !is_answer)
}

/// Sets those fields of an answer that its operation has; the others say nothing to its model.
fn fill(model: &Model, event: &mut Event, answered: Answered) -> Result<(), String> {
    let row = model.operation(&event.f).ok_or("its model has no such operation")?;
    let (answers, more) = match event.kind {
        Type::Ok => (row.answers, row.may_answer),
        Type::Info => (&[][..], row.infos),
        _ => (&[][..], row.fails),
    };
    // What was asked is no answer.
    for field in answers {
        event.clear(*field);
    }
    for (field, value) in answered {
        if answers.contains(&field) || more.contains(&field) {
            event.answer(field, value)?;
        }
    }
    Ok(())
}

/// Whether this is the error of an answer that is none of the protocol's.
fn is_out_of_contract(error: &str) -> bool {
    error.starts_with(MALFORMED) || error.starts_with(UNREADABLE)
}

fn why(error: Option<&str>, detail: Option<&Name>) -> String {
    let error = error.unwrap_or_default();
    match detail {
        Some(detail) => format!("{error}: {detail}"),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use schism_verify::models::MODELS;

    use super::*;

    #[test]
    fn every_client_is_in_the_documents_and_names_models_that_there_are() {
        let told = include_str!("../../../../docs/reference/clients.md");
        for ClientProtocol { facts: row, .. } in CLIENTS {
            assert_eq!(named(row.name).map(|found| found.facts.name), Some(row.name));
            let models = if row.models.is_empty() { "all".into() } else { row.models.join(", ") };
            assert!(told.contains(&format!("| `{}` | {models} |", row.name)), "{}", row.name);
            let known = |name: &str| MODELS.iter().any(|model| model.name == name);
            assert!(row.models.iter().all(|model| known(model)), "{}", row.name);
            let operations = |option: &str| MODELS.iter().any(|m| m.operation(option).is_some());
            for option in row.options.iter().filter(|option| !operations(option.name)) {
                assert!(told.contains(&format!("`{}`", option.name)), "{}", option.name);
            }
        }
    }

    #[test]
    fn whatever_a_model_calls_a_no_is_definite() {
        let operations = MODELS.iter().flat_map(|model| model.operations);
        let noes: Vec<&str> = operations.flat_map(|operation| operation.noes).copied().collect();
        assert!(noes.contains(&"conflict") && noes.contains(&"empty"));
        assert!(noes.iter().all(|no| DEFINITE.contains(no)), "{noes:?}");
    }
}
