//! What protocols, harness and judge say to each other, each fact once: the names of nodes
//! ([`ids`]), what is known of a system ([`system`]), and what the nemesis writes into a history
//! ([`remark`]). It never decides anything: rules over these facts stand where they are applied.

pub mod ids;
pub mod remark;
pub mod system;

pub use ids::NodeId;
pub use remark::Remark;
pub use system::*;
