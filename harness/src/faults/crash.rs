//! crash: SIGKILL, and a restart when it heals.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::counter::{Counter, count};
use super::fault::{Aimed, Fault, Piece, Spec, Subject, Topology, When};
use super::keys::{Draw, KeyError};
use super::target::{self, Aim, Target};
use crate::action::{KILLED, NodeOverlay, View};

pub const FAULT: Fault = Fault {
    name: "crash",
    about: "kill nodes (SIGKILL) and start them again",
    keys: &[target::KEY],
    counters: &[Counter::sum(KILLED, |killed| {
        format!("killed {}", count(killed, "process", "processes"))
    })],
    class: "f-crash",
    ..Fault::of::<Crash>()
};

#[derive(Deserialize)]
struct Crash {
    target: Draw<Target>,
}

/// Why fewer nodes than meant are killed where nodes keep nothing on disk.
const SPARED: &str = "more at once would lose the log: its nodes keep nothing on disk";

impl Spec for Crash {
    type Choice = Aim;

    fn check(&self, of: &Subject) -> Result<(), KeyError> {
        self.target.check("target", |target| target.check(of.topology.nodes))
    }

    fn choose(&self, _: &When, topology: Topology, rng: &mut ChaCha8Rng) -> Aim {
        Aim::choose(&self.target, topology, rng)
    }

    fn pieces(aim: Aim, lasts: Duration) -> Vec<Piece<Aim>> {
        aim.pieces(lasts)
    }

    fn resolve(aim: &Aim, topology: Topology, view: &View) -> Result<Aimed, String> {
        let meant = aim.nodes(topology, view, |node| node.running)?;
        let nodes = aim.spared(&meant, view);
        if nodes.is_empty() {
            return Err(SPARED.to_owned());
        }
        let mut words = format!("crash {}", aim.describe(&nodes, view));
        if nodes != meant {
            words = format!("{words}; {SPARED}");
        }
        Ok(Aimed { action: NodeOverlay::Down { nodes }.into(), words })
    }
}
