//! The world round a protocol: nodes, network, disks, clients, faults, an observer, and what a run
//! owes. Nothing here names a protocol: what differs between them is in their rows.

pub mod adversary;
pub mod clients;
pub mod cluster;
pub mod disk;
mod drawn;
pub mod frames;
pub mod lone;
pub mod nemesis;
pub mod network;
pub mod observer;
pub mod profile;
mod toys;
pub mod trial;

pub use nemesis::Strike;
pub use profile::Profile;
