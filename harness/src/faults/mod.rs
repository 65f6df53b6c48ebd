//! The faults: each chooses, none acts. One file per fault; this is their table.
//! A fault says in its file what keys it takes, whom it hits, what is asked of the world, and how
//! its effect adds up, is told and drawn. All randomness is in [`Spec::choose`], before the start;
//! [`Spec::resolve`] only turns words such as `leader` into nodes, when the fault strikes.

mod counter;
mod crash;
mod fault;
mod frames;
mod keys;
mod latency;
mod links;
mod partition;
mod pause;
mod promote;
mod shape;
mod target;
#[cfg(test)]
mod tests;

pub use counter::{add_up, tell};
pub use fault::{Aimed, Fault, FaultSpec, Spec, Subject, Topology, When};

/// Every fault, in the order of `schism list faults`.
pub static FAULTS: &[Fault] =
    &[crash::FAULT, pause::FAULT, partition::FAULT, latency::FAULT, frames::FAULT, promote::FAULT];

/// The fault of this key.
pub fn find(name: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.name == name)
}

/// The class of a fault in pictures, safe from any name.
pub fn class(name: &str) -> &'static str {
    find(name).map_or("f-other", |fault| fault.class)
}
