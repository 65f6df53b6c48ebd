//! What clients asked and were told, and what was broken meanwhile, in the order of real time.

mod event;

pub use event::{Event, Level, Name, Phase, Process, Type, Value};
