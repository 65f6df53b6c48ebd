//! The links over real sockets, with the test as the other node.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut(
        messages: Vec<Vec<u8>>,
        piece in 1_usize..40,
    ) {
        let mut wire = Vec::new();
        for message in &messages {
            frame(&mut wire, message);
        }
        let (mut frames, mut buffer, mut seen) = (frames(), BytesMut::new(), Vec::new());
        for part in wire.chunks(piece) {
            buffer.extend_from_slice(part);
            while let Some(message) = frames.decode(&mut buffer).unwrap() {
                seen.push(message.to_vec());
            }
        }
        prop_assert_eq!(seen, messages);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn garbage_never_panics(bytes: Vec<u8>) {
        let (mut frames, mut buffer) = (frames(), BytesMut::from(&bytes[..]));
        while let Ok(Some(message)) = frames.decode(&mut buffer) {
            prop_assert_eq!(read_hello(&message), None);
        }
    }
}

#[test]
fn a_hello_names_its_sender() {
    let bytes = hello(NodeId(2), NodeId(1), 7);
    assert_eq!(read_hello(&bytes), Some((NodeId(2), NodeId(1), 7)));
    assert_eq!(read_hello(&bytes[..bytes.len() - 1]), None);
    let mut large = BytesMut::from(&u32::MAX.to_le_bytes()[..]);
    assert!(frames().decode(&mut large).is_err(), "no frame is so long");
}

fn on_one_thread(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(tokio::runtime::LocalOptions::default());
    runtime.unwrap().block_on(test);
}

/// Node 1 with one peer, n2, which is the test itself.
async fn alone() -> (Rc<Peers>, TcpListener, SocketAddr, Rc<Inbox>) {
    let listen = || TcpListener::bind("127.0.0.1:0");
    let (own, other) = (listen().await.unwrap(), listen().await.unwrap());
    let (address, inbox) = (own.local_addr().unwrap(), Rc::new(Inbox::default()));
    let addresses = BTreeMap::from([(NodeId(2), other.local_addr().unwrap())]);
    let peers = Peers::start(NodeId(1), 7, own, &addresses, Rc::clone(&inbox));
    (peers, other, address, inbox)
}

async fn next(stream: &mut TcpStream) -> Vec<u8> {
    let length = stream.read_u32_le().await.unwrap();
    let mut message = vec![0; length as usize];
    stream.read_exact(&mut message).await.unwrap();
    message
}

#[test]
fn a_peer_that_does_not_read_costs_a_bounded_queue_and_gets_whole_frames() {
    on_one_thread(async {
        let (peers, other, ..) = alone().await;
        let (mut stream, _) = other.accept().await.unwrap();
        assert_eq!(next(&mut stream).await, hello(NodeId(1), NodeId(2), 7));
        for number in 0..64_u8 {
            peers.send(NodeId(2), &vec![number; 1 << 20]);
            peers.flush();
            tokio::task::yield_now().await;
        }
        let link = peers.outgoing[&NodeId(2)].borrow().clone().unwrap();
        assert!(link.waiting_bytes() <= WAITING_BYTES_MAX + (1 << 20));
        assert!(link.waiting_bytes() > WAITING_BYTES_MAX / 2, "the queue had filled up");
        let mut last = None;
        while link.waiting_bytes() > 0 {
            let message = next(&mut stream).await;
            assert_eq!(message, vec![message[0]; 1 << 20]);
            assert!(last < Some(message[0]), "in order, and none twice");
            last = Some(message[0]);
        }
    });
}

#[test]
fn after_a_break_a_new_connection_begins_and_brings_nothing_old() {
    on_one_thread(async {
        let (peers, other, ..) = alone().await;
        let (mut stream, _) = other.accept().await.unwrap();
        next(&mut stream).await;
        drop(stream);
        let (mut stream, _) = other.accept().await.unwrap();
        assert_eq!(next(&mut stream).await, hello(NodeId(1), NodeId(2), 7));
        peers.send(NodeId(2), b"new");
        peers.flush();
        assert_eq!(next(&mut stream).await, b"new");
    });
}

#[test]
fn the_newest_connection_of_a_sender_counts_and_strangers_do_not() {
    on_one_thread(async {
        let (_peers, _other, address, inbox) = alone().await;
        let connect = async |hello: Vec<u8>, message: &[u8]| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut bytes = Vec::new();
            frame(&mut bytes, &hello);
            frame(&mut bytes, message);
            tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await.unwrap();
            stream
        };
        // Not a member; not for us; no hello at all.
        for hello in
            [hello(NodeId(3), NodeId(1), 1), hello(NodeId(2), NodeId(3), 1), b"message".to_vec()]
        {
            let mut stream = connect(hello, b"strange").await;
            assert!(!matches!(stream.read(&mut [0]).await, Ok(1..)), "it is closed");
        }
        let mut older = connect(hello(NodeId(2), NodeId(1), 1), b"one").await;
        inbox.bell().notified().await;
        let mut newer = connect(hello(NodeId(2), NodeId(1), 2), b"two").await;
        assert!(!matches!(older.read(&mut [0]).await, Ok(1..)), "it is closed");
        let mut wire = Vec::new();
        frame(&mut wire, b"three");
        tokio::io::AsyncWriteExt::write_all(&mut newer, &wire).await.unwrap();
        let (mut seen, mut taken) = (Vec::new(), Vec::new());
        while seen.len() < 3 {
            inbox.take(&mut taken);
            for arrived in taken.drain(..) {
                let Arrived::Message { from, message } = arrived else { panic!("no client") };
                assert_eq!(from, NodeId(2));
                seen.push(message);
            }
            if seen.len() < 3 {
                inbox.bell().notified().await;
            }
        }
        assert_eq!(seen, ["one", "two", "three"]);
    });
}
