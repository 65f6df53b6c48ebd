//! The words between faults and worlds: whom and what there is to hit, an [`Action`] on it, its
//! [`Effect`], and the [`View`] of it all. Nothing here decides or acts.

mod delay;
mod effect;
mod frames;
mod links;
mod nodes;
mod overlay;
mod view;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use delay::*;
pub use effect::*;
pub use frames::*;
pub use links::*;
pub use nodes::*;
pub use overlay::*;
pub use view::*;

/// What an operator does once, and nobody heals.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// This node is asked to lead.
    Promote {
        /// Which.
        node: NodeId,
    },
}

/// What a fault asks of the world.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Put this overlay on until it is healed by its id.
    Hold(Overlay),
    /// Do this once.
    Once(Operator),
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
    /// It strikes before the first operation, though it lasts as if it had come at `at`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub early: bool,
    /// The fault's own choices (target, shape, style, and what it needs to resolve them without
    /// further randomness).
    pub detail: serde_json::Value,
}
