//! Operations to try: one file per model.
//! It never talks to anyone: it draws from a stream it is given and learns from events it is shown.

pub mod log;

use rand_chacha::ChaCha8Rng;
use schism_verify::history::Event;

use crate::systems::Op;

/// Draws operations for one client.
pub trait Generator {
    /// The next operation, asked by process `process`. Values are unique as long as a process
    /// number belongs to one generator.
    fn next(&mut self, process: u64, rng: &mut ChaCha8Rng) -> Op;
    /// Learns how far the log has come. Any event may be shown, of any process, in order.
    fn observe(&mut self, event: &Event);
}
