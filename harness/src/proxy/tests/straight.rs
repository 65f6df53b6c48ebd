//! What passes when nothing is blocked, fast or slow.

use std::net::Shutdown;

use super::*;
use crate::action::{DELAYED_SEGMENTS, Distribution};
use crate::limits::Shortages;

#[test]
fn bytes_pass_both_ways_and_a_fin_closes_one_way_only() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    send(&mut client, b"ping");
    expect(&mut node, b"ping");
    send(&mut client, b"last");
    client.shutdown(Shutdown::Write).unwrap();
    expect(&mut node, b"last");
    expect_fin(&mut node);
    send(&mut node, b"still answering");
    expect(&mut client, b"still answering");
    drop(node);
    expect_fin(&mut client);
    let counts = stage.proxy.counts(LINK);
    assert_eq!(counts, LinkCounts { connections: 1, forward_bytes: 8, backward_bytes: 15 });
}

#[test]
fn an_rst_passes_as_an_rst_either_way() {
    let stage = Stage::new();
    let (client, mut node) = stage.connect();
    abort(client);
    expect_rst(&mut node);
    let (mut client, node) = stage.connect();
    abort(node);
    expect_rst(&mut client);
}

#[test]
fn an_rst_after_a_fin_passes_too() {
    let stage = Stage::new();
    let (mut client, node) = stage.connect();
    node.shutdown(Shutdown::Write).unwrap();
    expect_fin(&mut client);
    abort(node);
    // What is written to the dead node comes back as an RST, as it would without a proxy.
    eventually("writing fails", || client.write_all(b"x").is_err());
    let (mut client, node) = stage.connect();
    client.shutdown(Shutdown::Write).unwrap();
    abort(node);
    expect_rst(&mut client);
}

#[test]
fn a_stream_larger_than_every_buffer_arrives_whole() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    let bytes: Vec<u8> =
        (0..16_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sent = bytes.clone();
    let sender = std::thread::spawn(move || {
        send(&mut client, &sent);
        client
    });
    let mut received = vec![0; bytes.len()];
    node.read_exact(&mut received).unwrap();
    assert!(received == bytes, "the stream is the same");
    drop(sender.join().unwrap());
    expect_fin(&mut node);
}

#[test]
fn a_node_that_is_not_up_yet_is_waited_for_and_one_that_was_is_soon_missed() {
    let net = RunNet::claim().unwrap();
    let proxy = Proxy::start(&net, &[LINK], 1, &[], &Shortages::default()).unwrap();
    let mut client = TcpStream::connect(net.link(LINK)).unwrap();
    send(&mut client, b"early");
    let node = TcpListener::bind(net.upstream(LINK)).unwrap();
    let (mut accepted, _) = node.accept().unwrap();
    expect(&mut accepted, b"early");
    drop((node, accepted));
    expect_fin(&mut client);

    let start = Instant::now();
    let mut client = TcpStream::connect(net.link(LINK)).unwrap();
    expect_rst(&mut client);
    assert!(start.elapsed() >= Duration::from_millis(200), "a restart is given its chance");
    assert_eq!(proxy.counts(LINK).connections, 1);
}

#[test]
fn nothing_overtakes_anything_whatever_the_jitter() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    let [delay, jitter] = [2, 2].map(Duration::from_millis);
    let slow = Delay { delay, jitter, distribution: Distribution::Uniform };
    stage.set(slowed(slow), slowed(slow));
    let text: Vec<u8> = (0..200u8).collect();
    for byte in text.chunks(1) {
        send(&mut client, byte);
        std::thread::yield_now();
    }
    client.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    node.read_to_end(&mut received).unwrap();
    assert_eq!(received, text);
    assert!(stage.effect().count(DELAYED_SEGMENTS) > 0);
}

#[test]
fn delays_add_and_hold_from_the_first_byte_to_the_fin() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    let [delay, jitter] = [40, 0].map(Duration::from_millis);
    let slow = Delay { delay, jitter, distribution: Distribution::Fixed };
    let delays = vec![(ID, slow), (OverlayId(8), slow)];
    stage.set(FlowShape { delays, ..clear() }, clear());
    // The new state is there before the next byte is read: the pump looks at it first.
    let start = Instant::now();
    send(&mut client, b"slow");
    expect(&mut node, b"slow");
    assert!(start.elapsed() >= 2 * delay);
    let start = Instant::now();
    client.shutdown(Shutdown::Write).unwrap();
    expect_fin(&mut node);
    assert!(start.elapsed() >= 2 * delay);
    let start = Instant::now();
    stage.heal();
    send(&mut node, b"fast again");
    expect(&mut client, b"fast again");
    assert!(start.elapsed() < LONG);
    assert!(
        stage.effect().count(DELAYED_SEGMENTS) > 0
            && stage.proxy.effect(OverlayId(8)).is_effective()
    );
}
