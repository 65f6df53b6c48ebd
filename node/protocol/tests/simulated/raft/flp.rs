//! Raft under the adversary of the FLP theorem.

use schism_protocol::raft::ROW;

use crate::world::adversary::{Kind, withholds_every_decision};

const RAFT: Kind = Kind { row: &ROW, options: &[] };

#[test]
fn three_nodes_decide_nothing_under_the_adversary() {
    withholds_every_decision(&RAFT, 3, 20);
}

#[test]
fn five_nodes_decide_nothing_under_the_adversary() {
    withholds_every_decision(&RAFT, 5, 20);
}

#[test]
fn seven_nodes_decide_nothing_under_the_adversary() {
    withholds_every_decision(&RAFT, 7, 20);
}
