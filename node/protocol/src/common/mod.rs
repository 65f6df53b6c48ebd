//! What protocols that keep a log have in common. It never decides what safety rests on: a
//! protocol's rules do.
//!
//! In reading order: [`quorum`]; [`ordered`] (the [`log`], the [`replica`] that it drives, with its
//! [`session`]s, commits, snapshots) and [`transfer`]; [`disk`] (what waits for what); [`pending`],
//! [`rounds`] (clients who wait for a leader) and [`asking`] (for one elsewhere); [`options`];
//! [`node`] (a node made of all that) and [`reads`] (its linearizable reads); [`progress`] (how far
//! a leader's followers are).

pub mod asking;
pub mod disk;
pub mod log;
pub mod node;
pub mod options;
pub mod ordered;
pub mod pending;
pub mod progress;
pub mod quorum;
pub mod reads;
pub mod replica;
pub mod rounds;
pub mod session;
pub mod transfer;
