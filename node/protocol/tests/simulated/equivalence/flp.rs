//! All who choose their leaders by themselves, under the adversary of the FLP theorem. It knows
//! them by their rows alone: what decides, and what shows that a node has moved on.

use schism_protocol::PROTOCOLS;

use crate::world::adversary::{Kind, withholds_every_decision};

fn check(name: &str, options: &'static [(&str, &str)]) {
    let row = PROTOCOLS.iter().find(|row| row.facts.name == name).expect("a row has this name");
    withholds_every_decision(&Kind { row, options }, 5, 5);
}

#[test]
fn multi_paxos_decides_nothing_under_the_adversary() {
    check("multi-paxos", &[]);
}

#[test]
fn viewstamped_replication_decides_nothing_under_the_adversary() {
    check("vsr", &[]);
}

#[test]
fn zab_decides_nothing_under_the_adversary() {
    check("zab", &[]);
}

#[test]
fn neither_half_of_the_equivalence_decides_anything_under_the_adversary() {
    check("consensus-from-log", &[]);
    // As for single-decree Paxos: there is one slot to decide, and nobody may wait long for it.
    check("log-from-consensus", &[("doublings", "1")]);
}
