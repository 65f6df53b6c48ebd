//! A cluster in this process, in virtual time: machines, links that take a few milliseconds, disks
//! that take less. Small and friendly: it loses nothing but what a crash loses. The one place
//! beside `main.rs` that knows our protocols.
//!
//! It never judges; the simulated cluster of the protocols' own tests does, under every fault.

mod describe;
mod disk;
mod marks;
mod script;
mod stage;

use schism_protocol::{PROTOCOLS, ProtocolRow};

use crate::explain::Story;
use stage::Stage;

/// Performs the script for a system and writes down what happened. An error says what there is.
pub fn tell(system: &str, nodes: u8, seed: u64) -> Result<Story, String> {
    let row = row(system)?;
    let mut stage = Stage::new(row, nodes, seed);
    script::perform(&mut stage)?;
    Ok(stage.finish())
}

fn row(system: &str) -> Result<&'static ProtocolRow, String> {
    PROTOCOLS.iter().find(|row| row.name == system).ok_or_else(|| {
        let known: Vec<&str> = PROTOCOLS.iter().map(|row| row.name).collect();
        format!("unknown system {system:?}; there are: {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_system_is_told_to_its_end_whatever_the_seed() {
        for row in PROTOCOLS {
            for (nodes, seed) in (1..=30).map(|seed| ([3, 5, 7][seed as usize % 3], seed)) {
                let told = tell(row.name, nodes, seed);
                let story = told.unwrap_or_else(|why| panic!("{}, seed {seed}: {why}", row.name));
                let starts = |node: u8| {
                    let states = &story.states;
                    let mut own = states.taken.iter().filter(|taken| taken.node == node);
                    own.next().is_some_and(|taken| states.arrows[taken.arrow].from.is_none())
                };
                let all = (1..=nodes).all(starts);
                assert!(all, "{}, seed {seed}: a node came from nowhere", row.name);
            }
        }
    }

    #[test]
    fn messages_on_a_link_arrive_in_the_order_in_which_they_were_sent() {
        // Two is enough: the links are the same for all.
        for system in ["raft", "zab"] {
            for seed in 0..5 {
                let story = tell(system, 3, seed).unwrap();
                let mut latest: BTreeMap<(u8, u8), u64> = BTreeMap::new();
                for message in &story.messages {
                    let Some(arrives) = message.arrives_ns else { continue };
                    let before = latest.insert((message.from, message.to), arrives);
                    assert!(before.is_none_or(|before| before < arrives), "{system}, seed {seed}");
                }
                assert!(!latest.is_empty(), "{system}, seed {seed}: nothing was said");
            }
        }
    }
}
