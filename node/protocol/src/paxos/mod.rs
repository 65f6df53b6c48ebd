//! Paxos (Lamport, *The Part-Time Parliament*, 1998; *Paxos Made Simple*, 2001): what every member
//! of the family is made of, and single-decree Paxos itself, one decision for each key.
//!
//! In reading order: [`ballot`], [`acceptor`] (promises, acceptances, and what a quorum of them
//! says), [`rules`] (why a decision is safe), [`synod`] (many independent decisions: proposers,
//! acceptors, learners), [`message`]; `keyed` (the system `paxos`: propose and decide, and what
//! its disk keeps), `options`; [`catch_up`] (learning what others know to be chosen, for those who
//! make a log of decisions).
//!
//! It never does anything by itself: it takes an input and says what should be done about it.

pub mod acceptor;
pub mod ballot;
pub mod catch_up;
mod keyed;
pub mod message;
mod options;
pub mod rules;
mod states;
pub mod synod;

pub use keyed::{Paxos, ROW};
pub use options::{Backoff, OPTIONS, Options};
pub use rules::{Paper, Rules};
pub use states::STATES;
