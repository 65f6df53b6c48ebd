//! The faults: each chooses, none acts. One file per fault; this is their table.

use rand_chacha::ChaCha8Rng;

use crate::action::{Effect, View};
use crate::plan::Strike;
use crate::workload::FaultSpec;

/// The shape of the cluster, known before anything starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Topology {
    /// How many nodes.
    pub nodes: u8,
    /// How many clients.
    pub clients: u16,
}

/// A kind of fault.
pub trait Fault: Sync {
    /// Its key in a workload.
    fn name(&self) -> &'static str;
    /// One line for `schism list faults`.
    fn about(&self) -> &'static str;
    /// The keys it takes besides `every`, `for` and `at`, each with what may be written there;
    /// the first value is the default.
    fn keys(&self) -> &'static [Key];
    /// Checks the keys' values; the error says what is wrong and what was meant.
    fn check(&self, spec: &FaultSpec, topology: Topology) -> Result<(), KeyError>;
    /// Draws the choices of one strike: all randomness is here.
    fn choose(
        &self,
        spec: &FaultSpec,
        topology: Topology,
        rng: &mut ChaCha8Rng,
    ) -> serde_json::Value;
    /// When it strikes: "leader" becomes n2. No randomness. Empty: nothing to strike at.
    fn resolve(&self, strike: &Strike, topology: Topology, view: &View) -> Vec<Effect>;
}

/// A key of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What may be written there, for help and errors.
    pub values: &'static str,
}

/// What is wrong with a key's value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyError {
    /// Which key.
    pub key: String,
    /// What was found and what was meant.
    pub message: String,
}
