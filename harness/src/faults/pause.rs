//! pause: SIGSTOP to the process group, and SIGCONT when it heals.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::FaultSpec;
use super::{Fault, Key, KeyError, Piece, Topology, one_after_the_other, target};
use crate::action::{Action, NodeView, Overlay, Strike, View};

/// The fault `pause`.
pub struct Pause;

fn able(node: &NodeView) -> bool {
    node.running && !node.paused
}

impl Fault for Pause {
    fn name(&self) -> &'static str {
        "pause"
    }

    fn about(&self) -> &'static str {
        "stop nodes (SIGSTOP) and let them go on"
    }

    fn keys(&self) -> &'static [Key] {
        &[target::KEY]
    }

    fn check(&self, spec: &FaultSpec, topology: Topology) -> Result<(), KeyError> {
        target::check(spec, topology)
    }

    fn choose(&self, spec: &FaultSpec, topology: Topology, rng: &mut ChaCha8Rng) -> Value {
        target::choose(spec, topology, rng)
    }

    fn pieces(&self, detail: Value, lasts: Duration, _: Topology) -> Vec<Piece> {
        one_after_the_other(detail, lasts)
    }

    fn resolve(&self, strike: &Strike, topology: Topology, view: &View) -> Vec<Action> {
        match target::resolve(&strike.detail, topology, view, able) {
            Ok(nodes) => vec![Action::Hold(Overlay::Pause { nodes })],
            Err(_) => Vec::new(),
        }
    }

    fn describe(&self, strike: &Strike, effects: &[Action], view: &View) -> String {
        match effects {
            [Action::Hold(Overlay::Pause { nodes }), ..] => {
                format!("pause {}", target::describe(&strike.detail, nodes, view))
            }
            _ => super::why_nobody(strike, view, able),
        }
    }
}
