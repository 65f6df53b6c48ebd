//! One direction of one connection: reader, queue of (due time, bytes), writer. While no overlay
//! is on the link, bytes go straight through a shared buffer and nothing is allocated.
//! It never delivers a stream with a hole in it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use socket2::SockRef;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::ending::{Ending, Fate, Way};
use super::queue::{End, Queue};
use super::shape::Passage;
use super::state::{FlowState, LinkState};
use crate::proxy::delay;
use crate::proxy::frames::meddle;
use crate::proxy::frames::overtaken::{Overtaken, Released};
use crate::proxy::frames::reading::Reading;
use crate::proxy::frames::tally::Kept;
use crate::proxy::frames::{Cutter, Piece};

/// Bytes that wait in one direction of one connection before the sender feels it: as much as a
/// kernel would let be in flight, and 20 MB/s at a delay of 50 ms.
pub const QUEUE_BYTES_MAX: usize = 1 << 20;

/// Bytes moved at a time: large enough that a gigabyte costs few system calls, small enough to
/// stay in the second-level cache.
const BUFFER_BYTES: usize = 64 << 10;

thread_local! {
    /// What was read last, by whichever connection: used up before anybody else can run.
    pub static BUFFER: RefCell<Box<[u8]>> =
        RefCell::new(vec![0; BUFFER_BYTES].into_boxed_slice());
}

/// The same where frames are held: as much as our nodes let wait for a peer. Beyond it the sender's
/// frames are not seen on this link, only on its others.
const HELD_BYTES_MAX: usize = 8 << 20;

pub struct Pump<'a> {
    pub way: Way,
    pub source: ReadHalf<'a>,
    pub sink: WriteHalf<'a>,
    pub fate: &'a Fate,
    pub link: watch::Receiver<Arc<LinkState>>,
    /// `LinkState::resets` when the connection began.
    pub resets: u64,
    /// Where delivered bytes are counted.
    pub delivered: &'a AtomicU64,
    /// The link's random stream for this direction.
    pub random: &'a RefCell<ChaCha8Rng>,
    /// Where somebody may look at frames.
    pub reading: Option<Reading>,
    pub cutter: Cutter,
    /// Frames that let others pass.
    pub overtaken: Overtaken,
    pub queue: Queue,
}

enum Wake {
    Changed,
    /// The other pump found our source's socket gone.
    Gone,
    /// So many bytes are in the buffer.
    Read(io::Result<usize>),
    /// It is time to write.
    Write,
}

