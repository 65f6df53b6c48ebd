//! How many appends a second three real nodes acknowledge, or how many decisions they make, with
//! real fsyncs, beside what the disk alone can do in the same minute.
//!
//! ```text
//! cargo bench -p schism-node                          # 1, 16, 64 and 256 clients, Raft
//! cargo bench -p schism-node -- --clients 64 --seconds 10 --no-evidence
//! cargo bench -p schism-node -- --protocol raft,vsr,zab
//! ```
//!
//! Closed loop: each client has a connection of its own and one append of 100 bytes under way, or
//! one such value proposed for a key of its own. All ask the node that leads; where none ever does,
//! the first. The nodes are child processes: this program again, with `node` as its first word.
//! Absolute figures move by a factor of two with the machine's load, so compare ratios.

#![allow(clippy::print_stdout)] // a table for people is what it is for

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use schism_node::Tables;
use schism_protocol::{PROTOCOLS, ProtocolRow};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

/// Size of a value, as in the published figures of others.
const VALUE_BYTES: usize = 100;
/// What an append of that size takes on the disk.
const RECORD_BYTES: usize = 192;

#[derive(Parser)]
struct Args {
    /// How many clients, one run each
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    clients: Vec<usize>,
    /// How long each run takes
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Which protocols, one after the other
    #[arg(long, value_delimiter = ',', default_value = "raft")]
    protocol: Vec<String>,
    /// Write no trace and no delivered file
    #[arg(long)]
    no_evidence: bool,
    /// Really measure: `cargo bench` says so, `cargo test --all-targets` does not
    #[arg(long)]
    bench: bool,
}

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).peekable();
    if words.next_if(|word| word == "node").is_some() {
        return schism_node::run(words, &Tables::built_in());
    }
    let args = Args::parse();
    if !args.bench {
        println!("nothing is measured without --bench");
        return ExitCode::SUCCESS;
    }
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on the disk");
    let (syncs, sync_p50) = disk_alone(home.path());
    println!(
        "the disk alone, {RECORD_BYTES} bytes a time: {syncs:.0} fdatasyncs/s, p50 {sync_p50:.2?}"
    );
    println!(
        "protocol            clients  served/s   p50        p99        max        per fdatasync alone"
    );
    for protocol in &args.protocol {
        let row = PROTOCOLS.iter().find(|row| row.facts.name == protocol);
        let row = row.unwrap_or_else(|| panic!("no protocol is called {protocol}"));
        for clients in &args.clients {
            let folder = home.path().join(format!("{protocol}-{clients}"));
            let cluster = Cluster::start(&args, row, &folder);
            let asked = cluster.who_serves(row);
            let mut latencies = load(asked, row, *clients, Duration::from_secs(args.seconds));
            latencies.sort_unstable();
            let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
            let rate = latencies.len() as f64 / args.seconds as f64;
            println!(
                "{protocol:18}  {clients:7}  {rate:8.0}   {:<9.2?}  {:<9.2?}  {:<9.2?}  {:.2}",
                at(0.5),
                at(0.99),
                at(1.0),
                rate / syncs
            );
        }
    }
    ExitCode::SUCCESS
}

/// Three nodes; they die with it.
struct Cluster {
    nodes: Vec<Child>,
    clients: Vec<SocketAddr>,
}

