//! Single-decree Paxos under the adversary of the FLP theorem: proposers of one key, each retrying.
//! Waits that double only once: without a limit on them a frame waits for as long as all the
//! proposers do.

use schism_protocol::paxos::ROW;

use crate::world::adversary::{Kind, withholds_every_decision};

const PAXOS: Kind = Kind { row: &ROW, options: &[("doublings", "1")] };

#[test]
fn three_nodes_decide_nothing_under_the_adversary() {
    withholds_every_decision(&PAXOS, 3, 20);
}

#[test]
fn five_nodes_decide_nothing_under_the_adversary() {
    withholds_every_decision(&PAXOS, 5, 20);
}

#[test]
fn seven_nodes_decide_nothing_under_the_adversary() {
    withholds_every_decision(&PAXOS, 7, 20);
}