impl Pump<'_> {
    /// Carries bytes until the connection ends.
    pub async fn run(mut self) -> Ending {
        loop {
            let state = self.link.borrow_and_update().clone();
            if state.resets_since(self.resets) {
                return Ending::Block;
            }
            if let Some(ending) = self.run_under(self.way.of(&state)).await {
                return ending;
            }
        }
    }

    /// Does so until the link's state changes.
    async fn run_under(&mut self, flow: &FlowState) -> Option<Ending> {
        if flow.passage == Passage::Swallow {
            self.let_go(flow);
            flow.count_dropped(self.queue.lose_all());
        } else if self.queue.has_hole() {
            return Some(Ending::Hole);
        }
        let is_on = |overlay| flow.frames.iter().any(|rule| rule.overlay == overlay);
        let lifted = self.overtaken.release(|overlay| !is_on(overlay));
        self.follow(lifted, flow);
        if flow.frames.is_empty() {
            self.give_back(flow);
        }
        loop {
            let late = self.overtaken.release_due(Instant::now());
            self.follow(late, flow);
            if self.has_changed() {
                return None;
            }
            let mut due = None;
            let mut gate = None;
            if flow.passage == Passage::Pass {
                if let Some(ending) = self.flush(flow) {
                    return Some(ending);
                }
                due = self.queue.due();
                gate = self.gate();
            }
            let waits_for_gate = gate.is_some();
            // What is due and still here waits for the sink.
            let waits_for_sink = due.is_some_and(|due| due <= Instant::now());
            let waits_for_time = due.is_some() && !waits_for_sink;
            let overtaken = self.overtaken.due();
            let lets_pass = overtaken.is_some();
            let reads = self.reads(flow);
            let wake = tokio::select! {
                biased;
                changed = self.link.changed() => {
                    changed.expect("the proxy's control outlives its connections");
                    Wake::Changed
                }
                () = self.fate.wake[self.way as usize].notified() => Wake::Gone,
                read = read(&mut self.source), if reads => Wake::Read(read),
                _ = self.sink.writable(), if waits_for_sink => Wake::Write,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if waits_for_time => Wake::Write,
                () = opens(gate), if waits_for_gate => Wake::Write,
                () = sleep_until(overtaken.unwrap_or_else(Instant::now)), if lets_pass => Wake::Write,
            };
            match wake {
                Wake::Changed => return None,
                Wake::Write => {}
                Wake::Gone => self.receive(Err(ErrorKind::ConnectionReset.into()), flow),
                // What was sent after a change meets the change, also when both came between two
                // looks.
                Wake::Read(read) if self.has_changed() => {
                    let state = self.link.borrow().clone();
                    self.receive(read, self.way.of(&state));
                    return None;
                }
                Wake::Read(read) => self.receive(read, flow),
            }
        }
    }

    fn has_changed(&self) -> bool {
        self.link.has_changed().expect("the proxy's control outlives its connections")
    }

    /// Takes what was read; the bytes are in the buffer.
    fn receive(&mut self, read: io::Result<usize>, flow: &FlowState) {
        match read {
            Ok(0) if !self.fate.is_gone(self.way) => self.end(End::Fin, flow),
            Ok(bytes @ 1..) => self.take(bytes, flow),
            Ok(_) | Err(_) => {
                self.fate.gone[self.way as usize].set(true);
                self.end(End::Rst, flow);
            }
        }
    }

    /// Whether to take more from the source. What passes straight is read only when all before it
    /// has been written, so that the sink's slowness reaches the sender.
    fn reads(&self, flow: &FlowState) -> bool {
        let vanishes = flow.passage == Passage::Swallow || self.fate.is_gone(self.way.other());
        let room = if flow.is_straight() {
            self.queue.is_empty()
        } else {
            let most = if flow.frames.is_empty() { QUEUE_BYTES_MAX } else { HELD_BYTES_MAX };
            self.queue.bytes() + self.overtaken.bytes() < most
        };
        !self.queue.has_end() && (vanishes || room)
    }

    /// Does with the first bytes of the buffer what the flow's state asks.
    fn take(&mut self, bytes: usize, flow: &FlowState) {
        if flow.passage == Passage::Swallow {
            flow.count_dropped(bytes);
            self.queue.lose();
            return;
        }
        BUFFER.with_borrow(|buffer| self.send(&buffer[..bytes], flow));
    }

    fn send(&mut self, mut rest: &[u8], flow: &FlowState) {
        if let Some(reading) = self.reading.clone() {
            if !flow.frames.is_empty() {
                return self.send_frames(rest, flow, &reading);
            }
            self.cutter.pass(rest);
        }
        if flow.passage == Passage::Hold {
            flow.count_held(rest.len());
        } else if flow.is_straight() && self.queue.is_empty() {
            while !rest.is_empty() {
                let Some(written) = self.write(rest) else { break };
                rest = &rest[written..];
            }
        }
        if !rest.is_empty() {
            self.enqueue(rest.to_vec(), Kept::default(), flow);
        }
    }

    fn send_frames(&mut self, bytes: &[u8], flow: &FlowState, reading: &Reading) {
        for piece in self.cutter.cut(bytes) {
            match piece {
                Piece::Bytes(bytes) => {
                    self.let_go(flow);
                    self.enqueue(bytes, Kept::default(), flow);
                }
                Piece::Frame(header, bytes) => {
                    let fate = {
                        let mut random = self.random.borrow_mut();
                        meddle::fate(header, &flow.frames, reading, &mut random)
                    };
                    let number = self.overtaken.number();
                    let Some(others) = fate.copies.checked_sub(1) else { continue };
                    for _ in 0..others {
                        self.enqueue(bytes.clone(), Kept::default(), flow);
                    }
                    let released = Released { frame: bytes, kept: fate.kept };
                    match fate.lets_pass.filter(|_| self.overtaken.has_room()) {
                        Some(lets) => self.overtaken.wait(number, released, lets, Instant::now()),
                        None => self.follow(vec![released], flow),
                    }
                    if others > 0 || !self.overtaken.has(number) {
                        let behind = self.overtaken.went(number);
                        self.follow(behind, flow);
                    }
                }
            }
        }
    }

    fn enqueue(&mut self, bytes: Vec<u8>, kept: Kept, flow: &FlowState) {
        if flow.passage == Passage::Hold && !flow.frames.is_empty() {
            flow.count_held(bytes.len());
        }
        if !self.fate.is_gone(self.way.other()) {
            let due = self.due(kept.later, flow);
            self.queue.push(bytes, due, kept);
        }
    }

    /// These have let enough pass.
    fn follow(&mut self, released: Vec<Released>, flow: &FlowState) {
        for one in released {
            self.enqueue(one.frame, one.kept, flow);
        }
    }

    /// Nothing is let past any more.
    fn let_go(&mut self, flow: &FlowState) {
        let released = self.overtaken.release(|_| true);
        self.follow(released, flow);
    }

    /// Nobody looks at frames any more, or no more bytes come: what was kept back goes on.
    fn give_back(&mut self, flow: &FlowState) {
        let bytes = self.cutter.give_back();
        if !bytes.is_empty() {
            self.enqueue(bytes, Kept::default(), flow);
        }
    }

    fn end(&mut self, end: End, flow: &FlowState) {
        self.let_go(flow);
        self.give_back(flow);
        let due = self.due(Duration::ZERO, flow);
        self.queue.end(end, due);
    }

    /// When what is read now may be written, if it is to be so much later than others.
    fn due(&mut self, later: Duration, flow: &FlowState) -> Instant {
        let mut due = Instant::now() + later;
        if !flow.delays.is_empty() {
            let mut random = self.random.borrow_mut();
            due += flow.delays.iter().map(|(delay, _)| delay::draw(delay, &mut *random)).sum();
            flow.count_delayed();
        }
        self.queue.in_order(due)
    }

    /// Takes away what no longer keeps that which would be written next.
    fn open(&mut self, flow: &FlowState) {
        if let Some(reading) = &self.reading {
            self.queue.open(|gate| {
                let lifted = flow.frames.iter().all(|rule| rule.overlay != gate.overlay);
                lifted || gate.beyond.is_some_and(|epoch| reading.is_beyond(epoch))
            });
        }
    }

    /// What keeps that which would be written next, and would open while the link stays as it is.
    fn gate(&self) -> Option<(Reading, u64)> {
        Some((self.reading.clone()?, self.queue.gate()?.beyond?))
    }

    /// Writes what is due, as far as the sink takes it.
    fn flush(&mut self, flow: &FlowState) -> Option<Ending> {
        self.open(flow);
        // Nearly always, and then without looking at the clock.
        self.queue.due()?;
        let now = Instant::now();
        while let Some(mut segment) = self.queue.pop_due(now) {
            while !segment.rest().is_empty() {
                let Some(written) = self.write(segment.rest()) else {
                    if self.fate.is_gone(self.way.other()) {
                        self.queue.clear();
                    } else {
                        self.queue.put_back(segment);
                    }
                    return None;
                };
                segment.advance(written);
            }
            self.open(flow);
        }
        match self.queue.end_due(now)? {
            End::Rst => Some(Ending::Peer),
            End::Fin => {
                self.fate.closed.update(|sides| sides + 1);
                // Fails only if the sink is gone, which its own pump will find.
                let _ = SockRef::from(self.sink.as_ref()).shutdown(Shutdown::Write);
                (self.fate.closed.get() == 2).then_some(Ending::Closed)
            }
        }
    }

    /// Writes what the sink takes at once; None if it takes nothing. If its socket is gone, its
    /// own pump is told: towards us, that is an RST.
    fn write(&self, bytes: &[u8]) -> Option<usize> {
        match self.sink.try_write(bytes) {
            Ok(written) => {
                self.delivered.fetch_add(written as u64, Relaxed);
                Some(written)
            }
            Err(error) => {
                if error.kind() != ErrorKind::WouldBlock {
                    let side = self.way.other();
                    self.fate.gone[side as usize].set(true);
                    self.fate.wake[side as usize].notify_one();
                }
                None
            }
        }
    }
}

/// Waits until a gate opens by itself.
async fn opens(gate: Option<(Reading, u64)>) {
    if let Some((reading, epoch)) = gate {
        reading.beyond(epoch).await;
    }
}

/// Reads into the shared buffer: how much; 0 is a FIN.
async fn read(source: &mut ReadHalf<'_>) -> io::Result<usize> {
    poll_fn(|context| {
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let read = Pin::new(&mut *source).poll_read(context, &mut buffer);
            read.map_ok(|()| buffer.filled().len())
        })
    })
    .await
}
