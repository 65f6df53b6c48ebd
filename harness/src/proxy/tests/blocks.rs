//! What each style does to connections and to those who want one.

use crate::action::{DROPPED_BYTES, HELD_BYTES, REFUSED_CONNECTIONS, RESET_CONNECTIONS};
use std::net::Shutdown;
use std::os::fd::OwnedFd;

use socket2::{Domain, Socket, Type};

use super::*;
use crate::proxy::link::pump::QUEUE_BYTES_MAX;

/// Begins to connect and does not wait.
fn dial(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    let _ = socket.connect(&address.into());
    socket
}

fn is_connected(socket: &Socket) -> bool {
    socket.peer_addr().is_ok()
}

fn into_stream(socket: Socket) -> TcpStream {
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    TcpStream::from(OwnedFd::from(socket))
}

#[test]
fn held_bytes_and_fins_wait_and_go_on_exactly() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    stage.block(Style::Hold);
    send(&mut client, b"hello ");
    send(&mut client, b"there");
    client.shutdown(Shutdown::Write).unwrap();
    send(&mut node, b"hi");
    eventually("13 bytes are held", || stage.effect().count(HELD_BYTES) == 13);
    expect_silence(&mut node);
    expect_silence(&mut client);
    stage.heal();
    expect(&mut node, b"hello there");
    expect_fin(&mut node);
    expect(&mut client, b"hi");
    send(&mut node, b"on we go");
    expect(&mut client, b"on we go");
}

#[test]
fn a_node_that_dies_behind_a_hold_is_missed_only_after_the_heal() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    send(&mut client, b"unread");
    eventually("it is there", || node.peek(&mut [0; 6]).is_ok_and(|bytes| bytes == 6));
    stage.block(Style::Hold);
    send(&mut node, b"last words");
    eventually("they are held", || stage.effect().count(HELD_BYTES) == 10);
    // The kernel resets a connection that is closed with bytes unread, as when its owner is killed.
    drop(node);
    send(&mut client, b"anyone?");
    eventually("that is held", || stage.effect().count(HELD_BYTES) == 17);
    expect_silence(&mut client);
    stage.heal();
    expect(&mut client, b"last words");
    expect_rst(&mut client);
}

#[test]
fn a_hold_is_felt_by_the_sender_and_loses_nothing() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    stage.block(Style::Hold);
    client.set_nonblocking(true).unwrap();
    let mut sent = 0u64;
    let chunk: Vec<u8> = (0..=250).cycle().take(251 * 100).collect();
    let full = |stage: &Stage| stage.effect().count(HELD_BYTES) >= QUEUE_BYTES_MAX as u64;
    eventually("the sender has to wait", || {
        loop {
            let position = (sent % 251) as usize;
            match client.write(&chunk[position..]) {
                Ok(bytes) => sent += bytes as u64,
                Err(_) => return full(&stage),
            }
        }
    });
    stage.heal();
    client.set_nonblocking(false).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    node.read_to_end(&mut received).unwrap();
    assert_eq!(received.len() as u64, sent);
    assert!(received.iter().zip((0..=250).cycle()).all(|(&byte, expected)| byte == expected));
}

#[test]
fn under_hold_a_connect_hangs_and_gets_in_after_the_heal() {
    let stage = Stage::new();
    stage.block(Style::Hold);
    // Until the gate has closed, some get in: they wait inside.
    let unanswered = || stage.proxy.shared.links[&LINK].unanswered();
    let mut early = vec![dial(stage.address())];
    eventually("a SYN was left unanswered", || {
        if is_connected(early.last().unwrap()) {
            early.push(dial(stage.address()));
        }
        unanswered() > 0
    });
    let before = unanswered();
    let caller = dial(stage.address());
    eventually("so is the next one's", || unanswered() > before);
    assert!(!is_connected(&caller));
    assert!(stage.effect().count(REFUSED_CONNECTIONS) > 0);
    stage.heal();
    eventually("the SYN is sent again and answered", || is_connected(&caller));
    drop(early);
    let mut client = into_stream(caller);
    send(&mut client, b"at last");
    loop {
        let (mut node, _) = stage.node.accept().unwrap();
        node.set_read_timeout(Some(LONG)).unwrap();
        let mut text = [0; 7];
        if node.read_exact(&mut text).is_ok() {
            break assert_eq!(&text, b"at last");
        }
    }
}

