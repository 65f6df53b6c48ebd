//! Frames between nodes, met one by one.

use schism_facts::{FramePart, FrameRow};

use super::*;
use crate::action::{
    DROPPED_FRAMES, DUPLICATED_FRAMES, FrameFate, HELD_EPOCHS, HELD_FRAMES, LONGEST_HOLD_MS,
    Meddling, REORDERED_FRAMES, Until,
};
use crate::limits::Shortages;

const N: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
const ASK: u8 = 1;
const VOTE: u8 = 3;
const APPEND: u8 = 5;

/// Three nodes; each link between them is dialled by the test in the name of its first end.
struct Cluster {
    proxy: Proxy,
    nodes: Vec<TcpListener>,
    net: RunNet,
}

const KINDS: &[FrameRow] = &[
    FrameRow { kind: ASK, name: "ask", part: FramePart::Asks },
    FrameRow { kind: VOTE, name: "vote", part: FramePart::Moves },
    FrameRow { kind: APPEND, name: "append", part: FramePart::Decides },
];

fn frame(kind: u8, epoch: u64, body: &[u8]) -> Vec<u8> {
    let length = (9 + body.len()) as u32;
    [&length.to_le_bytes(), &[kind][..], &epoch.to_le_bytes(), body].concat()
}

impl Cluster {
    fn new() -> Cluster {
        let net = RunNet::claim().unwrap();
        let nodes = N.map(|node| TcpListener::bind(net.peer(node)).unwrap()).into();
        let proxy = Proxy::start(&net, &all_links(3, 0), 1, KINDS, &Shortages::default()).unwrap();
        Cluster { proxy, nodes, net }
    }

    /// Both ends of a new connection.
    fn connect(&self, from: u8, to: u8) -> (TcpStream, TcpStream) {
        let sender = TcpStream::connect(self.net.peer_link(NodeId(from), NodeId(to))).unwrap();
        let (receiver, _) = self.nodes[usize::from(to) - 1].accept().unwrap();
        for stream in [&sender, &receiver] {
            stream.set_read_timeout(Some(LONG)).unwrap();
            stream.set_nodelay(true).unwrap();
        }
        (sender, receiver)
    }

    /// Puts this on every link, or takes everything off.
    fn meddle(&self, kind: &str, what: Option<FrameFate>) {
        let meddling = |what| Meddling { kind: kind.into(), probability: 1.0, what };
        let frames: Vec<_> = what.map(|what| (ID, meddling(what))).into_iter().collect();
        let flow = FlowShape { frames, ..clear() };
        for link in all_links(3, 0) {
            let (forward, backward) = (flow.clone(), flow.clone());
            self.proxy.set(link, LinkShape { forward, backward });
        }
    }

    fn held(&self) -> u64 {
        self.proxy.effect(ID).count(HELD_FRAMES)
    }

    fn holds(&self, frames: u64) {
        eventually("frames are held", || self.held() == frames);
    }
}

const ADAPTIVE: FrameFate = FrameFate::Hold(Until::Moved);

#[test]
fn what_decides_waits_until_its_receiver_has_moved_beyond_its_epoch() {
    let cluster = Cluster::new();
    cluster.meddle("decides", Some(ADAPTIVE));
    let (mut one_two, mut at_two) = cluster.connect(1, 2);
    let (mut two_three, mut at_three) = cluster.connect(2, 3);
    send(&mut one_two, &frame(VOTE, 4, b"first"));
    expect(&mut at_two, &frame(VOTE, 4, b"first"));
    send(&mut one_two, &frame(APPEND, 4, b"entry"));
    send(&mut one_two, &frame(VOTE, 4, b"behind"));
    cluster.holds(1);
    // Of the same epoch, and of a greater one that is only asked about: neither shows a move.
    for shows_nothing in [frame(VOTE, 4, b""), frame(ASK, 9, b"")] {
        send(&mut two_three, &shows_nothing);
        expect(&mut at_three, &shows_nothing);
        expect_silence(&mut at_two);
    }
    send(&mut two_three, &frame(VOTE, 5, b""));
    expect(&mut at_two, &frame(APPEND, 4, b"entry"));
    expect(&mut at_two, &frame(VOTE, 4, b"behind"));
    // It has moved on: the past decides nothing, so it is not held.
    send(&mut one_two, &frame(APPEND, 4, b"late"));
    expect(&mut at_two, &frame(APPEND, 4, b"late"));
    send(&mut one_two, &frame(APPEND, 5, b"next"));
    cluster.holds(2);
    expect_silence(&mut at_two);
    assert_eq!(cluster.proxy.effect(ID).count(HELD_EPOCHS), 2);
    cluster.meddle("decides", None);
    expect(&mut at_two, &frame(APPEND, 5, b"next"));
    drop(one_two);
    expect_fin(&mut at_two);
}

