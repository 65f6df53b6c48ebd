//! Paxos (Lamport, *The Part-Time Parliament*, 1998; *Paxos Made Simple*, 2001): what every member
//! of the family is made of.
//!
//! In reading order: [`ballot`], [`acceptor`] (promises, acceptances, and what a quorum of them
//! says), [`catch_up`] (learning what others know to be chosen).
//!
//! It never does anything by itself: protocols use these parts and decide when.

pub mod acceptor;
pub mod ballot;
pub mod catch_up;