#[test]
fn reset_resets_both_sides_and_refuses_until_the_heal() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    stage.block(Style::Reset);
    expect_rst(&mut client);
    expect_rst(&mut node);
    eventually("the reset is counted", || stage.effect().count(RESET_CONNECTIONS) == 1);
    eventually("the kernel refuses", || {
        TcpStream::connect(stage.address())
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    assert!(stage.effect().count(REFUSED_CONNECTIONS) >= 1, "the first who came was seen");
    stage.heal();
    eventually("callers are let in", || TcpStream::connect(stage.address()).is_ok());
}

#[test]
fn refuse_leaves_alone_who_is_inside() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    stage.block(Style::Refuse);
    eventually("the kernel refuses", || {
        TcpStream::connect(stage.address())
            .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    send(&mut client, b"inside");
    expect(&mut node, b"inside");
    send(&mut node, b"yes");
    expect(&mut client, b"yes");
    let effect = stage.effect();
    let names: Vec<&String> = effect.0.keys().collect();
    assert_eq!(names, [REFUSED_CONNECTIONS]);
    assert!(effect.is_effective());
}

#[test]
fn a_blackhole_swallows_and_a_stream_with_a_hole_is_reset_at_the_heal() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    let (mut idle_client, mut idle_node) = stage.connect();
    stage.block(Style::Blackhole);
    send(&mut client, b"into the void");
    let mut newcomer = TcpStream::connect(stage.address()).unwrap();
    newcomer.set_read_timeout(Some(LONG)).unwrap();
    send(&mut newcomer, b"me too");
    eventually("all is swallowed", || stage.effect().count(DROPPED_BYTES) == 19);
    assert_eq!(stage.effect().count(REFUSED_CONNECTIONS), 1, "the newcomer");
    for stream in [&mut client, &mut node, &mut newcomer] {
        expect_silence(stream);
    }
    stage.heal();
    for stream in [&mut client, &mut node, &mut newcomer] {
        expect_rst(stream);
    }
    send(&mut idle_client, b"unharmed");
    expect(&mut idle_node, b"unharmed");
}

#[test]
fn one_way_blocks_leave_the_other_way_alone() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    stage.set(clear(), blocked(Style::Hold));
    send(&mut client, b"request");
    expect(&mut node, b"request");
    send(&mut node, b"answer");
    eventually("the answer is held", || stage.effect().count(HELD_BYTES) == 6);
    expect_silence(&mut client);
    stage.heal();
    expect(&mut client, b"answer");

    stage.set(blocked(Style::Blackhole), clear());
    send(&mut node, b"heard");
    expect(&mut client, b"heard");
    send(&mut client, b"unheard");
    eventually("it is swallowed", || stage.effect().count(DROPPED_BYTES) == 7);
    expect_silence(&mut node);
    stage.heal();
    expect_rst(&mut node);
}

#[test]
fn a_reset_that_was_healed_at_once_has_still_happened() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    stage.block(Style::Reset);
    stage.heal();
    expect_rst(&mut client);
    expect_rst(&mut node);
}

#[test]
fn of_two_holds_healing_one_frees_nothing() {
    let stage = Stage::new();
    let (mut client, mut node) = stage.connect();
    let both =
        FlowShape { blocks: vec![(ID, Style::Hold), (OverlayId(8), Style::Hold)], ..clear() };
    stage.set(both.clone(), both);
    send(&mut client, b"a");
    eventually("it is held, by both", || {
        stage.effect().count(HELD_BYTES) == 1
            && stage.proxy.effect(OverlayId(8)).count(HELD_BYTES) == 1
    });
    stage.block(Style::Hold);
    send(&mut client, b"b");
    eventually("that too, by the one left", || stage.effect().count(HELD_BYTES) == 2);
    expect_silence(&mut node);
    assert_eq!(stage.proxy.effect(OverlayId(8)).count(HELD_BYTES), 1);
    stage.heal();
    expect(&mut node, b"ab");
}

#[test]
fn many_connections_heal_at_once_whether_or_not_anybody_reads() {
    let stage = Stage::new();
    let mut pairs: Vec<_> = (0..64).map(|_| stage.connect()).collect();
    // One node side never reads and its buffers are full: it must hold up nobody.
    let (mut stuffed, _deaf) = stage.connect();
    stuffed.set_nonblocking(true).unwrap();
    let chunk = vec![0; 65_536];
    let mut before = 0;
    eventually("nothing more fits", || {
        while stuffed.write(&chunk).is_ok() {}
        let now = stage.proxy.counts(LINK).forward_bytes;
        std::mem::replace(&mut before, now) == now && now > 0
    });
    stage.block(Style::Hold);
    for (client, _) in &mut pairs {
        send(client, b"go");
    }
    eventually("all are held", || stage.effect().count(HELD_BYTES) >= 128);
    for (_, node) in &mut pairs {
        expect_silence(node);
    }
    stage.heal();
    for (_, node) in &mut pairs {
        expect(node, b"go");
    }
}