#[test]
fn a_frame_that_is_itself_held_shows_that_its_sender_moved() {
    let cluster = Cluster::new();
    cluster.meddle("decides", Some(ADAPTIVE));
    let (mut one_two, mut at_two) = cluster.connect(1, 2);
    let (mut two_one, mut at_one) = cluster.connect(2, 1);
    send(&mut two_one, &frame(APPEND, 3, b"two's"));
    cluster.holds(1);
    send(&mut one_two, &frame(APPEND, 2, b"one's"));
    expect(&mut at_two, &frame(APPEND, 2, b"one's"));
    expect_silence(&mut at_one);
    // Stuck behind a held one, it has all the same left its sender.
    send(&mut one_two, &frame(APPEND, 4, b""));
    cluster.holds(2);
    send(&mut one_two, &frame(VOTE, 6, b""));
    expect(&mut at_one, &frame(APPEND, 3, b"two's"));
}

#[test]
fn the_place_in_a_stream_is_known_whenever_somebody_begins_to_look() {
    let cluster = Cluster::new();
    let (mut sender, mut receiver) = cluster.connect(1, 2);
    let append = frame(APPEND, 1, b"cut");
    for cut in 0..append.len() {
        let before = frame(VOTE, 1, &[7; 3]);
        send(&mut sender, &before);
        send(&mut sender, &append[..cut]);
        expect(&mut receiver, &before);
        expect(&mut receiver, &append[..cut]);
        let held = cluster.held();
        cluster.meddle("decides", Some(ADAPTIVE));
        send(&mut sender, &append[cut..]);
        if cut == 0 {
            cluster.holds(held + 1);
        } else {
            // Its beginning had passed: the rest follows, and the next one is met.
            expect(&mut receiver, &append[cut..]);
            send(&mut sender, &append);
            cluster.holds(held + 1);
        }
        // Half a frame is kept back, and goes on where nobody looks any more.
        send(&mut sender, &before[..cut.min(before.len())]);
        cluster.meddle("decides", None);
        expect(&mut receiver, &append);
        expect(&mut receiver, &before[..cut.min(before.len())]);
        send(&mut sender, &before[cut.min(before.len())..]);
        expect(&mut receiver, &before[cut.min(before.len())..]);
    }
}

#[test]
fn a_new_connection_starts_with_a_new_frame_and_an_old_one_keeps_what_it_held() {
    let cluster = Cluster::new();
    cluster.meddle("append", Some(FrameFate::Hold(Until::Heal)));
    let (mut first, mut at_first) = cluster.connect(1, 2);
    send(&mut first, &frame(APPEND, 1, b"held"));
    send(&mut first, &frame(APPEND, 1, b"cut off")[..6]);
    cluster.holds(1);
    drop(first);
    let (mut second, mut at_second) = cluster.connect(1, 2);
    send(&mut second, &frame(VOTE, 1, b"new"));
    expect(&mut at_second, &frame(VOTE, 1, b"new"));
    expect_silence(&mut at_first);
    cluster.meddle("append", None);
    expect(&mut at_first, &frame(APPEND, 1, b"held"));
    expect(&mut at_first, &frame(APPEND, 1, b"cut off")[..6]);
    expect_fin(&mut at_first);
}

#[test]
fn frames_are_dropped_doubled_and_delayed() {
    let cluster = Cluster::new();
    let (mut sender, mut receiver) = cluster.connect(1, 2);
    let sends = |sender: &mut TcpStream| {
        send(sender, &frame(APPEND, 1, b"meddled"));
        send(sender, &frame(VOTE, 1, b"next"));
    };
    let (append, vote) = (frame(APPEND, 1, b"meddled"), frame(VOTE, 1, b"next"));
    cluster.meddle("append", Some(FrameFate::Drop));
    sends(&mut sender);
    expect(&mut receiver, &vote);
    cluster.meddle("append", Some(FrameFate::Duplicate));
    sends(&mut sender);
    expect(&mut receiver, &[&append[..], &append, &vote].concat());
    let delay = Duration::from_millis(30);
    let by = Delay { delay, jitter: Duration::ZERO, distribution: Distribution::Fixed };
    cluster.meddle("append", Some(FrameFate::Hold(Until::Delay(by))));
    let since = Instant::now();
    sends(&mut sender);
    expect(&mut receiver, &[&append[..], &vote].concat());
    assert!(since.elapsed() >= delay);
    let effect = cluster.proxy.effect(ID);
    assert_eq!(
        (effect.count(DROPPED_FRAMES), effect.count(DUPLICATED_FRAMES), effect.count(HELD_FRAMES)),
        (1, 1, 1)
    );
    assert!(effect.count(LONGEST_HOLD_MS) >= 30);
}

