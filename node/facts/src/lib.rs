//! What protocols, harness and judge say to each other, each fact once: the names of nodes
//! ([`ids`]), what is known of a system ([`system`]), what the nemesis writes into a history
//! ([`remark`]), and how text of others is shown ([`foreign`]). It never decides anything: rules
//! over these facts stand where they are applied.

pub mod foreign;
pub mod ids;
pub mod remark;
pub mod system;

pub use ids::NodeId;
pub use remark::Remark;
pub use system::*;
