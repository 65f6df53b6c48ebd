//! The workloads are built into the binary; a file added to their folder is a reason to build
//! again.
#![allow(clippy::print_stdout)] // how a build script talks to cargo

fn main() {
    println!("cargo:rerun-if-changed=../workloads");
}