/// The names of the next `count` frames of this length, in the order in which they come.
fn names(stream: &mut TcpStream, count: usize, name: usize) -> Vec<String> {
    let mut next = || {
        let mut bytes = vec![0; 4 + 9 + name];
        stream.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes.split_off(4 + 9)).unwrap()
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn reordered_frames_are_let_past_and_none_is_lost() {
    let cluster = Cluster::new();
    let (mut sender, mut receiver) = cluster.connect(1, 2);
    cluster.meddle("append", Some(FrameFate::Reorder));
    // One that waits, and enough that pass it: at most four do.
    send(&mut sender, &frame(APPEND, 1, b"late"));
    let others = ["p001", "p002", "p003", "p004", "p005"];
    for name in others {
        send(&mut sender, &frame(VOTE, 1, name.as_bytes()));
    }
    let come = names(&mut receiver, 6, 4);
    let place = come.iter().position(|name| name == "late").unwrap();
    assert!((1..=4).contains(&place), "{come:?}");
    let rest: Vec<&String> = come.iter().filter(|name| *name != "late").collect();
    assert_eq!(rest, others, "the others keep their order");
    assert_eq!(cluster.proxy.effect(ID).count(REORDERED_FRAMES), 1);
    // Where all are to wait, all come, and some in another order.
    cluster.meddle("any", Some(FrameFate::Reorder));
    let sent: Vec<String> = (0..200).map(|number| format!("{number:04}")).collect();
    for name in &sent {
        send(&mut sender, &frame(APPEND, 1, name.as_bytes()));
    }
    let come = names(&mut receiver, sent.len(), 4);
    assert_ne!(come, sent);
    let mut sorted = come.clone();
    sorted.sort();
    assert_eq!(sorted, sent, "each came once");
}

#[test]
fn nothing_waits_longer_for_others_than_a_while_or_the_heal() {
    let cluster = Cluster::new();
    let (mut sender, mut receiver) = cluster.connect(1, 2);
    cluster.meddle("append", Some(FrameFate::Reorder));
    let since = Instant::now();
    send(&mut sender, &frame(APPEND, 1, b"alone"));
    expect(&mut receiver, &frame(APPEND, 1, b"alone"));
    assert!(since.elapsed() >= Duration::from_millis(200), "something could have followed");
    assert_eq!(cluster.proxy.effect(ID).count(REORDERED_FRAMES), 0, "nothing was out of order");
    // A heal, and the end of the stream, end the wait; half a frame behind it stays behind it.
    for ends in [false, true] {
        send(&mut sender, &frame(APPEND, 1, b"first"));
        send(&mut sender, &frame(VOTE, 1, b"second")[..7]);
        if ends {
            drop(sender);
            expect(&mut receiver, &frame(APPEND, 1, b"first"));
            expect(&mut receiver, &frame(VOTE, 1, b"second")[..7]);
            return expect_fin(&mut receiver);
        }
        cluster.meddle("append", None);
        expect(&mut receiver, &frame(APPEND, 1, b"first"));
        send(&mut sender, &frame(VOTE, 1, b"second")[7..]);
        expect(&mut receiver, &frame(VOTE, 1, b"second"));
        cluster.meddle("append", Some(FrameFate::Reorder));
    }
}

#[test]
fn what_is_no_frame_passes_untouched() {
    let cluster = Cluster::new();
    cluster.meddle("any", Some(FrameFate::Drop));
    let (mut sender, mut receiver) = cluster.connect(1, 2);
    send(&mut sender, &frame(77, 1, b"of no known kind"));
    expect(&mut receiver, &frame(77, 1, b"of no known kind"));
    send(&mut sender, b"GET / HTTP/1.1\r\n\r\n");
    expect(&mut receiver, b"GET / HTTP/1.1\r\n\r\n");
}
