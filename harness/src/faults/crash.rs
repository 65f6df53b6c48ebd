//! crash: SIGKILL, and a restart when it heals.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::FaultSpec;
use super::{Fault, Key, KeyError, Piece, Topology, one_after_the_other, target};
use crate::action::{Action, NodeView, Overlay, Strike, View};

/// The fault `crash`.
pub struct Crash;

fn topology_of(view: &View) -> Topology {
    Topology { nodes: view.nodes.len() as u8, clients: view.clients }
}

fn able(node: &NodeView) -> bool {
    node.running
}

impl Fault for Crash {
    fn name(&self) -> &'static str {
        "crash"
    }

    fn about(&self) -> &'static str {
        "kill nodes (SIGKILL) and start them again"
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
            Ok(meant) => {
                let nodes = target::spared(meant, &strike.detail, view);
                if nodes.is_empty() {
                    return Vec::new();
                }
                vec![Action::Hold(Overlay::Down { nodes })]
            }
            Err(_) => Vec::new(),
        }
    }

    fn describe(&self, strike: &Strike, effects: &[Action], view: &View) -> String {
        match effects {
            [Action::Hold(Overlay::Down { nodes }), ..] => {
                let words = format!("crash {}", target::describe(&strike.detail, nodes, view));
                let meant = target::resolve(&strike.detail, topology_of(view), view, able);
                if meant.is_ok_and(|meant| meant != *nodes) {
                    return format!("{words}; {}", target::SPARED);
                }
                words
            }
            _ if target::resolve(&strike.detail, topology_of(view), view, able).is_ok() => {
                target::SPARED.to_owned()
            }
            _ => super::why_nobody(strike, view, able),
        }
    }
}
