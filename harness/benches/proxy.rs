//! What the proxy costs: the round trip it adds, the CPU per GiB, and how soon a heal is felt.
//!
//! ```text
//! cargo bench -p schism --bench proxy
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may stop")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use schism::action::{ClientId, Endpoint, HELD_BYTES, Link, NodeId, OverlayId, Style};
use schism::limits::Shortages;
use schism::proxy::{FlowShape, LinkShape, Proxy, RunNet};

const LINK: Link = Link { from: Endpoint::Client(ClientId(0)), to: NodeId(1) };
const GIB: usize = 1 << 30;

fn main() {
    let net = RunNet::claim().unwrap();
    let (proxied, direct) = (net.link(LINK), net.upstream(LINK));
    let node = TcpListener::bind(direct).unwrap();
    let proxy = Proxy::start(&net, &[LINK], 1, &[], &Shortages::default()).unwrap();
    round_trips(&node, [direct, relay(direct), proxied]);
    bulk(&node, direct, proxied);
    heals(&node, proxied, &proxy);
}

fn pair(node: &TcpListener, address: SocketAddr) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(address).unwrap();
    let (node, _) = node.accept().unwrap();
    client.set_nodelay(true).unwrap();
    node.set_nodelay(true).unwrap();
    (client, node)
}

/// The floor of any relay on this machine: two threads that block in read and write.
fn relay(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (caller, _) = listener.accept().unwrap();
        let node = TcpStream::connect(to).unwrap();
        for (mut source, mut sink) in
            [(caller.try_clone().unwrap(), node.try_clone().unwrap()), (node, caller)]
        {
            sink.set_nodelay(true).unwrap();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(bytes @ 1..) = source.read(&mut buffer) {
                    sink.write_all(&buffer[..bytes]).unwrap();
                }
            });
        }
    });
    address
}

/// Medians and 99th percentiles of 20,000 echoes of 64 bytes, the three ways in turns.
fn round_trips(node: &TcpListener, ways: [SocketAddr; 3]) {
    let mut streams = ways.map(|address| {
        let (client, mut echo) = pair(node, address);
        thread::spawn(move || {
            let mut message = [0; 64];
            while echo.read_exact(&mut message).is_ok() && echo.write_all(&message).is_ok() {}
        });
        client
    });
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    let cpu = proxy_cpu();
    for _ in 0..20_000 {
        for (stream, times) in streams.iter_mut().zip(&mut times) {
            let start = Instant::now();
            stream.write_all(&[7; 64]).unwrap();
            stream.read_exact(&mut [0; 64]).unwrap();
            times.push(start.elapsed().as_nanos() as f64 / 1e3);
        }
    }
    let cpu = proxy_cpu().saturating_sub(cpu).as_secs_f64() * 1e6 / 40_000.0;
    for (name, times) in
        ["direct", "through two blocking threads", "proxied"].iter().zip(&mut times)
    {
        times.sort_by(f64::total_cmp);
        let [p50, p99] = [times.len() / 2, times.len() * 99 / 100].map(|at| times[at]);
        println!("round trip of 64 bytes, {name}: p50 {p50:.1} us, p99 {p99:.1} us");
    }
    println!("CPU of the proxy for one message: {cpu:.1} us");
}

/// One connection, one direction, one GiB in writes of 64 KiB.
fn bulk(node: &TcpListener, direct: SocketAddr, proxied: SocketAddr) {
    for (name, address) in [("direct", direct), ("proxied", proxied)] {
        let (mut client, mut node) = pair(node, address);
        let (start, cpu) = (Instant::now(), proxy_cpu());
        let sender = thread::spawn(move || {
            let chunk = vec![7; 64 << 10];
            for _ in 0..GIB / chunk.len() {
                client.write_all(&chunk).unwrap();
            }
        });
        let mut buffer = vec![0; 256 << 10];
        let mut received = 0;
        while received < GIB {
            received += node.read(&mut buffer).unwrap();
        }
        sender.join().unwrap();
        let seconds = start.elapsed().as_secs_f64();
        let cpu = proxy_cpu().saturating_sub(cpu).as_secs_f64();
        println!("1 GiB, {name}: {seconds:.2} s, {cpu:.2} s of the proxy's CPU");
    }
}

/// 100 holds of 64 connections: how long the call takes, and until the last held byte is there;
/// one more connection is stuffed full and never read.
fn heals(node: &TcpListener, proxied: SocketAddr, proxy: &Proxy) {
    let (mut stuffed, _deaf) = pair(node, proxied);
    stuffed.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    while stuffed.write(&[0; 16 << 10]).is_ok() {}
    let mut pairs: Vec<_> = (0..64).map(|_| pair(node, proxied)).collect();
    let mut calls = Vec::new();
    let mut arrivals = Vec::new();
    for round in 0..100 {
        let id = OverlayId(round);
        let blocked = || FlowShape { blocks: vec![(id, Style::Hold)], ..FlowShape::default() };
        proxy.set(LINK, LinkShape { forward: blocked(), backward: blocked() });
        for (client, _) in &mut pairs {
            client.write_all(&[1; 64]).unwrap();
        }
        while proxy.effect(id).count(HELD_BYTES) < 64 * 64 {
            thread::sleep(Duration::from_micros(100));
        }
        let start = Instant::now();
        proxy.set(LINK, LinkShape::default());
        calls.push(start.elapsed().as_nanos() as f64 / 1e3);
        for (_, node) in &mut pairs {
            node.read_exact(&mut [0; 64]).unwrap();
        }
        arrivals.push(start.elapsed().as_nanos() as f64 / 1e3);
    }
    for (name, times) in
        [("the call", &mut calls), ("until the last of 64 is there", &mut arrivals)]
    {
        times.sort_by(f64::total_cmp);
        println!("heal of a hold, {name}: median {:.0} us, worst {:.0} us", times[50], times[99]);
    }
}

/// User and system time of the proxy's thread so far.
fn proxy_cpu() -> Duration {
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap();
        if name.trim() == "proxy" {
            let line = fs::read_to_string(task.path().join("schedstat")).unwrap();
            let running = line.split(' ').next().unwrap().parse().unwrap();
            return Duration::from_nanos(running);
        }
    }
    panic!("the proxy's thread is named");
}
