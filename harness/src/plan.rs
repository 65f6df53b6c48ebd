//! What will be done to the world and when, drawn from the seed before anything starts.
//! It never depends on what happens in the run: `plan.json` is a pure function of
//! (workload, seed).

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::faults::Topology;
use crate::workload::Workload;

/// The whole schedule of a run, as in plan.json.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// The seed it was drawn from.
    pub seed: u64,
    /// Undisturbed time before the first strike may come.
    pub warm_up: Duration,
    /// How long faults strike.
    pub disturbance: Duration,
    /// Every strike, by time.
    pub strikes: Vec<Strike>,
    /// The seeds of the named random streams (`client-3`, `heal`, ...).
    pub streams: Vec<(String, u64)>,
}

/// One strike of one fault, all its randomness drawn.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Strike {
    /// Its position in the plan, from 0.
    pub id: u64,
    /// The fault's key in the workload.
    pub fault: String,
    /// From the start of the disturbance.
    pub at: Duration,
    /// How long it holds.
    pub lasts: Duration,
    /// The fault's own choices (target, shape, style, and what it needs to resolve them without
    /// further randomness).
    pub detail: serde_json::Value,
}

/// Draws the schedule of a run.
pub fn draw(workload: &Workload, seed: u64) -> Plan {
    let warm_up = (workload.duration / 10).min(Duration::from_secs(2));
    let disturbance = workload.duration - warm_up;
    Plan { seed, warm_up, disturbance, strikes: Vec::new(), streams: Vec::new() }
}

impl Plan {
    /// The random stream of this name, from its start: independent of every other name.
    pub fn rng(&self, name: &str) -> ChaCha8Rng {
        let _ = name;
        ChaCha8Rng::seed_from_u64(self.seed)
    }
}

impl Workload {
    /// The cluster's shape.
    pub fn topology(&self) -> Topology {
        Topology { nodes: self.nodes, clients: self.clients }
    }
}
