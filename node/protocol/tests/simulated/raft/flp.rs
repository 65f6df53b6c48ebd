//! Raft under the adversary of the FLP theorem.

use schism_protocol::raft::ROW;

use crate::world::adversary::withholds_every_decision;

#[test]
fn three_nodes_decide_nothing_under_the_adversary() {
    withholds_every_decision(&ROW, 3, 20);
}

#[test]
fn five_nodes_decide_nothing_under_the_adversary() {
    withholds_every_decision(&ROW, 5, 20);
}

#[test]
fn seven_nodes_decide_nothing_under_the_adversary() {
    withholds_every_decision(&ROW, 7, 20);
}
