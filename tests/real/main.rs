//! The end-to-end tests that start real processes, on Linux only. They wait for real time, so they
//! are a program of their own.
//!
//! ```text
//! cargo build -p schism --examples && cargo test -p schism --test real
//! ```
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod cleanup;
mod client_program;
mod cut_off;
mod faults;
mod guard;
mod http_client;
mod hunt;
mod init;
mod interposed;
mod life;
mod promote;
mod system_file;
mod toy_consensus;
mod toy_log;
mod toys;
mod trouble;
mod world;
