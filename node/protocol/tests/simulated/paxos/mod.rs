//! Single-decree Paxos: its profiles, its planted bugs, its frames.

mod bugs;
mod codec;
mod flp;
mod sweep;
