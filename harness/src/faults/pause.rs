//! pause: SIGSTOP to the process group, and SIGCONT when it heals.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::counter::{Counter, count};
use super::fault::{Aimed, Fault, Piece, Spec, Subject, Topology, When};
use super::keys::{Draw, KeyError};
use super::target::{self, Aim, Target};
use crate::action::{NodeOverlay, STOPPED, View};

pub const FAULT: Fault = Fault {
    name: "pause",
    about: "stop nodes (SIGSTOP) and let them go on",
    keys: &[target::KEY],
    counters: &[Counter::sum(STOPPED, |stopped| {
        format!("stopped {}", count(stopped, "process", "processes"))
    })],
    class: "f-pause",
    ..Fault::of::<Pause>()
};

#[derive(Deserialize)]
struct Pause {
    target: Draw<Target>,
}

impl Spec for Pause {
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
        let nodes = aim.nodes(topology, view, |node| node.running && !node.paused)?;
        let words = format!("pause {}", aim.describe(&nodes, view));
        Ok(Aimed { action: NodeOverlay::Pause { nodes }.into(), words })
    }
}