impl Cluster {
    fn start(args: &Args, row: &ProtocolRow, folder: &Path) -> Self {
        std::fs::create_dir_all(folder).expect("a folder on the disk");
        let me = std::env::current_exe().expect("a program knows its own path");
        // An address of this process alone: no other benchmark or test has its id in it.
        let [_, a, b, c] = std::process::id().to_be_bytes();
        let address = |port: u16| SocketAddr::from(([127, a | 0x80, b, c], port));
        let (peer, client) = (|n: u16| address(18_100 + n), |n: u16| address(18_200 + n));
        let nodes = (1..=3_u16).map(|n| {
            let others = (1..=3).filter(|other| *other != n);
            let peers: Vec<String> = others.map(|n| format!("n{n}={}", peer(n))).collect();
            let mut node = Command::new(&me);
            let path = |what: &str| folder.join(format!("n{n}{what}")).into_os_string();
            let words: [(&str, OsString); 6] = [
                ("--id", format!("n{n}").into()),
                ("--protocol", row.facts.name.into()),
                ("--listen", peer(n).to_string().into()),
                ("--client", client(n).to_string().into()),
                ("--peers", peers.join(",").into()),
                ("--data", path("")),
            ];
            node.arg("node").args(words.into_iter().flat_map(|(key, word)| [key.into(), word]));
            if !args.no_evidence {
                node.arg("--trace").arg(path(".trace")).arg("--delivered").arg(path(".delivered"));
            }
            node.stdout(Stdio::null()).spawn().expect("this program can be started again")
        });
        Self { nodes: nodes.collect(), clients: (1..=3).map(client).collect() }
    }

    /// The address of the node that leads, once one does; the first that answers where none will.
    fn who_serves(&self, row: &ProtocolRow) -> SocketAddr {
        let wanted = if row.facts.leaderless { "\"ok\"" } else { "\"role\":\"leader\"" };
        loop {
            for address in &self.clients {
                if status(*address).is_some_and(|line| line.contains(wanted)) {
                    return *address;
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

fn status(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"{\"id\":1,\"op\":\"status\"}\n").ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    Some(line)
}

/// The latencies of all requests answered `ok` in this time.
fn load(node: SocketAddr, row: &ProtocolRow, clients: usize, time: Duration) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("an event loop").block_on(async {
        let end = Instant::now() + time;
        let log = row.facts.serves("log");
        let tasks: Vec<_> =
            (0..clients).map(|at| tokio::spawn(one_client(node, log, at, end))).collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.append(&mut task.await.expect("no client panics"));
        }
        latencies
    })
}

async fn one_client(
    node: SocketAddr,
    keeps_log: bool,
    client: usize,
    end: Instant,
) -> Vec<Duration> {
    let stream = tokio::net::TcpStream::connect(node).await.expect("the node listens");
    stream.set_nodelay(true).expect("a connected socket has options");
    let (reader, mut writer) = stream.into_split();
    let mut reader = tokio::io::BufReader::new(reader);
    let (mut latencies, mut answer) = (Vec::new(), String::new());
    for id in 0_u64.. {
        let value = format!("{client:06}-{id:012}-");
        let what = if keeps_log {
            "\"op\":\"append\"".to_owned()
        } else {
            format!("\"op\":\"propose\",\"key\":\"{client}-{id}\"")
        };
        let line = format!(
            "{{\"id\":{id},{what},\"value\":\"{value:x<width$}\"}}\n",
            width = VALUE_BYTES - 2
        );
        let start = Instant::now();
        writer.write_all(line.as_bytes()).await.expect("the node lives");
        answer.clear();
        reader.read_line(&mut answer).await.expect("the node lives");
        let now = Instant::now();
        assert!(answer.contains("\"ok\""), "it serves: {answer}");
        latencies.push(now - start);
        if now >= end {
            break;
        }
    }
    latencies
}

/// What this disk does with nothing round it: fdatasyncs a second, and their median.
fn disk_alone(home: &Path) -> (f64, Duration) {
    let file = File::create(home.join("alone")).expect("a file on the disk");
    let (start, mut latencies) = (Instant::now(), Vec::new());
    while start.elapsed() < Duration::from_secs(2) {
        let before = Instant::now();
        let at = (latencies.len() * RECORD_BYTES) as u64;
        file.write_all_at(&[7; RECORD_BYTES], at).expect("the disk has room");
        file.sync_data().expect("the disk syncs");
        latencies.push(before.elapsed());
    }
    let rate = latencies.len() as f64 / start.elapsed().as_secs_f64();
    latencies.sort_unstable();
    (rate, latencies[latencies.len() / 2])
}
