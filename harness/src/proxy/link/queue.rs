//! What one direction of a connection has read and not yet written, in order, each piece with the
//! moment from which it may be written.
//! It never reads or writes itself, and never lets a piece overtake another.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::proxy::frames::tally::{Gate, Kept};

/// Bytes, then perhaps an end.
#[derive(Default)]
pub struct Queue {
    segments: VecDeque<Segment>,
    bytes: usize,
    end: Option<(End, Instant)>,
    due_last: Option<Instant>,
    /// Bytes that were to be delivered have been lost.
    hole: bool,
    fin_sent: bool,
}

/// Some bytes that were read together.
pub struct Segment {
    due: Instant,
    bytes: Vec<u8>,
    written: usize,
    kept: Kept,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Fin,
    Rst,
}

impl Queue {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub fn has_end(&self) -> bool {
        self.end.is_some()
    }

    pub fn has_hole(&self) -> bool {
        self.hole
    }

    /// When something may be written that is read now and would like to be at `due`: never before
    /// what came earlier.
    pub fn in_order(&mut self, due: Instant) -> Instant {
        let due = self.due_last.map_or(due, |last| due.max(last));
        self.due_last = Some(due);
        due
    }

    pub fn push(&mut self, bytes: Vec<u8>, due: Instant, kept: Kept) {
        self.bytes += bytes.len();
        self.segments.push_back(Segment { due, bytes, written: 0, kept });
    }

    /// Takes the gates away that are open, of what would be written next.
    pub fn open(&mut self, is_open: impl Fn(&Gate) -> bool) {
        if let Some(segment) = self.segments.front_mut() {
            segment.kept.gates.retain(|gate| !is_open(gate));
        }
    }

    /// What keeps that which would be written next.
    pub fn gate(&self) -> Option<&Gate> {
        self.segments.front()?.kept.gates.first()
    }

    /// Notes that nothing more comes. An RST replaces a FIN, also one that has been sent.
    pub fn end(&mut self, end: End, due: Instant) {
        self.end = Some((end, due));
    }

    /// When there is something to write next. None also while a gate keeps it.
    pub fn due(&self) -> Option<Instant> {
        if self.gate().is_some() {
            return None;
        }
        let end = self.end.filter(|&(end, _)| end == End::Rst || !self.fin_sent);
        self.segments.front().map(|one| one.due).or(end.map(|(_, due)| due))
    }

    pub fn pop_due(&mut self, now: Instant) -> Option<Segment> {
        if self.gate().is_some() || self.segments.front()?.due > now {
            return None;
        }
        let segment = self.segments.pop_front()?;
        self.bytes -= segment.bytes.len();
        Some(segment)
    }

    /// The rest of a segment whose sink takes no more for now.
    pub fn put_back(&mut self, segment: Segment) {
        self.bytes += segment.bytes.len();
        self.segments.push_front(segment);
    }

    /// The end, once nothing is before it and its time has come; a FIN only once.
    pub fn end_due(&mut self, now: Instant) -> Option<End> {
        let (end, due) = self.end?;
        if !self.segments.is_empty() || due > now || (end == End::Fin && self.fin_sent) {
            return None;
        }
        self.fin_sent |= end == End::Fin;
        Some(end)
    }

    /// Leaves out bytes that were to be delivered.
    pub fn lose(&mut self) {
        self.hole = true;
    }

    /// Loses everything that waits, and says how much that was.
    pub fn lose_all(&mut self) -> usize {
        let lost = self.segments.drain(..).map(|one| one.bytes.len() - one.written).sum();
        self.bytes = 0;
        self.hole |= lost > 0;
        lost
    }

    /// Drops what waits for a sink that is gone: nobody is left to miss it.
    pub fn clear(&mut self) {
        self.segments.clear();
        self.bytes = 0;
    }
}

impl Segment {
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    pub fn advance(&mut self, written: usize) {
        self.written += written;
    }
}
