//! Where nodes live: a world applies effects and heals them. The real one is `processes`; beside it
//! stands a small simulated one that tells stories.

pub mod overlays;
pub mod processes;
pub mod simulated;

use std::future::Future;
use std::pin::Pin;

use crate::action::{Action, Bite, ClientId, NodeId, OverlayId, View};
use crate::systems::Client;

/// A future of the one thread the runner lives on. (async fn in a trait is not object-safe.)
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Where a run happens: a cluster that can be broken and healed, and asked.
pub trait World {
    /// Does it; returns once it is confirmed (process reaped, state T seen, links switched), never
    /// waits for readiness of a node. What is done in the clients' protocol (a promotion) is only
    /// given its name here.
    fn apply(&self, effect: Action) -> Local<'_, Result<OverlayId, WorldError>>;
    /// Removes exactly this overlay and says what it did. A restarted node has been started, not
    /// awaited.
    fn heal(&self, id: OverlayId) -> Local<'_, Result<Bite, WorldError>>;
    /// The world now. `leader` is left to the caller, who asks the system.
    fn view(&self) -> View;
    /// Nodes that died though no overlay killed them, since last asked.
    fn deaths(&self) -> Vec<Death>;
    /// Connections between nodes that avoid the proxy, now. Each a sentence.
    fn bypasses(&self) -> Local<'_, Vec<String>>;
    /// The workload's client of this number: it reaches nodes through links of its own, which faults
    /// may break.
    fn client(&self, client: ClientId) -> Box<dyn Client>;
    /// One who reaches nodes past every fault: for statuses, the probe and the end of a run.
    fn direct(&self) -> Box<dyn Client>;
    /// Ends every node and says what would not end.
    fn stop(&self) -> Local<'_, Result<(), WorldError>>;
}

/// A node that ended by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Death {
    /// Which.
    pub node: NodeId,
    /// `exit 74`, `signal 11`.
    pub how: String,
    /// The last lines of its stderr.
    pub last_lines: Vec<String>,
}

/// Why the world could not do what was asked. A sentence with the next step.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct WorldError(pub String);

impl From<Death> for WorldError {
    /// For a node that ended before it was ready.
    fn from(death: Death) -> WorldError {
        let Death { node, how, last_lines } = death;
        if last_lines.is_empty() {
            return WorldError(format!(
                "{node} ended ({how}) and said nothing on stderr; start its command by hand to see"
            ));
        }
        let lines = last_lines.join("\n  ");
        WorldError(format!("{node} ended ({how}); the last lines of its stderr:\n  {lines}"))
    }
}
